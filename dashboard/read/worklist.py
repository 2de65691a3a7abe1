"""The worklist of Read a scan: the uploaded scans, the most suspicious first, and the refused files."""

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
    hash_group,
    number_duplicates,
    session,
)
from dashboard.shared import WORDS, components, overlays, page_scripts, state

_MAX_OPEN_REFUSALS = 1
_THUMBNAIL_PX = 96
_KEYS = {
    "ArrowRight": ".st-key-worklist [data-selected=true] + div input[type=radio]",
    "ArrowLeft": ".st-key-worklist div:has(+ [data-selected=true]) input[type=radio]",
}


def read_all(
    experiment: Experiment, uploads: Sequence[Upload], thresholds: dict[str, float]
) -> tuple[list[Reading], list[Reading], Unfinished | None]:
    """Read all uploads, one group of files after the other, and decide at these thresholds.

    Returns:
        The readings, sorted by the highest probability of any slice and network, highest first; the refused
        ones; and the long study that is still being read, if any. Groups after it are not read yet.
    """
    groups, overridden = group_uploads(uploads), state.overridden_keys()
    keys = [hash_group(group) for group in groups]
    session.stop_other_readings(experiment, groups, overridden)
    readings: list[Reading] = []
    unfinished = None
    waiting = progress.Waiting()
    for number, (group, key) in enumerate(zip(groups, keys, strict=True)):
        begin = not state.recall("stopped", key, False)
        poll = partial(session.poll_reading, experiment, group, override_gate=key in overridden, begin=begin)
        place = f"{number + 1} of {len(groups)}" if len(groups) > 1 else ""
        found = waiting.wait_for(poll, place, keys[number:])
        if found is None:
            readings.append(_make_stopped(group, key))
        elif isinstance(found, BackgroundReading):
            unfinished = Unfinished(found, place, keys[number:])
            break
        else:
            readings += found
    waiting.end()
    readings = _rename_duplicates(readings)
    read = [reading for reading in readings if reading.findings is not None]
    decided = apply_operating_points([reading.findings for reading in read], experiment, thresholds)
    read = [replace(reading, findings=findings) for reading, findings in zip(read, decided, strict=True)]
    read.sort(key=lambda reading: highest_probability(find_most_suspicious(reading.findings)), reverse=True)
    return read, [reading for reading in readings if reading.refusal is not None], unfinished


def _make_stopped(group: Sequence[Upload], key: str) -> Reading:
    refusal = ScanError(
        "The reading was stopped",
        remedy="a study gets a result only when every slice has been read",
        code="stopped",
    )
    return Reading(group[0].name, group[0].synthetic, refusal=refusal, key=key)


def choose_scan(read: Sequence[Reading]) -> Reading:
    """Let the visitor choose a scan, also by arrow keys. The choice stays when others are uploaded."""
    if len(read) == 1:
        return read[0]
    listed = {components.plain(reading.name): reading for reading in read}
    chosen = st.radio(
        f"Worklist: {len(read)} scans, most suspicious first",
        list(listed),
        captions=[_caption(reading) for reading in read],
        key="worklist",
    )
    page_scripts.listen_for_keys(_KEYS, "worklist")
    return listed[chosen]


def show_refusals(refused: Sequence[Reading]) -> None:
    """Show what was not read and why; several refusals are collapsed to save space."""
    joined = _join_equal(refused)
    if len(refused) <= _MAX_OPEN_REFUSALS:
        for place, reading in enumerate(joined):
            _show_refusal(place, reading)
        return
    with st.expander(f"{len(refused)} files were not read", icon=components.SIGNS["warning"]):
        for place, reading in enumerate(joined):
            _show_refusal(place, reading)


def _join_equal(refused: Sequence[Reading]) -> list[Reading]:
    """Return one reading for all refused for the same reason, except those that need their own button."""
    equal: dict[tuple[str, ...], list[Reading]] = {}
    for reading in refused:
        own = (reading.key, reading.name) if reading.refusal.code in ("not_head_ct", "stopped") else ()
        equal.setdefault((str(reading.refusal), *own), []).append(reading)
    return [replace(group[0], name=join_names([one.name for one in group])) for group in equal.values()]


def _show_refusal(place: int, reading: Reading) -> None:
    """Show the reason, and a button to read anyway (not head CT) or to read again (stopped)."""
    components.show_error(reading.refusal, subject=reading.name)
    if reading.refusal.code == "not_head_ct":
        st.button(
            "Read anyway", on_click=state.override_gate, args=(reading.key,),
            key=f"read_anyway_{reading.key[:16]}_{place}",
            help="This may not be head CT. The networks were trained on nothing else: do not rely on these "
            "results.",
        )  # fmt: skip
    elif reading.refusal.code == "stopped":
        st.button(
            "Read again", on_click=state.remember, args=("stopped", reading.key, False),
            key=f"read_again_{reading.key[:16]}",
        )  # fmt: skip


def _rename_duplicates(readings: Sequence[Reading]) -> list[Reading]:
    """Return the same readings with unique names."""
    renamed = []
    for reading, name in zip(readings, number_duplicates([one.name for one in readings]), strict=True):
        findings = None if reading.findings is None else replace(reading.findings, source=name)
        renamed.append(replace(reading, name=name, findings=findings))
    return renamed


def _caption(reading: Reading) -> str:
    """Return thumbnail, probabilities and signs of a scan's most suspicious slice, as Markdown."""
    worst = find_most_suspicious(reading.findings)
    address = overlays.to_address(overlays.to_thumbnail(reading.picture(worst.index), _THUMBNAIL_PX))
    # Each network has its own threshold: without the signs, two equal probabilities would seem to agree.
    signs = {
        name: "" if worst.agree else f" {components.SIGNS['positive' if model.positive else 'negative']}"
        for name, model in worst.models.items()
    }
    scores = " · ".join(
        f":{WORDS[n]}[{TITLES[n]} {m.probability:.2f}{signs[n]}]" for n, m in worst.models.items()
    )
    return f"![]({address}){scores}  \n{' · '.join(_signs(worst, len(reading.findings.slices)))}"


def _signs(worst: SliceFinding, n_slices: int) -> list[str]:
    signs = []
    if worst.agree:
        positive = next(iter(worst.models.values())).positive
        kind = "positive" if positive else "negative"
        word = components.plain(next(iter(worst.models.values())).decision)
        signs.append(f":{WORDS[kind]}[{components.SIGNS[kind]} {word}]")
    else:
        signs.append(f":{WORDS['review']}[{components.SIGNS['disagree']} networks disagree]")
    if any(model.review for model in worst.models.values()):
        signs.append(f":{WORDS['review']}[{components.SIGNS['review']} needs review]")
    if worst.gate.outcome != "read":
        signs.append(f":{WORDS['review']}[{components.SIGNS['warning']} check input]")
    if n_slices > 1:
        signs.append(f"{n_slices} slices")
    return signs
