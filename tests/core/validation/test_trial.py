"""Trials of site calibrations of a given size, measured on the kept part."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import EvaluationError, ExperimentError
from core.experiments import Experiment
from core.validation import Validation, read_trial, try_calibration
from core.validation.cross_fit import fit_slices, select_rows
from core.validation.trial import FILE_NAME
from tests.builders import write_tiny_experiment, write_tiny_validation

FEW = {"n_draws": 8, "n_resamples": 60}


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """A calibrated tiny experiment; treat it as read-only."""
    return write_tiny_experiment(tmp_path_factory.mktemp("models"), calibrated=True)


@pytest.fixture(scope="module")
def validation(experiment: Experiment) -> Validation:
    """A validation of 80 patients, 20 of them of the kept part."""
    return write_tiny_validation(experiment, "north", n_patients=80, n_slices=4, parts=("", "", "", "kept"))


@pytest.fixture(scope="module")
def trial(experiment: Experiment, validation: Validation) -> dict[str, Any]:
    """The trial of 30 patients."""
    return try_calibration(experiment, validation, 30, **FEW)


def test_it_is_stored_and_read_back(
    experiment: Experiment, validation: Validation, trial: dict[str, Any]
) -> None:
    """The stored trial is the one returned; it is not read if what is served or predicted differs."""
    assert trial == read_trial(experiment, validation)
    other = replace(validation, details=validation.details | {"predictions": "0" * 64})
    assert read_trial(experiment, other) is None


def test_what_it_rests_on_is_counted(trial: dict[str, Any]) -> None:
    """It tells how many units were drawn of how many, and what they were measured on."""
    assert 30 == trial["fitted_to"]["n_units"]
    assert ("patients", 60, False, 8, 0) == tuple(
        trial["fitted_to"][key] for key in ("unit", "n_available", "own", "n_draws", "n_too_few")
    )
    assert 116 <= trial["fitted_to"]["n"] <= 120
    assert (80, 40, 20) == tuple(trial["measured_on"][key] for key in ("n", "positives", "n_patients"))


def test_a_draw_of_all_is_the_fit_to_all(experiment: Experiment, validation: Validation) -> None:
    """If all patients are drawn, every draw is the fit to all of them, and draws do not differ."""
    found = try_calibration(experiment, validation, 60, **FEW)
    predictions = validation.predictions()
    rows, kept = select_rows(predictions), select_rows(predictions, kept=True)
    for framework in experiment.frameworks:
        home, model = experiment.recalibration(framework), found["models"][framework]
        fitted, _, points = fit_slices(rows.positive, rows.table[framework].to_numpy(), home)
        raw = kept.table[framework].to_numpy()
        for side, called in (
            ("before", home.apply(raw) >= experiment.threshold(framework)),
            ("after", fitted.apply(raw) >= points["youden"]),
        ):
            expected = called[kept.positive].mean(), (~called[~kept.positive]).mean()
            values = model[side]["recall"]["value"], model[side]["specificity"]["value"]
            assert pytest.approx(expected) == values
        after = model["after"]["recall"]["value"]
        assert pytest.approx([after, after]) == model["spread"]["recall"]


def test_a_difference_is_after_minus_before(trial: dict[str, Any]) -> None:
    """Values subtract; the interval of the difference holds its value."""
    for model in trial["models"].values():
        for rate, difference in model["difference"].items():
            gained = model["after"][rate]["value"] - model["before"][rate]["value"]
            assert pytest.approx(gained) == difference["value"]
            if difference["interval"]:
                low, high = difference["interval"]
                assert low <= difference["value"] <= high


def test_it_is_the_same_again(experiment: Experiment, validation: Validation, trial: dict[str, Any]) -> None:
    """The same seed gives the same trial, another seed another."""
    assert trial["models"] == try_calibration(experiment, validation, 30, **FEW)["models"]
    assert trial["models"] != try_calibration(experiment, validation, 30, seed=1, **FEW)["models"]


def test_draws_with_few_of_a_class_are_counted(experiment: Experiment) -> None:
    """A draw with fewer than 20 slices of a class is left out; if all are, the trial is refused."""
    rare = write_tiny_validation(
        experiment, "rare", n_patients=240, n_slices=1, labels=(0, 0, 0, 1), patients_known=False,
        parts=("", "", "kept"),
    )  # fmt: skip
    found = try_calibration(experiment, rare, 80, **FEW)
    assert 0 < found["fitted_to"]["n_too_few"] < 8
    assert "slices" == found["fitted_to"]["unit"]
    with pytest.raises(EvaluationError, match="20 slices with the finding") as refused:
        try_calibration(experiment, rare, 10, **FEW)
    assert "too_few_slices" == refused.value.code


def test_more_than_there_are_cannot_be_drawn(experiment: Experiment, validation: Validation) -> None:
    """The error says how many there are to draw from."""
    with pytest.raises(EvaluationError, match="60 outside the kept part"):
        try_calibration(experiment, validation, 61)


def test_slices_that_were_trained_on_count_out_of_sample(tmp_path: Path) -> None:
    """If the rest of a source is the experiment's own data, its out-of-sample probabilities are fitted to."""
    own = write_tiny_experiment(tmp_path, n_patients=40, sources=("north", "south"), calibrated=True)
    kept = write_tiny_validation(own, "north", n_patients=20, n_slices=4, parts=("kept",))
    slices, table = own.slices(), own.predictions()
    north = set(slices["file"][slices["source"] == "north"])
    table = table[(table["part"] == "test") & table["file"].isin(north)]
    found = try_calibration(own, kept, table["patient"].nunique(), **FEW)
    assert (True, len(table)) == (found["fitted_to"]["own"], found["fitted_to"]["n"])
    kept_rows = select_rows(kept.predictions(), kept=True)
    for framework in own.frameworks:
        home, positive = own.recalibration(framework), table["label"].to_numpy(int) == 1
        fitted, _, points = fit_slices(positive, table[framework].to_numpy(np.float64), home)
        called = fitted.apply(kept_rows.table[framework].to_numpy()) >= points["youden"]
        assert (
            pytest.approx(called[kept_rows.positive].mean())
            == (found["models"][framework]["after"]["recall"]["value"])
        )


@pytest.mark.parametrize("parts", [("",), ("kept",)])
def test_without_both_parts_there_is_no_trial(experiment: Experiment, parts: tuple[str]) -> None:
    """A validation that is kept as a whole, or not at all, is refused with the counts."""
    one = write_tiny_validation(experiment, f"only-{parts[0] or 'rest'}", parts=parts)
    with pytest.raises(EvaluationError) as refused:
        try_calibration(experiment, one, 5)
    assert "no_kept_part" == refused.value.code


def test_a_damaged_trial_is_an_error(experiment: Experiment) -> None:
    """A file that is no trial is an error; a missing one is not."""
    bare = write_tiny_validation(experiment, "bare")
    assert read_trial(experiment, bare) is None
    for text in ("{", "[]", json.dumps({"served": "x"})):
        (bare.folder / FILE_NAME).write_text(text, encoding="utf-8")
        with pytest.raises(ExperimentError) as refused:
            read_trial(experiment, bare)
        assert "damaged_trial" == refused.value.code


def test_the_spread_is_that_of_the_draws(trial: dict[str, Any]) -> None:
    """The spread holds the mean over the draws and lies in [0, 1]."""
    for model in trial["models"].values():
        for rate, (low, high) in model["spread"].items():
            assert 0 <= low <= model["after"][rate]["value"] <= high <= 1
            assert np.isfinite([low, high]).all()
