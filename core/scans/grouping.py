"""Group the frames of an upload into series: by identifiers or, where these are missing, by geometry."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from core.scans.geometry import compute_normal, compute_position_mm, orient_plane
from core.scans.ordering import SAME_POSITION_MM, Member
from core.scans.reconstructions import Trait
from core.scans.scan import Piece, Plane
from core.system import natural_key

_UNTIED = "The file does not say to which patient, study or series it belongs, so it was read by itself."
_STACKED = "The files name no patient, study or series; their positions form a stack, so they are one scan."
_SERIES_EACH = "Each slice has a series of its own; slices that belong together were read as one scan."

# Directions closer together than this are the same, written with few digits or measured with noise.
_SAME_DIRECTION_DEG = 2.0
# Files without any identifier are one scan if they form a stack: at least so many, at most so far apart, in
# steps of which none exceeds the median by more than this factor, and shifted sideways by no more than this.
_LEAST_STACK, _MOST_STEP_MM, _MOST_RATIO, _MOST_SHIFT_MM = 3, 15.0, 4.0, 1.0

_Label = tuple[str, ...]


def group_frames(pieces: Sequence[Piece]) -> list[list[Member]]:
    """Group the frames of DICOM files by series, kind, size, unit and orientation.

    Axial frames are turned into radiological orientation. The largest group comes first.
    """
    labels = _label(pieces)
    groups: dict[tuple[object, ...], list[Member]] = defaultdict(list)
    for piece in _rank(pieces):
        for index, plane in enumerate(piece.planes):
            # A file of many frames is a series of its own.
            single = piece.sha256 if len(piece.planes) > 1 else ""
            key = (labels[id(piece)], piece.modality, piece.unit, piece.localizer, single)
            groups[key].append(Member(plane, piece, None, index))
    ranked = [
        [replace(member, rank=rank) for rank, member in enumerate(members)] for members in groups.values()
    ]
    found = [series for members in ranked for series in _split_by_geometry(members)]
    return sorted(found, key=lambda members: (-len(members), min(m.piece.sha256 for m in members)))


def describe_ties(members: Sequence[Member], *, others: bool) -> list[str]:
    """Return warnings about what ties the slices of a scan; `others` says whether the upload has more."""
    pieces = {member.piece.sha256: member.piece for member in members}.values()
    if not any(piece.series or piece.study or any(piece.patient[:1]) or piece.names for piece in pieces):
        return [_STACKED] if len(pieces) > 1 else [_UNTIED] if others else []
    series = {piece.series for piece in pieces if piece.series}
    return [_SERIES_EACH] if len(pieces) > 1 and len(series) == len(pieces) else []


def place(plane: Plane, piece: Piece, index: int = 0) -> Member:
    """Return a frame, turned into radiological orientation, with its position."""
    turned = orient_plane(plane)
    return Member(turned, piece, compute_position_mm(turned), index, index)


def _rank(pieces: Sequence[Piece]) -> list[Piece]:
    """Sort files by instance number, then by name; equal ones stay in the order of the upload."""
    return sorted(pieces, key=lambda piece: (piece.number or 0, natural_key(piece.source)))


def _label(pieces: Sequence[Piece]) -> Mapping[int, _Label]:
    """Return, by the id of each piece, what ties it to others.

    The series ties files if it holds several; some programs give every slice a series of its own. Such
    slices are tied by their study or patient, and without these by their geometry.
    """
    sizes = Counter(piece.series for piece in pieces)
    labels: dict[int, _Label] = {}
    loose, untied = [], []
    for piece in pieces:
        if piece.series and (sizes[piece.series] > 1 or len(piece.planes) > 1):
            labels[id(piece)] = ("series", piece.series)
        else:
            loose.append(piece)
    sizes = Counter(piece.study for piece in loose)
    for piece in loose:
        if piece.study and sizes[piece.study] > 1:
            labels[id(piece)] = ("study", piece.study)
        elif piece.study:
            untied.append(piece)
        elif any(piece.patient[:1]) or piece.names:
            labels[id(piece)] = ("patient",)
        else:
            untied.append(piece)
    for stack in _find_stacks(untied):
        for piece in stack:
            # Only copies of one file have the same label.
            labels[id(piece)] = ("stack", stack[0].sha256) if len(stack) > 1 else ("file", piece.sha256)
    return labels


def _find_stacks(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Group files without identifiers that form a stack; each other file is alone."""
    alike: dict[tuple[object, ...], list[Piece]] = defaultdict(list)
    for piece in pieces:
        first = piece.planes[0]
        if len(piece.planes) > 1 or first.corner_mm is None or first.directions is None:
            alike[(id(piece),)].append(piece)
        else:
            size = first.pixels.shape, first.spacing_mm, tuple(round(value, 2) for value in first.directions)
            alike[(piece.modality, piece.unit, *size)].append(piece)
    stacks = []
    for group in alike.values():
        stacks += [group] if _is_stack([piece.planes[0] for piece in group]) else [[piece] for piece in group]
    return stacks


def _is_stack(planes: Sequence[Plane]) -> bool:
    if len(planes) < _LEAST_STACK:
        return False
    corners = np.array([plane.corner_mm for plane in planes], np.float64)
    corners = corners[np.argsort(corners @ compute_normal(planes[0].directions or ()))]
    shifts = np.diff(corners, axis=0)
    # A table moves along the body, and a reformatted stack along its normal.
    along = (np.array([0.0, 0.0, 1.0]), compute_normal(planes[0].directions or ()))
    if not any(
        np.linalg.norm(shifts - np.outer(shifts @ axis, axis), axis=1).max() <= _MOST_SHIFT_MM
        for axis in along
    ):
        return False
    steps = np.linalg.norm(shifts, axis=1)
    steps = steps[steps > SAME_POSITION_MM]
    return bool(
        len(steps) and np.median(steps) <= _MOST_STEP_MM and steps.max() <= _MOST_RATIO * np.median(steps)
    )


def _split_by_geometry(members: Sequence[Member]) -> list[list[Member]]:
    """Split a series by orientation and size; frames without orientation join those alike."""
    aligned = _align(members)
    turned = _align([replace(member, plane=orient_plane(member.plane)) for member in aligned])
    groups: dict[tuple[object, ...], list[Member]] = defaultdict(list)
    for member in turned:
        groups[member.plane.directions, member.plane.pixels.shape].append(member)
    for (directions, shape), lost in list(groups.items()):
        if directions is not None:
            continue
        homes = [
            group
            for (other, size), group in groups.items()
            if other is not None and size == shape and _kinds(lost) <= _kinds(group)
        ]
        if homes:
            max(homes, key=len).extend(groups.pop((directions, shape)))
    return [
        [replace(member, position=compute_position_mm(member.plane)) for member in group]
        for group in groups.values()
    ]


def _kinds(members: Sequence[Member]) -> set[str]:
    return {member.piece.traits[Trait.KIND] for member in members if member.piece.traits}


def _align(members: Sequence[Member]) -> list[Member]:
    """Give frames of nearly the same orientation exactly the same: the median of theirs."""
    clusters: list[list[Member]] = []
    for member in sorted(members, key=lambda member: member.plane.directions or ()):
        directions = member.plane.directions
        near = [
            cluster
            for cluster in clusters
            if directions is not None and _is_same_direction(cluster[0].plane.directions, directions)
        ]
        if near:
            near[0].append(member)
        else:
            clusters.append([member])
    aligned = []
    for cluster in clusters:
        found = {member.plane.directions for member in cluster}
        if len(found) > 1:
            middle = tuple(np.median([member.plane.directions for member in cluster], axis=0).tolist())
            cluster = [replace(member, plane=replace(member.plane, directions=middle)) for member in cluster]
        aligned += cluster
    return sorted(aligned, key=lambda member: member.rank)


def _is_same_direction(one: Sequence[float] | None, other: Sequence[float]) -> bool:
    if one is None:
        return False
    least = math.cos(math.radians(_SAME_DIRECTION_DEG))
    return all(
        np.dot(a, b) >= least * np.linalg.norm(a) * np.linalg.norm(b)
        for a, b in ((one[:3], other[:3]), (one[3:], other[3:]))
    )
