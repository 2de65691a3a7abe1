"""The single networks of a served mean, found in its graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from core.errors import ExperimentError
from core.experiments import SHIPPED, read_experiment
from core.imaging import prepare
from core.serving.members import expose_members, name_members
from core.serving.model import MemberModel, ServedModel
from core.synthetic import render_phantom
from tests.builders import MIDDLE, SLOPES, tiny_model, write_tiny_model

SHAPE = (32, 40, 2)
SHIFTS = (0.0, 0.1, -0.2)
ROOT = Path(__file__).parents[3] / "trained_models"


@pytest.fixture
def images() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.random((5, 1, 1, 1), np.float32) * rng.random((5, *SHAPE), np.float32)


def test_each_network_answers_for_itself(tmp_path: Path, images: np.ndarray) -> None:
    """Network k gives the sigmoid of its own middle, its own heat map and its own features."""
    path = write_tiny_model(tmp_path / "model.onnx", SHAPE, shifts=SHIFTS)
    model, served = MemberModel(path, 3), ServedModel(path).predict(images)
    members = [model.predict_member(images, k) for k in range(3)]
    for member, shift in zip(members, SHIFTS, strict=True):
        logit = SLOPES["pytorch"] * (images.mean(axis=(1, 2, 3)) - (MIDDLE + shift))
        np.testing.assert_allclose(1 / (1 + np.exp(-logit)), member.probability, atol=1e-6)
        assert served.heat.shape == member.heat.shape
    for values in ("probability", "heat"):
        mean = np.mean([getattr(member, values) for member in members], axis=0)
        np.testing.assert_allclose(getattr(served, values), mean, atol=1e-6)
    np.testing.assert_array_equal(served.features, np.hstack([member.features for member in members]))


def test_features_tell_the_order(images: np.ndarray, tmp_path: Path) -> None:
    """The order of the features decides, not the order in which the mean lists the networks."""
    model = tiny_model(SHAPE, shifts=SHIFTS)
    for node in model.graph.node:
        if node.op_type == "Mean":
            node.input[:] = reversed(node.input)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    found = [MemberModel(path, 3).predict_member(images, k).probability for k in range(3)]
    assert (found[2] > found[0]).all()
    assert (found[0] > found[1]).all()


def test_named_outputs_need_no_search(tmp_path: Path, images: np.ndarray) -> None:
    """A file with outputs under the names of an export is used as it is."""
    model = tiny_model(SHAPE, shifts=SHIFTS)
    names = [name for member in name_members(3) for name in member]
    inner = [f"{value}_of_{k}" for k in range(3) for value in ("probability", "heat")]
    for name, value in zip(names, inner, strict=True):
        model.graph.node.append(helper.make_node("Identity", [value], [name]))
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    data = model.SerializeToString()
    assert (data, name_members(3)) == expose_members(data, 3)
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    older = write_tiny_model(tmp_path / "older.onnx", SHAPE, shifts=SHIFTS)
    for one, other in zip(
        MemberModel(path, 3).predict_member(images, 1),
        MemberModel(older, 3).predict_member(images, 1),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_one_network_is_the_served_one(tmp_path: Path, images: np.ndarray) -> None:
    """With one fold, the network's outputs are those served."""
    path = write_tiny_model(tmp_path / "model.onnx", SHAPE)
    for one, other in zip(
        MemberModel(path, 1).predict_member(images, 0), ServedModel(path).predict(images), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_the_file_stays_a_valid_model() -> None:
    """The library reads the exposed model: it passes the checker, with the same nodes and more outputs."""
    model = tiny_model(SHAPE, shifts=SHIFTS)
    exposed, members = expose_members(model.SerializeToString(), 3)
    read = onnx.load_from_string(exposed)
    assert len(model.graph.node) == len(read.graph.node)
    assert ["probability", "heat", "features"] == [output.name for output in read.graph.output][:3]
    assert [name for member in members for name in member] == [value.name for value in read.graph.output][3:]


@pytest.mark.parametrize("n_members", [2, 4, 5])
def test_another_number_of_networks_is_refused(tmp_path: Path, n_members: int) -> None:
    """A file that is not the mean of so many networks raises an error that names both numbers."""
    path = write_tiny_model(tmp_path / "keras" / "model.onnx", SHAPE, shifts=SHIFTS)
    with pytest.raises(ExperimentError, match=f"told apart.*{n_members} networks are expected"):
        MemberModel(path, n_members)


@pytest.mark.parametrize("data", [b"", b"no network", b"\x3a\x10\xff"])
def test_a_file_that_is_not_a_network_is_refused(tmp_path: Path, data: bytes) -> None:
    """Damaged bytes raise an ExperimentError, whichever way they are damaged."""
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    with pytest.raises(ExperimentError, match=r"told apart|cannot be loaded"):
        MemberModel(path, 3)


@pytest.mark.parametrize("name", SHIPPED)
def test_networks_of_shipped_files_are_found(name: str) -> None:
    """On phantoms, the mean of the networks of each shipped file is what it serves."""
    experiment = read_experiment(ROOT / name)
    rng, recipe = np.random.default_rng(0), experiment.recipe
    phantoms = [render_phantom(rng, lesion=lesion).pixels for lesion in (True, False)]
    images = np.stack([prepare(pixels, recipe) for pixels in phantoms])
    n_folds = experiment.card["protocol"]["folds"]
    for framework in experiment.frameworks:
        path = experiment.model_path(framework)
        model, served = (
            MemberModel(path, n_folds, n_threads=1),
            ServedModel(path, n_threads=1).predict(images),
        )
        members = [model.predict_member(images, fold) for fold in range(n_folds)]
        for values in ("probability", "heat"):
            mean = np.mean([getattr(member, values) for member in members], axis=0)
            np.testing.assert_allclose(getattr(served, values), mean, atol=1e-6)
        assert n_folds == len({member.probability.tobytes() for member in members})
