"""Leave one source out: train on the other sources of an experiment, and test on the one left out.

For each source, one network of each framework is trained under the experiment's protocol on all slices of the
other sources, without folds. Slices of patients who also are in the source left out, or share a picture with
one there, are not trained on. The raw probabilities of the source's slices are stored as left_out.csv. The
card holds, in "left_out":

    {"created": date, UTC, "version": of the experiment,
     "sources": [{"source", "trained_on": [name, ...], "n_trained", "n", "positives", "n_patients",
                  "models": {framework: {"auroc", "average_precision": FIGURE}}}
                 or {"source", "reason": why no network could be trained without it}, ...]}

FIGURE is that of core.evaluation.summary. These networks are not served, and none of them is kept. A training
with early stopping validates on a part of the other sources; one without trains on all of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.datasets import HEMORRHAGE, Dataset, Fold, index_dataset, make_folds
from core.errors import DatasetError, ExperimentError
from core.evaluation import list_keys, measure_group
from core.experiments import Experiment, add_files, check_writable, update_card
from core.models import architecture_of
from core.sources.source_thresholds import UNNAMED
from core.system import clear_parts, count_cores
from core.training import (
    OnProgress,
    hold_slot,
    maps_folder,
    prepare_data,
    record_job,
    report_stages,
    train_frameworks,
    work_folder,
    write_plan,
)

if TYPE_CHECKING:
    import pandas as pd

TABLE = "left_out.csv"
SCHEMA = "left_out/1"


def measure_left_out(
    experiment: Experiment,
    manifest: Path,
    *,
    keep_maps: bool = False,
    on_progress: OnProgress = lambda stage, tracks: None,
) -> Experiment:
    """Leave out each source of an experiment in turn, and store the outcome with it.

    It is a training run like others: one at a time, listed by the page Train, and resumed by the same call.

    Args:
        experiment: one on several sources.
        manifest: the data set that it was trained on. Slices kept aside are not used.
        keep_maps: keep the backbone's feature maps, see `core.training.train_experiment`.
        on_progress: see `core.training.OnProgress`.

    Raises:
        ExperimentError: the experiment is of one source (code "one_source"), or read-only.
        DatasetError: the data set is another one (code "other_data"), or no source can be left out.
        TrainingError: see `core.training.train_experiment`.
    """
    check_writable(experiment)
    names = [one["name"] for one in experiment.card["dataset"].get("sources", ())]
    if len(names) < 2:
        raise ExperimentError(
            f'"{experiment.name}" was trained on one source: there is none to leave out',
            remedy="train an experiment on a manifest of several sources",
            code="one_source",
        )
    root = experiment.folder.parent
    work = work_folder(root, f"{experiment.name}.left-out")
    with hold_slot(root, lambda: on_progress("waiting", {})):
        work.mkdir(parents=True, exist_ok=True)
        clear_parts(work)
        with record_job(work) as report:
            on_progress = report_stages(on_progress, report)
            dataset, y_true = _open(experiment, manifest, on_progress)
            plan = _describe_plan(experiment, work.name)
            folds, reasons = _leave_each(experiment, dataset, y_true, names, architecture_of(plan).patience)
            plan["protocol"]["folds"] = len(folds)
            write_plan(work, plan, dataset, y_true, list(folds.values()))
            prepare_data(work, dataset, architecture_of(plan), plan["protocol"], on_progress)
            train_frameworks(work, plan, on_progress)
            on_progress("publishing", {})
            table = _gather(work, list(folds.values()), experiment.frameworks)
            about = _describe(experiment, table, dataset, folds, reasons)
        data = table.to_csv(index=False, lineterminator="\n").encode("utf-8")
        found = update_card(add_files(experiment, {TABLE: data}), {"left_out": about})
        if not keep_maps:
            shutil.rmtree(maps_folder(work), ignore_errors=True)
        shutil.rmtree(work)
    return found


def _open(
    experiment: Experiment, manifest: Path, on_progress: OnProgress
) -> tuple[Dataset, NDArray[np.int64]]:
    protocol = experiment.card["protocol"]
    labels, finding = protocol["labels"], protocol.get("finding") or HEMORRHAGE
    dataset = index_dataset(
        manifest, lambda done, n: on_progress("reading", {"files": {"fraction": done / n}})
    ).select_known(labels, finding)
    expected = experiment.card["dataset"]["fingerprint"]
    if dataset.fingerprint != expected:
        raise DatasetError(
            f'This is not the data set that "{experiment.name}" was trained on',
            found=f"fingerprint {dataset.fingerprint[:12]}..., expected {expected[:12]}...",
            remedy="give the manifest that the experiment was trained on",
            code="other_data",
        )
    return dataset, dataset.labels(labels, finding)


def _describe_plan(experiment: Experiment, name: str) -> dict[str, Any]:
    card = experiment.card
    frameworks = list(experiment.frameworks)
    n_threads = max(1, count_cores() // len(frameworks))
    return {
        "name": name,
        "protocol": {**card["protocol"], "frameworks": frameworks, "n_threads": n_threads},
        "recipe": card["recipe"],
        "layers": card["layers"],
    }


def _leave_each(
    experiment: Experiment, dataset: Dataset, y_true: NDArray[np.int64], names: Sequence[str], patience: int
) -> tuple[dict[str, Fold], dict[str, str]]:
    """Return the fold that leaves out each source, and why there is none for the others."""
    protocol, groups = experiment.card["protocol"], dataset.groups()
    source = dataset.table["source"].to_numpy(str)
    folds: dict[str, Fold] = {}
    reasons: dict[str, str] = {}
    for name in names:
        tested = np.flatnonzero(source == name)
        others = np.flatnonzero((source != name) & ~np.isin(groups, groups[tested]))
        if len(np.unique(y_true[others])) < 2:
            has = "with" if y_true[others].any() else "without"
            reasons[name] = f"the other sources have only slices {has} the finding"
            continue
        try:
            (inner,) = make_folds(
                y_true[others], groups[others], split=protocol["split"], folds=1, seed=protocol["seed"]
            )
        except DatasetError as error:
            reasons[name] = str(error)
            continue
        kept = np.sort(np.concatenate([inner.train, inner.test])) if patience else np.arange(len(others))
        folds[name] = Fold(others[kept], others[inner.validation], tested)
    if not folds:
        raise DatasetError(
            f'No source of "{experiment.name}" can be left out',
            found="; ".join(f"without {name or UNNAMED}: {reason}" for name, reason in reasons.items()),
        )
    return folds, reasons


def _gather(work: Path, folds: Sequence[Fold], frameworks: Sequence[str]) -> pd.DataFrame:
    """Return the table left_out.csv."""
    import pandas as pd

    slices = pd.read_csv(work / "slices.csv", dtype={"patient": str, "source": str}, keep_default_na=False)
    columns = ["file", "patient", "number", "label", "sha256", "source"]
    tables = []
    for index, fold in enumerate(folds):
        rows = slices.loc[fold.test, columns]
        for framework in frameworks:
            with np.load(work / framework / "probabilities.npz", allow_pickle=False) as arrays:
                rows[framework] = arrays[f"test_{index}"].round(7)
        tables.append(rows)
    return pd.concat(tables, ignore_index=True)


def _describe(
    experiment: Experiment,
    table: pd.DataFrame,
    dataset: Dataset,
    folds: Mapping[str, Fold],
    reasons: Mapping[str, str],
) -> dict[str, Any]:
    """Return what the card holds, see the module's docstring."""
    source = dataset.table["source"].to_numpy(str)
    found: list[dict[str, Any]] = []
    for name in (*folds, *reasons):
        if name in reasons:
            found.append({"source": name, "reason": reasons[name]})
            continue
        # A threshold is needed for rates, which these raw probabilities do not have.
        group = measure_group(table[table["source"] == name], dict.fromkeys(experiment.frameworks, 0.5))
        rows = folds[name].train
        found.append(
            {
                "source": name,
                "trained_on": sorted(set(source[rows])),
                "n_trained": len(rows),
                **group,
                "models": {
                    one: {key: figures[key] for key in list_keys("ranking")}
                    for one, figures in group["models"].items()
                },
            }
        )
    created = datetime.now(UTC).date().isoformat()
    return {"created": created, "version": experiment.version, "sources": found}
