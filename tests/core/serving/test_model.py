"""The served model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ExperimentError
from core.serving.model import BATCH_SIZE, ServedModel
from tests.builders import tiny_probability, write_tiny_model

SHAPE = (32, 40, 2)


@pytest.fixture
def images() -> np.ndarray:
    """More images than fit into two batches."""
    rng = np.random.default_rng(0)
    level = rng.random((2 * BATCH_SIZE + 3, 1, 1, 1), dtype=np.float32)
    return level * rng.random((len(level), *SHAPE), dtype=np.float32)


@pytest.fixture
def model(tmp_path: Path) -> ServedModel:
    """A tiny network."""
    return ServedModel(write_tiny_model(tmp_path / "model.onnx", SHAPE))


def test_outputs_have_their_form(model: ServedModel, images: np.ndarray) -> None:
    """Shapes, dtypes and ranges are as documented, and the input's shape is known."""
    served = model.predict(images)
    assert SHAPE == model.input_shape
    assert [(19,), (19, 8, 10), (19, 80)] == [values.shape for values in served]
    assert {np.dtype(np.float32)} == {values.dtype for values in served}
    assert served.heat.min() >= 0
    assert served.heat.max() <= 1


def test_outputs_are_those_of_the_formula(model: ServedModel, images: np.ndarray) -> None:
    """Probability, heat map and features equal NumPy's."""
    served = model.predict(images)
    expected = [tiny_probability("pytorch", image) for image in images]
    np.testing.assert_allclose(expected, served.probability, atol=1e-6)
    pooled = images.mean(axis=3).reshape(-1, 8, 4, 10, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(pooled, served.heat, atol=1e-6)
    np.testing.assert_allclose(pooled.reshape(len(images), -1), served.features, atol=1e-6)


def test_a_batch_of_one_equals_its_row(model: ServedModel, images: np.ndarray) -> None:
    """The grouping of images into batches does not change the outputs."""
    together = model.predict(images)
    for index in (0, BATCH_SIZE, len(images) - 1):
        alone = model.predict(images[index : index + 1])
        for one, many in zip(alone, together, strict=True):
            np.testing.assert_allclose(many[index], one[0], atol=1e-5)


def test_a_flat_probability_is_accepted(tmp_path: Path, images: np.ndarray) -> None:
    """The probability may be (n,) as well as (n, 1)."""
    flat = ServedModel(write_tiny_model(tmp_path / "flat.onnx", SHAPE, flat=True))
    column = ServedModel(write_tiny_model(tmp_path / "column.onnx", SHAPE))
    np.testing.assert_array_equal(column.predict(images).probability, flat.predict(images).probability)


def test_the_input_need_not_be_contiguous(model: ServedModel, images: np.ndarray) -> None:
    """A view with other strides gives the same heat map as its copy."""
    view = images[:, ::-1]
    expected = model.predict(np.ascontiguousarray(view)).heat
    np.testing.assert_array_equal(expected, model.predict(view).heat)


def test_heat_is_kept_within_its_range(tmp_path: Path, images: np.ndarray) -> None:
    """A heat map that leaves [0, 1] is clipped."""
    high = ServedModel(write_tiny_model(tmp_path / "high.onnx", SHAPE, heat_scale=100)).predict(images).heat
    low = ServedModel(write_tiny_model(tmp_path / "low.onnx", SHAPE, heat_scale=-1)).predict(images).heat
    assert (1.0, 0.0) == (high.max(), low.max())


def test_several_threads_may_share_a_model(model: ServedModel, images: np.ndarray) -> None:
    """Readings at the same time do not disturb each other."""
    expected = model.predict(images).probability
    with ThreadPoolExecutor(4) as pool:
        for served in pool.map(model.predict, [images] * 16):
            np.testing.assert_array_equal(expected, served.probability)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((1, 32, 40, 3), np.float32), r"shape \(n, 32, 40, 2\).*\(1, 32, 40, 3\)"),
        (np.zeros((32, 40, 2), np.float32), "shape"),
        (np.zeros((0, 32, 40, 2), np.float32), "at least 1"),
        (np.zeros((1, 32, 40, 2), np.float64), "float32 arrays .*float64"),
        (np.zeros((1, 32, 40, 2), np.uint8), "float32 arrays .*uint8"),
        ([[0.0]], "float32 arrays .*list"),
        (np.full((1, 32, 40, 2), np.nan, np.float32), "between 0 and 1 .*nan"),
        (np.full((1, 32, 40, 2), np.inf, np.float32), "between 0 and 1 .*inf"),
        (np.full((1, 32, 40, 2), 255, np.float32), "between 0 and 1 .*255"),
        (np.full((1, 32, 40, 2), -0.1, np.float32), "between 0 and 1 .*-0.1"),
    ],
)
def test_wrong_images_are_refused(model: ServedModel, wrong: Any, message: str) -> None:
    """Images of another shape, dtype or range raise an error that says what was found and what to do."""
    with pytest.raises(ExperimentError, match=f"{message}.*prepare slices"):
        model.predict(wrong)


def test_one_bad_image_among_good_ones_is_found(model: ServedModel, images: np.ndarray) -> None:
    """A single NaN anywhere in the batch is refused."""
    images[-1, 5, 5, 1] = np.nan
    with pytest.raises(ExperimentError, match="between 0 and 1"):
        model.predict(images)


@pytest.mark.parametrize(
    "options",
    [{"input_name": "x"}, {"probability_name": "p"}, {"n_images": 1}],
    ids=["input", "output", "fixed batch"],
)
def test_a_network_of_another_form_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    """A network with other names, or for one image only, raises an error that lists its inputs."""
    path = write_tiny_model(tmp_path / "model.onnx", SHAPE, **options)
    with pytest.raises(ExperimentError, match=r"does not have the input.*inputs"):
        ServedModel(path)


@pytest.mark.parametrize("data", [b"", b"no network", None])
def test_a_file_that_is_not_a_network_is_refused(tmp_path: Path, data: bytes | None) -> None:
    """A damaged, empty or missing file raises an ExperimentError with the model's name."""
    path = tmp_path / "keras" / "model.onnx"
    path.parent.mkdir()
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(ExperimentError, match=r"keras/model\.onnx (cannot be loaded|does not have)"):
        ServedModel(path)


def test_a_network_that_returns_nan_is_refused(tmp_path: Path, images: np.ndarray) -> None:
    """A probability of NaN raises an error that names damaged weights."""
    model = ServedModel(write_tiny_model(tmp_path / "model.onnx", SHAPE, slope=float("nan")))
    with pytest.raises(ExperimentError, match="weights are damaged"):
        model.predict(images)
