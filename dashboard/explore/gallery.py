"""The gallery of the page Explore: the filtered cases, sorted, 40 per page, with or without heat maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.cases import SORTS, sort_cases
from core.errors import StrokeError
from core.evaluation import WRONG_CELLS
from core.experiments import Experiment
from core.frameworks import TITLES
from dashboard.explore.filters import Choice
from dashboard.explore.widgets import Tile, show_gallery
from dashboard.readings import Pictures, Thumbnail, pictures
from dashboard.shared import components, figures, overlays, page_scripts, state

PAGE_SIZE = 40
SORT_WORDS = {
    "wrong": "Largest error first",
    "uncertain": "Closest to the threshold first",
    "differ": "Networks differ most first",
    "probable": "Highest probability first",
    "order": "By patient and slice number",
}
ABSENT = {"missing": "no image here", "differs": "file differs"}
_HEAT_NOTE = (
    "Probabilities and heat maps are **out of sample**: both are from the network that never trained on the "
    "slice."
)
_HEAT_NOTE_ELSEWHERE = (
    "Probabilities and heat maps are from the networks of the page *Read a scan*, which never trained on "
    "these slices."
)

_LEGEND = "patient · slice; ✓ right, ✗ wrong; ? needs review; ≠ networks disagree; # tagged"


def show_cases(experiment: Experiment, choice: Choice, root: Pictures | None) -> list[int]:
    """Show toolbar, one page of the gallery, and pager; return the rows of all filtered cases in order."""
    with st.container(key="gallery_bar", horizontal=True, vertical_alignment="bottom", gap="medium"):
        by = st.selectbox(
            "Sort", list(SORTS), format_func=SORT_WORDS.__getitem__, width=230,
            **state.persist_widget("sort", "wrong", SORTS.__contains__),
        )  # fmt: skip
        heat = st.toggle(
            "Heat maps", disabled=root is None,
            help="The heat map of each network over the slice, PyTorch left. Key: H.",
            **state.persist_widget("heat", False, lambda value: isinstance(value, bool)),
        )  # fmt: skip
    page_scripts.listen_for_keys({"h": ".st-key-heat input"}, "explore_keys")
    cases = sort_cases(choice.filter_cases(), by)
    rows = cases["row"].tolist()
    if not rows:
        with st.container(border=True):
            st.markdown("**No slice matches all filters.** Remove one above.")
        return rows
    n_pages = -(-len(rows) // PAGE_SIZE)
    if state.has_changed("gallery", (experiment.name, choice.subject.fingerprint, by, tuple(rows))):
        state.set_value("page", 1)
    number = state.read_value("page", 1, lambda value: 1 <= value <= n_pages)
    page = cases.iloc[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]

    def turn(step: int) -> None:
        state.set_value("page", min(max(1, number + step), n_pages))

    with_heat = heat and root is not None
    tiles = _list_tiles(experiment, choice, page, root, with_heat=with_heat)
    if with_heat:
        figures.show_color_scale()
        st.caption(explain_heat(choice))
    show_gallery(
        "gallery", f"Slices, page {number} of {n_pages}", tiles, open_row=open_case, turn=turn,
        columns=4 if with_heat else 6, ratio="2" if with_heat else "1",
    )  # fmt: skip
    st.caption(_LEGEND)
    if n_pages > 1:
        with st.container(
            key="pager", horizontal=True, vertical_alignment="center", horizontal_alignment="center"
        ):
            st.button("Previous", key="page_back", disabled=number == 1, on_click=turn, args=(-1,),
                      icon=":material/chevron_left:")  # fmt: skip
            st.markdown(f"Page {number} of {n_pages}")
            st.button("Next", key="page_on", disabled=number == n_pages, on_click=turn, args=(1,),
                      icon=":material/chevron_right:", icon_position="right")  # fmt: skip
    return rows


def explain_heat(choice: Choice) -> str:
    """Return which networks heat maps and probabilities are from, and what the heat maps show."""
    note = _HEAT_NOTE if choice.subject.validation is None else _HEAT_NOTE_ELSEWHERE
    return f"{note} {overlays.HEAT_WORDS}"


def name_fold(choice: Choice, case: Any) -> int | None:
    """Return the fold whose networks scored a case; None: the served networks did."""
    return None if choice.subject.validation is not None else int(case.fold)


def open_case(row: int) -> None:
    """Open this case as a dialog; for callbacks."""
    state.set_value("case", str(row))


def make_tile(
    experiment: Experiment, choice: Choice, case: pd.Series[Any], sources: Sequence[str], reason: str = "",
    *, current: bool = False,
) -> Tile:  # fmt: skip
    """Return a case as a tile with these pictures; `reason` is a key of ABSENT if there are none."""
    names = experiment.frameworks
    outcomes = {name: str(case[f"{name}_outcome"]) for name in names}
    n_wrong = sum(outcome in WRONG_CELLS for outcome in outcomes.values())
    kind = "wrong" if n_wrong == len(names) else "one-wrong" if n_wrong else "right"
    if not n_wrong and any(outcome.startswith("ind") for outcome in outcomes.values()):
        kind = "excluded"
    tags = choice.tags.get(case["sha256"], ())
    signs = [
        ("disagree", "≠", "the networks disagree", case.get("agreement", "").startswith("only")),
        ("review", "?", "needs review", any(case[f"{name}_review"] for name in names)),
        ("tag", "#", ", ".join(tags), bool(tags)),
    ]
    marks = tuple((mark, sign, meaning) for mark, sign, meaning, present in signs if present)
    positive = bool(case["label"])
    sign = components.SIGNS["positive" if positive else "negative"]
    place = f"{case['patient']} · {case['number']}" if case["patient"] else str(case["sha256"])[:8]
    scores = tuple((name, f"{_sign(outcomes[name])} {case[name]:.2f}") for name in names)
    results = ", ".join(f"{TITLES[name]} {case[name]:.2f} {_word(outcomes[name])}" for name in names)
    alt = f"Slice {place}, label {experiment.classes[int(positive)]}, {results}"
    alt += "".join(f", {meaning}" for _, _, meaning in marks)
    absent = ABSENT.get(reason, "")
    return Tile(
        int(case["row"]), tuple(sources), absent, f"{sign} {experiment.classes[int(positive)]}", positive,
        place, scores, kind, marks, alt, current,
    )  # fmt: skip


def make_tiles(
    experiment: Experiment,
    choice: Choice,
    cases: pd.DataFrame,
    root: Pictures | None,
    current: int | None = None,
) -> list[Tile]:
    """Return cases as tiles with their thumbnails; `current` is the row of the open case."""
    tiles = []
    for _, case in cases.iterrows():
        thumbnail = pictures.render_thumbnail(root, case["file"], case["sha256"])
        sources = (thumbnail.uri,) if thumbnail.uri else ()
        is_open = case["row"] == current
        tiles.append(make_tile(experiment, choice, case, sources, thumbnail.reason, current=is_open))
    return tiles


def _list_tiles(
    experiment: Experiment, choice: Choice, page: pd.DataFrame, root: Pictures | None, *, with_heat: bool
) -> list[Tile]:
    thumbnails: Mapping[int, Thumbnail] = {
        int(case.row): pictures.render_thumbnail(root, str(case.file), str(case.sha256))
        for case in page.itertuples()
    }
    _warn_of_differing(list(thumbnails.values()))
    heats: dict[int, tuple[str, ...]] = {}
    if with_heat and root is not None:
        heats = _render_heats(experiment, choice, page, root)
    tiles = []
    for _, case in page.iterrows():
        thumbnail = thumbnails[int(case["row"])]
        sources = heats.get(int(case["row"])) or ((thumbnail.uri,) if thumbnail.uri else ())
        tiles.append(make_tile(experiment, choice, case, sources, thumbnail.reason))
    return tiles


def _render_heats(
    experiment: Experiment, choice: Choice, page: pd.DataFrame, root: Pictures
) -> dict[int, tuple[str, ...]]:
    """Return the heat maps of one page's slices, with a progress bar if some must be computed."""
    cases = list(page.itertuples())
    missing = [case for case in cases if not _is_read(experiment, choice, case)]
    place = st.empty()
    move: Callable[[int, int], None] = (
        components.show_progress(place, "Computing heat maps") if missing else _ignore
    )
    heats, done = {}, 0
    for case in cases:
        is_missing = not _is_read(experiment, choice, case)
        try:
            reading = pictures.read_small(experiment, root, case.file, case.sha256, name_fold(choice, case))
        except StrokeError:
            reading = None  # shown without heat; the dialog of the case says why
        scores = {name: float(getattr(case, name)) for name in experiment.frameworks}
        heats[int(case.row)] = (
            pictures.render_heat_thumbnails(reading, scores, choice.thresholds) if reading else ()
        )
        if is_missing:
            done += 1
            move(done, len(missing))
    place.empty()
    return heats


def _is_read(experiment: Experiment, choice: Choice, case: Any) -> bool:
    return pictures.has_small(experiment, case.sha256, name_fold(choice, case))


def _warn_of_differing(thumbnails: Sequence[Thumbnail]) -> None:
    differing = sum(thumbnail.reason == "differs" for thumbnail in thumbnails)
    if differing:
        st.warning(
            f"The data set on this machine is not that of this experiment: {differing} of these "
            f"{len(thumbnails)} files differ from the recorded ones and are not shown. Choose the "
            "folder of the recorded set under Images.",
            icon=components.SIGNS["warning"],
        )


def _ignore(done: int, total: int) -> None:
    """Show no progress bar: nothing needs computing."""


def _sign(outcome: str) -> str:
    if outcome.startswith("ind"):
        return "?"
    return components.SIGNS["wrong" if outcome in WRONG_CELLS else "correct"]


def _word(outcome: str) -> str:
    return {"✓": "right", "✗": "wrong", "?": "needs review"}[_sign(outcome)]
