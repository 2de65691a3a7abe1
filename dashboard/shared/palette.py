"""The colors and marks of every page and plot: one color per meaning, and a second cue besides color."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from core.manifests import FINDINGS

Theme = Literal["light", "dark"]


@dataclass(frozen=True)
class Palette:
    """The colors of one theme, as "#rrggbb"."""

    pytorch: str
    keras: str
    positive: str
    negative: str
    review: str
    correct: str
    wrong: str
    chance: str
    text: str
    grid: str
    surface: str

    def of_framework(self, framework: str) -> str:
        """Return the color of "pytorch" or "keras"."""
        return {"pytorch": self.pytorch, "keras": self.keras}[framework]


LIGHT = Palette(
    pytorch="#BD4B34",
    keras="#28628F",
    positive="#9B2C7E",
    negative="#5B6673",
    review="#8A6A00",
    correct="#2F7D5B",
    wrong="#9B2C7E",
    chance="#7C8793",
    text="#1B232C",
    grid="#E3E8ED",
    surface="#FFFFFF",
)
DARK = Palette(
    pytorch="#F08A6B",
    keras="#6FB1E0",
    positive="#E07CC8",
    negative="#A7B3C0",
    review="#E3B94A",
    correct="#67C59B",
    wrong="#E07CC8",
    chance="#8893A0",
    text="#E6EBF0",
    grid="#2A333C",
    surface="#11161B",
)


def palette_for(theme: Theme) -> Palette:
    """Return the palette of the "light" or "dark" theme."""
    return DARK if theme == "dark" else LIGHT


# The second cue: line style and marker distinguish the two frameworks without color.
DASHES = {"pytorch": "solid", "keras": "dash"}
MARKERS = {"pytorch": "circle", "keras": "square"}
# Names of these colors in the theme (dashboard/.streamlit/config.toml), for colored words in Markdown.
WORDS = {"pytorch": "orange", "keras": "blue", "positive": "violet", "negative": "gray", "review": "yellow"}


class OutcomeSign(NamedTuple):
    """The name of an outcome's color in the palette, and its icon: the second cue, as its shape differs."""

    color: str
    icon: str


# The outcomes of a reading, and "incomplete", which is added to any of them.
OUTCOME_SIGNS = {
    "flagged": OutcomeSign("positive", "flag"),
    "not_flagged": OutcomeSign("negative", "circle"),
    "uncertain": OutcomeSign("review", "help"),
    "not_judged": OutcomeSign("text", "block"),
    "incomplete": OutcomeSign("review", "incomplete_circle"),
}


# The findings: drop of blood, and no blood.
_FINDING_SIGNS = dict(zip(FINDINGS, (("red", "water_drop"), ("primary", "format_color_reset")), strict=True))


def name_finding(finding: str) -> str:
    """Return a finding as Markdown, with its color and sign; one that has none in words alone."""
    words = finding.capitalize()
    if finding not in _FINDING_SIGNS:
        return words
    color, icon = _FINDING_SIGNS[finding]
    return f":{color}[:material/{icon}:] {words}"


def write_percent(share: float) -> str:
    """Return a share in [0, 1] as whole percent: "91 %"."""
    return f"{100 * share:.0f} %"


def format_duration(seconds: float) -> str:
    """Return a duration as "40 s", "12 min" or "3.0 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
