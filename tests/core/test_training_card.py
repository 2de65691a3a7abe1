"""What a card says of its predictions."""

from __future__ import annotations

import json

import numpy as np

from core.evaluation.operating_points import operating_points_of
from core.evaluation.recalibration import fit_calibrations, recalibrate
from core.experiments import FRAMEWORKS, Experiment
from core.training_card import describe_results


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


def test_what_cannot_be_calibrated_has_the_reason(tiny: Experiment) -> None:
    """A network whose probabilities run against the labels keeps them raw, and has operating points."""
    raw = tiny.predictions()
    raw["keras"] = 1 - raw["keras"]
    found = describe_results(raw, FRAMEWORKS)
    assert found["calibration"]["keras"]["served"] is None
    assert "fewer positives" in found["calibration"]["keras"]["reason"]
    assert operating_points_of(raw, ("keras",))["keras"] == found["operating_points"]["keras"]
