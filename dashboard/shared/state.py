"""What one visitor's session remembers. The only user of `st.session_state`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from dashboard.shared.palette import Palette, palette_for

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext

T = TypeVar("T")

_VALUES = "persistent_values"
_LINKED = "linked_values"  # what the link will hold once the run has ended
_WRITTEN = "written_values"  # what it holds
_SHOWN = "values_on_this_page"  # by the part of the page that shows them
_PAGE = "page"
_PART = "part_being_drawn"
_ALONE = "parts_run_alone"
_SAMPLES = "samples_shown"
_OVERRIDDEN = "scans_with_gate_overridden"
_WATCHED = "watched_job"
_SEEN = "values_last_seen"
_STARTS = "charts_started_anew"
_SAMPLE_NUMBER = "sample_number"
_REMEMBERED = "values_in_no_link"
_OUTCOMES = "outcomes_of_actions"


def palette() -> Palette:
    """The palette of the theme that this visitor sees."""
    return palette_for("dark" if st.context.theme.type == "dark" else "light")


def forget_all(session: ScriptRunContext) -> None:
    """Empty a session that has ended: Streamlit may hold on to the last one, and so to its files."""
    for key in list(session.session_state.filtered_state):
        del session.session_state[key]


@contextmanager
def gather_link() -> Iterator[None]:
    """Gather what the link of a page holds, and write it at once: one step in the browser's history."""
    st.session_state[_SHOWN] = {_PAGE: []}
    st.session_state[_PART] = _PAGE
    st.session_state[_ALONE] = False
    try:
        yield
        _write_link()
    finally:
        st.session_state[_ALONE] = True


@contextmanager
def gather_part(name: str) -> Iterator[bool]:
    """The same for a part of the page that also runs alone, a fragment; gives whether it does so now."""
    alone = bool(st.session_state[_ALONE])
    st.session_state[_SHOWN][name] = []
    st.session_state[_PART] = name
    try:
        yield alone
        if alone:
            _write_link()
    finally:
        st.session_state[_PART] = _PAGE


def _write_link() -> None:
    linked = st.session_state.get(_LINKED, {})
    shown = [key for keys in st.session_state[_SHOWN].values() for key in keys]
    link = {key: linked[key] for key in shown if linked[key] is not None}
    if link != st.query_params.to_dict():
        st.query_params.from_dict(link)
    st.session_state.setdefault(_WRITTEN, {}).update({key: linked[key] for key in shown})


def persist_widget(
    key: str, default: Any, is_valid: Callable[[Any], bool], *, replace: bool = True
) -> dict[str, Any]:
    """Prepare a widget whose value goes along from page to page and stands in the link.

    Streamlit takes a widget of another page for another widget, so the value is kept here. A value in the
    link that we did not write there ourselves is a wish of whoever followed the link, and wins.

    Args:
        key: of the widget, and of the query parameter.
        default: the value when nothing else is known; it is left out of the link. What stands there is read
            as one of its kind: text, bool, int, float, or a list of texts without commas.
        is_valid: whether a value can be shown now.
        replace: whether the default takes the place of a value that cannot be shown. If not, the widget
            holds None, and the link goes on to hold the value.

    Returns:
        The widget's arguments `key`, `on_change` and `args`.
    """
    values = st.session_state.setdefault(_VALUES, {})
    linked = st.session_state.setdefault(_LINKED, {})
    # Only what truly stands in the link counts: a run may be cut off before it writes what it would.
    written = st.session_state.setdefault(_WRITTEN, {})
    asked = st.query_params.get(key)
    if asked is not None and asked != written.get(key):
        values[key] = _parse(asked, default)
        written[key] = asked
    value = values.get(key, default)
    if replace and not is_valid(value):
        value = default
    st.session_state[key] = value if is_valid(value) else None
    text = ",".join(value) if isinstance(value, list) else str(value)
    linked[key] = None if value == default else text
    st.session_state[_SHOWN][st.session_state[_PART]].append(key)
    return {"key": key, "on_change": _store_value, "args": (key,)}


def set_value(key: str, value: Any) -> None:
    """Set a carried value that no widget holds; for the callback of a button."""
    st.session_state[key] = value
    _store_value(key)


def read_value(key: str, default: T, is_valid: Callable[[T], bool]) -> T:
    """The carried value of a `key` that no widget holds; like that of a widget it stands in the link."""
    persist_widget(key, default, is_valid)
    value: T = st.session_state[key]
    return value


def set_widget(key: str, value: Any, move: Callable[[Any], None]) -> dict[str, Any]:
    """Put a widget at a value that follows from others; `move` is called with what a visitor moves it to.

    Returns:
        The widget's arguments `key`, `on_change` and `args`.
    """
    st.session_state[key] = value
    return {"key": key, "on_change": _hand_over, "args": (key, move)}


def follow_chart(key: str, choose: Callable[[Any], None]) -> dict[str, Any]:
    """A chart's arguments `key` and `on_select`; `choose` is called with what a visitor selects in it."""
    return {"key": key, "on_select": lambda: choose(st.session_state[key]["selection"])}


def follow_widget(key: str, acts: Mapping[str, Callable[[Any], None]]) -> dict[str, Any]:
    """Arguments of a widget of our own; each of `acts` is called with the value of its event, by name."""

    def follow(event: str) -> Callable[[], None]:
        return lambda: acts[event](st.session_state[key][event])

    return {"key": key} | {f"on_{event}_change": follow(event) for event in acts}


def has_changed(key: str, value: Any) -> bool:
    """Whether this differs from what it was when last asked for under `key`; False the first time."""
    before = st.session_state.get(_SEEN, {}).get(key, value)
    st.session_state.setdefault(_SEEN, {})[key] = value
    return bool(before != value)


def start_anew(name: str) -> None:
    """Have a chart drawn as a new one, without what was selected in it; see `count_starts`."""
    starts = st.session_state.setdefault(_STARTS, {})
    starts[name] = starts.get(name, 0) + 1


def count_starts(name: str) -> int:
    """How often the chart of this name was started anew; a part of its key."""
    return int(st.session_state.get(_STARTS, {}).get(name, 0))


def remember(kind: str, name: str, value: Any) -> None:
    """Keep something for this visitor that stands in no link."""
    st.session_state.setdefault(_REMEMBERED, {})[kind, name] = value


def recall(kind: str, name: str, default: T) -> T:
    """What was kept of this kind under this name."""
    value: T = st.session_state.get(_REMEMBERED, {}).get((kind, name), default)
    return value


def find_value(key: str) -> Any:
    """The value that goes along under `key`; None when nobody chose one."""
    return st.session_state.get(_VALUES, {}).get(key)


def linked_value(key: str) -> str | None:
    """What the link asks for under `key`, before any widget has looked at it."""
    return st.query_params.get(key)


def _store_value(key: str) -> None:
    st.session_state[_VALUES][key] = st.session_state[key]


def _hand_over(key: str, move: Callable[[Any], None]) -> None:
    move(st.session_state[key])


def _parse(text: str, default: Any) -> Any:
    if isinstance(default, bool):
        return text == "True"
    if isinstance(default, list):
        return text.split(",")
    if not isinstance(default, int | float):
        return text
    try:
        return type(default)(text)
    except ValueError:
        return default


def widget_value(key: str) -> Any:
    """What a widget holds now, "" for nothing; for callbacks."""
    return st.session_state.get(key) or ""


def clear_widget(key: str) -> None:
    """Take the text out of a widget; for callbacks."""
    st.session_state[key] = ""


def store_outcome(place: str, outcome: Any) -> None:
    """Leave what came of an action at the place where it was asked for, in the stead of what lay there."""
    st.session_state.setdefault(_OUTCOMES, {})[place] = outcome


def read_outcome(place: str) -> Any:
    """What the latest action of this place left; None before the first."""
    return st.session_state.get(_OUTCOMES, {}).get(place)


def show_samples() -> None:
    """Remember that the synthetic scans are wanted."""
    st.session_state[_SAMPLES] = True


def hide_samples() -> None:
    """Remember that the synthetic scans are no longer wanted."""
    st.session_state[_SAMPLES] = False


def samples_shown() -> bool:
    """Whether the synthetic scans are wanted."""
    return bool(st.session_state.get(_SAMPLES, False))


def override_gate(key: str) -> None:
    """Remember that the files of this key are to be read although they do not look like a head CT."""
    st.session_state[_OVERRIDDEN] = overridden_keys() | {key}


def overridden_keys() -> frozenset[str]:
    """Keys of the files that are to be read whatever they look like."""
    return st.session_state.get(_OVERRIDDEN, frozenset())


def sample_again() -> None:
    """Ask for another handful of sample slices."""
    st.session_state[_SAMPLE_NUMBER] = sample_number() + 1


def sample_number() -> int:
    """Which handful of sample slices is shown; the first is 0."""
    return int(st.session_state.get(_SAMPLE_NUMBER, 0))


def watch(job: str | None) -> None:
    """Remember which training is being watched."""
    st.session_state[_WATCHED] = job


def watched() -> str | None:
    """Name of the training that is being watched, if one was chosen."""
    return st.session_state.get(_WATCHED)
