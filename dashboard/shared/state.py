"""One visitor's session: the values of widgets, the page's link, and choices that outlast a page.

The only module that uses `st.session_state`.
"""

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
_LINKED = "linked_values"  # what the link will hold when the run ends
_WRITTEN = "written_values"  # what we wrote into the link
_OUTDATED = "outdated_values"  # what the link of an action still held
_SHOWN = "values_on_this_page"  # by the part of the page that shows them
_PAGE = "page"
_PART = "part_being_drawn"
_ALONE = "parts_run_alone"
_REMEMBERED = "values_in_no_link"
_OUTCOMES = "outcomes_of_actions"
_SEEN = "values_last_seen"
_RESETS = "resets_of_charts"
_SAMPLES = "samples_shown"
_SAMPLE_NUMBER = "sample_number"
_OVERRIDDEN = "scans_with_gate_overridden"
_WATCHED = "watched_job"


def palette() -> Palette:
    """Return the palette of this visitor's theme."""
    return palette_for("dark" if st.context.theme.type == "dark" else "light")


def forget_all(session: ScriptRunContext) -> None:
    """Empty a session that has ended: Streamlit may keep the last one, and with it the uploaded files.

    The functions of its widgets and fragments are removed too, since they hold readings and their files.
    """
    kept = session.session_state._state
    kept.clear()
    kept._new_widget_state.widget_metadata.clear()
    session.fragment_storage.clear()


# The link of a page, and the values that go from page to page.


@contextmanager
def gather_link() -> Iterator[None]:
    """Collect the values of a page's link and write them at once, as one step in the browser's history."""
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
    """Collect the values of one fragment of the page; yield whether only this fragment is run."""
    alone = bool(st.session_state[_ALONE])
    st.session_state[_SHOWN][name] = []
    st.session_state[_PART] = name
    try:
        yield alone
        if alone:
            _write_link()
    finally:
        st.session_state[_PART] = _PAGE


def persist_widget(
    key: str, default: Any, is_valid: Callable[[Any], bool], *, replace: bool = True
) -> dict[str, Any]:
    """Prepare a widget whose value is kept from page to page and written into the link.

    Streamlit forgets a widget's value when the page changes, so the value is stored here. A value in the link
    that we did not write comes from the visitor and takes precedence; but not in a run that an action began,
    because the browser may not yet have had the link that we wrote last.

    Args:
        key: of the widget, and of the query parameter.
        default: the value when nothing else is known; the link omits it. A value in the link is read as the
            default's type: text, bool, int, float, or a list of texts without commas.
        is_valid: returns whether a value can be shown now.
        replace: whether the default replaces a value that cannot be shown. If not, the widget holds None and
            the link keeps the value.

    Returns:
        The widget's arguments `key`, `on_change` and `args`.
    """
    values = st.session_state.setdefault(_VALUES, {})
    linked = st.session_state.setdefault(_LINKED, {})
    # Not compared with `linked`: a run may be stopped before it writes the link.
    written = st.session_state.setdefault(_WRITTEN, {})
    requested = st.query_params.get(key)
    known = (written.get(key), st.session_state.get(_OUTDATED, {}).pop(key, None))
    if requested is not None and requested not in known:
        values[key] = _parse(requested, default)
        written[key] = requested
    value = values.get(key, default)
    if replace and not is_valid(value):
        value = default
    st.session_state[key] = value if is_valid(value) else None
    text = ",".join(value) if isinstance(value, list) else str(value)
    linked[key] = None if value == default else text
    st.session_state[_SHOWN][st.session_state[_PART]].append(key)
    return {"key": key, "on_change": _store_value, "args": (key,)}


def read_value(key: str, default: T, is_valid: Callable[[T], bool]) -> T:
    """Return a value that no widget holds; it is kept and linked like that of `persist_widget`."""
    persist_widget(key, default, is_valid)
    value: T = st.session_state[key]
    return value


def set_value(key: str, value: Any) -> None:
    """Set a kept value; for the callback of a button."""
    st.session_state[key] = value
    _store_value(key)


def find_value(key: str) -> Any:
    """Return a kept value; None before one was chosen."""
    return st.session_state.get(_VALUES, {}).get(key)


def _write_link() -> None:
    linked = st.session_state.get(_LINKED, {})
    shown = [key for keys in st.session_state[_SHOWN].values() for key in keys]
    link = {key: linked[key] for key in shown if linked[key] is not None}
    written = st.session_state.setdefault(_WRITTEN, {})
    on_its_way = {key: written[key] for key in shown if written.get(key) is not None}
    if link != st.query_params.to_dict() or link != on_its_way:
        st.query_params.from_dict(link)
    written.update({key: linked[key] for key in shown})


def _store_value(key: str) -> None:
    st.session_state[_VALUES][key] = st.session_state[key]
    read = {one for keys in st.session_state[_SHOWN].values() for one in keys}
    link = st.query_params.to_dict()
    st.session_state[_OUTDATED] = {one: link[one] for one in read & set(link)}


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


# Widgets and charts.


def set_widget(key: str, value: Any, move: Callable[[Any], None]) -> dict[str, Any]:
    """Set a widget to a value computed from others; `move` is called with the visitor's new value.

    Returns:
        The widget's arguments `key`, `on_change` and `args`.
    """
    st.session_state[key] = value
    return {"key": key, "on_change": _pass_value, "args": (key, move)}


def read_widget(key: str) -> Any:
    """Return a widget's current value, "" if it has none; for callbacks."""
    return st.session_state.get(key) or ""


def clear_widget(key: str) -> None:
    """Empty a text widget; for callbacks."""
    st.session_state[key] = ""


def follow_widget(key: str, acts: Mapping[str, Callable[[Any], None]]) -> dict[str, Any]:
    """Return the arguments of a custom component; `acts`: event -> function called with its value."""

    def follow(event: str) -> Callable[[], None]:
        return lambda: acts[event](st.session_state[key][event])

    return {"key": key} | {f"on_{event}_change": follow(event) for event in acts}


def follow_chart(key: str, choose: Callable[[Any], None]) -> dict[str, Any]:
    """Return a chart's arguments `key` and `on_select`; `choose` is called with the visitor's selection."""
    return {"key": key, "on_select": lambda: choose(st.session_state[key]["selection"])}


def reset_chart(name: str) -> None:
    """Clear the selection in a chart whose key holds `count_resets` of this name."""
    resets = st.session_state.setdefault(_RESETS, {})
    resets[name] = resets.get(name, 0) + 1


def count_resets(name: str) -> int:
    """Return how often a chart was reset."""
    return int(st.session_state.get(_RESETS, {}).get(name, 0))


def has_changed(key: str, value: Any) -> bool:
    """Return whether the value differs from that of the last call with this key; False the first time."""
    before = st.session_state.get(_SEEN, {}).get(key, value)
    st.session_state.setdefault(_SEEN, {})[key] = value
    return bool(before != value)


def _pass_value(key: str, move: Callable[[Any], None]) -> None:
    move(st.session_state[key])


# What a session remembers without a link.


def remember(kind: str, name: str, value: Any) -> None:
    """Store a value for this session."""
    st.session_state.setdefault(_REMEMBERED, {})[kind, name] = value


def recall(kind: str, name: str, default: T) -> T:
    """Return what `remember` stored."""
    value: T = st.session_state.get(_REMEMBERED, {}).get((kind, name), default)
    return value


def store_outcome(place: str, outcome: Any) -> None:
    """Store the outcome of an action for the place on the page that shows it, replacing the last one."""
    st.session_state.setdefault(_OUTCOMES, {})[place] = outcome


def read_outcome(place: str) -> Any:
    """Return the outcome of the last action of this place; None before the first."""
    return st.session_state.get(_OUTCOMES, {}).get(place)


def show_samples() -> None:
    """Show the synthetic scans."""
    st.session_state[_SAMPLES] = True


def hide_samples() -> None:
    """Hide the synthetic scans."""
    st.session_state[_SAMPLES] = False


def samples_shown() -> bool:
    """Return whether the synthetic scans are shown."""
    return bool(st.session_state.get(_SAMPLES, False))


def sample_again() -> None:
    """Ask for other sample slices."""
    st.session_state[_SAMPLE_NUMBER] = sample_number() + 1


def sample_number() -> int:
    """Return the number of the shown sample of slices, from 0."""
    return int(st.session_state.get(_SAMPLE_NUMBER, 0))


def override_gate(key: str) -> None:
    """Read the files of this key even though they do not look like a head CT."""
    st.session_state[_OVERRIDDEN] = overridden_keys() | {key}


def overridden_keys() -> frozenset[str]:
    """Return the keys of all files whose gate was overridden."""
    return st.session_state.get(_OVERRIDDEN, frozenset())


def watch_job(name: str | None) -> None:
    """Choose the training run that the page Train shows."""
    st.session_state[_WATCHED] = name


def watched_job() -> str | None:
    """Return the name of the training run that was chosen, if any."""
    return st.session_state.get(_WATCHED)
