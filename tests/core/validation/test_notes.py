"""The notes on a validation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.experiments import Experiment
from core.validation.notes import describe_patients, list_notes
from tests.builders import write_tiny_validation


def test_notes_say_what_was_left_out(tiny: Experiment) -> None:
    """Known files, near-copies, unreadable and unlabeled slices are counted in words; zeros are not."""
    made = write_tiny_validation(tiny)
    table = made.predictions()
    plain = list(list_notes(tiny, made, table))
    left_out = {"known_file": 1200, "near_copy": 2, "unreadable": 3, "unknown_label": 4}
    counted = replace(made, details={**made.details, "left_out": left_out, "likeness_searched": True})
    notes = list(list_notes(tiny, counted, table))
    added = [note for note in notes if note not in plain]
    assert ["1,200", "2", "3", "4"] == [note.split(": ")[1].split()[0] for note in added]
    assert any(note.startswith("Copies of training slices in another size") for note in plain)
    assert not any(note.startswith("Copies of training slices in another size") for note in notes)


@pytest.mark.parametrize(("rule", "is_said"), [("sources", True), ("youden", False)])
def test_a_validation_that_chose_the_thresholds_says_so(tiny: Experiment, rule: str, is_said: bool) -> None:
    """It is said only while the thresholds that it chose decide."""
    made = write_tiny_validation(tiny)
    sources = {"slice": {"sources": [{"name": made.name}]}}
    chosen = replace(tiny, card={**tiny.card, "sources": sources, "default_operating_point": rule})
    notes = list(list_notes(chosen, made, made.predictions()))
    assert is_said == any("thresholds were chosen with slices of this data set" in note for note in notes)


def test_presumed_absence_is_said_with_its_reason(tiny: Experiment) -> None:
    """A source whose silence means absent is named; one whose silence means unknown is not."""
    made = write_tiny_validation(tiny, sources=("north", "south"))
    sources = [
        {
            "name": "north",
            "title": "",
            "terms": "",
            "silence": {"hemorrhage": ["presumed absent", "they say so"]},
        },
        {"name": "south", "title": "South", "terms": "", "silence": {"hemorrhage": ["unknown", ""]}},
    ]
    stated = replace(made, details={**made.details, "sources": sources})
    notes = list(list_notes(tiny, stated, made.predictions()))
    assert [
        'Where the source "north" does not label hemorrhage, hemorrhage is presumed absent: they say so.'
    ] == [note for note in notes if "presumed" in note]


def test_refused_slices_are_said_to_count(tiny: Experiment) -> None:
    """The gate was overridden: the note counts the refused slices among the figures' own."""
    made = write_tiny_validation(tiny)
    notes = list(list_notes(tiny, made, made.predictions()))
    assert "Refused by the input check: 1 slice with a label; the figures include them." in notes


@pytest.mark.parametrize(
    ("source", "n_patients", "n_without", "words"),
    [
        ("north", None, 9, "patients unknown"),
        ("north", 1, 0, "1 patient"),
        ("north", 1200, 1, "1,200 patients, unknown for 1 slice"),
        ("teknofest-ischemia", 109, 0, "109 studies (patients unknown)"),
    ],
)
def test_patients_or_studies_are_counted(
    source: str, n_patients: int | None, n_without: int, words: str
) -> None:
    """Groups of a source whose files name no patient are called studies."""
    sources = [{"name": source}]
    data = {"n_patients": n_patients, "n_without_patient": n_without, "sources": sources}
    assert words == describe_patients(data)
