"""The model card's sections on where the networks look, and on shortcuts."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.model_card import markdown
from core.model_card.document import render_model_card
from core.model_card.facts import Facts, gather_facts
from core.model_card.lesions import describe_looking, describe_shortcut
from core.model_card.methods import describe_networks
from tests.builders import write_tiny_experiment
from tests.core.model_card.conftest import N_RESAMPLES, cells
from tests.lesion_tables import SOURCES, add_lesion_tables


@pytest.fixture
def measured(models: Path) -> Facts:
    """Facts of an experiment with both tables."""
    return gather_facts(add_lesion_tables(write_tiny_experiment(models, calibrated=True)), N_RESAMPLES)


def _split(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_what_was_not_measured_is_said(facts: Facts) -> None:
    """Without the tables the sections name the commands that measure them."""
    assert "python -m core localise tiny MANIFEST" in describe_looking(facts)
    assert "python -m core shortcut tiny MANIFEST" in describe_shortcut(facts)
    assert "was not measured: it does not outline" in describe_networks(facts)


def test_hits_stand_against_chance(measured: Facts) -> None:
    """Each source, part and network has a row with shares, intervals and chance."""
    text = describe_looking(measured)
    row = cells(text, SOURCES[0])
    assert ["out of sample", "PyTorch", "40", "9", "82.0 % [71-90]; chance 17 %"] == row[1:6]
    assert "0.93; chance 0.50" == row[7]
    assert 4 == text.count(f"| {SOURCES[0]} |")
    assert "is under [Where the networks look](#where-the-networks-look): it does not outline" in (
        describe_networks(measured)
    )


def test_passed_controls_are_said_to_pass(measured: Facts) -> None:
    """The comparisons have a row each; none says that the networks know the hospital."""
    text = describe_shortcut(measured)
    row = cells(text, SOURCES[0])
    expected = ["0.94 [0.90-0.98]", "0.55 [0.51-0.59]", "0.52 [0.48-0.56]"]
    assert [markdown.plain(SOURCES[1]), "PyTorch", "38 / 120", *expected] == row[2:]
    assert "Lesion covered: 0 of 4 comparisons with" in text
    assert "No comparison shows that the networks tell the hospitals apart" in text
    assert "0.97 [0.95-0.99]" in text
    assert ["GE", "20", "85.0 % [70-95]"] == cells(text, "sensitivity")[3:6]
    assert ["the same source", "PyTorch", "38 / 60"] == next(
        row for row in map(_split, text.splitlines()) if "the same source" in row
    )[2:5]
    assert SOURCES[1] not in text


def test_a_shortcut_is_told_with_its_meaning(models: Path) -> None:
    """An AUROC above 0.60 without the lesion is counted, and its meaning for a user is said."""
    experiment = add_lesion_tables(write_tiny_experiment(models, calibrated=True), covered=0.72, kept=False)
    text = describe_shortcut(gather_facts(experiment, N_RESAMPLES))
    assert "Lesion covered: 2 of 2 comparisons with" in text
    assert "Away from the lesion: 0 of 2 comparisons with" in text
    assert "the same score means less in other hospitals" in text


def test_both_are_sections_of_the_card(models: Path) -> None:
    """The card has them in its contents."""
    card = render_model_card(write_tiny_experiment(models), n_resamples=N_RESAMPLES)
    titles = [section.title for section in card.sections]
    assert {"Where the networks look", "Lesion or hospital"} <= set(titles)
