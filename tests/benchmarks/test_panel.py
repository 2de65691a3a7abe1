"""Two findings by two networks each, on one run of their backbone, beside one finding without sharing."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import pytest

from core.experiments import find_experiment
from core.imaging.preprocessing import prepare_many
from core.reading.reader import Reader, read_together
from core.scans import read_study
from core.scans.windows import window_hu
from core.service import DEFAULT_NAME
from core.serving.model import ServedModel, predict_together
from tests.benchmarks.test_reading import measure, render_study

OTHER_FINDING = "ischemia-by-study"
N_SLICES, N_SLICES_QUICK = 64, 4
# Seconds of the processor: those of the clock would tell how many cores were free.
MOST_BESIDE_ONE_FINDING = 1.3


def test_a_second_finding_costs_little(quick: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Four networks together need at most 1.3 times what two need that share nothing, and answer alike."""
    experiments = [find_experiment(name) for name in (DEFAULT_NAME, OTHER_FINDING)]
    n_slices = N_SLICES_QUICK if quick else N_SLICES
    (scan,) = read_study([("study.zip", render_study(n_slices))]).scans
    recipe = experiments[0].recipe
    assert recipe == experiments[1].recipe
    images = prepare_many([window_hu(piece.pixels, recipe.window) for piece in scan.slices], recipe)
    networks = {
        (one.name, framework): ServedModel(one.model_path(framework), n_threads=1)
        for one in experiments
        for framework in one.frameworks
    }
    first = [model for (name, _), model in networks.items() if name == DEFAULT_NAME]
    predict_together(networks, images[:1])  # warm

    alone, _, alone_s = measure(lambda: [model.predict(images) for model in first])
    together, _, together_s = measure(lambda: predict_together(networks, images))
    readers = [Reader(one) for one in experiments]
    started = perf_counter()
    found = read_together(readers, scan, override_gate=True)
    read_s = perf_counter() - started

    ratio = together_s / alone_s
    with capsys.disabled():
        print(f"\n{n_slices} slices of 512 x 512, seconds of the processor for a slice")
        print(f"one finding, two networks that share nothing  {1000 * alone_s / n_slices:6.1f} ms")
        print(f"two findings, four networks together          {1000 * together_s / n_slices:6.1f} ms")
        print(f"ratio {ratio:.2f}; read whole, both findings: {n_slices / read_s:.1f} slices a second")
    for answer, expected in zip(together.values(), alone, strict=False):
        np.testing.assert_array_equal(expected.probability, answer.probability)
    for one, own in zip(experiments, found, strict=True):
        for framework in one.frameworks:
            read = [piece.models[framework].raw_probability for piece in own.slices]
            np.testing.assert_allclose(together[one.name, framework].probability, read, atol=1e-5)
    assert quick or ratio <= MOST_BESIDE_ONE_FINDING
