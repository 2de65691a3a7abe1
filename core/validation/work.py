"""The hidden folder of an unfinished validation, from which it resumes: what was read, in chunks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import DatasetError, ExperimentError
from core.system import clear_parts, write_whole

# The slices lost when the program is killed.
CHUNK = 32
_BEGUN = "begun.json"

Answers = list[dict[str, Any]]


class Work:
    """The folder `.NAME` beside the stored validations: one file for each chunk, written whole."""

    def __init__(self, folder: Path, n_rows: int) -> None:
        self.folder = folder
        self.chunks = [range(start, min(start + CHUNK, n_rows)) for start in range(0, n_rows, CHUNK)]

    def has(self, chunk: range) -> bool:
        """Return whether the rows of a chunk have been read."""
        return self._path(chunk).is_file()

    def write(self, chunk: range, answers: Answers) -> None:
        """Write the answers for the rows of a chunk, one for each."""
        write_whole(self._path(chunk), json.dumps(answers, allow_nan=False).encode("utf-8"))

    def gather(self) -> Answers:
        """Return the answers of all chunks, in the order of the rows."""
        return [answer for chunk in self.chunks for answer in json.loads(self._path(chunk).read_bytes())]

    def _path(self, chunk: range) -> Path:
        return self.folder / f"{chunk.start}-{chunk.stop}.json"


@contextmanager
def open_work(parent: Path, name: str, data: dict[str, str], served: str, n_rows: int) -> Iterator[Work]:
    """Begin a validation or resume it; the folder is deleted if it ends or is refused.

    Args:
        parent: the folder of the validations.
        name: the validation's name.
        data: what identifies the data; work on other data is refused.
        served: digest of what is validated; work with another one is useless, and discarded.
        n_rows: number of slices to read.

    Raises:
        ExperimentError: work of this name was begun on other data (code "other_data"), or is going on in
            another process (code "busy").
    """
    from filelock import FileLock, Timeout

    folder = parent / f".{name}"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ExperimentError(
            f'The validation "{name}" is already running',
            remedy="wait until it has finished, or choose another name",
            code="busy",
        ) from error
    done = False
    try:
        clear_parts(folder)
        begun = {"data": data, "served": served, "n_rows": n_rows, "chunk": CHUNK}
        before = _read_begun(folder)
        if before and before["data"] != data:
            raise ExperimentError(
                f'The unfinished validation "{name}" is of other data',
                found=_describe(before["data"]),
                remedy=f"continue with those data, choose another name, or delete the folder {folder}",
                code="other_data",
            )
        if before != begun:
            for path in folder.glob("*.json"):
                path.unlink()
            write_whole(folder / _BEGUN, json.dumps(begun).encode("utf-8"))
        yield Work(folder, n_rows)
    except DatasetError:  # resuming would not help
        done = True
        raise
    else:
        done = True
    finally:
        lock.release()
        if done:
            shutil.rmtree(folder, ignore_errors=True)


def _read_begun(folder: Path) -> dict[str, Any] | None:
    try:
        begun: dict[str, Any] = json.loads((folder / _BEGUN).read_bytes())
    except (OSError, ValueError):
        return None
    return begun


def _describe(data: dict[str, str]) -> str:
    part = f", part {data['part']}" if data["part"] else ""
    return f"it was begun with fingerprint {data['fingerprint'][:12]}...{part}"
