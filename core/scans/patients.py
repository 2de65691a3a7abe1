"""Tell whether the files of one upload belong to one patient, however the patient is spelled."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from core.scans.scan import Piece

SPELLED_TWICE = "The files spell the patient's ID or name in several ways; they were read as one patient."

# The words of a name as digests, each in three spellings; see core.scans.dicom_identity.
_Name = frozenset[tuple[str, ...]]


def is_one_patient(pieces: Sequence[Piece]) -> bool:
    """Return whether no two files contradict each other about the patient; empty entries are ignored.

    Ids and birth dates must be the same. Of two names, one must hold all words of the other; with the same
    id, words that differ in vowels, accents or encoding are the same.
    """
    for entries in zip(*(piece.patient for piece in pieces if piece.patient), strict=True):
        if len({entry for entry in entries if entry}) > 1:
            return False
    people = {
        (piece.patient[0] if piece.patient else "", _read_name(piece)) for piece in pieces if piece.names
    }
    return all(
        _agree(one, other, loosely=bool(id_one) and id_one == id_other)
        for (id_one, one), (id_other, other) in combinations(people, 2)
    )


def is_spelled_twice(pieces: Sequence[Piece]) -> bool:
    """Return whether the names differ by more than accents."""
    return len({frozenset(word[0] for word in _read_name(piece)) for piece in pieces if piece.names}) > 1


def _read_name(piece: Piece) -> _Name:
    return frozenset(tuple(word.split(" ")) for word in piece.names)


def _agree(one: _Name, other: _Name, *, loosely: bool) -> bool:
    fewer, more = sorted((one, other), key=len)
    if not loosely:
        return {word[0] for word in fewer} <= {word[0] for word in more}

    def spell(name: _Name) -> list[set[str]]:
        # Initials and words of other scripts have no such spelling.
        return [set(word[1:]) - {""} for word in name if any(word[1:])]

    fewer_words, more_words = sorted((spell(one), spell(other)), key=len)
    return all(any(word & same for same in more_words) for word in fewer_words)
