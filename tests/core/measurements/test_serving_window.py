"""Windows compared by the networks' features, and the command `window`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.cli.app import main
from core.errors import ExperimentError, ScanError
from core.experiments import Experiment, add_files
from core.gate.familiarity import FAMILIARITY_FILE, fit_familiarity, hash_image, pack_familiarity
from core.imaging.preprocessing import prepare
from core.measurements.serving_window import CENTERS_HU, WIDTHS_HU, compare_windows
from core.scans.windows import Window, window_hu
from core.serving.model import ServedModel
from tests.builders import write_tiny_experiment
from tests.scan_files import write_nifti

BURNT_IN = Window(30, 160)


def render_hu(seed: int) -> np.ndarray:
    """A head of (64, 64) float32: skull, brain near 35 HU, fluid near 5."""
    rows, columns = np.mgrid[:64, :64] - 31.5
    radius = np.hypot(rows, columns * 1.2)
    rng = np.random.default_rng(seed)
    brain = np.where(radius < 6 + seed % 4, 5, 35) + rng.normal(0, 4, radius.shape)
    return np.select([radius > 30, radius > 26], [-1000, 900], brain).astype(np.float32)


@pytest.fixture
def experiment(models: Path) -> Experiment:
    """An experiment whose training pictures have the window BURNT_IN."""
    single = write_tiny_experiment(models, folds=1)
    grays = [window_hu(render_hu(seed), BURNT_IN) for seed in range(60)]
    images = np.stack([prepare(gray, single.recipe) for gray in grays])
    served = {
        name: ServedModel(single.model_path(name)).predict(images).features for name in single.frameworks
    }
    parts = pd.DataFrame({"fold_0": ["test" if i % 3 == 0 else "train" for i in range(len(grays))]})
    known = fit_familiarity(parts, served, np.stack([hash_image(image) for image in images]))
    return add_files(single, {FAMILIARITY_FILE: pack_familiarity(known)})


def test_the_burnt_in_window_is_found(experiment: Experiment) -> None:
    """Of all windows that of the training pictures gives new heads the smallest distance."""
    matches = compare_windows(experiment, [render_hu(seed) for seed in range(100, 108)])
    assert BURNT_IN == matches[0].window
    assert sorted(match.distance for match in matches) == [match.distance for match in matches]
    assert len(CENTERS_HU) * len(WIDTHS_HU) == len(matches)
    assert experiment.recipe.window in [match.window for match in matches]


def test_slices_without_brain_do_not_count(experiment: Experiment) -> None:
    """A slice of bone alone is left out; without any brain there is an error."""
    heads = [render_hu(seed) for seed in range(100, 104)]
    bone = np.where(render_hu(0) > 500, 900, -1000).astype(np.float32)
    assert compare_windows(experiment, heads) == compare_windows(experiment, [*heads, bone])
    with pytest.raises(ScanError) as raised:
        compare_windows(experiment, [bone])
    assert "empty" == raised.value.code


def test_it_needs_measured_features(tiny: Experiment) -> None:
    """For an experiment without measured features the error names the command."""
    with pytest.raises(ExperimentError, match="stroke-ct features tiny"):
        compare_windows(tiny, [render_hu(0)])


def test_the_command_lists_every_window(
    experiment: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """window/1 holds each window once, with the experiment's own marked; the table agrees with it."""
    volume = np.stack([render_hu(seed) for seed in range(3)], -1).astype(np.int16)
    (tmp_path / "head.nii").write_bytes(write_nifti(volume))
    printed = []
    for words in (["--json"], []):
        with pytest.raises(SystemExit) as left:
            main(["window", "tiny", str(tmp_path / "head.nii"), *words])
        assert 0 == (left.value.code or 0)
        printed.append(capsys.readouterr().out)
    record = json.loads(printed[0])
    assert ("window/1", 3) == (record["schema"], record["n_slices"])
    assert [(40.0, 120.0)] == [(one["level_hu"], one["width_hu"]) for one in record["windows"] if one["own"]]
    for one in record["windows"]:
        row = next(
            line for line in printed[1].splitlines()
            if line.split()[:2] == [f"{one['width_hu']:g}", f"{one['level_hu']:g}"]
        )  # fmt: skip
        assert f"{one['distance']:.3f}" == row.split()[2]
