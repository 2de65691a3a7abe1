"""One contract for both CNNs: every test here runs on each framework, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.frameworks import FRAMEWORKS
from core.models.architectures import ARCHITECTURES
from core.models.backbone import Backbone
from tests.core.models.test_backbone import make_backbone

ROOT = Path(__file__).parents[3]

_BODY = r"""
import hashlib, importlib, json, shutil, sys, tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from core.errors import ExperimentError, ParityError, TrainingError
from core.frameworks import BY_NAME
from core.training import child
from core.models.architectures import ARCHITECTURES, Augmentation
from core.models.backbone import BACKBONES
from core.models.contract import CellTargets, build_cnn
from core.models.layers import Convolution, Dropout, FrozenBackbone, MaxPooling, MirroredDifference
from core.serving.backbone import BACKBONE_FILES, BackboneFile
from core.serving.model import MemberModel, ServedModel
from tests.core.models.test_backbone import make_backbone
from tests.core.models.test_cnn_contract import make_images

framework = sys.argv[1]
folder = Path(tempfile.mkdtemp())
rng = np.random.default_rng(0)
found = {}

framed = ARCHITECTURES["framed"]
normalisation, *trained = framed.trained_layers
features = (FrozenBackbone(), normalisation, MirroredDifference(), *trained)
mirrored = replace(framed, features=features, members=2, cell_weight=0.5)
for name, architecture in ARCHITECTURES.items():
    # One of the 16 positions shows the lesion.
    architecture = replace(
        architecture, recipe=replace(architecture.recipe, size=64), batch_size=16,
        strongest=min(architecture.strongest, 1),
        members=min(architecture.members, 2),
    )
    height, width, channels = architecture.recipe.shape
    images = rng.integers(90, 130, (48, height, width, channels)).astype(np.uint8)
    y_true = np.arange(48) % 2
    # The planted lesion: a bright square in the lower right quarter of every positive slice.
    images[y_true == 1, 40:52, 40:52, 0] = 250
    weight = np.ones(48)
    cells = CellTargets(*np.ones((2, 48, 4, 4), np.uint8))
    cells.lesion[:] = 0
    cells.lesion[y_true == 1, 3, 3] = 1

    def read(cnn, some=images):
        return cnn.predict_probability(cnn.embed(some))

    def run(cnn, seed, learning_rate=2e-3):
        return cnn.train_epoch(
            inputs, y_true, weight, order=np.arange(48), learning_rate=learning_rate, seed=seed,
            on_batch=lambda done: None, cells=None if architecture.slice_weight else cells,
        )

    first, twin = (build_cnn(framework, architecture, seed=3) for _ in range(2))
    inputs = first.embed(images)
    fresh = read(first)
    if architecture.has_backbone:
        # Half precision, as views are kept: its own sums would overflow.
        for cnn in (first, twin):
            cnn.adapt(inputs.astype(np.float16))
        twin.adapt(70 * inputs + 20)
        rest = np.abs(twin.predict_probability(70 * inputs + 20) - read(first)).max()
        twin.adapt(inputs.astype(np.float16))
        adapts = bool(rest < 0.02 < np.abs(fresh - read(first)).max())
    else:
        first.adapt(inputs), twin.adapt(inputs)
        adapts = bool((fresh == read(first)).all())
    same_start = bool((read(first) == read(twin)).all())
    run(first, 1), run(twin, 1)
    same_epoch = float(np.abs(read(first) - read(twin)).max())
    first.save_checkpoint(folder / "checkpoint")
    run(twin, 9)  # elsewhere than the checkpoint
    twin.load_checkpoint(folder / "checkpoint")
    run(first, 2), run(twin, 2)
    resumed = float(np.abs(read(first) - read(twin)).max())
    for epoch in range(3, 40):
        loss, _ = run(first, epoch)
    probability = read(first)
    path = folder / f"{name}.onnx"
    parity = child.export([first, twin], path, images)
    served = ServedModel(path).predict(images.astype(np.float32) / np.float32(255))
    alone = [first.explain(images), twin.explain(images)]
    explained = sum(alone) / 2
    # The networks of the file, by the names of its outputs and found as in a file without them.
    named = MemberModel(path, 2)
    graph = onnx.load(path)
    for output in [one for one in graph.graph.output if "_" in one.name]:
        graph.graph.output.remove(output)
    older = folder / "older.onnx"
    onnx.save(graph, older)
    found_again = MemberModel(older, 2)
    some = images[:8]
    scaled = some.astype(np.float32) / np.float32(255)
    members = [
        [model.predict_member(scaled, k) for k in range(2)] for model in (named, found_again)
    ]
    own = max(
        np.abs(answer.probability - read(cnn, some)).max()
        for model in members for answer, cnn in zip(model, (first, twin))
    )
    apart = float(np.abs(read(first) - read(twin)).max())
    own_heat = max(
        np.abs(answer.heat - heat[:8]).max() for model in members for answer, heat in zip(model, alone)
    )
    first.save_weights(folder / f"weights{first.weights_suffix}")
    twin.load_weights(folder / f"weights{first.weights_suffix}")
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

        def export_onnx(self, members, target):
            shutil.copyfile(path, target)

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
        if (first_row := read(twin, images[:1])) is not None else False,
        "reload": float(np.abs(read(twin) - probability).max()) < 1e-6,
        "learns": float(((probability >= 0.5) == y_true).mean()),
        "hottest_on_lesion": bool(row >= heat.shape[0] // 2 - 1 and column >= heat.shape[1] // 2 - 1),
        "parity": parity["max_difference"] < 1e-5,
        "heat_shape": list(served.heat.shape) == [48, *architecture.feature_shape[:2]],
        "heat_is_autograd": float(np.abs(served.heat - explained).max()) < 1e-3,
        "members": float(own) < 1e-5 < apart,
        "members_heat": float(own_heat) < 1e-3,
        "members_named": sorted(value.name for value in onnx.load(path).graph.output)
        == ["features", "heat", "heat_0", "heat_1", "probability", "probability_0", "probability_1"],
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
features = (FrozenBackbone("small"), *framed.trained_layers)
architecture = replace(framed, recipe=replace(framed.recipe, size=64), features=features, members=2)
cnn = build_cnn(framework, architecture, seed=1)
images = make_images()
found["backbone"] = cnn.embed(images).tolist()
if framework == "pytorch":  # which writes the file that serves the networks of both
    from core.models.pytorch_cnn import export_backbone

    export_backbone(small, served := folder / "small-backbone.onnx")
    BACKBONE_FILES["small"] = BackboneFile(served, hashlib.sha256(served.read_bytes()).hexdigest())
    found["backbone_parity"] = child.export([cnn], folder / "small.onnx", images)["max_difference"]


# Masks and partial labels. Lesions are the cells of a bright square; half of the positive slices have a mask.
# One network, set back before each training: to build and to compile it takes longer than the epochs.
def fit_cells(cells, n_epochs=1):
    fitted.load_checkpoint(folder / "untrained")
    for epoch in range(n_epochs):
        fitted.train_epoch(
            inputs, y_true, weight, order=np.arange(48), learning_rate=2e-3, seed=epoch,
            on_batch=lambda done: None, cells=cells,
        )
    return fitted.predict_probability(inputs)

rng = np.random.default_rng(0)
images = rng.integers(90, 130, (48, 64, 64, 1)).astype(np.uint8)
y_true, weight = np.arange(48) % 2, np.linspace(0.5, 2, 48)
places = rng.integers(0, 3, (48, 2))
lesion, known = np.zeros((2, 48, 4, 4), np.uint8)
for k in np.flatnonzero(y_true):
    row, column = places[k]
    images[k, 16 * row : 16 * row + 24, 16 * column : 16 * column + 24] = 250
    lesion[k, row, column] = 1
known[(y_true == 0) | (np.arange(48) % 4 == 1)] = 1
small = replace(mirrored, recipe=replace(framed.recipe, size=64), batch_size=16)
fitted = build_cnn(framework, small, seed=3)
inputs = fitted.embed(images)
fitted.adapt(inputs)
fitted.save_checkpoint(folder / "untrained")
unknown = CellTargets(np.where(known, lesion, 1 - lesion), known)
one, same, other, slices_only = (
    fit_cells(cells)
    for cells in (
        CellTargets(lesion, known), unknown, CellTargets(1 - lesion, known), CellTargets(lesion, 0 * known)
    )
)
plain = fit_cells(None)
found["unknown_cells"] = float(np.abs(one - same).max())
found["known_cells"] = float(np.abs(one - other).max())
found["no_known_cell"] = float(np.abs(slices_only - plain).max())
fit_cells(CellTargets(lesion, known), 30)
hidden = np.flatnonzero((y_true == 1) & (known[:, 0, 0] == 0))
heat = fitted.explain(images[hidden]).reshape(len(hidden), -1).argmax(1)
row, column = heat // 4 - places[hidden, 0], heat % 4 - places[hidden, 1]
found["looks_at_lesions"] = float(((row >= 0) & (row < 2) & (column >= 0) & (column < 2)).mean())

# With one cell its evidence is the slice's logit, so that the loss is known.
single = replace(
    ARCHITECTURES["framed"], recipe=replace(framed.recipe, size=32), members=1, dropout=0.0,
    features=(MaxPooling(32), Convolution(6, kernel=1)), cell_weight=0.7, cell_positive_weight=3.0,
)
cnn = build_cnn(framework, single, seed=5)
images = rng.integers(0, 255, (16, 32, 32, 1)).astype(np.float32) / 255
probability = cnn.predict_probability(images)
shows, known = np.arange(16) % 3 == 0, np.arange(16) % 2 == 0
each = -np.where(shows, 3.0 * np.log(probability), np.log1p(-probability))
weight = np.linspace(1, 2, 16)
cells = CellTargets(*(part.astype(np.float32).reshape(16, 1, 1) for part in (shows, known)))
_, measured, _ = cnn._train_batch(images, shows.astype(np.float32), weight.astype(np.float32), cells)
found["cell_loss"] = [measured, 0.7 * float((each * weight * known).sum() / (weight * known).sum())]

# Members that are computed at once, and one by one.
module = importlib.import_module(f"core.models.{framework}_joint")
images, y_true, weight = make_images()[[0, 1] * 8], np.arange(16) % 2, np.ones(16)
for name, own in {
    "mirrored": (normalisation, MirroredDifference(), *trained[1:], MirroredDifference(), trained[-1]),
    "separable": trained[-1:],
    "on_images": (Convolution(4, kernel=1), Convolution(4, kernel=1, normalise=True), trained[-1]),
}.items():
    backbone = () if name == "on_images" else (FrozenBackbone(),)
    architecture = replace(
        small, features=(*backbone, *own), members=2, dropout=0.0, augmentation=Augmentation(),
        cell_weight=0.0,
    )
    answers = []
    for can_join in (module._can_join, lambda member: False):
        before, module._can_join = module._can_join, can_join
        cnn = build_cnn(framework, architecture, seed=1)
        inputs = cnn.embed(images)
        cnn.adapt(inputs)
        losses = [
            cnn.train_epoch(
                inputs, y_true, weight, order=np.arange(16), learning_rate=1e-3, seed=1,
                on_batch=lambda done: None,
            )[0]
            for epoch in range(3)
        ]
        answers.append(np.append(cnn.predict_probability(inputs), losses))
        module._can_join = before
    assert len(np.unique(answers[0].round(4))) > 3
    found[f"jointly_{name}"] = float(np.abs(answers[0] - answers[1]).max())

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
    "members": True,
    "members_heat": True,
    "members_named": True,
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


@pytest.mark.parametrize("architecture", ARCHITECTURES)
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
    """Served by the backbone's own ONNX file, the network gives the same probabilities as the native one."""
    if "backbone_parity" not in found:
        pytest.skip("PyTorch writes the file, and does not meet Keras in one process")
    assert found["backbone_parity"] < 1e-5


def test_cells_teach_only_where_they_are_known(found: dict) -> None:
    """Unknown cells change nothing, whatever they hold; known ones do; without any, only slices count."""
    assert found["unknown_cells"] < 1e-5 < 1e-3 < found["known_cells"]
    assert found["no_known_cell"] < 1e-5


def test_masks_of_half_of_the_slices_show_where_to_look(found: dict) -> None:
    """On slices whose mask is unknown, the strongest place is mostly in the lesion."""
    assert found["looks_at_lesions"] >= 0.9


def test_the_loss_of_cells_is_the_weighted_mean_of_the_known_ones(found: dict) -> None:
    """The loss of cells equals the formula in NumPy, with weights of slices and of cells with the finding."""
    measured, expected = found["cell_loss"]
    assert expected == pytest.approx(measured, rel=1e-4)


@pytest.mark.parametrize("layers", ["mirrored", "separable", "on_images"])
def test_members_computed_at_once_learn_the_same(found: dict, layers: str) -> None:
    """Members with their channels side by side are trained and answer as one by one."""
    assert found[f"jointly_{layers}"] < 1e-3


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
