"""Tables and lists of the experiments, cached for all visitors; their figures are in records.py."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.errors import StrokeError
from core.experiments import Experiment, list_experiments, model_roots

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
    """Return the map position and neighbours of each slice; the experiment must have features."""
    return _features(experiment.digest, experiment)


def cases(experiment: Experiment) -> pd.DataFrame:
    """Return the out-of-sample slices, see `core.cases.list_cases`; shared, so never change the table."""
    return _cases(experiment.digest, experiment)


def share_of_leaks(experiment: Experiment) -> float | None:
    """Return the share of test slices whose patient is also in training; None if patients are unknown."""
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


@st.cache_data(max_entries=8, show_spinner=False)
def _share_of_leaks(digest: str, _experiment: Experiment) -> float | None:
    slices = _experiment.slices()
    if (slices["patient"] == "").any():
        return None
    n_test = n_shared = 0
    for fold in range(_experiment.card["protocol"]["folds"]):
        part = slices[f"fold_{fold}"]
        tested = slices.loc[part == "test", "patient"]
        n_test += len(tested)
        n_shared += int(tested.isin(slices.loc[part == "train", "patient"]).sum())
    return n_shared / n_test


@st.cache_resource(max_entries=8, show_spinner=False)
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
    files = sorted(path for root in roots for path in root.glob("[!.]*/**/*") if path.is_file())
    return (roots, *((path.as_posix(), path.stat().st_mtime_ns, path.stat().st_size) for path in files))
