"""Compare ways to score a study, each with thresholds chosen without the source that they are rated on.

A study's score is computed by `core.evaluation.score_study` alone; this table says why it is as it is. Scores
that need the order of slices take them in the order of the data set where positions are unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.evaluation import (
    ASSUMED_SPACING_MM,
    SHARPNESS,
    Score,
    Source,
    auroc,
    leave_each_out,
    measure_widths,
    patient_level,
    score_study,
)

Floats = NDArray[np.float64]

TABLE = "study_scores.csv"
_NEIGHBORS_MM = 15.0
_FIFTH = 0.2


class Way(NamedTuple):
    """A way to score a study: its title, its function, and why it cannot be chosen ("" if it can)."""

    title: str
    score: Score
    fault: str = ""


def _widths(values: Floats, positions_mm: Floats) -> Floats:
    if np.isnan(positions_mm).any():
        return np.full(values.size, ASSUMED_SPACING_MM)
    return measure_widths(positions_mm)


def _top(values: Floats, positions_mm: Floats, height_mm: float) -> float:
    """Return the mean over the `height_mm` with the highest probabilities."""
    order = np.argsort(-values, kind="stable")
    ends = np.minimum(_widths(values, positions_mm)[order].cumsum(), height_mm)
    weights = np.diff(ends, prepend=0.0)
    return float((weights * values[order]).sum() / weights.sum())


def _slide(values: Floats, positions_mm: Floats) -> list[NDArray[np.intp]]:
    """Return the rows of each window of neighbors; all rows if they span less than it."""
    n = values.size
    known = not np.isnan(positions_mm).any()
    order = np.argsort(positions_mm, kind="stable") if known else np.arange(n)
    ends = _widths(values, positions_mm)[order].cumsum()
    starts = ends - _widths(values, positions_mm)[order]
    windows = [
        order[(starts >= start - 1e-6) & (ends <= start + _NEIGHBORS_MM + 1e-6)]
        for start in starts
        if start + _NEIGHBORS_MM <= ends[-1] + 1e-6
    ]
    return [window for window in windows if window.size] or [order]


def _join(values: Floats, positions_mm: Floats) -> float:
    """Return the highest probability that any 5 mm of a window of neighbors shows it, as if independent."""
    spared = np.log1p(-np.clip(values, 0, 1 - 1e-9)) * _widths(values, positions_mm) / ASSUMED_SPACING_MM
    return float(1 - np.exp(min(spared[window].sum() for window in _slide(values, positions_mm))))


_ORDER = "needs the order of the slices, which pictures and the slices of some sets lack"
_SUMS = "adds up slices without a finding: a longer scan scores higher"
WAYS: dict[str, Way] = {
    "mean": Way("mean over the brain", lambda p, at: float(np.average(p, weights=_widths(p, at))),
                "a small finding is lost among many slices"),
    "fifth": Way("mean of the highest fifth",
                 lambda p, at: _top(p, at, max(_FIFTH * _widths(p, at).sum(), 1e-9)),
                 "depends on how much of the head was scanned"),
    "highest_10_mm": Way("mean of the highest 10 mm", lambda p, at: _top(p, at, 10)),
    "highest_15_mm": Way("mean of the highest 15 mm", lambda p, at: _top(p, at, 15)),
    "highest_20_mm": Way("mean of the highest 20 mm", lambda p, at: _top(p, at, 20)),
    "neighbors": Way(f"highest mean of neighbors within {_NEIGHBORS_MM:.0f} mm",
                     lambda p, at: max(float(p[window].mean()) for window in _slide(p, at)), _ORDER),
    "noisy_or": Way(f"noisy-or of neighbors within {_NEIGHBORS_MM:.0f} mm", _join, _ORDER),
    "soft_1": Way("soft maximum, sharpness 1", lambda p, at: score_study(p, at, sharpness=1), _SUMS),
    "soft_2": Way("soft maximum, sharpness 2", lambda p, at: score_study(p, at, sharpness=2)),
    "soft_3": Way("soft maximum, sharpness 3", lambda p, at: score_study(p, at, sharpness=3)),
    "soft_4": Way("soft maximum, sharpness 4", lambda p, at: score_study(p, at, sharpness=4)),
    "maximum": Way("maximum", lambda p, at: float(p.max()), "more and thinner slices score higher"),
}  # fmt: skip
SERVED = f"soft_{SHARPNESS:g}"


def compare_scores(
    tables: Mapping[str, pd.DataFrame], scored: Mapping[str, pd.DataFrame], frameworks: tuple[str, ...]
) -> pd.DataFrame:
    """Return the table study_scores.csv of `core.experiments.OPTIONAL_TABLES`.

    Args:
        tables: name of each source -> its slices with calibrated probabilities, see `patient_level`; a column
            "fold" says that a patient counts once for each fold.
        scored: slices that are rated in place of those of `tables`, for some sources.
        frameworks: the columns of probabilities.
    """
    rows: list[dict[str, Any]] = []
    for key, way in WAYS.items():
        for framework in frameworks:
            sources = {name: score_source(table, framework, way.score) for name, table in tables.items()}
            rated = {name: score_source(table, framework, way.score) for name, table in scored.items()}
            for name, found in leave_each_out(sources, rated).items():
                own = rated.get(name, sources[name])
                both = own.positive.any() and not own.positive.all()
                rows.append(
                    {
                        "score": key,
                        "title": way.title,
                        "fault": way.fault,
                        "chosen": int(key == SERVED),
                        "framework": framework,
                        "left_out": name,
                        "n": own.positive.size,
                        "positives": int(own.positive.sum()),
                        "auroc": auroc(own.positive, own.score) if both else None,
                        **{one: found.get(one) for one in ("threshold", "recall", "specificity")},
                        "balanced_accuracy": found.get("balanced_accuracy"),
                    }
                )
    return pd.DataFrame(rows)


def score_source(table: pd.DataFrame, framework: str, score: Score = score_study) -> Source:
    """Return the studies of one source with their scores."""
    labels, scores, _ = patient_level(table, framework, by_fold="fold" in table.columns, score=score)
    return Source(labels == 1, scores)
