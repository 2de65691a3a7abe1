"""Recalibration as stored on the card."""

import numpy as np
import pandas as pd
import pytest

from core.errors import EvaluationError
from core.evaluation.calibration import (
    IDENTITY,
    calibration_error,
    cross_fit_recalibration,
    fit_recalibration,
)
from core.evaluation.recalibration import fit_calibrations, recalibrate, served_recalibration


def predictions(folds=3, n=900, seed=0):
    """Return test and validation rows of networks with probabilities too high, as from class weights."""
    rng = np.random.default_rng(seed)
    x = rng.normal(-2, 1.5, 2 * n)
    label = (rng.random(2 * n) < 1 / (1 + np.exp(-x))).astype(int)
    table = pd.DataFrame({"label": label, "fold": np.arange(2 * n) % folds, "part": "test"})
    table.loc[n:, "part"] = "validation"
    table["pytorch"] = 1 / (1 + np.exp(-(1.5 * x + 2)))
    table["keras"] = 1 / (1 + np.exp(-(0.8 * x + 1)))
    return table


def test_folds_are_calibrated_by_the_others():
    """A fold's fit uses the test rows of the other folds; the served model's fit uses all test rows."""
    table = predictions()
    found = fit_calibrations(table, ("pytorch",))["pytorch"]
    test = table[table["part"] == "test"]
    expected, fits = cross_fit_recalibration(
        test["label"], test["pytorch"], test["fold"], with_intercept=True
    )
    after = recalibrate(table, {"pytorch": found})
    np.testing.assert_array_equal(expected, after.loc[test.index, "pytorch"])
    assert [0, 1, 2] == [entry["fold"] for entry in found["folds"]]
    assert fit_recalibration(test["label"], test["pytorch"], with_intercept=True) == served_recalibration(
        found
    )
    validation = table[(table["part"] == "validation") & (table["fold"] == 1)]
    np.testing.assert_array_equal(
        fits[1].apply(validation["pytorch"]), after.loc[validation.index, "pytorch"]
    )


def test_an_intercept_corrects_class_weights_and_a_temperature_cannot():
    """Probabilities that are too high everywhere are corrected by an intercept, not by a temperature."""
    table = predictions()
    errors = {}
    for method in ("platt", "temperature"):
        after = recalibrate(table, fit_calibrations(table, ("keras",), method=method))
        errors[method] = calibration_error(after["label"], after["keras"])
    assert errors["platt"] < 0.03 < 0.1 < errors["temperature"]
    entries = fit_calibrations(table, ("keras",), method="temperature")["keras"]["folds"]
    assert {0.0} == {entry["intercept"] for entry in entries}


def test_one_fold_is_calibrated_on_its_validation_rows():
    """With one fold, the fit uses validation rows and no test rows."""
    table = predictions(folds=1)
    found = fit_calibrations(table, ("keras",))["keras"]
    rows = table[table["part"] == "validation"]
    expected = fit_recalibration(rows["label"], rows["keras"], with_intercept=True)
    assert expected == served_recalibration(found)
    assert [{"fold": 0, **found["served"]}] == found["folds"]
    flipped = table.assign(label=np.where(table["part"] == "test", 1 - table["label"], table["label"]))
    assert found == fit_calibrations(flipped, ("keras",))["keras"]


def test_if_a_fold_cannot_be_fitted_all_stay_raw():
    """If one fold has no fit, the entry is null with a reason, and every probability stays the same."""
    table = predictions()
    table.loc[(table["fold"] != 2) & (table["part"] == "test"), "label"] = 0
    found = fit_calibrations(table, ("pytorch", "keras"))
    assert (None, []) == (found["keras"]["served"], found["keras"]["folds"])
    assert "both classes" in found["keras"]["reason"]
    pd.testing.assert_frame_equal(table, recalibrate(table, found), check_exact=True)
    assert IDENTITY == served_recalibration(found["keras"]) == served_recalibration(None)


def test_the_identity_changes_nothing():
    """The identity returns exactly the same probabilities, even saturated ones."""
    values = np.array([0.0, 1e-9, 0.1 + 0.2, 1.0])
    np.testing.assert_array_equal(values, IDENTITY.apply(values))


def test_an_unknown_method_is_refused():
    """An unknown method is refused."""
    with pytest.raises(EvaluationError, match='"platt" or "temperature"'):
        fit_calibrations(predictions(), ("keras",), method="isotonic")
