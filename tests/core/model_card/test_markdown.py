"""Parts of Markdown, and the templates: each is used, and a missing fact is an error."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from core.model_card import markdown
from core.model_card.markdown import Style, figure_table, format_figure, p_value, plain, render, table

PACKAGE = Path(__file__).parents[3] / "core" / "model_card"


def test_examples_in_docstrings_hold() -> None:
    """Every doctest of the module passes."""
    assert 0 == doctest.testmod(markdown).failed < doctest.testmod(markdown).attempted


@pytest.mark.parametrize("mark", list("\\`*_{}[]<>|#$&~^@"))
def test_plain_escapes_every_mark(mark: str) -> None:
    """Each character with a meaning in Markdown gets a backslash."""
    assert f"a\\{mark}b" == plain(f"a{mark}b")


def test_plain_makes_no_links_icons_or_lines() -> None:
    """Addresses, icons and line ends of a text from outside have no effect; ordinary prose is unchanged."""
    assert r"https\://evil\.example www\.x \:red\[y\] a b" == plain("https://evil.example www.x :red[y] a\nb")
    assert "At 09:45:42, 2.5 % (a/b): it's fine." == plain("At 09:45:42, 2.5 % (a/b): it's fine.")


@pytest.mark.parametrize(
    ("value", "interval", "style", "text"),
    [
        (0.674, [0.641, 0.712], "share", "67.4 % [64-71]"),
        (1.0, None, "share", "100.0 %"),
        (0.9996, [0.9978, 0.99999], "fine share", "100.0 % [99.8-100.0]"),
        (0.805, [0.7451, 0.85], "number", "0.81 [0.75-0.85]"),
        (-0.02, [-0.45, 0.32], "number", "-0.02 [-0.45 to 0.32]"),
        (0.0161, [0.013, 0.047], "fine", "0.016 [0.013-0.047]"),
        (-0.0001, [-0.0002, 0.0001], "difference", "+0.000 [+0.000 to +0.000]"),
        (-0.0372, [-0.103, 0.0149], "points", "-3.7 points [-10.3 to +1.5]"),
    ],
)
def test_figures_are_formatted_with_their_intervals(
    value: float, interval: list[float] | None, style: Style, text: str
) -> None:
    """Value and ends are rounded as the style says; nothing is "-0.000"."""
    assert text == format_figure({"value": value, "interval": interval}, style)


def test_what_is_missing_is_explained_once() -> None:
    """Figures without value or interval carry a letter, and the same reason has the same letter."""
    alike = {"value": 1.0, "interval": None, "reason": "all alike"}
    columns = {
        "A": {"x": alike},
        "B": {"x": {"value": None, "interval": None, "reason": "one class"}, "y": alike},
        "C": {"reason": "nobody knows"},
    }
    text = figure_table([("x", "X", "number"), ("y", "Y", "number")], columns)
    assert [
        "|  | A | B | C |",
        "| --- | --- | --- | --- |",
        "| X | 1.00 (a) | not estimable (b) | not estimable (c) |",
        "| Y | not estimable (d) | 1.00 (a) | not estimable (c) |",
        "",
        "- (a) no interval: all alike.",
        "- (b) not estimable: one class.",
        "- (c) not estimable: nobody knows.",
        "- (d) not estimable: it was not measured.",
    ] == text.splitlines()


def test_tables_have_one_width() -> None:
    """Every line of a table has as many cells as its head."""
    lines = table(["a", ""], [["1", "2"], ["3", "4"]]).splitlines()
    assert [3, 3, 3, 3] == [len(re.findall(r"\|", line)) for line in lines]


def test_small_p_values_are_bounded() -> None:
    """A p-value below 0.001 is given as a bound."""
    assert ["< 0.001", "= 0.001", "= 0.746"] == [p_value(p) for p in (0.00099, 0.001, 0.7456)]


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
