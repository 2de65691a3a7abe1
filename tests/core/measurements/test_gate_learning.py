"""The gate learns from folders of head CT and of other images, and is tested on what it did not see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import ExperimentError
from core.experiments import Experiment, add_files, find_experiment
from core.gate.familiarity import FAMILIARITY_FILE, Familiarity, Space, pack_familiarity
from core.measurements.gate_learning import LEFT_OUT, learn_gate
from core.synthetic.phantoms import render_phantom, save_phantom
from tests.builders import write_tiny_experiment
from tests.scan_files import write_dicom


@pytest.fixture
def known(models: Path) -> Experiment:
    """The tiny experiment with reference values of made-up training data."""
    tiny = write_tiny_experiment(models, folds=1)
    space = Space.fit(np.random.default_rng(0).normal(size=(80, 64)).astype(np.float32))
    familiarity = Familiarity(dict.fromkeys(tiny.frameworks, (space,)), 2.0, 3.0, np.zeros((1, 32), np.uint8))
    return add_files(tiny, {FAMILIARITY_FILE: pack_familiarity(familiarity)})


@pytest.fixture
def folders(tmp_path: Path) -> tuple[list[Path], list[Path]]:
    """Two sources of six heads, and six even pictures."""
    heads = [tmp_path / "north", tmp_path / "south"]
    for seed, folder in enumerate(heads):
        folder.mkdir()
        for number in range(6):
            rng = np.random.default_rng(10 * seed + number)
            save_phantom(render_phantom(rng, lesion=True, size=128), folder / f"Q7_{number}.png")
    others = tmp_path / "others"
    others.mkdir()
    for number in range(6):
        ramp = np.tile(np.arange(20 + number, 148 + number, dtype=np.uint8), (128, 1))
        Image.fromarray(ramp).save(others / f"Q7_{number}.png")
    return heads, [others]


def test_what_was_learned_is_stored_and_tells_apart(
    known: Experiment, folders: tuple[list[Path], list[Path]]
) -> None:
    """Heads and other images are told apart, also those left out; the weights are in the experiment."""
    steps: list[tuple[int, int]] = []
    stored, counts = learn_gate(known, *folders, lambda done, total: steps.append((done, total)))
    familiarity = find_experiment(stored.name).familiarity()
    assert familiarity is not None
    assert familiarity.head_ct is not None
    assert set(known.frameworks) == set(familiarity.head_ct.weights)
    # Of each source one head is cropped too; each other picture is shown in four ways.
    assert (2 * 7 + 6 * 4,) * 2 == steps[-1]
    assert [LEFT_OUT] * 4 == counts["images"].to_list()
    assert ["head_ct", "other", "head_ct: north", "head_ct: south"] == counts["kind"].to_list()
    assert [12, 6, 6, 6] == counts["n"].to_list()
    assert [12, 0] == counts["read"].to_list()[:2]


def test_an_experiment_without_reference_values_is_an_error(
    tiny: Experiment, folders: tuple[list[Path], list[Path]]
) -> None:
    """The weights are stored with the reference values, so these come first."""
    with pytest.raises(ExperimentError, match="stroke-ct features tiny"):
        learn_gate(tiny, *folders)


@pytest.mark.parametrize("n_sources", [0, 1])
def test_one_source_of_heads_is_too_few(
    known: Experiment, folders: tuple[list[Path], list[Path]], n_sources: int
) -> None:
    """Nothing is read: each source is judged after learning from the others."""
    steps: list[tuple[int, int]] = []
    with pytest.raises(ExperimentError, match="at least two sources") as refused:
        learn_gate(known, folders[0][:n_sources], folders[1], lambda *step: steps.append(step))
    assert ("too_few", []) == (refused.value.code, steps)


def test_a_source_without_a_slice_is_named(
    known: Experiment, folders: tuple[list[Path], list[Path]], tmp_path: Path
) -> None:
    """A folder of head CT in which no file can be read is an error, not left out."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.png").write_bytes(b"no picture")
    with pytest.raises(ExperimentError, match="can be read in: empty"):
        learn_gate(known, [*folders[0], tmp_path / "empty"], folders[1])


def test_one_other_image_is_too_few(known: Experiment, folders: tuple[list[Path], list[Path]]) -> None:
    """It could not be judged after learning from the rest."""
    (picture, *_) = sorted(folders[1][0].iterdir())
    with pytest.raises(ExperimentError, match="at least two other images"):
        learn_gate(known, folders[0], [picture])


@pytest.mark.parametrize("name", ["other", "plane"])
def test_a_source_may_have_any_name(
    known: Experiment, folders: tuple[list[Path], list[Path]], name: str
) -> None:
    """Head CT in a folder named as another kind is learned as head CT."""
    heads, others = folders
    _, counts = learn_gate(known, [heads[0].rename(heads[0].with_name(name)), heads[1]], others)
    assert ["head_ct", "other", f"head_ct: {name}", "head_ct: south"] == counts["kind"].to_list()
    assert [12, 6, 6, 6] == counts["n"].to_list()
    assert [12, 0] == counts["read"].to_list()[:2]


def test_other_images_in_hounsfield_units_teach_too(
    known: Experiment, folders: tuple[list[Path], list[Path]]
) -> None:
    """They are shown in the networks' window; what cannot be read is counted."""
    heads, (others,) = folders
    body = others.with_name("body.dcm")
    body.write_bytes(write_dicom())
    (others / "broken.png").write_bytes(b"no picture")
    (heads[0] / "broken.png").write_bytes(b"no picture")
    _, counts = learn_gate(known, heads, [others, body])
    assert [12, 7, 6, 6] == counts["n"].to_list()
    assert [1, 1, 1, 0] == counts["unreadable"].to_list()
