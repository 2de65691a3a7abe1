"""One contract for both CNNs: every test here runs on each framework, in a process that holds it alone."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from core.frameworks import FRAMEWORKS

_BODY = r"""
import json, sys, tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.errors import ExperimentError, ParityError, TrainingError
from core.training import child
from core.models.architecture import ARCHITECTURES, Augmentation
from core.models.contract import build_cnn
from core.models.onnx_model import ServedModel
from core.imaging.preprocessing import Recipe

framework = sys.argv[1]
folder = Path(tempfile.mkdtemp())
rng = np.random.default_rng(0)
found = {}

for name, architecture in ARCHITECTURES.items():
    architecture = replace(architecture, recipe=replace(architecture.recipe, size=64), batch_size=16)
    height, width, channels = architecture.recipe.shape
    images = rng.integers(90, 130, (48, height, width, channels)).astype(np.uint8)
    y_true = np.arange(48) % 2
    # The planted lesion: a bright square in the lower right quarter of every positive slice.
    images[y_true == 1, 40:52, 40:52, 0] = 250
    weight = np.ones(48)

    def read(cnn, some=images):
        return cnn.predict_probability(cnn.embed(some))

    inputs = build_cnn(framework, architecture, seed=3).embed(images)

    def run(cnn, seed, learning_rate=2e-3):
        return cnn.train_epoch(
            inputs, y_true, weight, order=np.arange(48), learning_rate=learning_rate, seed=seed,
            on_batch=lambda done: None,
        )

    first, twin, moved = (build_cnn(framework, architecture, seed=3) for _ in range(3))
    fresh = read(first)
    if architecture.has_trunk:
        # Half precision, as views are kept: its own sums would overflow.
        for cnn in (first, twin):
            cnn.adapt(inputs.astype(np.float16))
        moved.adapt(70 * inputs + 20)
        rest = np.abs(moved.predict_probability(70 * inputs + 20) - read(first)).max()
        adapts = bool(rest < 0.02 < np.abs(fresh - read(first)).max())
    else:
        first.adapt(inputs), twin.adapt(inputs)
        adapts = bool((fresh == read(first)).all())
    same_start = bool((read(first) == read(twin)).all())
    run(first, 1), run(twin, 1)
    same_epoch = float(np.abs(read(first) - read(twin)).max())
    first.save_checkpoint(folder / "checkpoint")
    restored = build_cnn(framework, architecture, seed=9)
    restored.load_checkpoint(folder / "checkpoint")
    run(first, 2), run(restored, 2)
    resumed = float(np.abs(read(first) - read(restored)).max())
    for epoch in range(3, 40):
        loss, _ = run(first, epoch)
    probability = read(first)
    first.save_weights(folder / f"weights{first.weights_suffix}")
    restored.load_weights(folder / f"weights{first.weights_suffix}")
    path = folder / f"{name}.onnx"
    parity = child.export([first, twin], path, images)
    served = ServedModel(path).predict(images.astype(np.float32) / np.float32(255))
    explained = (first.explain(images) + twin.explain(images)) / 2
    heat = first.explain(images[1:2])[0]
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    try:
        run(first, 1, learning_rate=float("inf")), run(first, 2)
        not_finite = "nothing"
    except TrainingError:
        not_finite = "TrainingError"
    (folder / "broken").write_bytes(b"not weights")
    try:
        first.load_weights((folder / "broken").rename(folder / f"broken{first.weights_suffix}"))
        broken = "nothing"
    except ExperimentError:
        broken = "ExperimentError"

    class Liar:
        # A network whose export says something else than it does.
        framework = first.framework

        def export_onnx(self, members, path):
            twin.export_onnx([twin], path)

        def embed(self, images):
            return twin.embed(images)

        def predict_probability(self, images):
            return 1 - twin.predict_probability(images)

    try:
        child.export([Liar()], folder / "liar.onnx", images)
        refusal = "nothing"
    except ParityError:
        refusal = "file left" if (folder / "liar.onnx").exists() else "ParityError"

    found[name] = {
        "adapts": adapts,
        "same_start": same_start,
        "same_epoch": same_epoch < 1e-4,
        "resumed": resumed < 1e-4,
        "shape": list(probability.shape),
        "range": bool(((probability >= 0) & (probability <= 1)).all()),
        "row_is_batch": float(np.abs(first_row - probability[:1]).max()) < 1e-5
        if (first_row := read(restored, images[:1])) is not None else False,
        "reload": float(np.abs(read(restored) - probability).max()) < 1e-6,
        "learns": float(((probability >= 0.5) == y_true).mean()),
        "hottest_on_lesion": bool(row >= heat.shape[0] // 2 - 1 and column >= heat.shape[1] // 2 - 1),
        "parity": parity["max_difference"] < 1e-5,
        "heat_shape": list(served.heat.shape) == [48, *architecture.feature_shape[:2]],
        "heat_is_autograd": float(np.abs(served.heat - explained).max()) < 1e-3,
        "features": list(served.features.shape) == [48, 2 * architecture.n_vector],
        "inputs": list(inputs.shape) == [48, *architecture.input_shape],
        "not_finite": not_finite,
        "broken": broken,
        "refusal": refusal,
        # The names of source files in an export would come with the paths of the machine that made it.
        "names_no_file": b"_cnn.py" not in path.read_bytes(),
    }
other = {"pytorch": ("tensorflow", "keras"), "keras": ("torch", "torchvision")}[framework]
found["alone"] = not any(module in sys.modules for module in other)
print(json.dumps(found))
"""

_PROMISES = {
    "adapts": True,
    "same_start": True,
    "same_epoch": True,
    "resumed": True,
    "shape": [48],
    "range": True,
    "row_is_batch": True,
    "reload": True,
    "learns": 1.0,
    "hottest_on_lesion": True,
    "parity": True,
    "heat_shape": True,
    "heat_is_autograd": True,
    "features": True,
    "inputs": True,
    "not_finite": "TrainingError",
    "broken": "ExperimentError",
    "refusal": "ParityError",
    "names_no_file": True,
}


@pytest.fixture(scope="module", params=FRAMEWORKS)
def found(request: pytest.FixtureRequest) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", _BODY, request.param], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("architecture", ["plain", "framed"])
@pytest.mark.parametrize("promise", _PROMISES)
def test_keeps_the_contract(found: dict, architecture: str, promise: str) -> None:
    """Each CNN keeps each promise of core.models.contract for each architecture."""
    assert _PROMISES[promise] == found[architecture][promise]


def test_frameworks_never_meet(found: dict) -> None:
    """A process that holds one framework has not imported the other."""
    assert found["alone"]
