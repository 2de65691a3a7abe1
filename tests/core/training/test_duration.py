"""Estimates of a training's duration, from measured training runs or None."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.experiments import Experiment
from core.training.duration import estimate_duration, remember_duration
from core.training.protocol import Protocol
from core.training.state import trainings_folder
from tests.builders import write_tiny_experiment


@pytest.fixture
def measured(models: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """A training of 96 slices, 3 folds and 5 epochs of one second, which took 45 seconds in all."""
    experiment = write_tiny_experiment(models, "measured")
    experiment.card["protocol"]["architecture"] = "plain"
    trainings_folder(models).mkdir()
    remember_duration(models, experiment, 45.0)
    return experiment


def test_without_measurements_there_is_no_estimate(models: Path) -> None:
    """No measured training gives None."""
    assert estimate_duration(models, Protocol(), 100) is None


def test_the_same_training_takes_the_same_time(models: Path, measured: Experiment) -> None:
    """15 s of epochs and 30 s before them give 45 s again, with the name of the measured training."""
    found = estimate_duration(models, Protocol(folds=3, architecture="plain", epochs=5), 96)
    assert found is not None
    assert 45.0 == pytest.approx(found.seconds)
    assert ("measured", 96) == (found.reference, found.n_slices)


@pytest.mark.parametrize(
    ("folds", "epochs", "n_slices", "seconds"), [(6, 5, 96, 60), (3, 10, 96, 60), (3, 5, 192, 90)]
)
def test_time_grows_with_the_work(
    models: Path, measured: Experiment, folds: int, epochs: int, n_slices: int, seconds: float
) -> None:
    """Twice the folds or epochs double the epochs' time; twice the slices double all of it."""
    protocol = Protocol(folds=folds, architecture="plain", epochs=epochs)
    found = estimate_duration(models, protocol, n_slices)
    assert found is not None
    assert seconds == pytest.approx(found.seconds)


@pytest.mark.parametrize(
    ("protocol", "n_slices"),
    [
        (Protocol(folds=3, architecture="framed", epochs=5), 96),
        (Protocol(folds=3, architecture="plain", epochs=5, frameworks=("keras",)), 96),
        (Protocol(folds=3, architecture="plain", epochs=5), 96 * 20),
        (Protocol(folds=3, architecture="plain", epochs=5), 4),
    ],
)
def test_different_trainings_give_no_estimate(
    models: Path, measured: Experiment, protocol: Protocol, n_slices: int
) -> None:
    """Another architecture, other frameworks or a very different amount of work give None."""
    assert estimate_duration(models, protocol, n_slices) is None


def test_the_most_similar_training_is_used(models: Path, measured: Experiment) -> None:
    """Of two measurements the one with the more similar amount of work is used."""
    larger = write_tiny_experiment(models, "larger", n_patients=48)
    larger.card["protocol"]["architecture"] = "plain"
    remember_duration(models, larger, 100.0)
    found = estimate_duration(models, Protocol(folds=3, architecture="plain", epochs=5), 350)
    assert found is not None
    assert "larger" == found.reference


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[1]",
        '[{"architecture": "plain"}]',
        '[{"architecture": "plain", "frameworks": {"pytorch": {}, "keras": {}}}]',
    ],
)
def test_damaged_notes_are_ignored(models: Path, content: str) -> None:
    """Damaged notes give no estimate and no error."""
    trainings_folder(models).mkdir()
    (trainings_folder(models) / ".durations.json").write_text(content)
    assert estimate_duration(models, Protocol(architecture="plain"), 100) is None
