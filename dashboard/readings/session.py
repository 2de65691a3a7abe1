"""What one visitor's session has read: kept for that session only, bounded, in memory, keyed by hashes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext, get_script_run_ctx

from core.experiments import Experiment
from core.reading import Reader
from dashboard.readings.packing import pack_heat, pack_preview
from dashboard.readings.reading import Reading, key_of, read_group
from dashboard.readings.session_end import end_session_later
from dashboard.readings.store import Read, ReadingStore
from dashboard.readings.threads import BackgroundReading
from dashboard.readings.uploads import Upload

_KEPT_PREVIEWS = 900  # some 12 KB each


@st.cache_resource(scope="session", show_spinner=False, on_release=end_session_later)
def watch_session() -> ScriptRunContext | None:
    """This visitor's session: to be asked on every page, so that its end is noticed."""
    return get_script_run_ctx()


def read_upload(experiment: Experiment, upload: Upload) -> Reading:
    """Read one upload that holds one scan with both networks, or say why it cannot be read.

    What this visitor's session has read before comes at once.
    """
    return _readings().read(*_ask(experiment, [upload], False))[0]


def look_in(
    experiment: Experiment, group: Sequence[Upload], *, override_gate: bool = False, begin: bool = True
) -> list[Reading] | BackgroundReading | None:
    """Read files that belong together in the background: what came of it, or the reading under way.

    Args:
        group, override_gate: see `dashboard.readings.reading.read_group`.
        begin: whether to begin it if need be; if not, there may be None.
    """
    return _readings().look_in(*_ask(experiment, group, override_gate), begin=begin)


def end_other_readings(
    experiment: Experiment, groups: Sequence[Sequence[Upload]], let_through: Collection[str]
) -> None:
    """Stop what this visitor's session reads in the background, unless it is one of these groups."""
    keys = [key_of(group) for group in groups]
    _readings().end_others([(key, experiment.digest, key in let_through) for key in keys])


def _ask(experiment: Experiment, group: Sequence[Upload], override_gate: bool) -> tuple[object, Read]:
    """What a reading is kept under, and how to do it."""
    reader = _reader(experiment.digest, experiment)
    key = (key_of(group), experiment.digest, override_gate)
    return key, lambda on_step: read_group(reader, group, override_gate=override_gate, on_step=on_step)


@st.cache_resource(scope="session", ttl="1h", show_spinner=False)
def _readings() -> ReadingStore:
    return ReadingStore()


def previews(experiment: Experiment, reading: Reading) -> list[dict[str, Any]]:
    """A preview and the heat maps of every slice, packed for the browser; see dashboard.readings.packing.

    Of a study that is still being read only the slices that have come since are packed.
    """
    kept = _session_previews()
    key = (reading.findings.sha256, experiment.digest)
    packed = kept[key] = kept.pop(key, [])
    for finding in reading.findings.slices[len(packed) :]:
        picture = pack_preview(reading.pictures[finding.index])
        packed.append({"picture": picture, "heat": pack_heat(finding)})
    while len(kept) > 1 and sum(map(len, kept.values())) > _KEPT_PREVIEWS:
        kept.pop(next(iter(kept)))
    return packed[: len(reading.findings.slices)]


@st.cache_resource(scope="session", ttl="1h", show_spinner=False)
def _session_previews() -> dict[tuple[str, str], list[dict[str, Any]]]:
    return {}


@st.cache_resource(max_entries=3, show_spinner="Opening the networks ...")
def _reader(digest: str, _experiment: Experiment) -> Reader:
    return Reader(_experiment)
