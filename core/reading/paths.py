"""Files and folders of a person, read one after the other with the networks of an experiment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

from core.errors import ScanError
from core.reading.findings import Findings, Refusal
from core.reading.reader import Reader
from core.scans import Refused, Scan, iterate_study
from core.system import natural_key

MAX_NAMES = 3


def read_paths(
    paths: Sequence[Path],
    reader: Reader,
    *,
    override_gate: bool = False,
    on_file: Callable[[int, int], None] | None = None,
    on_scan: Callable[[Scan, Findings], None] | None = None,
) -> Iterator[Findings | Refusal]:
    """Read files and folders, one after the other; what is no scan comes back as a Refusal.

    Args:
        paths: a file is read under its own name. A folder is walked, in natural order, each file in it read
            under its path below the folder; hidden files and folders are left out. Each folder is one upload
            (see `core.scans.iterate_study`): the DICOM files in it become series, and are of one patient. So
            are files that stand side by side in `paths`.
        reader: the networks.
        override_gate: read also what the gate refuses; see `Reader.read`.
        on_file: called with the number of files done and their total after each.
        on_scan: called with each scan that was read and its findings, while its pixels are there.

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
            # Whoever asks for the next file is done with this one.
            done += 1
            if on_file:
                on_file(done, total)

    for upload in uploads:
        for outcome in iterate_study(count(upload)):
            if isinstance(outcome, Refused):
                yield Refusal(outcome.source, outcome.error.code, str(outcome.error))
            else:
                try:
                    findings = reader.read(outcome, override_gate=override_gate)
                except ScanError as error:
                    yield Refusal(outcome.source, error.code, str(error))
                    continue
                if on_scan:
                    on_scan(outcome, findings)
                yield findings


def group_refusals(refused: Iterable[Refusal]) -> list[Refusal]:
    """The same refusals, those for one reason together under the first three names.

    A medium holds programs and texts by the hundred beside the scans.
    """
    alike: dict[tuple[str, str], list[str]] = {}
    for refusal in refused:
        alike.setdefault((refusal.code, refusal.message), []).append(refusal.source)
    return [Refusal(join_names(sources), *reason) for reason, sources in alike.items()]


def join_names(sources: Sequence[str]) -> str:
    """The first three names, and how many more there are."""
    named = ", ".join(sources[:MAX_NAMES])
    left = len(sources) - MAX_NAMES
    return f"{named} and {left:,} more" if left > 0 else named


def list_files(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    """Each file to read and what to call it; see `read_paths`. Links to folders are not followed."""
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
    """A name whose bytes are no UTF-8 cannot be printed as it is."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _list_folder(found: list[tuple[Path, str]], top: Path, error: OSError) -> None:
    """List a folder that cannot be walked, so that it is refused by name and not passed over."""
    folder = Path(error.filename)
    found.append((folder, _as_text(folder.relative_to(top).as_posix())))
