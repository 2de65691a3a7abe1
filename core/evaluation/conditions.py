"""Ranking within groups of slices (subgroups), and on perturbed slices (robustness).

Both need tables that are measured after the training: properties.csv and robustness.csv (see
core.experiments). `complete_record` adds them to a record of core.evaluation.summary, as the parts
"subgroups" and "robustness" of each LEVEL, and the figures of each source (core.evaluation.by_source) as
"by_source". They are separate because resampling the groups takes time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from core.errors import EvaluationError
from core.evaluation.by_source import BySource, measure_sources
from core.evaluation.intervals import without_value
from core.evaluation.levels import LEVELS
from core.evaluation.measures import list_keys
from core.evaluation.patients import Names, unit_names
from core.evaluation.subgroups import measure_subgroups, name_thirds

if TYPE_CHECKING:
    import pandas as pd

HEAD_REGIONS = ("base", "middle", "vertex")
BRIGHTNESS = ("dark", "medium", "bright")
_OF_SLICES = "place in the head and brightness belong to a slice, not to a patient"


class Measured(BySource, Protocol):
    """The parts of an experiment used here."""

    @property
    def name(self) -> str: ...

    def properties(self) -> pd.DataFrame | None: ...

    def robustness(self) -> pd.DataFrame | None: ...


def complete_record(record: Mapping[str, Any], experiment: Measured) -> dict[str, Any]:
    """Return the record of an experiment with "by_source", and "subgroups" and "robustness" in each LEVEL.

    Args:
        record: from core.evaluation.summary; it is not changed. Groups use its number of resamples and seed.
        experiment: the experiment of the record.

    Raises:
        EvaluationError: see `subgroups_of`.
        ExperimentError: a table cannot be read.
    """
    interval = record["interval"]
    groups = subgroups_of(experiment, n_resamples=interval["n_resamples"], seed=interval["seed"])
    changed = robustness_of(experiment)
    models = {
        framework: {
            level: {**levels[level], "subgroups": groups[framework][level],
                    "robustness": changed[framework][level]}
            for level in LEVELS
        }
        for framework, levels in record["models"].items()
    }  # fmt: skip
    by_source = measure_sources(experiment, interval["n_resamples"], interval["seed"])
    return {**record, "models": models, "by_source": by_source}


def subgroups_of(
    experiment: Measured, *, n_resamples: int = 2000, seed: int = 0
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return {framework: {"slice": {"level": [GROUP], "brightness": [GROUP]}, "patient": {"reason"}}}.

    A GROUP is a record of core.evaluation.subgroups of held-out slices with calibrated probabilities. "level"
    groups by third of the head (HEAD_REGIONS), "brightness" by third of all held-out slices (BRIGHTNESS).
    A slice of unknown position or brightness is in no group. If not measured, {"reason"} replaces both lists.

    Raises:
        EvaluationError: the table of properties names a slice twice.
    """
    properties = experiment.properties()
    if properties is None:
        return _nothing_measured(experiment)
    table = experiment.calibrated_predictions()
    table = table[table["part"] == "test"]
    members = group_slices(table["file"], properties)
    labels, patients = table["label"].to_numpy(), unit_names(table)
    return {
        framework: {
            "slice": {
                kind: measure_subgroups(
                    labels, table[framework].to_numpy(), patients, names, order=order,
                    n_resamples=n_resamples, seed=seed,
                )
                for kind, (names, order) in members.items()
            },
            "patient": {"reason": _OF_SLICES},
        }
        for framework in experiment.frameworks
    }  # fmt: skip


def group_slices(files: pd.Series[str], properties: pd.DataFrame) -> dict[str, tuple[Names, tuple[str, ...]]]:
    """Return for "level" and "brightness" the group (n,) of each slice, "" if unknown, and all group names.

    Args:
        files: (n,) file names of the slices.
        properties: the table properties.csv of core.experiments.

    Raises:
        EvaluationError: the table names a slice twice.
    """
    if properties["file"].duplicated().any():
        raise EvaluationError(
            "the table of properties names a slice twice",
            found=f"{int(properties['file'].duplicated().sum()):,} repeated rows",
        )
    known = properties.set_index("file").reindex(files)
    return {
        "level": (known["level"].fillna("").to_numpy(dtype=str), HEAD_REGIONS),
        "brightness": (name_thirds(known["brightness"].to_numpy(dtype=float), BRIGHTNESS), BRIGHTNESS),
    }


def robustness_of(experiment: Measured) -> dict[str, dict[str, dict[str, Any]]]:
    """Return {framework: {level: {"conditions": [CONDITION, ...]}}}, the unchanged slices first.

    A CONDITION is {"perturbation", "amount": see core.imaging.perturbations, "n": rows measured, "auroc",
    "average_precision": FIGUREs}. If not measured, {"reason"} replaces "conditions".
    """
    table = experiment.robustness()
    if table is None:
        return _nothing_measured(experiment)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for framework in experiment.frameworks:
        found[framework] = {}
        for level in LEVELS:
            own = table[(table["framework"] == framework) & (table["level"] == level)]
            rows = [_read_condition(row) for row in own.to_dict("records")]
            found[framework][level] = (
                {"conditions": rows} if rows else {"reason": f"nothing was measured per {level}"}
            )
    return found


def list_columns(name: str, figure: Mapping[str, Any]) -> dict[str, Any]:
    """Return a FIGURE as columns of robustness.csv: value, interval and reason.

    >>> list_columns("auroc", {"value": 0.8, "interval": [0.7, 0.9]})
    {'auroc': 0.8, 'auroc_low': 0.7, 'auroc_high': 0.9, 'auroc_reason': ''}
    """
    low, high = figure["interval"] or (None, None)
    reason = figure.get("reason", "")
    return {name: figure["value"], f"{name}_low": low, f"{name}_high": high, f"{name}_reason": reason}


def _read_condition(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "perturbation": str(row["perturbation"]),
        "amount": float(row["amount"]),
        "n": int(row["n"]),
        **{name: _read_figure(row, name) for name in list_keys("ranking")},
    }


def _read_figure(row: Mapping[Any, Any], name: str) -> dict[str, Any]:
    """Return the FIGURE that `list_columns` wrote; older tables have no intervals."""
    value, low, high = (_number(row.get(f"{name}{part}")) for part in ("", "_low", "_high"))
    reason = str(row.get(f"{name}_reason", ""))
    if value is None:
        return without_value(reason or "it could not be estimated")
    if low is None or high is None:
        return {"value": value, "interval": None, "reason": reason or "no interval was measured"}
    return {"value": value, "interval": [low, high]}


def _number(value: float | None) -> float | None:
    """Return None for NaN (an empty cell) too."""
    return None if value is None or value != value else float(value)


def _nothing_measured(experiment: Measured) -> dict[str, dict[str, dict[str, Any]]]:
    reason = f"not measured for this experiment; measure it with: stroke-ct robustness {experiment.name}"
    return {framework: {level: {"reason": reason} for level in LEVELS} for framework in experiment.frameworks}
