"""Folders of the program and the user, and the environment of child processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.system import PROGRAM_FOLDER, child_environment, is_checkout, places, user_folder


def test_the_tests_run_in_a_checkout() -> None:
    """The folder that holds core is the root of this source tree."""
    assert Path(__file__).parents[3] == PROGRAM_FOLDER
    assert is_checkout()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have other folders")
def test_user_folder_follows_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Linux, XDG_DATA_HOME names the folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert tmp_path / "stroke-ct" == user_folder()


def test_a_child_imports_nothing_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in the working folder that is named like one of our modules is not run instead of it."""
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "__init__.py").write_text("raise SystemExit('hostile')")
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-m", "core", "--help"]
    assert b"hostile" in subprocess.run(command, capture_output=True, check=False).stderr
    done = subprocess.run(command, env=child_environment(), capture_output=True, check=False)
    assert (0, b"") == (done.returncode, done.stderr)


def test_a_child_finds_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a checkout, PYTHONPATH starts with its folder; an installed program adds nothing."""
    monkeypatch.setenv("PYTHONPATH", "more")
    assert f"{PROGRAM_FOLDER}{os.pathsep}more" == child_environment()["PYTHONPATH"]
    monkeypatch.setattr(places, "is_checkout", lambda: False)
    assert "more" == child_environment()["PYTHONPATH"]
    monkeypatch.delenv("PYTHONPATH")
    assert "PYTHONPATH" not in child_environment()
