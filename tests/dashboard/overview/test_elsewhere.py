"""The words on the thresholds behind the results elsewhere."""

from __future__ import annotations

from pathlib import Path

from core.sources import set_thresholds
from dashboard.overview.elsewhere import describe_thresholds
from tests.builders import write_tiny_experiment, write_tiny_validation


def test_results_are_optimistic_only_on_slices_that_chose(tmp_path: Path) -> None:
    """Slices by which the thresholds were chosen are named, unless all were; new ones are not among them."""
    experiment = write_tiny_experiment(tmp_path, calibrated=True)
    own = "At the thresholds chosen on the experiment's own data, with 95 % intervals."
    assert own == describe_thresholds(experiment)
    write_tiny_validation(experiment, "north", n_patients=40)
    chosen = set_thresholds(experiment)
    said = "Too optimistic: the thresholds were chosen with these slices, except those kept aside."
    assert said in describe_thresholds(chosen)
    write_tiny_validation(chosen, "new", sources=("south",))
    assert "Too optimistic for North: " in describe_thresholds(chosen)


def test_without_slices_that_chose_nothing_is_optimistic(tmp_path: Path) -> None:
    """An experiment on several sources chose its thresholds on its own data."""
    experiment = write_tiny_experiment(tmp_path, n_patients=36, calibrated=True, sources=("east", "west"))
    chosen = set_thresholds(experiment)
    write_tiny_validation(chosen, "new")
    said = "With 95 % intervals. These slices were not used to choose any setting."
    assert said == describe_thresholds(chosen)


def test_hospitals_that_were_learned_from_are_not_new(tmp_path: Path) -> None:
    """A validation on slices of an own source is said to be of the same hospitals."""
    experiment = write_tiny_experiment(tmp_path, n_patients=36, calibrated=True, sources=("east", "west"))
    chosen = set_thresholds(experiment)
    write_tiny_validation(chosen, "east", sources=("east",))
    assert describe_thresholds(chosen).endswith("so this is no test in a new hospital.")
