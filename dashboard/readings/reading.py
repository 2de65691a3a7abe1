"""Read a visitor's files: findings, and the pictures to show them with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from core.errors import ScanError, StrokeError
from core.imaging import PICTURE_SIZE, cut_picture, show_picture
from core.reading import Findings, PanelFindings, Reader, SliceFinding, read_together
from core.scans import LEARNED, Refused, Scan, Window, formats, iterate_study
from dashboard.readings.uploads import Upload


@dataclass(frozen=True, eq=False)
class Reading:
    """A scan that was read, with one picture per slice, or refused.

    Attributes:
        name: name of the file or series. It is untrusted: show it as plain text only.
        synthetic: whether this program made it.
        parts: the findings of each experiment of the panel; empty if the scan was refused.
        place: of the findings on screen among `parts`.
        pictures: (n, 512, 512), framed as the networks see the slices: uint8 gray, or int16 Hounsfield units.
        window: the window of the networks.
        refusal: the reason why it was not read; None if it was read.
        key: of the group of files it belongs to, see `hash_group`; "" if unknown.
    """

    name: str
    synthetic: bool = False
    parts: PanelFindings = ()
    place: int = 0
    pictures: np.ndarray = field(default_factory=lambda: np.empty((0, 1, 1), np.uint8))
    window: Window = LEARNED
    refusal: StrokeError | None = None
    key: str = ""

    @property
    def findings(self) -> Findings | None:
        """Return the findings on screen; None if the scan was refused."""
        return self.parts[self.place] if self.parts else None

    @property
    def has_hounsfield_units(self) -> bool:
        """Return whether the pictures are in Hounsfield units, so that a window can be chosen."""
        return self.pictures.dtype == np.int16

    def picture(self, index: int, window: Window | None = None) -> np.ndarray:
        """Return a slice as (512, 512) uint8 gray, through a window (the networks' by default) if in HU."""
        return show_picture(self.pictures[index], window or self.window)


@dataclass(frozen=True, eq=False)
class Step:
    """The progress of a reading.

    Attributes:
        done, total: slices of the current scan; 0, 0 while files are being decoded.
        n_files: number of files decoded so far; 0 once slices are being read.
        so_far: the slices read so far, without a verdict; None before the first.
    """

    done: int = 0
    total: int = 0
    n_files: int = 0
    so_far: Reading | None = None


OnStep = Callable[[Step], None]


def group_uploads(uploads: Sequence[Upload]) -> list[list[Upload]]:
    """Group files to be read together: all DICOM files, which may form series; each other file alone.

    Files of unknown format are with the DICOM files, if there are any: they may be damaged slices, or
    programs and leftovers of an operating system, of which nothing is said beside slices. Groups are in the
    order of their first files.
    """
    names = [formats.identify(upload.data).name for upload in uploads]
    together = ("DICOM", formats.UNKNOWN.name) if "DICOM" in names else ()
    groups: list[list[Upload]] = []
    study: list[Upload] = []
    for upload, name in zip(uploads, names, strict=True):
        if name not in together:
            groups.append([upload])
        else:
            if not study:
                groups.append(study)
            study.append(upload)
    return groups


def hash_group(group: Sequence[Upload]) -> str:
    """Return a SHA-256 over the contents and names of a group's files, as hex digits."""
    digest = hashlib.sha256()
    for upload in group:
        digest.update(hashlib.sha256(upload.data).digest() + hashlib.sha256(upload.name.encode()).digest())
    return digest.hexdigest()


def read_group(
    readers: Sequence[Reader],
    group: Sequence[Upload],
    *,
    override_gate: bool = False,
    on_step: OnStep | None = None,
) -> list[Reading]:
    """Read files that belong together; they are decoded in a separate process.

    Args:
        readers: one for each experiment of the panel.
        group: see `group_uploads`.
        override_gate: whether to read also scans that do not look like a head CT.
        on_step: called with the progress every few slices; an exception it raises ends the reading.

    Returns:
        One reading per scan, and one with `refusal` per file or scan that was refused.
    """
    readings = []
    report = on_step or (lambda step: None)
    key, synthetic = hash_group(group), group[0].synthetic
    files = ((upload.name, upload.data) for upload in group)
    for outcome in iterate_study(files, on_file=lambda n_files: report(Step(n_files=n_files))):
        if isinstance(outcome, Refused):
            readings.append(Reading(outcome.source, synthetic, refusal=outcome.error, key=key))
            continue
        empty = Reading(outcome.source, synthetic, window=readers[0].experiment.recipe.window, key=key)
        readings.append(read_whole(readers, outcome, empty, override_gate=override_gate, on_step=report))
    return readings


def read_whole(
    readers: Sequence[Reader],
    scan: Scan,
    empty: Reading,
    *,
    override_gate: bool = False,
    on_step: OnStep | None = None,
) -> Reading:
    """Read one scan; the arguments are as those of `read_group`.

    Args:
        empty: the reading without findings.
    """
    report = on_step or (lambda step: None)
    partial = _PartialReading(scan, readers, empty)
    report(partial.to_step())

    def add_slices(slices: Sequence[Sequence[SliceFinding]]) -> None:
        partial.add(slices)
        report(partial.to_step())

    try:
        parts = read_together(readers, scan, override_gate=override_gate, on_slices=add_slices)
    except ScanError as refusal:
        return replace(empty, refusal=refusal)
    return replace(partial.to_reading(), parts=parts)


class _PartialReading:
    """A scan that is being read: the findings so far, and a picture for each."""

    def __init__(self, scan: Scan, readers: Sequence[Reader], empty: Reading) -> None:
        self._scan, self._readers = scan, readers
        self._empty = empty
        self._slices: list[list[SliceFinding]] = [[] for _ in readers]
        kind = np.uint8 if scan.unit == "gray" else np.int16
        self._pictures = np.empty((len(scan.slices), PICTURE_SIZE, PICTURE_SIZE), kind)

    def add(self, slices: Sequence[Sequence[SliceFinding]]) -> None:
        """Add the findings of each reader on more slices, and cut their pictures."""
        recipe = self._readers[0].experiment.recipe
        for finding in slices[0]:
            piece = self._scan.slices[finding.index]
            self._pictures[finding.index] = cut_picture(piece, self._scan.unit, recipe, turned=finding.turned)
        for own, new in zip(self._slices, slices, strict=True):
            own += new

    def to_reading(self) -> Reading:
        """Return the slices read so far, without a verdict."""
        scan = self._scan
        parts = tuple(
            Findings(
                scan.source,
                scan.sha256,
                reader.experiment.name,
                tuple(slices),
                technical=scan.technical,
                unfinished=True,
            )
            for reader, slices in zip(self._readers, self._slices, strict=True)
        )
        return replace(self._empty, parts=parts, pictures=self._pictures[: len(self._slices[0])])

    def to_step(self) -> Step:
        """Return the progress."""
        n_done = len(self._slices[0])
        so_far = self.to_reading() if n_done else None
        return Step(n_done, len(self._scan.slices), so_far=so_far)
