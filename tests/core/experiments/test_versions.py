"""Newly trained networks take the place of an experiment under its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ExperimentError
from core.experiments import Experiment, add_files, find_experiment, read_history, succeed, update_card
from core.validation import fit_site, list_sites, list_validations, open_site
from tests.builders import write_tiny_experiment, write_tiny_validation


@pytest.fixture
def pair(models: Path) -> tuple[Experiment, Experiment]:
    """The experiment "tiny", and networks trained anew as "tiny-2", each with two validations."""
    earlier = write_tiny_experiment(models, calibrated=True)
    successor = write_tiny_experiment(models, "tiny-2", seed=1, calibrated=True, shifts=(0.1, 0.2, 0.3))
    for experiment, names in ((earlier, ("north", "hospital")), (successor, ("north", "south"))):
        for name in names:
            fit_site(experiment, write_tiny_validation(experiment, name, n_patients=40), n_resamples=50)
    return earlier, successor


def test_the_name_has_the_new_networks_and_the_next_version(pair: tuple[Experiment, Experiment]) -> None:
    """Tables and networks are the successor's; its own name is gone; the row of the earlier one stays."""
    earlier, successor = pair
    predictions = successor.predictions()
    row = {"version": 1, "networks_digest": earlier.networks_digest}
    found = succeed(successor, earlier, row)
    assert ("tiny", 2) == (found.name, found.version)
    assert successor.networks_digest == found.networks_digest
    assert predictions.equals(found.predictions())
    assert [row] == read_history(find_experiment("tiny"))
    with pytest.raises(ExperimentError, match="no experiment"):
        find_experiment("tiny-2")


def test_a_third_version_keeps_both_earlier_rows(pair: tuple[Experiment, Experiment], models: Path) -> None:
    """History grows by one row with each succession."""
    second = succeed(pair[1], pair[0], {"version": 1})
    third = succeed(write_tiny_experiment(models, "tiny-3", seed=2), second, {"version": 2})
    assert 3 == third.version
    assert [1, 2] == [row["version"] for row in read_history(third)]


def test_validations_of_the_successor_replace_those_of_the_same_name(
    pair: tuple[Experiment, Experiment],
) -> None:
    """A hospital's own validation stays, as one of version 1; its calibration is refused and says why."""
    found = succeed(pair[1], pair[0], {"version": 1})
    known = {one.name: (one.is_current, one.details.get("version", 1)) for one in list_validations(found)}
    assert {"hospital": (False, 1), "north": (True, 2), "south": (True, 2)} == known
    assert ["north", "south"] == [site.name for site in list_sites(found)]
    assert "tiny" == open_site(found, "north").experiment
    with pytest.raises(ExperimentError, match=r"networks changed \(version 1 → 2\).*[Cc]alibrate again"):
        open_site(found, "hospital")


def test_another_question_is_refused(pair: tuple[Experiment, Experiment]) -> None:
    """Networks for another finding cannot take the name, and neither can the experiment itself."""
    earlier, successor = pair
    about = {"name": "ischemic lesion", "counts": "All."}
    other = update_card(successor, {"finding": {"key": "ischemia", **about}})
    with pytest.raises(ExperimentError, match="another question"):
        succeed(other, update_card(earlier, {"finding": {"key": "hemorrhage", **about}}), {})
    with pytest.raises(ExperimentError, match="itself"):
        succeed(earlier, earlier, {})
    assert 1 == find_experiment("tiny").version


def test_a_damaged_history_is_named(pair: tuple[Experiment, Experiment]) -> None:
    """A history that is no JSON is an error with the file's name."""
    changed = add_files(pair[0], {"versions.json": b"no"})
    with pytest.raises(ExperimentError, match=r"versions\.json is damaged"):
        read_history(changed)
