"""Find slices of the published set in other data sets, whatever they are called there.

The pictures of the published set go round under other names and with other labels. known_pictures.npz holds
one row per slice of it: numbers only, from which no picture can be made again. `python -m
tests.make_known_pictures FOLDER` makes the file from the published set; a test compares both.

A file is an exact copy if its SHA-256 is that of a slice, and a near-copy if its perceptual hash differs from
that of a slice in at most `KNOWN_BITS` bits, also when it is turned by 90 degrees or mirrored. If many
files of a set (2 %) are such copies, all turned or mirrored in the same way, `LIKELY_BITS` are allowed for
that way.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.datasets import KNOWN_DATASET, Dataset, read_pixels
from core.errors import DatasetError
from core.imaging import HASH_BITS, count_differing_bits, hash_picture, turn_hashes

KNOWN_FILE = Path(__file__).with_name("known_pictures.npz")
KNOWN_CLASSES = ("Normal", "Stroke")

# Largest difference of a near-copy, in bits of a 16 x 16 perceptual hash. Slices saved again or resized
# differ in 0 to 8 bits, turned ones in up to 16, brightened ones in up to 24. Of 4,732 slices of five other
# sources of head CT, the nearest differs in 14 bits.
KNOWN_BITS = 10
# The largest difference if at least this share of the files are copies in the same position. Seven of the
# 4,732 slices differ in so few bits.
LIKELY_BITS = 20
_LIKELY_SHARE = 0.02

_DIGEST_BYTES = 8
_WORDS = 4  # of 64 bits, in a hash
_POSITIONS = 8  # as it is, mirrored, turned by 90 degrees ...
_ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class NameCount:
    """The files that have one name here and one class in the published set.

    Attributes:
        name: what the files are called here.
        known_class: their class there.
        n: number of files.
        n_showing: files whose slice shows a hemorrhage there, by the file-number rule.
    """

    name: str
    known_class: str
    n: int
    n_showing: int


@dataclass(frozen=True, eq=False)
class KnownPictures:
    """The files of a data set that are slices of the published set.

    Attributes:
        n_files: files compared.
        table: one row per file that is a slice of the published set: `file`, `name` (what it is called here),
            `known_file` (its file there), `known_class`, `shows_hemorrhage` (bool, by the file-number rule),
            `is_exact` (bool: the same bytes) and `bits` (differing bits of the hash; 0 if exact).
    """

    n_files: int
    table: pd.DataFrame

    @property
    def n_exact(self) -> int:
        """Return the number of files with the bytes of a slice."""
        return int(self.table["is_exact"].sum())

    @property
    def n_near(self) -> int:
        """Return the number of near-copies."""
        return len(self.table) - self.n_exact

    def count_names(self) -> tuple[NameCount, ...]:
        """Count the files by their name here and their class there, the most frequent first."""
        groups = self.table.groupby(["name", "known_class"], sort=True)["shows_hemorrhage"]
        counts = [
            NameCount(str(name), str(known), len(shows), int(shows.sum())) for (name, known), shows in groups
        ]
        return tuple(sorted(counts, key=lambda one: -one.n))

    def describe(self) -> tuple[str, ...]:
        """Return sentences on what was found; none if no file is a slice of the published set."""
        n = len(self.table)
        if not n:
            return ()
        counts = ((self.n_exact, "with the same bytes"), (self.n_near, "changed or saved again"))
        copies = ", ".join(f"{count:,} {words}" for count, words in counts if count)
        slices = "is a slice" if n == 1 else "are slices"
        return (
            f"{n:,} of your {self.n_files:,} files {slices} of the published set, {KNOWN_DATASET['name']}, "
            f"whose pictures are those of PhysioNet CT-ICH: {copies}.",
            *map(_describe_name, self.count_names()),
            "There, Stroke means a patient with a traumatic hemorrhage; no slice is labeled as an ischemic "
            "stroke. Networks trained on the published set have met these slices, so they are no fair test.",
        )


def find_known_pictures(
    dataset: Dataset,
    hashes: NDArray[np.uint8] | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    n_probe: int | None = None,
) -> KnownPictures:
    """Find the files of a data set that are slices of the published set.

    Args:
        dataset: the indexed set.
        hashes: (n, 32) uint8 perceptual hashes of the table's rows. Without them, each picture that is not an
            exact copy is read.
        progress: called as progress(pictures read, total) where they are read.
        n_probe: read at most so many pictures, spread over the set, and the others only if one of these is a
            near-copy.

    Raises:
        MissingExtraError: when ImageHash is not installed.
        ScanError: when a picture has vanished or been damaged since the set was indexed.
    """
    known, table = _read_known(), dataset.table
    place = {bytes(digest): row for row, digest in enumerate(known["digests"])}
    digests = [bytes.fromhex(digest[: 2 * _DIGEST_BYTES]) for digest in table["sha256"]]
    rows = np.array([place.get(digest, -1) for digest in digests], dtype=np.int64)
    is_exact = rows >= 0
    nearest = np.zeros((len(rows), _POSITIONS), np.int64)
    distances = np.full((len(rows), _POSITIONS), HASH_BITS + 1)
    distances[is_exact, 0] = 0
    for others in _choose_parts(np.flatnonzero(~is_exact), n_probe):
        own = _hash_rows(dataset, others, progress) if hashes is None else hashes[others]
        nearest[others], distances[others] = _find_nearest(own, known["hashes"])
        if (distances[others] > KNOWN_BITS).all():
            break
    position, bits = _choose_position(distances)
    is_near = ~is_exact & (bits <= HASH_BITS)
    rows[is_near] = nearest[is_near, position[is_near]]
    found = np.flatnonzero(rows >= 0)
    there = rows[found]
    classes = np.array(KNOWN_CLASSES)[known["folder_labels"][there]]
    places = zip(classes, known["patients"][there], known["numbers"][there], strict=True)
    return KnownPictures(
        n_files=len(table),
        table=pd.DataFrame(
            {
                "file": table["file"].to_numpy()[found],
                "name": _name_rows(dataset)[found],
                "known_file": [f"{name}/{patient} ({number}).jpg" for name, patient, number in places],
                "known_class": classes,
                "shows_hemorrhage": known["slice_labels"][there] == 1,
                "is_exact": is_exact[found],
                "bits": bits[found],
            }
        ),
    )


def list_known_hashes(digests: Collection[str]) -> NDArray[np.uint64]:
    """Return the perceptual hashes, in every position, of some slices of the published set.

    Args:
        digests: SHA-256 of files; those of other sets are ignored.

    Returns:
        (8 n, 4), for `is_near_copy`.
    """
    known = _read_known()
    wanted = {digest[: 2 * _DIGEST_BYTES] for digest in digests}
    rows = [bytes(digest).hex() in wanted for digest in known["digests"]]
    return turn_hashes(known["hashes"][rows]).reshape(-1, HASH_BITS // 8).view(np.uint64)


def is_near_copy(pixels: NDArray[np.float32], hashes: NDArray[np.uint64]) -> bool:
    """Return whether a picture (h, w) in [0, 1] is a near-copy of a slice with one of the hashes."""
    differing = count_differing_bits(hash_picture(pixels).view(np.uint64), hashes)
    return bool(differing.size and differing.min() <= KNOWN_BITS)


def pack_known_pictures(dataset: Dataset) -> bytes:
    """Return the bytes of known_pictures.npz, made from the published set.

    Raises:
        DatasetError: it is another set.
    """
    if not dataset.is_known:
        raise DatasetError(
            "Known pictures can only be made from the published set",
            found=f"fingerprint {dataset.fingerprint[:12]}...",
            remedy="download it with: stroke-ct download",
        )
    table = dataset.table
    digests = [list(bytes.fromhex(digest[: 2 * _DIGEST_BYTES])) for digest in table["sha256"]]
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        hashes=_hash_rows(dataset, np.arange(len(table))),
        digests=np.array(digests, dtype=np.uint8),
        folder_labels=table["folder_label"].to_numpy(np.uint8),
        slice_labels=table["slice_label"].to_numpy(np.uint8),
        patients=table["patient"].to_numpy(np.uint8),
        numbers=table["number"].to_numpy(np.uint8),
    )
    return stream.getvalue()


def _choose_parts(rows: NDArray[np.int64], n_probe: int | None) -> list[NDArray[np.int64]]:
    """Return the rows in one part, or in two of which the first is a probe; no part is empty."""
    if n_probe is None or len(rows) <= n_probe:
        return [rows] if len(rows) else []
    probe = np.linspace(0, len(rows) - 1, n_probe).round().astype(np.int64)
    return [rows[probe], np.delete(rows, probe)]


@cache
def _read_known() -> dict[str, NDArray[np.uint8]]:
    with np.load(KNOWN_FILE, allow_pickle=False) as arrays:
        return dict(arrays)


def _hash_rows(
    dataset: Dataset, rows: NDArray[np.int64], progress: Callable[[int, int], None] | None = None
) -> NDArray[np.uint8]:
    """Return (n, 32) uint8 perceptual hashes of some rows of the table."""
    hashes = []
    for done, file in enumerate(dataset.table["file"].iloc[rows], start=1):
        hashes.append(hash_picture(read_pixels(dataset, file)))
        if progress:
            progress(done, len(rows))
    return np.stack(hashes)


def _find_nearest(
    hashes: NDArray[np.uint8], known: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, (n, 8) each, the row of the nearest known hash in each position, and the differing bits."""
    own = hashes.view(np.uint64)
    nearest = np.empty((len(own), _POSITIONS), np.int64)
    bits = np.empty((len(own), _POSITIONS), np.int64)
    for position, turned in enumerate(turn_hashes(known).view(np.uint64)):
        for start in range(0, len(own), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            # Word by word: summing over a last axis of four is many times slower.
            distances = np.zeros((len(own[part]), len(known)), np.uint16)
            for word in range(_WORDS):
                distances += np.bitwise_count(own[part, None, word] ^ turned[None, :, word])
            found = distances.argmin(axis=1)
            nearest[part, position] = found
            bits[part, position] = np.take_along_axis(distances, found[:, None], axis=1)[:, 0]
    return nearest, bits


def _choose_position(bits: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each file the position of its nearest slice, and the differing bits.

    Args:
        bits: (n, 8) of each file and position.

    Returns:
        Two arrays (n,); the bits are above HASH_BITS if the file is no copy.
    """
    shares = (bits <= KNOWN_BITS).mean(axis=0)
    limits = np.where(shares >= _LIKELY_SHARE, LIKELY_BITS, KNOWN_BITS)
    allowed = np.where(bits <= limits, bits, HASH_BITS + 1)
    return allowed.argmin(axis=1), allowed.min(axis=1)


def _describe_name(one: NameCount) -> str:
    verbs = ["is" if one.n == 1 else "are", "shows" if one.n_showing == 1 else "show"]
    sentence = f"{one.n:,} called {one.name!r} here {verbs[0]} {one.known_class} there"
    showing = f"; of these, {one.n_showing:,} {verbs[1]} a hemorrhage" if one.n_showing else ""
    return f"{sentence}{showing}."


def _name_rows(dataset: Dataset) -> NDArray[np.object_]:
    """Return what each row of the table is called: its class folder, or its labels in the manifest."""
    if dataset.manifest is None:
        return np.array(dataset.classes, dtype=object)[dataset.table["folder_label"].to_numpy(np.int64)]
    words = {1: "present", 0: "absent"}
    labels = dataset.table[list(dataset.findings)].itertuples(index=False)
    named = (zip(dataset.findings, row, strict=True) for row in labels)
    called = [", ".join(f"{finding} {words[one]}" for finding, one in row if one in words) for row in named]
    return np.array([one or "unlabeled" for one in called], dtype=object)
