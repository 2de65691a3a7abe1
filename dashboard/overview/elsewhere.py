"""The fourth step of the story: the default experiment on scans from other hospitals."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.errors import StrokeError
from core.evaluation import SOURCES_RULE, list_measures
from core.experiments import Experiment
from core.manifests import KEPT
from core.validation import Validation
from dashboard.overview.story import Levels
from dashboard.overview.story_chart import StoryRow
from dashboard.shared import charts, components, compute_once, loaders, records

TITLE = "And on other data sets"
_MOST = 5  # rows of the figure
_TITLE_LENGTH = 34
_KIND, _MOST_KNOWN = "places", 8  # of the store shared by all visitors


@dataclass(frozen=True)
class Place:
    """One validation.

    Attributes:
        name: of the validation.
        title: of its source.
        levels: each network's figures there, per slice.
        is_new: whether the networks learned from no slice of its sources.
    """

    name: str
    title: str
    levels: Levels
    is_new: bool = True

    @property
    def label(self) -> str:
        """Return the title, or the name if the title is long."""
        return self.title if len(self.title) <= _TITLE_LENGTH else self.name

    @property
    def row(self) -> StoryRow:
        """Return its row of the figure."""
        first: Mapping[str, Any] = next(iter(self.levels.values()))
        return StoryRow(
            charts.shorten(self.label, _TITLE_LENGTH),
            f"{'from elsewhere' if self.is_new else 'kept aside'}, {first['n']:,} slices",
            {name: level["auroc"] for name, level in self.levels.items()},
        )

    @property
    def has_area(self) -> bool:
        """Return whether the figure can show it: with one class there is no AUROC."""
        return any(level["auroc"]["value"] is not None for level in self.levels.values())


def are_measured(experiment: Experiment | None) -> bool:
    """Return whether `read_places` returns at once, having read these validations before, or none."""
    key = _key(experiment)
    return len(key) < 2 or key in loaders.memory(_KIND)


def read_places(experiment: Experiment | None) -> tuple[list[Place], list[StrokeError]]:
    """Return the current validations of an experiment, and the errors of those that cannot be read."""
    found: tuple[list[Place], list[StrokeError]]
    found = compute_once(_KIND, _key(experiment), _MOST_KNOWN, lambda: _measure_places(experiment))
    return found


def _key(experiment: Experiment | None) -> tuple[Hashable, ...]:
    if experiment is None:
        return ("",)
    return (experiment.digest, *map(loaders.key_of, loaders.labeled_validations(experiment)))


def _measure_places(experiment: Experiment | None) -> tuple[list[Place], list[StrokeError]]:
    places: list[Place] = []
    errors: list[StrokeError] = []
    for validation in loaders.labeled_validations(experiment)[:_MOST] if experiment else ():
        try:
            record = records.validation_record(experiment, validation)
        except StrokeError as error:
            errors.append(error)
            continue
        levels = {name: levels["slice"] for name, levels in record["there"].items()}
        places.append(
            Place(validation.name, _name_place(validation), levels, _is_new(experiment, validation))
        )
    return places, errors


def count_places(experiment: Experiment | None) -> int:
    """Return the number of places, at once: to reserve their space."""
    return len(loaders.labeled_validations(experiment)[:_MOST]) if experiment else 0


def show_places(places: Sequence[Place]) -> None:
    """Show each network's sensitivity and specificity at each place as a table."""
    titles = {one.key: one.title for one in list_measures("rate")}
    rows = [
        {
            "Scans": "" if number else components.plain(place.label),
            "Network": components.name_framework(name),
            **{titles[key]: _write(level[key]) for key in ("recall", "specificity")},
        }
        for place in places
        for number, (name, level) in enumerate(place.levels.items())
    ]
    st.table(rows, hide_index=True, border="horizontal", alt="Sensitivity and specificity elsewhere")


def describe_thresholds(experiment: Experiment) -> str:
    """Return on which data the default thresholds were chosen, and what this means for these figures."""
    if experiment.card["default_operating_point"] != SOURCES_RULE:
        return "At the thresholds chosen on the experiment's own data, with 95 % intervals."
    # The validations of an experiment on several sources have no say.
    alone = len(experiment.card["dataset"].get("sources", ())) < 2
    chose = {one["name"] for one in experiment.card.get("sources", {}).get("slice", {}).get("sources", ())}
    found = loaders.labeled_validations(experiment)
    used = [one for one in found if alone and one.name in chose and one.details["part"] != KEPT]
    if not used:
        said = "With 95 % intervals. These slices were not used to choose any setting."
        known = any(not _is_new(experiment, one) for one in found)
        new = "The networks learned from other slices of the same sets, so this is no test in a new hospital."
        return f"{said} {new}" if known else said
    names = ", ".join(components.plain(Place(one.name, _name_place(one), {}).label) for one in used)
    which = f" for {names}" if len(used) < len(found) else ""
    return (
        f"With 95 % intervals. Too optimistic{which}: the thresholds were chosen with these slices, except "
        "those kept aside. The model card has results on the slices kept aside."
    )


def _write(figure: Mapping[str, Any]) -> str:
    """Return a share with its interval, a dash if it cannot be estimated: the page Validate says why."""
    return "–" if figure["value"] is None else components.write_figure(figure, True)


def _is_new(experiment: Experiment, validation: Validation) -> bool:
    """Return whether the experiment learned from none of the validation's sources, by their names."""
    learned = {one["name"] for one in experiment.card["dataset"].get("sources", ())}
    return learned.isdisjoint(one["name"] for one in validation.details["sources"])


def _name_place(validation: Validation) -> str:
    """Return the title of its only source, else its own name."""
    sources = validation.details["sources"]
    title = sources[0]["title"] or sources[0]["name"] if len(sources) == 1 else ""
    return title or validation.name
