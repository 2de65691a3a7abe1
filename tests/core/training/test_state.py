"""A training's slot, its job's state and its progress."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import StrokeError
from core.frameworks import FRAMEWORKS
from core.training import state as training_state
from core.training.jobs import read_job
from core.training.state import describe_end, hold_slot, last_line, read_progress, record_job, work_folder

_HOLD = """
import pathlib, sys, time
from core.training.state import hold_slot
with hold_slot(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_slot_of_a_killed_training_is_free(tmp_path: Path) -> None:
    """Another process waits while the slot is held, and gets it when its holder is killed."""
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert b"held" == holder.stdout.readline().strip()
        waited = []

        def kill() -> None:
            waited.append(True)
            holder.kill()

        with hold_slot(tmp_path, kill):
            assert [True] == waited
    finally:
        holder.kill()
        holder.communicate()


def test_the_slot_is_free_after_a_failure(tmp_path: Path) -> None:
    """An error while the slot is held releases it."""
    with pytest.raises(ZeroDivisionError), hold_slot(tmp_path):
        raise ZeroDivisionError
    with hold_slot(tmp_path, lambda: pytest.fail("it is held")):
        pass


@pytest.mark.parametrize(
    ("error", "state", "words"),
    [
        (None, "done", ""),
        (KeyboardInterrupt(), "cancelled", "kept"),
        (StrokeError("No memory", remedy="buy some"), "failed", "No memory; buy some"),
        (ZeroDivisionError(), "failed", "ZeroDivisionError"),
    ],
)
def test_a_job_ends_with_its_reason(
    models: Path, error: BaseException | None, state: str, words: str
) -> None:
    """A job is running, then done, cancelled or failed, with the reason; no other file is left."""
    work = work_folder(models, "one")
    work.mkdir(parents=True)
    with contextlib.suppress(*([type(error)] if error else [])), record_job(work):
        assert "running" == read_job("one").state
        if error:
            raise error
    job = read_job("one")
    assert (state, True) == (job.state, words in job.message)
    assert ["job.json"] == [path.name for path in work.iterdir()]


def test_the_reason_is_raised_even_if_the_end_cannot_be_written(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error that ended the training is raised, not the one of writing its state."""
    work = work_folder(models, "one")
    work.mkdir(parents=True)

    def refuse(*_: object) -> None:
        raise StrokeError("not written", code="not_written")

    with pytest.raises(ZeroDivisionError), record_job(work):  # noqa: PT012
        monkeypatch.setattr(training_state, "write_whole", refuse)
        raise ZeroDivisionError
    assert "running" == json.loads((work / "job.json").read_text())["state"]


def test_progress_and_reasons(tmp_path: Path) -> None:
    """Before a child writes its progress its share is 0; the last non-blank line of a log is the reason."""
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras/progress.json").write_text('{"fraction": 0.5}')
    assert {"pytorch": {"fraction": 0.0}, "keras": {"fraction": 0.5}} == read_progress(
        tmp_path, list(FRAMEWORKS)
    )
    (tmp_path / "log.txt").write_text("one\n  two \n\n")
    assert "two" == last_line(tmp_path / "log.txt")
    assert "" == last_line(tmp_path / "none.txt")
    assert "two" == describe_end(1, tmp_path / "log.txt")
    assert "exit code 3" == describe_end(3, tmp_path / "none.txt")
