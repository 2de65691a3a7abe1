"""The model card as a whole."""

from __future__ import annotations

import re
from pathlib import Path

from core.experiments import Experiment, update_card
from core.model_card import render_model_card
from core.model_card.document import SECTIONS
from tests.builders import write_tiny_experiment
from tests.core.model_card.conftest import add_tables


def render(experiment: Experiment) -> str:
    """The card's Markdown, with few resamples."""
    return render_model_card(experiment, n_resamples=20).markdown


def test_the_same_record_gives_the_same_card(models: Path) -> None:
    """Nothing in the card depends on time or chance."""
    experiment = write_tiny_experiment(models, calibrated=True)
    assert render(experiment) == render(experiment)


def test_contents_lead_to_every_section(models: Path) -> None:
    """Every link inside the card leads to a heading, and every section has one in the contents."""
    text = render(add_tables(write_tiny_experiment(models, calibrated=True)))
    headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert ["Contents", *SECTIONS] == headings
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(#([^)]+)\)", text)
    assert set(links) <= anchors
    contents = text.split("## Contents")[1].split("## ")[0]
    assert len(SECTIONS) == contents.count("](#")


def test_tables_are_whole(models: Path) -> None:
    """Every row of every table has as many cells as its head."""
    for split, labels, folds in (("patient", "slice", 3), ("random", "folder", 1)):
        experiment = write_tiny_experiment(models, split=split, labels=labels, folds=folds, calibrated=True)
        for block in render(experiment).split("\n\n"):
            lines = [line for line in block.splitlines() if line.startswith("|")]
            widths = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
            assert len(widths) <= 1, block


def test_unknown_patients_have_a_card(nameless: Experiment) -> None:
    """If patients are unknown, figures per patient are called not available, and nothing fails."""
    text = render(nameless)
    assert "### Per patient\n\nNot available: patients are unknown." in text
    assert "| 20 | Level at which partitions are disjoint | not available |" in text
    assert "errors are not listed by patient" in text


def test_one_framework_has_a_card(models: Path) -> None:
    """A card of one network has its figures, and no comparison."""
    text = render(write_tiny_experiment(models, frameworks=("pytorch",), folds=1, calibrated=True))
    assert "Keras" not in text
    assert "there is nothing to compare it with" in text


def test_warnings_stand_before_any_figure(models: Path) -> None:
    """Warnings are above the table of contents."""
    experiment = write_tiny_experiment(models, split="random", labels="folder")
    head = render(experiment).split("## Contents")[0]
    assert 2 == head.count("> **WARNING.**")


def test_texts_of_the_card_have_no_effect(models: Path) -> None:
    """A foreign card cannot put a link, picture or markup into the document."""
    experiment = write_tiny_experiment(models)
    evil = "![x](https://evil.example/a.png) <b>bold</b> | cell"
    classes = {"negative": "No", "positive": evil, "meaning": evil}
    changes = {
        "summary": evil,
        "limits": [evil],
        "served": evil,
        "classes": classes,
        "versions": {evil: evil},
    }
    text = render(update_card(experiment, changes))
    assert "![x]" not in text
    assert "https://evil" not in text
    assert "<b>" not in text
