"""Counts and rates at a threshold, checked against scikit-learn."""

import numpy as np
import pytest
import sklearn.metrics as reference

from core.errors import EvaluationError
from core.evaluation.measures import list_keys, measures_at, rates, why_undefined
from core.evaluation.metrics import Confusion, check_scores, confusion_at, decide, predictive_values

NEED_BOTH = ("balanced_accuracy", "likelihood_ratio_positive", "likelihood_ratio_negative")


@pytest.fixture
def scored():
    """Return 500 labels and scores, rounded so that many equal a threshold."""
    rng = np.random.default_rng(3)
    y_true = (rng.random(500) < 0.2).astype(int)
    return y_true, np.round(rng.random(500) * 0.7 + 0.3 * y_true, 1)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.9])
def test_confusion_equals_sklearn(scored, threshold):
    """The table is scikit-learn's for the rule score >= threshold."""
    y_true, y_score = scored
    expected = reference.confusion_matrix(y_true, y_score >= threshold, labels=[0, 1]).ravel().tolist()
    table = confusion_at(y_true, y_score, threshold)
    assert expected == [table.tn, table.fp, table.fn, table.tp]
    assert 500 == table.n


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.9])
def test_measures_equal_sklearn(scored, threshold):
    """Each measure is scikit-learn's."""
    y_true, y_score = scored
    called = y_score >= threshold
    ratios = reference.class_likelihood_ratios(y_true, called)
    expected = {
        "accuracy": reference.accuracy_score(y_true, called),
        "balanced_accuracy": reference.balanced_accuracy_score(y_true, called),
        "npv": reference.precision_score(y_true, called, pos_label=0),
        "likelihood_ratio_positive": ratios[0],
        "likelihood_ratio_negative": ratios[1],
        "precision": reference.precision_score(y_true, called),
        "recall": reference.recall_score(y_true, called),
        "specificity": reference.recall_score(y_true, called, pos_label=0),
        "f1": reference.f1_score(y_true, called),
    }
    expected = {name: None if np.isnan(value) else value for name, value in expected.items()}
    assert pytest.approx(expected, abs=1e-12) == measures_at(y_true, y_score, threshold)


def test_a_score_on_the_threshold_is_positive():
    """The decision rule is >=, not >."""
    assert [False, True, True] == decide([0.49, 0.5, 0.51], 0.5).tolist()


@pytest.mark.parametrize(
    ("table", "undefined"),
    [
        (Confusion(0, 0, 0, 0), set(list_keys("rate"))),
        (Confusion(tn=4, fp=0, fn=0, tp=0), {"precision", "recall", "f1", *NEED_BOTH}),
        (Confusion(tn=4, fp=2, fn=0, tp=0), {"recall", "f1", *NEED_BOTH}),
        (Confusion(tn=4, fp=0, fn=2, tp=0), {"precision", "likelihood_ratio_positive"}),
        (Confusion(tn=0, fp=0, fn=1, tp=3), {"specificity", *NEED_BOTH}),
        (Confusion(tn=0, fp=2, fn=0, tp=3), {"npv", "likelihood_ratio_negative"}),
        (Confusion(tn=1, fp=1, fn=1, tp=1), set()),
    ],
)
def test_undefined_measures_are_nan_with_a_reason(table, undefined):
    """Rates that cannot be estimated are NaN, and exactly these have a reason."""
    found = rates(**table.to_dict())
    assert undefined == {name for name, value in found.items() if np.isnan(value)}
    assert undefined == set(why_undefined(table))


def test_rates_of_many_tables_at_once():
    """Arrays of counts give arrays of rates, with NaN where undefined."""
    found = rates(tn=[1, 0], fp=[1, 0], fn=[0, 1], tp=[2, 1])
    np.testing.assert_allclose([0.5, np.nan], found["specificity"])
    np.testing.assert_allclose([1.0, 0.5], found["recall"])


def test_no_positive_called_gives_none():
    """A rate without a value is None, not zero."""
    assert measures_at([0, 1], [0.1, 0.2], 0.9)["precision"] is None


@pytest.mark.parametrize(
    ("y_true", "y_score", "words"),
    [
        ([0, 1], [0.1], "same length"),
        ([[0, 1]], [[0.1, 0.2]], "same length"),
        ([0, 2], [0.1, 0.2], "labels must be 0 or 1"),
        ([0, None], [0.1, 0.2], "labels must be 0 or 1"),
        ([0, 1], [0.1, np.nan], "1 of 2 are NaN"),
        ([0, 1], [0.1, np.inf], "NaN or infinite"),
        ([0, 1], ["a", "b"], "scores must be numbers"),
    ],
)
def test_unusable_input_is_named(y_true, y_score, words):
    """Each kind of wrong input is named in the error."""
    with pytest.raises(EvaluationError, match=words) as caught:
        check_scores(y_true, y_score)
    assert "not_estimable" == caught.value.code


def test_a_threshold_of_nan_is_refused():
    """A threshold of NaN, which would call everything negative, is refused."""
    with pytest.raises(EvaluationError, match="threshold"):
        confusion_at([0, 1], [0.1, 0.2], np.nan)


def test_predictive_values_at_the_tables_own_prevalence():
    """Bayes' theorem at the prevalence of the table gives its predictive values."""
    table = rates(tn=70, fp=10, fn=5, tp=15)
    found = predictive_values(table["recall"], table["specificity"], prevalence=0.2)
    np.testing.assert_allclose([table["precision"], table["npv"]], found)


def test_predictive_values_at_another_prevalence():
    """Eddy's mammography problem: sensitivity 0.79, specificity 0.904, prevalence 0.01, so PPV 0.077."""
    ppv, npv = predictive_values(0.79, 0.904, prevalence=0.01)
    assert pytest.approx([0.0767, 0.9977], abs=5e-5) == [float(ppv), float(npv)]


def test_undefined_ratios_and_predictive_values_are_nan():
    """Infinite ratios, and predictive values without calls of their kind, are undefined."""
    assert np.isnan(rates(tn=5, fp=0, fn=1, tp=3)["likelihood_ratio_positive"])
    assert np.isnan(rates(tn=0, fp=5, fn=1, tp=3)["likelihood_ratio_negative"])
    assert [True, False] == np.isnan(predictive_values(0.0, 1.0, prevalence=0.1)).tolist()
    assert [True, True] == np.isnan(predictive_values(np.nan, 0.5, prevalence=0.1)).tolist()


@pytest.mark.parametrize("prevalence", [0, 1, -0.2, np.nan])
def test_an_impossible_prevalence_is_refused(prevalence):
    """A prevalence outside (0, 1) or NaN is refused."""
    with pytest.raises(EvaluationError, match="between 0 and 1"):
        predictive_values(0.5, 0.5, prevalence=prevalence)


def test_every_undefined_measure_has_its_reason():
    """For every table with counts of 0 or 2, exactly the undefined rates have a reason."""
    for cells in np.ndindex(2, 2, 2, 2):
        counts = Confusion(*(2 * cell for cell in cells))
        undefined = {name for name, value in rates(**counts.to_dict()).items() if np.isnan(value)}
        assert undefined == set(why_undefined(counts)), counts
