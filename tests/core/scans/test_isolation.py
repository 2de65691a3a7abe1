"""Decoding in workers: a file that ends its worker is refused, and the next is read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from core.scans import isolation, messages, read_study
from tests.core.scans.test_messages import NONSENSE
from tests.scan_files import render_hu, write_dicom, write_series, write_zip

# Replaces the worker module: a decoder that certain files break.
_BROKEN = """
import os, sys, time
from core.scans import decoding, worker
real = decoding._try_decode
def attempt(data, source, key):
    if b"HANG" in data:
        while True: pass
    if b"SLEEP" in data:
        time.sleep(60)
    if b"CRASH" in data:
        os.kill(os.getpid(), 11)
    if b"SWELL" in data:
        bytearray(900_000_000)
    if b"CHATTER" in data:
        os.write(1, b"x" * 100)
    return real(data, source, key)
decoding._try_decode = attempt
worker.main(int(sys.argv[-2]), int(sys.argv[-1]))
"""


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make workers hang, crash, use memory or print when a file says so."""
    start = isolation.subprocess.Popen
    monkeypatch.setattr(isolation, "_idle", [])
    monkeypatch.setattr(isolation, "CPU_LIMIT_S", 2)

    def start_broken(command, **options):
        return start([sys.executable, "-c", _BROKEN, *command[3:]], **options)

    monkeypatch.setattr(isolation.subprocess, "Popen", start_broken)


needs_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="limits of memory and time need Linux"
)


@needs_linux
def test_the_limits_in_force_keep_a_file_below_20_s_and_1_gb(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time limit exceeds the processor limit and is below 20 s; a worker gets less than 1 GB."""
    assert isolation.CPU_LIMIT_S + 1 < isolation.TIME_LIMIT_S < 20
    monkeypatch.setattr(isolation, "_idle", [])
    read_study([("a", write_dicom())])
    (worker,) = isolation._idle
    limits = Path(f"/proc/{worker._process.pid}/limits").read_text()
    worker.close()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max address space")]
    assert int(line.split()[3]) == isolation.MEMORY_LIMIT_BYTES < 1_000_000_000


@needs_linux
@pytest.mark.parametrize(("word", "code"), [(b"HANG", "timeout"), (b"CRASH", "crashed")])
def test_one_file_ends_the_worker_and_the_others_are_read(broken: None, word: bytes, code: str) -> None:
    """A file that hangs or crashes is named with its code; the other members of the archive are read."""
    members = {str(index): data for index, data in enumerate(write_series(4))}
    members["2"] += word
    study = read_study([("a.zip", write_zip(members)), ("b", write_dicom(render_hu(9), z=99))])
    assert [("a.zip/2", code)] == [(refused.source, refused.error.code) for refused in study.refused]
    assert 4 == len(study.scans[0].slices)


@needs_linux
def test_a_file_that_waits_is_ended_by_the_clock(broken: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that neither computes nor answers is ended by the time limit too."""
    read_study([("a", write_dicom())])  # the worker has started and imported its libraries
    monkeypatch.setattr(isolation, "TIME_LIMIT_S", 3.0)
    study = read_study([("a.zip", write_zip({"0": write_dicom(), "1": b"SLEEP"}))])
    assert (1, [("a.zip/1", "timeout")]) == (
        len(study.scans), [(refused.source, refused.error.code) for refused in study.refused]
    )  # fmt: skip


def test_an_answer_that_is_too_large_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pixels of one answer are limited, so that a hostile worker cannot fill this process's memory."""
    monkeypatch.setattr(isolation, "_idle", [])
    data = write_dicom(np.stack([render_hu(seed) for seed in range(3)]))
    for n_frames, codes in ((3, []), (2, ["crashed"])):
        monkeypatch.setattr(messages, "MAX_ANSWER_BYTES", n_frames * 64 * 64 * 4)
        assert codes == [refused.error.code for refused in read_study([("a", data)]).refused]


@needs_linux
def test_memory_is_limited(broken: None) -> None:
    """A file that would take 900 MB is refused, and the next one read."""
    study = read_study([("a", write_dicom() + b"SWELL"), ("b", write_dicom())])
    assert ["a"] == [refused.source for refused in study.refused]
    assert 1 == len(study.scans)


def test_printing_decoders_do_no_harm(broken: None) -> None:
    """Text that a decoder prints to standard output does not corrupt the answers."""
    assert 1 == len(read_study([("a", write_dicom() + b"CHATTER")]).scans)


def test_an_archive_that_keeps_ending_workers_is_given_up(broken: None) -> None:
    """After three files of an archive have ended a worker, the rest is not read."""
    study = read_study([("a.zip", write_zip({str(index): b"CRASH" for index in range(9)}))])
    assert ["a.zip/0", "a.zip/1", "a.zip/2", "a.zip"] == [refused.source for refused in study.refused]


def test_a_worker_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """One other process decodes several files."""
    monkeypatch.setattr(isolation, "_idle", [])
    read_study([("a", write_dicom())])
    (worker,) = isolation._idle
    read_study([("b", write_dicom())])
    assert [worker] == isolation._idle
    assert os.getpid() != worker._process.pid
    worker.close()


def test_a_dead_idle_worker_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an idle worker has died, the next file is still read."""
    monkeypatch.setattr(isolation, "_idle", [])
    read_study([("a", write_dicom())])
    isolation._idle[0]._process.kill()
    isolation._idle[0]._process.wait()
    assert 1 == len(read_study([("b", write_dicom())]).scans)


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_from_a_worker_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: bytes
) -> None:
    """After an invalid answer the file is refused with a code, and the worker is not used again."""
    (tmp_path / "answer").write_bytes(answer)
    start = isolation.subprocess.Popen
    monkeypatch.setattr(isolation, "_idle", [])
    code = "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())"
    monkeypatch.setattr(
        isolation.subprocess,
        "Popen",
        lambda _, **options: start([sys.executable, "-c", code, str(tmp_path / "answer")], **options),
    )
    study = read_study([("a", write_dicom())])
    assert ("a", "crashed") == (study.refused[0].source, study.refused[0].error.code)
    assert () == study.scans
    assert [] == isolation._idle


def test_an_abandoned_answer_ends_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the caller stops early, the worker with the rest of the answer is closed."""
    closed = []
    original = isolation._Worker.close
    monkeypatch.setattr(isolation._Worker, "close", lambda worker: closed.append(worker) or original(worker))
    members = {f"{number}.dcm": data for number, data in enumerate(write_series(3))}
    outcomes = isolation.decode_isolated(write_zip(members), "study.zip", key=b"0" * 32)
    next(outcomes)
    outcomes.close()
    assert 1 == len(closed)
