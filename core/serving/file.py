"""Make ONNX files smaller without changing their results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from core.serving.model import BACKBONE_PROPERTY, SHAPE_PROPERTY

# For fewer numbers the extra Cast node costs more than it saves.
_WORTHWHILE = 128


def shrink(path: Path) -> None:
    """Store weights as float16 where no precision is lost, and shorten the inner names.

    A Cast node turns them back into float32. ONNX Runtime applies it once, on loading, so results and speed
    stay the same. A backbone's weights are rounded to float16 (`core.models.backbone`) and gain from this;
    trained weights hardly ever do.

    Args:
        path: an ONNX file; it is overwritten.
    """
    model = onnx.load(path)
    graph = model.graph
    casts = []
    for initializer in graph.initializer:
        if initializer.data_type != onnx.TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(initializer)
        with np.errstate(over="ignore"):
            halved = values.astype(np.float16)
        if values.size < _WORTHWHILE or not np.array_equal(halved.astype(np.float32), values):
            continue
        name = initializer.name
        initializer.CopyFrom(numpy_helper.from_array(halved, f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    _shorten_names(graph)
    onnx.save(model, path)


def name_backbone(path: Path, name: str, image_shape: Sequence[int]) -> None:
    """Write into an ONNX file which backbone's maps are its input, and the shape (h, w, c) of an image."""
    model = onnx.load(path)
    shape = " ".join(map(str, image_shape))
    helper.set_model_props(model, {BACKBONE_PROPERTY: name, SHAPE_PROPERTY: shape})
    onnx.save(model, path)


def _shorten_names(graph: onnx.GraphProto) -> None:
    """Rename all values except the graph's inputs and outputs to v1, v2, ..., and drop the nodes' names."""
    public = {value.name for value in (*graph.input, *graph.output)}
    short: dict[str, str] = {"": ""}

    def shorten(name: str) -> str:
        return name if name in public else short.setdefault(name, f"v{len(short)}")

    for initializer in graph.initializer:
        initializer.name = shorten(initializer.name)
    for node in graph.node:
        node.name = ""
        node.input[:] = [shorten(name) for name in node.input]
        node.output[:] = [shorten(name) for name in node.output]
    # Readers of the file infer the shapes of inner values themselves.
    del graph.value_info[:]
