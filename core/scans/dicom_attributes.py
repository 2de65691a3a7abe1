"""Attributes of a DICOM file, read with doubt: what is missing or damaged is told apart from a value."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException

from core.errors import ScanError

# What converting a damaged attribute raises.
_UNREADABLE = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    NotImplementedError,
    OverflowError,
    struct.error,
    BytesLengthException,
)


def damaged() -> ScanError:
    """The error for whatever is broken inside a DICOM file."""
    return ScanError(
        "The DICOM file is damaged or cut off", remedy="copy or export it again", code="truncated"
    )


def text(dataset: Dataset, name: str) -> str:
    """An attribute as upper-case text, "" when it is missing; to be compared, never to be shown."""
    try:
        return str(dataset.get(name, "") or "").strip().upper()
    except _UNREADABLE:
        return ""


def number(dataset: Dataset, name: str) -> float | None:
    """An attribute's first finite number, or None."""
    values = numbers(dataset, name)
    return values[0] if values else None


def numbers(dataset: Dataset, name: str) -> list[float] | None:
    """All numbers of an attribute; None when it is missing or any of them is not finite."""
    try:
        value = dataset.get(name)
        if value is None or value == "":
            return None
        values = [
            float(one)
            for one in (value if isinstance(value, Sequence) and not isinstance(value, str) else [value])
        ]
    except _UNREADABLE:
        return None
    return values if values and all(map(math.isfinite, values)) else None


def frame_numbers(dataset: Dataset, index: int, sequence: str, name: str) -> list[float] | None:
    """Numbers that belong to one frame: its own, or shared by all (enhanced objects), or the file's."""
    for groups, place in (("PerFrameFunctionalGroupsSequence", index), ("SharedFunctionalGroupsSequence", 0)):
        items = dataset.get(groups)
        if items is None or not place < len(items):
            continue
        inner = items[place].get(sequence)
        if inner and (found := numbers(inner[0], name)) is not None:
            return found
    single = whole(dataset, "NumberOfFrames", 1) == 1
    # One position in the head of a file of many frames is that of none of them.
    return numbers(dataset, name) if single or name != "ImagePositionPatient" else None


def frame_number(dataset: Dataset, index: int, sequence: str, name: str) -> float | None:
    """The first of `frame_numbers`."""
    values = frame_numbers(dataset, index, sequence, name)
    return values[0] if values else None


def whole(dataset: Dataset, name: str, default: int | None = None) -> int:
    """A whole number; the default when it is missing, and an error when there is none."""
    value = dataset.get(name)
    if value is None or value == "":
        if default is None:
            raise damaged()
        return default
    return int(value)
