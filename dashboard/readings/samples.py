"""Slices to show without an upload: synthetic ones, and test slices of the data set."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image

from core.datasets import find_dataset, locate_slices, read_pixels, read_slice
from core.errors import ScanError
from core.experiments import Experiment
from dashboard.readings.reading import PICTURE_SIZE
from dashboard.readings.references import Reference, load_reference
from dashboard.readings.uploads import Upload
from dashboard.shared import to_thumbnail

_UPPER_BRAIN = (0.45, 0.75)  # positions of synthetic slices, from neck (0) to vertex (1)


@st.cache_resource(max_entries=1, show_spinner=False)
def make_synthetic_slices() -> tuple[Upload, ...]:
    """Return synthetic head CT slices: two with a simulated hemorrhage, one without."""
    return tuple(
        _render_synthetic(name, np.random.default_rng(seed), lesion, 0.5)
        for seed, lesion, name in (
            (3, True, "Synthetic hemorrhage 1"),
            (11, True, "Synthetic hemorrhage 2"),
            (5, False, "Synthetic, no hemorrhage"),
        )
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def make_synthetic_slice(seed: tuple[int, ...], lesion: bool) -> Upload:
    """Return a synthetic slice at a random position in the upper brain; its name does not tell the label."""
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
    """A test slice with its label (0 or 1) and its out-of-sample probabilities."""

    file: str
    patient: str
    label: int
    probabilities: dict[str, float]
    picture: Image.Image


def sample_slices(experiment: Experiment, seed: int) -> list[Sample] | None:
    """Return up to four random test slices of each class whose files match their recorded hashes.

    Returns:
        None if no data set is on this machine; an empty list if none of its files match.

    Raises:
        DatasetError: the folder found is not a data set.
    """
    folder = find_dataset()
    return None if folder is None else _sample_slices(experiment.digest, seed, folder, experiment)


def find_reference(experiment: Experiment, label: int) -> Reference:
    """Return a typical slice of this label, or a phantom if there is no data set; see `load_reference`."""
    return _reference(experiment.digest, label, find_dataset(), experiment)


@st.cache_data(max_entries=8, show_spinner=False)
def _reference(digest: str, label: int, folder: Path | None, _experiment: Experiment) -> Reference:
    return load_reference(_experiment, label, folder)


@st.cache_data(max_entries=4, show_spinner="Loading slices of the data set ...")
def _sample_slices(digest: str, seed: int, folder: Path, _experiment: Experiment) -> list[Sample]:
    places = locate_slices(folder)
    table = _experiment.calibrated_predictions()
    test = table[table["part"] == "test"]
    chosen = [
        row
        for label in (1, 0)
        for row in test[test["label"] == label].sample(frac=1, random_state=seed).head(4).itertuples()
    ]
    samples = []
    for row in chosen:
        try:
            if read_slice(places, str(row.file)).sha256 != row.sha256:
                continue
        except ScanError:
            continue
        scores = {name: float(getattr(row, name)) for name in _experiment.frameworks}
        picture = to_thumbnail(read_pixels(places, str(row.file), _experiment.recipe.window), 320)
        samples.append(Sample(row.file, row.patient, int(row.label), scores, picture))
    return samples
