"""The viewer of a scan: its slices, the heat maps, and the probabilities along the slices.

dashboard/scripts/stack*.js shows it in the browser, without waiting for the server. When the visitor rests on
a slice, the server sends that slice in full. Untrusted names are passed as data and shown as plain text.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from core.datasets import HEMORRHAGE
from core.experiments import Experiment
from core.frameworks import FRAMEWORKS, TITLES
from core.imaging import measure_strength
from core.manifests import get_finding
from core.reading import OUTCOMES, SliceFinding
from core.reports import describe_turn, shorten_outcome, words as scan_words
from core.scans import WINDOWS
from dashboard.readings import Reading, Reference, packing, session
from dashboard.shared import DASHES, MARKERS, OUTCOME_SIGNS, SIGNS, overlays, state

_SCRIPTS = Path(__file__).parents[1] / "scripts"
_DASHES = {"solid": "", "dash": "6 4"}
_COLORS = (*FRAMEWORKS, "positive", "negative", "review", "grid")
# Previews are sent in parts: while a study is being read, only new ones are sent.
_PART = 50


def _read(name: str) -> str:
    return (_SCRIPTS / name).read_text(encoding="utf-8")


_JS = "\n".join(map(_read, ("stack_draw.js", "stack_curve.js", "stack_parts.js", "stack.js")))
_stack = st.components.v2.component(
    "stroke_ct_stack", html=_read("stack.html"), css=_read("stack.css"), js=_JS
)
_previews = st.components.v2.component("stroke_ct_previews", html="<span hidden></span>", js=_JS)


def send_previews(experiment: Experiment, reading: Reading) -> None:
    """Send a preview of every slice to the browser. Call it once per page run, not per slice shown."""
    previews = session.pack_previews(experiment, reading)
    meanings = packing.list_preview_values(hounsfield=reading.has_hounsfield_units)
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
    """Show the viewer of a scan.

    Args:
        chosen: the slice shown first; ignored once the visitor has scrolled.
        rest: called with the index of the slice on which the visitor rests.
        reference: a slice to compare with.
    """
    data = describe_stack(experiment, reading, chosen, reference)
    with st.container(key="scan_stack"):
        _stack(data=data, **state.follow_widget("stack", {"rest": rest}))


def describe_stack(
    experiment: Experiment, reading: Reading, chosen: SliceFinding, reference: Reference | None = None
) -> dict[str, Any]:
    """Return the data of the viewer for the browser; `chosen` is the slice that is sent in full."""
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
        "key_slices": list_key_slices(reading),
        "networks": [
            {
                "name": name, "title": TITLES[name], "shape": MARKERS[name], "dash": _DASHES[DASHES[name]],
                "threshold": model.threshold,
            }
            for name, model in networks.items()
        ],
        "finding": experiment.finding,
        "outcomes": {
            outcome: {"words": shorten_outcome(outcome), "icon": OUTCOME_SIGNS[outcome].icon}
            for outcome in OUTCOMES
        },
        "windows": _list_windows(experiment, reading),
        "marks": findings.technical.marks,
        "geometry": describe_geometry(reading),
        "direction": "" if chosen.position_mm is None else ", caudal to cranial",
        "magma": packing.pack_colors(overlays.MAGMA),
        "scale": overlays.SCALE_MARKS,
        "colors": {name: getattr(palette, name) for name in _COLORS},
        "reference": None if reference is None else _describe_reference(experiment, reference),
    }  # fmt: skip


def list_key_slices(reading: Reading) -> list[int]:
    """Return the indices of at most five key slices of a study; [] for a single slice."""
    assert reading.findings is not None
    is_study = len(reading.findings.slices) > 1
    return scan_words.list_key_slices(reading.findings)[:5] if is_study else []


def describe_geometry(reading: Reading) -> str:
    """Return the pixel size and the distance between slices, if known, and whether the sides are not."""
    assert reading.findings is not None
    parts, technical = [], reading.findings.technical
    if technical.spacing_mm is not None:
        rows, columns = technical.spacing_mm
        parts.append(f"Pixel size {rows:.2f} × {columns:.2f} mm")
    if technical.slice_spacing_mm is not None:
        parts.append(f"slice spacing {technical.slice_spacing_mm:.1f} mm")
    if technical.marks is None:
        parts.append("left and right unknown" if parts else "Left and right unknown")
    return " · ".join(parts)


def _describe_slice(finding: SliceFinding, n_slices: int) -> dict[str, Any]:
    place = [describe_turn(finding.turned)] if finding.turned else []
    if finding.position_mm is not None:
        place.append(f"scanner position {finding.position_mm:.1f} mm".replace("-", "−"))
    warnings: list[str] = []
    if n_slices > 1:  # the warnings of a single slice are shown above the viewer
        if not finding.gate.brain_visible:
            warnings.append("No brain visible: not counted.")
        elif not finding.is_counted:
            warnings.append("Rejected by the input check: not counted.")
        warnings += finding.gate.reasons
    models = finding.models.values()
    return {
        "place": ", ".join(place),
        "scores": [round(model.probability, 4) for model in models],
        "strengths": [round(measure_strength(model.probability, model.threshold), 4) for model in models],
        "decisions": [model.outcome for model in models],
        "outcome": finding.outcome,
        "counted": finding.is_counted,
        "warnings": warnings,
    }


def _list_windows(experiment: Experiment, reading: Reading) -> list[dict[str, Any]]:
    """Return the windows to choose from, the networks' own first; [] for a scan without Hounsfield units."""
    if not reading.has_hounsfield_units:
        return []
    named = {"networks' own": experiment.recipe.window, **WINDOWS}
    if reading.findings and (own := reading.findings.technical.window):
        named["file's own"] = own
    return [
        {"name": name, "center": round(window.center_hu), "width": max(2, round(window.width_hu))}
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
        lesion = get_finding(experiment.finding_key or HEMORRHAGE).classes[1].lower()
        finding = f"with a simulated {lesion}" if positive else f"without {lesion}"
        text = f"Synthetic slice {finding}: the data set is not on this machine."
        return described | {"title": "Phantom", "decision": "", "text": text}
    scores = ", ".join(f"{TITLES[name]} {value:.2f}" for name, value in reference.probabilities.items())
    text = f"{reference.file} of the data set, out of sample: {scores}."
    return described | {"title": "Typical", "decision": experiment.classes[reference.label], "text": text}


def _name_study(experiment: Experiment, reading: Reading) -> str:
    assert reading.findings is not None
    return f"{reading.findings.sha256}-{experiment.digest}"
