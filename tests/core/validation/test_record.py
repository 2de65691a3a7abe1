"""The record validate/1: home and there, by group, with what cannot be estimated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from core.errors import ExperimentError
from core.evaluation import CELLS, evaluate_experiment, list_keys
from core.experiments import Experiment, update_card
from core.validation import Validation, make_record, open_validation
from core.validation.store import store_validation
from tests.builders import sum_odds, write_tiny_experiment, write_tiny_validation

FEW = 40


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """A calibrated tiny experiment; treat it as read-only."""
    return write_tiny_experiment(tmp_path_factory.mktemp("models"), calibrated=True)


@pytest.fixture(scope="module")
def home(experiment: Experiment) -> dict[str, Any]:
    """The experiment's own record."""
    return evaluate_experiment(experiment, n_resamples=FEW)


@pytest.fixture(scope="module")
def validation(experiment: Experiment) -> Validation:
    """Two sources and two vendors, 24 positive and 24 negative patients."""
    return write_tiny_validation(
        experiment, n_patients=48, n_slices=4, sources=("north", "south"), vendors=("GE", "")
    )


@pytest.fixture(scope="module")
def record(experiment: Experiment, validation: Validation, home: dict[str, Any]) -> dict[str, Any]:
    """Its record."""
    return make_record(experiment, validation, n_resamples=FEW, home=home)


def test_the_form_is_validate_1(record: dict[str, Any]) -> None:
    """The record has the documented keys and is JSON without NaN."""
    assert "validate/1" == record["schema"]
    keys = [
        "schema",
        "name",
        "experiment",
        "created",
        "data",
        "gate",
        "interval",
        "there",
        "home",
        "groups",
        "notes",
    ]
    assert keys == list(record)
    data = (
        "finding fingerprint part sources n_listed left_out n_read n positives n_patients n_without_patient"
    )
    assert data.split() == list(record["data"])
    json.dumps(record, allow_nan=False)


def test_there_has_every_figure_of_evaluate(record: dict[str, Any], home: dict[str, Any]) -> None:
    """There and home have the keys of evaluate/2 at both levels; home has its values."""
    for framework, levels in home["models"].items():
        for level, figures in levels.items():
            assert set(figures) == set(record["there"][framework][level])
            assert set(figures) == set(record["home"][framework][level])
        assert levels["slice"]["auroc"] == record["home"][framework]["slice"]["auroc"]


@pytest.mark.parametrize("framework", ["pytorch", "keras"])
def test_there_is_measured_at_the_cards_threshold(
    experiment: Experiment, validation: Validation, record: dict[str, Any], framework: str
) -> None:
    """Confusion and AUROC agree with counts of calibrated probabilities and with scikit-learn, per level."""
    table = validation.predictions()
    calibrated = experiment.recalibration(framework).apply(table[framework])
    patients = table.assign(score=calibrated, label=table["label"].astype(int)).groupby("patient")
    per_patient = patients.agg({"label": "max", "score": sum_odds})
    for level, labels, scores in (
        ("slice", table["label"].to_numpy(int), calibrated),
        ("patient", per_patient["label"].to_numpy(), per_patient["score"].to_numpy()),
    ):
        called = scores >= experiment.threshold(framework, level)
        counts = [int(((labels == 1) == truth)[called == call].sum()) for truth, call in
                  ((False, False), (False, True), (True, False), (True, True))]  # fmt: skip
        found = record["there"][framework][level]
        assert dict(zip(CELLS, counts, strict=True)) == found["confusion"]
        assert roc_auc_score(labels, scores) == pytest.approx(found["auroc"]["value"])
    low, high = record["there"][framework]["slice"]["auroc"]["interval"]
    assert low < record["there"][framework]["slice"]["auroc"]["value"] < high


def test_the_review_band_is_the_cards(experiment: Experiment, record: dict[str, Any]) -> None:
    """The share that needs review there is that in the band on the card."""
    low, high = experiment.review_band("keras") or (0, 0)
    review = record["there"]["keras"]["slice"]["review"]
    assert (low, high) == (review["low"], review["high"])


def test_groups_are_sources_and_known_vendors(record: dict[str, Any], validation: Validation) -> None:
    """A group for each source and vendor, the unknown vendor last, with their own counts and all figures."""
    names = [(group["by"], group["group"]) for group in record["groups"]]
    assert [("source", "north"), ("source", "south"), ("vendor", "GE"), ("vendor", "")] == names
    table = validation.predictions()
    north, group = table[table["source"] == "north"], record["groups"][0]
    assert (len(north), north["label"].sum()) == (group["n"], group["positives"])
    assert north["patient"].nunique() == group["n_patients"]
    assert list(list_keys()) == list(group["models"]["keras"])
    scores = north["keras"].to_numpy(float)  # the calibration keeps the order
    expected = roc_auc_score(north["label"].to_numpy(int), scores)
    assert expected == pytest.approx(group["models"]["keras"]["auroc"]["value"])


def test_patients_are_resampled(experiment: Experiment, home: dict[str, Any]) -> None:
    """Patients where they are known, slices where they are not: the record says which, and notes it."""
    known = write_tiny_validation(experiment, "known")
    unknown = write_tiny_validation(experiment, "unknown", patients_known=False)
    text = known.read_predictions().decode().replace(",1,0,refuse", ",,0,refuse", 1)
    mixed = store_validation(experiment, "mixed", known.details, text.encode())
    records = [make_record(experiment, one, n_resamples=FEW, home=home) for one in (known, unknown, mixed)]
    words = [one["interval"]["resampled"] for one in records]
    assert ["patients", "slices", "patients, and slices where the patient is unknown"] == words
    assert [16, None, 16] == [one["data"]["n_patients"] for one in records]
    assert [16, None, 16] == [one["there"]["keras"]["slice"]["n_patients"] for one in records]
    assert [0, 96, 1] == [one["data"]["n_without_patient"] for one in records]
    assert [16, None, 16] == [one["there"]["keras"]["patient"]["n"] for one in records]
    assert "patients are unknown" == records[1]["there"]["keras"]["patient"]["auroc"]["reason"]
    noted = [[note for note in one["notes"] if "atients" in note] for one in records]
    assert [0, 1, 1] == [len(notes) for notes in noted]
    assert noted[1][0].startswith("Patients are unknown: slices are resampled")
    assert noted[2][0].startswith("1 slice of unknown patients: in the bootstrap")


def test_one_class_leaves_its_figures(experiment: Experiment, home: dict[str, Any]) -> None:
    """With negatives only there is a specificity, and no figure that needs positives; the note says so."""
    only = write_tiny_validation(experiment, "negatives", labels=(0,), vendors=("GE", "Siemens"))
    record = make_record(experiment, only, n_resamples=FEW, home=home)
    level = record["there"]["pytorch"]["slice"]
    assert level["specificity"]["value"] is not None
    needed = {"recall", "auroc", "precision", "calibration_slope", "calibration_intercept"}
    for key in needed:
        assert {"value": None, "interval": None} == {k: level[key][k] for k in ("value", "interval")}
        assert "not estimable: it needs at least 20 positive slices; there are 0" == level[key]["reason"]
    assert 2 == sum(group["by"] == "vendor" for group in record["groups"])
    assert any(note.startswith("Too few positive slices (0)") for note in record["notes"])
    json.dumps(record, allow_nan=False)


def test_the_gate_is_counted_with_reasons(experiment: Experiment, home: dict[str, Any]) -> None:
    """Outcomes are counted over all slices read; reasons with different numbers are one."""
    made = write_tiny_validation(experiment, "gated")
    text = made.read_predictions().decode().replace("(120 pixels).", "(99 pixels). | No bone is visible.", 1)
    gated = store_validation(experiment, "again", made.details, text.encode())
    outcomes = gated.predictions()["gate"].value_counts()
    gate = make_record(experiment, gated, n_resamples=FEW, home=home)["gate"]
    assert outcomes.to_dict() == {key: gate[key] for key in ("read", "warn", "refuse")}
    n_warned = int(outcomes["warn"])
    assert [
        {"reason": "The head is small in the image (n pixels).", "outcome": "warn", "n": n_warned},
        {"reason": "No bone is visible.", "outcome": "refuse", "n": 1},
        {"reason": "No bone is visible.", "outcome": "warn", "n": 1},
    ] == gate["reasons"]


def test_unlabeled_slices_count_for_the_gate_only(experiment: Experiment, home: dict[str, Any]) -> None:
    """A slice without a label is among those read, and in no figure."""
    made = write_tiny_validation(experiment, "labeled")
    text = made.read_predictions().decode().replace(",1,0,refuse", ",1,,refuse", 1)
    details = {**made.details, "left_out": {**made.details["left_out"], "unknown_label": 1}}
    partly = store_validation(experiment, "partly", details, text.encode())
    record = make_record(experiment, partly, n_resamples=FEW, home=home)
    assert (96, 95) == (record["data"]["n_read"], record["data"]["n"])
    assert (96, 1) == (record["gate"]["n"], record["gate"]["refuse"])
    assert 95 == record["there"]["keras"]["slice"]["n"]


def test_an_earlier_version_has_no_record(models: Path) -> None:
    """No figures are made from a validation of other networks."""
    experiment = write_tiny_experiment(models)
    write_tiny_validation(experiment)
    changed = update_card(experiment, {"recipe": {**experiment.card["recipe"], "level_hu": 41.0}})
    with pytest.raises(ExperimentError) as refused:
        make_record(changed, open_validation(changed, "elsewhere"))
    assert "earlier_version" == refused.value.code


def test_an_experiment_without_calibration_has_a_record(models: Path) -> None:
    """An older card without calibration, bands or patients' thresholds is validated on raw probabilities."""
    experiment = write_tiny_experiment(models)
    validation = write_tiny_validation(experiment)
    record = make_record(experiment, validation, n_resamples=FEW)
    table = validation.predictions()
    called = int((table["keras"] >= experiment.threshold("keras")).sum())
    confusion = record["there"]["keras"]["slice"]["confusion"]
    assert called == confusion["tp"] + confusion["fp"]
    assert np.isfinite(record["there"]["keras"]["slice"]["brier"]["value"])
