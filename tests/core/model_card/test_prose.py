"""The templates of the model card: each is used, and a missing fact is an error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from core.model_card.prose import render

PACKAGE = Path(__file__).parents[3] / "core" / "model_card"


def test_a_fact_that_is_not_there_is_an_error() -> None:
    """A template with a missing fact raises."""
    with pytest.raises(UndefinedError, match="'curves' is undefined"):
        render("net-benefit")


def test_a_part_that_says_nothing_leaves_no_gap() -> None:
    """Between paragraphs there is one blank line, and there is none at the ends."""
    empty = dict.fromkeys(("shared", "worst_patients", "missed_patients", "worst_subgroups"), "")
    first, errors, last = render("failures", errors="table", **empty).split("\n\n")
    assert "table" == errors
    assert first.startswith("Errors on slices")
    assert last.startswith("No radiologist")


def test_every_template_is_used() -> None:
    """The templates are those that the package's modules name."""
    named = [
        name
        for path in PACKAGE.glob("*.py")
        for name in re.findall(r'render\(\s*"([a-z-]+)"', path.read_text(encoding="utf-8"))
    ]
    assert {path.name for path in (PACKAGE / "templates").iterdir()} == {f"{name}.md.j2" for name in named}
