"""The readings and previews of one visitor's session, in bounded memory, under keys that are hashes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext, get_script_run_ctx

from core.datasets import Dataset, read_slice
from core.experiments import Experiment
from core.reading import HeldOutReader, Reader
from dashboard.readings.packing import pack_heat, pack_preview
from dashboard.readings.reading import OnStep, Reading, hash_group, read_group, read_whole
from dashboard.readings.session_end import end_session_later
from dashboard.readings.store import Read, ReadingStore
from dashboard.readings.threads import BackgroundReading
from dashboard.readings.uploads import Upload

_MAX_PREVIEWS = 900  # about 12 KB each


@st.cache_resource(scope="session", show_spinner=False, on_release=end_session_later)
def watch_session() -> ScriptRunContext | None:
    """Return this visitor's session; call it on every page so that the session's end is noticed."""
    return get_script_run_ctx()


def read_upload(experiment: Experiment, upload: Upload) -> Reading:
    """Read one upload that holds one scan; the reading tells the reason if it was refused.

    An upload that this session has read before is not read again.
    """
    return _readings().read(*_prepare([experiment], [upload], False))[0]


def read_slice_of(experiment: Experiment, dataset: Dataset, file: str, sha256: str) -> Reading:
    """Read one slice of an indexed data set with the gate overridden; once for a session.

    Raises:
        ScanError: the file was removed or damaged.
    """
    readers = _open_readers([experiment])

    def read(on_step: OnStep | None) -> list[Reading]:
        empty = Reading(file, window=experiment.recipe.window)
        return [read_whole(readers, read_slice(dataset, file), empty, override_gate=True)]

    return _readings().read((sha256, experiment.digest, "slice"), read)[0]


def poll_reading(
    panel: Sequence[Experiment], group: Sequence[Upload], *, override_gate: bool = False, begin: bool = True
) -> list[Reading] | BackgroundReading | None:
    """Read files that belong together in the background; return the readings, or the reading in progress.

    Args:
        panel: the experiments that read.
        group, override_gate: see `dashboard.readings.reading.read_group`.
        begin: whether to start a reading if there is none.

    Returns:
        None if there is no reading and `begin` is False.
    """
    return _readings().poll(*_prepare(panel, group, override_gate), begin=begin)


def stop_other_readings(
    panel: Sequence[Experiment], groups: Sequence[Sequence[Upload]], overridden: Collection[str]
) -> None:
    """Stop the readings of this session in the background, except those of these groups.

    Args:
        panel: the experiments that read.
        groups: files that are read together; see `dashboard.readings.reading.group_uploads`.
        overridden: keys of the groups whose gate was overridden.
    """
    keys = [hash_group(group) for group in groups]
    _readings().stop_others([(key, _name_panel(panel), key in overridden) for key in keys])


def _prepare(
    panel: Sequence[Experiment], group: Sequence[Upload], override_gate: bool
) -> tuple[object, Read]:
    """Return the key of a reading, and the function that reads."""
    readers = _open_readers(panel)
    key = (hash_group(group), _name_panel(panel), override_gate)
    return key, lambda on_step: read_group(readers, group, override_gate=override_gate, on_step=on_step)


@st.cache_resource(scope="session", ttl="1h", show_spinner=False)
def _readings() -> ReadingStore:
    return ReadingStore()


def pack_previews(experiment: Experiment, reading: Reading) -> list[dict[str, Any]]:
    """Return a preview and the heat maps of every slice, packed by dashboard.readings.packing.

    Slices that were packed before are not packed again.
    """
    stored = _session_previews()
    key = (reading.findings.sha256, experiment.digest)
    packed = stored[key] = stored.pop(key, [])
    for finding in reading.findings.slices[len(packed) :]:
        picture = pack_preview(reading.pictures[finding.index])
        packed.append({"picture": picture, "heat": pack_heat(finding)})
    while len(stored) > 1 and sum(map(len, stored.values())) > _MAX_PREVIEWS:
        stored.pop(next(iter(stored)))
    return packed[: len(reading.findings.slices)]


@st.cache_resource(scope="session", ttl="1h", show_spinner=False)
def _session_previews() -> dict[tuple[str, str], list[dict[str, Any]]]:
    return {}


def _name_panel(panel: Sequence[Experiment]) -> tuple[str, ...]:
    return tuple(experiment.digest for experiment in panel)


def _open_readers(panel: Sequence[Experiment]) -> list[Reader]:
    return [_reader(experiment.digest, experiment) for experiment in panel]


@st.cache_resource(max_entries=4, show_spinner="Opening the networks ...")
def _reader(digest: str, _experiment: Experiment) -> Reader:
    return Reader(_experiment)


def held_out_reader(experiment: Experiment) -> HeldOutReader:
    """Return the reader of the experiment's held-out slices, loaded once for all sessions."""
    return _held_out_reader(experiment.digest, experiment)


@st.cache_resource(max_entries=2, show_spinner="Opening the networks ...")
def _held_out_reader(digest: str, _experiment: Experiment) -> HeldOutReader:
    return HeldOutReader(_experiment)
