"""The command that starts the dashboard; tests/test_wheel.py starts one from an installed wheel."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from core.cli import dashboard
from core.cli.app import main

ROOT = Path(__file__).parents[3]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """The commands that would be run, each with its environment."""
    calls: list[Any] = []

    def execute(_: str, command: list[str], environment: dict[str, str]) -> None:
        calls.append((command, environment))
        raise SystemExit(0)

    monkeypatch.setattr(dashboard.os, "execve", execute)
    return calls


@pytest.mark.skipif(os.name != "posix", reason="elsewhere a child process serves")
@pytest.mark.parametrize(("options", "more"), [([], []), (["--port", "8599"], ["--server.port", "8599"])])
def test_streamlit_serves_the_script(
    options: list[str], more: list[str], started: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the user stands, Streamlit runs the dashboard's own script, with its settings beside it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["dashboard", *options])
    assert 0 == ended.value.code
    ((command, environment),) = started
    script = ROOT / "dashboard" / "app.py"
    assert [sys.executable, "-m", "streamlit", "run", str(script), *more] == command
    assert "1" == environment["PYTHONSAFEPATH"]
    assert (script.parent / ".streamlit" / "config.toml").is_file()


def test_without_a_dashboard_the_error_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If only `core` was copied, the command ends with a sentence."""
    monkeypatch.setattr(dashboard.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        main(["dashboard"])
    assert 1 == ended.value.code
    assert "The dashboard is not installed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("called", "name"), [("/usr/bin/stroke-ct", "stroke-ct"), ("/x/core/__main__.py", "python -m core")]
)
def test_help_names_the_program_as_it_was_called(
    called: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An installed command and a module run by Python each show how they are called."""
    monkeypatch.setattr(sys, "argv", [called])
    with pytest.raises(SystemExit):
        main(["dashboard", "--help"])
    assert f"Usage: {name} dashboard" in capsys.readouterr().out
