"""A dashboard that runs and a Chromium that looks at it, for tests and for the screenshots."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60


def find_chromium() -> str | None:
    """Path of an installed Chromium or Chrome, if there is one."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return next((path for path in found if path), None)


@contextmanager
def serve(models: Path, data: Path | str = "") -> Iterator[str]:
    """Run the dashboard on a free port with these experiments, and this data set or none; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.port", str(port)]
    nowhere = {"STROKE_CT_DATA": str(data), "KAGGLEHUB_CACHE": str(models / ".no-cache")}
    env = {**os.environ, **nowhere, "STROKE_CT_MODELS": str(models)}
    if (models / "tiny").is_dir():
        env["STROKE_CT_EXPERIMENT"] = "tiny"
    server = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if server.poll() is not None:
            raise RuntimeError(f"the dashboard ended with {server.returncode} while starting")
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"the dashboard did not answer within {PATIENCE_S} s")
