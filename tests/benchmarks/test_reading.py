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
from core.models.onnx_model import BATCH_SIZE, ServedModel
from core.reading.reader import Reader
from core.scans import read_study
from core.scans.windows import window_hu
from core.synthetic.phantoms import draw_phantom
from dashboard.readings.reading import read_group
from dashboard.readings.uploads import Upload
from tests.scan_files import write_dicom, write_zip

N_SLICES = 64
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


def draw_study() -> bytes:
    """A zip of a series of 512 x 512 synthetic slices in Hounsfield units."""
    members = {}
    for number in range(N_SLICES):
        rng = np.random.default_rng(number)
        gray = draw_phantom(rng, lesion=False, size=512, position=0.3 + 0.5 * number / N_SLICES).pixels
        hu = np.where(gray < 0.01, -1000, np.where(gray > 0.99, 900, 120 * gray - 20))
        members[f"{number}.dcm"] = write_dicom(hu.astype(np.int16), z=2.0 * number)
    return write_zip(members)


def measure(work: Callable[[], T]) -> tuple[T, float, float]:
    """What it gives, with seconds of the clock and of the processor."""
    clock, processor = perf_counter(), process_time()
    result = work()
    return result, perf_counter() - clock, process_time() - processor


@pytest.mark.slow
def test_a_study_against_its_networks_alone(
    experiment: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole way from a zip to findings and pictures takes less than twice what the networks take."""
    data = draw_study()
    (scan,) = read_study([("study.zip", data)]).scans
    recipe = experiment.recipe
    images = prepare_many([window_hu(piece.pixels, recipe.window) for piece in scan.slices], recipe)
    models = [ServedModel(experiment.model_path(name), n_threads=1) for name in experiment.frameworks]
    reader = Reader(experiment)
    read_group(reader, [Upload("study.zip", data)])  # warm

    _, alone_s, alone_cpu_s = measure(lambda: [model.predict(images) for model in models])
    (reading,), whole_s, whole_cpu_s = measure(lambda: read_group(reader, [Upload("study.zip", data)]))

    ratio = whole_cpu_s / alone_cpu_s
    with capsys.disabled():
        print(f"\n{experiment.name}, {N_SLICES} slices of 512 x 512, batches of {BATCH_SIZE}")
        print(f"{'':16} {'clock':>9} {'processor':>11} {'slices/s':>9}")
        for what, clock, processor in (
            ("networks alone", alone_s, alone_cpu_s),
            ("the whole way", whole_s, whole_cpu_s),
        ):
            print(f"{what:16} {clock:7.2f} s {processor:9.2f} s {N_SLICES / clock:9.1f}")
        print(f"{'ratio':16} {whole_s / alone_s:9.2f} {ratio:11.2f}")
    assert N_SLICES == len(reading.findings.slices)
    assert ratio < MOST_BESIDE_NETWORKS
