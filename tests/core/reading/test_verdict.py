"""From slices to a study: counted slices, decision and operating point."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.evaluation.operating_points import choose_operating_points, validation_scores
from core.experiments import add_files
from core.reading.verdict import StudyRule, make_study_rules, reach_verdicts
from tests.builders import write_tiny_experiment

RULES = {"pytorch": StudyRule(0.4, (0.35, 0.45)), "keras": StudyRule(0.6, None)}
PROBABILITIES = {"pytorch": [0.1, 0.9, 0.5, 0.0], "keras": [0.2, 0.4, 0.6, 0.0]}


def test_the_score_is_the_mean_of_the_slices_that_vote() -> None:
    """Slices without brain neither raise nor lower the score."""
    verdicts = reach_verdicts(PROBABILITIES, [True, True, True, False], RULES)
    assert {"pytorch": 0.5, "keras": 0.4} == {
        name: pytest.approx(verdict.score) for name, verdict in verdicts.items()
    }
    assert [3, 3] == [verdict.n_counted for verdict in verdicts.values()]
    assert [True, False] == [verdict.positive for verdict in verdicts.values()]


def test_the_driving_slices_come_strongest_first() -> None:
    """At most five counted slices are named, by their index in the study."""
    probabilities = {"pytorch": [0.1, 0.9, 0.5, 0.99, 0.2, 0.3, 0.4]}
    counted = [True, True, True, False, True, True, True]
    verdict = reach_verdicts(probabilities, counted, {"pytorch": RULES["pytorch"]})["pytorch"]
    assert (1, 2, 6, 5, 4) == verdict.key_slices


def test_a_score_near_the_operating_point_needs_review() -> None:
    """A verdict within the band needs review; without a band none does."""
    near = reach_verdicts({"pytorch": [0.41], "keras": [0.61]}, [True], RULES)
    assert [(True, True), (True, False)] == [(v.positive, v.review) for v in near.values()]


def test_no_vote_no_verdict() -> None:
    """A study without a slice of brain gets no verdict."""
    assert {} == reach_verdicts(PROBABILITIES, [False] * 4, RULES)


def test_the_operating_point_is_that_of_validation_patients(tmp_path: Path) -> None:
    """If the experiment does not know which slices show brain, all count, as in the evaluation."""
    experiment = write_tiny_experiment(tmp_path)
    found = make_study_rules(experiment)
    table = experiment.calibrated_predictions()
    assert {
        name: choose_operating_points(*validation_scores(table, name)["patient"])["youden"]
        for name in experiment.frameworks
    } == {name: rule.threshold for name, rule in found.items()}


def test_validation_patients_are_scored_on_brain_too(tmp_path: Path) -> None:
    """If the experiment knows which slices show brain, the operating point is chosen on these alone."""
    experiment = write_tiny_experiment(tmp_path)
    properties = experiment.slices()[["file"]].assign(brightness=0.5, position=0.5, level="middle")
    properties["brain_visible"] = np.arange(len(properties)) % 2
    knowing = add_files(experiment, {"properties.csv": properties.to_csv(index=False).encode()})
    table = experiment.calibrated_predictions()
    seen = table[table["file"].isin(properties.loc[properties["brain_visible"] == 1, "file"])]
    expected = choose_operating_points(*validation_scores(seen, "pytorch")["patient"])["youden"]
    assert expected == make_study_rules(knowing)["pytorch"].threshold
    assert expected != make_study_rules(experiment)["pytorch"].threshold


def test_unknown_patients_leave_no_rule(tmp_path: Path) -> None:
    """If patients are unknown, there is no rule for studies."""
    slices = write_tiny_experiment(tmp_path, "known").slices()
    experiment = write_tiny_experiment(
        tmp_path, "unknown", split="random", table=slices.assign(patient=""), fingerprint="0" * 64
    )
    assert {} == make_study_rules(experiment)
