"""The files that a visitor uploads, each under a unique name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile


@dataclass(frozen=True)
class Upload:
    """An uploaded file or a synthetic sample: its name to show, and its bytes."""

    name: str
    data: bytes
    synthetic: bool = False


def list_uploads(files: list[UploadedFile]) -> list[Upload]:
    """Return the files in the drop zone as uploads."""
    return [Upload(file.name, file.getvalue()) for file in files]


def rename_duplicates(uploads: list[Upload]) -> list[Upload]:
    """Return the same uploads with unique names; see `number_duplicates`."""
    names = number_duplicates([upload.name for upload in uploads])
    return [replace(upload, name=name) for upload, name in zip(uploads, names, strict=True)]


def number_duplicates(names: Sequence[str]) -> list[str]:
    """Return the names made unique: a second "1.jpg" becomes "1.jpg (2)".

    >>> number_duplicates(["1.jpg", "1.jpg", "2.jpg"])
    ['1.jpg', '1.jpg (2)', '2.jpg']
    """
    unique: dict[str, None] = {}
    for name in names:
        candidate, number = name, 1
        while candidate in unique:
            number += 1
            candidate = f"{name} ({number})"
        unique[candidate] = None
    return list(unique)
