"""Reading a study beside its two networks alone, in one run: what decoding, gate and pictures add."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter, process_time
from typing import TypeVar

import numpy as np
import pytest

from core.errors import ExperimentError
from core.experiments import Experiment, default_experiment
from core.imaging.preprocessing import prepare_many
from core.reading.reader import Reader
from core.scans import read_study
from core.scans.windows import window_hu
from core.serving.model import BATCH_SIZE, ServedModel
from core.synthetic.phantoms import render_phantom
from dashboard.readings.reading import read_group
from dashboard.readings.uploads import Upload
from tests.scan_files import write_dicom, write_zip

N_SLICES, N_SLICES_QUICK = 64, 4
# In seconds of the processor: those of the clock would tell how many cores were free.
MOST_BESIDE_NETWORKS = 2.0

T = TypeVar("T")


@pytest.fixture
def experiment() -> Experiment:
    """The experiment that the program opens with."""
    try:
        return default_experiment()
    except ExperimentError as error:
        pytest.skip(f"no experiment to measure: {error}")


def render_study(n_slices: int) -> bytes:
    """A zip of a series of n 512 x 512 synthetic slices in Hounsfield units."""
    members = {}
    for number in range(n_slices):
        rng = np.random.default_rng(number)
        gray = render_phantom(rng, lesion=False, size=512, position=0.3 + 0.5 * number / n_slices).pixels
        hu = np.where(gray < 0.01, -1000, np.where(gray > 0.99, 900, 120 * gray - 20))
        members[f"{number}.dcm"] = write_dicom(hu.astype(np.int16), z=2.0 * number)
    return write_zip(members)


def measure(work: Callable[[], T]) -> tuple[T, float, float]:
    """Return the result, with seconds of the clock and of the processor."""
    clock, processor = perf_counter(), process_time()
    result = work()
    return result, perf_counter() - clock, process_time() - processor


def test_a_study_against_its_networks_alone(
    quick: bool, experiment: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reading a zip, with gate and pictures, finds what its networks find, in less than twice their time."""
    n_slices = N_SLICES_QUICK if quick else N_SLICES
    data = render_study(n_slices)
    (scan,) = read_study([("study.zip", data)]).scans
    recipe = experiment.recipe
    images = prepare_many([window_hu(piece.pixels, recipe.window) for piece in scan.slices], recipe)
    models = [ServedModel(experiment.model_path(name), n_threads=1) for name in experiment.frameworks]
    reader = Reader(experiment)
    read_group([reader], [Upload("study.zip", data)])  # warm

    alone, alone_s, alone_cpu_s = measure(lambda: [model.predict(images) for model in models])
    (reading,), whole_s, whole_cpu_s = measure(lambda: read_group([reader], [Upload("study.zip", data)]))

    ratio = whole_cpu_s / alone_cpu_s
    with capsys.disabled():
        print(f"\n{experiment.name}, {n_slices} slices of 512 x 512, batches of {BATCH_SIZE}")
        print(f"{'':16} {'clock':>9} {'processor':>11} {'slices/s':>9}")
        for what, clock, processor in (
            ("networks alone", alone_s, alone_cpu_s),
            ("the whole way", whole_s, whole_cpu_s),
        ):
            print(f"{what:16} {clock:7.2f} s {processor:9.2f} s {n_slices / clock:9.1f}")
        print(f"{'ratio':16} {whole_s / alone_s:9.2f} {ratio:11.2f}")
    for name, served in zip(experiment.frameworks, alone, strict=True):
        found = [one.models[name].raw_probability for one in reading.findings.slices]
        np.testing.assert_allclose(found, served.probability, atol=1e-5)
    assert quick or ratio < MOST_BESIDE_NETWORKS
