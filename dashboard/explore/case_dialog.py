"""The dialog of one case: slice, heat maps, results, the patient's series, similar slices, tags."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from core.cases import Case
from core.errors import StrokeError
from core.evaluation import CELLS, SET_ASIDE, WRONG_CELLS
from core.experiments import Experiment
from core.frameworks import TITLES
from core.measurements import find_copies, find_neighbours
from dashboard.explore import explore_charts, feature_map, tags
from dashboard.explore.filters import Choice
from dashboard.explore.gallery import ABSENT, explain_heat, make_tiles, name_fold, open_case
from dashboard.explore.other_findings import show_other_findings
from dashboard.explore.widgets import Tile, show_gallery
from dashboard.readings import CaseReading, Pictures, pictures as explore_pictures
from dashboard.shared import CONFIG, WORDS, components, figures, loaders, overlays, state

_OUTCOMES = {
    **{cell: f"{'wrong' if cell in WRONG_CELLS else 'right'}: {word}" for cell, word in CELLS.items()},
    **dict.fromkeys(SET_ASIDE, "excluded"),
}


def open_linked_case(experiment: Experiment, choice: Choice, root: Pictures | None, rows: list[int]) -> None:
    """Open the case in the link as a dialog; arrow keys move through `rows`."""
    linked = state.read_value("case", "", lambda value: isinstance(value, str))
    if not linked:
        return
    known = choice.cases["row"]
    if not (linked.isdecimal() and (known == int(linked[:9])).any()):
        state.set_value("case", "")
        st.warning(
            f"The link names a slice that is not in this list: {components.plain(linked[:40])}. The list has "
            f"{len(known):,} slices, numbered {known.min()} to {known.max()}. Choose one in the gallery.",
            icon=components.SIGNS["warning"],
        )
        return
    _show_dialog(experiment, choice, root, rows)


def _close() -> None:
    state.set_value("case", "")


@st.dialog("Slice", width="large", on_dismiss=_close)
def _show_dialog(experiment: Experiment, choice: Choice, root: Pictures | None, rows: list[int]) -> None:
    with state.gather_part("case"):
        row = int(state.read_value("case", "", str.isdecimal))
        case = choice.cases[choice.cases["row"] == row].iloc[0]
        try:
            _show_case(experiment, choice, case, root, rows)
        except StrokeError as error:
            components.show_error(error)


def _show_case(
    experiment: Experiment, choice: Choice, case: pd.Series[Any], root: Pictures | None, rows: list[int]
) -> None:
    _show_head(experiment, case, rows)
    _show_pictures(experiment, choice, case, root)
    show_other_findings(experiment, case, root)
    with st.container(key="pair_case"):
        left, right = st.columns([1.1, 1], gap="large")
    with left:
        _show_scales(experiment, choice, case)
        _show_labels(experiment, choice, case)
    with right:
        tags.show_tags(experiment, Case(case["sha256"], choice.subject.fingerprint))
    _show_series(experiment, choice, case, root)
    if choice.subject.validation is None:
        _show_similar(experiment, case, root)


def _show_head(experiment: Experiment, case: pd.Series[Any], rows: list[int]) -> None:
    place = rows.index(int(case["row"])) if int(case["row"]) in rows else None
    previous = str(rows[place - 1]) if place else ""
    following = str(rows[place + 1]) if place is not None and place + 1 < len(rows) else ""
    with st.container(
        key="case_head", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.button("Previous", key="case_back", shortcut="Left", disabled=not previous,
                  on_click=state.set_value, args=("case", previous))  # fmt: skip
        title = (
            f"Patient {components.plain(case['patient'])}, slice {case['number']}"
            if case["patient"]
            else "Slice"
        )
        count = f" :gray[{place + 1} of {len(rows)}]" if place is not None else ""
        st.markdown(f"**{title}** · {components.name_decision(experiment, bool(case['label']))}{count}")
        st.button("Next", key="case_on", shortcut="Right", disabled=not following, on_click=state.set_value,
                  args=("case", following))  # fmt: skip


def _show_pictures(
    experiment: Experiment, choice: Choice, case: pd.Series[Any], root: Pictures | None
) -> None:
    reading = reason = None
    if root is not None:
        file, sha256 = case["file"], case["sha256"]
        reason = explore_pictures.explain_absence(root, file, sha256)
        try:
            if not reason:
                reading = explore_pictures.read_case(experiment, root, file, sha256, name_fold(choice, case))
        except StrokeError as error:
            components.show_error(error)
    pictures = st.container(key="scan_case")
    opacity = _choose_opacity() if reading else 0.0
    with pictures:
        # Bottom: a longer line above one picture does not move it out of the row.
        columns = st.columns(1 + len(experiment.frameworks), gap="small", vertical_alignment="bottom")
    with columns[0]:
        label = components.name_decision(experiment, bool(case["label"]))
        st.markdown(f"**Slice** :gray[label:]  \n{label}")
        if reading:
            st.image(overlays.to_gray(reading.picture), width="stretch", output_format="PNG",
                     alt="The slice")  # fmt: skip
        else:
            st.image(overlays.render_empty_frame(), width="stretch", alt="")
            st.caption(f"{ABSENT[reason or 'missing'].capitalize()}. SHA-256 {case['sha256'][:16]}…")
    for column, name in zip(columns[1:], experiment.frameworks, strict=True):
        with column:
            _show_verdict(choice, case, name, reading, opacity)
    if reading:
        st.caption(explain_heat(choice))


def _choose_opacity() -> float:
    with st.container(key="case_heat", horizontal=True, vertical_alignment="bottom", gap="large"):
        opacity = st.slider(
            "Heat map opacity", 0.0, 1.0, 0.5, 0.05, key="opacity", persist_state="session", width=260
        )
        with st.container(width=300):
            figures.show_color_scale()
    return float(opacity)


def _show_verdict(
    choice: Choice, case: pd.Series[Any], name: str, reading: CaseReading | None, opacity: float
) -> None:
    outcome, probability = str(case[f"{name}_outcome"]), float(case[name])
    sign = components.SIGNS["wrong"] if outcome in WRONG_CELLS else components.SIGNS["correct"]
    color = WORDS["positive"] if outcome in WRONG_CELLS else "green"
    text = _OUTCOMES[outcome]
    word = f":gray[{text}]" if outcome.startswith("ind") else f":{color}[{sign} {text}]"
    review = ""
    if case[f"{name}_review"]:
        review = f" :{WORDS['review']}[{components.SIGNS['review']} needs review]"
    st.markdown(f"{components.name_framework(name)} &ensp;**{probability:.2f}**  \n{word}{review}")
    if reading is not None:
        heat = overlays.scale_heat(reading.heats[name], probability, choice.thresholds[name])
        st.image(overlays.overlay_heat(reading.picture, heat, opacity), width="stretch", output_format="PNG",
                 alt=f"Heat map of the {TITLES[name]} network over the slice")  # fmt: skip
    else:
        st.image(overlays.render_empty_frame(), width="stretch", alt="")


def _show_scales(experiment: Experiment, choice: Choice, case: pd.Series[Any]) -> None:
    rows = [
        overlays.ScaleRow(name, float(case[name]), choice.thresholds[name], choice.bands[name])
        for name in experiment.frameworks
    ]
    text = "; ".join(row.describe() for row in rows)
    st.image(overlays.render_scales(rows, state.palette()), width="stretch", alt=text)


def _show_labels(experiment: Experiment, choice: Choice, case: pd.Series[Any]) -> None:
    if choice.subject.validation is not None:
        _show_facts(case)
        return
    kind = experiment.card["protocol"]["labels"]
    words = {
        "folder": "Folder label (of the patient)",
        "slice": "Slice label (from gaps in the file numbering)",
    }
    rows = []
    for source in ("folder", "slice"):
        value = case[f"{source}_label"]
        label = ":gray[unknown]" if pd.isna(value) else ("positive" if int(value) else "negative")
        used = " :gray[used here]" if source == kind else ""
        rows.append({"": words[source], "says": f"{label}{used}"})
    rows.append({"": "Test fold", "says": str(int(case["fold"]) + 1)})
    rows.append({"": "File", "says": components.plain(case["file"])})
    rows.append({"": "SHA-256", "says": f"`{case['sha256'][:16]}…`"})
    st.table(
        rows, hide_index=True, hide_header=True, border="horizontal", alt="Labels, fold and file of the slice"
    )


def _show_facts(case: pd.Series[Any]) -> None:
    """Show what a validation recorded of a slice."""
    reasons = case["reasons"].replace(" | ", " ") or "none"
    rows = {
        "Label": "positive" if case["label"] else "negative",
        "Source": case["source"] or "unknown",
        "Vendor": case["vendor"] or "unknown",
        "Input check": components.GATE_WORDS[case["gate"]],
        "Reasons": reasons,
        "SHA-256": f"{case['sha256'][:16]}…",
    }
    table = [{"": name, "says": components.plain(value)} for name, value in rows.items()]
    st.table(table, hide_index=True, hide_header=True, border="horizontal", alt="Facts about the slice")


def _show_series(experiment: Experiment, choice: Choice, case: pd.Series[Any], root: Pictures | None) -> None:
    if not case["patient"]:
        return
    series = choice.cases[choice.cases["patient"] == case["patient"]].sort_values(["number", "row"])
    row = int(case["row"])
    n_all = choice.subject.list_patient(case["patient"])
    st.subheader(f"Patient {components.plain(case['patient'])}", anchor=False)
    figure = explore_charts.plot_series(
        series, experiment.frameworks, choice.thresholds, row, state.palette()
    )
    alt = f"Probabilities of the networks along {len(series)} slices of the patient"
    st.plotly_chart(figure, key="series", config=CONFIG, alt=alt)
    part = f"{len(series)} of the patient's {n_all} slices are test slices. " if len(series) < n_all else ""
    st.caption(f"{part}Tinted: slices with the positive label. Dotted: thresholds.")
    tiles = make_tiles(experiment, choice, series, root, current=row)
    show_gallery("filmstrip", "Slices of this patient", tiles, open_row=open_case, strip=True)


def _show_similar(experiment: Experiment, case: pd.Series[Any], root: Pictures | None) -> None:
    if not feature_map.has_map(experiment):
        st.caption("Similar training slices are shown here once the map is computed (view Similarity map).")
        return
    features, row = loaders.features(experiment), int(case["row"])
    twins = find_copies(features, row)
    if twins:
        st.subheader(":material/content_copy: Near-copies in the data set", anchor=False)
        tiles = [_make_tile(experiment, other, "near-copy", root) for other in twins]
        show_gallery("twins", "Near-copies", tiles, open_row=_open_if_case(experiment), strip=True)
    similar = find_neighbours(features, row)
    if similar:
        st.subheader("Most similar training slices", anchor=False)
        tiles = [
            _make_tile(experiment, one.row, f"{one.similarity:.2f}", root, copied=one.row in twins)
            for one in similar
        ]
        show_gallery(
            "similar", "Most similar training slices", tiles, open_row=_open_if_case(experiment), strip=True
        )
        st.caption(
            "How similar each slice is to the open one, for the networks (1 is the highest). Only slices on "
            "which the networks that scored the open slice were trained are shown."
        )


def _make_tile(
    experiment: Experiment, row: int, word: str, root: Pictures | None, *, copied: bool = False
) -> Tile:
    """Return a tile of any slice of the data set, held out or not, with its label and `word`."""
    one = loaders.slices(experiment).iloc[row]
    thumbnail = explore_pictures.render_thumbnail(root, one["file"], one["sha256"])
    positive = bool(one["label"])
    name = f"{one['patient']} · {one['number']}" if one["patient"] else one["sha256"][:8]
    title = experiment.classes[int(positive)]
    sign = components.SIGNS["positive" if positive else "negative"]
    marks = (("copy", "=", "near-copy"),) if copied else ()
    absent = ABSENT.get(thumbnail.reason, "")
    sources = (thumbnail.uri,) if thumbnail.uri else ()
    alt = f"Slice {name}, label {title}, {word}"
    return Tile(row, sources, absent, f"{sign} {title}", positive, name, (("", word),), "", marks, alt)


def _open_if_case(experiment: Experiment) -> Any:
    known = set(loaders.cases(experiment)["row"])

    def go(row: int) -> None:
        if row in known:
            open_case(row)

    return go
