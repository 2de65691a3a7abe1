"""Smaller ONNX files that compute the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

# Below this many numbers nothing is saved that would be worth a node.
_WORTHWHILE = 128


def shrink(path: Path) -> None:
    """Store the weights that float16 holds without loss as such, and give what is inside short names.

    A Cast gives float32 back; ONNX Runtime undoes it while it loads the file, so nothing is computed
    otherwise or more slowly. Those of a backbone are such (`core.models.backbone`); trained ones hardly ever
    are.

    Args:
        path: an ONNX file; it is written anew.
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


def _shorten_names(graph: onnx.GraphProto) -> None:
    """v0, v1, ... for all values but the graph's inputs and outputs; nodes need no name."""
    kept = {value.name for value in (*graph.input, *graph.output)}
    short: dict[str, str] = {"": ""}

    def shorten(name: str) -> str:
        return name if name in kept else short.setdefault(name, f"v{len(short)}")

    for initializer in graph.initializer:
        initializer.name = shorten(initializer.name)
    for node in graph.node:
        node.name = ""
        node.input[:] = [shorten(name) for name in node.input]
        node.output[:] = [shorten(name) for name in node.output]
    # Shapes of inner values are inferred anew by whoever reads the file.
    del graph.value_info[:]
