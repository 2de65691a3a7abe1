"""The page "Model card", run without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.experiments import CARD_NAME, update_card
from core.model_card import ModelCard, render_model_card
from tests.builders import write_tiny_experiment
from tests.dashboard.conftest import OpenPage, read_texts


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use few resamples; the page does not depend on their number."""

    def draw(experiment: object) -> ModelCard:
        return render_model_card(experiment, n_resamples=20)  # type: ignore[arg-type]

    monkeypatch.setattr("core.model_card.render_model_card", draw)


def download(app: AppTest) -> object:
    """Return the label of the download button."""
    (button,) = app.get("download_button")
    return button.proto.label


def test_the_page_is_the_document(open_page: OpenPage, models: Path) -> None:
    """The page holds every section of the card, with anchors and contents."""
    experiment = write_tiny_experiment(models, calibrated=True)
    card = render_model_card(experiment, n_resamples=20)
    app = open_page("model_card")
    texts = [element.value for element in app.markdown]
    for section in card.sections:
        assert section.text in texts
    headings = {element.value: element.proto.anchor for element in app.header}
    assert {section.title: section.anchor for section in card.sections}.items() <= headings.items()
    (contents,) = [text for text in texts if text.startswith("- [In short](#in-short)")]
    assert len(card.sections) == len(contents.splitlines())
    assert "Download as Markdown" == download(app)


def test_leaks_are_shouted(open_page: OpenPage, models: Path) -> None:
    """The card's warnings are warnings on the page."""
    write_tiny_experiment(models, split="random", labels="folder")
    warnings = [element.value for element in open_page("model_card").warning]
    assert 2 == len(warnings)
    assert "inflated by leakage" in warnings[0]


def test_the_link_reopens_the_experiment(open_page: OpenPage, models: Path) -> None:
    """The experiment in the link is the one shown; choosing another changes link and document."""
    write_tiny_experiment(models, summary="The first of two.")
    write_tiny_experiment(models, "two", summary="The second of two.")
    app = open_page("model_card", experiment="two")
    assert "The second of two." in read_texts(app)
    app.selectbox(key="experiment").select("tiny").run()
    assert "The first of two." in read_texts(app)
    assert "experiment" not in app.query_params


def test_a_changed_record_gives_another_document(open_page: OpenPage, models: Path) -> None:
    """A stored document belongs to one state of the record."""
    experiment = write_tiny_experiment(models)
    app = open_page("model_card")
    update_card(experiment, {"limits": ["A limit found afterwards."]})
    app.run()
    assert "A limit found afterwards." in read_texts(app)


def test_without_experiments_the_page_invites(open_page: OpenPage) -> None:
    """Without experiments the page says so and links to Train."""
    app = open_page("model_card")
    assert "No trained experiment yet" in read_texts(app)


def test_a_damaged_record_is_named(open_page: OpenPage, models: Path) -> None:
    """A table that changed since the training is named; no figure is shown."""
    experiment = write_tiny_experiment(models)
    app = open_page("model_card")
    (experiment.folder / "predictions.csv").write_text("file\n")
    (experiment.folder / CARD_NAME).touch()
    app.run()
    assert not app.exception
    assert "predictions.csv" in read_texts(app).replace("\\", "")
