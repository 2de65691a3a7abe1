"""The parts of a card that are computed from predictions or describe the protocol."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from core.datasets.dataset import index_dataset
from core.evaluation.operating_points import operating_points_of
from core.evaluation.recalibration import fit_calibrations, recalibrate
from core.experiments import Experiment
from core.frameworks import FRAMEWORKS
from core.manifests.findings import get_finding
from core.synthetic.phantoms import write_phantom_dataset
from core.training.card import (
    describe_dataset,
    describe_protocol,
    describe_results,
    describe_served,
    summarise_protocol,
)
from core.training.protocol import Protocol
from tests.manifest_files import write_lines, write_slice, write_two_sources


def test_results_are_chosen_on_calibrated_validation_rows(tiny: Experiment) -> None:
    """Operating points and review bands are those of the recalibrated validation rows."""
    raw = tiny.predictions()
    found = describe_results(raw, FRAMEWORKS)
    assert fit_calibrations(raw, FRAMEWORKS) == found["calibration"]
    calibrated = recalibrate(raw, found["calibration"])
    assert operating_points_of(calibrated, FRAMEWORKS) == found["operating_points"]
    scores = calibrated.query("part == 'validation'")["keras"]
    low, high = found["review_bands"]["keras"]["slice"]["youden"]
    threshold = found["operating_points"]["keras"]["slice"]["youden"]
    assert low < threshold < high
    assert np.mean((scores > low) & (scores < high)) <= 0.15
    json.dumps(found, allow_nan=False)


def test_a_failed_calibration_has_a_reason(tiny: Experiment) -> None:
    """A network that ranks in reverse is not calibrated, with a reason, and has operating points."""
    raw = tiny.predictions()
    raw["keras"] = 1 - raw["keras"]
    found = describe_results(raw, FRAMEWORKS)
    assert found["calibration"]["keras"]["served"] is None
    assert "fewer positives" in found["calibration"]["keras"]["reason"]
    assert operating_points_of(raw, ("keras",))["keras"] == found["operating_points"]["keras"]


def test_a_protocol_is_summarised_in_one_sentence() -> None:
    """The sentence names architecture, labels, split and folds."""
    protocol = Protocol("folder", "random", 1, "plain").to_dict()
    expected = "Plain CNN on the whole image, folder labels, slices split at random (a patient can "
    assert expected + "be in both training and test), one test set." == summarise_protocol(protocol)
    assert summarise_protocol(Protocol().to_dict()).endswith(
        "slice labels of hemorrhage, patients kept apart, 5-fold cross-validation."
    )


def test_the_served_model_is_distinguished_from_the_measured_networks() -> None:
    """A single network is the tested one; the probabilities of several are averaged, which was not tested."""
    assert "the network that was tested" in describe_served(1, "patient")
    assert "all 5 networks together" in describe_served(5, "random")
    assert "The average cannot be tested on these slices" in describe_served(5, "patient")
    assert "on patients that it did not see" in describe_served(5, "patient")
    assert "on slices that it did not see" in describe_served(5, "random")


def test_a_card_names_the_sources_of_a_manifest(tmp_path: Path) -> None:
    """Title, terms, counts and the meaning of silence of each source; what is presumed is a limit."""
    dataset = index_dataset(write_two_sources(tmp_path)).select_known("slice")
    y_true = dataset.labels("slice")
    found = describe_dataset(dataset, y_true)
    north, south = found["sources"]
    assert ("north", "Northern Hospital", "research only") == (north["name"], north["title"], north["terms"])
    silence = {"means": "presumed absent", "reason": "each report names its bleedings"}
    assert silence == north["silence"]["hemorrhage"]
    assert "unknown" == south["silence"]["hemorrhage"]["means"]
    assert (len(y_true), int(y_true.sum())) == tuple(
        north[key] + south[key] for key in ("n_slices", "n_positive")
    )
    assert (9, 12) == (found["n_patients"], found["n_unknown_patients"])
    json.dumps(found, allow_nan=False)
    limits = describe_protocol(dataset, "slice")["limits"]
    assert any(
        "presumed to show no hemorrhage, because each report names its bleedings" in text for text in limits
    )
    assert any("patients of 12 of 48 slices are unknown" in text for text in limits)


def test_a_card_names_the_finding_and_what_limits_its_labels(tmp_path: Path) -> None:
    """Class names and what counts are the finding's; a source that tells the label is a limit."""
    lines = ["file,source,patient,hemorrhage,ischemia"]
    for number, (source, label) in enumerate([("A", "present"), ("B", "absent"), ("B", "absent")]):
        write_slice(tmp_path / f"{number}.png", seed=number)
        lines.append(f"{number}.png,{source},{number},{'present' if number == 2 else 'absent'},{label}")
    dataset = index_dataset(write_lines(tmp_path / "set.csv", *lines))
    found = describe_protocol(dataset.select_known("slice", "ischemia"), "slice", "ischemia")
    assert ("No ischemic lesion", "Ischemic lesion") == (found["negative"], found["positive"])
    assert "Positive means that the slice shows an ischemic lesion." == found["meaning"]
    counts = get_finding("ischemia").counts
    assert {"key": "ischemia", "name": "ischemic lesion", "counts": counts} == found["finding"]
    assert any(
        "Every slice used of A is labeled with an ischemic lesion, and no slice used of B" in text
        for text in found["limits"]
    )
    assert any("Early ischemia is invisible" in text for text in found["limits"])
    of_other = describe_protocol(dataset.select_known("slice"), "slice")
    assert "hemorrhage" == of_other["finding"]["key"]
    assert not any("ischem" in text.lower() or "Every slice" in text for text in of_other["limits"])
    assert any(
        "No slice used of A is labeled with an intracranial hemorrhage." in text
        for text in of_other["limits"]
    )
    assert describe_protocol(dataset, "folder")["finding"] is None


def test_a_card_of_class_folders_is_as_before(tmp_path: Path) -> None:
    """Class folders have no sources, so their card gets no new field."""
    write_phantom_dataset(tmp_path, n_patients=4, slices_per_patient=4, size=48)
    dataset = index_dataset(tmp_path)
    assert ["fingerprint", "n_slices", "n_patients", "n_positive", "n_refused"] == list(
        describe_dataset(dataset, dataset.labels("folder"))
    )
