"""Create and validate an entry: a tag or a note on a case, with author and time."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from core.errors import AnnotationError
from core.system import replace_unprintable

TAGS = ("wrong label", "artefact", "border of lesion", "poor quality", "interesting", "other")
UNKNOWN_AUTHOR = "unknown"
MAX_NOTE = 2000
MAX_AUTHOR = 80
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Case:
    """A slice of a data set: SHA-256 of its file, and fingerprint of the data set (both 64 hex digits)."""

    sha256: str
    dataset: str


@dataclass(frozen=True)
class Entry:
    """A tag or a note on a case.

    Attributes:
        id: hash of the fields case, tag, note, author and created; equal in every database.
        case: the case.
        tag: one of TAGS, "" for a note.
        note: the text of a note, "" for a tag.
        author: as typed by the user; UNKNOWN_AUTHOR if empty.
        created: UTC time, ISO 8601 with microseconds.
        removed: time of removal, "" if not removed.
        removed_by: who removed it, "" if not removed.
    """

    id: str
    case: Case
    tag: str
    note: str
    author: str
    created: str
    removed: str = ""
    removed_by: str = ""


def make_entry(case: Case, *, tag: str = "", note: str = "", author: str = "", created: str = "") -> Entry:
    """Create a valid entry.

    Args:
        case: the case.
        tag, note: exactly one of them.
        author: empty for UNKNOWN_AUTHOR.
        created: ISO 8601 with time zone; now if empty.

    Raises:
        AnnotationError: an argument is not valid.
    """
    for name, value in (("file hash", case.sha256), ("data set fingerprint", case.dataset)):
        if not _HASH.fullmatch(value):
            raise AnnotationError(f"The {name} is not a SHA-256", found=repr(value)[:80])
    note = clean(note, "\n")
    if bool(tag) == bool(note):
        raise AnnotationError(
            "An entry needs either a tag or a note", found="it has both" if tag else "it has neither"
        )
    if tag and tag not in TAGS:
        raise AnnotationError(
            "This tag is unknown", found=tag[:80], remedy=f"choose one of {', '.join(TAGS)}"
        )
    if len(note) > MAX_NOTE:
        raise AnnotationError(f"A note has at most {MAX_NOTE:,} characters", found=f"{len(note):,}")
    author, created = clean_author(author), _as_utc(created) if created else now()
    content = "\n".join((case.sha256, case.dataset, tag, note, author, created))
    return Entry(hashlib.sha256(content.encode()).hexdigest()[:24], case, tag, note, author, created)


def now() -> str:
    """Return the UTC time, ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def clean_author(author: str) -> str:
    """Return the author's name on one line with at most MAX_AUTHOR characters; UNKNOWN_AUTHOR if empty."""
    return clean(author)[:MAX_AUTHOR] or UNKNOWN_AUTHOR


def clean(text: str, allowed: str = "") -> str:
    """Replace control characters, except those allowed, by blanks; strip blanks from both ends."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode("utf-8")
    return replace_unprintable(text, allowed=allowed).strip()


def _as_utc(text: str) -> str:
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise AnnotationError("The time is not in ISO 8601 format", found=repr(text)[:80]) from error
    if time.tzinfo is None:
        raise AnnotationError("The time has no time zone", found=text[:80])
    return time.astimezone(UTC).isoformat(timespec="microseconds")
