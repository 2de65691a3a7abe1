"""The roles of experiments in the story, and its figure."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.overview import story
from dashboard.overview.story_chart import StoryRow, plot_story
from dashboard.shared.palette import LIGHT
from tests.builders import write_tiny_experiment
from tests.dashboard.story_data import write_role, write_story


def _figure(value: float | None, interval: list[float] | None = None) -> dict[str, object]:
    return {"value": value, "interval": interval}


def _cast(*experiments) -> dict[str, str]:
    return {key: one.name for key, one in story.assign_roles(experiments).items()}


def test_labels_and_split_give_the_role(models: Path) -> None:
    """Roles follow from the cards, not from the names of the experiments."""
    made = write_story(models)
    assert {"famous": "one", "apart": "two", "honest": "tiny"} == _cast(*made.values())


def test_the_same_network_must_be_the_same(models: Path) -> None:
    """An experiment on other data does not get the role of the same network."""
    made = write_story(models, "one")
    other = write_role(models, "two", fingerprint="e" * 64)
    assert {"famous": "one"} == _cast(made["one"], other)


def test_a_pair_is_preferred_to_a_famous_one_alone(models: Path) -> None:
    """Of two famous experiments, the one whose network was also tested with patients apart is shown."""
    made = write_story(models, "one", "two")
    alone = write_tiny_experiment(models, "a", labels="folder", split="random", folds=1)
    assert {"famous": "one", "apart": "two"} == _cast(alone, *made.values())


def test_names_of_this_project_come_first(models: Path) -> None:
    """Of two honest experiments the project's own is shown."""
    first = write_tiny_experiment(models, "a")
    own = write_tiny_experiment(models, "hemorrhage-by-patient")
    assert {"honest": "hemorrhage-by-patient"} == _cast(first, own)


def test_marks_stand_at_the_figures_and_bars_at_their_ends() -> None:
    """A figure of 0.8 [0.7, 0.95] is a mark at 0.8 whose bar reaches from 0.7 to 0.95."""
    row = StoryRow("Famous", "at random", {"pytorch": _figure(0.8, [0.7, 0.95]), "keras": _figure(0.6)})
    pytorch, keras = plot_story([row], LIGHT).data
    assert (0.8,) == tuple(pytorch.x)
    assert pytest.approx(0.15) == pytorch.error_x.array[0]
    assert pytest.approx(0.1) == pytorch.error_x.arrayminus[0]
    assert (0.0, 0.0) == (keras.error_x.array[0], keras.error_x.arrayminus[0])
    assert pytorch.y[0] < keras.y[0]


def test_guessing_is_a_line_at_one_half() -> None:
    """The dotted line is at an AUROC of 0.5, and the axis always includes it."""
    figure = plot_story([StoryRow("Honest", "apart", {"keras": _figure(0.9, [0.88, 0.93])})], LIGHT)
    (line,) = figure.layout.shapes
    assert (0.5, 0.5) == (line.x0, line.x1)
    assert figure.layout.xaxis.range[0] < 0.5


def test_an_interval_below_guessing_is_in_sight() -> None:
    """The axis reaches below the lowest end of an interval."""
    figure = plot_story([StoryRow("Honest", "apart", {"keras": _figure(0.4, [0.1, 0.7])})], LIGHT)
    assert figure.layout.xaxis.range[0] < 0.1


def test_a_figure_that_cannot_be_estimated_has_no_mark() -> None:
    """A figure that is not estimable has words and no mark."""
    figure = plot_story([StoryRow("Honest", "apart", {"keras": _figure(None)})], LIGHT)
    assert () == tuple(figure.data[0].x)
    assert "not estimable" in [note.text for note in figure.layout.annotations]
