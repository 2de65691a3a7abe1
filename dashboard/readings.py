"""What becomes of a visitor's files: readings, with what is needed to show them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.errors import ScanError, StrokeError
from core.prediction import Findings, Reader
from core.scan_pictures import PICTURE_SIZE, cut_picture, show_picture
from core.scans import Refused, Scan, Technical, formats, iterate_study
from core.scans.windows import Window
from dashboard.uploads import Upload

OnSlice = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Reading:
    """A scan and what came of it: findings with one picture per slice, or the reason of a refusal.

    Attributes:
        name: of the file or series, from outside: shown as plain text only.
        synthetic: whether this program drew it.
        findings: what the networks say; None where the scan was refused.
        pictures: (n, 512, 512), framed as the networks see the slices: uint8 gray, or int16 Hounsfield units.
        technical: geometry and the like.
        refusal: why it was not read.
        key: of the files that it came with; None where these were not kept for a second try.
    """

    name: str
    synthetic: bool = False
    findings: Findings | None = None
    pictures: np.ndarray = field(default_factory=lambda: np.empty((0, 1, 1), np.uint8))
    technical: Technical = field(default_factory=Technical)
    refusal: StrokeError | None = None
    key: str = ""

    @property
    def has_hounsfield_units(self) -> bool:
        """Whether windows can be chosen."""
        return self.pictures.dtype == np.int16

    def picture(self, index: int, window: Window | None = None) -> np.ndarray:
        """(512, 512) uint8 gray of a slice; in Hounsfield units through this window, or the networks' own."""
        return show_picture(self.pictures[index], window)


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
    reader: Reader, group: Sequence[Upload], *, override_gate: bool = False, on_slice: OnSlice | None = None
) -> list[Reading]:
    """Read files that were handed in together, in a process of their own.

    Args:
        reader: the networks.
        group: see `group_uploads`.
        override_gate: read also what does not look like a head CT.
        on_slice: called with slices done and their total, for each scan.
    """
    readings = []
    key, synthetic = key_of(group), group[0].synthetic
    for outcome in iterate_study((upload.name, upload.data) for upload in group):
        if isinstance(outcome, Refused):
            readings.append(Reading(outcome.source, synthetic, refusal=outcome.error, key=key))
            continue
        try:
            findings = reader.read(outcome, override_gate=override_gate, on_slices=None)
        except ScanError as refusal:
            readings.append(Reading(outcome.source, synthetic, refusal=refusal, key=key))
            continue
        pictures = _draw_pictures(outcome, reader)
        readings.append(Reading(outcome.source, synthetic, findings, pictures, outcome.technical, key=key))
    return readings


def _draw_pictures(scan: Scan, reader: Reader) -> np.ndarray:
    pictures = np.empty(
        (len(scan.slices), PICTURE_SIZE, PICTURE_SIZE), np.uint8 if scan.unit == "gray" else np.int16
    )
    for index, piece in enumerate(scan.slices):
        pictures[index] = cut_picture(piece, scan.unit, reader.experiment.recipe)
    return pictures


def _is_dicom(data: bytes) -> bool:
    try:
        return bool(data) and formats.identify(data).name == "DICOM"
    except ScanError:
        return False
