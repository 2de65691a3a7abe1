"""The control for shortcuts: whether the networks know the lesion, or the hospital that a slice comes from.

Where all slices with a finding come from one hospital and those without it from others, a network can score
well by knowing the hospital. So slices with an outline are scored again without their lesion, against the
slices without the finding of every source:

    uncovered  the slices as they are; this should be high
    covered    the lesion, widened by 4 % of the frame, is covered by the other half of the head, mirrored
    away       everything within two cells of the lesion is covered so: what is left to see is away from it

Against other sources, the last two are near 0.5 for a network that knows the lesion only. Against slices of
the same source the hospital cannot help: if they are high there too, a part of the finding that the outlines
leave out, or its effects, explain it. The served networks give no evidence by
place that could be compared across slices (a heat map is divided by its maximum), so places are taken from
the picture, not from the map: the score is then that of the served network, by its own rule. A lesion on both
sides of the head cannot be covered; such slices are left out of all three. A lesion's effects on the rest of
the brain, such as a shifted midline, stay; so does a part of the lesion that the outline leaves out (outlines
of PHE-SICH are of the edema, which does not always surround the bleeding).

Besides: how well the served features tell each source (a logistic regression, tested on patients that it did
not learn from); the sensitivity by vendor, and the share of false alarms of each source, at the threshold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import DatasetError
from core.evaluation import Bootstrap, measure_ranking
from core.experiments import OPTIONAL_TABLES, Experiment, add_files
from core.imaging import cover_lesion, find_axis
from core.measurements.unseen_slices import (
    KEPT,
    SERVED,
    UnseenReader,
    average,
    gather_figure,
    group_parts,
    iterate_rows,
    list_slices,
    read_all,
    read_pictures,
    spread_figure,
)

if TYPE_CHECKING:
    from core.datasets import Dataset, Progress

SHORTCUT_TABLE = "shortcut.csv"
UNCOVERED, COVERED, AWAY = "uncovered", "covered", "away"
SOURCE, SENSITIVITY, FALSE_ALARMS = "source", "sensitivity", "false alarms"
# AUROC without the lesion: at most this, or an interval that holds chance.
LIMIT, CHANCE = 0.6, 0.5
# By which outlines are widened before they are covered, and in which the covering fades out, as shares of the
# head's frame. Two cells are measured on the heat map.
_WIDTH, _SEAM = 0.04, 0.02
_CELLS_AWAY = 2
_SIDES = 2
# Slices of a source behind the regression; with fewer than the least, a source is left out.
_MOST, _LEAST = 200, 20
_N_FOLDS = 5
_STRENGTH = 0.01
# A source whose slices all show the finding: its covered slices stand for those without it.
_STANDING_IN = " (lesion covered)"


class Control(NamedTuple):
    """A control of the table: its title, and what it means."""

    title: str
    detail: str


CONTROLS = {
    UNCOVERED: Control("with the lesion", "slices as they are against slices without it"),
    COVERED: Control("lesion covered", "the other half of the head, mirrored, covers the lesion"),
    AWAY: Control(
        "away from the lesion",
        "the lesion and two squares of the heat map around it are covered in the same way",
    ),
}


def measure_shortcut(
    experiment: Experiment, datasets: Sequence[Dataset], on_progress: Progress | None = None
) -> pd.DataFrame:
    """Compute the table shortcut.csv of `core.experiments.OPTIONAL_TABLES`; this takes minutes.

    Args:
        experiment: its networks are used.
        datasets: of several sources; slices that the networks learned from are left out.
        on_progress: called as on_progress(slices read, slices to read).

    Raises:
        DatasetError: all slices are of one source.
        ScanError: a file or its outline has vanished, is damaged, or is empty.
        ExperimentError: a network is missing or damaged.
    """
    rows = list_slices(experiment, datasets)
    if rows["source"].nunique() < _SIDES:
        raise DatasetError(
            "Whether the networks know the hospital cannot be told from one source",
            found=f"{len(rows):,} slices of {rows['source'].iloc[0]}",
            remedy="give a manifest of several sources, or several manifests",
        )
    reader = UnseenReader(experiment)
    rows = _add_recorded(experiment, rows)
    described = _choose_described(rows)
    needed = rows["masked"] | rows[experiment.frameworks[0]].isna() | described
    answers = read_all(
        rows[needed].assign(described=described),
        lambda row: _read(reader, datasets[row.place], row),
        on_progress,
    )
    for row, answer in zip(rows.index[needed], answers, strict=True):
        for column, value in answer["scores"].items():
            rows.loc[row, column] = value
    features = {
        row: answer["features"] for row, answer in zip(rows.index[needed], answers, strict=True)
        if answer["features"]
    }  # fmt: skip
    found = [
        *_compare_sources(experiment, rows),
        *_tell_sources(experiment, rows, features),
        *_rate(experiment, rows),
    ]
    return pd.DataFrame(found, columns=list(OPTIONAL_TABLES[SHORTCUT_TABLE]))


def store_shortcut(experiment: Experiment, table: pd.DataFrame) -> Experiment:
    """Store the table in the experiment, replacing an older one; return it. Errors as `add_files`."""
    return add_files(experiment, {SHORTCUT_TABLE: table.to_csv(index=False, lineterminator="\n").encode()})


def knows_source(figure: Mapping[str, Any]) -> bool | None:
    """Return whether an AUROC without the lesion, against another source, is above LIMIT and above chance.

    The networks then know the source, or what is left of the finding. None: it could not be estimated.

    >>> knows_source({"value": 0.7, "interval": [0.65, 0.75]})
    True
    >>> knows_source({"value": 0.7, "interval": [0.48, 0.9]})
    False
    """
    if figure["value"] is None:
        return None
    low, high = figure["interval"] or (figure["value"], figure["value"])
    return not (figure["value"] <= LIMIT or low <= CHANCE <= high)


def count_controls(table: pd.DataFrame, control: str) -> tuple[int, int]:
    """Return of a control how many AUROCs against other sources are too high, and how many there are."""
    rows = table[(table["control"] == control) & (table["source"] != table["other"])]
    judged = [knows_source(gather_figure(row)) for row in iterate_rows(rows)]
    return sum(bool(one) for one in judged), sum(one is not None for one in judged)


def _add_recorded(experiment: Experiment, rows: pd.DataFrame) -> pd.DataFrame:
    """Add the recorded, calibrated probabilities of tested slices; NaN for the others."""
    table = experiment.calibrated_predictions()
    tested = table[table["part"] == "test"].drop_duplicates("sha256").set_index("sha256")
    recorded = {name: rows["sha256"].map(tested[name]) for name in experiment.frameworks}
    covered = {f"{control} {name}": np.nan for control in (COVERED, AWAY) for name in experiment.frameworks}
    return rows.assign(**recorded, **covered)


def _choose_described(rows: pd.DataFrame) -> pd.Series:
    """Return which slices the features of a source are taken of, evenly spaced; those kept aside first.

    They do not show the finding; of a source without such slices, they have an outline to cover.
    """
    chosen = pd.Series(False, index=rows.index)
    for _, own in rows.groupby("source", sort=False):
        negative = own[own["label"] == 0]
        usable = negative if len(negative) >= _LEAST else own[own["masked"]]
        kept = usable[usable["part"] == KEPT]
        usable = kept if len(kept) >= _LEAST else usable
        if len(usable) >= _LEAST:
            chosen[usable.index[:: -(-len(usable) // _MOST)]] = True
    return chosen


def _read(reader: UnseenReader, dataset: Dataset, row: Any) -> dict[str, Any]:
    """Return a slice's missing scores, by column, and its features by framework, if they are asked for."""
    pictures = read_pictures(reader.experiment, dataset, row.file)
    scores: dict[str, float] = {}
    shown = {UNCOVERED: pictures.pixels}
    answers = reader.read(pictures.pixels, row.fold)
    if row.fold == SERVED:
        scores |= {name: one.probability for name, one in answers.items()}
    if row.masked and pictures.outline is not None:
        axis, n_cells = find_axis(pictures.pixels), min(next(iter(answers.values())).heat.shape)
        for control, width in ((COVERED, _WIDTH), (AWAY, _CELLS_AWAY / n_cells)):
            covered = cover_lesion(pictures.pixels, pictures.outline, axis, width=width, seam=_SEAM)
            if covered is not None:
                shown[control], found = covered, reader.read(covered, row.fold)
                scores |= {f"{control} {name}": one.probability for name, one in found.items()}
    seen = shown[UNCOVERED] if not row.label else shown.get(COVERED)
    if not row.described or seen is None:
        return {"scores": scores, "features": {}}
    return {"scores": scores, "features": {name: one.features[0] for name, one in reader.serve(seen).items()}}


def _compare_sources(experiment: Experiment, rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the AUROCs of each source's slices with an outline against the negatives of each source."""
    for (source, part), own in group_parts(rows[rows["masked"]]):
        others = rows[(rows["label"] == 0) & (rows["part"] == part)]
        for name in experiment.frameworks:
            usable = own[own[f"{COVERED} {name}"].notna()]
            for other, negatives in others.groupby("source", sort=False):
                for control in CONTROLS:
                    column = name if control == UNCOVERED else f"{control} {name}"
                    yield {
                        **_name(control, source, part, str(other), name, len(usable), len(negatives)),
                        **_rank(usable[column], negatives[name], [*usable["patient"], *negatives["patient"]]),
                    }


def _tell_sources(
    experiment: Experiment, rows: pd.DataFrame, features: Mapping[int, Mapping[str, NDArray]]
) -> Iterator[dict[str, Any]]:
    """Yield how well the served features tell each source from the others, out of sample by patient."""
    chosen = rows.loc[list(features)]
    covered = chosen.groupby("source")["label"].transform("min") == 1
    sources = chosen["source"].where(~covered, chosen["source"] + _STANDING_IN).to_numpy(dtype=str)
    names, counts = np.unique(sources, return_counts=True)
    names = names[counts >= _LEAST]
    usable = np.isin(sources, names)
    if len(names) < _SIDES:
        return
    chosen, sources = chosen[usable], sources[usable]
    for framework in experiment.frameworks:
        inputs = np.stack([features[row][framework] for row in chosen.index])
        scores = _predict_sources(inputs, sources, chosen["patient"].to_numpy(dtype=str))
        for place, source in enumerate(names):
            is_own = sources == source
            order = [*chosen["patient"][is_own], *chosen["patient"][~is_own]]
            yield {
                **_name(SOURCE, source, "", "all others", framework, int(is_own.sum()), int((~is_own).sum())),
                **_rank(scores[is_own, place], scores[~is_own, place], order),
            }


def _predict_sources(inputs: NDArray, sources: NDArray, patients: NDArray) -> NDArray[np.float64]:
    """Return the probability of each source (n, k), by name, from a regression on other patients' slices."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTH, max_iter=500))
    found: NDArray[np.float64] = cross_val_predict(
        model, inputs, sources, groups=patients, cv=StratifiedGroupKFold(_N_FOLDS), method="predict_proba"
    )
    return found


def _rate(experiment: Experiment, rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the sensitivity of each source and vendor, and the false alarms of each source."""
    for (source, part), own in group_parts(rows):
        positive, negative = own[own["label"] == 1], own[own["label"] == 0]
        vendors = [(str(vendor or "unknown"), one) for vendor, one in positive.groupby("vendor")]
        groups = [(SENSITIVITY, "all vendors", positive), (FALSE_ALARMS, "", negative)]
        groups += [(SENSITIVITY, vendor, one) for vendor, one in vendors if len(vendors) > 1]
        for control, vendor, chosen in groups:
            for name in experiment.frameworks if len(chosen) else ():
                called = (chosen[name] >= experiment.threshold(name)).astype(float).to_numpy()
                yield {
                    **_name(control, source, part, vendor, name, len(chosen), 0),
                    **spread_figure(average(called, chosen["patient"])),
                }


def _rank(positives: Any, negatives: Any, patients: Sequence[str]) -> dict[str, Any]:
    """Return the AUROC of two groups of scores as columns, with its interval over the patients of both."""
    labels = np.repeat([1, 0], [len(positives), len(negatives)])
    scores = np.concatenate([positives, negatives]).astype(float)
    figures, _ = measure_ranking(labels, scores, Bootstrap.over(np.array(patients, dtype=str), len(labels)))
    return spread_figure(figures["auroc"])


def _name(
    control: str, source: str, part: str, other: str, framework: str, n: int, n_other: int
) -> dict[str, Any]:
    return {"control": control, "source": source, "part": part, "other": other, "framework": framework,
            "n": n, "n_other": n_other}  # fmt: skip
