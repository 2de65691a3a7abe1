"""Two custom widgets: a gallery of cases, and a table whose cells filter cases.

Their scripts and styles are in dashboard/scripts; they show their data as plain text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from core.frameworks import FRAMEWORKS
from dashboard.shared import Palette, state

_FOLDER = Path(__file__).parents[1] / "scripts"


def _register(name: str, markup: str) -> Any:
    css, js = ((_FOLDER / f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    return st.components.v2.component(f"brain_ct_{name}", html=markup, css=css, js=js)


_gallery = _register("gallery", '<div class="grid" role="group"></div>')
_matrix = _register("matrix", '<div class="matrix"></div>')


@dataclass(frozen=True)
class Tile:
    """One case in a gallery.

    Attributes:
        row: row of the case in the experiment's slices.
        sources: its pictures as data URIs, side by side.
        absent: text shown if there are no pictures.
        label: label of the case, in words; `positive` gives its color.
        name: patient and slice number, or the first digits of the SHA-256.
        scores: (framework or "", text) pairs.
        outcome: "right", "one-wrong", "wrong" or "excluded"; "" for none.
        marks: (kind, sign, meaning) shown in the corner.
        alt: description for screen readers.
        current: whether it is the open case.
    """

    row: int
    sources: tuple[str, ...]
    absent: str
    label: str
    positive: bool
    name: str
    scores: tuple[tuple[str, str], ...]
    outcome: str
    marks: tuple[tuple[str, str, str], ...]
    alt: str
    current: bool = False


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        n, share: number of cases, and their share of the row, 0 to 1.
        note: small text under the number.
        meaning: the cell in words, for screen readers.
        kind: "", "wrong" or "review".
        chosen: whether its cases are filtered.
    """

    name: str
    n: int
    share: float
    note: str
    meaning: str
    kind: str
    chosen: bool


def show_gallery(
    key: str, title: str, tiles: Sequence[Tile], *, open_row: Callable[[int], None],
    turn: Callable[[int], None] | None = None, columns: int = 6, ratio: str = "1", strip: bool = False,
) -> None:  # fmt: skip
    """Show tiles in a grid or, with `strip`, in one row that scrolls.

    Args:
        open_row: called with the row of a tile that is clicked.
        turn: called with 1 or -1 for the next or previous page.
        ratio: width to height of a tile's pictures, in CSS.
    """
    data = {
        "title": title, "tiles": [asdict(tile) for tile in tiles], "columns": columns, "ratio": ratio,
        "strip": strip, "colors": _colors(state.palette()),
    }  # fmt: skip
    acts = state.follow_widget(key, {"open": open_row} | ({"turn": turn} if turn else {}))
    _gallery(data=data, **acts)


def show_matrix(
    key: str, title: str, hue: str, columns: Sequence[str], rows: Sequence[str],
    cells: Sequence[Sequence[Cell]], choose: Callable[[str], None],
) -> None:  # fmt: skip
    """Show a table with a title; `choose` is called with the name of a cell that is clicked."""
    data = {
        "title": title, "columns": list(columns), "rows": list(rows),
        "cells": [[asdict(cell) for cell in line] for line in cells],
        "colors": _colors(state.palette()) | {"hue": hue},
    }  # fmt: skip
    _matrix(data=data, **state.follow_widget(key, {"choose": choose}))


def _colors(palette: Palette) -> dict[str, str]:
    names = (*FRAMEWORKS, "positive", "negative", "review", "correct", "wrong")
    return {name: getattr(palette, name) for name in names}
