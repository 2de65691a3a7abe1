"""Properties of slices: brightness of the soft tissue, and position in the head.

The position is computed from the patient's series. File numbers follow the anatomy, but a quarter of the
series in the published set start in the middle and wrap around (..., vertex, neck, ...), and another data set
may count from the vertex down. So a series is treated as a ring, and cut where

    (difference of the pictures on both sides) x (correlation after the cut)^2

is largest. The correlation is between rank and homogeneity. Homogeneity is a small spread of gray in the
middle of the head, with bone counted as soft tissue: neck, face and skull base contain air and fat, the
vertex only brain. If the correlation is negative, the series runs from the vertex down and is reversed.

On the published set this finds the 61 series that start at the neck and the 21 that do not. Limits:
- A position is relative to the scanned range: "base" is a third of the series, not an anatomical landmark.
- Slices are assumed to be equally spaced.
- Next to a misplaced slice, a few slices may get positions at the wrong end (patient 49 has a neck slice
  among the last vertex slices).
- A series whose slices hardly change gets no positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.datasets import read_pixels
from core.evaluation import HEAD_REGIONS, SOURCES_RULE
from core.experiments import OPTIONAL_TABLES, Experiment, add_files, update_card
from core.gate import is_brain_visible
from core.imaging import AIR, BONE, Recipe, to_frame
from core.sources import set_thresholds
from core.training import describe_results

if TYPE_CHECKING:
    from core.datasets import Dataset, Progress

MIN_SERIES = 6
# The weakest correlation in the published set is 0.63.
_MIN_CORRELATION = 0.3
_BRIGHTEST_TISSUE = 0.5
_SIZE = 96
_WHOLE = Recipe(size=_SIZE, channels="gray", framing="whole", intensity="unit")
_HEAD = Recipe(size=_SIZE, channels="gray", framing="head", intensity="unit")
_THREADS = 2


def store_properties(experiment: Experiment, table: pd.DataFrame) -> Experiment:
    """Store properties.csv, and choose thresholds and bands of patients anew if it changes their scores.

    The properties say which slices a patient's score counts; the slices of an older experiment are not known
    to count before. Thresholds of slices stay.

    Raises:
        ExperimentError: the experiment is read-only; thresholds of all sources cannot be chosen anew, see
            `set_thresholds`.
    """
    data = table.to_csv(index=False, lineterminator="\n").encode("utf-8")
    stored = add_files(experiment, {"properties.csv": data})
    results = describe_results(stored.predictions(), stored.frameworks)
    kept = ("operating_points", "review_bands") if "review_bands" in stored.card else ("operating_points",)
    changes = {key: _replace_patients(stored.card[key], results[key]) for key in kept}
    if all(changes[key] == stored.card[key] for key in kept):
        return stored
    if stored.card["default_operating_point"] == SOURCES_RULE:
        return set_thresholds(stored, changes)
    return update_card(stored, changes)


def _replace_patients(
    old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return thresholds or bands, framework -> level -> rule, with the patients of `new`."""
    found = {}
    for framework, levels in old.items():
        found[framework] = {level: rules for level, rules in levels.items() if level != "patient"}
        if patient := new[framework].get("patient"):
            chosen = levels.get("patient", {})
            own = {rule: value for rule, value in chosen.items() if rule == SOURCES_RULE}
            found[framework]["patient"] = {
                **{
                    rule: list(value) if isinstance(value, tuple) else value
                    for rule, value in patient.items()
                },
                **own,
            }
    return found


def measure_properties(dataset: Dataset, on_progress: Progress | None = None) -> pd.DataFrame:
    """Measure brightness and position of every slice of a data set.

    Args:
        dataset: the indexed data set.
        on_progress: called as on_progress(slices read, slices in all).

    Returns:
        The table properties.csv of `core.experiments.OPTIONAL_TABLES`, in the order of the data set's table:
        `file`; `brightness`, see `measure_brightness`; `position` in [0, 1] from the lowest slice of the
        patient to the highest, NaN where unknown; `level`, the third of the series, one of HEAD_REGIONS, ""
        where unknown; `brain_visible`, 1 or 0, see `core.gate.appearance.is_brain_visible`.

    Raises:
        ScanError: a file has vanished or been damaged since it was indexed.
    """
    files = list(dataset.table["file"])
    pictures = np.empty((len(files), _SIZE, _SIZE), dtype=np.float32)
    spread, brightness = np.empty(len(files)), np.empty(len(files))
    visible = np.empty(len(files), dtype=np.int64)

    def fill(index: int) -> None:
        pixels = read_pixels(dataset, files[index])
        head = to_frame(pixels, _HEAD)
        pictures[index] = to_frame(pixels, _WHOLE)
        spread[index], brightness[index] = measure_spread(head), measure_brightness(head)
        visible[index] = is_brain_visible(pixels)

    with ThreadPoolExecutor(_THREADS) as workers:
        for done, _ in enumerate(workers.map(fill, range(len(files))), start=1):
            if on_progress:
                on_progress(done, len(files))
    position = np.full(len(files), np.nan)
    if dataset.has_patients:
        known = dataset.table[dataset.table["patient"] != ""]
        for _, series in known.sort_values("number").groupby("patient"):
            rows = series.index.to_numpy()
            position[rows] = locate_slices(pictures[rows], spread[rows])
    table = pd.DataFrame(
        {
            "file": files,
            "brightness": brightness,
            "position": position,
            "level": name_regions(position),
            "brain_visible": visible,
        }
    )
    return table[[*OPTIONAL_TABLES["properties.csv"], "brain_visible"]]


def locate_slices(pictures: NDArray[np.float32], spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the position of each slice of one patient, by the rule in this module's docstring.

    Args:
        pictures: (n, h, w) the slices in the order of their numbers, not framed, so that the head's size is
            seen.
        spread: (n,) the `measure_spread` of each.

    Returns:
        Positions (n,) in [0, 1], 0 for the lowest slice. All are NaN for fewer than MIN_SERIES slices, or if
        bottom and top cannot be distinguished.
    """
    n = len(pictures)
    unknown = np.full(n, np.nan)
    if n < MIN_SERIES or np.ptp(spread) == 0:
        return unknown
    # Cut k makes slice k the first.
    jump = np.array([np.abs(pictures[k - 1] - pictures[k]).mean() for k in range(n)])
    ranks = np.arange(n)
    correlation = np.array([-np.corrcoef(ranks, np.roll(spread, -k))[0, 1] for k in range(n)])
    cut = int(np.argmax(jump * correlation**2))
    if abs(correlation[cut]) < _MIN_CORRELATION:
        return unknown
    position = (ranks - cut) % n / (n - 1)
    return position if correlation[cut] > 0 else 1 - position


def name_regions(position: NDArray[np.float64]) -> list[str]:
    """Return the third of the series of each position (n,), one of HEAD_REGIONS; "" for NaN."""
    return ["" if np.isnan(place) else HEAD_REGIONS[min(int(place * 3), 2)] for place in position]


def measure_spread(head: NDArray[np.float32]) -> float:
    """Return the standard deviation of gray in the middle half of a framed head (h, w).

    It is low in brain and high in the face. Gray brighter than soft tissue is clipped to it.
    """
    height, width = head.shape
    middle = head[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return float(np.minimum(middle, _BRIGHTEST_TISSUE).std())


def measure_brightness(head: NDArray[np.float32]) -> float:
    """Return the median gray in [0, 1] of the soft tissue in a framed head (h, w); NaN without any."""
    tissue = head[(head > AIR) & (head < BONE)]
    return float(np.median(tissue)) if tissue.size else float("nan")
