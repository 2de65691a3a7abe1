"""Parts of Markdown: tables, lists, numbers, figures with their intervals, and templates filled with them."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from core.system import escape_for_markdown as plain

if TYPE_CHECKING:
    from jinja2 import Environment

# "share": 67.4 % [64-71]; "fine share": 67.4 % [64.1-70.9]; "number": 0.80 [0.74-0.85]; "fine": a decimal
# more; "difference": with its sign; "points": a difference of shares, -3.7 points [-10.3 to +1.5].
Style = Literal["share", "fine share", "number", "fine", "difference", "points"]
Figure = Mapping[str, Any]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells must hold no line ends and no bare "|"."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bullets(items: Iterable[str]) -> str:
    """Return a list with one line for each item."""
    return "\n".join(f"- {item}" for item in items)


def paragraphs(*parts: str) -> str:
    """Return the parts that are not empty, with a blank line between them."""
    return "\n\n".join(part for part in parts if part)


def count(n: int, noun: str) -> str:
    """Return a number and its noun: "1 slice", "2,501 slices"."""
    return f"{n} {noun}" if n == 1 else f"{number(n)} {noun}s"


def number(n: int) -> str:
    """Return a whole number with its thousands separated: "2,501"."""
    return f"{n:,}"


def percent(share: float) -> str:
    """Return a share in [0, 1] as percent with one decimal: "27.3 %"."""
    return f"{100 * share:.1f} %"


def p_value(p: float) -> str:
    """Return a p-value with its sign and three decimals: "= 0.040", or "< 0.001"."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def format_figure(figure: Figure, style: Style = "number") -> str:
    """Return a FIGURE of the evaluation with its interval.

    >>> format_figure({"value": 0.8125, "interval": [0.7, 0.9]}, "share")
    '81.2 % [70-90]'
    >>> format_figure({"value": -0.01, "interval": [-0.1, 0.2]}, "difference")
    '-0.010 [-0.100 to +0.200]'
    >>> format_figure({"value": None, "interval": None, "reason": "one class only"})
    'not estimable'
    """
    value, interval = figure["value"], figure["interval"]
    if value is None:
        return "not estimable"
    if style in ("share", "fine share"):
        decimals = 0 if style == "share" else 1
        ends = [f"{100 * end:.{decimals}f}" for end in interval or ()]
        return percent(value) + (f" [{'-'.join(ends)}]" if ends else "")
    scale, unit = (100, " points") if style == "points" else (1, "")
    form = {"number": ".2f", "fine": ".3f", "difference": "+.3f", "points": "+.1f"}[style]
    digits = {"number": 2, "points": 1}.get(style, 3)
    # Adding 0 turns a negative zero into a plain one.
    ends = [format(round(scale * end, digits) + 0.0, form) for end in interval or ()]
    # A hyphen between numbers that may be negative would read as a sign.
    joint = "-" if not form.startswith("+") and all(end >= 0 for end in interval or ()) else " to "
    return (
        format(round(scale * value, digits) + 0.0, form) + unit + (f" [{joint.join(ends)}]" if ends else "")
    )


def figure_table(rows: Sequence[tuple[str, str, Style]], columns: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a table of FIGUREs and, below it, why a figure or its interval is missing.

    Args:
        rows: key of the figure, its title, its style.
        columns: title of the column -> its figures by key, or {"reason"} if there are none.
    """
    notes: dict[str, str] = {}
    lines = []
    for key, title, style in rows:
        cells = []
        for column in columns.values():
            figure = column.get(key) or _nothing(column.get("reason", "it was not measured"))
            note = _explain(figure)
            mark = f" {notes.setdefault(note, f'({string.ascii_letters[len(notes)]})')}" if note else ""
            cells.append(format_figure(figure, style) + mark)
        lines.append([title, *cells])
    return paragraphs(
        table(["", *columns], lines), bullets(f"{mark} {plain(note)}." for note, mark in notes.items())
    )


def _explain(figure: Figure) -> str:
    """Return why a figure or its interval is missing; "" if both are there."""
    if figure["interval"] is not None:
        return ""
    what = "no interval" if figure["value"] is not None else "not estimable"
    reason = figure.get("reason") or "no reason is recorded"
    return f"{what}: {reason.removeprefix(f'{what}: ')}"


def _nothing(reason: str) -> dict[str, Any]:
    return {"value": None, "interval": None, "reason": reason}


def render(name: str, **facts: Any) -> str:
    """Return the text of `templates/NAME.md.j2` with these facts; a missing fact is an error.

    Between paragraphs there is one blank line, also where a part is empty.
    """
    text = _templates().get_template(f"{name}.md.j2").render(facts)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # HTML escapes would show in Markdown, so texts from outside pass the filter `plain` instead.
    templates = Environment(
        loader=PackageLoader("core.model_card"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "plain": plain,
        "count": count,
        "number": number,
        "p_value": p_value,
        "percent": percent,
        "format_figure": format_figure,
    }
    return templates
