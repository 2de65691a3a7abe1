"""The state of a session: nothing is left of it when it has ended."""

from __future__ import annotations

import gc
import weakref

import streamlit as st
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext, get_script_run_ctx
from streamlit.testing.v1 import AppTest

from dashboard.shared import state


class _File:
    """Stands for an uploaded file."""

    def __repr__(self) -> str:
        return "file"


_files: list[weakref.ref[_File]] = []
_sessions: list[ScriptRunContext] = []


def _hold_files() -> None:
    """Hold one file in the state, one in the function of a button, and one in a fragment."""
    stored, pressed, drawn = _File(), _File(), _File()
    _files[:] = map(weakref.ref, (stored, pressed, drawn))
    session = get_script_run_ctx()
    assert session is not None
    _sessions[:] = [session]
    st.session_state["stored"] = stored
    st.button("Press", on_click=lambda: repr(pressed))
    st.fragment(lambda: st.write(repr(drawn)))()


def _script() -> None:
    from tests.dashboard.shared import test_state

    test_state._hold_files()


def _count_files() -> int:
    gc.collect()
    return sum(file() is not None for file in _files)


def test_an_ended_session_holds_no_file() -> None:
    """Streamlit may keep a session that has ended; neither its state, widgets nor fragments keep a file."""
    app = AppTest.from_function(_script).run()
    assert not app.exception
    assert 3 == _count_files()
    state.forget_all(_sessions.pop())
    assert 0 == _count_files()
