"""Untrusted text is escaped for each place where it is shown."""

from __future__ import annotations

import doctest

import pytest

from core.system import plain_text


def test_examples_run() -> None:
    """Every docstring example gives the stated result."""
    result = doctest.testmod(plain_text)
    assert 0 == result.failed
    assert 6 == result.attempted


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", " =", "＝", "＠"])
def test_a_formula_becomes_a_text(start: str) -> None:
    """A cell that a spreadsheet would read as a formula begins with an apostrophe."""
    assert "'" == plain_text.escape_for_cell(f"{start}1+1")[0]


@pytest.mark.parametrize("sign", list("\\`*_{}[]<>|#$&~^@"))
def test_both_escapes_of_markdown_cover_what_acts_within_a_line(sign: str) -> None:
    """A sign that Markdown acts on is preceded by a backslash, in a file and on a page."""
    assert (
        f"a\\{sign}b"
        == plain_text.escape_for_markdown(f"a{sign}b")
        == plain_text.escape_for_page(f"a{sign}b")
    )


@pytest.mark.parametrize(
    "escape", [plain_text.escape_for_cell, plain_text.escape_for_markdown, plain_text.escape_for_page]
)
def test_a_text_stays_on_one_line(escape) -> None:
    """Line ends, control characters and direction marks become blanks."""
    assert "a b c d" == escape("a\nb\x1bc\u202ed")
