"""From a protocol to an experiment: plan, train both frameworks in child processes, collect, publish.

No framework is imported here. A training run has its own folder, `trained_models/.training/NAME/`:

    plan.json  slices.csv  labels.npy  folds.npz                 the plan and its data
    pictures.txt  images.npy  masks.npz  planted.*  cells.npz    prepared slices, see core.training.images
    {framework}/fold-K/  progress.json  log.txt  result.json     written by the framework's child
    job.json                                                     state, written by the training run itself
    spare                                                        space reserved to report a full disk
    built/                                                       the experiment, renamed into place last
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
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
from core.models import architecture_of, get_architecture
from core.system import child_environment, clear_parts, count_cores, write_whole
from core.training.card import (
    PARTS,
    describe_dataset,
    describe_protocol,
    describe_results,
    describe_served,
    read_versions,
    summarise_protocol,
    tabulate_slices,
)
from core.training.duration import remember_duration
from core.training.images import find_brain, prepare_data
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
from core.training.training_data import has_maps, maps_folder

_POLL_S = 0.3


def train_experiment(
    dataset_folder: Path,
    protocol: Protocol,
    name: str,
    *,
    root: Path | None = None,
    resume: bool = False,
    keep_maps: bool = False,
    on_progress: OnProgress = lambda stage, tracks: None,
) -> Experiment:
    """Train, check and publish an experiment.

    Args:
        dataset_folder: the data set, two class folders of pictures or a manifest. Of a manifest only slices
            with a known label outside the kept part are used.
        protocol: the settings.
        name: of the experiment and its folder.
        root: the folder of experiments; None: that of the program (`core.experiments.models_root`).
        resume: continue an unfinished training run of this name; nothing finished is computed again.
        keep_maps: keep the backbone's feature maps (gigabytes) for a later training of another finding or
            seed; without it, all kept ones are deleted at the end.
        on_progress: called with the stage and its progress, see `core.training.state.OnProgress`.

    Returns:
        The published experiment.

    Raises:
        TrainingError: a run of this name is unfinished (and resume is False) or has other settings or
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
            ).select_known(protocol.labels, protocol.finding)
            plan, folds = _plan(work, dataset, protocol, name)
            architecture = architecture_of(plan)
            prepare_data(work, dataset, architecture, plan["protocol"], on_progress)
            train_frameworks(work, plan, on_progress)
            on_progress("publishing", {})
            built = _gather(work, plan, dataset, folds)
            experiment = publish(built.folder, root, name)
        if is_new:
            remember_duration(root, experiment, time.monotonic() - started)
        if not keep_maps:
            shutil.rmtree(maps_folder(work), ignore_errors=True)
        shutil.rmtree(work)
    return experiment


def _check_free(root: Path, work: Path, resume: bool) -> None:
    """Raise unless the name is free, or belongs to an unfinished training run that is to be resumed."""
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
    y_true, n_folds = dataset.labels(protocol.labels, protocol.finding), protocol.folds
    folds = make_folds(y_true, dataset.groups(), split=protocol.split, folds=n_folds, seed=protocol.seed)
    architecture = get_architecture(protocol.architecture)
    values = protocol.to_dict()
    # The frameworks share the cores.
    values["n_threads"] = max(1, count_cores() // len(values["frameworks"]))
    plan: dict[str, Any] = {
        "name": name,
        "protocol": values,
        "recipe": architecture.recipe.to_dict(),
        "layers": architecture.describe(),
        "classes": describe_protocol(dataset, protocol.labels, protocol.finding),
        "dataset": describe_dataset(dataset, y_true),
    }
    write_plan(work, plan, dataset, y_true, folds)
    return plan, folds


def write_plan(
    work: Path, plan: dict[str, Any], dataset: Dataset, y_true: np.ndarray, folds: list[Fold]
) -> None:
    """Write a plan with its labels (n,) and folds, or check that the existing plan is the same.

    Raises:
        TrainingError: it is not; the number of threads does not count, and is that of the existing plan.
    """
    path = work / "plan.json"
    if path.exists():
        old = json.loads(path.read_text())
        plan["protocol"]["n_threads"] = old["protocol"]["n_threads"]
        differs = [key for key in plan if old.get(key) != json.loads(json.dumps(plan[key]))]
        if differs:
            raise TrainingError(
                f'The unfinished training run "{work.name}" was started with different settings or data',
                found=f"different: {', '.join(differs)}",
                remedy=f"use the same settings and data, or discard it by deleting {work}",
            )
        return
    np.save(work / "labels.npy", y_true)
    np.savez(
        work / "folds.npz",
        **{f"{part}_{index}": getattr(fold, part) for index, fold in enumerate(folds) for part in PARTS},
    )
    write_table(work / "slices.csv", tabulate_slices(dataset, y_true, folds))
    write_whole(path, json.dumps(plan, indent=1).encode())


def train_frameworks(work: Path, plan: dict[str, Any], on_progress: OnProgress) -> None:
    """Let one child compute a backbone's feature maps, then train all frameworks at the same time."""
    frameworks, architecture = plan["protocol"]["frameworks"], architecture_of(plan)
    waiting = [name for name in frameworks if not (work / name / "result.json").exists()]

    def report() -> None:
        on_progress("training", read_progress(work, frameworks))

    if waiting and architecture.has_backbone and not has_maps(work, architecture):
        _run_children(work, waiting[:1], 1, report, job="maps")
    _run_children(work, waiting, plan["protocol"]["n_threads"], report)


def _run_children(
    work: Path, frameworks: list[str], n_threads: int, report: Callable[[], None], **job: str
) -> None:
    """Run one child per framework at the same time until all are done; when one fails, end the others."""
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for framework in frameworks:
            children[framework] = _start_child(work, framework, n_threads, **job)
        while True:
            codes = {framework: child.poll() for framework, child in children.items()}
            report()
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


def _start_child(work: Path, framework: str, n_threads: int, job: str = "train") -> subprocess.Popen[bytes]:
    threads = {
        name: str(n_threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    }
    (work / framework).mkdir(exist_ok=True)
    options = [job, "--work", str(work), "--framework", framework]
    with open(work / framework / "log.txt", "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "core.training.child", *options],
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
    # Patients are scored on the slices that count, from the choice of their thresholds on.
    held_out = list(predictions["file"].unique())
    shown = find_brain(dataset, held_out)
    predictions["counted"] = predictions["file"].map(dict(zip(held_out, shown, strict=True)))
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
        "finding": described["finding"],
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
        "versions": read_versions(),
    }
    return write_experiment(built, card)
