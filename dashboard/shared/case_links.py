"""The filters of the page Explore as they stand in its link, for every page that leads there."""

from __future__ import annotations

from collections.abc import Sequence

from core.experiments import Experiment
from dashboard.shared import state

# The filters of all experiments; each framework adds an outcome and a range.
_COMMON = ("label", "patient", "fold", "agreement", "review", "tag", "rows")
SCORE_PLOT = "scores"


def list_filters(experiment: Experiment) -> list[str]:
    """The names of all filters, as they stand in the link."""
    own = [f"{name}_{kind}" for kind in ("outcome", "range") for name in experiment.frameworks]
    return [*own, *_COMMON]


def ask_for(experiment: Experiment, **filters: Sequence[str]) -> None:
    """Ask for the cases that these filters keep, and for no others; for a callback."""
    for name in list_filters(experiment):
        state.set_value(name, list(filters.get(name, [])))
    state.start_anew(SCORE_PLOT)
