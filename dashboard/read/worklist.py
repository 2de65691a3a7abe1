"""The worklist of Read a scan: what was handed in, the most suspicious first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from core.errors import ScanError
from core.experiments import Experiment
from core.frameworks import TITLES
from core.reading import SliceFinding, apply_operating_points, join_names
from core.reports import find_most_suspicious, highest_probability
from dashboard.read import progress
from dashboard.read.progress import Unfinished
from dashboard.readings import (
    BackgroundReading,
    Reading,
    Upload,
    group_uploads,
    key_of,
    session,
    tell_names_apart,
)
from dashboard.shared import WORDS, components, overlays, page_scripts, state

_MOST_REFUSALS = 1
_THUMBNAIL_PX = 96
_KEYS = {
    "ArrowRight": ".st-key-worklist [data-selected=true] + div input[type=radio]",
    "ArrowLeft": ".st-key-worklist div:has(+ [data-selected=true]) input[type=radio]",
}


def read_all(
    experiment: Experiment, uploads: Sequence[Upload], thresholds: dict[str, float]
) -> tuple[list[Reading], list[Reading], Unfinished | None]:
    """Read every upload, decided at these operating points, one group of files after the other.

    Returns:
        What was read, the highest probability of any slice and network first; what was refused; and a study
        of many slices that is still being read, before the groups that come after it.
    """
    groups, allowed = group_uploads(uploads), state.overridden_keys()
    keys = [key_of(group) for group in groups]
    session.end_other_readings(experiment, groups, allowed)
    readings: list[Reading] = []
    unfinished = None
    waiting = progress.Waiting()
    for number, (group, key) in enumerate(zip(groups, keys, strict=True)):
        begin = not state.recall("stopped", key, False)
        look_in = partial(session.look_in, experiment, group, override_gate=key in allowed, begin=begin)
        place = f"{number + 1} of {len(groups)}" if len(groups) > 1 else ""
        found = waiting.wait_for(look_in, place, keys[number:])
        if found is None:
            readings.append(_tell_stopped(group, key))
        elif isinstance(found, BackgroundReading):
            unfinished = Unfinished(found, place, keys[number:])
            break
        else:
            readings += found
    waiting.end()
    readings = _tell_apart(readings)
    read = [reading for reading in readings if reading.findings is not None]
    decided = apply_operating_points([reading.findings for reading in read], experiment, thresholds)
    read = [replace(reading, findings=findings) for reading, findings in zip(read, decided, strict=True)]
    read.sort(key=lambda reading: highest_probability(find_most_suspicious(reading.findings)), reverse=True)
    return read, [reading for reading in readings if reading.refusal is not None], unfinished


def _tell_stopped(group: Sequence[Upload], key: str) -> Reading:
    refusal = ScanError(
        "Its reading was stopped", remedy="there is no verdict on a part of a study", code="stopped"
    )
    return Reading(group[0].name, group[0].synthetic, refusal=refusal, key=key)


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
    alike = _join_alike(refused)
    if len(refused) <= _MOST_REFUSALS:
        for place, reading in enumerate(alike):
            _show_refusal(place, reading)
        return
    with st.expander(f"{len(refused)} files were not read", icon=components.SIGNS["warning"]):
        for place, reading in enumerate(alike):
            _show_refusal(place, reading)


def _join_alike(refused: Sequence[Reading]) -> list[Reading]:
    """One for all that were refused for one reason, unless each has a button of its own."""
    alike: dict[tuple[str, ...], list[Reading]] = {}
    for reading in refused:
        own = (reading.key, reading.name) if reading.refusal.code in ("not_head_ct", "stopped") else ()
        alike.setdefault((str(reading.refusal), *own), []).append(reading)
    return [replace(group[0], name=join_names([one.name for one in group])) for group in alike.values()]


def _show_refusal(place: int, reading: Reading) -> None:
    """Why; and what does not look like a head CT can be read all the same, knowingly."""
    components.show_error(reading.refusal, subject=reading.name)
    if reading.refusal.code == "not_head_ct":
        st.button(
            "Read it all the same", on_click=state.override_gate, args=(reading.key,),
            key=f"let_through_{reading.key[:16]}_{place}",
            help="The networks were made for head CT. What they say of anything else means little.",
        )  # fmt: skip
    elif reading.refusal.code == "stopped":
        st.button(
            "Read it after all", on_click=state.remember, args=("stopped", reading.key, False),
            key=f"read_after_all_{reading.key[:16]}",
        )  # fmt: skip


def _tell_apart(readings: Sequence[Reading]) -> list[Reading]:
    """Return the same readings, each under a name of its own."""
    apart = []
    for reading, name in zip(readings, tell_names_apart([one.name for one in readings]), strict=True):
        named = None if reading.findings is None else replace(reading.findings, source=name)
        apart.append(replace(reading, name=name, findings=named))
    return apart


def _caption(reading: Reading) -> str:
    """Thumbnail, both probabilities, and the signs of doubt of a scan's most suspicious slice."""
    worst = find_most_suspicious(reading.findings)
    address = overlays.to_address(overlays.to_thumbnail(reading.picture(worst.index), _THUMBNAIL_PX))
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
    if worst.gate.outcome != "read":
        signs.append(f":{WORDS['review']}[{components.SIGNS['warning']} doubtful]")
    if n_slices > 1:
        signs.append(f"{n_slices} slices")
    return signs
