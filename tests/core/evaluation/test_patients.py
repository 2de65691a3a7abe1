"""Labels and scores of patients."""

import numpy as np
import pandas as pd
import pytest

from core.errors import EvaluationError
from core.evaluation.patients import patient_level, patient_names, score_patients


@pytest.fixture
def table():
    """Return three patients with names that sort as text, one of them in two folds."""
    return pd.DataFrame(
        {
            "patient": ["10", "10", "9", "9", "x"],
            "label": [0, 1, 0, 0, 1],
            "fold": [0, 1, 0, 0, 1],
            "keras": [0.2, 0.6, 0.1, 0.3, 0.9],
        }
    )


def test_score_is_the_mean_and_label_any(table):
    """A patient's score is the mean over its slices; one positive slice makes it positive."""
    y_true, y_score, patients = patient_level(table, "keras")
    assert ["10", "9", "x"] == patients.tolist()
    assert [1, 0, 1] == y_true.tolist()
    np.testing.assert_allclose([0.4, 0.2, 0.9], y_score)


def test_patients_with_many_slices_and_few():
    """Every patient has the mean of its slices, in the order of the codes."""
    rng = np.random.default_rng(0)
    codes = np.append(rng.integers(0, 7, 90), np.arange(7))
    scores = rng.random(97)
    expected = [scores[codes == patient].mean() for patient in range(7)]
    np.testing.assert_allclose(expected, score_patients(scores, codes, 7))


def test_by_fold_a_patient_counts_once_per_fold(table):
    """A patient in two folds was scored by two networks and gives two rows."""
    y_true, y_score, patients = patient_level(table, "keras", by_fold=True)
    assert ["10", "10", "9", "x"] == patients.tolist()
    assert [0, 1, 0, 1] == y_true.tolist()
    np.testing.assert_allclose([0.2, 0.6, 0.2, 0.9], y_score)


@pytest.mark.parametrize("unknown", ["", "  ", None, np.nan])
def test_one_unknown_patient_makes_all_unknown(table, unknown):
    """If one slice's patient is unknown, slices are not grouped at all."""
    table["patient"] = table["patient"].astype(object)
    table.loc[1, "patient"] = unknown
    assert patient_names(table) is None
    with pytest.raises(EvaluationError, match="patients are unknown"):
        patient_level(table, "keras")


def test_without_the_column_patients_are_unknown(table):
    """In a table without the column, patients are unknown."""
    assert patient_names(table.drop(columns="patient")) is None


def test_numbers_as_names(table):
    """Patients read from a file as numbers become names."""
    table["patient"] = [1, 1, 2, 2, 3]
    assert ["1", "2", "3"] == patient_level(table, "keras")[2].tolist()


def test_nan_scores_are_refused(table):
    """NaN in a score is refused: a mean would hide that a network failed on a slice."""
    table.loc[0, "keras"] = np.nan
    with pytest.raises(EvaluationError, match="1 of 5 are NaN"):
        patient_level(table, "keras")
