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
from core.training.state import last_line, only_one, read_progress, record_job, tell_end, work_folder

_HOLD = """
import pathlib, sys, time
from core.training.state import only_one
with only_one(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_slot_of_a_killed_training_is_free(tmp_path: Path) -> None:
    """Another process waits while it is held, and has it as soon as its holder is killed."""
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert b"held" == holder.stdout.readline().strip()
        waited = []

        def kill() -> None:
            waited.append(True)
            holder.kill()

        with only_one(tmp_path, kill):
            assert [True] == waited
    finally:
        holder.kill()
        holder.communicate()


def test_the_slot_goes_when_a_training_fails(tmp_path: Path) -> None:
    """An error inside gives it back."""
    with pytest.raises(ZeroDivisionError), only_one(tmp_path):
        raise ZeroDivisionError
    with only_one(tmp_path, lambda: pytest.fail("it is held")):
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
def test_a_job_ends_with_its_word(models: Path, error: BaseException | None, state: str, words: str) -> None:
    """It runs while it runs; then it is done, cancelled or failed, with the reason; nothing is left over."""
    work = work_folder(models, "one")
    work.mkdir(parents=True)
    with contextlib.suppress(*([type(error)] if error else [])), record_job(work):
        assert "running" == read_job("one").state
        if error:
            raise error
    job = read_job("one")
    assert (state, True) == (job.state, words in job.message)
    assert ["job.json"] == [path.name for path in work.iterdir()]


def test_where_not_even_the_end_can_be_written_the_reason_comes_out(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error that ended the training is raised, not the one of telling about it."""
    work = work_folder(models, "one")
    work.mkdir(parents=True)

    def refuse(*_: object) -> None:
        raise StrokeError("not written", code="not_written")

    with pytest.raises(ZeroDivisionError), record_job(work):  # noqa: PT012
        monkeypatch.setattr(training_state, "write_whole", refuse)
        raise ZeroDivisionError
    assert "running" == json.loads((work / "job.json").read_text())["state"]


def test_progress_and_last_words(tmp_path: Path) -> None:
    """Before a child has spoken its share is 0; the last line that says something is the reason."""
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras/progress.json").write_text('{"fraction": 0.5}')
    assert {"pytorch": {"fraction": 0.0}, "keras": {"fraction": 0.5}} == read_progress(
        tmp_path, list(FRAMEWORKS)
    )
    (tmp_path / "log.txt").write_text("one\n  two \n\n")
    assert "two" == last_line(tmp_path / "log.txt")
    assert "" == last_line(tmp_path / "none.txt")
    assert "two" == tell_end(1, tmp_path / "log.txt")
    assert "exit code 3" == tell_end(3, tmp_path / "none.txt")
