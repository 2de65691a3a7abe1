"""The filters in the link of the page Explore, for every page that links to it."""

from __future__ import annotations

from collections.abc import Sequence

from core.experiments import Experiment
from dashboard.shared import state

# Filters of every experiment; each framework adds an outcome and a range.
_COMMON = ("label", "patient", "fold", "agreement", "review", "tag", "rows", "source", "vendor", "gate")
# The name of the validation whose slices the page Explore shows; "" for the held-out slices.
SLICES_OF = "slices_of"
# The key of the field that names the data set of a validation, on every page that shows its pictures.
DATA_OF_VALIDATION = "validation_data"
SCORE_PLOT = "scores"


def list_filters(experiment: Experiment) -> list[str]:
    """Return the names of all filters, as in the link."""
    own = [f"{name}_{kind}" for kind in ("outcome", "range") for name in experiment.frameworks]
    return [*own, *_COMMON]


def request_cases(experiment: Experiment, **filters: Sequence[str]) -> None:
    """Set these filters of the page Explore and clear all others; for a callback."""
    for name in list_filters(experiment):
        state.set_value(name, list(filters.get(name, [])))
    state.reset_chart(SCORE_PLOT)


def request_slices(experiment: Experiment, validation: str, **filters: Sequence[str]) -> None:
    """Let the page Explore show the slices of a validation ("": the held-out ones) with these filters."""
    state.set_value(SLICES_OF, validation)
    state.set_value("view", "cases")
    request_cases(experiment, **filters)
