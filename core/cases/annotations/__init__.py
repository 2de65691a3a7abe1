"""Tags and notes of users on cases, stored in one small database with concurrent writers.

A case is a slice of a data set. An entry is one tag or one note on a case, by one author: two people never
overwrite each other. Nothing is erased: a removed entry can be restored, and a changed note is a new entry
that replaces the old one. No file names and no patients are stored, only hashes.
"""

from core.cases.annotations.database import annotations_path
from core.cases.annotations.entries import TAGS, UNKNOWN_AUTHOR, Case, Entry
from core.cases.annotations.store import Annotations, Imported

__all__ = ["TAGS", "UNKNOWN_AUTHOR", "Annotations", "Case", "Entry", "Imported", "annotations_path"]
