"""Thresholds chosen on validation data, checked by trying every threshold."""

import numpy as np
import pandas as pd
import pytest

from core.errors import EvaluationError
from core.evaluation.measures import measures_at
from core.evaluation.metrics import decide
from core.evaluation.operating_points import (
    RULES,
    SOURCES_RULE,
    choose_operating_points,
    operating_points_of,
    review_bands_of,
    validation_scores,
)
from core.evaluation.patients import score_study
from core.evaluation.review import choose_band


@pytest.fixture(params=range(6))
def scored(request):
    """Return 300 labels and scores for each seed; odd seeds have many ties."""
    rng = np.random.default_rng(request.param)
    y_true = (rng.random(300) < 0.2).astype(int)
    y_score = 1 / (1 + np.exp(-rng.normal(1.5 * y_true - 1)))
    return y_true, np.round(y_score, 2) if request.param % 2 else y_score


def every_threshold(y_true, y_score):
    """Return all possible decisions, in ascending order of threshold, with their rates."""
    levels = np.unique(y_score)
    thresholds = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [2.0]])
    return [(t, measures_at(y_true, y_score, t)) for t in thresholds]


def test_each_rule_finds_the_best_threshold(scored):
    """The chosen decisions are the best; among equal ones, those of the lowest threshold."""
    tried = every_threshold(*scored)
    best = {
        "youden": max(tried, key=lambda t: (round(t[1]["recall"] + t[1]["specificity"], 12), -t[0])),
        "f1": max(tried, key=lambda t: (round(t[1]["f1"], 12), -t[0])),
        "sensitivity_90": [t for t in tried if t[1]["recall"] >= 0.9][-1],
        "specificity_90": next(t for t in tried if t[1]["specificity"] >= 0.9),
    }
    chosen = choose_operating_points(*scored)
    assert set(RULES) - {SOURCES_RULE} == set(chosen)
    for rule, (threshold, _) in best.items():
        assert decide(scored[1], threshold).tolist() == decide(scored[1], chosen[rule]).tolist(), rule


def test_thresholds_lie_midway_between_scores(scored):
    """No score equals a threshold, so a rounding error changes no decision."""
    y_true, y_score = scored
    for threshold in choose_operating_points(y_true, y_score).values():
        before = decide(y_score, threshold)
        assert before.tolist() == decide(y_score.astype(np.float32), threshold).tolist()
        assert np.abs(y_score - threshold).min() > 1e-7


def test_ninety_percent_is_counted_exactly():
    """Nine of ten positives are enough for a sensitivity of 0.90, regardless of rounding."""
    y_true = np.array([0] * 10 + [1] * 10)
    y_score = np.linspace(0.05, 0.95, 20)
    points = choose_operating_points(y_true, y_score)
    assert 0.9 == measures_at(y_true, y_score, points["sensitivity_90"])["recall"]
    assert 0.9 == measures_at(y_true, y_score, points["specificity_90"])["specificity"]


def test_ties_go_to_the_lowest_threshold():
    """Of two thresholds with the same Youden index, the one that misses fewer positives is chosen."""
    y_true, y_score = [0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]
    assert pytest.approx(0.15) == choose_operating_points(y_true, y_score)["youden"]


def test_ties_of_f1_go_to_the_lowest_threshold_too():
    """Of two thresholds with an F1 of 2/3, the one that misses no positive is chosen."""
    assert pytest.approx(0.05) == choose_operating_points([1, 0, 0, 1], [0.1, 0.2, 0.3, 0.4])["f1"]


def test_neighbouring_floats_are_still_separated():
    """Scores one rounding step apart are separated, although there is no float between them."""
    low, high = 0.5, np.nextafter(0.5, 1.0)
    points = choose_operating_points([0, 1], [low, high])
    assert [False, True] == decide([low, high], points["youden"]).tolist()


def test_extreme_probabilities_can_all_be_called_negative():
    """If most negatives score 1, only a threshold above 1 has a specificity of 0.90."""
    y_true, y_score = [0, 0, 0, 1, 1], [1.0, 1.0, 0.0, 1.0, 0.0]
    points = choose_operating_points(y_true, y_score)
    assert 1.0 == measures_at(y_true, y_score, points["specificity_90"])["specificity"]
    assert 1.0 == measures_at(y_true, y_score, points["sensitivity_90"])["recall"]


@pytest.mark.parametrize(
    ("y_true", "y_score", "words"),
    [
        ([0, 0], [0.1, 0.2], "both classes"),
        ([1, 1], [0.1, 0.2], "both classes"),
        ([], [], "both classes"),
        ([0, 1], [0.1, np.nan], "NaN"),
        ([0, 1], [0.4, 0.4], "all equal"),
        ([0, 1], [-3.0, 0.4], "between 0 and 1"),
        ([0, 1], [0.1, 1.4], "between 0 and 1"),
    ],
)
def test_a_missing_threshold_is_an_error(y_true, y_score, words):
    """One class, NaN, equal scores or scores outside [0, 1] raise an error with the reason."""
    with pytest.raises(EvaluationError, match=words):
        choose_operating_points(y_true, y_score)


def predictions():
    """Return four validation patients in two folds each, and test rows that would change every choice."""
    rows = []
    for fold in (0, 1):
        for patient, label in (("a", 0), ("b", 0), ("c", 1), ("d", 1)):
            for k in range(3):
                score = 0.2 + 0.4 * label + 0.02 * k + 0.1 * fold
                rows.append((patient, label * (k > 0), fold, "validation", score))
    rows += [("e", 1, 0, "test", 0.01), ("f", 0, 0, "test", 0.99)]
    return pd.DataFrame(rows, columns=["patient", "label", "fold", "part", "pytorch"])


def test_points_of_a_table_use_validation_rows_only():
    """Slices are pooled over folds, patients counted once per fold; test rows are not used."""
    table = predictions()
    validation = table[table["part"] == "validation"]
    expected_slice = choose_operating_points(validation["label"], validation["pytorch"])
    by_fold = validation.groupby(["fold", "patient"]).agg({"label": "max", "pytorch": score_study})
    expected_patient = choose_operating_points(by_fold["label"], by_fold["pytorch"])
    expected = {"pytorch": {"slice": expected_slice, "patient": expected_patient}}
    assert expected == operating_points_of(table, ("pytorch",))


def test_unknown_patients_have_no_patient_level():
    """If patients are unknown, there are operating points for slices only."""
    table = predictions().assign(patient="")
    assert {"slice"} == set(operating_points_of(table, ("pytorch",))["pytorch"])


def test_one_class_of_patients_has_no_patient_level():
    """If all validation patients are positive, there are operating points for slices only."""
    table = predictions()
    table.loc[table["patient"].isin(["a", "b"]) & (table["part"] == "validation"), "part"] = "train"
    assert {"slice"} == set(operating_points_of(table, ("pytorch",))["pytorch"])


def test_bands_lie_around_the_points_of_their_level():
    """Each band is chosen on the validation scores of its level; a threshold of None has no band."""
    table = predictions()
    points = {"pytorch": {"slice": {"youden": 0.5, "f1": None}, "patient": {"youden": 0.4}}}
    found = review_bands_of(table, points)["pytorch"]
    scores = {level: scores for level, (_, scores) in validation_scores(table, "pytorch").items()}
    assert choose_band(scores["slice"], 0.5) == found["slice"]["youden"]
    assert choose_band(scores["patient"], 0.4) == found["patient"]["youden"]
    assert found["slice"]["f1"] is None


def test_without_validation_rows_there_are_no_bands():
    """Test rows are not used for bands."""
    table = predictions().query("part == 'test'")
    found = review_bands_of(table, {"pytorch": {"slice": {"youden": 0.5}}})
    assert {"pytorch": {"slice": {"youden": None}}} == found
