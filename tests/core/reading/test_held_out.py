"""Held-out slices read by the networks of the fold that tested them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.datasets import locate_slices, read_pixels
from core.evaluation import recalibrate
from core.experiments import SHIPPED, find_published_source, read_experiment
from core.imaging import prepare
from core.reading import HeldOutReader, Reader
from core.scans import Scan, Slice
from core.synthetic import render_phantom
from tests.builders import MIDDLE, SLOPES, render_head, write_tiny_experiment

ROOT = Path(__file__).parents[3] / "trained_models"
DATA = Path(os.environ.get("STROKE_CT_DATA", "/nowhere"))
N_SLICES = 12


def test_a_fold_answers_with_its_own_network(tmp_path: Path) -> None:
    """Probability and heat map of a fold are those of its network, calibrated by the fold's own fit."""
    shifts = (0.0, 0.1, -0.1)
    experiment = write_tiny_experiment(tmp_path, folds=3, calibrated=True, shifts=shifts)
    reader, head = HeldOutReader(experiment), render_head(0.45)
    mean = prepare(head, experiment.recipe).mean()
    for fold, shift in enumerate(shifts):
        found = reader.read(head, fold)
        assert ["pytorch", "keras"] == list(found)
        for name, finding in found.items():
            raw = 1 / (1 + np.exp(-SLOPES[name] * (mean - MIDDLE - shift)))
            assert raw == pytest.approx(finding.raw_probability, abs=1e-5)
            table = pd.DataFrame({"fold": [fold], name: [finding.raw_probability]})
            calibrations = {name: experiment.card["calibration"][name]}
            assert recalibrate(table, calibrations)[name].iloc[0] == finding.probability


def test_one_fold_is_read_as_scans_are(tmp_path: Path) -> None:
    """With one fold, the heat map and the raw probability are those of a reading."""
    experiment = write_tiny_experiment(tmp_path, folds=1)
    head = render_head(0.45)
    (served,) = Reader(experiment).read(Scan("head", "0" * 64, "gray", (Slice(head),))).slices
    for name, finding in HeldOutReader(experiment).read(head, 0).items():
        assert served.models[name].raw_probability == finding.raw_probability
        np.testing.assert_array_equal(served.models[name].heat, finding.heat)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_served_answer_is_the_mean_over_folds(name: str) -> None:
    """On a phantom, the mean of the folds' raw probabilities is that of the served networks."""
    experiment = read_experiment(ROOT / name)
    pixels = render_phantom(np.random.default_rng(4), lesion=True).pixels
    (served,) = Reader(experiment).read(Scan("phantom", "0" * 64, "gray", (Slice(pixels),))).slices
    reader = HeldOutReader(experiment)
    folds = [reader.read(pixels, fold) for fold in range(experiment.card["protocol"]["folds"])]
    for framework, model in served.models.items():
        mean = np.mean([found[framework].raw_probability for found in folds])
        assert model.raw_probability == pytest.approx(mean, abs=1e-6)


@pytest.mark.skipif(not DATA.is_dir(), reason="STROKE_CT_DATA names no folder")
@pytest.mark.parametrize("name", SHIPPED)
def test_recorded_probabilities_are_given_again(name: str) -> None:
    """On held-out slices, the fold's network gives the recorded probability within 1e-4."""
    experiment, places = read_experiment(ROOT / name), locate_slices(DATA)
    table, source = experiment.calibrated_predictions(), find_published_source(experiment)
    table = table[table["file"].str.startswith(source)]
    reader = HeldOutReader(experiment)
    for row in table[table["part"] == "test"].sample(N_SLICES, random_state=2).itertuples():
        file = str(row.file).removeprefix(f"{source}/")
        pixels = read_pixels(places, file, experiment.recipe.window)
        for framework, finding in reader.read(pixels, int(row.fold)).items():
            assert getattr(row, framework) == pytest.approx(finding.probability, abs=1e-4)
