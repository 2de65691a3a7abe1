"""Folders of training runs, as tests need them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from core.training.state import work_folder


def dead_process() -> int:
    """Return the id of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def write_job_folder(
    root: Path,
    name: str,
    state: str,
    process: int,
    *,
    started: float = 1.0,
    message: str = "",
    born: float | None = None,
    command: dict[str, Any] | None = None,
) -> Path:
    """Write a training's folder as `core.training.run` does, and return it."""
    folder = work_folder(root, name)
    folder.mkdir(parents=True)
    values = {"name": name, "state": state, "message": message, "process": process, "started": started}
    (folder / "job.json").write_text(json.dumps({**values, "heartbeat": started, "born": born}))
    if command is not None:
        (folder / "command.json").write_text(json.dumps(command))
    return folder
