"""The output of the command line."""

from __future__ import annotations

import io
import math

import pytest

from core.cli.terminal import plain, print_json, print_table, show_progress


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_plain_keeps_text_and_replaces_control_characters() -> None:
    """Letters of any script stay; escape codes, line ends and direction marks are replaced."""
    assert "Größe 头.png" == plain("Größe 头.png")
    assert "a\ufffdb\ufffdc\ufffd" == plain("a\x1bb\nc\u202e")


def test_progress_is_for_people_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is shown when standard error is a file."""
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert show_progress("files read") is None


def test_progress_ends_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter is drawn over itself, and the last one ends the line; a single file needs none."""
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    show = show_progress("files read")
    assert show is not None
    show(1, 1)
    assert "" == stream.getvalue()
    show(1, 2)
    show(2, 2)
    assert "\r1/2 files read\r2/2 files read\n" == stream.getvalue()


def test_columns_line_up(capsys: pytest.CaptureFixture[str]) -> None:
    """Each column is as wide as its widest cell, and no line ends in blanks."""
    print_table(["a", "long"], [["wider", "1"], ["b", ""]])
    assert "a      long\nwider  1\nb\n" == capsys.readouterr().out


def test_json_never_holds_nan() -> None:
    """NaN is not JSON: it raises instead of being printed."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"value": math.nan})
