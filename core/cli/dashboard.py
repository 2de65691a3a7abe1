"""The command `stroke-ct dashboard`: serve the dashboard with Streamlit."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from core.errors import MissingExtraError
from core.system import child_environment


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(dashboard)


def dashboard(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the dashboard's address.")
    ] = None,
) -> None:
    """Start the dashboard, reachable from this computer only; Ctrl-C stops it.

    Its settings are in the file `.streamlit/config.toml` of the package `dashboard`; environment variables
    such as STREAMLIT_SERVER_ADDRESS override them.
    """
    command = [sys.executable, "-m", "streamlit", "run", str(_find_script())]
    command += [] if port is None else ["--server.port", str(port)]
    if os.name == "posix":
        # The server replaces this process, so that ending the command ends the server.
        os.execve(command[0], command, child_environment())
    raise typer.Exit(subprocess.call(command, env=child_environment()))


def _find_script() -> Path:
    # `core` never imports the dashboard: it is only looked up and started.
    found = importlib.util.find_spec("dashboard")
    script = Path(found.origin).with_name("app.py") if found and found.origin else None
    if script is None or not script.is_file() or importlib.util.find_spec("streamlit") is None:
        raise MissingExtraError(
            "The dashboard is not installed",
            remedy="install the program again (in a clone of it: pip install .)",
        )
    return script
