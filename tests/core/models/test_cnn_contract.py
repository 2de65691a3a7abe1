"""One contract for both CNNs: every test here runs on each framework, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.frameworks import FRAMEWORKS
from core.models.architecture import ARCHITECTURES
from core.models.backbone import Backbone
from tests.core.models.test_backbone import make_backbone

ROOT = Path(__file__).parents[3]

_BODY = r"""
import json, sys, tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.errors import ExperimentError, ParityError, TrainingError
from core.frameworks import BY_NAME
from core.training import child
from core.models.architecture import ARCHITECTURES, Augmentation
from core.models.backbone import BACKBONES
from core.models.contract import build_cnn
from core.models.layers import FrozenBackbone
from core.models.onnx_model import ServedModel
from tests.core.models.test_backbone import make_backbone
from tests.core.models.test_cnn_contract import make_images

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
    if architecture.has_backbone:
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
        # A network whose export computes something else.
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
        # A source file's name in an export would come with the path of the machine that made it.
        "names_no_file": not any(name in path.read_bytes() for name in (b"_cnn.py", b"_layers.py")),
    }
# Another backbone, selected by its name and built from its description.
small = BACKBONES["small"] = make_backbone(folder)
framed = ARCHITECTURES["framed"]
features = (FrozenBackbone("small"), *framed.trained_layers)
architecture = replace(framed, recipe=replace(framed.recipe, size=64), features=features, members=2)
cnn = build_cnn(framework, architecture, seed=1)
images = make_images()
found["backbone"] = cnn.embed(images).tolist()
found["backbone_parity"] = child.export([cnn], folder / "small.onnx", images)["max_difference"]

others = [library for one in BY_NAME.values() if one.name != framework for library in one.libraries]
found["alone"] = not any(library in sys.modules for library in others)
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
        [sys.executable, "-c", _BODY, request.param], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
@pytest.mark.parametrize("promise", _PROMISES)
def test_keeps_the_contract(found: dict, architecture: str, promise: str) -> None:
    """Each CNN fulfils each point of core.models.contract for each architecture."""
    assert _PROMISES[promise] == found[architecture][promise]


def make_images() -> np.ndarray:
    """Return two images of noise, (2, 64, 64, 1) uint8."""
    return np.random.default_rng(2).integers(0, 256, (2, 64, 64, 1)).astype(np.uint8)


def test_a_backbone_is_built_from_its_description(found: dict, tmp_path: Path) -> None:
    """Each framework computes the same feature maps of another backbone as NumPy does."""
    expected = map_by_hand(make_backbone(tmp_path), make_images())
    assert (2, 8, 8, 14) == expected.shape
    np.testing.assert_allclose(np.array(found["backbone"]), expected, atol=1e-4, rtol=1e-4)


def test_a_network_on_another_backbone_is_exported(found: dict) -> None:
    """The exported network gives the same probabilities as the native one."""
    assert found["backbone_parity"] < 1e-5


def map_by_hand(backbone: Backbone, images: np.ndarray) -> np.ndarray:
    """Return the feature map, in double precision."""
    arrays = {name: values.astype(np.float64) for name, values in backbone.read().items()}

    def convolve(values: np.ndarray, name: str, stride: int = 1, *, relu: bool = True) -> np.ndarray:
        kernel = arrays[f"{name}/kernel"]
        side = kernel.shape[0]
        before = (side - stride) // 2
        pads = (before, side - stride - before)
        padded = np.pad(values, ((0, 0), pads, pads, (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), (1, 2))
        form = "nyxchw,hwc->nyxc" if kernel.ndim == 3 else "nyxchw,hwcd->nyxd"
        found = np.einsum(form, windows[:, ::stride, ::stride], kernel) + arrays[f"{name}/bias"]
        return np.clip(found, 0, 6) if relu else found

    values = convolve(images / 255 * 2 - 1, "stem", 2)
    taps = []
    for index, block in enumerate(backbone.blocks):
        wide = convolve(values, f"{index}/expand") if block.expansion > 1 else values
        wide = convolve(wide, f"{index}/depthwise", block.stride)
        projected = convolve(wide, f"{index}/project", relu=False)
        values = values + projected if block.is_residual else projected
        if index in backbone.taps:
            taps.append(values)
    height, width = taps[-1].shape[1:3]
    parts = [
        part.reshape(len(part), height, part.shape[1] // height, width, -1, part.shape[3]).max((2, 4))
        for part in taps
    ]
    return np.concatenate(parts, axis=-1)


def test_frameworks_never_meet(found: dict) -> None:
    """A process with one framework has not imported the other."""
    assert found["alone"]
