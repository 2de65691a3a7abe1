"""What a slice is, apart from what it shows: how bright its soft tissue is, and where in the head it lies.

Where it lies is read off its patient's series. File numbers follow the anatomy, but in the published set a
quarter of the series begin somewhere in the head and go on at its other end (FIRST ... vertex, neck ...), and
another set may count from the vertex down. A series is taken for a ring, and cut where

    (difference of the pictures on both sides) x (how steadily the series grows calmer after it)^2

is largest. Calm is a small spread of gray in the middle of the head, with bone taken for soft tissue: neck,
face and skull base are full of air and fat, and towards the vertex there is only brain. How steadily is a
correlation of calm with rank; where it is negative, the series grows wilder and is read backwards.

On the published set this finds the 61 series that begin at the neck and the 21 that do not. Its limits: a
place is relative to what was scanned, so that "base" is a third of the series and no anatomical landmark;
slices are taken as equally far apart; where a slice lies in a wrong place of the series (patient 49 has one,
a neck among the last vertex slices), the few slices beside it may land at the wrong end; and a series whose
slices hardly change gets no places at all.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.datasets import read_pixels
from core.evaluation import HEAD_LEVELS
from core.experiments import OPTIONAL_TABLES
from core.gate import is_brain_visible
from core.imaging import AIR, BONE, Recipe, to_frame

if TYPE_CHECKING:
    from core.datasets import Dataset, Progress

MIN_SERIES = 6
# The weakest series of the published set has 0.63.
_MIN_CORRELATION = 0.3
_BRIGHTEST_TISSUE = 0.5
_SIZE = 96
_WHOLE = Recipe(size=_SIZE, channels="gray", framing="whole", intensity="unit")
_HEAD = Recipe(size=_SIZE, channels="gray", framing="head", intensity="unit")
_THREADS = 2


def measure_properties(dataset: Dataset, on_progress: Progress | None = None) -> pd.DataFrame:
    """Brightness and place of every slice of a data set.

    Args:
        dataset: the indexed set.
        on_progress: called as on_progress(slices read, slices in all).

    Returns:
        The table properties.csv of `core.experiments.OPTIONAL_TABLES`, in the order of the set's table:
        `file`; `brightness`, see `tissue_brightness`; `position` in [0, 1] from the lowest slice of the
        patient to the highest; `level`, the third of the series, one of HEAD_LEVELS; NaN, "" where unknown;
        `brain_visible`, 1 or 0, see `core.gate.appearance.is_brain_visible`.

    Raises:
        ScanError: a file has vanished or been damaged since it was indexed.
    """
    files = list(dataset.table["file"])
    pictures = np.empty((len(files), _SIZE, _SIZE), dtype=np.float32)
    mixture, brightness = np.empty(len(files)), np.empty(len(files))
    visible = np.empty(len(files), dtype=np.int64)

    def fill(index: int) -> None:
        pixels = read_pixels(dataset, files[index])
        head = to_frame(pixels, _HEAD)
        pictures[index] = to_frame(pixels, _WHOLE)
        mixture[index], brightness[index] = gray_mixture(head), tissue_brightness(head)
        visible[index] = is_brain_visible(pixels)

    with ThreadPoolExecutor(_THREADS) as workers:
        for done, _ in enumerate(workers.map(fill, range(len(files))), start=1):
            if on_progress:
                on_progress(done, len(files))
    position = np.full(len(files), np.nan)
    if dataset.has_patients:
        for _, series in dataset.table.sort_values("number").groupby("patient"):
            rows = series.index.to_numpy()
            position[rows] = order_series(pictures[rows], mixture[rows])
    table = pd.DataFrame(
        {
            "file": files,
            "brightness": brightness,
            "position": position,
            "level": name_levels(position),
            "brain_visible": visible,
        }
    )
    return table[[*OPTIONAL_TABLES["properties.csv"], "brain_visible"]]


def order_series(pictures: NDArray[np.float32], mixture: NDArray[np.float64]) -> NDArray[np.float64]:
    """The place of each slice of one patient, by the rule in this module's head.

    Args:
        pictures: (n, h, w) the slices in the order of their numbers, unframed: the head's size counts.
        mixture: (n,) the `gray_mixture` of each.

    Returns:
        (n,) places in [0, 1], 0 the lowest slice; all NaN when there are fewer than MIN_SERIES slices, or
        when they do not tell bottom from top.
    """
    n = len(pictures)
    unknown = np.full(n, np.nan)
    if n < MIN_SERIES or np.ptp(mixture) == 0:
        return unknown
    # Cut k makes slice k the first.
    jump = np.array([np.abs(pictures[k - 1] - pictures[k]).mean() for k in range(n)])
    ranks = np.arange(n)
    calming = np.array([-np.corrcoef(ranks, np.roll(mixture, -k))[0, 1] for k in range(n)])
    cut = int(np.argmax(jump * calming**2))
    if abs(calming[cut]) < _MIN_CORRELATION:
        return unknown
    position = (ranks - cut) % n / (n - 1)
    return position if calming[cut] > 0 else 1 - position


def name_levels(position: NDArray[np.float64]) -> list[str]:
    """The third of the series in which each place (n,) lies, one of HEAD_LEVELS; "" for NaN."""
    return ["" if np.isnan(place) else HEAD_LEVELS[min(int(place * 3), 2)] for place in position]


def gray_mixture(head: NDArray[np.float32]) -> float:
    """Standard deviation of gray in the middle half of a framed head (h, w): low in brain, high in a face.

    What is brighter than soft tissue counts as soft tissue.
    """
    height, width = head.shape
    middle = head[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return float(np.minimum(middle, _BRIGHTEST_TISSUE).std())


def tissue_brightness(head: NDArray[np.float32]) -> float:
    """Median gray in [0, 1] of the soft tissue in a framed head (h, w); NaN where there is none."""
    tissue = head[(head > AIR) & (head < BONE)]
    return float(np.median(tissue)) if tissue.size else float("nan")
