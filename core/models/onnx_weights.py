"""Smaller ONNX files: what half precision holds exactly is kept so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

# Below this many numbers nothing is saved that would be worth a node.
_WORTHWHILE = 128


def halve_weights(path: Path) -> None:
    """Store the weights that float16 holds without loss as such, with a Cast that gives float32 back.

    ONNX Runtime undoes the casts while it loads the file, so nothing is computed otherwise, or more slowly.
    The trunk's weights are of this kind (`core.models.trunk`); trained ones are left as they are.

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
    onnx.save(model, path)
