"""The parts of a card that are computed from predictions or describe the protocol."""

from __future__ import annotations

import json

import numpy as np

from core.evaluation.operating_points import operating_points_of
from core.evaluation.recalibration import fit_calibrations, recalibrate
from core.experiments import Experiment
from core.frameworks import FRAMEWORKS
from core.training.card import describe_results, describe_served, summarise_protocol
from core.training.protocol import Protocol


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
        "slice labels, patients kept apart, 5-fold cross-validation."
    )


def test_the_served_model_is_distinguished_from_the_measured_networks() -> None:
    """A single network is the tested one; the probabilities of several are averaged, which was not tested."""
    assert "the network that was tested" in describe_served(1, "patient")
    assert "all 5 networks together" in describe_served(5, "random")
    assert "The average was not tested" in describe_served(5, "patient")
    assert "on patients that it did not see" in describe_served(5, "patient")
    assert "on slices that it did not see" in describe_served(5, "random")
