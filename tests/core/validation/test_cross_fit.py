"""The slices that a site calibration rests on, its fit, and decisions of slices that were not fitted to."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from core.errors import EvaluationError
from core.evaluation import Bootstrap, Recalibration, choose_operating_points, logit
from core.validation import cross_fit
from core.validation.cross_fit import (
    check_enough,
    compare_decisions,
    cross_fit_patients,
    cross_fit_slices,
    deal_into_folds,
    fit_patients,
    fit_slices,
    score_studies,
    select_rows,
)
from tests.builders import sum_odds

HOME = Recalibration(0.5, -1.0)
NETWORK = "pytorch"


def make_table(n_patients: int = 50, n_slices: int = 4, seed: int = 0, **columns: Any) -> pd.DataFrame:
    """Predictions with labels by patient: every second patient is positive."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), n_slices)
    label = patient % 2
    score = 1 / (1 + np.exp(-(2 * label - 2 + rng.normal(0, 1, len(label)))))
    table = pd.DataFrame(
        {
            "number": np.arange(1, len(label) + 1),
            "part": "",
            "patient": (patient + 1).astype(str),
            "label": pd.array(label, "Int64"),
            "gate": "read",
            "brain_visible": 1,
            NETWORK: score,
        }
    )
    return table.assign(**columns)


def test_the_examples_run() -> None:
    """The doctests of the module."""
    assert 0 == doctest.testmod(cross_fit).failed


def test_what_it_cannot_rest_on_is_left_out_and_counted() -> None:
    """Kept, unlabeled and refused slices are left out; each is counted once."""
    table = make_table(10)
    table.loc[:3, "part"] = "kept"
    table.loc[3:5, "label"] = pd.NA
    table.loc[5:9, "gate"] = "refuse"
    rows = select_rows(table)
    assert {"kept_aside": 4, "unknown_label": 2, "refused": 4} == rows.left_out
    assert list(range(11, 41)) == rows.table["number"].tolist()
    kept = select_rows(table, kept=True)
    assert [1, 2, 3] == kept.table["number"].tolist()


def test_units_are_patients_or_slices() -> None:
    """A slice of an unknown patient is a unit of its own, also beside known patients."""
    known = select_rows(make_table(10))
    assert ("patients", 10, 10) == (known.unit, known.n_patients, len(set(known.units)))
    unknown = select_rows(make_table(10, patient=""))
    assert ("slices", None, 40) == (unknown.unit, unknown.n_patients, len(set(unknown.units)))
    table = make_table(10)
    table.loc[:3, "patient"] = ""
    mixed = select_rows(table)
    assert (9, 13) == (mixed.n_patients, len(set(mixed.units)))
    assert "patients, and slices where the patient is unknown" == mixed.unit


@pytest.mark.parametrize(("n_positive", "n_negative"), [(19, 500), (500, 19), (0, 0)])
def test_few_slices_of_a_class_are_refused(n_positive: int, n_negative: int) -> None:
    """Fewer than 20 slices of a class are refused with the counts; 20 of each are enough."""
    with pytest.raises(EvaluationError, match=f"{n_positive:,} with, {n_negative:,} without") as refused:
        check_enough(np.repeat([True, False], [n_positive, n_negative]))
    assert "too_few_slices" == refused.value.code
    check_enough(np.repeat([True, False], [20, 20]))


def test_the_recalibration_is_platts() -> None:
    """Slope and intercept are those of a logistic regression on the logit; the rules are the card's."""
    table = make_table()
    positive, raw = table["label"].to_numpy(int) == 1, table[NETWORK].to_numpy()
    fitted, reason, points = fit_slices(positive, raw, HOME)
    peer = LogisticRegression(C=np.inf, tol=1e-8).fit(logit(raw)[:, None], positive)
    assert (peer.coef_[0, 0], peer.intercept_[0]) == pytest.approx((fitted.slope, fitted.intercept), abs=1e-4)
    assert "" == reason
    assert choose_operating_points(positive, fitted.apply(raw)) == points


def test_separated_slices_keep_the_cards_recalibration() -> None:
    """If the probabilities separate the classes, the card's recalibration stays, with the reason."""
    raw = np.linspace(0.1, 0.9, 60)
    fitted, reason, points = fit_slices(raw > 0.5, raw, HOME)
    assert HOME == fitted
    assert "separate the classes" in reason
    assert ((raw > 0.5) == (HOME.apply(raw) >= points["youden"])).all()


def test_a_network_that_does_not_rank_is_refused() -> None:
    """If positives score no higher than negatives, there is no calibration."""
    raw = np.linspace(0.1, 0.9, 60)
    with pytest.raises(EvaluationError) as refused:
        fit_slices(raw < 0.5, raw, HOME)
    assert "no_ranking" == refused.value.code


def test_a_study_is_scored_on_slices_with_brain() -> None:
    """A study's score is that of its slices that show brain, recalibrated."""
    table = make_table(4)
    table["counted"] = 1
    table.loc[[0, 5], "counted"] = 0
    table.loc[12:, "patient"] = ""
    labels, scores, names = score_studies(table, NETWORK, HOME)
    raw = table[NETWORK].to_numpy()
    expected = [sum_odds(HOME.apply(raw[rows])) for rows in ([1, 2, 3], [4, 6, 7], [8, 9, 10, 11])]
    assert ["1", "2", "3"] == names.tolist()
    assert [0, 1, 0] == labels.tolist()
    assert expected == pytest.approx(scores)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (make_table(39), "19 with, 20 without"),
        (make_table(patient=""), "they are unknown"),
        (make_table(50, label=pd.array([1] * 200, "Int64")), "50 with, 0 without"),
    ],
)
def test_studies_need_20_patients_of_each_kind(table: pd.DataFrame, reason: str) -> None:
    """With fewer patients with or without the finding, or unknown ones, studies get no threshold."""
    with pytest.raises(EvaluationError, match=reason):
        fit_patients(select_rows(table), NETWORK, HOME)
    scores, points = fit_patients(select_rows(make_table(40)), NETWORK, HOME)
    assert (40, 4) == (len(scores), len(points))


def test_a_patient_is_in_one_fold_and_folds_are_alike() -> None:
    """Each patient is in one of ten folds, and each fold has its share of positive patients."""
    rows = select_rows(make_table(60))
    folds = deal_into_folds(rows.units, rows.positive)
    assert 60 == len(set(zip(rows.units, folds, strict=True)))
    assert [12] * 10 == np.bincount(folds, weights=rows.positive).tolist()
    assert [24] * 10 == np.bincount(folds).tolist()


def test_positives_of_one_patient_are_refused() -> None:
    """If one patient has all positive slices, no fit to the others exists."""
    table = make_table(10, 30)
    table["label"] = (table["patient"] == "1").astype("Int64")
    rows = select_rows(table)
    with pytest.raises(EvaluationError, match="1 of 10 patients") as refused:
        deal_into_folds(rows.units, rows.positive)
    assert "too_few_patients" == refused.value.code


def test_a_slice_is_decided_by_a_fit_to_other_patients() -> None:
    """Each fold's decisions are those of a fit to the rest; changing a patient changes others' only."""
    rows = select_rows(make_table(30))
    raw = rows.table[NETWORK].to_numpy()
    folds = deal_into_folds(rows.units, rows.positive)
    called, probability = cross_fit_slices(rows, folds, raw, HOME, "youden")
    for fold in range(10):
        inside = folds == fold
        fitted, _, points = fit_slices(rows.positive[~inside], raw[~inside], HOME)
        assert fitted.apply(raw[inside]).tolist() == probability[inside].tolist()
        assert (probability[inside] >= points["youden"]).tolist() == called[inside].tolist()
    changed = np.where(folds == 3, 1 - raw, raw)
    again = cross_fit_slices(rows, folds, changed, HOME, "youden")[1]
    inside = folds == 3
    fitted, _, _ = fit_slices(rows.positive[~inside], raw[~inside], HOME)
    assert fitted.apply(changed[inside]).tolist() == again[inside].tolist()
    assert not np.allclose(probability[~inside], again[~inside])


def test_a_study_is_decided_by_a_fit_to_other_patients() -> None:
    """Every patient is decided once; the threshold is chosen on the other folds' patients."""
    rows = select_rows(make_table(60, 2, seed=3))
    folds = deal_into_folds(rows.units, rows.positive)
    labels, called, names = cross_fit_patients(rows, folds, NETWORK, HOME, "youden")
    assert sorted(set(rows.units)) == sorted(names)
    assert [int(name) % 2 == 0 for name in names] == (labels == 1).tolist()
    found = dict(zip(names.tolist(), called.tolist(), strict=True))
    for fold in range(10):
        others, own = rows.table[folds != fold], rows.table[folds == fold]
        fitted, _, _ = fit_slices(others["label"] == 1, others[NETWORK].to_numpy(), HOME)
        known, scores, _ = score_studies(others, NETWORK, fitted)
        threshold = choose_operating_points(known, scores)["youden"]
        _, tested, patients = score_studies(own, NETWORK, fitted)
        assert [found[name] for name in patients] == (tested >= threshold).tolist()
    assert 0 < np.mean(called == (labels == 1)) < 1


def test_differences_are_paired() -> None:
    """The difference of equal decisions is 0 in every resample; of others, it is that of the rates."""
    positive = np.repeat([True, False], 30)
    before = np.tile([True, False], 30)
    bootstrap = Bootstrap.over(None, 60, n_resamples=50)
    same = compare_decisions(positive, before, before, bootstrap)
    assert (0.0, None) == (same["difference"]["recall"]["value"], same["difference"]["recall"]["interval"])
    after = before | positive
    found = compare_decisions(positive, before, after, bootstrap)
    values = {side: found[side]["recall"]["value"] for side in ("before", "after", "difference")}
    assert {"before": 0.5, "after": 1.0, "difference": 0.5} == values
    low, high = found["difference"]["recall"]["interval"]
    assert low < 0.5 < high
    assert 0.0 == found["difference"]["specificity"]["value"]


def test_a_rate_without_its_class_has_no_difference() -> None:
    """Without positives there is no sensitivity, neither before nor after, and the reason is given."""
    none = np.zeros(30, bool)
    found = compare_decisions(none, none, ~none, Bootstrap.over(None, 30, n_resamples=20))
    assert "there are no positives" == found["difference"]["recall"]["reason"]
    assert -1.0 == found["difference"]["specificity"]["value"]
