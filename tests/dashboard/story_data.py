"""Experiments for the story: three roles, and a data set of phantoms for one of them."""

from __future__ import annotations

from pathlib import Path

from core.datasets.dataset import index_dataset
from core.experiments import Experiment
from tests.builders import write_phantom_dataset, write_tiny_experiment

ROLES = {
    "one": {"labels": "folder", "split": "random", "folds": 1},
    "two": {"labels": "folder", "split": "patient", "folds": 3},
    "tiny": {"labels": "slice", "split": "patient", "folds": 3},
}
_FINGERPRINT = "f" * 64


def write_story(models: Path, *names: str) -> dict[str, Experiment]:
    """Write the experiments of these names of ROLES, or all of them."""
    return {name: write_role(models, name) for name in names or ROLES}


def write_role(models: Path, name: str, *, seed: int = 0, fingerprint: str = _FINGERPRINT) -> Experiment:
    """Write one experiment that fits its role; another seed gives other figures."""
    return write_tiny_experiment(models, name, seed=seed, fingerprint=fingerprint, **ROLES[name])


def write_set(folder: Path, models: Path, *, shifts: tuple[float, ...] | None = None) -> Experiment:
    """Write a data set of 16 phantom patients and an experiment on it; `shifts`: see `tiny_model`."""
    write_phantom_dataset(folder, n_patients=16, slices_per_patient=6, size=64)
    dataset = index_dataset(folder)
    return write_tiny_experiment(
        models, "tiny", table=dataset.table, fingerprint=dataset.fingerprint, shifts=shifts, **ROLES["tiny"]
    )
