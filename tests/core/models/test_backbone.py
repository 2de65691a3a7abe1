"""Frozen backbones: their registry, shapes and weights."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import ExperimentError, StrokeError
from core.models.architectures import get_architecture
from core.models.backbone import BACKBONES, Backbone, Block, get_backbone, stack_blocks
from core.models.layers import FrozenBackbone


def make_backbone(folder: Path, name: str = "small") -> Backbone:
    """Return a backbone of two blocks with random weights, whose file is in `folder`."""
    rng = np.random.default_rng(5)
    blocks = stack_blocks(4, (1, 3, 2, 2, 6), (1, 5, 2, 1, 8))
    shapes: dict[str, tuple[int, ...]] = {"stem": (3, 3, 1, 4)}
    for index, block in enumerate(blocks):
        wide = block.n_in * block.expansion
        if block.expansion > 1:
            shapes[f"{index}/expand"] = (1, 1, block.n_in, wide)
        shapes[f"{index}/depthwise"] = (block.kernel, block.kernel, wide)
        shapes[f"{index}/project"] = (1, 1, wide, block.n_out)
    arrays = {}
    for layer, shape in shapes.items():
        arrays[f"{layer}/kernel"] = (rng.standard_normal(shape) / 2).astype(np.float16)
        arrays[f"{layer}/bias"] = (rng.standard_normal(shape[-1]) / 8).astype(np.float16)
    path = folder / f"{name}.npz"
    np.savez(path, allow_pickle=False, **arrays)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Backbone(name, path, digest, n_stem=4, blocks=blocks, taps=(0, 1))


def test_efficientnet_ends_at_stride_16_with_232_features() -> None:
    """Stem and blocks of stride 2 multiply to 16; three stages give 40, 80 and 112 features."""
    backbone = get_backbone("efficientnet-lite0")
    assert 16 == backbone.stride
    assert [40, 80, 112] == [backbone.blocks[tap].n_out for tap in backbone.taps]
    assert 232 == backbone.n_features
    assert (2, 1, 1) == backbone.poolings


def test_efficientnet_has_eleven_blocks() -> None:
    """The first and the last block are those of the published network."""
    blocks = get_backbone("efficientnet-lite0").blocks
    assert (11, Block(3, 1, 1, 32, 16), Block(5, 1, 6, 112, 112)) == (len(blocks), blocks[0], blocks[-1])


@pytest.mark.parametrize("name", list(BACKBONES))
def test_every_layer_has_its_weights(name: str) -> None:
    """Each block has a depthwise filter of its size and a projection to its width; wide ones expand first."""
    backbone = get_backbone(name)
    arrays = backbone.read()
    assert (3, 3, 1, backbone.n_stem) == arrays["stem/kernel"].shape
    for index, block in enumerate(backbone.blocks):
        wide = block.n_in * block.expansion
        assert (block.kernel, block.kernel, wide) == arrays[f"{index}/depthwise/kernel"].shape
        assert (1, 1, wide, block.n_out) == arrays[f"{index}/project/kernel"].shape
        assert (block.expansion > 1) == (f"{index}/expand/kernel" in arrays)


@pytest.mark.parametrize("name", list(BACKBONES))
def test_half_precision_holds_every_weight(name: str) -> None:
    """All weights are finite float32 that float16 holds exactly, at half the size."""
    for values in get_backbone(name).read().values():
        assert np.float32 == values.dtype
        np.testing.assert_array_equal(values, values.astype(np.float16).astype(np.float32))
        assert np.isfinite(values).all()


def test_another_file_is_refused(tmp_path: Path) -> None:
    """A changed file is refused: the trained networks expect the original features."""
    backbone = make_backbone(tmp_path)
    changed = tmp_path / "changed.npz"
    changed.write_bytes(backbone.path.read_bytes() + b" ")
    with pytest.raises(ExperimentError, match="is not the backbone"):
        replace(backbone, path=changed).read()


def test_the_name_selects_the_backbone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An architecture has the stride and features of the backbone that its first layer names."""
    monkeypatch.setitem(BACKBONES, "small", make_backbone(tmp_path))
    framed = get_architecture("framed")
    other = replace(framed, features=(FrozenBackbone("small"), *framed.trained_layers))
    assert (16, 16, 232) == framed.input_shape
    assert (32, 32, 14) == other.input_shape


def test_an_unknown_name_lists_the_known_ones() -> None:
    """The error for a misspelt backbone lists all names."""
    with pytest.raises(StrokeError) as error:
        get_backbone("resnet")
    assert "resnet" in str(error.value)
    assert all(name in str(error.value) for name in BACKBONES)
