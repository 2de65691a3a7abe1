"""Tags and notes that people put on cases, kept in one small database that several may write at once.

A case is a slice of a data set. An entry is one tag or one note on a case, and belongs to whoever wrote it:
two people never overwrite each other. Nothing is erased: a removed entry can be put back, and a changed note
is a new entry in the place of the old one. No name of a file and no patient is stored, only hashes.
"""

from core.cases.annotations.database import annotations_path
from core.cases.annotations.entries import TAGS, UNKNOWN_AUTHOR, Case, Entry
from core.cases.annotations.store import Annotations, Imported

__all__ = ["TAGS", "UNKNOWN_AUTHOR", "Annotations", "Case", "Entry", "Imported", "annotations_path"]
