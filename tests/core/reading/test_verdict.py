"""From slices to a study: counted slices, decision and operating point."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.evaluation import patient_level
from core.experiments import SHIPPED, Experiment, add_files, find_experiment
from core.reading.verdict import StudyRule, make_study_rules, reach_verdicts
from tests.builders import sum_odds, write_tiny_experiment

RULES = {"pytorch": StudyRule(0.4, (0.35, 0.45)), "keras": StudyRule(0.6, None)}
PROBABILITIES = {"pytorch": [0.1, 0.9, 0.5, 0.0], "keras": [0.2, 0.4, 0.6, 0.0]}


def test_the_score_is_that_of_the_slices_that_vote() -> None:
    """Slices without brain neither raise nor lower the score."""
    verdicts = reach_verdicts(PROBABILITIES, [True, True, True, False], RULES)
    assert {"pytorch": sum_odds([0.1, 0.9, 0.5]), "keras": sum_odds([0.2, 0.4, 0.6])} == {
        name: pytest.approx(verdict.score) for name, verdict in verdicts.items()
    }
    assert [3, 3] == [verdict.n_counted for verdict in verdicts.values()]
    assert ["flagged", "not_flagged"] == [verdict.outcome for verdict in verdicts.values()]


def test_the_recorded_slices_of_a_patient_give_its_recorded_score(tmp_path: Path) -> None:
    """Reading and evaluation score a patient alike, with and without knowing which slices show brain."""
    experiment = write_tiny_experiment(tmp_path)
    properties = experiment.slices()[["file"]].assign(brightness=0.5, position=0.5, level="middle")
    properties["brain_visible"] = np.arange(len(properties)) % 3 != 0
    properties["brain_visible"] = properties["brain_visible"].astype(int)
    knowing = add_files(experiment, {"properties.csv": properties.to_csv(index=False).encode()})
    check_scores(experiment)
    check_scores(knowing)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_recorded_slices_of_a_shipped_experiment_give_the_recorded_scores(name: str) -> None:
    """Every patient of the shipped experiments is served the score that was measured."""
    check_scores(find_experiment(name))


def check_scores(experiment: Experiment) -> None:
    """Compare the score of each held-out patient, read slice by slice, with its score in the evaluation."""
    tested = experiment.calibrated_predictions().query("part == 'test'")
    rules = make_study_rules(experiment)
    points, usual = experiment.card["operating_points"], experiment.card["default_operating_point"]
    assert set(experiment.frameworks) == set(rules)
    for framework, rule in rules.items():
        _, scores, names = patient_level(tested, framework)
        for name, score in zip(names, scores, strict=True):
            rows = tested[tested["patient"] == name]
            counted = rows["counted"] == 1 if "counted" in rows else [True] * len(rows)
            verdict = reach_verdicts({framework: rows[framework].tolist()}, list(counted), {framework: rule})
            assert score == verdict[framework].score
            assert points[framework]["patient"][usual] == verdict[framework].threshold


def test_uncounted_slices_leave_the_same_gap_in_both(tmp_path: Path) -> None:
    """A slice beside one that does not count stands for more height, in reading as in evaluation."""
    experiment = write_tiny_experiment(tmp_path)
    tested = experiment.calibrated_predictions().query("part == 'test'")
    n = tested.groupby("patient").cumcount().to_numpy()
    tested = tested.assign(position_mm=3.0 * n + (n > 2), counted=(n % 3 != 1).astype(int))
    for framework, rule in make_study_rules(experiment).items():
        _, scores, names = patient_level(tested, framework)
        _, even, _ = patient_level(tested.drop(columns="position_mm"), framework)
        assert (scores != even).all()
        for name, score in zip(names, scores, strict=True):
            rows = tested[tested["patient"] == name]
            values, rules = {framework: rows[framework].tolist()}, {framework: rule}
            verdict = reach_verdicts(values, list(rows["counted"] == 1), rules, list(rows["position_mm"]))
            assert score == verdict[framework].score


def test_the_driving_slices_come_strongest_first() -> None:
    """At most five counted slices are named, by their index in the study."""
    probabilities = {"pytorch": [0.1, 0.9, 0.5, 0.99, 0.2, 0.3, 0.4]}
    counted = [True, True, True, False, True, True, True]
    verdict = reach_verdicts(probabilities, counted, {"pytorch": RULES["pytorch"]})["pytorch"]
    assert (1, 2, 6, 5, 4) == verdict.key_slices


def test_a_score_near_the_operating_point_needs_review() -> None:
    """A verdict within the band needs review; without a band none does."""
    near = reach_verdicts({"pytorch": [0.41] * 2, "keras": [0.61] * 2}, [True] * 2, RULES)
    assert [("uncertain", True), ("flagged", False)] == [(v.outcome, v.review) for v in near.values()]


def test_no_vote_no_verdict() -> None:
    """A study without a slice of brain has no score, and is not judged."""
    verdicts = reach_verdicts(PROBABILITIES, [False] * 4, RULES)
    assert {(None, "not_judged", 0, ())} == {
        (one.score, one.outcome, one.n_counted, one.key_slices) for one in verdicts.values()
    }


def test_the_operating_point_is_the_cards(tmp_path: Path) -> None:
    """Studies are decided at the card's threshold and band of patients, at its default rule."""
    experiment = write_tiny_experiment(tmp_path, calibrated=True)
    expected = {
        name: StudyRule(experiment.threshold(name, "patient"), experiment.review_band(name, "patient"))
        for name in experiment.frameworks
    }
    assert expected == make_study_rules(experiment)


def test_unknown_patients_leave_no_rule(tmp_path: Path) -> None:
    """If patients are unknown, there is no rule for studies."""
    slices = write_tiny_experiment(tmp_path, "known").slices()
    experiment = write_tiny_experiment(
        tmp_path, "unknown", split="random", table=slices.assign(patient=""), fingerprint="0" * 64
    )
    assert {} == make_study_rules(experiment)
