"""Reference slices to compare with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from core.datasets.dataset import index_dataset
from core.synthetic.phantoms import write_phantom_dataset
from dashboard.readings.references import find_typical, load_reference
from tests.builders import write_tiny_experiment


def test_the_typical_slice_is_correct_and_of_median_probability(models: Path) -> None:
    """Of the test slices that both networks classify correctly, half score lower and half higher."""
    experiment = write_tiny_experiment(models)
    table = experiment.calibrated_predictions()
    for label in (0, 1):
        chosen = find_typical(experiment, label)
        correct = table[(table["part"] == "test") & (table["label"] == label)]
        for name in experiment.frameworks:
            correct = correct[(correct[name] >= experiment.threshold(name)) == bool(label)]
        means = correct[list(experiment.frameworks)].mean(axis=1)
        score = np.mean([chosen[name] for name in experiment.frameworks])
        assert label == chosen["label"]
        assert abs((means < score).sum() - (means > score).sum()) <= 1


def test_without_the_data_set_it_is_a_phantom(models: Path, tmp_path: Path) -> None:
    """With no folder or an empty one, the reference is a phantom without file name and probabilities."""
    experiment = write_tiny_experiment(models)
    for folder in (None, tmp_path):
        for label in (0, 1):
            reference = load_reference(experiment, label, folder)
            assert (label, None, {}) == (reference.label, reference.file, reference.probabilities)
            assert ((512, 512), np.uint8) == (reference.picture.shape, reference.picture.dtype)


def test_the_phantom_shows_the_finding(models: Path) -> None:
    """A positive phantom of networks for ischemia is another than that of networks for hemorrhage."""
    blood = write_tiny_experiment(models)
    ischemia = replace(blood, card={**blood.card, "finding": {"key": "ischemia"}})
    equal = [
        np.array_equal(*(load_reference(one, label, None).picture for one in (blood, ischemia)))
        for label in (0, 1)
    ]
    assert [True, False] == equal


def test_of_the_data_set_it_is_the_recorded_file(models: Path, tmp_path: Path) -> None:
    """With the data set it is the typical file; if its bytes differ from the record, a phantom."""
    folder = tmp_path / "set"
    write_phantom_dataset(folder, n_patients=12, slices_per_patient=8, size=48)
    dataset = index_dataset(folder)
    experiment = write_tiny_experiment(models, table=dataset.table, fingerprint=dataset.fingerprint)
    reference = load_reference(experiment, 0, folder)
    chosen = find_typical(experiment, 0)
    assert chosen["file"] == reference.file
    assert {name: chosen[name] for name in experiment.frameworks} == reference.probabilities
    path = next(folder.rglob(Path(chosen["file"]).name))
    path.write_bytes(path.read_bytes() + b" ")
    assert load_reference(experiment, 0, folder).file is None
