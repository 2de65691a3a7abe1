"""The record behind `python -m core evaluate`."""

import json
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as reference

from core.errors import EvaluationError
from core.evaluation.comparison import compare_models
from core.evaluation.intervals import Bootstrap
from core.evaluation.measures import list_keys, measures_at
from core.evaluation.operating_points import operating_points_of, review_bands_of
from core.evaluation.patients import patient_level
from core.evaluation.recalibration import fit_calibrations, recalibrate
from core.evaluation.summary import evaluate_experiment, from_predictions

FRAMEWORKS = ("pytorch", "keras")


def predictions(n_patients=40, folds=2, seed=0):
    """Return test rows of patients, each in one fold, and validation rows with slightly better scores."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n_patients), 10)
    label = ((rng.random(patients.size) < 0.4) & (patients % 2 == 0)).astype(int)
    test = pd.DataFrame(
        {
            "file": [f"{p}-{i}" for i, p in enumerate(patients)],
            "patient": patients.astype(str),
            "label": label,
            "fold": patients % folds if folds % 2 else patients // 2 % folds,
            "part": "test",
        }
    )
    validation = test.assign(part="validation", fold=(test["fold"] + 1) % folds)
    for shift, framework in enumerate(FRAMEWORKS):
        for table, skill in ((test, 1.0), (validation, 1.5)):
            table[framework] = 1 / (1 + np.exp(-rng.normal(skill * label - shift, 2)))
    return pd.concat([test, validation], ignore_index=True)


@dataclass(frozen=True)
class RecordedExperiment:
    """The parts of an experiment that evaluation uses."""

    table: pd.DataFrame
    card: dict
    name: str = "phantoms"
    frameworks: tuple[str, ...] = FRAMEWORKS

    def predictions(self):
        return self.table


@dataclass(frozen=True)
class Study:
    """Return a table of predictions and the card for it."""

    table: pd.DataFrame = field(default_factory=predictions)

    @property
    def calibrations(self):
        return fit_calibrations(self.table, FRAMEWORKS)

    @property
    def calibrated(self):
        return recalibrate(self.table, self.calibrations)

    @property
    def experiment(self):
        points = operating_points_of(self.calibrated, FRAMEWORKS)
        card = {
            "operating_points": points,
            "default_operating_point": "youden",
            "calibration": self.calibrations,
        }
        return RecordedExperiment(self.table, card)


@pytest.fixture(scope="module")
def study():
    """Return the synthetic study."""
    return Study()


@pytest.fixture(scope="module")
def record(study):
    """Return the record of the synthetic study."""
    return evaluate_experiment(study.experiment, n_resamples=300)


def test_the_record_has_the_documented_form(record):
    """The record has the documented keys and only JSON types."""
    assert ("evaluate/2", "phantoms") == (record["schema"], record["experiment"])
    assert list(FRAMEWORKS) == list(record["models"])
    point = {"threshold", "confusion", *list_keys("rate"), "predictive_values", "review"}
    head = {"n", "n_patients", "positives", "prevalence", "rule"}
    parts = {"operating_points", "calibration", "decision_curve"}
    for model in record["models"].values():
        assert ["slice", "patient"] == list(model)
        for level in model.values():
            assert head | point | parts | {*list_keys("ranking", "calibration")} == set(level)
            assert {"youden", "sensitivity_90", "specificity_90", "f1"} == set(level["operating_points"])
            for at in level["operating_points"].values():
                assert point == set(at)
                counted = {"tn", "fp", "fn", "tp", "indeterminate_negative", "indeterminate_positive"}
                assert {"low", "high", "share", "counts", *list_keys("rate")} == set(at["review"])
                assert counted == set(at["review"]["counts"])
                assert level["n"] == sum(at["review"]["counts"].values()) == sum(at["confusion"].values())
            assert {"before", "after", "reliability", "fits"} == set(level["calibration"])
            assert {*list_keys("ranking", "calibration")} == set(level["calibration"]["before"])
            lengths = {len(values) for values in level["decision_curve"].values()}
            assert {99} == lengths
    assert record == json.loads(json.dumps(record, allow_nan=False))


def test_every_figure_lies_in_its_interval(record):
    """Every value is inside its interval, except calibration errors, which are biased."""
    for model in record["models"].values():
        for level in model.values():
            for figure in set(list_keys()) - {"calibration_error"}:
                low, high = level[figure]["interval"]
                assert low <= level[figure]["value"] <= high, figure


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_slice_figures_are_those_of_the_calibrated_test_rows(study, record, framework):
    """Values are scikit-learn's on the calibrated test rows at the default threshold."""
    test = study.calibrated.query("part == 'test'")
    found = record["models"][framework]["slice"]
    cut = study.experiment.card["operating_points"][framework]["slice"]["youden"]
    expected = measures_at(test["label"], test[framework], cut)
    expected["auroc"] = reference.roc_auc_score(test["label"], test[framework])
    expected["average_precision"] = reference.average_precision_score(test["label"], test[framework])
    expected["brier"] = reference.brier_score_loss(test["label"], test[framework])
    assert pytest.approx(expected) == {figure: found[figure]["value"] for figure in expected}
    assert [400, 40, int(test["label"].sum()), cut] == [
        found[key] for key in ("n", "n_patients", "positives", "threshold")
    ]


def test_before_is_raw_and_after_calibrated(study, record):
    """The Brier score before is that of raw rows; recalibration lowers it and the calibration error."""
    raw = study.table.query("part == 'test'")
    found = record["models"]["pytorch"]["slice"]["calibration"]
    expected = reference.brier_score_loss(raw["label"], raw["pytorch"])
    assert pytest.approx(expected) == found["before"]["brier"]["value"]
    expected = reference.roc_auc_score(raw["label"], raw["pytorch"])
    assert pytest.approx(expected) == found["before"]["auroc"]["value"]
    for figure in ("brier", "calibration_error"):
        assert found["after"][figure]["value"] < found["before"][figure]["value"]
    assert study.calibrations["pytorch"] == found["fits"]
    for when in ("before", "after"):
        assert 400 == sum(one["n"] for one in found["reliability"][when])


def test_patient_figures_are_those_of_the_scores(study, record):
    """Each patient has one score, which is ranked and compared with the threshold of the patient level."""
    y_true, y_score, _ = patient_level(study.calibrated.query("part == 'test'"), "keras")
    found = record["models"]["keras"]["patient"]
    cut = study.experiment.card["operating_points"]["keras"]["patient"]["youden"]
    assert [40, 40, int(y_true.sum()), cut] == [
        found[key] for key in ("n", "n_patients", "positives", "threshold")
    ]
    assert pytest.approx(reference.roc_auc_score(y_true, y_score)) == found["auroc"]["value"]
    assert measures_at(y_true, y_score, cut)["recall"] == found["recall"]["value"]


def test_bands_are_chosen_on_validation_rows(study, record):
    """The review band is chosen on calibrated validation rows, with at most 15 % of them inside."""
    points = study.experiment.card["operating_points"]
    bands = review_bands_of(study.calibrated, points)
    for framework in FRAMEWORKS:
        for level in ("slice", "patient"):
            for rule, (low, high) in bands[framework][level].items():
                at = record["models"][framework][level]["operating_points"][rule]
                assert (low, high) == (at["review"]["low"], at["review"]["high"])
        scores = study.calibrated.query("part == 'validation'")[framework]
        low, high = bands[framework]["slice"]["youden"]
        assert 0.1 < np.mean((scores > low) & (scores < high)) <= 0.15


def test_the_comparison_is_that_of_both_models(study, record):
    """The record compares the calibrated scores of both models on the same resamples."""
    test = study.calibrated.query("part == 'test'")
    points = study.experiment.card["operating_points"]
    cuts = tuple(points[framework]["slice"]["youden"] for framework in FRAMEWORKS)
    bootstrap = Bootstrap.over(test["patient"], len(test), n_resamples=300)
    expected = compare_models(test["label"], test["pytorch"], test["keras"], cuts, bootstrap)
    head = {"first": "pytorch", "second": "keras", "rule": "youden"}
    assert head | expected == record["comparison"]["slice"]
    assert record["comparison"]["patient"]["differences"]["auroc"]["interval"] is not None


def test_one_model_has_no_comparison(study):
    """With one framework, the comparison holds only the reason."""
    found = from_predictions(study.table, ("keras",), {}, n_resamples=20)
    assert "nothing to compare it with" in found["comparison"]["slice"]["reason"]


def test_the_seed_repeats_the_intervals(study, record):
    """The same seed gives the same record; another seed gives other intervals and the same values."""
    assert record == evaluate_experiment(study.experiment, n_resamples=300, seed=0)
    other = evaluate_experiment(study.experiment, n_resamples=300, seed=1)["models"]["keras"]["slice"]
    first = record["models"]["keras"]["slice"]["auroc"]
    assert first["value"] == other["auroc"]["value"]
    assert first["interval"] != other["auroc"]["interval"]


def test_a_card_without_calibration_leaves_probabilities_raw(study):
    """With an older card, before and after are the same, and a note says so."""
    card = {**study.experiment.card}
    del card["calibration"]
    record = evaluate_experiment(RecordedExperiment(study.table, card), n_resamples=50)
    found = record["models"]["keras"]["slice"]["calibration"]
    assert found["after"] == {name: found["before"][name] for name in list_keys("calibration")}
    assert ["The card contains no calibration: probabilities are the networks' own."] == record["notes"]


def test_a_missing_recalibration_is_noted(study):
    """A framework whose entry holds only a reason has raw probabilities, and a note."""
    table = study.table.assign(keras=1 - study.table["keras"])
    calibrations = fit_calibrations(table, FRAMEWORKS)
    record = from_predictions(table, FRAMEWORKS, {}, calibrations=calibrations, n_resamples=50)
    assert 1 == len(record["notes"])
    assert "keras" in record["notes"][0]
    assert "fewer positives" in record["notes"][0]


def test_unknown_patients_are_resampled_by_slices(study):
    """If patients are unknown, slices are resampled, and a note says that intervals are too narrow."""
    experiment = RecordedExperiment(study.table.assign(patient=""), study.experiment.card)
    record = evaluate_experiment(experiment, n_resamples=100)
    assert "slices" == record["interval"]["resampled"]
    assert "too narrow" in record["notes"][0]
    found = record["models"]["pytorch"]
    assert found["slice"]["n_patients"] is None
    assert found["slice"]["auroc"]["interval"] is not None
    expected = {"value": None, "interval": None, "reason": "patients are unknown"}
    assert expected == found["patient"]["auroc"] == found["patient"]["accuracy"]
    assert found["patient"]["confusion"] is None
    assert {"reason": "patients are unknown"} == record["comparison"]["patient"]
    assert "patients are unknown" in record["comparison"]["slice"]["delong_by_patient"]["reason"]


def test_an_empty_part_has_no_figures(study):
    """Without test rows, every count is zero and every figure null."""
    card = study.experiment.card
    table = study.table.query("part == 'validation'")
    record = evaluate_experiment(RecordedExperiment(table, card), n_resamples=50)
    found = record["models"]["keras"]["slice"]
    assert [0, 0, {"tn": 0, "fp": 0, "fn": 0, "tp": 0}] == [
        found["n"],
        found["positives"],
        found["confusion"],
    ]
    assert all(found[figure]["value"] is None and found[figure]["reason"] for figure in list_keys())
    assert "at least one" in found["decision_curve"]["reason"]
    assert "nothing" in record["comparison"]["slice"]["reason"]
    json.dumps(record, allow_nan=False)


def test_without_validation_rows_there_is_no_band(study):
    """Without validation rows, "review" holds only a reason; the rest of the record is complete."""
    table = study.table.query("part == 'test'")
    record = evaluate_experiment(RecordedExperiment(table, study.experiment.card), n_resamples=50)
    found = record["models"]["keras"]["slice"]
    assert "no validation rows" in found["review"]["reason"]
    assert found["recall"]["interval"] is not None


def test_without_a_patient_threshold_the_ranking_remains(study):
    """Without a patient threshold, the patient level has no rates, but ranking figures."""
    card = study.experiment.card
    points = {framework: {"slice": levels["slice"]} for framework, levels in card["operating_points"].items()}
    experiment = RecordedExperiment(study.table, {**card, "operating_points": points})
    record = evaluate_experiment(experiment, n_resamples=100)
    found = record["models"]["keras"]["patient"]
    assert found["threshold"] is None
    assert found["confusion"] is None
    assert "no operating point" in found["recall"]["reason"]
    assert found["auroc"]["interval"] is not None
    assert "no operating point" in record["comparison"]["patient"]["mcnemar"]["reason"]


def test_nan_predictions_are_refused(study):
    """Predictions with NaN are refused, not skipped."""
    table = study.table.copy()
    table.loc[3, "keras"] = np.nan
    with pytest.raises(EvaluationError, match="1 of 400 are NaN"):
        evaluate_experiment(RecordedExperiment(table, study.experiment.card), n_resamples=10)


def test_a_missing_column_is_named(study):
    """The error for a missing column of predictions names the framework."""
    with pytest.raises(EvaluationError, match="lack the column keras"):
        from_predictions(study.table.drop(columns="keras"), FRAMEWORKS, {})
