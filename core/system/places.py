"""Folders of the program and of the user's data, and the environment of child processes."""

from __future__ import annotations

import os
from pathlib import Path

# The folder that holds `core`: the root of a checkout, or the site-packages of an installation.
PROGRAM_FOLDER = Path(__file__).resolve().parents[2]


def is_checkout() -> bool:
    """Return whether the program runs from its own source tree, not from an installed package."""
    return (PROGRAM_FOLDER / "pyproject.toml").is_file()


def user_folder() -> Path:
    """Return the operating system's folder for this user's data; it may not exist yet."""
    import platformdirs

    return platformdirs.user_data_path("stroke-ct", appauthor=False)


def child_environment() -> dict[str, str]:
    """Return the environment for a child process that runs a module of this program.

    The child does not import modules from the working folder: a hostile file there may be named like a
    library.
    """
    paths = [str(PROGRAM_FOLDER)] if is_checkout() else []
    paths += filter(None, [os.environ.get("PYTHONPATH", "")])
    path = {"PYTHONPATH": os.pathsep.join(paths)} if paths else {}
    return {**os.environ, "PYTHONSAFEPATH": "1", **path}
