"""Labels and scores of patients."""

import numpy as np
import pandas as pd
import pytest

from core.errors import EvaluationError
from core.evaluation.patients import (
    ASSUMED_SPACING_MM,
    SPAN_MM,
    measure_widths,
    patient_level,
    patient_names,
    score_study,
    unit_names,
)


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


def by_hand(probabilities, width_mm=ASSUMED_SPACING_MM):
    """Return the score of slices that each stand for the same height, with a plain sum of odds."""
    odds = np.array(probabilities) / (1 - np.array(probabilities))
    found = np.sum(odds**3 * width_mm / SPAN_MM) ** (1 / 3)
    return found / (1 + found)


def test_a_patient_has_the_score_of_its_slices_and_any_label(table):
    """A patient's score is that of `score_study`; one positive slice makes the patient positive."""
    y_true, y_score, patients = patient_level(table, "keras")
    assert ["10", "9", "x"] == patients.tolist()
    assert [1, 0, 1] == y_true.tolist()
    np.testing.assert_allclose([by_hand([0.2, 0.6]), by_hand([0.1, 0.3]), by_hand([0.9])], y_score)


def test_only_slices_that_count_are_scored_but_all_are_labeled(table):
    """Slices without brain change no score; a patient without any other is left out."""
    y_true, y_score, patients = patient_level(table.assign(counted=[1, 0, 1, 1, 0]), "keras")
    assert ["10", "9"] == patients.tolist()
    assert [1, 0] == y_true.tolist()
    np.testing.assert_allclose([by_hand([0.2]), by_hand([0.1, 0.3])], y_score)


def test_positions_are_used_where_all_of_a_patient_are_known(table):
    """A patient's slices stand for the height between them; with one position unknown, for 5 mm each."""
    _, y_score, _ = patient_level(table.assign(position_mm=[7.5, 0, 3, np.nan, 1]), "keras")
    np.testing.assert_allclose([by_hand([0.2, 0.6], 7.5), by_hand([0.1, 0.3]), by_hand([0.9])], y_score)


def test_a_finding_over_the_whole_span_scores_its_probability():
    """If slices over 10 mm of height have one probability and the others none, the study scores it."""
    for probability in (0.05, 0.5, 0.9):
        np.testing.assert_allclose(probability, score_study([0, probability, probability, 0]), atol=1e-5)


def test_the_thickness_of_slices_changes_no_score():
    """Five thin copies in place of every slice give the same score, in any order."""
    rng = np.random.default_rng(0)
    slices, places = rng.random(20), np.arange(20) * 5.0
    thin = np.repeat(slices, 5), (places[:, None] + np.arange(-2, 3)).ravel()
    order = rng.permutation(100)
    np.testing.assert_allclose(score_study(slices), score_study(slices, places))
    np.testing.assert_allclose(score_study(slices, places), score_study(thin[0][order], thin[1][order]))


def test_more_slices_without_a_finding_hardly_change_a_score():
    """A stack twice as high, with nothing in the added slices, scores the same within a hundredth."""
    stack = [0.02] * 10 + [0.5, 0.7, 0.4] + [0.02] * 10
    np.testing.assert_allclose(score_study(stack), score_study(stack + [0.02] * 23), atol=0.01)


def test_a_gap_does_not_make_a_slice_count_for_more():
    """Beside a gap, a slice stands for 10 mm at most, and slices at one position share its height."""
    assert [4, 10, 10, 4] == measure_widths([0, 4, 60, 64]).tolist()
    assert [5] == measure_widths([3]).tolist()
    assert [2.5, 2.5] == measure_widths([3, 3]).tolist()


def test_a_study_without_a_slice_has_no_score():
    """Nothing is invented for a study in which no slice counts."""
    with pytest.raises(EvaluationError, match="no score"):
        score_study([])


def test_by_fold_a_patient_counts_once_per_fold(table):
    """A patient in two folds was scored by two networks and gives two rows."""
    y_true, y_score, patients = patient_level(table, "keras", by_fold=True)
    assert ["10", "10", "9", "x"] == patients.tolist()
    assert [0, 1, 0, 1] == y_true.tolist()
    np.testing.assert_allclose([by_hand([p]) for p in (0.2, 0.6)], y_score[:2])
    np.testing.assert_allclose([by_hand([0.1, 0.3]), by_hand([0.9])], y_score[2:])


@pytest.mark.parametrize("unknown", ["", "  ", None, np.nan])
def test_a_slice_of_an_unknown_patient_is_a_unit_of_its_own(table, unknown):
    """It is resampled by itself, and no patient has it; if all are unknown, there are no patients."""
    table["patient"] = table["patient"].astype(object)
    table.loc[1, "patient"] = unknown
    assert patient_names(table) is None
    units = unit_names(table)
    assert "row 2" == units[1]
    known = table.drop(index=1)
    assert patient_names(known).tolist() == np.delete(units, 1).tolist()
    for expected, found in zip(patient_level(known, "keras"), patient_level(table, "keras"), strict=True):
        assert expected.tolist() == found.tolist()
    table["patient"] = unknown
    assert unit_names(table) is None
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
