"""A scan of many slices on Read a scan: the verdict on the study, and the curve that leads through it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.experiments import Experiment
from core.prediction import Findings, SliceFinding
from core.scan_reports import most_suspicious
from core.scans.windows import WINDOWS, Window
from core.verdict import RULE
from dashboard import charts, components, page_scripts, state
from dashboard.palette import DASHES, MARKERS, TITLES, WORDS, Palette
from dashboard.readings import Reading

_KEYS = {
    "ArrowUp": ".st-key-slice_up button",
    "ArrowDown": ".st-key-slice_down button",
    "w": ".st-key-window_next button",
}
_OWN, _FILES = "as the networks see it", "the file's own"


def show_verdict(experiment: Experiment, findings: Findings) -> None:
    """What both networks say of the whole study, and by which rule."""
    if not findings.verdicts:
        st.header("No verdict on this study", anchor=False)
        st.markdown(
            "None of its slices shows brain." if not any(piece.votes for piece in findings.slices)
            else "The experiment knows no patients, so nothing says from where on a study is positive."
        )  # fmt: skip
        return
    verdicts = findings.verdicts
    said = {verdict.positive for verdict in verdicts.values()}
    if len(said) == 1:
        st.header(components.name_decision(experiment, said.pop()), anchor=False)
    else:
        st.header(f":{WORDS['review']}[{components.SIGNS['disagree']} The networks disagree]", anchor=False)
    lines = []
    for name, verdict in verdicts.items():
        near = f" :{WORDS['review']}[{components.SIGNS['review']} needs review]" if verdict.review else ""
        lines.append(
            f"{components.name_framework(name)} **{verdict.score:.2f}** "
            f"{components.name_decision(experiment, verdict.positive)} "
            f"(operating point of studies {verdict.threshold:.2f}){near}"
        )
    n_voting = next(iter(verdicts.values())).n_voting
    st.markdown("  \n".join(lines))
    st.caption(f"Of the study: {RULE}; {n_voting} of {len(findings.slices)} do. It is no probability.")


def choose_slice(experiment: Experiment, reading: Reading) -> SliceFinding:
    """The slice to look at: by slider, keys, a click on the curve, or one of those that drove the verdict.

    The most suspicious one comes first.
    """
    findings = reading.findings
    assert findings is not None
    n = len(findings.slices)
    key = f"slice_{findings.sha256[:16]}"
    chosen = int(state.remembered("slice", key, most_suspicious(findings).index))

    def go_to(index: int) -> None:
        state.remember("slice", key, max(0, min(n - 1, index)))

    def follow(selection: Mapping[str, Any]) -> None:
        if selection["points"]:
            go_to(int(selection["points"][0]["x"]) - 1)

    chart = state.follow_chart(f"curve_{key}", follow)
    figure = draw_study(findings, chosen, experiment.classes[1], state.palette())
    told = "Probability of both networks along the slices"
    st.plotly_chart(figure, config=charts.CONFIG, selection_mode="points", alt=told, **chart)
    with st.container(key="study_steps", horizontal=True, vertical_alignment="bottom", gap="small"):
        st.slider(
            f"Slice of {n}{_direction(findings)}", 1, n, help="Arrow keys up and down go one slice.",
            **state.place(f"slider_{key}", chosen + 1, lambda place: go_to(int(place) - 1)),
        )  # fmt: skip
        with st.container(key="slice_down", width="content"):
            st.button("", icon=":material/arrow_downward:", help="One slice down", on_click=go_to,
                      args=(chosen - 1,), key=f"down_{key}", disabled=chosen == 0)  # fmt: skip
        with st.container(key="slice_up", width="content"):
            st.button("", icon=":material/arrow_upward:", help="One slice up", on_click=go_to,
                      args=(chosen + 1,), key=f"up_{key}", disabled=chosen == n - 1)  # fmt: skip
    driving = _driving(findings)
    if driving:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption("Slices that drove the verdict")
            for index in driving:
                st.button(f"{index + 1}", on_click=go_to, args=(index,), key=f"driving_{key}_{index}",
                          type="primary" if index == chosen else "secondary")  # fmt: skip
    page_scripts.listen_for_keys(_KEYS, "study")
    return findings.slices[chosen]


def choose_window(reading: Reading) -> Window | None:
    """The window to look through; None for the networks' own, and where the scan is in gray."""
    if not reading.has_hounsfield_units:
        return None
    named: dict[str, Window | None] = {_OWN: None, **WINDOWS}
    if reading.technical.window is not None:
        named[_FILES] = reading.technical.window
    names = [*named, "free"]
    chosen = str(state.remembered("window", "name", _OWN))
    chosen = chosen if chosen in names else _OWN
    with st.container(key="windows", horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.segmented_control(
            "Window (key W)", names, required=True, format_func=lambda name: _title(name, named.get(name)),
            **state.place("window", chosen, lambda name: state.remember("window", "name", name)),
        )  # fmt: skip
        after = names[(names.index(chosen) + 1) % (len(names) - 1)] if chosen != "free" else _OWN
        with st.container(key="window_next", width="content"):
            st.button("Next", key="window_after", on_click=state.remember, args=("window", "name", after))
        if chosen != "free":
            return named[chosen]
        level = st.slider("Level, HU", -200, 1000, 40, 5, key="window_level", width=180)
        width = st.slider("Width, HU", 20, 3000, 120, 10, key="window_width", width=180)
    return Window(float(level), float(width))


def tell_place(reading: Reading, finding: SliceFinding) -> str:
    """Where a slice lies, how large its pixels are, and whether it votes."""
    told = []
    if finding.position_mm is not None:
        told.append(f"{finding.position_mm:.1f} mm along the axis")
    if reading.technical.spacing_mm is not None:
        rows, columns = reading.technical.spacing_mm
        told.append(f"pixels {rows:.2f} x {columns:.2f} mm")
    if reading.technical.slice_spacing_mm is not None:
        told.append(f"slices {reading.technical.slice_spacing_mm:.1f} mm apart")
    if not finding.gate.brain_visible:
        told.append("**no brain visible**: it does not vote")
    elif not finding.votes:
        told.append("**refused by the gate**: it does not vote")
    return " · ".join(told)


def draw_study(findings: Findings, chosen: int, positive: str, palette: Palette) -> go.Figure:
    """Probability over the slices, counted from 1, a line for each network.

    Slices that do not vote are hollow; the chosen one is marked by a line.
    """
    places = np.arange(1, len(findings.slices) + 1)
    votes = np.array([piece.votes for piece in findings.slices])
    data: list[dict[str, Any]] = []
    for name in findings.slices[0].models:
        values = [piece.models[name].probability for piece in findings.slices]
        color = palette.of_framework(name)
        symbols = [MARKERS[name] if vote else f"{MARKERS[name]}-open" for vote in votes]
        data.append(
            {
                "type": "scatter", "x": places, "y": values, "mode": "lines+markers", "name": TITLES[name],
                "line": {"color": color, "dash": DASHES[name], "width": 1.5},
                "marker": {"color": color, "symbol": symbols, "size": 6},
                "hovertemplate": f"{TITLES[name]} %{{y:.2f}}, slice %{{x}}<extra></extra>",
            }
        )  # fmt: skip
    line = {"type": "line", "x0": chosen + 1, "x1": chosen + 1, "y0": 0, "y1": 1, "yref": "paper",
            "line": {"color": palette.text, "width": 1}}  # fmt: skip
    axes = {
        "xaxis": {"title": f"slice{_direction(findings)}", "range": [0.5, len(places) + 0.5]},
        "yaxis": {"title": f"probability of {positive}", "range": [-0.03, 1.03]},
    }
    return charts.compose(
        data, axes, palette, height=230, margin=charts.MARGIN, shapes=[line], clickmode="event+select"
    )


def _direction(findings: Findings) -> str:
    """Which way the slices go; the pages of a picture go no known way."""
    return "" if findings.slices[0].position_mm is None else ", from the feet to the head"


def _title(name: str, window: Window | None) -> str:
    return name if window is None else f"{name} {window.width_hu:g}/{window.level_hu:g}"


def _driving(findings: Findings) -> list[int]:
    """The slices that drove the verdicts of the networks, each once, the strongest of each in turn."""
    ranked = zip(*(verdict.driving for verdict in findings.verdicts.values()), strict=False)
    return list(dict.fromkeys(index for rank in ranked for index in rank))[:5]
