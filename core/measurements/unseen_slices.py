"""Slices of manifests that an experiment's networks did not learn from, read by networks that never saw them.

A slice of the experiment's own data is read by the network of the fold that tested it, any other slice by the
served networks, the mean over the folds. Slices of the experiment's own data set that no fold tested are left
out, also those that it could not learn from: others of their patients may have been learned from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.datasets import read_mask, read_pixels
from core.errors import DatasetError
from core.evaluation import Bootstrap
from core.imaging import prepare
from core.manifests import KEPT
from core.reading import HeldOutReader
from core.serving import Served, ServedModel, predict_together
from core.system import count_cores

if TYPE_CHECKING:
    from core.datasets import Dataset, Progress
    from core.experiments import Experiment

# The parts of the tables: tested by a fold; kept aside for reports; other slices that no training met.
OUT_OF_SAMPLE, ELSEWHERE = "out of sample", "elsewhere"
PARTS = (OUT_OF_SAMPLE, KEPT, ELSEWHERE)
SERVED = -1
_MAX_THREADS = 4


class Answer(NamedTuple):
    """One network's answer to one slice.

    Attributes:
        probability: calibrated, in [0, 1].
        heat: (h', w') float32 in [0, 1].
        features: (d,) float32 of the served networks; empty for a network of a fold.
    """

    probability: float
    heat: NDArray[np.float32]
    features: NDArray[np.float32]


class Pictures(NamedTuple):
    """A slice in gray, (H, W) float32 in [0, 1], and the outline of its finding, (H, W) bool, or None."""

    pixels: NDArray[np.float32]
    outline: NDArray[np.bool_] | None


def list_slices(experiment: Experiment, datasets: Sequence[Dataset]) -> pd.DataFrame:
    """List the slices with a known label of the experiment's finding; each picture once.

    Returns:
        A row a slice: `place` (of its data set in `datasets`), `file`, `source`, `vendor`, `patient` (with
        the source; of an unknown patient, the file), `label` (0 or 1), `masked` (whether it shows the finding
        and has an outline), `part` (one of PARTS), and `fold` (SERVED if no fold tested it).

    Raises:
        DatasetError: no slice is left.
    """
    predictions = experiment.predictions()
    tested = predictions[predictions["part"] == "test"].drop_duplicates("sha256")
    fold_of = dict(zip(tested["sha256"], tested["fold"], strict=True))
    own = set(experiment.slices()["sha256"])
    found = [_list_set(experiment, place, one) for place, one in enumerate(datasets)]
    table = pd.concat(found, ignore_index=True).drop_duplicates("sha256")
    table["fold"] = table["sha256"].map(fold_of).fillna(SERVED).astype(int)
    is_own = table["sha256"].isin(own)
    table.loc[table["fold"] != SERVED, "part"] = OUT_OF_SAMPLE
    learned = (table["fold"] == SERVED) & (is_own | ((table["part"] == ELSEWHERE) & table["from_own_set"]))
    table = table[~learned].reset_index(drop=True)
    if table.empty:
        raise DatasetError(
            f'No slice can be measured with "{experiment.name}"',
            found=f"{len(is_own):,} with a known label, all learned from or from the same patients",
            remedy="give the manifest that the experiment was trained on, or one of other slices",
        )
    return table.drop(columns=["from_own_set"])


class UnseenReader:
    """The networks of an experiment: those of each fold, and the served ones.

    Args:
        experiment: from core.experiments.

    Raises:
        ExperimentError: a network is missing or damaged, or the networks of the folds cannot be told apart.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self._held_out = HeldOutReader(experiment)
        self._served = {
            name: ServedModel(experiment.model_path(name), n_threads=1) for name in experiment.frameworks
        }

    def read(self, pixels: NDArray[np.float32], fold: int) -> dict[str, Answer]:
        """Return each framework's answer; `fold` is that which tested the slice, or SERVED.

        Args:
            pixels: (H, W) float32 gray in [0, 1], through the recipe's window.

        Raises:
            ExperimentError: a network failed.
        """
        if fold != SERVED:
            found = self._held_out.read(pixels, fold)
            none = np.empty(0, np.float32)
            return {name: Answer(one.probability, one.heat, none) for name, one in found.items()}
        answers = {}
        for name, served in self.serve(pixels).items():
            probability = self.experiment.recalibration(name).apply(served.probability[:1])[0]
            answers[name] = Answer(float(probability), served.heat[0], served.features[0])
        return answers

    def serve(self, pixels: NDArray[np.float32]) -> dict[str, Served]:
        """Return the raw outputs of each framework's served network for one slice. Errors as `read`."""
        image = prepare(pixels, self.experiment.recipe)[None]
        return predict_together(self._served, image)


def read_pictures(experiment: Experiment, dataset: Dataset, file: str) -> Pictures:
    """Read a slice and its outline; errors as `read_pixels` and `read_mask` of core.datasets."""
    pixels = read_pixels(dataset, file, experiment.recipe.window)
    return Pictures(pixels, read_mask(dataset, file, experiment.finding_key))


def read_all(
    rows: pd.DataFrame, read: Callable[[Any], Any], on_progress: Progress | None = None
) -> list[Any]:
    """Return read(row) of each row, as named tuples, in the order of the rows; several threads read."""
    found = []
    with ThreadPoolExecutor(min(count_cores(), _MAX_THREADS)) as pool:
        for answer in pool.map(read, iterate_rows(rows)):
            found.append(answer)
            if on_progress:
                on_progress(len(found), len(rows))
    return found


def iterate_rows(table: pd.DataFrame) -> Iterator[Any]:
    """Yield the rows of a table as named tuples, whose values have the types of their columns."""
    yield from table.itertuples()


def group_rows(table: pd.DataFrame, *columns: str) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """Yield the values of text columns, and the rows that have them, in the order of the table."""
    for values, own in table.groupby(list(columns), sort=False):
        yield tuple(map(str, values)), own


def group_parts(rows: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """Return ((source, part), rows), in the order of PARTS."""
    found = [((source, part), own) for (source, part), own in group_rows(rows, "source", "part")]
    return sorted(found, key=lambda one: PARTS.index(one[0][1]))


def average(values: NDArray[np.floating], patients: pd.Series) -> dict[str, Any]:
    """Return the mean of values (n,) as a FIGURE with its 95 % interval over patients (n,)."""
    bootstrap = Bootstrap.over(patients.to_numpy(dtype=str), len(values))
    sums = np.bincount(bootstrap.codes, weights=values, minlength=bootstrap.n_groups)
    counts = np.bincount(bootstrap.codes, minlength=bootstrap.n_groups)
    resampled = bootstrap.run(lambda weights: {"mean": (weights @ sums) / (weights @ counts)})
    return bootstrap.figure(float(values.mean()), resampled["mean"])


def spread_figure(figure: dict[str, Any]) -> dict[str, Any]:
    """Return a FIGURE as the columns `value`, `low`, `high` and `reason` of a table."""
    low, high = figure["interval"] or (None, None)
    return {"value": figure["value"], "low": low, "high": high, "reason": figure.get("reason", "")}


def gather_figure(row: Any) -> dict[str, Any]:
    """Return the FIGURE of a row with the columns `value`, `low`, `high` and `reason`."""
    value, low, high = (
        None if number != number else float(number) for number in (row.value, row.low, row.high)
    )
    found: dict[str, Any] = {"value": value, "interval": None if low is None else [low, high]}
    return {**found, "reason": row.reason} if row.reason else found


def _list_set(experiment: Experiment, place: int, dataset: Dataset) -> pd.DataFrame:
    table = dataset.table
    key = experiment.finding_key
    column = key if key in table else "slice_label" if key else "folder_label"
    name = dataset.manifest.stem if dataset.manifest else dataset.folder.name
    source = table["source"].where(table["source"] != "", name)
    patient = table["patient"].where(table["patient"] != "", table["file"])
    prefixed = [
        one if one.startswith(f"{home}/") else f"{home}/{one}"
        for one, home in zip(patient, source, strict=True)
    ]
    label = table[column]
    outlined = {
        name for name, place in dataset.places.items() if key and place.outlined == key and place.mask
    }
    found = pd.DataFrame(
        {
            "place": place,
            "file": table["file"],
            "sha256": table["sha256"],
            "source": source,
            "vendor": table["vendor"],
            "patient": prefixed,
            "label": label,
            "masked": table["file"].isin(outlined) & (label == 1).fillna(False).astype(bool),
            "part": np.where(table["part"] == KEPT, KEPT, ELSEWHERE),
            "from_own_set": dataset.fingerprint == experiment.card["dataset"]["fingerprint"],
        }
    )
    return found[label.notna()].astype({"label": int})
