"""The record behind `python -m core evaluate`."""

import json
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as reference

from core.errors import EvaluationError, ExperimentError
from core.evaluation.metrics import measures_at
from core.evaluation.patients import patient_level
from core.evaluation.summary import FIGURES, evaluate_experiment, evaluate_level, from_predictions

FRAMEWORKS = ("pytorch", "keras")


def predictions(n_patients=20, seed=0):
    """Test rows of patients with their validation rows beside them (scored far too well, to be noticed)."""
    rng = np.random.default_rng(seed)
    patients = np.repeat([str(i) for i in range(n_patients)], 10)
    label = ((rng.random(patients.size) < 0.4) & (patients.astype(int) % 2 == 0)).astype(int)
    test = pd.DataFrame(
        {
            "file": [f"{p}-{i}" for i, p in enumerate(patients)],
            "patient": patients,
            "label": label,
            "fold": 0,
            "part": "test",
        }
    )
    for framework in FRAMEWORKS:
        test[framework] = 1 / (1 + np.exp(-rng.normal(label - 1, 2)))
    validation = test.assign(part="validation", **dict.fromkeys(FRAMEWORKS, label.astype(float)))
    return pd.concat([test, validation], ignore_index=True)


@dataclass(frozen=True)
class RecordedExperiment:
    """As much of an experiment as evaluation asks for."""

    table: pd.DataFrame
    name: str = "phantoms"
    frameworks: tuple[str, ...] = FRAMEWORKS
    points: dict = field(default_factory=lambda: {"slice": 0.5, "patient": 0.4})

    def predictions(self):
        return self.table

    def threshold(self, framework, level="slice"):
        if level not in self.points:
            raise ExperimentError(f"no operating point for {level}")
        return self.points[level]


@pytest.fixture(scope="module")
def record():
    """The record of the phantoms' experiment."""
    return evaluate_experiment(RecordedExperiment(predictions()), n_resamples=300)


def test_the_record_has_the_documented_form(record):
    """The public keys, and nothing that JSON cannot hold."""
    assert ("evaluate/1", "phantoms") == (record["schema"], record["experiment"])
    assert list(FRAMEWORKS) == list(record["models"])
    for model in record["models"].values():
        assert ["slice", "patient"] == list(model)
        for level in model.values():
            head = {"n", "n_patients", "positives", "threshold", "confusion"}
            assert head | set(FIGURES) == set(level)
            assert ["tn", "fp", "fn", "tp"] == list(level["confusion"])
            for figure in FIGURES:
                low, high = level[figure]["interval"]
                assert 0 <= low <= level[figure]["value"] <= high <= 1
    assert record == json.loads(json.dumps(record, allow_nan=False))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_slice_figures_are_those_of_the_test_rows(record, framework):
    """Values equal scikit-learn's on the test rows; the validation rows would have been perfect."""
    test = predictions().query("part == 'test'")
    found = record["models"][framework]["slice"]
    expected = measures_at(test["label"], test[framework], 0.5)
    expected["auroc"] = reference.roc_auc_score(test["label"], test[framework])
    expected["average_precision"] = reference.average_precision_score(test["label"], test[framework])
    assert pytest.approx(expected) == {figure: found[figure]["value"] for figure in FIGURES}
    assert [200, 20, int(test["label"].sum()), 0.5] == [
        found[key] for key in ("n", "n_patients", "positives", "threshold")
    ]


def test_patient_figures_are_those_of_the_means(record):
    """The patient level scores each patient once, at its own threshold."""
    table = predictions().query("part == 'test'")
    y_true, y_score, _ = patient_level(table, "keras")
    found = record["models"]["keras"]["patient"]
    assert [20, 20, int(y_true.sum()), 0.4] == [
        found[key] for key in ("n", "n_patients", "positives", "threshold")
    ]
    assert pytest.approx(reference.roc_auc_score(y_true, y_score)) == found["auroc"]["value"]
    assert measures_at(y_true, y_score, 0.4)["recall"] == found["recall"]["value"]


def test_the_seed_repeats_the_intervals(record):
    """Same seed, same record; another seed, other intervals and the same values."""
    experiment = RecordedExperiment(predictions())
    assert record == evaluate_experiment(experiment, n_resamples=300, seed=0)
    other = evaluate_experiment(experiment, n_resamples=300, seed=1)["models"]["keras"]["slice"]["auroc"]
    first = record["models"]["keras"]["slice"]["auroc"]
    assert first["value"] == other["value"]
    assert first["interval"] != other["interval"]


def test_unknown_patients_are_resampled_by_slices_and_say_so():
    """No patient level, intervals by slices, and a note that calls them too narrow."""
    table = predictions().assign(patient="")
    record = evaluate_experiment(RecordedExperiment(table), n_resamples=100)
    assert "slices" == record["interval"]["resampled"]
    assert "too narrow" in record["notes"][0]
    found = record["models"]["pytorch"]
    assert found["slice"]["n_patients"] is None
    assert found["slice"]["auroc"]["interval"] is not None
    expected = {"value": None, "interval": None, "reason": "patients are unknown"}
    assert expected == found["patient"]["auroc"] == found["patient"]["accuracy"]
    assert found["patient"]["confusion"] is None


def test_two_patients_have_values_without_intervals():
    """Fewer than three patients: the values stand, the intervals are null with the reason."""
    found = evaluate_level([0, 1, 0, 1], [0.1, 0.9, 0.2, 0.3], ["a", "a", "b", "b"], 0.5)
    expected = {
        "value": 0.75,
        "interval": None,
        "reason": "an interval needs at least 3 patients; there are 2",
    }
    assert expected == found["accuracy"]


def test_one_class_has_no_ranking():
    """Negatives only: specificity has a value; recall, F1 and the areas are null with their reasons."""
    rng = np.random.default_rng(0)
    found = evaluate_level([0] * 60, rng.random(60), np.repeat(np.arange(6), 10), 0.5, n_resamples=200)
    assert found["specificity"]["interval"] is not None
    for figure in ("recall", "f1"):
        assert {"value": None, "interval": None, "reason": "there are no positives"} == found[figure]
    for figure in ("auroc", "average_precision"):
        assert found[figure]["value"] is None
        assert "needs both classes" in found[figure]["reason"]


def test_one_positive_patient_has_no_interval_of_recall():
    """A third of the resamples misses the only positive patient: no interval from the rest."""
    y_true = [0] * 45 + [0, 1, 1, 0, 1]
    scores = np.random.default_rng(0).random(50)
    found = evaluate_level(y_true, scores, np.repeat(np.arange(10), 5), 0.5, n_resamples=500)
    assert found["auroc"]["value"] is not None
    assert found["auroc"]["interval"] is None
    assert "of 500 resamples" in found["auroc"]["reason"]
    assert found["accuracy"]["interval"] is not None


def test_an_empty_part_has_no_figures():
    """No test rows: every count is zero and every figure null."""
    table = predictions().query("part == 'validation'")
    record = evaluate_experiment(RecordedExperiment(table), n_resamples=50)
    found = record["models"]["keras"]["slice"]
    assert [0, 0, {"tn": 0, "fp": 0, "fn": 0, "tp": 0}] == [
        found["n"],
        found["positives"],
        found["confusion"],
    ]
    assert all(found[figure]["value"] is None and found[figure]["reason"] for figure in FIGURES)
    json.dumps(record, allow_nan=False)


def test_a_perfect_score_claims_no_interval():
    """All right in every resample: the value is 1, its uncertainty unknown rather than zero."""
    y_true = np.tile([0, 1], 20)
    found = evaluate_level(y_true, y_true * 0.8 + 0.1, np.repeat(np.arange(10), 4), 0.5, n_resamples=100)
    assert 1.0 == found["auroc"]["value"]
    assert found["auroc"]["interval"] is None
    assert "uncertainty is unknown" in found["auroc"]["reason"]


def test_without_a_patient_threshold_the_ranking_remains():
    """A card without a patient operating point: no decisions on that level, its areas all the same."""
    experiment = RecordedExperiment(predictions(), points={"slice": 0.5})
    found = evaluate_experiment(experiment, n_resamples=100)["models"]["keras"]["patient"]
    assert found["threshold"] is None
    assert found["confusion"] is None
    assert "no operating point" in found["recall"]["reason"]
    assert found["auroc"]["interval"] is not None


def test_without_a_slice_threshold_the_error_passes():
    """A card without its slice operating point is damaged, and its own error says so."""
    with pytest.raises(ExperimentError, match="no operating point for slice"):
        evaluate_experiment(RecordedExperiment(predictions(), points={}), n_resamples=10)


def test_nan_predictions_are_a_named_error():
    """A network that answered NaN is not evaluated around."""
    table = predictions()
    table.loc[3, "keras"] = np.nan
    with pytest.raises(EvaluationError, match="1 of 200 are NaN"):
        evaluate_experiment(RecordedExperiment(table), n_resamples=10)


def test_a_missing_column_is_named():
    """A framework without its column of predictions is named."""
    with pytest.raises(EvaluationError, match="lack the column keras"):
        from_predictions(predictions().drop(columns="keras"), FRAMEWORKS, {})
