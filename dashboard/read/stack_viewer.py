"""A scan to scroll through: its slices, what each network sees in them, and the curve along them.

Drawn in the browser by dashboard/scripts/stack*.js, at once; the server hears where a visitor rests, and then
hands over that slice in full. Names from outside go in as data and are set as plain text.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from core.experiments import Experiment
from core.frameworks import FRAMEWORKS, TITLES
from core.reading import SliceFinding
from core.reports import words as scan_words
from core.scans import WINDOWS
from dashboard.readings import Reading, Reference, packing, session
from dashboard.shared import DASHES, MARKERS, SIGNS, overlays, state

_SCRIPTS = Path(__file__).parents[1] / "scripts"
_DASHES = {"solid": "", "dash": "6 4"}
_COLORS = (*FRAMEWORKS, "positive", "negative", "review", "grid")
# Previews go to the browser in parts: while a study is read, only the new ones travel.
_PART = 50


def _read(name: str) -> str:
    return (_SCRIPTS / name).read_text(encoding="utf-8")


_JS = "\n".join(map(_read, ("stack_draw.js", "stack_curve.js", "stack_parts.js", "stack.js")))
_stack = st.components.v2.component(
    "stroke_ct_stack", html=_read("stack.html"), css=_read("stack.css"), js=_JS
)
_previews = st.components.v2.component("stroke_ct_previews", html="<span hidden></span>", js=_JS)


def hand_over_previews(experiment: Experiment, reading: Reading) -> None:
    """Give the browser a preview of every slice of a study. Not to be called anew for every slice shown."""
    previews = session.previews(experiment, reading)
    meanings = packing.preview_values(hounsfield=reading.has_hounsfield_units)
    with st.container(key="page_keys_previews"):
        for start in range(0, len(previews), _PART):
            part = {
                "study": _name_study(experiment, reading), "start": start, "meanings": meanings,
                "previews": previews[start : start + _PART],
            }  # fmt: skip
            _previews(data=part, key=f"previews_{start}")


def show_stack(
    experiment: Experiment,
    reading: Reading,
    chosen: SliceFinding,
    *,
    rest: Callable[[int], None],
    reference: Reference | None = None,
) -> None:
    """Show a scan at a slice.

    Args:
        chosen: the slice to begin with; where a visitor has scrolled elsewhere, that counts.
        rest: called with the index of a slice on which the visitor rests.
        reference: a slice to compare with.
    """
    data = describe_stack(experiment, reading, chosen, reference)
    with st.container(key="scan_stack"):
        _stack(data=data, **state.follow_widget("stack", {"rest": rest}))


def describe_stack(
    experiment: Experiment, reading: Reading, chosen: SliceFinding, reference: Reference | None = None
) -> dict[str, Any]:
    """What the browser needs to show a scan at a slice, as JSON."""
    findings, palette = reading.findings, state.palette()
    assert findings is not None
    networks = chosen.models
    return {
        "scan": findings.sha256,
        "study": _name_study(experiment, reading),
        "index": chosen.index,
        "picture": packing.pack_slice(reading.pictures[chosen.index])
        | {"heat": packing.pack_heat(chosen)},
        "slices": [_describe_slice(finding, len(findings.slices)) for finding in findings.slices],
        "driving": list_key_slices(reading),
        "networks": [
            {
                "name": name, "title": TITLES[name], "shape": MARKERS[name], "dash": _DASHES[DASHES[name]],
                "threshold": model.threshold,
            }
            for name, model in networks.items()
        ],
        "classes": list(experiment.classes),
        "windows": _list_windows(experiment, reading),
        "marks": reading.technical.marks,
        "geometry": describe_geometry(reading),
        "direction": "" if chosen.position_mm is None else ", from the feet to the head",
        "magma": packing.pack_colors(overlays.MAGMA),
        "colors": {name: getattr(palette, name) for name in _COLORS},
        "reference": None if reference is None else _describe_reference(experiment, reference),
    }  # fmt: skip


def list_key_slices(reading: Reading) -> list[int]:
    """The slices that drove the verdicts of a study, each once, the strongest of each network in turn."""
    assert reading.findings is not None
    is_study = len(reading.findings.slices) > 1
    return scan_words.list_key_slices(reading.findings)[:5] if is_study else []


def describe_geometry(reading: Reading) -> str:
    """How large the pixels of the file are, and how far its slices lie apart."""
    told = []
    if reading.technical.spacing_mm is not None:
        rows, columns = reading.technical.spacing_mm
        told.append(f"Pixels of the file {rows:.2f} × {columns:.2f} mm")
    if reading.technical.slice_spacing_mm is not None:
        told.append(f"slices {reading.technical.slice_spacing_mm:.1f} mm apart")
    return " · ".join(told)


def _describe_slice(finding: SliceFinding, n_slices: int) -> dict[str, Any]:
    place = (
        ""
        if finding.position_mm is None
        else f"{finding.position_mm:.1f} mm along the axis".replace("-", "−")
    )
    doubts: list[str] = []
    if n_slices > 1:  # what speaks against a scan of one slice stands above it
        if not finding.gate.brain_visible:
            doubts.append("No brain visible: it does not vote.")
        elif not finding.is_counted:
            doubts.append("Refused by the gate: it does not vote.")
        doubts += finding.gate.reasons
    models = finding.models.values()
    return {
        "place": place,
        "scores": [round(model.probability, 4) for model in models],
        "positive": [model.positive for model in models],
        "review": [model.review for model in models],
        "votes": finding.is_counted,
        "doubts": doubts,
    }


def _list_windows(experiment: Experiment, reading: Reading) -> list[dict[str, Any]]:
    """The windows to choose from, the networks' own first; none for a scan in gray."""
    if not reading.has_hounsfield_units:
        return []
    named = {"networks' own": experiment.recipe.window, **WINDOWS}
    if reading.technical.window is not None:
        named["file's own"] = reading.technical.window
    return [
        {"name": name, "level": round(window.center_hu), "width": max(2, round(window.width_hu))}
        for name, window in named.items()
    ]


def _describe_reference(experiment: Experiment, reference: Reference) -> dict[str, str]:
    positive = bool(reference.label)
    described = {
        "address": overlays.to_address(overlays.to_gray(reference.picture)),
        "kind": "positive" if positive else "negative",
        "sign": SIGNS["positive" if positive else "negative"],
    }
    if reference.file is None:
        planted = "with a planted bright spot" if positive else "without a spot"
        told = f"Drawn by this program, {planted}: the data set is not on this machine."
        return described | {"title": "Phantom", "decision": "", "told": told}
    said = ", ".join(f"{TITLES[name]} {value:.2f}" for name, value in reference.probabilities.items())
    told = f"{reference.file} of the data set, held out: {said}."
    return described | {"title": "Typical", "decision": experiment.classes[reference.label], "told": told}


def _name_study(experiment: Experiment, reading: Reading) -> str:
    assert reading.findings is not None
    return f"{reading.findings.sha256}-{experiment.digest}"
