"""Read files and folders one after the other with the networks of an experiment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

from core.errors import ScanError
from core.reading.findings import PanelFindings, Refusal
from core.reading.reader import Reader, read_together
from core.scans import Refused, Scan, iterate_study
from core.system import natural_key

MAX_NAMES = 3


def read_paths(
    paths: Sequence[Path],
    readers: Sequence[Reader],
    *,
    override_gate: bool = False,
    on_file: Callable[[int, int], None] | None = None,
    on_scan: Callable[[Scan, PanelFindings], None] | None = None,
) -> Iterator[PanelFindings | Refusal]:
    """Read files and folders one after the other; yield a Refusal for what cannot be read as a scan.

    Args:
        paths: a file is read under its own name. A folder is searched in natural order, without hidden files
            and folders; a file in it is named by its path below the folder. Each folder is one upload (see
            `core.scans.iterate_study`): its DICOM files become series and must be of one patient. Files next
            to each other in `paths` are one upload, too.
        readers: one for each experiment of the panel; see `read_together`.
        override_gate: also read what the gate refuses; see `Reader.read`.
        on_file: called after each file with the number of files done and their total.
        on_scan: called with each scan and its findings, while its pixels are in memory.

    Raises:
        ExperimentError: a network failed.
    """
    uploads: list[list[tuple[Path, str]]] = []
    for is_folder, together in groupby(paths, Path.is_dir):
        side_by_side = list(together)
        uploads += map(list_files, [[one] for one in side_by_side] if is_folder else [side_by_side])
    total, done = sum(map(len, uploads)), 0

    def count(upload: list[tuple[Path, str]]) -> Iterator[tuple[str, Path]]:
        nonlocal done
        for path, source in upload:
            yield source, path
            # This line is reached when the next file is requested, so this one is done.
            done += 1
            if on_file:
                on_file(done, total)

    for upload in uploads:
        for outcome in iterate_study(count(upload)):
            if isinstance(outcome, Refused):
                yield Refusal(outcome.source, outcome.error.code, str(outcome.error))
            else:
                try:
                    findings = read_together(readers, outcome, override_gate=override_gate)
                except ScanError as error:
                    yield Refusal(outcome.source, error.code, str(error))
                    continue
                if on_scan:
                    on_scan(outcome, findings)
                yield findings


def group_refusals(refused: Iterable[Refusal]) -> list[Refusal]:
    """Merge refusals for the same reason into one, under the first three file names.

    A patient CD holds hundreds of programs and texts next to the scans.
    """
    alike: dict[tuple[str, str], list[str]] = {}
    for refusal in refused:
        alike.setdefault((refusal.code, refusal.message), []).append(refusal.source)
    return [Refusal(join_names(sources), *reason) for reason, sources in alike.items()]


def join_names(sources: Sequence[str]) -> str:
    """Return the first three names, and how many more there are."""
    named = ", ".join(sources[:MAX_NAMES])
    left = len(sources) - MAX_NAMES
    return f"{named} and {left:,} more" if left > 0 else named


def list_files(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    """Return each file to read and its name; see `read_paths`. Links to folders are not followed."""
    listed: list[tuple[Path, str]] = []
    for path in paths:
        if not path.is_dir():
            listed.append((path, _as_text(path.name)))
            continue
        found: list[tuple[Path, str]] = []
        for place, folders, names in os.walk(path, onerror=partial(_list_folder, found, path)):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                if not name.startswith("."):
                    file = Path(place, name)
                    found.append((file, _as_text(file.relative_to(path).as_posix())))
        listed += sorted(found, key=lambda item: natural_key(item[1]))
    return listed


def _as_text(name: str) -> str:
    """Return a name that can be printed, even if its bytes are not UTF-8."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _list_folder(found: list[tuple[Path, str]], top: Path, error: OSError) -> None:
    """Add a folder that cannot be opened to the list, so that it is refused by name, not skipped."""
    folder = Path(error.filename)
    found.append((folder, _as_text(folder.relative_to(top).as_posix())))
