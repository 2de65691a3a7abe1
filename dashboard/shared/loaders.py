"""Tables and lists of the experiments, cached for all visitors; their figures are in records.py."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.errors import StrokeError
from core.experiments import Experiment, list_experiments, model_roots
from core.validation import Flags, Validation, count_flags, list_validations

if TYPE_CHECKING:
    import pandas as pd

    from core.evaluation import Band


def experiments() -> tuple[list[Experiment], list[StrokeError]]:
    """Return all experiments and an error for each damaged folder; read again when a file changes."""
    found, damaged = _experiments(_stamp(model_roots()))
    return list(found), list(damaged)


def review_bands(experiment: Experiment, thresholds: dict[str, float]) -> dict[str, Band | None]:
    """Return each network's review band around its threshold, (low, high) in probability, or None."""
    return {name: experiment.review_band(name, threshold=cut) for name, cut in thresholds.items()}


def history(experiment: Experiment) -> pd.DataFrame:
    """Return the experiment's loss and accuracy by epoch."""
    return _history(experiment.digest, experiment)


def slices(experiment: Experiment) -> pd.DataFrame:
    """Return all slices of the experiment's data set, with labels and their part in each fold."""
    return _slices(experiment.digest, experiment)


def features(experiment: Experiment) -> pd.DataFrame:
    """Return the map position and neighbors of each slice; the experiment must have features."""
    return _features(experiment.digest, experiment)


def cases(experiment: Experiment) -> pd.DataFrame:
    """Return the out-of-sample slices, see `core.cases.list_cases`; shared, so never change the table."""
    return _cases(experiment.digest, experiment)


def validations(experiment: Experiment) -> list[Validation]:
    """Return all stored validations of an experiment, also those of an earlier version or without labels."""
    return list_validations(experiment)


def key_of(validation: Validation) -> tuple[str, ...]:
    """Return a cache key: other predictions, or another version of the experiment, give another key."""
    details = validation.details
    return (validation.name, details["served"], details["predictions"], details["created"])


def labeled_validations(experiment: Experiment) -> list[Validation]:
    """Return the stored validations with labels of the experiment as it is now."""
    return [one for one in list_validations(experiment) if one.is_current and one.n_labeled]


def flags(experiment: Experiment) -> Flags | None:
    """Return what outcomes of slices were worth on data from elsewhere; None without a validation."""
    keys = tuple(key_of(one) for one in labeled_validations(experiment))
    return _flags(experiment.digest, keys, experiment)


def validation_cases(experiment: Experiment, validation: Validation) -> pd.DataFrame:
    """Return the labeled slices of a validation in the form of `cases`; shared, so never change the table.

    Probabilities are calibrated as the card says. Further columns: source, vendor, gate, reasons. A slice
    has no file name: `file` is "slice 12", `row` 11.
    """
    return _validation_cases(experiment.digest, key_of(validation), experiment, validation)


def share_of_leaks(experiment: Experiment) -> float | None:
    """Return the share of test slices of known patients with their patient in training; None without any."""
    return _share_of_leaks(experiment.digest, experiment)


@st.cache_data(max_entries=8, show_spinner=False)
def _history(digest: str, _experiment: Experiment) -> pd.DataFrame:
    return _experiment.history()


@st.cache_data(max_entries=4, show_spinner=False)
def _slices(digest: str, _experiment: Experiment) -> pd.DataFrame:
    return _experiment.slices()


@st.cache_resource(max_entries=4, show_spinner=False)
def _features(digest: str, _experiment: Experiment) -> pd.DataFrame | None:
    return _experiment.features()


@st.cache_resource(max_entries=8, show_spinner=False)
def _cases(digest: str, _experiment: Experiment) -> pd.DataFrame:
    from core.cases import list_cases

    return list_cases(_experiment.slices(), _experiment.calibrated_predictions())


@st.cache_resource(max_entries=8, show_spinner=False)
def _flags(digest: str, keys: tuple[tuple[str, ...], ...], _experiment: Experiment) -> Flags | None:
    return count_flags(_experiment)


@st.cache_resource(max_entries=8, show_spinner=False)
def _validation_cases(
    digest: str, key: tuple[str, ...], _experiment: Experiment, _validation: Validation
) -> pd.DataFrame:
    table = _validation.predictions()
    table = table[table["label"].notna()].astype({"label": int})
    scores = {name: _experiment.recalibration(name).apply(table[name]) for name in _experiment.frameworks}
    files = "slice " + table["number"].astype(str)
    return table.assign(row=table["number"] - 1, file=files, fold=0, **scores).reset_index(drop=True)


@st.cache_data(max_entries=8, show_spinner=False)
def _share_of_leaks(digest: str, _experiment: Experiment) -> float | None:
    slices = _experiment.slices()
    slices = slices[slices["patient"] != ""]
    if slices.empty:
        return None
    n_test = n_shared = 0
    for fold in range(_experiment.card["protocol"]["folds"]):
        part = slices[f"fold_{fold}"]
        tested = slices.loc[part == "test", "patient"]
        n_test += len(tested)
        n_shared += int(tested.isin(slices.loc[part == "train", "patient"]).sum())
    return n_shared / n_test if n_test else None


@st.cache_resource(max_entries=32, show_spinner=False)
def memory(kind: str) -> dict[Any, Any]:
    """Return a store shared by all sessions, for results computed under a progress bar.

    A function cached by Streamlit cannot move a progress bar. The caller limits the store's size.
    """
    return {}


@st.cache_resource(max_entries=4, show_spinner=False)
def _experiments(stamp: tuple[object, ...]) -> tuple[tuple[Experiment, ...], tuple[StrokeError, ...]]:
    found, damaged = list_experiments()
    return tuple(found), tuple(damaged)


def _stamp(roots: tuple[Path, ...]) -> tuple[object, ...]:
    """Return a value that changes when an experiment is added, removed or rewritten."""
    # Not deeper: validations are no part of an experiment, and one that runs writes files all the time.
    depths = ("[!.]*/*", "[!.]*/*/*")
    files = sorted(path for root in roots for depth in depths for path in root.glob(depth) if path.is_file())
    return (roots, *((path.as_posix(), path.stat().st_mtime_ns, path.stat().st_size) for path in files))
