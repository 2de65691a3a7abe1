"""The page Explore: filters, gallery, cases, bad links, with and without pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.cases.annotations import Annotations, Case
from core.cases.suspects import find_suspects
from core.evaluation.summary import evaluate_experiment
from core.experiments import Experiment
from core.validation import make_record
from dashboard.shared import loaders
from tests.builders import write_tiny_experiment, write_tiny_validation
from tests.dashboard.conftest import OpenPage, read_texts
from tests.dashboard.story_data import write_set


def _reopen(app: AppTest, **query: str) -> AppTest:
    app.query_params.clear()
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    return app


def _count(app: AppTest) -> int:
    """Return the number of slices that the page says it shows."""
    text = next(m.value for m in app.markdown if m.value.startswith("**") and m.value.endswith("slices"))
    return int(text.split("**")[1].replace(",", ""))


def test_each_cell_shows_as_many_cases_as_it_says(open_page: OpenPage, models: Path) -> None:
    """Each cell of both confusion matrices has the record's count, uncertain slices excluded or not."""
    experiment = write_tiny_experiment(models, calibrated=True)
    record = evaluate_experiment(experiment, n_resamples=20)["models"]
    app = open_page("explore")
    for set_aside in ("False", "True"):
        for name in experiment.frameworks:
            point = record[name]["slice"]
            counts = point["review"]["counts"] if set_aside == "True" else point["confusion"]
            for cell, n in counts.items():
                _reopen(app, set_aside=set_aside, **{f"{name}_outcome": cell})
                assert n == _count(app), (name, cell, set_aside)
            app.button(key=f"chip_{name}_outcome").click().run()


def test_the_page_without_experiments_offers_to_train_one(open_page: OpenPage) -> None:
    """Without an experiment the page says so."""
    assert "No trained experiment yet" in read_texts(open_page("explore"))


def test_without_pictures_everything_else_works(open_page: OpenPage, models: Path) -> None:
    """No data set: the page says so, offers the download, and still counts, filters and opens a case."""
    write_tiny_experiment(models, calibrated=True)
    app = open_page("explore", case="5")
    assert "The images are not on this machine" in read_texts(app)
    assert any("Download it from Kaggle" in button.label for button in app.button)
    assert "no image here" in read_texts(app).lower()
    assert "Patient" in read_texts(app)


def test_a_case_tells_what_the_other_finding_is(open_page: OpenPage, panel: list[Experiment]) -> None:
    """The panel's other networks answer for the same slice, out of sample where they were tested on it."""
    app = open_page("explore", case="5")
    case = loaders.cases(panel[0]).set_index("row").loc[5]
    known = loaders.cases(panel[1]).set_index("sha256").loc[case["sha256"]]
    (line,) = [str(one.value) for one in app.markdown if "other, out of sample" in str(one.value)]
    assert line.startswith(":primary[:material/format_color_reset:] Ischemia")
    for name in panel[1].frameworks:
        assert f"{known[name]:.2f}" in line


def test_a_missing_folder_is_reported(open_page: OpenPage, models: Path, tmp_path: Path) -> None:
    """A chosen folder that does not exist gives a warning, and the page still works."""
    write_tiny_experiment(models)
    app = open_page("explore")
    app.text_input(key="data_folder").set_value(str(tmp_path / "nowhere")).run()
    assert not app.exception
    assert any("There is no folder" in warning.value for warning in app.warning)
    assert 96 == _count(app)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("pytorch_outcome", "maybe"),
        ("keras_range", "0.2"),
        ("keras_range", "a,b"),
        ("rows", "90-4000"),
        ("patient", "4711"),
        ("agreement", "all"),
        ("review", "jax"),
        ("fold", "17"),
    ],
)
def test_an_impossible_filter_in_a_link_is_ignored(
    open_page: OpenPage, models: Path, key: str, value: str
) -> None:
    """An impossible filter gives a warning and is removed from the link."""
    write_tiny_experiment(models, calibrated=True)
    app = open_page("explore", **{key: value})
    assert any("The link has a filter that does not fit" in warning.value for warning in app.warning)
    assert 96 == _count(app)
    assert key not in app.query_params


@pytest.mark.parametrize("case", ["4711", "x", "-1", "9" * 30])
def test_an_impossible_case_is_reported(open_page: OpenPage, models: Path, case: str) -> None:
    """A case that the experiment does not have gives a warning, and the gallery is shown."""
    write_tiny_experiment(models)
    app = open_page("explore", case=case)
    assert any("a slice that is not in this list" in warning.value for warning in app.warning)
    assert 96 == _count(app)


def test_a_deleted_experiment_in_a_link_is_reported(open_page: OpenPage, models: Path) -> None:
    """A link to an experiment that is gone gives a warning and chooses no other."""
    write_tiny_experiment(models)
    app = open_page("explore", experiment="gone", pytorch_outcome="fn")
    assert any('no experiment \\"gone\\"' in warning.value for warning in app.warning)
    assert app.selectbox(key="experiment").value is None


def test_chips_remove_filters(open_page: OpenPage, models: Path) -> None:
    """Each active filter has a chip that removes it; "Clear all" removes all."""
    write_tiny_experiment(models, calibrated=True)
    app = open_page("explore", label="1", keras_range="0.1,0.9", rows="0-90")
    assert 3 == sum((button.key or "").startswith("chip_") for button in app.button)
    app.button(key="chip_label").click().run()
    assert 2 == sum((button.key or "").startswith("chip_") for button in app.button)
    app.button(key="clear_all").click().run()
    assert not app.exception
    assert 96 == _count(app)


def test_pages_turn_and_a_filter_starts_at_the_first(open_page: OpenPage, models: Path) -> None:
    """A page has 40 cases; the pager and the link agree; another sort begins at page 1."""
    write_tiny_experiment(models)
    app = open_page("explore", page="3")
    assert "Page 3 of 3" in read_texts(app)
    app.button(key="page_back").click().run()
    assert "Page 2 of 3" in read_texts(app)
    assert "2" == app.query_params["page"]
    app.selectbox(key="sort").select("differ").run()
    assert "Page 1 of 3" in read_texts(app)


def test_tagged_cases_are_found(open_page: OpenPage, models: Path) -> None:
    """The filter by tag finds the slices with that tag."""
    experiment = write_tiny_experiment(models)
    case = loaders.cases(experiment).iloc[4]
    fingerprint = experiment.card["dataset"]["fingerprint"]
    Annotations().add(Case(case["sha256"], fingerprint), tags=("artefact",))
    app = open_page("explore", tag="artefact")
    assert 1 == _count(app)


@pytest.mark.parametrize(("case", "ends"), [("3", (True, False)), ("9", (False, True))])
def test_arrows_stop_at_the_ends_of_the_filtered_cases(
    open_page: OpenPage, models: Path, case: str, ends: tuple[bool, bool]
) -> None:
    """The first case of the gallery has no previous one, the last has no next one."""
    write_tiny_experiment(models)
    app = open_page("explore", sort="order", rows="3,9", case=case)
    assert ends == (app.button(key="case_back").disabled, app.button(key="case_on").disabled)


def test_suspects_are_those_of_the_record(open_page: OpenPage, models: Path) -> None:
    """The page lists as many suspected label errors as `find_suspects` finds."""
    experiment = write_tiny_experiment(models, calibrated=True)
    n = len(find_suspects(loaders.cases(experiment), experiment.frameworks))
    app = open_page("explore", view="suspects")
    assert f"**{n}** of 96 slices" in read_texts(app)


@pytest.mark.parametrize("view", ["map", "tags"])
def test_other_views_open_from_their_link(open_page: OpenPage, models: Path, view: str) -> None:
    """The map and the tags open, also without a map or a tag."""
    write_tiny_experiment(models)
    app = open_page("explore", view=view)
    assert view == app.segmented_control(key="view").value


def test_one_network_alone_can_be_explored(open_page: OpenPage, models: Path) -> None:
    """An experiment with one framework opens, with its case view."""
    write_tiny_experiment(models, frameworks=("keras",))
    app = open_page("explore", case="0")
    assert 96 == _count(app)


def test_pictures_of_the_recorded_files_are_shown(
    open_page: OpenPage, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the data set, a case shows its pictures and says once which networks made the heat maps."""
    monkeypatch.setenv("STROKE_CT_DATA", str(tmp_path / "set"))
    experiment = write_set(tmp_path / "set", models)
    row = int(loaders.cases(experiment)["row"].iloc[0])
    app = open_page("explore", case=str(row))
    assert "The images are not on this machine" not in read_texts(app)
    assert 1 == read_texts(app).count("from the network that never trained on the slice")


def test_a_data_set_with_other_files_is_reported(
    open_page: OpenPage, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that differ from the recorded ones are counted and not shown."""
    monkeypatch.setenv("STROKE_CT_DATA", str(tmp_path / "set"))
    write_set(tmp_path / "set", models)
    for file in (tmp_path / "set").rglob("*.*"):
        file.write_bytes(file.read_bytes() + b"x")
    app = open_page("explore")
    assert any("is not that of this experiment" in warning.value for warning in app.warning)


def test_the_slices_of_a_validation_are_explored_alike(open_page: OpenPage, models: Path) -> None:
    """A validation's cells hold as many cases as its record says; source and input check filter them."""
    experiment = write_tiny_experiment(models, calibrated=True)
    validation = write_tiny_validation(experiment, sources=("north", "south"))
    record = make_record(experiment, validation, n_resamples=10, home={"models": {}})
    app = open_page("explore", slices_of="elsewhere")
    assert 96 == _count(app)
    _reopen(app, slices_of="elsewhere", pytorch_outcome="fp")
    assert record["there"]["pytorch"]["slice"]["confusion"]["fp"] == _count(app)
    app.button(key="chip_pytorch_outcome").click().run()
    _reopen(app, slices_of="elsewhere", gate="refuse")
    assert record["gate"]["refuse"] == _count(app)
    app.button(key="chip_gate").click().run()
    _reopen(app, slices_of="elsewhere", source="south")
    assert 48 == _count(app)


def test_a_case_of_a_validation_says_what_is_known(open_page: OpenPage, models: Path) -> None:
    """The dialog has the case's source and the reason of the input check, and no similar slices."""
    write_tiny_validation(write_tiny_experiment(models))
    app = open_page("explore", slices_of="elsewhere", case="0")
    facts = {
        row[""]: row["says"] for table in app.table for row in table.value.to_dict("records") if "says" in row
    }
    assert "north" == facts["Source"]
    assert "refused" == facts["Input check"]
    assert "No bone is visible" in facts["Reasons"]
    assert "The images are not at hand" in read_texts(app)
    assert "similar" not in read_texts(app).lower()


def test_filters_of_a_validation_do_not_fit_held_out_slices(open_page: OpenPage, models: Path) -> None:
    """Held-out slices have no source: such a link gives a warning and shows them all."""
    write_tiny_experiment(models)
    app = open_page("explore", source="south")
    assert any("does not fit" in warning.value for warning in app.warning)
    assert 96 == _count(app)
