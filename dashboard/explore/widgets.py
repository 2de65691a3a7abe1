"""Two widgets of our own: a gallery of cases, and a table whose cells choose cases. Their looks and ways are
in dashboard/scripts; what they show goes in as data and is set as plain text."""

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
        row: what opening it is told by.
        sources: its pictures as data URIs, side by side; none: `absent` is written in their place.
        label: of the case, in words; `positive` gives its colour.
        name: patient and number, or what else it is called.
        scores: (framework or "", text) of each model.
        outcome: "right", "one-wrong", "wrong" or "aside"; "" for none.
        marks: (kind, sign, meaning) in the corner.
        current: whether it is the one that is open.
        alt: all of this in words.
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
    """One cell of a table: its name, count, share of its row, a small note, what it tells, whether chosen."""

    name: str
    n: int
    share: float
    note: str
    told: str
    kind: str  # "", "wrong" or "review"
    chosen: bool


def show_gallery(
    key: str, title: str, tiles: Sequence[Tile], *, open_row: Callable[[int], None],
    turn: Callable[[int], None] | None = None, columns: int = 6, ratio: str = "1", strip: bool = False,
) -> None:  # fmt: skip
    """Tiles in so many columns, or in one row that scrolls; `turn` is called with 1 or -1 to turn a page."""
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
    """A table with a title; `choose` is called with the name of a cell that is clicked."""
    data = {
        "title": title, "columns": list(columns), "rows": list(rows),
        "cells": [[asdict(cell) for cell in line] for line in cells],
        "colors": _colors(state.palette()) | {"hue": hue},
    }  # fmt: skip
    _matrix(data=data, **state.follow_widget(key, {"choose": choose}))


def _colors(palette: Palette) -> dict[str, str]:
    names = (*FRAMEWORKS, "positive", "negative", "review", "correct", "wrong")
    return {name: getattr(palette, name) for name in names}
