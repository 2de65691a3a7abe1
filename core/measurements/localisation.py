"""Heat maps measured against outlines of lesions: where the networks look.

Each slice that shows the finding and has an outline is read by networks that never saw it. The strongest cell
of its heat map, among those inside the head, counts as a hit in two ways: it is a cell of the lesion or
touches one, or its middle lies in the outline widened by 4 % of the frame. Chance is the share of the
head's cells that would be hits. A map without any heat is a miss.

The cells of the lesion are compared with the others of the same slice, and AUROC is averaged over slices:
some architectures divide each heat map by its own maximum. A second figure pools the cells of all slices on
the one scale on which heat maps are shown (`core.imaging.scale_heat`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import DatasetError
from core.evaluation import Bootstrap, auroc, ranking_statistic
from core.experiments import OPTIONAL_TABLES, Experiment, add_files
from core.imaging import divide_into_cells, frame_outline, scale_heat, to_frame
from core.measurements.unseen_slices import (
    UnseenReader,
    average,
    group_parts,
    list_slices,
    read_all,
    read_pictures,
    spread_figure,
)

if TYPE_CHECKING:
    from core.datasets import Dataset, Progress

LOCALISATION_TABLE = "localisation.csv"
_CHANCE_OF_RANKS = 0.5


class Measure(NamedTuple):
    """A measure of the table: its title, whether it is a share, and what it means."""

    title: str
    is_share: bool
    detail: str


MEASURES = {
    "beside": Measure(
        "strongest place in or beside the lesion",
        True,
        "the strongest square of the heat map is at least 30 % lesion, or touches such a square",
    ),
    "widened": Measure(
        "strongest place in the widened outline",
        True,
        "the middle of the strongest square lies in the outline, widened by 4 % of the frame",
    ),
    "cells": Measure(
        "squares of the heat map on the lesion against the others of the head, within a slice",
        False,
        "AUROC, averaged over slices",
    ),
    "pooled": Measure(
        "squares on the lesion against the others of the head, all slices together",
        False,
        "AUROC on the one scale on which heat maps are shown",
    ),
}


@dataclass(frozen=True, eq=False)
class Look:
    """One heat map against its outline.

    Attributes:
        hits: "beside", "widened" -> whether the strongest cell is a hit.
        chances: likewise, the share of the head's cells that would be hits.
        area: AUROC of the lesion's cells against the head's others; NaN if there are none of a kind.
        lesion, others: (k,), (m,) the shown heat of these cells, in [0, 1].
    """

    hits: dict[str, bool]
    chances: dict[str, float]
    area: float
    lesion: NDArray[np.float64]
    others: NDArray[np.float64]


def measure_localisation(
    experiment: Experiment, datasets: Sequence[Dataset], on_progress: Progress | None = None
) -> pd.DataFrame:
    """Compute the table localisation.csv of `core.experiments.OPTIONAL_TABLES`; this takes minutes.

    Args:
        experiment: its networks are used.
        datasets: with outlines; slices that the networks learned from are left out.
        on_progress: called as on_progress(slices read, slices to read).

    Returns:
        A row for each of MEASURES, source, part and framework.

    Raises:
        DatasetError: no slice that shows the finding has an outline.
        ScanError: a file or its outline has vanished, is damaged, or is empty.
        ExperimentError: a network is missing or damaged.
    """
    rows = list_slices(experiment, datasets)
    rows = rows[rows["masked"]].reset_index(drop=True)
    if rows.empty:
        raise DatasetError(
            f"No slice with {experiment.finding} has an outline",
            found="no outline of a slice that the networks did not learn from",
            remedy="give a manifest with the column 'mask'",
        )
    reader = UnseenReader(experiment)

    def look(row: Any) -> dict[str, Look]:
        pictures = read_pictures(experiment, datasets[row.place], row.file)
        assert pictures.outline is not None
        frame = to_frame(pictures.pixels, experiment.recipe)
        outline = frame_outline(pictures.pixels, pictures.outline, experiment.recipe)
        return {
            name: compare_heat(
                scale_heat(answer.heat, answer.probability, experiment.threshold(name)), frame, outline
            )
            for name, answer in reader.read(pictures.pixels, row.fold).items()
        }

    looks = read_all(rows, look, on_progress)
    found = [
        {"measure": measure, "source": source, "part": part, "framework": name}
        | {"n": len(own), "n_patients": own["patient"].nunique(), **figure}
        for (source, part), own in group_parts(rows)
        for name in experiment.frameworks
        for measure, figure in _measure([looks[row][name] for row in own.index], own["patient"]).items()
    ]
    return pd.DataFrame(found)[list(OPTIONAL_TABLES[LOCALISATION_TABLE])]


def store_localisation(experiment: Experiment, table: pd.DataFrame) -> Experiment:
    """Store the table in the experiment, replacing an older one; return it. Errors as `add_files`."""
    return add_files(
        experiment, {LOCALISATION_TABLE: table.to_csv(index=False, lineterminator="\n").encode()}
    )


def compare_heat(heat: NDArray, frame: NDArray, outline: NDArray) -> Look:
    """Compare a heat map with an outline.

    Args:
        heat: (h', w') in [0, 1], as it is shown.
        frame: (s, s) float32, the slice as from `core.imaging.to_frame`.
        outline: (s, s) float32, from `core.imaging.frame_outline`.
    """
    cells = divide_into_cells(frame, outline, heat.shape)
    inside = np.where(cells.head, heat, 0)
    strongest = np.unravel_index(inside.argmax(), inside.shape) if inside.any() else None
    targets = {"beside": cells.beside, "widened": cells.widened}
    n_head = max(int(cells.head.sum()), 1)
    lesion, others = heat[cells.lesion].astype(float), heat[cells.head & ~cells.lesion].astype(float)
    both = lesion.size and others.size
    labels = np.repeat([1, 0], [lesion.size, others.size])
    return Look(
        hits={name: strongest is not None and bool(one[strongest]) for name, one in targets.items()},
        chances={name: int(one.sum()) / n_head for name, one in targets.items()},
        area=auroc(labels, np.concatenate([lesion, others])) if both else np.nan,
        lesion=lesion,
        others=others,
    )


def _measure(looks: Sequence[Look], patients: pd.Series) -> dict[str, dict[str, Any]]:
    """Return the FIGUREs of MEASURES with chance, as columns of the table."""
    found = {
        name: {
            **spread_figure(average(np.array([one.hits[name] for one in looks], float), patients)),
            "chance": float(np.mean([one.chances[name] for one in looks])),
        }
        for name, measure in MEASURES.items()
        if measure.is_share
    }
    areas = np.array([one.area for one in looks])
    known = np.isfinite(areas)
    if known.any():
        within = average(areas[known], patients[known])
        found["cells"] = {**spread_figure(within), "chance": _CHANCE_OF_RANKS}
        found["pooled"] = {**spread_figure(_pool(looks, patients)), "chance": _CHANCE_OF_RANKS}
    return found


def _pool(looks: Sequence[Look], patients: pd.Series) -> dict[str, Any]:
    """Return the AUROC of all cells of all slices, as a FIGURE."""
    bootstrap = Bootstrap.over(patients.to_numpy(dtype=str), len(looks))
    sizes = [(one.lesion.size, one.others.size) for one in looks]
    # Rounded, so that the bootstrap has at most 1,001 scores to go through.
    scores = np.concatenate([np.round([*one.lesion, *one.others], 3) for one in looks])
    labels = np.concatenate([np.repeat([1, 0], size) for size in sizes])
    groups = np.repeat(bootstrap.codes, [sum(size) for size in sizes])
    resampled = bootstrap.run(ranking_statistic(labels, scores, groups))
    return bootstrap.figure(auroc(labels, scores), resampled["auroc"])
