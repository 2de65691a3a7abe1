"""Heat maps of cases: from the very network whose probability is shown, on the one scale."""

from __future__ import annotations

import base64
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.datasets import index_dataset
from core.experiments import Experiment
from core.imaging import prepare
from core.scans import read_scan
from dashboard.overview import held_out, live_reading
from dashboard.readings import CaseReading, Pictures, pictures
from dashboard.shared import loaders
from tests.builders import MIDDLE, SLOPES
from tests.dashboard.story_data import write_set

SHIFTS = (0.0, 0.3, -0.3)


@pytest.fixture
def experiment(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """An experiment whose folds answer differently, and its data set."""
    monkeypatch.setenv("STROKE_CT_DATA", str(tmp_path / "set"))
    for kind in ("small_readings", "case_readings"):
        loaders.memory(kind).clear()
    return write_set(tmp_path / "set", models, shifts=SHIFTS)


def _expect(experiment: Experiment, folder: Path, file: str, fold: int) -> dict[str, float]:
    """Return the raw probability of the fold's network of each framework, by NumPy."""
    pixels = read_scan((folder / file).read_bytes(), "").slices[0].pixels
    mean = prepare(pixels, experiment.recipe).mean()
    return {
        name: 1 / (1 + np.exp(-SLOPES[name] * (mean - MIDDLE - SHIFTS[fold])))
        for name in experiment.frameworks
    }


@pytest.mark.parametrize("indexed", [False, True])
def test_a_held_out_case_is_read_by_its_fold(experiment: Experiment, tmp_path: Path, indexed: bool) -> None:
    """Each fold's slices are read by its network, in class folders and in an indexed data set alike."""
    folder = tmp_path / "set"
    root: Pictures = index_dataset(folder) if indexed else folder
    cases = loaders.cases(experiment)
    for fold in range(3):
        case = cases[cases["fold"] == fold].iloc[0]
        reading = pictures.read_case(experiment, root, case["file"], case["sha256"], fold)
        assert reading is not None
        assert (512, 512) == reading.picture.shape
        expected = _expect(experiment, folder, case["file"], fold)
        assert expected == pytest.approx(reading.probabilities, abs=1e-5)
        small = pictures.read_small(experiment, root, case["file"], case["sha256"], fold)
        assert small is not None
        assert reading.probabilities == small.probabilities
        assert pictures.SIZE_PX == max(small.picture.shape)


def test_an_example_is_read_by_the_network_of_its_score(experiment: Experiment, tmp_path: Path) -> None:
    """The slices of the example reading and of the quiz are read by the networks of their folds."""
    examples, synthetic = held_out.sample_quiz(experiment, 1)
    assert "" == synthetic
    for example in (held_out.pick_typical(experiment, 0), *examples):
        reading = live_reading._read(experiment, example)
        expected = _expect(experiment, tmp_path / "set", example.file, example.fold)
        assert expected == pytest.approx(reading.probabilities, abs=1e-5)
        rows = loaders.cases(experiment).set_index("file")
        assert rows["fold"][example.file] == example.fold


def test_a_missing_file_has_no_reading(experiment: Experiment, tmp_path: Path) -> None:
    """A file that differs from the recorded one is not read."""
    case = loaders.cases(experiment).iloc[0]
    (tmp_path / "set" / case["file"]).write_bytes(b"other")
    assert None is pictures.read_case(experiment, tmp_path / "set", case["file"], case["sha256"], 0)


def test_thumbnails_glow_with_the_probability() -> None:
    """The same heat map changes a thumbnail less below the threshold than above it."""
    gray, heat = np.full((208, 208), 128, np.uint8), np.ones((4, 4), np.float32)
    reading = CaseReading(gray, {}, {"pytorch": heat})
    changes = []
    for score in (0.01, 0.1, 0.9):
        (address,) = pictures.render_heat_thumbnails(reading, {"pytorch": score}, {"pytorch": 0.1})
        shown = Image.open(io.BytesIO(base64.b64decode(address.split(",")[1])))
        changes.append(float(np.abs(np.asarray(shown, float) - 128).mean()))
    assert sorted(changes) == changes
    assert changes[0] < changes[1] / 2


def test_a_case_that_another_session_removes_is_read_again(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All sessions share one store: what one of them looks for, another may remove at that moment."""

    class Shared(dict[object, object]):
        """A store from which another session removes everything right after each look."""

        def __contains__(self, key: object) -> bool:
            found = super().__contains__(key)
            self.clear()
            return found

    shared = Shared()
    monkeypatch.setattr(loaders, "memory", lambda _: shared)
    case = loaders.cases(experiment).iloc[0]
    places = (tmp_path / "set", case["file"], case["sha256"], int(case["fold"]))
    first, second = (pictures.read_case(experiment, *places) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.probabilities == second.probabilities


def test_a_file_of_a_manifest_is_found_in_the_folder_of_its_source(tmp_path: Path) -> None:
    """The source's name in front may be missing on disk; only the very same bytes count."""
    (tmp_path / "Normal").mkdir()
    (tmp_path / "Normal" / "1.png").write_bytes(b"a picture")
    sha256 = hashlib.sha256(b"a picture").hexdigest()
    for file, digest, expected in (
        ("Normal/1.png", sha256, b"a picture"),
        ("kaggle/Normal/1.png", sha256, b"a picture"),
        ("kaggle/Normal/1.png", 64 * "0", "differs"),
        ("kaggle/Normal/2.png", sha256, "missing"),
    ):
        assert expected == pictures.read_file(tmp_path, file, digest)
