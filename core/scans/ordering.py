"""Put the slices of a scan in order: by position, slice location, instance number or, at last, file name."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from core.scans.scan import Piece, Plane

# Slices closer together than this are at the same position.
SAME_POSITION_MM = 0.05
# Relative spread of the steps along a scan; more, and more than this times that of its parts, if slices of
# several scans take turns.
_REGULAR, _LESS_REGULAR = 0.25, 1.5


@dataclass(frozen=True, eq=False)
class Member:
    """One frame and its file.

    Attributes:
        position: along the normal of its plane, in mm; None if unknown.
        index: place of the frame in its file.
        rank: place of the frame among all of the upload by instance number, then by file name.
    """

    plane: Plane
    piece: Piece
    position: float | None
    index: int = 0
    rank: int = 0


class Order(Enum):
    """Values by which slices can be put in order, the best first."""

    POSITION = "position"
    LOCATION = "slice location"
    NUMBER = "instance number"
    NAME = "file name"


@dataclass(frozen=True, eq=False)
class Row:
    """The slices of one scan in order.

    Attributes:
        members: the slices, from the feet to the head if the order is by position.
        order: what decided on it.
        doubled: whether the files give positions, but the same one for different slices.
        repeated: number of duplicates left out.
    """

    members: tuple[Member, ...]
    order: Order
    doubled: bool = False
    repeated: int = 0

    @property
    def places(self) -> list[float]:
        """Return where the slices lie, in mm or by number; [] if only file names tell the order."""
        return [] if self.order is Order.NAME else read_coordinates(self.members, self.order)


def read_coordinates(members: Sequence[Member], order: Order) -> list[float]:
    """Return the (n,) value by which each slice is placed."""
    if order is Order.POSITION:
        return [member.position if member.position is not None else np.nan for member in members]
    if order is Order.LOCATION:
        found = [member.piece.location_mm for member in members]
    elif order is Order.NUMBER:
        found = [member.piece.number for member in members]
    else:
        found = [member.rank for member in members]
    return [np.nan if value is None else float(value) for value in found]


def choose_order(members: Sequence[Member]) -> Order:
    """Return the best order that tells the slices apart, or that shows passes over the same places."""
    for order in (Order.POSITION, Order.LOCATION, Order.NUMBER):
        values = read_coordinates(members, order)
        if not np.isfinite(values).all() or np.ptp(values) <= SAME_POSITION_MM:
            continue
        if _tells_apart(members, order):
            return order
        # Positions may be given wrongly where the location of each slice is right.
        if order is Order.POSITION and _tells_apart(members, Order.LOCATION):
            return Order.LOCATION
        if _is_even(values):
            return order
    return Order.NAME


def arrange(members: Sequence[Member]) -> Iterator[Row]:
    """Put the slices of one reconstruction in order; yield a row for each pass over the same places."""
    order = choose_order(members) if len(members) > 1 else Order.POSITION
    doubled = order is not Order.POSITION and all(member.position is not None for member in members)
    is_single = order is Order.NAME or _tells_apart(members, order)
    for row in [members] if is_single else _split_into_passes(members, order):
        yield Row(tuple(_sort(row, order)), order, doubled)


def is_regular(places: Sequence[float], parts: Sequence[Sequence[float]]) -> bool:
    """Return whether the steps along a scan are even, or about as even as those along its least even part.

    Args:
        places: (n,) of all slices, ascending.
        parts: the places of each part, ascending.
    """
    uneven = [_measure_unevenness(part) for part in parts if len(part) > 2]
    return _measure_unevenness(places) <= max([_REGULAR, *(_LESS_REGULAR * value for value in uneven)])


def _measure_unevenness(places: Sequence[float]) -> float:
    """Return the relative spread of the steps, infinite if two places are the same."""
    steps = np.diff(places)
    return np.inf if steps.min() <= SAME_POSITION_MM else float(steps.std() / steps.mean())


def _tells_apart(members: Sequence[Member], order: Order) -> bool:
    values = np.sort(read_coordinates(members, order))
    if len(values) < 2:
        return True
    if not np.isfinite(values).all():
        return False
    steps = np.diff(values)
    # Locations of two passes that differ by little do not tell the slices of one scan apart.
    least = _REGULAR * np.median(steps) if order is Order.LOCATION else SAME_POSITION_MM
    return bool(steps.min() > max(least, SAME_POSITION_MM))


def _is_even(values: Sequence[float]) -> bool:
    """Return whether the slices are passes over the same places, and not most of them at one place."""
    counts = Counter(round(value / SAME_POSITION_MM / 2) for value in values).values()
    return len(counts) > 1 and (max(counts) < 3 or float(np.median(list(counts))) > 1)


def _sort(members: Sequence[Member], order: Order) -> list[Member]:
    values = dict(zip(map(id, members), read_coordinates(members, order), strict=True))
    return sorted(members, key=lambda member: (values[id(member)], member.rank))


def _split_into_passes(members: Sequence[Member], order: Order) -> list[list[Member]]:
    """Return the slices of each pass over the same places; the first slice at each is of the first pass."""
    values = dict(zip(map(id, members), read_coordinates(members, order), strict=True))
    passes: list[list[Member]] = []
    for member in _sort(members, order):
        free = [row for row in passes if values[id(member)] - values[id(row[-1])] > SAME_POSITION_MM]
        if free:
            free[0].append(member)
        else:
            passes.append([member])
    return passes


def drop_duplicates(members: Sequence[Member]) -> list[Member]:
    """Leave out slices with the pixels of another at the same place."""
    # Frames of one file without positions are never duplicates of each other.
    places = {
        id(member): (member.piece.location_mm, member.piece.number, member.index)
        if member.position is None
        else member.position
        for member in members
    }
    shared = Counter(places.values())
    kept: dict[object, Member] = {}
    for member in sorted(members, key=lambda member: member.rank):
        place = places[id(member)]
        # Hashing every slice of a long study would take long.
        pixels = b""
        if shared[place] > 1:
            pixels = hashlib.blake2b(np.ascontiguousarray(member.plane.pixels).data).digest()
        kept.setdefault((place, pixels), member)
    return list(kept.values())


def without_position(row: Row) -> Row:
    """Return the row with no position where another order was used, so that none contradicts it."""
    if row.order is Order.POSITION:
        return row
    return replace(row, members=tuple(replace(member, position=None) for member in row.members))
