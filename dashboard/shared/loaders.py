"""Tables and lists of the experiments, kept for all visitors; their figures are in records.py."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.errors import StrokeError
from core.experiments import Experiment, list_experiments, model_roots

if TYPE_CHECKING:
    import pandas as pd

    from core.evaluation import Band

_KEPT_PREVIEWS = 900  # some 12 KB each
_UPPER_BRAIN = (0.45, 0.75)  # positions of synthetic slices, from neck (0) to vertex (1)


def experiments() -> tuple[list[Experiment], list[StrokeError]]:
    """All experiments, and an error for each damaged folder; looked at again when a card changes."""
    found, damaged = _experiments(_stamp(model_roots()))
    return list(found), list(damaged)


def review_bands(experiment: Experiment, thresholds: dict[str, float]) -> dict[str, Band | None]:
    """The probabilities around each network's threshold that need review: (low, high), or None."""
    return {name: experiment.review_band(name, threshold=cut) for name, cut in thresholds.items()}


def history(experiment: Experiment) -> pd.DataFrame:
    """The experiment's loss and accuracy at every epoch."""
    return _history(experiment.digest, experiment)


def slices(experiment: Experiment) -> pd.DataFrame:
    """Every slice of the experiment's data set, with its labels and its part in each fold."""
    return _slices(experiment.digest, experiment)


def features(experiment: Experiment) -> pd.DataFrame:
    """Map and neighbours of the slices, see `core.measurements`; only of an experiment that has them."""
    return _features(experiment.digest, experiment)


def cases(experiment: Experiment) -> pd.DataFrame:
    """Its out-of-sample slices one by one, see `core.cases.cases.list_cases`; shared, not to be changed."""
    return _cases(experiment.digest, experiment)


def share_of_leaks(experiment: Experiment) -> float | None:
    """Share of the test slices with a slice of the same patient in training; None when patients are "
    "unknown."""
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
    """A store that all sessions share, for what is computed under a progress bar: a cached function cannot
    draw one. Whoever fills it bounds it."""
    return {}


@st.cache_resource(max_entries=4, show_spinner=False)
def _experiments(stamp: tuple[object, ...]) -> tuple[tuple[Experiment, ...], tuple[StrokeError, ...]]:
    found, damaged = list_experiments()
    return tuple(found), tuple(damaged)


def _stamp(roots: tuple[Path, ...]) -> tuple[object, ...]:
    """Changes whenever an experiment appears, goes or is written anew."""
    files = sorted(path for root in roots for path in root.glob("[!.]*/**/*") if path.is_file())
    return (roots, *((path.as_posix(), path.stat().st_mtime_ns, path.stat().st_size) for path in files))
