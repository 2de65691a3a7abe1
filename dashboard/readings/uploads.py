"""What a visitor hands in: files under names of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile


@dataclass(frozen=True)
class Upload:
    """A file that a visitor handed in, or a synthetic sample: a name for showing, and its bytes."""

    name: str
    data: bytes
    synthetic: bool = False


def received(files: list[UploadedFile]) -> list[Upload]:
    """The files in the drop zone, as uploads."""
    return [Upload(file.name, file.getvalue()) for file in files]


def tell_apart(uploads: list[Upload]) -> list[Upload]:
    """Return the same uploads, each under a name of its own."""
    names = tell_names_apart([upload.name for upload in uploads])
    return [replace(upload, name=name) for upload, name in zip(uploads, names, strict=True)]


def tell_names_apart(names: Sequence[str]) -> list[str]:
    """Return the names, all different: a second "1.jpg" becomes "1.jpg (2)".

    >>> tell_names_apart(["1.jpg", "1.jpg", "2.jpg"])
    ['1.jpg', '1.jpg (2)', '2.jpg']
    """
    apart: dict[str, None] = {}
    for name in names:
        own, number = name, 1
        while own in apart:
            number += 1
            own = f"{name} ({number})"
        apart[own] = None
    return list(apart)
