"""What a visitor hands in: files under names of their own."""

from __future__ import annotations

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
    """The same uploads, each under a name of its own: a second "1.jpg" becomes "1.jpg (2)"."""
    taken: set[str] = set()
    apart = []
    for upload in uploads:
        name, number = upload.name, 1
        while name in taken:
            number += 1
            name = f"{upload.name} ({number})"
        taken.add(name)
        apart.append(replace(upload, name=name))
    return apart
