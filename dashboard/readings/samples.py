"""Slices to show without an upload: synthetic ones, test slices of the data set, and typical ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image

from core.datasets import find_class_folders, find_dataset
from core.experiments import Experiment
from core.scans import read_scan
from dashboard.readings.reading import PICTURE_SIZE
from dashboard.readings.references import Reference, load_reference
from dashboard.readings.uploads import Upload
from dashboard.shared import to_thumbnail

_UPPER_BRAIN = (0.45, 0.75)  # positions of synthetic slices, from neck (0) to vertex (1)


@st.cache_resource(max_entries=1, show_spinner=False)
def samples() -> tuple[Upload, ...]:
    """Synthetic head CT slices, drawn by this program: two with a planted bright spot, one without."""
    return tuple(
        _render_synthetic(name, np.random.default_rng(seed), lesion, 0.5)
        for seed, lesion, name in (
            (3, True, "Synthetic slice with a bright spot, 1"),
            (11, True, "Synthetic slice with a bright spot, 2"),
            (5, False, "Synthetic slice without a spot"),
        )
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def synthetic_slice(seed: tuple[int, ...], lesion: bool) -> Upload:
    """A synthetic slice somewhere in the upper brain; its name does not tell whether it holds a spot."""
    rng = np.random.default_rng(seed)
    return _render_synthetic("A synthetic slice", rng, lesion, float(rng.uniform(*_UPPER_BRAIN)))


def _render_synthetic(name: str, rng: np.random.Generator, lesion: bool, position: float) -> Upload:
    from core.synthetic import render_phantom

    phantom = render_phantom(rng, lesion=lesion, size=PICTURE_SIZE, position=position)
    target = BytesIO()
    Image.fromarray(np.rint(phantom.pixels * 255).astype(np.uint8)).save(target, "PNG")
    return Upload(name, target.getvalue(), synthetic=True)


@dataclass(frozen=True)
class Sample:
    """A test slice with its label (0 or 1) and what the networks that never saw it say."""

    file: str
    patient: str
    label: int
    probabilities: dict[str, float]
    picture: Image.Image


def sample_slices(experiment: Experiment, draw: int) -> list[Sample] | None:
    """A handful of test slices of both classes, each file compared with its recorded hash.

    Returns:
        None when no data set is on this machine; an empty list when it is another one.

    Raises:
        DatasetError: what lies where the data set should be is none.
    """
    folder = find_dataset()
    return None if folder is None else _sample_slices(experiment.digest, draw, folder, experiment)


def reference(experiment: Experiment, label: int) -> Reference:
    """A typical slice of this label, to compare with; a phantom without the data set."""
    return _reference(experiment.digest, label, find_dataset(), experiment)


@st.cache_data(max_entries=8, show_spinner=False)
def _reference(digest: str, label: int, folder: Path | None, _experiment: Experiment) -> Reference:
    return load_reference(_experiment, label, folder)


@st.cache_data(max_entries=4, show_spinner="Fetching slices of the data set ...")
def _sample_slices(digest: str, draw: int, folder: Path, _experiment: Experiment) -> list[Sample]:
    root, _ = find_class_folders(folder)
    table = _experiment.calibrated_predictions()
    test = table[table["part"] == "test"]
    chosen = [
        row
        for label in (1, 0)
        for row in test[test["label"] == label].sample(frac=1, random_state=draw).head(4).itertuples()
    ]
    samples = []
    for row in chosen:
        path = root / row.file
        if not path.is_file():
            continue
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != row.sha256:
            continue
        scores = {name: float(getattr(row, name)) for name in _experiment.frameworks}
        picture = to_thumbnail(read_scan(data, "").slices[0].pixels, 320)
        samples.append(Sample(row.file, row.patient, int(row.label), scores, picture))
    return samples
