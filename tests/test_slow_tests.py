"""The slow tests in a given time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.slow_tests import FIRST
from tests.source_trees import ROOT


def test_the_first_files_exist() -> None:
    """Each file that is to run first exists and has slow tests."""
    for path in FIRST:
        assert "mark.slow" in (ROOT / path).read_text(encoding="utf-8"), path


def test_what_is_not_reached_is_listed_and_not_passed(tmp_path: Path) -> None:
    """When the time is over no test begins; each is named, also by the processes of pytest-xdist."""
    (tmp_path / "test_some.py").write_text("def test_one(): raise OSError\ndef test_two(): pass\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.slow_tests", "-n", "1", "--rootdir", tmp_path]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "--stop-at", "1", tmp_path],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stdout + done.stderr
    listed = done.stdout.partition("2 tests were not reached in the time given")[2]
    assert {"test_some.py::test_one", "test_some.py::test_two"} <= set(listed.splitlines())
    assert "passed" not in done.stdout
