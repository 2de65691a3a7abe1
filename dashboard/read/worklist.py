"""The worklist of Read a scan: the uploaded scans, flagged ones first, and the refused files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from core.errors import ScanError
from core.experiments import Experiment
from core.frameworks import TITLES
from core.reading import Findings, PanelFindings, join_names
from core.reports import choose_report_slices, shorten_outcome, title_outcome
from dashboard.read import progress
from dashboard.read.decider import Member
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
_HELP = (
    "Flagged scans come first, then uncertain ones, then those that are incomplete or not judged, then the "
    "others. Beside a study stands its score, beside a single slice its probability; do not compare the two."
)
_KEYS = {
    "ArrowRight": ".st-key-worklist [data-selected=true] + div input[type=radio]",
    "ArrowLeft": ".st-key-worklist div:has(+ [data-selected=true]) input[type=radio]",
}


def read_all(
    panel: Sequence[Member], uploads: Sequence[Upload]
) -> tuple[list[Reading], list[Reading], Unfinished | None]:
    """Read all uploads, one group of files after the other, and decide as the members of the panel do.

    Returns:
        The readings, flagged ones first (see `rank_reading`); the refused ones; and the long study that is
        still being read, if any. Groups after it are not read yet.
    """
    groups, overridden = group_uploads(uploads), state.overridden_keys()
    keys, experiments = [hash_group(group) for group in groups], [member.experiment for member in panel]
    session.stop_other_readings(experiments, groups, overridden)
    readings: list[Reading] = []
    unfinished = None
    waiting = progress.Waiting()
    for number, (group, key) in enumerate(zip(groups, keys, strict=True)):
        begin = not state.recall("stopped", key, False)
        poll = partial(session.poll_reading, experiments, group, override_gate=key in overridden, begin=begin)
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
    decided = [member.decide([reading.parts[k] for reading in read]) for k, member in enumerate(panel)]
    read = [
        replace(reading, parts=parts) for reading, parts in zip(read, zip(*decided, strict=True), strict=True)
    ]
    read.sort(key=lambda reading: rank_parts(reading.parts))
    return read, [reading for reading in readings if reading.refusal is not None], unfinished


def rank_parts(parts: PanelFindings) -> tuple[int, int, float]:
    """Return a key that sorts flagged scans first: of equal ones, those for the panel's first finding.

    After them come uncertain ones, then those that are incomplete or not judged, then the
    others; equal ones by the highest score.
    """
    ranks = [_rank_outcome(part) for part in parts]
    return min((outcome, place, score) for place, (outcome, score) in enumerate(ranks))


def _rank_outcome(findings: Findings) -> tuple[int, float]:
    conclusion = findings.conclusion
    order = [
        conclusion.outcome == "flagged",
        conclusion.outcome == "uncertain",
        conclusion.review,
        True,
    ]
    scores = [verdict.score for verdict in findings.verdicts.values() if verdict.score is not None]
    return order.index(True), -max(scores, default=0.0)


def _make_stopped(group: Sequence[Upload], key: str) -> Reading:
    refusal = ScanError(
        "The reading was stopped",
        remedy="a study gets a result only when every slice has been read",
        code="stopped",
    )
    return Reading(group[0].name, group[0].synthetic, refusal=refusal, key=key)


def choose_scan(panel: Sequence[Experiment], read: Sequence[Reading]) -> Reading:
    """Let the visitor choose a scan, also by arrow keys. The choice stays when others are uploaded."""
    if len(read) == 1:
        return read[0]
    listed = {components.plain(reading.name): reading for reading in read}
    chosen = st.radio(
        f"Worklist: {len(read)} scans, flagged first",
        list(listed),
        captions=[_caption(panel, reading) for reading in read],
        key="worklist",
        help=_HELP,
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
            help="This may not be head CT. The networks were trained on head CT only: do not rely on these "
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
        parts = tuple(replace(part, source=name) for part in reading.parts)
        renamed.append(replace(reading, name=name, parts=parts))
    return renamed


def _caption(panel: Sequence[Experiment], reading: Reading) -> str:
    """Return thumbnail, outcomes and scores of a scan as Markdown; the scores are those beside the result."""
    findings = reading.parts[0]
    shown = choose_report_slices(findings)[0]
    address = overlays.to_address(overlays.to_thumbnail(reading.picture(shown), _THUMBNAIL_PX))
    extent = [f":gray[{len(findings.slices)} slices]"] if len(findings.slices) > 1 else []
    if findings.conclusion.incomplete:
        extent.append(components.name_outcome("incomplete", "Incomplete"))
    lines = [
        line
        for experiment, part in zip(panel, reading.parts, strict=True)
        for line in _describe_part(part, experiment.finding if len(panel) > 1 else "")
    ]
    lines += [" · ".join(extent)] if extent else []
    return f"![]({address})" + "  \n".join(lines)


def _describe_part(findings: Findings, finding: str) -> list[str]:
    """Return an outcome, with its finding if there are several, and the scores."""
    outcome = findings.conclusion.outcome
    words = title_outcome(outcome, finding) if finding else shorten_outcome(outcome)
    scores = [
        f":{WORDS[name]}[{TITLES[name]} {verdict.score:.2f}]"
        for name, verdict in findings.verdicts.items()
        if verdict.score is not None and outcome != "not_judged"
    ]
    return [components.name_outcome(outcome, words), *([" · ".join(scores)] if scores else [])]
