"""ONNX files are smaller and give the same results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.serving.file import shrink


def _write(path: Path, weights: np.ndarray) -> None:
    """A graph that multiplies (1, 40) by the weights (40, 40)."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 40])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 40])],
        [numpy_helper.from_array(weights, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)


def _run(path: Path) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    answer: np.ndarray = session.run(None, {"x": np.linspace(0, 1, 40, dtype=np.float32)[None]})[0]
    return answer


@pytest.mark.parametrize(("exact", "share"), [(True, 0.6), (False, 1.0)])
def test_weights_exact_in_float16_are_halved(tmp_path: Path, exact: bool, share: float) -> None:
    """Weights that float16 holds exactly take half the space, others stay; the results do not change."""
    path = tmp_path / "model.onnx"
    weights = np.random.default_rng(0).standard_normal((40, 40)).astype(np.float32)
    _write(path, weights.astype(np.float16).astype(np.float32) if exact else weights)
    before, size = _run(path), path.stat().st_size
    shrink(path)
    np.testing.assert_array_equal(before, _run(path))
    assert (share < 1) == (path.stat().st_size < 0.6 * size)


def test_numbers_beyond_half_precision_stay(tmp_path: Path) -> None:
    """A number too large for float16 is not turned into infinity."""
    path = tmp_path / "model.onnx"
    _write(path, np.full((40, 40), 1e6, np.float32))
    before = _run(path)
    shrink(path)
    np.testing.assert_array_equal(before, _run(path))
