"""The page "Tour", run without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.evaluation.summary import evaluate_experiment
from core.reports import describe_flags
from core.validation import count_flags
from dashboard.overview.tour_steps import STEPS
from tests.builders import write_tiny_validation
from tests.dashboard.conftest import OpenPage, read_texts
from tests.dashboard.story_data import write_set, write_story


@pytest.mark.parametrize(
    "number", [1, *(pytest.param(number, marks=pytest.mark.slow) for number in range(2, 7)), 7]
)
def test_the_link_opens_its_step(open_page: OpenPage, models: Path, number: int) -> None:
    """Each of the seven steps opens from its link without an error."""
    write_story(models)
    app = open_page("tour", step=str(number))
    assert STEPS[number - 1].title == app.title[0].value
    assert f"**{number}** / 7" in read_texts(app)
    assert not app.warning


def test_buttons_walk_forth_and_back(open_page: OpenPage, models: Path) -> None:
    """Next and Back change the step, and the link follows."""
    write_story(models)
    app = open_page("tour")
    app.button(key="tour_next").click().run()
    app.button(key="tour_next").click().run()
    assert "3" == app.query_params["step"]
    app.button(key="tour_back").click().run()
    assert STEPS[1].title == app.title[0].value


def test_quick_presses_are_not_undone_by_an_old_link(open_page: OpenPage, models: Path) -> None:
    """A press counts even if the browser still has the link of the step before; one that returns, too."""
    write_story(models)
    app = open_page("tour", step="4")
    app.button(key="tour_next").click().run()
    assert "5" == app.query_params["step"]
    app.query_params["step"] = "4"
    app.button(key="tour_next").click().run()
    assert STEPS[5].title == app.title[0].value
    assert "6" == app.query_params["step"]
    app.query_params["step"] = "5"
    app.button(key="tour_back").click().run()
    app.run()
    assert STEPS[4].title == app.title[0].value
    # Without a press, the step before in the link is the visitor's: the browser's button Back.
    app.query_params["step"] = "4"
    app.run()
    assert STEPS[3].title == app.title[0].value


def test_the_walk_ends_at_both_ends(open_page: OpenPage, models: Path) -> None:
    """Back is disabled on the first step, Next on the last."""
    write_story(models)
    assert open_page("tour").button(key="tour_back").disabled
    assert open_page("tour", step="7").button(key="tour_next").disabled


def test_a_step_that_does_not_exist_is_the_first(open_page: OpenPage, models: Path) -> None:
    """A link to step 8 opens the first step."""
    write_story(models)
    assert STEPS[0].title == open_page("tour", step="8").title[0].value


def test_end_leads_to_overview(open_page: OpenPage, models: Path) -> None:
    """The button with Esc leaves the tour."""
    write_story(models)
    app = open_page("tour", step="2")
    app.button(key="tour_end").click().run()
    assert "know how far to trust them" in app.title[0].value


def test_the_famous_number_counts_the_misread(open_page: OpenPage, models: Path) -> None:
    """Step 2 says how many test slices each network misreads, as in the record."""
    experiment = write_story(models)["one"]
    words = read_texts(open_page("tour", step="2"))
    for model in evaluate_experiment(experiment)["models"].values():
        counts = model["slice"]["confusion"]
        wrong = counts["fp"] + counts["fn"]
        assert f"**{wrong}** of {model['slice']['n']} test slices misread" in words


def test_the_last_step_counts_what_is_missed(open_page: OpenPage, models: Path) -> None:
    """Step 7 says how many positive slices each network misses, as in the record."""
    experiment = write_story(models)["tiny"]
    words = read_texts(open_page("tour", step="7"))
    for model in evaluate_experiment(experiment)["models"].values():
        level = model["slice"]
        assert f"misses **{level['confusion']['fn']}** of {level['positives']} slices" in words


@pytest.mark.parametrize("number", range(2, 6))
def test_a_missing_role_is_named(open_page: OpenPage, models: Path, number: int) -> None:
    """With the honest experiment alone, the steps about the others say what is missing."""
    write_story(models, "tiny")
    app = open_page("tour", step=str(number))
    assert "Experiments missing here" in read_texts(app)


@pytest.mark.parametrize(
    "number", [1, *(pytest.param(number, marks=pytest.mark.slow) for number in range(2, 7)), 7]
)
def test_without_experiments_every_step_invites(open_page: OpenPage, number: int) -> None:
    """Without experiments each step links to Train."""
    assert "No trained experiment yet" in read_texts(open_page("tour", step=str(number)))


def test_a_damaged_table_is_named(open_page: OpenPage, models: Path) -> None:
    """A step whose experiment was changed says so, and the tour continues."""
    write_story(models)
    table = models / "one" / "predictions.csv"
    table.write_bytes(table.read_bytes() + b"\n")
    app = open_page("tour", step="2")
    assert any("predictions\\.csv" in warning.value for warning in app.warning)
    assert not app.button(key="tour_next").disabled


def test_neighbours_are_shown_where_the_set_is_here(
    open_page: OpenPage, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step 3 shows a tested slice next to its adjacent slice in training if the data set is here."""
    from tests.builders import write_tiny_experiment

    monkeypatch.setenv("STROKE_CT_DATA", str(tmp_path / "set"))
    made = write_set(tmp_path / "set", models)
    write_tiny_experiment(
        models, "one", table=made.slices(), fingerprint=made.card["dataset"]["fingerprint"], folds=1,
        split="random", labels="folder",
    )  # fmt: skip
    app = open_page("tour", step="3")
    assert ["Test", "Training"] == [image.proto.imgs[0].alt for image in app.image]
    assert "The pictures appear once" not in read_texts(app)


def test_other_hospitals_are_a_step(open_page: OpenPage, models: Path, few_resamples: int) -> None:
    """Step 6 has the stored validations and what each outcome was worth; without one it says what to do."""
    experiment = write_story(models, "tiny")["tiny"]
    assert "No validation of this experiment is stored yet" in read_texts(open_page("tour", step="6"))
    write_tiny_validation(experiment)
    words = read_texts(open_page("tour", step="6"))
    assert "And on other data sets" in words
    assert describe_flags(count_flags(experiment), "hemorrhage") in words
