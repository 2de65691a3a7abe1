"""Tell reconstructions and acquisitions within one series apart, so that their slices are never mixed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum

from core.scans.ordering import Member, Order, choose_order, is_regular, read_coordinates


class Trait(IntEnum):
    """Differences between the reconstructions in one series, the most telling first.

    The values are the places in `Piece.traits`.
    """

    KERNEL = 0
    COMPUTED = 1
    ECHO = 2
    CONTRAST = 3
    PHASE = 4
    DESCRIPTION = 5
    THICKNESS = 6
    SPACING = 7
    VOLTAGE = 8
    SERIES = 9
    ACQUISITION = 10
    KIND = 11
    WINDOW = 12


# Slices that differ in one of these belong to different scans wherever they lie between each other.
_TELLING = range(Trait.KERNEL, Trait.ACQUISITION)
# Without places in the body, slices that differ in one of these belong to different scans.
_ALWAYS_TELLING = range(Trait.KERNEL, Trait.THICKNESS)
_TOLERANCE = 0.05
# A shorter run of numbers along the scan is no pass of its own.
_LEAST_RUN = 3


def split_reconstructions(members: Sequence[Member]) -> list[list[Member]]:
    """Split the slices of one series by the traits in which slices at the same places differ.

    Traits that change along the scan, such as the thickness above the base of the skull, do not split it.
    """
    groups = [list(members)]
    for trait in Trait:
        if trait is Trait.ACQUISITION:
            groups = [part for group in groups for part in _split_by_numbers(group)]
        groups = [part for group in groups for part in _split_by(trait, group)]
    return groups


def _split_by_numbers(members: list[Member]) -> list[list[Member]]:
    """Split slices that take turns along the scan, but not by number: passes with a shift between them."""
    order = choose_order(members)
    numbers = Counter(member.piece.number for member in members)
    if order not in (Order.POSITION, Order.LOCATION) or None in numbers:
        return [members]
    places = dict(zip(map(id, members), read_coordinates(members, order), strict=True))
    parts: list[list[Member]] = []
    if max(numbers.values()) > 1:
        # Each number is there once for every pass.
        seen: Counter[int | None] = Counter()
        for member in sorted(members, key=lambda member: member.rank):
            parts += [[]] if seen[member.piece.number] == len(parts) else []
            parts[seen[member.piece.number]].append(member)
            seen[member.piece.number] += 1
    else:
        rising = 0.0
        for member in sorted(members, key=lambda member: member.rank):
            step = places[id(member)] - places[id(parts[-1][-1])] if parts else 0.0
            if not parts or step * rising < 0:
                parts.append([])
                rising = 0.0
            else:
                rising = rising or step
            parts[-1].append(member)
    rows = [sorted(places[id(member)] for member in part) for part in (members, *parts)]
    if min(map(len, parts)) < _LEAST_RUN or is_regular(rows[0], rows[1:]):
        return [members]
    return _pack(parts, lambda part: _find_ends(part, places))


def _split_by(trait: Trait, members: list[Member]) -> list[list[Member]]:
    parts: dict[str, list[Member]] = {}
    for member in members:
        parts.setdefault(member.piece.traits[trait] if member.piece.traits else "", []).append(member)
    if len(parts) == 1:
        return [members]
    order = choose_order(members)
    places = dict(zip(map(id, members), read_coordinates(members, order), strict=True))

    is_placed = order in (Order.POSITION, Order.LOCATION)
    if not is_placed and trait in _ALWAYS_TELLING and 2 * len(parts) <= len(members):
        return list(parts.values())
    if not is_placed and (trait is Trait.THICKNESS or order is Order.NAME):
        return [members]
    rows = [sorted(places[id(member)] for member in part) for part in (members, *parts.values())]
    if trait not in _TELLING and is_regular(rows[0], rows[1:]):
        # Slices of several acquisitions that take turns along the scan.
        return [members]
    return _pack(list(parts.values()), lambda part: _find_ends(part, places))


def _find_ends(members: Sequence[Member], places: Mapping[int, float]) -> tuple[float, float]:
    found = [places[id(member)] for member in members]
    return min(found), max(found)


def _pack(
    parts: Sequence[list[Member]], ends: Callable[[Sequence[Member]], tuple[float, float]]
) -> list[list[Member]]:
    """Join parts that lie one after the other; parts between each other remain apart."""
    scans: list[list[list[Member]]] = []
    for part in sorted(parts, key=lambda part: (ends(part)[0], min(member.rank for member in part))):
        free = [one for one in scans if not any(_overlap(ends(part), ends(other)) for other in one)]
        if free:
            free[0].append(part)
        else:
            scans.append([part])
    return [[member for part in one for member in part] for one in scans]


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    shared = min(one[1], other[1]) - max(one[0], other[0])
    is_point = min(one[1] - one[0], other[1] - other[0]) <= _TOLERANCE
    return bool(shared > _TOLERANCE or (is_point and shared >= -_TOLERANCE))
