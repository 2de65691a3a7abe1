"""The served backbone: its maps, its file, and the networks that share its run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from core.errors import ExperimentError
from core.models.backbone import get_backbone
from core.serving.backbone import BACKBONE_FILES, MAPS, BackboneFile, ServedBackbone, load_backbone
from core.serving.file import name_backbone
from core.serving.model import MemberModel, ServedModel, predict_together
from tests.builders import tiny_model
from tests.core.models.test_cnn_contract import make_images, map_by_hand

NAME = "efficientnet-lite0"
IMAGE = (64, 64, 1)


def write_heads(path: Path, backbone: str = NAME, **options: object) -> Path:
    """Write a tiny network on the maps of a backbone, (4, 4, 232) for images of 64 x 64."""
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(tiny_model((4, 4, 232), input_name=MAPS, **options), path)
    name_backbone(path, backbone, IMAGE)
    return path


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).random((11, *IMAGE), np.float32)


@pytest.mark.parametrize("name", BACKBONE_FILES)
def test_the_file_computes_the_backbone(name: str) -> None:
    """The maps are those that NumPy computes from the weights."""
    maps = load_backbone(name, 1).embed(make_images() / np.float32(255))
    np.testing.assert_allclose(map_by_hand(get_backbone(name), make_images()), maps, atol=2e-3, rtol=1e-3)


def test_networks_on_one_backbone_share_its_run(
    tmp_path: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Together they answer as alone, and the backbone sees each image once."""
    models = {
        name: ServedModel(write_heads(tmp_path / name / "model.onnx", slope=slope))
        for name, slope in (("pytorch", 1.0), ("keras", 0.5))
    }
    seen, embed = [], ServedBackbone.embed
    alone = {name: model.predict(images) for name, model in models.items()}
    monkeypatch.setattr(
        ServedBackbone, "embed", lambda self, batch: seen.append(len(batch)) or embed(self, batch)
    )
    together = predict_together(models, images)
    assert (11, ["pytorch", "keras"]) == (sum(seen), list(together))
    for name, answer in together.items():
        for own, expected in zip(answer, alone[name], strict=True):
            np.testing.assert_array_equal(expected, own)
    assert (alone["pytorch"].probability != alone["keras"].probability).all()


def test_networks_with_and_without_a_backbone_answer_together(tmp_path: Path, images: np.ndarray) -> None:
    """A network on images gets the images, whatever its neighbor is built on."""
    path = tmp_path / "plain.onnx"
    onnx.save(tiny_model(IMAGE), path)
    models = {"heads": ServedModel(write_heads(tmp_path / "heads.onnx")), "plain": ServedModel(path)}
    together = predict_together(models, images)
    np.testing.assert_array_equal(models["plain"].predict(images).probability, together["plain"].probability)


def test_a_single_network_of_a_mean_is_read_through_the_backbone(tmp_path: Path, images: np.ndarray) -> None:
    """The members' mean is the served probability."""
    model = MemberModel(write_heads(tmp_path / "model.onnx", shifts=(0.0, 0.5)), 2)
    members = [model.predict_member(images, k).probability for k in range(2)]
    np.testing.assert_allclose(model.predict(images).probability, np.mean(members, axis=0), atol=1e-6)


def test_an_unknown_backbone_is_named(tmp_path: Path) -> None:
    """The error names the backbone that the file asks for, and those that there are."""
    with pytest.raises(ExperimentError, match=r"needs the backbone 'resnet'.*efficientnet-lite0"):
        ServedModel(write_heads(tmp_path / "model.onnx", "resnet"))


@pytest.mark.parametrize("shape", ["", "64 64", "64 64 x", "64 64 0", "64 -64 1"])
def test_an_image_shape_that_is_none_is_refused(tmp_path: Path, shape: str) -> None:
    """A file on a backbone must say for images of which shape it is made."""
    path = write_heads(tmp_path / "model.onnx")
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"backbone": NAME, "image_shape": shape})
    onnx.save(model, path)
    with pytest.raises(ExperimentError, match="does not have the input"):
        ServedModel(path)


def test_a_changed_backbone_is_refused(tmp_path: Path) -> None:
    """The file must have the hash that the program knows."""
    path = tmp_path / "other.onnx"
    path.write_bytes(BACKBONE_FILES[NAME].path.read_bytes() + b" ")
    with pytest.raises(ExperimentError, match="not the backbone that the networks were trained with"):
        ServedBackbone(BackboneFile(path, BACKBONE_FILES[NAME].sha256), 1)
    with pytest.raises(ExperimentError, match="cannot be loaded"):
        ServedBackbone(BackboneFile(tmp_path / "missing.onnx", ""), 1)
