"""Read single DICOM attributes that may be missing or damaged."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException

from core.errors import ScanError

# Errors that converting a damaged attribute may raise.
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
    """Return the error for a DICOM file with damaged content."""
    return ScanError(
        "The DICOM file is damaged or cut off", remedy="copy or export it again", code="truncated"
    )


def read_text(dataset: Dataset, name: str) -> str:
    """Return an attribute as upper-case text, "" when missing. For comparison only, never for display."""
    try:
        return str(dataset.get(name, "") or "").strip().upper()
    except _UNREADABLE:
        return ""


def read_texts(dataset: Dataset, name: str) -> list[str]:
    """Return all values of an attribute as upper-case text. For comparison only, never for display.

    In a file of many frames, the attribute may stand in the groups of all frames or of the first.
    """
    try:
        value = dataset.get(name) or _find_in_groups(dataset, name)
    except _UNREADABLE:
        return []
    several = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    return [text for one in (value if several else [value]) if (text := str(one or "").strip().upper())]


def _find_in_groups(dataset: Dataset, name: str) -> Any:
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in (dataset.get(groups) or [])[:1]:
            for element in group:
                for item in element.value if element.VR == "SQ" else ():
                    if value := item.get(name):
                        return value
    return None


def read_number(dataset: Dataset, name: str) -> float | None:
    """Return an attribute's first number, or None; see `read_numbers`."""
    values = read_numbers(dataset, name)
    return values[0] if values else None


def read_numbers(dataset: Dataset, name: str) -> list[float] | None:
    """Return all numbers of an attribute, or None when it is missing or any number is not finite.

    A decimal comma, which some systems write, is read as a point.
    """
    try:
        value = dataset.get(name)
        if value is None or value == "":
            return None
        values = [
            float(one)
            for one in (value if isinstance(value, Sequence) and not isinstance(value, str) else [value])
        ]
    except _UNREADABLE:
        values = _read_decimal_commas(dataset, name)
    return values if values and all(map(math.isfinite, values)) else None


def is_given(dataset: Dataset, name: str) -> bool:
    """Return whether an attribute holds anything, readable or not."""
    raw = dataset.get_item(name)
    return raw is not None and raw.value not in (None, "", b"")


def _read_decimal_commas(dataset: Dataset, name: str) -> list[float]:
    try:
        raw = dataset.get_item(name)
        text = raw.value if raw is not None else ""
        text = text.decode("ascii") if isinstance(text, bytes) else str(text)
        return [float(one.replace(",", ".")) for one in text.split("\\")]
    except _UNREADABLE:
        return []


def read_frame_numbers(dataset: Dataset, index: int, sequence: str, name: str) -> list[float] | None:
    """Return the numbers for one frame: its own, those shared by all frames, or those of the whole file."""
    for groups, place in (("PerFrameFunctionalGroupsSequence", index), ("SharedFunctionalGroupsSequence", 0)):
        items = dataset.get(groups)
        if items is None or not place < len(items):
            continue
        inner = items[place].get(sequence)
        if inner and (found := read_numbers(inner[0], name)) is not None:
            return found
    single = read_number(dataset, "NumberOfFrames") in (None, 0, 1)
    # In a file of many frames, a single position in its header belongs to no frame.
    return read_numbers(dataset, name) if single or name != "ImagePositionPatient" else None


def read_frame_number(dataset: Dataset, index: int, sequence: str, name: str) -> float | None:
    """Return the first of `read_frame_numbers`, or None."""
    values = read_frame_numbers(dataset, index, sequence, name)
    return values[0] if values else None


def read_integer(dataset: Dataset, name: str, default: int | None = None) -> int:
    """Return an integer attribute, or the default when it is missing.

    Raises:
        ScanError: it is missing and there is no default.
        ValueError, TypeError: it is not a number.
    """
    value = dataset.get(name)
    if value is None or value == "":
        if default is None:
            raise damaged()
        return default
    return int(value)
