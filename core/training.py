"""From a protocol to an experiment: plan, train both frameworks in child processes, gather, publish.

Framework-free. A training lives in a folder of its own, `trained_models/.training/NAME/`:

    plan.json  slices.csv  labels.npy  folds.npz  images.npy     what is to be done
    {framework}/fold-K/  progress.json  log.txt  result.json     written by the framework's child
    job.json                                                     state, written by the training itself
    built/                                                       the experiment, renamed into place last
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from core.augmentation import Augmentation
from core.dataset import Dataset, Labels, index_dataset, read_pixels
from core.errors import ExperimentError, TrainingError
from core.experiments import FRAMEWORKS, Experiment, models_root, publish, write_experiment, write_table
from core.experiments.cards import check_name
from core.files import write_aside, write_whole
from core.models.architecture import SCHEDULE, Architecture, architecture_of, get_architecture
from core.planting import plant_hemorrhage
from core.preprocessing import Recipe, prepare, prepare_frame, to_frame
from core.splits import Fold, Split, make_folds
from core.training_card import describe_dataset, describe_protocol, describe_results

_POLL_S = 0.3
_PLANTING_TRIES = 20
_VERSIONS = (
    "torch",
    "torchvision",
    "tensorflow",
    "keras",
    "onnx",
    "onnxruntime",
    "numpy",
    "pillow",
    "scikit-learn",
)

# Called with the stage ("reading", "preparing", "training", "publishing") and, per track of that stage, what
# is known of its progress: at least {"fraction": share done}.
OnProgress = Callable[[str, dict[str, dict[str, Any]]], None]


@dataclass(frozen=True)
class Protocol:
    """What an experiment does. Schedule values of None are the architecture's own.

    Args:
        labels: "folder" or "slice".
        split: "random" or "patient".
        folds: 1 holds out a tenth; K > 1 gives every slice an out-of-sample prediction.
        architecture: a name in `ARCHITECTURES`.
        frameworks: which to train.
        seed: of the split, the weights, the order, the augmentation and dropout.
        class_weights: weigh the classes to the same sum in the loss.
    """

    labels: Labels = "slice"
    split: Split = "patient"
    folds: int = 5
    architecture: str = "framed"
    frameworks: tuple[str, ...] = FRAMEWORKS
    seed: int = 0
    class_weights: bool = True
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("labels", self.labels, ("folder", "slice")),
            ("split", self.split, ("random", "patient")),
        ):
            if value not in choices:
                raise TrainingError(f"{name} is one of {', '.join(choices)}", came=repr(value))
        if not self.frameworks or set(self.frameworks) - set(FRAMEWORKS):
            raise TrainingError(
                f"Frameworks are {' and '.join(FRAMEWORKS)}", came=", ".join(self.frameworks) or "none"
            )
        for name, number, low, high in (
            ("folds", self.folds, 1, 20),
            ("epochs", self.epochs, 1, 500),
            ("batch_size", self.batch_size, 1, 512),
            ("learning_rate", self.learning_rate, 1e-7, 1.0),
            ("seed", self.seed, 0, 2**31 - 1),
        ):
            if number is not None and not low <= number <= high:
                raise TrainingError(f"{name} lies between {low:g} and {high:g}", came=str(number))
        get_architecture(self.architecture)

    def _augmentation(self, architecture: Architecture) -> Augmentation:
        """The architecture's; hemorrhage is planted only where a positive slice is one that shows it."""
        if self.labels == "slice":
            return architecture.augmentation
        return replace(architecture.augmentation, planted=0.0)

    def to_dict(self) -> dict[str, Any]:
        """The protocol as a card holds it: every choice of the schedule spelled out."""
        architecture = get_architecture(self.architecture)
        chosen = {
            name: getattr(self, name, None) or getattr(architecture, name)
            if name in ("epochs", "batch_size", "learning_rate")
            else getattr(architecture, name)
            for name in SCHEDULE
        }
        return {
            "labels": self.labels,
            "split": self.split,
            "folds": self.folds,
            "seed": self.seed,
            "architecture": self.architecture,
            "frameworks": [framework for framework in FRAMEWORKS if framework in self.frameworks],
            "class_weights": self.class_weights,
            **chosen,
            "augmentation": asdict(self._augmentation(architecture)),
        }


def train_experiment(
    dataset_folder: Path,
    protocol: Protocol,
    name: str,
    *,
    root: Path | None = None,
    resume: bool = False,
    on_progress: OnProgress = lambda stage, tracks: None,
) -> Experiment:
    """Train, check and publish an experiment.

    Args:
        dataset_folder: two class folders of pictures.
        protocol: what to do.
        name: of the experiment and its folder.
        root: where experiments live; `trained_models` by default.
        resume: go on with an unfinished training of this name; nothing finished is computed again.
        on_progress: told how far it is.

    Raises:
        TrainingError: a training of this name is unfinished (and resume is False), was planned otherwise or
            on other data, or a child failed.
        ExperimentError: the name is taken or unfit, or the experiment was refused (parity).
        DatasetError: the data set does not allow the protocol.
    """
    root = root or models_root()
    check_name(name)
    if (root / name).exists():
        raise ExperimentError(
            f'There is an experiment "{name}" already',
            remedy="choose another name, or delete that folder first",
        )
    work = work_folder(root, name)
    if (work / "plan.json").exists() and not resume:
        raise TrainingError(
            f'A training "{name}" is unfinished',
            remedy="go on with --resume, or discard it by deleting " + str(work),
        )
    work.mkdir(parents=True, exist_ok=True)
    with _only_one(work), _job(work, name) as report:
        on_progress = _and_report(on_progress, report)
        dataset = index_dataset(
            dataset_folder, lambda done, n: on_progress("reading", {"files": {"fraction": done / n}})
        )
        plan, folds = _plan(work, dataset, protocol, name)
        architecture = architecture_of(plan["protocol"], plan["recipe"])
        _prepare_images(work, dataset, architecture.recipe, on_progress)
        _plant_copies(work, dataset, architecture, plan["protocol"]["seed"], on_progress)
        _train_frameworks(work, plan, on_progress)
        on_progress("publishing", {})
        built = _gather(work, plan, dataset, folds)
        experiment = publish(built.folder, root, name)
    shutil.rmtree(work)
    return experiment


def work_folder(root: Path, name: str) -> Path:
    """Where a training of this name keeps its state until it is published."""
    return root / ".training" / name


def _plan(work: Path, dataset: Dataset, protocol: Protocol, name: str) -> tuple[dict[str, Any], list[Fold]]:
    """Write the plan, or check that the plan which is there is this one."""
    y_true = dataset.labels(protocol.labels)
    folds = make_folds(
        y_true,
        dataset.table["patient"].to_numpy(dtype=str),
        split=protocol.split,
        folds=protocol.folds,
        seed=protocol.seed,
    )
    architecture = get_architecture(protocol.architecture)
    values = protocol.to_dict()
    # Both frameworks share the cores: one thread each wastes least on waiting.
    values["n_threads"] = max(1, _n_cores() // len(values["frameworks"]))
    plan: dict[str, Any] = {
        "name": name,
        "protocol": values,
        "recipe": architecture.recipe.to_dict(),
        "layers": architecture.describe(),
        "classes": describe_protocol(dataset, protocol.labels),
        "dataset": describe_dataset(dataset, y_true),
    }
    path = work / "plan.json"
    if path.exists():
        old = json.loads(path.read_text())
        plan["protocol"]["n_threads"] = old["protocol"]["n_threads"]
        differs = [key for key in plan if old.get(key) != json.loads(json.dumps(plan[key]))]
        if differs:
            raise TrainingError(
                f'The unfinished training "{name}" was planned otherwise',
                came=f"another {' and '.join(differs)}",
                remedy=f"give the same choices and data, or discard it by deleting {work}",
            )
        return plan, folds
    np.save(work / "labels.npy", y_true)
    parts = ("train", "validation", "test")
    np.savez(
        work / "folds.npz",
        **{f"{part}_{index}": getattr(fold, part) for index, fold in enumerate(folds) for part in parts},
    )
    slices = dataset.table.assign(label=y_true)
    for index, fold in enumerate(folds):
        column = np.empty(len(slices), dtype=object)
        for part in parts:
            column[getattr(fold, part)] = part
        slices[f"fold_{index}"] = column
    columns = ["file", "patient", "number", "folder_label", "slice_label", "label", "sha256"]
    write_table(work / "slices.csv", slices[columns + [f"fold_{index}" for index in range(len(folds))]])
    write_whole(path, json.dumps(plan, indent=1).encode())
    return plan, folds


def _prepare_images(work: Path, dataset: Dataset, recipe: Recipe, on_progress: OnProgress) -> None:
    """Prepare every slice once, into a file that both children map into memory."""
    path = work / "images.npy"
    if path.exists():
        return
    files = list(dataset.table["file"])
    aside = work / ".images.npy"
    images = np.lib.format.open_memmap(aside, mode="w+", dtype=np.uint8, shape=(len(files), *recipe.shape))

    def prepare_one(index: int) -> None:
        images[index] = np.rint(prepare(read_pixels(dataset, files[index]), recipe) * 255)

    with ThreadPoolExecutor(_n_cores()) as pool:
        for done, _ in enumerate(pool.map(prepare_one, range(len(files))), start=1):
            on_progress("preparing", {"slices": {"fraction": done / len(files)}})
    images.flush()
    os.replace(aside, path)


def _plant_copies(
    work: Path, dataset: Dataset, architecture: Architecture, seed: int, on_progress: OnProgress
) -> None:
    """Prepare copies of slices without hemorrhage in which one is planted, as many as the protocol says."""
    path, recipe = work / "planted.npz", architecture.recipe
    y_true = np.load(work / "labels.npy")
    n_copies = round(architecture.augmentation.planted * len(y_true))
    if path.exists() or not n_copies:
        return
    files = list(dataset.table["file"])
    negatives = np.flatnonzero(y_true == 0)

    def plant_one(number: int) -> tuple[int, np.ndarray] | None:
        rng = np.random.default_rng([seed, number])
        # Not every slice shows the inside of a skull.
        for source in rng.choice(negatives, _PLANTING_TRIES):
            planted = plant_hemorrhage(to_frame(read_pixels(dataset, files[source]), recipe), rng)
            if planted is not None:
                return int(source), np.rint(prepare_frame(planted[0], recipe) * 255).astype(np.uint8)
        return None

    copies = []
    with ThreadPoolExecutor(_n_cores()) as pool:
        for done, copy in enumerate(pool.map(plant_one, range(n_copies)), start=1):
            if copy is not None:
                copies.append(copy)
            on_progress("preparing", {"planted copies": {"fraction": done / n_copies}})
    images = np.stack([image for _, image in copies]) if copies else np.empty((0, *recipe.shape), np.uint8)
    with write_aside(path) as aside, open(aside, "wb") as file:
        np.savez(file, images=images, sources=np.array([source for source, _ in copies], dtype=np.int64))


def _train_frameworks(work: Path, plan: dict[str, Any], on_progress: OnProgress) -> None:
    """Run one child per framework side by side until all are done; when one fails, end the others."""
    waiting = [
        framework
        for framework in plan["protocol"]["frameworks"]
        if not (work / framework / "result.json").exists()
    ]
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for framework in waiting:
            children[framework] = _start_child(work, framework, plan["protocol"]["n_threads"])
        while True:
            codes = {framework: child.poll() for framework, child in children.items()}
            on_progress("training", read_progress(work, plan["protocol"]["frameworks"]))
            for framework, code in codes.items():
                if code:
                    raise TrainingError(
                        f"The {framework} training ended with an error",
                        came=last_line(work / framework / "log.txt") or f"exit code {code}",
                        remedy="what was trained is kept: mend the cause and go on with --resume",
                    )
            if all(code == 0 for code in codes.values()):
                return
            time.sleep(_POLL_S)
    finally:
        for child in children.values():
            if child.poll() is None:
                child.terminate()
        for child in children.values():
            child.wait()


def _start_child(work: Path, framework: str, n_threads: int) -> subprocess.Popen[bytes]:
    threads = {
        name: str(n_threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    }
    (work / framework).mkdir(exist_ok=True)
    with open(work / framework / "log.txt", "ab") as log:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "core.models.child",
                "train",
                "--work",
                str(work),
                "--framework",
                framework,
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **threads, "KERAS_BACKEND": "tensorflow", "PYTHONUNBUFFERED": "1"},
        )


def read_progress(work: Path, frameworks: list[str]) -> dict[str, dict[str, Any]]:
    """How far each framework is: fold, folds, epoch, epochs, fraction, seconds_left (None until known)."""
    tracks = {}
    for framework in frameworks:
        path = work / framework / "progress.json"
        tracks[framework] = json.loads(path.read_text()) if path.exists() else {"fraction": 0.0}
    return tracks


def last_line(path: Path) -> str:
    """The last line of a log that says something; empty when there is none."""
    if not path.exists():
        return ""
    lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _gather(work: Path, plan: dict[str, Any], dataset: Dataset, folds: list[Fold]) -> Experiment:
    """Put predictions, history and card beside the weights that the children left in `built`."""
    import pandas as pd

    built = work / "built"
    frameworks = plan["protocol"]["frameworks"]
    results = {fw: json.loads((work / fw / "result.json").read_text()) for fw in frameworks}
    slices = pd.read_csv(work / "slices.csv", dtype={"patient": str}, keep_default_na=False)
    parts = []
    for index, fold in enumerate(folds):
        for part in ("test", "validation"):
            rows = slices.loc[getattr(fold, part), ["file", "patient", "number", "label", "sha256"]]
            rows = rows.assign(fold=index, part=part)
            for framework in frameworks:
                with np.load(work / framework / "probabilities.npz", allow_pickle=False) as arrays:
                    rows[framework] = arrays[f"{part}_{index}"].round(7)
            parts.append(rows)
    predictions = pd.concat(parts, ignore_index=True)
    history = pd.DataFrame([row for framework in frameworks for row in results[framework]["history"]])
    shutil.copyfile(work / "slices.csv", built / "slices.csv")
    write_table(built / "predictions.csv", predictions)
    write_table(built / "history.csv", history.round(6))
    described = plan["classes"]
    card = {
        "name": plan["name"],
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "summary": _summarise(plan, get_architecture(plan["protocol"]["architecture"])),
        "protocol": plan["protocol"],
        "recipe": plan["recipe"],
        "layers": plan["layers"],
        "classes": {key: described[key] for key in ("negative", "positive", "meaning")},
        "dataset": plan["dataset"],
        **describe_results(predictions, frameworks),
        "default_operating_point": "youden",
        "served": _describe_served(len(folds)),
        "parity": {framework: results[framework]["parity"] for framework in frameworks},
        "training": {
            framework: {key: results[framework][key] for key in ("seconds", "n_parameters")}
            for framework in frameworks
        },
        "limits": described["limits"],
        "versions": {"python": ".".join(map(str, sys.version_info[:3])), **_read_versions()},
    }
    return write_experiment(built, card)


def _summarise(plan: dict[str, Any], architecture: Architecture) -> str:
    protocol = plan["protocol"]
    labels = {"folder": "the folder's label", "slice": "the slice's own label"}[protocol["labels"]]
    split = {
        "random": "slices split at random, so that patients stand on both sides",
        "patient": "patients kept apart",
    }[protocol["split"]]
    folds = "one hold-out" if protocol["folds"] == 1 else f"{protocol['folds']} folds"
    return f"{architecture.title}, {labels}, {split}, {folds}."


def _describe_served(n_folds: int) -> str:
    if n_folds == 1:
        return (
            "The served network is the measured one: it was trained on the training part alone, and the "
            "figures are of the test part, which it has not seen."
        )
    return (
        f"The served model is the mean of the {n_folds} networks that were measured, one per fold. Every "
        "measured probability comes from the single network that had not seen the slice (nor, where patients "
        "are kept apart, its patient); a scan from elsewhere is read by all of them together. The mean "
        "itself was not measured on this data set, for each of its slices was seen by some of the networks."
    )


def _read_versions() -> dict[str, str]:
    versions = {}
    for library in _VERSIONS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[library] = metadata.version(library)
    return versions


def _n_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def _only_one(work: Path) -> Iterator[None]:
    """Refuse a second training in the same folder while the first lives."""
    path = work / "lock"
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        owner = path.read_text().strip()
        if owner.isdigit() and is_alive(int(owner)):
            raise TrainingError(
                f'The training "{work.name}" is running already',
                came=f"process {owner}",
                remedy="wait for it",
            ) from None
    write_whole(path, str(os.getpid()).encode())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def is_alive(process: int) -> bool:
    """Whether a process of this id runs (and is no zombie, where the system tells)."""
    if os.name == "nt":
        listed = subprocess.run(
            ["tasklist", "/FI", f"PID eq {process}", "/NH"], capture_output=True, text=True, check=False
        )
        return str(process) in listed.stdout
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    status = Path(f"/proc/{process}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


@contextlib.contextmanager
def _job(work: Path, name: str) -> Iterator[Callable[[str, str], None]]:
    """Keep `job.json` true: running with a heartbeat, then done, failed or cancelled, with the reason."""
    started = time.time()

    def write(state: str, message: str) -> None:
        values = {
            "name": name,
            "state": state,
            "message": message,
            "process": os.getpid(),
            "started": started,
            "heartbeat": time.time(),
        }
        write_whole(work / "job.json", json.dumps(values).encode())

    write("running", "starting")
    try:
        yield write
    except KeyboardInterrupt:
        write("cancelled", "Cancelled; what was trained is kept, and --resume goes on.")
        raise
    except BaseException as error:
        write("failed", str(error) or type(error).__name__)
        raise
    write("done", "")


def _and_report(on_progress: OnProgress, report: Callable[[str, str], None]) -> OnProgress:
    """Tell `on_progress`, and once a second the job's state as well."""
    last = 0.0

    def tell(stage: str, tracks: dict[str, dict[str, Any]]) -> None:
        nonlocal last
        if time.monotonic() - last > 1:
            last = time.monotonic()
            report("running", stage)
        on_progress(stage, tracks)

    return tell
