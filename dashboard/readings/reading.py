"""What becomes of a visitor's files: readings, with what is needed to show them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from core.errors import ScanError, StrokeError
from core.imaging import PICTURE_SIZE, cut_picture, show_picture
from core.reading import Findings, Reader, SliceFinding
from core.scans import LEARNED, Refused, Scan, Technical, Window, formats, iterate_study
from dashboard.readings.uploads import Upload


@dataclass(frozen=True, eq=False)
class Reading:
    """A scan and what came of it: findings with one picture per slice, or the reason of a refusal.

    Attributes:
        name: of the file or series, from outside: shown as plain text only.
        synthetic: whether this program drew it.
        findings: what the networks say; None where the scan was refused.
        pictures: (n, 512, 512), framed as the networks see the slices: uint8 gray, or int16 Hounsfield units.
        technical: geometry and the like.
        window: the networks' own.
        refusal: why it was not read.
        key: of the files that it came with; None where these were not kept for a second try.
    """

    name: str
    synthetic: bool = False
    findings: Findings | None = None
    pictures: np.ndarray = field(default_factory=lambda: np.empty((0, 1, 1), np.uint8))
    technical: Technical = field(default_factory=Technical)
    window: Window = LEARNED
    refusal: StrokeError | None = None
    key: str = ""

    @property
    def has_hounsfield_units(self) -> bool:
        """Whether windows can be chosen."""
        return self.pictures.dtype == np.int16

    def picture(self, index: int, window: Window | None = None) -> np.ndarray:
        """(512, 512) uint8 gray of a slice; in Hounsfield units through this window, or the networks' own."""
        return show_picture(self.pictures[index], window or self.window)


@dataclass(frozen=True, eq=False)
class Step:
    """How far the reading of files has come.

    Attributes:
        done, total: slices of the scan that is being read; of a total of 0 while files are being decoded.
        n_files: how many files have been decoded; 0 once slices are read.
        so_far: what has been read of the scan, without a verdict; None before its first slices.
    """

    done: int = 0
    total: int = 0
    n_files: int = 0
    so_far: Reading | None = None


OnStep = Callable[[Step], None]


def group_uploads(uploads: Sequence[Upload]) -> list[list[Upload]]:
    """Files that are read together: DICOM files, which may be one series; any other file is alone.

    The order is that of each group's first file.
    """
    groups: list[list[Upload]] = []
    dicom: list[Upload] = []
    for upload in uploads:
        if not _is_dicom(upload.data):
            groups.append([upload])
        else:
            if not dicom:
                groups.append(dicom)
            dicom.append(upload)
    return groups


def key_of(group: Sequence[Upload]) -> str:
    """A key of the files of a group: of their contents and names, as a hash."""
    digest = hashlib.sha256()
    for upload in group:
        digest.update(hashlib.sha256(upload.data).digest() + hashlib.sha256(upload.name.encode()).digest())
    return digest.hexdigest()


def read_group(
    reader: Reader, group: Sequence[Upload], *, override_gate: bool = False, on_step: OnStep | None = None
) -> list[Reading]:
    """Read files that were handed in together; they are decoded in a process of their own.

    Args:
        reader: the networks.
        group: see `group_uploads`.
        override_gate: read also what does not look like a head CT.
        on_step: told how far the reading has come, every few slices; what it raises ends the reading.
    """
    readings = []
    tell = on_step or (lambda step: None)
    key, synthetic = key_of(group), group[0].synthetic
    files = ((upload.name, upload.data) for upload in group)
    for outcome in iterate_study(files, on_file=lambda n_files: tell(Step(n_files=n_files))):
        if isinstance(outcome, Refused):
            readings.append(Reading(outcome.source, synthetic, refusal=outcome.error, key=key))
            continue
        window = reader.experiment.recipe.window
        drawing = _Drawing(outcome, reader, Reading(outcome.source, synthetic, window=window, key=key))
        tell(drawing.step())

        def go_on(slices: Sequence[SliceFinding], drawing: _Drawing = drawing) -> None:
            drawing.add(slices)
            tell(drawing.step())

        try:
            findings = reader.read(outcome, override_gate=override_gate, on_slices=go_on)
        except ScanError as refusal:
            readings.append(Reading(outcome.source, synthetic, refusal=refusal, key=key))
            continue
        readings.append(replace(drawing.so_far(), findings=findings))
    return readings


class _Drawing:
    """The reading of a scan as it grows: findings, and a picture for each."""

    def __init__(self, scan: Scan, reader: Reader, empty: Reading) -> None:
        self._scan, self._reader = scan, reader
        self._empty = replace(empty, technical=scan.technical)
        self._slices: list[SliceFinding] = []
        kind = np.uint8 if scan.unit == "gray" else np.int16
        self._pictures = np.empty((len(scan.slices), PICTURE_SIZE, PICTURE_SIZE), kind)

    def add(self, slices: Sequence[SliceFinding]) -> None:
        """Draw the slices that were read."""
        recipe = self._reader.experiment.recipe
        for finding in slices:
            piece = self._scan.slices[finding.index]
            self._pictures[finding.index] = cut_picture(piece, self._scan.unit, recipe)
        self._slices += slices

    def so_far(self) -> Reading:
        """What has been read, without a verdict."""
        scan, n_done = self._scan, len(self._slices)
        findings = Findings(
            scan.source,
            scan.sha256,
            self._reader.experiment.name,
            tuple(self._slices),
            technical=scan.technical,
        )
        return replace(self._empty, findings=findings, pictures=self._pictures[:n_done])

    def step(self) -> Step:
        """How far it has come."""
        return Step(len(self._slices), len(self._scan.slices), so_far=self.so_far() if self._slices else None)


def _is_dicom(data: bytes) -> bool:
    try:
        return bool(data) and formats.identify(data).name == "DICOM"
    except ScanError:
        return False
