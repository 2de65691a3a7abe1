"""Files that are read together: progress and results."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.imaging.pictures import PICTURE_SIZE, cut_picture
from core.reading.outcome import UNFINISHED
from core.reading.reader import Reader
from core.scans import read_study
from core.synthetic import render_phantom
from dashboard.readings.reading import Step, read_group
from dashboard.readings.uploads import Upload
from tests.builders import write_tiny_experiment
from tests.scan_files import write_series, write_zip

N_SLICES = 20


@pytest.fixture
def study() -> list[Upload]:
    """Return a zip of a series."""
    return [Upload("a.zip", write_zip({f"{n}.dcm": data for n, data in enumerate(write_series(N_SLICES))}))]


def test_steps_count_files_then_slices(models: Path, study: list[Upload]) -> None:
    """Steps count decoded files, then slices; each holds the final findings of the slices so far."""
    steps: list[Step] = []
    (reading,) = read_group([Reader(write_tiny_experiment(models))], study, on_step=steps.append)
    assert list(range(1, N_SLICES + 1)) == [step.n_files for step in steps if step.n_files]
    slice_steps = steps[N_SLICES:]
    assert [0, 8, 16, N_SLICES] == [step.done for step in slice_steps]
    assert {N_SLICES} == {step.total for step in slice_steps}
    assert slice_steps[0].so_far is None
    for step in slice_steps[1:]:
        assert reading.findings.slices[: step.done] == step.so_far.findings.slices
        assert (step.done, PICTURE_SIZE, PICTURE_SIZE) == step.so_far.pictures.shape
        np.testing.assert_array_equal(reading.pictures[: step.done], step.so_far.pictures)
        assert not step.so_far.findings.verdicts
        assert (UNFINISHED,) == step.so_far.findings.conclusion.reasons
        assert reading.findings.sha256 == step.so_far.findings.sha256
    assert reading.findings.verdicts


@pytest.mark.parametrize("at", ["n_files", "done"])
def test_an_error_in_on_step_ends_the_reading(models: Path, study: list[Upload], at: str) -> None:
    """An error ends the reading while files are decoded, and while slices are read."""
    steps = []

    def stop(step: Step) -> None:
        steps.append(step)
        if getattr(step, at):
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        read_group([Reader(write_tiny_experiment(models))], study, on_step=stop)
    assert 1 == sum(bool(getattr(step, at)) for step in steps)


def test_pictures_are_of_their_slices(models: Path, study: list[Upload]) -> None:
    """Each picture is cut from the slice with the same index; no two slices are equal."""
    experiment = write_tiny_experiment(models)
    (reading,) = read_group([Reader(experiment)], study)
    (scan,) = read_study([(upload.name, upload.data) for upload in study]).scans
    for piece, picture in zip(scan.slices, reading.pictures, strict=True):
        np.testing.assert_array_equal(cut_picture(piece, scan.unit, experiment.recipe), picture)


def test_a_turned_head_is_shown_upright(models: Path) -> None:
    """The picture of a head that lies turned is that of the upright one."""
    face = render_phantom(np.random.default_rng(0), lesion=False, position=0.1).pixels
    shown = []
    for quarters in range(2):
        stream = BytesIO()
        Image.fromarray(np.rint(np.rot90(face, quarters) * 255).astype(np.uint8)).save(stream, "PNG")
        reader = Reader(write_tiny_experiment(models))
        (reading,) = read_group([reader], [Upload("a.png", stream.getvalue())], override_gate=True)
        shown.append((reading.findings.slices[0].turned, reading.picture(0)))
    assert [0, 270] == [turned for turned, _ in shown]
    np.testing.assert_array_equal(shown[0][1], shown[1][1])
