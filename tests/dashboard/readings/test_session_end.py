"""The end of sessions: their state is removed, and garbage is collected once."""

from __future__ import annotations

import asyncio
import gc

import pytest

from dashboard.readings import session_end


def test_garbage_is_collected_once_after_the_last_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sessions that end at once cause one collection; a later one causes another.

    After each, the freed memory is returned to the system.
    """
    collections: list[str] = []
    monkeypatch.setattr(gc, "collect", lambda *_: collections.append("collected"))
    monkeypatch.setattr(session_end, "trim_heaps", lambda: collections.append("trimmed"))
    monkeypatch.setattr(session_end, "COLLECT_AFTER_S", 0.02)

    async def end_sessions() -> list[list[str]]:
        done = []
        for n_sessions in (3, 1):
            for _ in range(n_sessions):
                session_end.collect_later(asyncio.get_running_loop())
            done.append(collections[:])
            await asyncio.sleep(0.2)
        return [*done, collections]

    once = ["collected", "trimmed"]
    assert [[], once, once * 2] == asyncio.run(end_sessions())


def test_an_ended_session_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ended session is emptied, closed and collected; an active one stays."""
    done: list[str] = []

    class Server:
        def is_active_session(self, name: str) -> bool:
            return name == "active"

        def close_session(self, name: str) -> None:
            done.append(f"closed {name}")

    class Session:
        def __init__(self, name: str) -> None:
            self.session_id = name

    monkeypatch.setattr(session_end, "get_instance", Server)
    monkeypatch.setattr(session_end.state, "forget_all", lambda one: done.append(f"forgot {one.session_id}"))
    monkeypatch.setattr(session_end, "collect_later", lambda loop: done.append("collect"))

    async def end_both() -> None:
        session_end._end_session(Session("active"))  # type: ignore[arg-type]
        session_end._end_session(Session("gone"))  # type: ignore[arg-type]

    asyncio.run(end_both())
    assert ["forgot gone", "closed gone", "collect"] == done
