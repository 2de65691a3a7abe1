"""How long a training will take: from measured ones, or not known."""

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
    """One that had 96 slices, 3 folds and 5 epochs of one second, and took 45 seconds in all."""
    experiment = write_tiny_experiment(models, "measured")
    experiment.card["protocol"]["architecture"] = "plain"
    trainings_folder(models).mkdir()
    remember_duration(models, experiment, 45.0)
    return experiment


def test_without_measurements_nothing_is_known(models: Path) -> None:
    """No number is made up."""
    assert estimate_duration(models, Protocol(), 100) is None


def test_the_same_training_takes_the_same_time(models: Path, measured: Experiment) -> None:
    """15 s of epochs and 30 s before them give 45 s again; it says on what this rests."""
    found = estimate_duration(models, Protocol(folds=3, architecture="plain", epochs=5), 96)
    assert found is not None
    assert 45.0 == pytest.approx(found.seconds)
    assert ("measured", 96) == (found.rests_on, found.n_slices)


@pytest.mark.parametrize(
    ("folds", "epochs", "n_slices", "seconds"), [(6, 5, 96, 60), (3, 10, 96, 60), (3, 5, 192, 90)]
)
def test_time_grows_with_the_work(
    models: Path, measured: Experiment, folds: int, epochs: int, n_slices: int, seconds: float
) -> None:
    """Twice the folds or epochs: twice the epochs' time. Twice the slices: twice all of it."""
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
def test_what_cannot_be_compared_gives_no_estimate(
    models: Path, measured: Experiment, protocol: Protocol, n_slices: int
) -> None:
    """Another architecture, other frameworks, or a very different amount of work."""
    assert estimate_duration(models, protocol, n_slices) is None


def test_the_nearest_counts(models: Path, measured: Experiment) -> None:
    """Of two measurements the one with more similar work is taken."""
    larger = write_tiny_experiment(models, "larger", n_patients=48)
    larger.card["protocol"]["architecture"] = "plain"
    remember_duration(models, larger, 100.0)
    found = estimate_duration(models, Protocol(folds=3, architecture="plain", epochs=5), 350)
    assert found is not None
    assert "larger" == found.rests_on


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
def test_damaged_notes_are_passed_over(models: Path, content: str) -> None:
    """They are a help, not a record."""
    trainings_folder(models).mkdir()
    (trainings_folder(models) / ".durations.json").write_text(content)
    assert estimate_duration(models, Protocol(architecture="plain"), 100) is None
