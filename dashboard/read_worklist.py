"""The worklist of Read a scan: what was handed in, the most suspicious first."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from core.experiments import Experiment
from core.prediction import SliceFinding, decide_anew
from core.scan_reports import highest_probability, most_suspicious
from dashboard import components, loaders, overlays, page_scripts
from dashboard.loaders import Reading
from dashboard.palette import TITLES, WORDS
from dashboard.uploads import Upload

_PATIENCE_S = 0.4
_MOST_REFUSALS = 1
_THUMBNAIL_PX = 96
_KEYS = {
    "ArrowRight": ".st-key-worklist [data-selected=true] + div input[type=radio]",
    "ArrowLeft": ".st-key-worklist div:has(+ [data-selected=true]) input[type=radio]",
}


def read_all(
    experiment: Experiment, uploads: Sequence[Upload], thresholds: dict[str, float]
) -> tuple[list[Reading], list[Reading]]:
    """Read every upload, decided at these operating points.

    Returns:
        What was read, the highest probability of any slice and network first, and what was refused.
    """
    place, started = st.empty(), time.monotonic()
    readings = []
    for number, upload in enumerate(uploads, start=1):
        # What was read before comes at once; a bar that flashes by would only make the page jump.
        if time.monotonic() - started > _PATIENCE_S:
            place.progress((number - 1) / len(uploads), f"Reading {number} of {len(uploads)}")
        readings.append(loaders.read_upload(experiment, upload))
    place.empty()
    read = [reading for reading in readings if reading.findings is not None]
    decided = decide_anew([reading.findings for reading in read], experiment, thresholds)
    read = [replace(reading, findings=findings) for reading, findings in zip(read, decided, strict=True)]
    read.sort(key=lambda reading: highest_probability(most_suspicious(reading.findings)), reverse=True)
    return read, [reading for reading in readings if reading.refusal is not None]


def choose(read: Sequence[Reading]) -> Reading:
    """Choose a scan; arrow keys move. The chosen scan stays when others come."""
    if len(read) == 1:
        return read[0]
    listed = {components.plain(reading.name): reading for reading in read}
    chosen = st.radio(
        f"Worklist: {len(read)} scans, highest probability first",
        list(listed),
        captions=[_caption(reading) for reading in read],
        key="worklist",
    )
    page_scripts.listen_for_keys(_KEYS, "worklist")
    return listed[chosen]


def show_refusals(refused: Sequence[Reading]) -> None:
    """What was not read and why; several stand folded, so that they push nothing away."""
    if len(refused) <= _MOST_REFUSALS:
        for reading in refused:
            components.show_error(reading.refusal, subject=reading.name)
        return
    with st.expander(f"{len(refused)} files were not read", icon=components.SIGNS["warning"]):
        for reading in refused:
            components.show_error(reading.refusal, subject=reading.name)


def _caption(reading: Reading) -> str:
    """Thumbnail, both probabilities, and the signs of doubt of a scan's most suspicious slice."""
    worst = most_suspicious(reading.findings)
    address = overlays.to_address(overlays.to_thumbnail(reading.pictures[worst.index], _THUMBNAIL_PX))
    said = " · ".join(f":{WORDS[n]}[{TITLES[n]} {m.probability:.2f}]" for n, m in worst.models.items())
    return f"![]({address}){said}  \n{' '.join(_signs(worst, len(reading.findings.slices)))}"


def _signs(worst: SliceFinding, n_slices: int) -> list[str]:
    signs = []
    if worst.agree:
        positive = next(iter(worst.models.values())).positive
        kind = "positive" if positive else "negative"
        word = components.plain(next(iter(worst.models.values())).decision)
        signs.append(f":{WORDS[kind]}[{components.SIGNS[kind]} {word}]")
    else:
        signs.append(f":{WORDS['review']}[{components.SIGNS['disagree']} disagree]")
    if any(model.review for model in worst.models.values()):
        signs.append(f":{WORDS['review']}[{components.SIGNS['review']} review]")
    if n_slices > 1:
        signs.append(f"{n_slices} slices")
    return signs
