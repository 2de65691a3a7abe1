"""The card, tables and networks of one experiment."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ExperimentError
from core.evaluation.calibration import IDENTITY, Recalibration
from core.evaluation.review import choose_band
from core.experiments import Experiment, add_files, read_experiment, update_card
from core.frameworks import FRAMEWORKS
from core.gate.familiarity import FAMILIARITY_FILE
from core.imaging.preprocessing import Recipe
from core.system.files import sha256_of_file
from tests.builders import write_tiny_experiment


def test_properties_come_from_the_card(tiny: Experiment) -> None:
    """Name, recipe, classes, frameworks and thresholds are those on the card."""
    read = read_experiment(tiny.folder)
    assert "tiny" == read.name
    assert Recipe(size=32, channels="gray", framing="whole", intensity="unit") == read.recipe
    assert ("No hemorrhage", "Hemorrhage") == read.classes
    assert FRAMEWORKS == read.frameworks
    points = read.card["operating_points"]["keras"]
    assert points["slice"]["youden"] == read.threshold("keras")
    assert points["patient"]["f1"] == read.threshold("keras", "patient", "f1")


def test_the_finding_is_that_of_the_card(models: Path) -> None:
    """Older cards lack it: slice labels are those of hemorrhage then, and folder labels of no finding."""
    tiny = write_tiny_experiment(models)
    card = {key: value for key, value in tiny.card.items() if key != "finding"}
    of_folders = {**card, "protocol": {**card["protocol"], "labels": "folder"}}
    found = {"key": "ischemia", "name": "ischemic lesion", "counts": "Any."}
    cards = (card, of_folders, {**of_folders, "finding": None}, {**card, "finding": found})
    assert ["hemorrhage", "", "", "ischemia"] == [replace(tiny, card=one).finding_key for one in cards]


def test_the_served_digest_changes_with_what_decides(models: Path) -> None:
    """Other words, tables and fold fits leave it; thresholds, calibration, recipe and networks change it."""
    tiny = write_tiny_experiment(models, calibrated=True)
    kept = add_files(update_card(tiny, {"summary": "Other words."}), {"note.txt": b"new"})
    calibration = copy.deepcopy(tiny.card["calibration"])
    calibration["keras"]["fitted_on"] = "other words"
    kept = update_card(kept, {"calibration": calibration})
    assert tiny.digest != kept.digest
    assert tiny.served_digest == kept.served_digest
    calibration["keras"]["served"]["intercept"] += 0.1
    points = copy.deepcopy(tiny.card["operating_points"])
    points["pytorch"]["patient"]["f1"] = 0.123
    changes: tuple[dict[str, Any], ...] = (
        {"calibration": calibration},
        {"operating_points": points},
        {"default_operating_point": "f1"},
        {"recipe": {**tiny.card["recipe"], "level_hu": 41.0}},
        {"files": {**tiny.card["files"], "keras/model.onnx": "0" * 64}},
    )
    changed = {replace(tiny, card={**tiny.card, **change}).served_digest for change in changes}
    assert 5 == len(changed - {tiny.served_digest})
    networks = [replace(tiny, card={**tiny.card, **change}).networks_digest for change in changes]
    assert [True] * 3 + [False] * 2 == [digest == tiny.networks_digest for digest in networks]


def test_a_new_gate_makes_validations_old(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The networks' digest covers the regression of the gate, its rules and the weights that turn heads."""
    tiny = write_tiny_experiment(models)
    learned = {"files": {**tiny.card["files"], FAMILIARITY_FILE: "0" * 64}}
    digests = {tiny.networks_digest, replace(tiny, card={**tiny.card, **learned}).networks_digest}
    for change in ("other rules", "other weights"):
        monkeypatch.setattr("core.gate.digest_gate", lambda said=change: said)
        digests.add(tiny.networks_digest)
    assert 4 == len(digests)


def test_the_digest_is_that_of_the_card(tiny: Experiment) -> None:
    """The digest is the hash of the card, which lists the hash of every file."""
    assert sha256_of_file(tiny.folder / "experiment.json") == tiny.digest


def test_unknown_operating_point_lists_the_known(tiny: Experiment) -> None:
    """The error for an unknown rule lists the rules on the card."""
    with pytest.raises(ExperimentError, match=r'"best" .*choose one of: youden, sensitivity_90'):
        tiny.threshold("pytorch", rule="best")


def test_an_operating_point_without_a_value_is_an_error(tiny: Experiment) -> None:
    """A threshold that could not be estimated raises an error."""
    tiny.card["operating_points"]["pytorch"]["patient"]["f1"] = None
    with pytest.raises(ExperimentError, match="no operating point"):
        tiny.threshold("pytorch", "patient", "f1")


def test_tables_have_their_columns(tiny: Experiment) -> None:
    """Predictions, slices and history have the documented columns and types."""
    predictions = tiny.predictions()
    assert {"file", "patient", "number", "label", "sha256", "fold", "part", *FRAMEWORKS} == {*predictions}
    assert {"test", "validation"} == set(predictions["part"])
    assert predictions[list(FRAMEWORKS)].to_numpy().min() >= 0
    assert "Int64" == str(tiny.slices()["number"].dtype)
    assert {"fold_0", "fold_1", "fold_2"} <= {*tiny.slices()}
    assert [1, 2, 3, 4, 5] == sorted(tiny.history()["epoch"].unique())


def test_each_slice_is_tested_once(tiny: Experiment) -> None:
    """With K folds every slice has one out-of-sample prediction."""
    predictions = tiny.predictions()
    tested = predictions[predictions["part"] == "test"]
    assert sorted(tiny.slices()["file"]) == sorted(tested["file"])


def test_training_hashes_exclude_test_slices(models: Path) -> None:
    """With one fold, the test slices are not among those seen in training."""
    experiment = write_tiny_experiment(models, "one", folds=1)
    slices = experiment.slices()
    seen = set(slices.loc[slices["fold_0"] != "test", "sha256"])
    assert seen == experiment.training_hashes()
    assert len(seen) < len(slices)


def test_a_file_changed_after_reading_is_not_used(tiny: Experiment) -> None:
    """Tables and models are compared with their hash again when they are used."""
    for path in ("predictions.csv", "slices.csv", "keras/model.onnx"):
        (tiny.folder / path).write_bytes(b"changed")
    for use in (tiny.predictions, tiny.training_hashes, lambda: tiny.model_path("keras")):
        with pytest.raises(ExperimentError, match="differs from its SHA-256"):
            use()


def test_a_framework_that_was_not_trained_has_no_model(models: Path) -> None:
    """The error for an untrained framework lists the trained ones."""
    experiment = write_tiny_experiment(models, "half", frameworks=("keras",))
    assert ("keras",) == experiment.frameworks
    assert "pytorch" not in experiment.predictions()
    with pytest.raises(ExperimentError, match="no pytorch network; choose one of: keras"):
        experiment.model_path("pytorch")


def test_calibrated_predictions_are_those_of_the_card(models: Path) -> None:
    """Each fold's recalibration is applied to all its probabilities; other columns stay the same."""
    experiment = write_tiny_experiment(models, calibrated=True)
    raw, calibrated = experiment.predictions(), experiment.calibrated_predictions()
    entry = experiment.card["calibration"]["keras"]["folds"][1]
    rows = raw["fold"] == 1
    expected = Recalibration(entry["slope"], entry["intercept"]).apply(raw.loc[rows, "keras"])
    np.testing.assert_array_equal(expected, calibrated.loc[rows, "keras"])
    assert {"test", "validation"} == set(raw.loc[rows, "part"])
    others = [column for column in raw if column not in FRAMEWORKS]
    assert raw[others].equals(calibrated[others])
    served = experiment.card["calibration"]["keras"]["served"]
    assert Recalibration(served["slope"], served["intercept"]) == experiment.recalibration("keras")


def test_an_older_card_means_no_recalibration(tiny: Experiment) -> None:
    """Without "calibration" on the card, probabilities stay raw; without bands there is no review band."""
    assert tiny.predictions().equals(tiny.calibrated_predictions())
    assert IDENTITY == tiny.recalibration("keras")
    assert tiny.review_band("keras") is None


def test_bands_are_on_the_card_or_computed(models: Path) -> None:
    """The band of a threshold on the card is read from it; any other is computed from validation rows."""
    experiment = write_tiny_experiment(models, calibrated=True)
    bands = experiment.card["review_bands"]["keras"]
    assert tuple(bands["slice"]["youden"]) == experiment.review_band("keras")
    at_f1 = experiment.threshold("keras", "patient", "f1")
    assert tuple(bands["patient"]["f1"]) == experiment.review_band("keras", "patient", at_f1)
    table = experiment.calibrated_predictions().query("part == 'validation'")
    assert choose_band(table["keras"], 0.123) == experiment.review_band("keras", threshold=0.123)
