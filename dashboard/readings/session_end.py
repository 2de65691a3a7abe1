"""The end of a visitor's session: uploaded files are removed from memory soon after the browser has gone."""

from __future__ import annotations

import asyncio
import gc

from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext

from core.system import trim_heaps
from dashboard.shared import state

# Streamlit keeps the files of a disconnected session for two minutes, in case the browser comes back. After
# that it keeps them until another session ends, which may never happen.
GRACE_S = 100
COLLECT_AFTER_S = 1

_collection: asyncio.TimerHandle | None = None  # the scheduled one


def end_session_later(session: ScriptRunContext) -> None:
    """End a session and remove its files after GRACE_S, unless its browser has come back.

    Call it when Streamlit notices that the browser has gone: it needs Streamlit's event loop.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return  # a script or a test cleared the caches: no browser has gone
    loop.call_later(GRACE_S, _end_session, session)


def collect_later(loop: asyncio.AbstractEventLoop) -> None:
    """Collect garbage once, COLLECT_AFTER_S after the last session that has ended; return its memory.

    Reference cycles keep a session's studies in memory, and Streamlit does not collect garbage after each run
    (`runner.postScriptGC` is off). The C library keeps much of what is freed, until its heaps are trimmed.
    """
    global _collection
    if _collection is not None:
        _collection.cancel()
    _collection = loop.call_later(COLLECT_AFTER_S, _collect)


def _end_session(session: ScriptRunContext) -> None:
    server = get_instance()
    if not server.is_active_session(session.session_id):
        state.forget_all(session)
        server.close_session(session.session_id)
        collect_later(asyncio.get_running_loop())


def _collect() -> None:
    gc.collect()
    trim_heaps()
