"""Build test data: a small experiment folder with working ONNX networks, and pictures of heads."""

from __future__ import annotations

import hashlib
import inspect
import tempfile
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import numpy as np
import onnx
import pandas as pd
from onnx import TensorProto, helper, numpy_helper

from core.evaluation import DEFAULT_RULE, RULES
from core.evaluation.measures import list_keys
from core.experiments import Experiment, publish, read_experiment, write_experiment, write_table
from core.frameworks import FRAMEWORKS
from core.imaging.preprocessing import Recipe
from core.manifests import get_finding
from core.synthetic import phantoms
from core.training.card import describe_results
from core.validation import Validation
from core.validation.store import store_validation

# Each network is sigmoid(slope * (mean gray - MIDDLE)): bright pictures are "positive".
SLOPES = {"pytorch": 20.0, "keras": 12.0}
MIDDLE = 0.4
POOLING = 4

P = ParamSpec("P")


def render_head(gray: float, size: int = 64) -> np.ndarray:
    """Return a square head (size, size) float32 that passes the gate, with this mean gray (0.2 to 0.9).

    Bright bone surrounds a uniform inside, with a thin black margin; the left is slightly brighter.
    """
    picture = np.zeros((size, size), dtype=np.float32)
    margin = max(1, size // 32)
    bone = max(3, size // 20)
    picture[margin:-margin, margin:-margin] = 1
    inside = (slice(margin + bone, -margin - bone),) * 2
    picture[inside] = 0
    n_inside = (size - 2 * (margin + bone)) ** 2
    level = (gray * size**2 - picture.sum()) / n_inside
    ramp = np.linspace(0.04, -0.04, size - 2 * (margin + bone), dtype=np.float32)
    picture[inside] = np.clip(level + ramp, 0, 1)
    return picture


def tiny_probability(framework: str, image: np.ndarray) -> float:
    """Return the probability of the tiny network of `framework` for one image (h, w, c), by NumPy."""
    return float(1 / (1 + np.exp(-SLOPES[framework] * (float(image.mean()) - MIDDLE))))


def tiny_model(
    shape: tuple[int, int, int],
    *,
    slope: float = SLOPES["pytorch"],
    middle: float = MIDDLE,
    heat_scale: float = 1.0,
    input_name: str = "images",
    probability_name: str = "probability",
    n_images: str | int = "n",
    flat: bool = False,
    shifts: tuple[float, ...] = (0.0,),
) -> onnx.ModelProto:
    """Return an ONNX network: sigmoid of the mean gray; its heat map is the picture, pooled 4 x 4.

    With several shifts it is the mean of as many networks, and has the features of each.

    Args:
        shape: (h, w, c) of an image; h and w divisible by 4.
        slope, middle: of the sigmoid. With a slope of NaN, the network returns NaN.
        heat_scale: factor of heat maps; above 1 they exceed [0, 1].
        input_name, probability_name, n_images: change them for an invalid network.
        flat: whether "probability" is (n,) instead of (n, 1).
        shifts: of each network, added to the middle.
    """
    height, width, _ = shape
    constants = {
        "slope": np.float32(slope),
        **{f"middle_{k}": np.float32(middle + shift) for k, shift in enumerate(shifts)},
        "heat_scale": np.float32(heat_scale),
        "pixel_axes": np.array([1, 2], dtype=np.int64),
        "channel_axis": np.array([3], dtype=np.int64),
        "second_axis": np.array([1], dtype=np.int64),
        "flat_shape": np.array([-1], dtype=np.int64),
        "column_shape": np.array([-1, 1], dtype=np.int64),
        "row_shape": np.array([0, -1], dtype=np.int64),
    }
    pool = {"kernel_shape": [POOLING, POOLING], "strides": [POOLING, POOLING]}
    column = "flat_shape" if flat else "column_shape"
    nodes = []
    for k in range(len(shifts)):
        for kind, inputs, output, options in (
            ("Identity", [input_name], "pixels", {}),
            ("ReduceMean", ["pixels", "pixel_axes"], "channel_means", {"keepdims": 0}),
            ("ReduceMean", ["channel_means", "second_axis"], "mean", {"keepdims": 0}),
            ("Sub", ["mean", f"middle_{k}"], "above", {}),
            ("Mul", ["above", "slope"], "logit", {}),
            ("Sigmoid", ["logit"], "flat_probability", {}),
            ("Reshape", ["flat_probability", column], "probability", {}),
            ("ReduceMean", ["pixels", "channel_axis"], "gray", {"keepdims": 0}),
            ("Unsqueeze", ["gray", "second_axis"], "planes", {}),
            ("AveragePool", ["planes"], "pooled", pool),
            ("Squeeze", ["pooled", "second_axis"], "small", {}),
            ("Mul", ["small", "heat_scale"], "heat", {}),
            ("Reshape", ["small", "row_shape"], "features", {}),
        ):
            known = constants.keys() | {input_name}
            names = [name if name in known else f"{name}_of_{k}" for name in inputs]
            nodes.append(helper.make_node(kind, names, [f"{output}_of_{k}"], **options))
    for output, name in (("probability", probability_name), ("heat", "heat")):
        nodes.append(helper.make_node("Mean", [f"{output}_of_{k}" for k in range(len(shifts))], [name]))
    joined = [f"features_of_{k}" for k in range(len(shifts))]
    nodes.append(helper.make_node("Concat", joined, ["features"], axis=1))
    rows, columns = height // POOLING, width // POOLING
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, [n_images, *shape])],
        [
            helper.make_tensor_value_info(
                probability_name, TensorProto.FLOAT, [n_images] if flat else [n_images, 1]
            ),
            helper.make_tensor_value_info("heat", TensorProto.FLOAT, [n_images, rows, columns]),
            helper.make_tensor_value_info(
                "features", TensorProto.FLOAT, [n_images, len(shifts) * rows * columns]
            ),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def write_tiny_model(path: Path, shape: tuple[int, int, int], **options: Any) -> Path:
    """Write `tiny_model(shape, **options)` to `path`, and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tiny_model(shape, **options).SerializeToString())
    return path


def _build_once(build: Callable[P, Experiment]) -> Callable[P, Experiment]:
    """Build each experiment once in a process; later calls with equal arguments write the same files."""
    known: dict[tuple[object, ...], dict[str, bytes]] = {}

    @wraps(build)
    def build_or_copy(*args: P.args, **kwargs: P.kwargs) -> Experiment:
        bound = inspect.signature(build).bind(*args, **kwargs)
        bound.apply_defaults()
        choices = dict(bound.arguments)
        folder, table = choices.pop("root") / choices["name"], choices.pop("table")
        rows = b"" if table is None else pd.util.hash_pandas_object(table).to_numpy().tobytes()
        # Some tests add measures or rules, which are on the card.
        key = (rows, repr(choices), *list_keys(), *RULES)
        if key in known and not folder.exists():
            _write_files(folder, known[key])
            return read_experiment(folder)
        experiment = build(*args, **kwargs)
        known[key] = _read_files(folder)
        return experiment

    return build_or_copy


_phantoms: dict[str, dict[str, bytes]] = {}


def write_phantom_dataset(folder: Path, **options: int) -> None:
    """Write the same files as the function of `core.synthetic.phantoms`; equal ones are rendered once."""
    key = repr(sorted(options.items()))
    if key not in _phantoms:
        with tempfile.TemporaryDirectory() as spare:
            phantoms.write_phantom_dataset(Path(spare), **options)
            _phantoms[key] = _read_files(Path(spare))
    _write_files(folder, _phantoms[key])


def _read_files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def _write_files(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@_build_once
def write_tiny_experiment(
    root: Path,
    name: str = "tiny",
    *,
    frameworks: tuple[str, ...] = FRAMEWORKS,
    n_patients: int = 12,
    n_slices: int = 8,
    n_epochs: int = 5,
    folds: int = 3,
    split: str = "patient",
    labels: str = "slice",
    recipe: Recipe | None = None,
    seed: int = 0,
    table: pd.DataFrame | None = None,
    fingerprint: str | None = None,
    calibrated: bool = False,
    shifts: tuple[float, ...] | None = None,
    summary: str = "A tiny experiment with invented predictions, for tests.",
    sources: tuple[str, ...] = (),
    anonymous: tuple[str, ...] = (),
    finding: str = "",
) -> Experiment:
    """Write and publish an experiment in `root` with plausible tables and tiny networks.

    Both networks call bright pictures positive (see `tiny_probability`); near their thresholds they may
    disagree. The predictions in the tables are random, better than chance, with a tenth of the slices wrong.

    Args:
        root: the folder of all experiments (set STROKE_CT_MODELS to it).
        n_patients: half of them have positive slices; at least 3 per fold are needed for all parts.
        table: the `table` of a `core.datasets.Dataset`, used instead of invented rows; give its `fingerprint`
            too.
        calibrated: whether the card holds recalibrations, operating points chosen after them, and review
            bands, unlike older cards.
        shifts: of the network of each fold, see `tiny_model`; None: their networks are alike.
        sources: of the patients, in turn, as in an experiment on a manifest.
        anonymous: sources whose patients are unknown.
        finding: its key on the card; "": the card names none, and slice labels are those of hemorrhage.
    """
    rng = np.random.default_rng(seed)
    recipe = recipe or Recipe(size=32, channels="gray", framing="whole", intensity="unit")
    slices = _invent_slices(n_patients, n_slices) if table is None else table.copy()
    slices["label"] = slices[f"{labels}_label"].astype(int)
    slices = slices[["file", "patient", "number", "folder_label", "slice_label", "label", "sha256"]]
    for fold, parts in enumerate(_split_parts(slices, folds, split, rng)):
        slices[f"fold_{fold}"] = parts
    predictions = _invent_predictions(slices, frameworks, folds, rng)
    if sources:
        slices["source"] = [sources[int(patient) % len(sources)] for patient in slices["patient"]]
        source_of = slices.set_index("file")["source"]
        for rows, own in ((slices, slices["source"]), (predictions, predictions["file"].map(source_of))):
            rows["patient"] = rows["patient"].where(~own.isin(anonymous), "")
    points = {framework: _choose_points(predictions, framework) for framework in frameworks}

    folder = root / f".building-{name}"
    for framework in frameworks:
        path = folder / framework / "model.onnx"
        write_tiny_model(path, recipe.shape, slope=SLOPES[framework], shifts=shifts or (0.0,) * folds)
    write_table(folder / "slices.csv", slices)
    write_table(folder / "predictions.csv", predictions)
    write_table(folder / "history.csv", _invent_history(frameworks, folds, n_epochs, rng))
    positive = "Hemorrhage" if labels == "slice" else "Stroke"
    card = {
        "name": name,
        "created": "2026-01-02T03:04:05+00:00",
        "summary": summary,
        "protocol": {
            "labels": labels,
            "split": split,
            "folds": folds,
            "seed": seed,
            "architecture": "tiny",
            "frameworks": list(frameworks),
            "epochs": n_epochs,
            "batch_size": 32,
            "learning_rate": 0.001,
            "patience": 3,
            "augmentation": {"flip": True, "rotation_degrees": 10},
            "class_weights": True,
        },
        "recipe": recipe.to_dict(),
        "classes": {
            "negative": f"No {positive.lower()}" if labels == "slice" else "Normal",
            "positive": positive,
            "meaning": "The slice is bright. This is a test experiment: it knows nothing of medicine.",
        },
        "dataset": {
            "fingerprint": fingerprint or hashlib.sha256(name.encode()).hexdigest(),
            "n_slices": len(slices),
            "n_patients": int(slices["patient"].nunique()),
            "n_positive": int(slices["label"].sum()),
            "n_refused": 0,
            **(
                {"left_out": {}, "n_unknown_patients": 0, "sources": _describe_sources(slices, sources)}
                if sources
                else {}
            ),
        },
        "operating_points": points,
        "default_operating_point": DEFAULT_RULE,
        "served": "The served network is a formula; the measured predictions are invented.",
        "parity": {framework: {"max_difference": 0.0, "n_slices": 8} for framework in frameworks},
        "training": {framework: {"seconds": 1.5, "n_parameters": 2} for framework in frameworks},
        "limits": ["It was never trained.", "Its predictions are invented."],
        "versions": {"numpy": np.__version__},
    }
    if calibrated:
        card |= describe_results(predictions, frameworks)
    if finding:
        named = get_finding(finding)
        negative, positive = named.classes
        card["finding"] = {"key": finding, "name": named.name, "counts": named.counts}
        card["classes"] |= {"negative": negative, "positive": positive}
    write_experiment(folder, card)
    return publish(folder, root, name, replace=True)


def _describe_sources(slices: pd.DataFrame, sources: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "title": name.title(),
            "terms": "Invented.",
            "n_slices": int((slices["source"] == name).sum()),
            "n_positive": int(slices.loc[slices["source"] == name, "label"].sum()),
            "silence": {},
        }
        for name in sorted(set(sources))
    ]


def write_tiny_validation(
    experiment: Experiment,
    name: str = "elsewhere",
    *,
    n_patients: int = 16,
    n_slices: int = 6,
    sources: tuple[str, ...] = ("north",),
    vendors: tuple[str, ...] = ("",),
    parts: tuple[str, ...] = ("",),
    labels: tuple[int, ...] = (0, 1),
    patients_known: bool = True,
    seed: int = 0,
) -> Validation:
    """Store a validation of `experiment` with invented predictions, better than chance, that no network made.

    Args:
        n_patients, n_slices: patients, and slices of each. All slices of a patient have the same label.
        sources, vendors: those of the patients, in turn; "" is unknown.
        parts: those of the patients, in turn; "kept" or "".
        labels: those of the patients, in turn.
        patients_known: whether patients have running numbers; if not, they are "".
    """
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n_patients), n_slices)
    label = np.array([labels[patient % len(labels)] for patient in patients])
    n = len(label)
    gate = [
        "refuse" if row == 0 else "warn" if draw < 0.1 else "read" for row, draw in enumerate(rng.random(n))
    ]
    reasons = {
        "read": "",
        "warn": "The head is small in the image (120 pixels).",
        "refuse": "No bone is visible.",
    }
    logit = 2.4 * label - 1.2 + rng.normal(0, 1, n)
    table = pd.DataFrame(
        {
            "number": np.arange(1, n + 1),
            "source": [sources[patient // 2 % len(sources)] for patient in patients],
            "vendor": [vendors[patient // 2 % len(vendors)] for patient in patients],
            "part": [parts[patient // 2 % len(parts)] for patient in patients],
            "patient": [str(patient + 1) if patients_known else "" for patient in patients],
            "label": label,
            "gate": gate,
            "reasons": [reasons[outcome] for outcome in gate],
            "brain_visible": 1,
            **{
                framework: 1 / (1 + np.exp(-(logit + rng.normal(0, 0.3, n))))
                for framework in experiment.frameworks
            },
            "familiarity": rng.uniform(0.5, 1.5, n).round(4),
            "sha256": [hashlib.sha256(f"{name}-{row}".encode()).hexdigest() for row in range(n)],
        }
    )
    stated = {"terms": "Invented.", "silence": {}}
    details = {
        "created": "2026-01-02",
        "finding": "hemorrhage",
        "fingerprint": hashlib.sha256(name.encode()).hexdigest(),
        "part": "",
        "sources": [{"name": one, "title": one.title(), **stated} for one in sources if one],
        "n_listed": n,
        "left_out": {"known_file": 0, "near_copy": 0, "unreadable": 0, "unknown_label": 0},
        "likeness_searched": False,
    }
    return store_validation(experiment, name, details, table.to_csv(index=False).encode())


def _invent_slices(n_patients: int, n_slices: int) -> pd.DataFrame:
    """Return slices; half of the patients are "Stroke", with half of their slices positive, in one run."""
    rows = []
    for patient in range(n_patients):
        positive = patient >= n_patients // 2
        for number in range(1, n_slices + 1):
            file = f"{'Stroke' if positive else 'Normal'}/{patient + 1} ({number}).jpg"
            rows.append(
                {
                    "file": file,
                    "patient": str(patient + 1),
                    "number": number,
                    "folder_label": int(positive),
                    "slice_label": int(positive and n_slices // 4 < number <= n_slices // 4 + n_slices // 2),
                    "sha256": hashlib.sha256(file.encode()).hexdigest(),
                }
            )
    return pd.DataFrame(rows).astype({"number": "Int64", "slice_label": "Int64"})


def _split_parts(slices: pd.DataFrame, folds: int, split: str, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the part of every slice in each fold; each unit is tested once (folds = 1: a third of them).

    Units of each class are assigned in turn, so that every part has both classes.
    """
    units = slices["patient"] if split == "patient" else slices["file"]
    labels = slices.groupby(units)["label"].max()
    assigned: dict[Any, int] = {}
    n_parts = max(folds, 3)
    for label in (0, 1):
        members = rng.permutation(labels.index[labels == label])
        assigned |= {unit: index % n_parts for index, unit in enumerate(members)}
    part_of = units.map(assigned).to_numpy()
    found = []
    for fold in range(folds):
        parts = np.full(len(slices), "train", dtype=object)
        parts[part_of == fold] = "test"
        parts[part_of == (fold + 1) % n_parts] = "validation"
        found.append(parts)
    return found


def _invent_predictions(
    slices: pd.DataFrame, frameworks: tuple[str, ...], folds: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Return correlated scores of both frameworks: they share an offset per patient and noise per slice."""
    patients = slices["patient"].astype("category").cat.codes.to_numpy()
    pieces = []
    for fold in range(folds):
        offset = rng.normal(0, 0.6, patients.max() + 1)[patients]
        logit = 2.4 * slices["label"].to_numpy() - 1.2 + offset + rng.normal(0, 0.7, len(slices))
        scores = {}
        for framework in frameworks:
            scores[framework] = 1 / (1 + np.exp(-(logit + rng.normal(0, 0.4, len(slices)))))
        piece = slices[["file", "patient", "number", "label", "sha256"]].assign(
            fold=fold, part=slices[f"fold_{fold}"], **scores
        )
        pieces.append(piece[piece["part"] != "train"])
    return pd.concat(pieces, ignore_index=True)


def _choose_points(predictions: pd.DataFrame, framework: str) -> dict[str, dict[str, float]]:
    validation = predictions[predictions["part"] == "validation"]
    found = {"slice": _choose_thresholds(validation["label"].to_numpy(), validation[framework].to_numpy())}
    if (validation["patient"] != "").all():
        groups = validation.groupby(["fold", "patient"])
        patients = groups.agg({"label": "max", framework: sum_odds})
        found["patient"] = _choose_thresholds(patients["label"].to_numpy(), patients[framework].to_numpy())
    return found


def sum_odds(probabilities: Any) -> float:
    """Return the score of a study of slices 5 mm apart, by a plain sum: half the sum of odds^3, its root."""
    values = np.asarray(probabilities, float)
    odds = float(np.cbrt(0.5 * ((values / (1 - values)) ** 3).sum()))
    return odds / (1 + odds)


def _choose_thresholds(y_true: np.ndarray, y_score: np.ndarray) -> dict[str, float]:
    """Return the thresholds of RULES by trying every score, independent of the program's code."""
    thresholds = np.unique(y_score)
    called = y_score[None, :] >= thresholds[:, None]
    positive = y_true == 1
    sensitivity = called[:, positive].mean(axis=1)
    specificity = (~called[:, ~positive]).mean(axis=1)
    f1 = 2 * (called & positive).sum(axis=1) / (called.sum(axis=1) + positive.sum())
    chosen = {
        "youden": thresholds[np.argmax(sensitivity + specificity)],
        "sensitivity_90": thresholds[np.flatnonzero(sensitivity >= 0.9)[-1]],
        "specificity_90": thresholds[min(np.searchsorted(specificity, 0.9), len(thresholds) - 1)],
        "f1": thresholds[np.argmax(f1)],
    }
    return {rule: float(chosen[rule]) for rule in chosen}


def _invent_history(
    frameworks: tuple[str, ...], folds: int, n_epochs: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Return falling losses; validation losses rise again at the end, and the lowest is marked best."""
    rows = []
    for framework in frameworks:
        for fold in range(folds):
            loss = 0.7 * np.exp(-0.4 * np.arange(n_epochs)) + 0.05 * rng.random(n_epochs)
            validation_loss = loss + 0.05 + 0.02 * np.arange(n_epochs)
            best = int(validation_loss.argmin())
            rows += [
                {
                    "framework": framework,
                    "fold": fold,
                    "epoch": epoch + 1,
                    "learning_rate": 0.001,
                    "train_loss": loss[epoch],
                    "train_accuracy": 1 - loss[epoch] / 1.6,
                    "validation_loss": validation_loss[epoch],
                    "validation_accuracy": 1 - validation_loss[epoch] / 1.6,
                    "validation_auroc": 1 - validation_loss[epoch] / 2,
                    "seconds": 1.0,
                    "best": int(epoch == best),
                }
                for epoch in range(n_epochs)
            ]
    return pd.DataFrame(rows)
