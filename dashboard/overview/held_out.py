"""Slices for the example reading and the quiz: test slices if the data set is here, else synthetic ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.cases import N_CASES, sample_cases
from core.errors import DatasetError, EvaluationError
from core.experiments import Experiment
from core.scans import read_scan
from dashboard.readings import Upload, find_picture_folder, read_file, samples
from dashboard.shared import loaders, to_thumbnail


@dataclass(frozen=True)
class Example:
    """A slice to read.

    Attributes:
        upload: its picture, under a name that reveals nothing.
        label: 1 for the positive class.
        file: in the data set; "" for a synthetic slice.
        patient: "" if unknown.
        scores: out-of-sample probability by framework; None for a synthetic slice, which the served networks
            read.
        fold: the fold that tested the slice, whose networks gave the scores.
        sha256: of the file.
    """

    upload: Upload
    label: int
    file: str = ""
    patient: str = ""
    scores: dict[str, float] | None = None
    fold: int = 0
    sha256: str = ""


def pick_typical(experiment: Experiment, turn: int) -> Example:
    """Return a positive slice: first the one of median probability, then the others in random order.

    Args:
        experiment: the experiment.
        turn: number of slices shown before.
    """
    root = _pictures()
    if root is not None:
        cases = loaders.cases(experiment)
        cases = cases[cases["label"] == 1]
        scores = cases[list(experiment.frameworks)].mean(axis=1).to_numpy()
        order = np.argsort(scores, kind="stable")
        middle = order[len(order) // 2 : len(order) // 2 + 1]
        others = np.random.default_rng(0).permutation(np.setdiff1d(order, middle))
        listed = np.concatenate([middle, others])
        for row in np.roll(listed, -turn) if len(listed) else ():
            found = _fetch(experiment, root, cases.iloc[row])
            if found is not None:
                return found
    return Example(samples.make_synthetic_slices()[turn % 2], label=1)


def sample_quiz(experiment: Experiment, seed: int) -> tuple[list[Example], str]:
    """Return the slices of a quiz, see `core.cases.quiz`, and why they are synthetic ("" if they are not)."""
    root = _pictures()
    if root is None:
        return _make_synthetic_quiz(seed), "The data set is not on this machine"

    def is_here(row: Any) -> bool:
        return isinstance(read_file(root, row.file, row.sha256), bytes)

    try:
        selected = sample_cases(loaders.cases(experiment), seed, is_usable=is_here)
    except EvaluationError:
        return _make_synthetic_quiz(seed), "The data set on this machine is not the one of this experiment"
    found = [_fetch(experiment, root, row) for _, row in selected.iterrows()]
    return [one for one in found if one is not None], ""


def _make_synthetic_quiz(seed: int) -> list[Example]:
    labels = np.random.default_rng(seed).permutation([1, 0] * (N_CASES // 2))
    return [
        Example(samples.make_synthetic_slice((seed, number), lesion=bool(label)), int(label))
        for number, label in enumerate(labels)
    ]


def _fetch(experiment: Experiment, root: Path, row: Any) -> Example | None:
    """Return a case with its picture; None if the file is missing or has changed."""
    data = read_file(root, row.file, row.sha256)
    if isinstance(data, str):
        return None
    scores = {name: float(row[name]) for name in experiment.frameworks}
    return Example(
        Upload("A test slice", data), int(row.label), row.file, row.patient, scores, int(row.fold), row.sha256
    )


def _pictures() -> Path | None:
    try:
        return find_picture_folder("")
    except DatasetError:
        return None  # the page Data shows this error


def find_picture(file: str, sha256: str, side: int) -> Image.Image | None:
    """Return a slice of the data set, its longer side `side` pixels; None if it is not on this machine."""
    root = _pictures()
    data = "" if root is None else read_file(root, file, sha256)
    return None if isinstance(data, str) else to_thumbnail(read_scan(data, "").slices[0].pixels, side)
