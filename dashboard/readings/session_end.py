"""The end of a visitor's session: what was handed in is let go of soon after the browser has gone."""

from __future__ import annotations

import asyncio
import gc

from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext

from dashboard.shared import state

# Streamlit keeps the files of a session whose browser has gone for two minutes, should it come back; after
# that, until another session ends, which may be never.
KEPT_S = 100
COLLECT_AFTER_S = 1

_collection: asyncio.TimerHandle | None = None  # the one that is due


def end_session_later(session: ScriptRunContext) -> None:
    """Let a session go with its files, if its browser has not come back until then.

    To be called where Streamlit notices that the browser has gone, which is in its event loop.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return  # a script or a test emptied the caches: nobody has gone
    loop.call_later(KEPT_S, _end_session, session)


def collect_later(loop: asyncio.AbstractEventLoop) -> None:
    """Collect garbage once, COLLECT_AFTER_S after the last session that has ended.

    A session's studies hang in reference cycles, and runs do not collect (`runner.postScriptGC` is off).
    """
    global _collection
    if _collection is not None:
        _collection.cancel()
    _collection = loop.call_later(COLLECT_AFTER_S, gc.collect)


def _end_session(session: ScriptRunContext) -> None:
    server = get_instance()
    if not server.is_active_session(session.session_id):
        state.forget_all(session)
        server.close_session(session.session_id)
        collect_later(asyncio.get_running_loop())
