"""The page "Overview", run without a browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core.evaluation.summary import evaluate_experiment
from core.experiments import Experiment
from core.reading import decide
from core.reports import shorten_outcome
from core.validation import make_record
from dashboard.shared.components import name_outcome, write_figure
from tests.builders import write_tiny_validation
from tests.dashboard.conftest import OpenPage, read_texts
from tests.dashboard.story_data import write_role, write_set, write_story


def _words(app) -> str:
    return read_texts(app)


def _accuracies(experiment: Experiment) -> list[str]:
    models = evaluate_experiment(experiment)["models"]
    return [write_figure(model["slice"]["accuracy"], True) for model in models.values()]


def _links(app) -> list[str]:
    return [link.proto.label for link in app.get("page_link")]


def test_the_first_page_is_overview(open_page: OpenPage, models: Path) -> None:
    """The dashboard opens with what it is, what it is not, and links to the pages."""
    write_story(models)
    app = open_page("overview")
    assert "know how far to trust them" in app.title[0].value
    assert "**Not a medical device:**" in _words(app)
    ways = ["Read a scan", "Start the tour", "Take the quiz", "Explore slices", "Compare", "Validate"]
    assert ways == _links(app)


def test_the_figures_are_those_of_the_records(open_page: OpenPage, models: Path) -> None:
    """The accuracies of the published method and of the same network are those of the records."""
    made = write_story(models)
    words = _words(open_page("overview"))
    for name in ("one", "two"):
        for told in _accuracies(made[name]):
            assert told in words


def test_another_record_changes_the_figures(open_page: OpenPage, models: Path) -> None:
    """When an experiment is replaced the page shows its new figures only."""
    before = _accuracies(write_story(models)["two"])
    open_page("overview")
    shutil.rmtree(models / "two")
    after = _accuracies(write_role(models, "two", seed=5))
    assert not set(before) & set(after)
    words = _words(open_page("overview"))
    assert all(told in words for told in after)
    assert not any(told in words for told in before)


def test_the_figure_tells_every_auroc_in_words(open_page: OpenPage, models: Path) -> None:
    """The figure's alternative text holds the AUROC of both networks of all three experiments."""
    made = write_story(models)
    alt = next(chart.proto.alt for chart in open_page("overview").get("plotly_chart"))
    for experiment in made.values():
        for model in evaluate_experiment(experiment)["models"].values():
            assert f"{model['slice']['auroc']['value']:.2f}" in alt


def test_a_missing_role_makes_the_story_shorter(open_page: OpenPage, models: Path) -> None:
    """With the honest experiment alone the page shows it and names the missing ones."""
    write_story(models, "tiny")
    app = open_page("overview")
    words = _words(app)
    assert "**Slice labels, patients apart:**" in words
    assert "**Published method, repeated here:**" not in words
    assert "“The published method” (folder labels, split by slice)" in words
    assert "Train" in _links(app)


def test_another_network_does_not_stand_in_for_the_same_one(open_page: OpenPage, models: Path) -> None:
    """An experiment on other data is not shown as the same network with patients apart."""
    write_story(models, "one", "tiny")
    write_role(models, "two", fingerprint="e" * 64)
    words = _words(open_page("overview"))
    assert "**Patients apart:**" not in words
    assert "“The same network” (folder labels, split by patient)" in words


def test_without_experiments_the_page_invites(open_page: OpenPage) -> None:
    """Without experiments the page says what it will show and links to Train."""
    app = open_page("overview")
    assert "No trained experiment yet" in _words(app)
    assert "Train one" in _links(app)
    assert not app.image


def test_a_damaged_table_is_named_and_the_rest_is_shown(open_page: OpenPage, models: Path) -> None:
    """An experiment with changed predictions is named; the other two are in the story."""
    write_story(models)
    table = models / "two" / "predictions.csv"
    table.write_bytes(table.read_bytes() + b"\n")
    app = open_page("overview")
    assert 1 == sum("predictions\\.csv" in warning.value for warning in app.warning)
    words = _words(app)
    assert "**Published method, repeated here:**" in words
    assert "**Slice labels, patients apart:**" in words
    assert "**Patients apart:**" not in words


def test_a_damaged_folder_is_named(open_page: OpenPage, models: Path) -> None:
    """A card that is not JSON is named, and the story is shown without it."""
    write_story(models)
    (models / "one" / "experiment.json").write_text("{", encoding="utf-8")
    app = open_page("overview")
    assert any("one" in warning.value for warning in app.warning)
    assert "**Slice labels, patients apart:**" in _words(app)


def test_without_a_data_set_a_synthetic_slice_is_read(open_page: OpenPage, models: Path) -> None:
    """A phantom is shown with both heat maps and their scale, and called synthetic."""
    write_story(models)
    app = open_page("overview")
    alts = [image.proto.imgs[0].alt for image in app.image]
    assert [
        "The slice",
        *(f"Heat map of the {name} network over the slice" for name in ("PyTorch", "Keras")),
        "Colors of the heat maps, by the slice's probability: far below, at threshold, far above",
    ] == alts
    assert "**Synthetic:**" in _words(app)


def test_with_the_data_set_the_probability_is_the_recorded_one(
    open_page: OpenPage, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first slice is the positive one of median recorded probability, shown with its outcome."""
    monkeypatch.setenv("STROKE_CT_DATA", str(tmp_path / "set"))
    experiment = write_set(tmp_path / "set", models)
    tested = experiment.calibrated_predictions().query("part == 'test' and label == 1")
    middle = tested.assign(mean=tested[["pytorch", "keras"]].mean(axis=1)).sort_values("mean")
    row = middle.iloc[len(middle) // 2]
    app = open_page("overview")
    words = _words(app)
    for name in experiment.frameworks:
        threshold = experiment.threshold(name)
        outcome = decide(row[name], threshold, experiment.review_band(name, threshold=threshold))
        assert f"**{row[name]:.2f}**  \n{name_outcome(outcome, shorten_outcome(outcome))}" in words
    assert "from a network that was not trained on this patient" in words
    assert row["file"] in words.replace("\\", "")


def test_another_slice_is_another_one(
    open_page: OpenPage, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The button shows another slice of the data set, and the link opens it."""
    monkeypatch.setenv("STROKE_CT_DATA", str(tmp_path / "set"))
    write_set(tmp_path / "set", models)
    app = open_page("overview")
    before = [caption.value for caption in app.caption if "Decision thresholds" in caption.value]
    app.button(key="another_slice").click().run()
    after = [caption.value for caption in app.caption if "Decision thresholds" in caption.value]
    assert before != after
    assert "1" == app.query_params["example"]


def test_changed_pictures_are_not_shown(
    open_page: OpenPage, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When every file differs from its recorded hash, a synthetic slice is read."""
    monkeypatch.setenv("STROKE_CT_DATA", str(tmp_path / "set"))
    write_set(tmp_path / "set", models)
    for path in (tmp_path / "set").rglob("*.jpg"):
        path.write_bytes(path.read_bytes() + b" ")
    assert "**Synthetic:**" in _words(open_page("overview"))


def test_the_fourth_step_is_other_hospitals(open_page: OpenPage, models: Path, few_resamples: int) -> None:
    """Sensitivity, specificity and AUROC of each current validation are those of its record."""
    experiment = write_story(models, "tiny")["tiny"]
    validation = write_tiny_validation(experiment)
    there = make_record(experiment, validation, few_resamples, home={"models": {}})["there"]
    app = open_page("overview")
    words, alt = _words(app), next(chart.proto.alt for chart in app.get("plotly_chart"))
    cells = "\n".join(str(cell) for table in app.table for cell in table.value.to_numpy().ravel())
    for title, levels in zip(("PyTorch", "Keras"), there.values(), strict=True):
        for key in ("recall", "specificity"):
            assert write_figure(levels["slice"][key], True) in cells
        assert f"North, {title} {levels['slice']['auroc']['value']:.2f}" in alt
    assert "And on other data sets" in words


def test_without_a_validation_there_is_no_fourth_step(open_page: OpenPage, models: Path) -> None:
    """One of an earlier version counts as none."""
    experiment = write_story(models, "tiny")["tiny"]
    folder = write_tiny_validation(experiment).folder
    details = json.loads((folder / "validation.json").read_text())
    (folder / "validation.json").write_text(json.dumps({**details, "served": "0" * 64}))
    assert "in other hospitals" not in _words(open_page("overview"))
