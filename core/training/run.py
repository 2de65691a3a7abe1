"""From a protocol to an experiment: plan, train both frameworks in child processes, collect, publish.

No framework is imported here. A training has its own folder, `trained_models/.training/NAME/`:

    plan.json  slices.csv  labels.npy  folds.npz  images.npy     the plan and its data
    planted.npz                                                  copies with planted hemorrhage
    {framework}/fold-K/  progress.json  log.txt  result.json     written by the framework's child
    job.json                                                     state, written by the training itself
    spare                                                        space reserved to report a full disk
    built/                                                       the experiment, renamed into place last
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from core.datasets import Dataset, Fold, index_dataset, make_folds
from core.errors import ExperimentError, TrainingError
from core.evaluation import DEFAULT_RULE
from core.experiments import (
    Experiment,
    check_name,
    is_taken,
    models_root,
    publish,
    write_experiment,
    write_table,
)
from core.frameworks import LIBRARIES
from core.models import architecture_of, get_architecture
from core.system import child_environment, clear_parts, count_cores, write_whole
from core.training.card import (
    describe_dataset,
    describe_protocol,
    describe_results,
    describe_served,
    summarise_protocol,
)
from core.training.duration import remember_duration
from core.training.images import check_space, plant_copies, prepare_images
from core.training.protocol import Protocol
from core.training.state import (
    OnProgress,
    describe_end,
    hold_slot,
    read_progress,
    record_job,
    report_stages,
    work_folder,
)

_POLL_S = 0.3
_VERSIONS = (*LIBRARIES, "onnx", "onnxruntime", "numpy", "pillow", "scikit-learn")


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
        dataset_folder: the data set, two class folders of pictures.
        protocol: the settings.
        name: of the experiment and its folder.
        root: the folder of experiments; None: that of the program (`core.experiments.models_root`).
        resume: continue an unfinished training of this name; nothing finished is computed again.
        on_progress: called with the stage and its progress, see `core.training.state.OnProgress`.

    Returns:
        The published experiment.

    Raises:
        TrainingError: a training of this name is unfinished (and resume is False) or has other settings or
            data, the disk has too little space, or a child failed (also at its parity check).
        ExperimentError: the name is taken or not a folder name.
        DatasetError: the data set does not allow the protocol.
    """
    root = root or models_root()
    check_name(name)
    work = work_folder(root, name)
    _check_free(root, work, resume)
    with hold_slot(root, lambda: on_progress("waiting", {})):
        _check_free(root, work, resume)  # the name may have been taken while this one waited
        work.mkdir(parents=True, exist_ok=True)
        clear_parts(work)
        is_new, started = not (work / "plan.json").exists(), time.monotonic()
        with record_job(work) as report:
            on_progress = report_stages(on_progress, report)
            dataset = index_dataset(
                dataset_folder, lambda done, n: on_progress("reading", {"files": {"fraction": done / n}})
            )
            plan, folds = _plan(work, dataset, protocol, name)
            architecture = architecture_of(plan)
            check_space(work, len(dataset.table), architecture, len(plan["protocol"]["frameworks"]))
            prepare_images(work, dataset, architecture.recipe, on_progress)
            plant_copies(work, dataset, architecture, plan["protocol"]["seed"], on_progress)
            _train_frameworks(work, plan, on_progress)
            on_progress("publishing", {})
            built = _gather(work, plan, dataset, folds)
            experiment = publish(built.folder, root, name)
        if is_new:
            remember_duration(root, experiment, time.monotonic() - started)
        shutil.rmtree(work)
    return experiment


def _check_free(root: Path, work: Path, resume: bool) -> None:
    """Raise unless the name is free, or belongs to an unfinished training that is to be resumed."""
    if is_taken(work.name, root):
        raise ExperimentError(
            f'An experiment "{work.name}" already exists',
            remedy="choose another name, or delete that folder first",
        )
    if (work / "plan.json").exists() and not resume:
        raise TrainingError(
            f'An unfinished training run "{work.name}" already exists',
            remedy=f"resume it (in a terminal: --resume), or discard it by deleting {work}",
        )


def _plan(work: Path, dataset: Dataset, protocol: Protocol, name: str) -> tuple[dict[str, Any], list[Fold]]:
    """Write the plan and its folds, or check that the existing plan is the same."""
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
    # The frameworks share the cores.
    values["n_threads"] = max(1, count_cores() // len(values["frameworks"]))
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
                f'The unfinished training run "{name}" was started with different settings or data',
                found=f"different: {', '.join(differs)}",
                remedy=f"use the same settings and data, or discard it by deleting {work}",
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


def _train_frameworks(work: Path, plan: dict[str, Any], on_progress: OnProgress) -> None:
    """Run one child per framework at the same time until all are done; when one fails, end the others."""
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
                        found=describe_end(code, work / framework / "log.txt"),
                        remedy="fix the cause, then resume the training run (in a terminal: --resume); "
                        "finished epochs are kept",
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
                "core.training.child",
                "train",
                "--work",
                str(work),
                "--framework",
                framework,
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**child_environment(), **threads, "KERAS_BACKEND": "tensorflow", "PYTHONUNBUFFERED": "1"},
        )


def _gather(work: Path, plan: dict[str, Any], dataset: Dataset, folds: list[Fold]) -> Experiment:
    """Write predictions, history and card next to the weights that the children wrote into `built`."""
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
        "summary": summarise_protocol(plan["protocol"]),
        "protocol": plan["protocol"],
        "recipe": plan["recipe"],
        "layers": plan["layers"],
        "classes": {key: described[key] for key in ("negative", "positive", "meaning")},
        "dataset": plan["dataset"],
        **describe_results(predictions, frameworks),
        "default_operating_point": DEFAULT_RULE,
        "served": describe_served(len(folds), plan["protocol"]["split"]),
        "parity": {framework: results[framework]["parity"] for framework in frameworks},
        "training": {
            framework: {key: results[framework][key] for key in ("seconds", "n_parameters")}
            for framework in frameworks
        },
        "limits": described["limits"],
        "versions": {"python": ".".join(map(str, sys.version_info[:3])), **_read_versions()},
    }
    return write_experiment(built, card)


def _read_versions() -> dict[str, str]:
    versions = {}
    for library in _VERSIONS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[library] = metadata.version(library)
    return versions
