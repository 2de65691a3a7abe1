"""Is it a head CT? What is measured of a picture before a network may judge it.

A network gives a probability for anything, a chest or a cat as well. So a slice is looked at first (`judge`):
whether something lies alone on black as a head does on CT, whether its outline is a head's, and above all
whether it has bone. On CT in any window for soft tissue bone is cut off at the brightest gray, so much of the
picture has one brightest value; on MRI compact bone gives no signal and nothing is cut off; an X-ray or a
photograph reaches to the borders of the picture. What the networks' own features say of it comes on top
(`weigh_familiarity`), before any probability is shown.

The limits were set on slices of the data set, on other head CT in seven windows, and on MRI, X-rays and
photographs kept for development. Doubts become warnings; what is surely no head CT is refused, as is what
both the picture and the features speak against.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.gate.burnt_in_text import holds_text
from core.gate.familiarity import Familiarity
from core.imaging import AIR, BONE, Recipe, find_head, to_frame, trim_margins

Outcome = Literal["read", "warn", "refuse"]

# The picture is measured on a small copy, framed to the head.
_FRAME = Recipe(size=160, channels="gray", framing="head", intensity="unit")
_N_RAYS, _N_STEPS = 72, 64
# Of a ray from the middle of the head (0) to its outline (1): brain ends, and scalp and skull begin.
_BRAIN_ENDS, _RIM_BEGINS = 38, 42
# As bright as this share of the head's brightest is cut off by the window.
_CUT_OFF = 0.97

# A rim of bone is as bright as this share of the head's brightest, and so many times its inside.
_BRIGHT_RIM, _OVER_INSIDE = 0.65, 1.35

# The data set's slices: at most 0.07 of the border is not black, ellipse at least 0.66, aspect 0.54, and 0.04
# of the frame cut off; MRI for development: at most 0.015 cut off.
_FULL_BORDER, _BRIGHT_BORDER = 0.25, 0.8
_LEAST_ELLIPSE, _LEAST_ASPECT = 0.60, 0.45
_NO_BONE, _LITTLE_BONE = 0.012, 0.035
_OPEN_RING = 0.35

# Made so small that the head is 128 pixels wide, one slice in six of the data set is decided otherwise than
# at its own size (531 at the median); at 192 pixels one in twenty.
_SMALL_HEAD_PX = 160
# Between lung or air and the body's surface; the longest head measures some 230 mm.
_BODY_HU, _LARGEST_HEAD_MM = -300.0, 270.0
# Of the picture's side: what is smaller is the tip of a head, or a thing beside it.
_TIP = 0.2

# Even tissue: so little deviation of gray within 5 x 5 pixels; brain: so much of it in one piece.
_PATCH, _EVEN, _LEAST_BRAIN = 5, 0.08, 0.05


@dataclass(frozen=True)
class Appearance:
    """What is measured of a slice; shares lie in [0, 1].

    Attributes:
        border: share of the pixels at the picture's border that are not black.
        border_gray: median gray at the border.
        ellipse: area of the largest object as a share of the ellipse with the same moments.
        aspect: its shorter side by its longer.
        cut_off: share of the frame that is as bright as the head's brightest part.
        ring: share of 72 directions in which the head's rim holds something much brighter than its inside.
    """

    border: float
    border_gray: float
    ellipse: float
    aspect: float
    cut_off: float
    ring: float


@dataclass(frozen=True)
class GateFinding:
    """Whether a slice may be read, and what speaks against it.

    Attributes:
        outcome: "read"; "warn": read, with the reasons beside it; "refuse": not to be judged.
        reasons: sentences; empty with "read".
        brain_visible: see `is_brain_visible`.
        odd: whether something speaks against a head CT, and not only against how well it can be read.
    """

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    brain_visible: bool = True
    odd: bool = False


# Of a slice in Hounsfield units: above the head, or of its tip. There is nothing to compare with training.
NEXT_TO_NOTHING = GateFinding("warn", ("The slice shows next to nothing.",), brain_visible=False)


def judge(pixels: NDArray[np.float32], *, coloured: bool = False, measured: bool = False) -> GateFinding:
    """Decide whether a slice is one of a head CT.

    Args:
        pixels: (H, W) float32 display gray in [0, 1].
        coloured: whether the file held colours.
        measured: whether the gray was made from Hounsfield units. These hold no words, and may hold next to
            nothing: the slices at the top of a head do.

    Raises:
        ScanError: the pixels are no picture; see `core.imaging.preprocessing.to_frame`.
    """
    trimmed = trim_margins(np.asarray(pixels, dtype=np.float32))
    frame = to_frame(trimmed, _FRAME)
    appearance = _measure(trimmed, frame)
    side = find_head(trimmed)[2]
    if measured and (appearance is None or side < _TIP * min(trimmed.shape)):
        return NEXT_TO_NOTHING
    if appearance is None:
        return GateFinding("refuse", ("Nothing lies on the black of the picture.",), False, odd=True)
    brain_visible = _has_brain(frame)
    refusals, doubts = [], []
    bony = appearance.cut_off >= _LITTLE_BONE
    if appearance.border > _FULL_BORDER:
        if appearance.border_gray > _BRIGHT_BORDER:
            refusals.append("The surroundings are white: the picture looks inverted.")
        else:
            refusals.append(
                "The picture is filled to its borders, as photographs and X-rays are; a head on CT lies "
                "alone on black."
            )
    if coloured and not bony:
        refusals.append("The picture is in colour; CT is gray.")
    elif coloured:
        doubts.append("The picture is in colour; CT is gray.")
    if appearance.ellipse < _LEAST_ELLIPSE or appearance.aspect < _LEAST_ASPECT:
        doubts.append("The outline is not that of a head.")
    if appearance.cut_off < _NO_BONE and appearance.ring < _OPEN_RING:
        refusals.append("No bone is seen: it is the brightest part of a head CT. This may be MRI.")
    elif not bony:
        doubts.append(
            "The bone is not as bright as it is on CT in a window for soft tissue: this may be MRI, or CT in "
            "a wide window."
        )
    remarks = [] if measured else _remark(trimmed, side)
    reasons = (*refusals, *doubts, *remarks)
    outcome: Outcome = "refuse" if refusals else "warn" if reasons else "read"
    return GateFinding(outcome, reasons, brain_visible, odd=bool(refusals or doubts))


def _remark(trimmed: NDArray[np.float32], side: int) -> list[str]:
    """What makes a picture hard to read, or unfit to be passed on."""
    remarks = []
    if side < _SMALL_HEAD_PX:
        remarks.append(
            f"The head is small in the picture ({side} pixels): details that the networks look for are lost."
        )
    if holds_text(trimmed):
        remarks.append("Words are burnt into the picture; they may name the patient.")
    return remarks


def judge_size(
    found: GateFinding, pixels_hu: NDArray[np.float32], spacing_mm: tuple[float, float]
) -> GateFinding:
    """What the gate says once it is known how large the object in a slice is: a chest is no head.

    Args:
        found: what `judge` says of the picture.
        pixels_hu: (H, W) float32 Hounsfield units.
        spacing_mm: between rows and between columns.
    """
    from scipy import ndimage

    height, width = pixels_hu.shape
    scale = max(height, width) / _FRAME.size
    size = (max(2, round(width / scale)), max(2, round(height / scale)))
    small = np.asarray(Image.fromarray(pixels_hu).resize(size, Image.Resampling.BOX))
    objects, n_objects = ndimage.label(ndimage.binary_opening(small > _BODY_HU, iterations=2))
    if n_objects == 0:
        return found
    rows, columns = ndimage.find_objects(objects)[np.bincount(objects.ravel())[1:].argmax()]
    tall = (rows.stop - rows.start) * height / small.shape[0] * spacing_mm[0]
    wide = (columns.stop - columns.start) * width / small.shape[1] * spacing_mm[1]
    if max(tall, wide) <= _LARGEST_HEAD_MM:
        return found
    reason = f"What is seen is {max(tall, wide):.0f} mm across; a head is smaller."
    return replace(found, outcome="refuse", reasons=(reason, *found.reasons), odd=True)


def weigh_familiarity(found: GateFinding, distance: float, familiarity: Familiarity) -> GateFinding:
    """What the gate says once the networks' features are known.

    Args:
        found: what `judge` says of the picture.
        distance: the slice's own; see core.gate.familiarity.

    Returns:
        The same for a slice within the limit, or of nothing. Beyond it a warning; a refusal when the picture
        is odd as well, or when no slice that the networks could be tested on was as far away.
    """
    if distance <= familiarity.limit or found is NEXT_TO_NOTHING:
        return found
    how_far = "anything" if distance > familiarity.farthest else "nearly all"
    reason = f"To the networks the picture is unlike {how_far} they learned from."
    sure = found.odd or distance > familiarity.farthest
    return replace(found, outcome="refuse" if sure else "warn", reasons=(*found.reasons, reason), odd=True)


def is_brain_visible(pixels: NDArray[np.float32]) -> bool:
    """Whether a slice of a head CT shows brain: not the neck, the face or the bone of the vertex alone.

    Brain is the largest even patch of soft tissue in the head; muscle lies in strands, and the slices through
    the vertex hold bone. A patch of a twentieth of the framed picture counts. Of the data set's 308 slices
    labelled with hemorrhage none has less.

    Args:
        pixels: (H, W) float32 display gray in [0, 1], in a window 80 HU wide or wider.

    Raises:
        ScanError: the pixels are no picture; see `core.imaging.preprocessing.to_frame`.
    """
    return _has_brain(to_frame(np.asarray(pixels, dtype=np.float32), _FRAME))


def _measure(trimmed: NDArray[np.float32], frame: NDArray[np.float32]) -> Appearance | None:
    from scipy import ndimage

    objects, n_objects = ndimage.label(ndimage.binary_opening(frame > AIR, iterations=2))
    if n_objects == 0:
        return None
    sizes = np.bincount(objects.ravel())
    sizes[0] = 0
    # Closed widely, so that air in the nose and black fat under a window belong to the head.
    closed = ndimage.binary_closing(np.pad(objects == sizes.argmax(), 8), iterations=6)[8:-8, 8:-8]
    head = ndimage.binary_fill_holes(closed)
    rows, columns = np.nonzero(head)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    axes = np.linalg.eigvalsh(np.cov(np.stack([rows, columns])))
    brightest = np.quantile(frame[head], 0.998)
    rays = _cast_rays(frame, head)
    inside = np.median(rays[:, :_BRAIN_ENDS])
    rim = rays[:, _RIM_BEGINS:].max(axis=1)
    border = _border(trimmed)
    return Appearance(
        border=float((border > AIR).mean()),
        border_gray=float(np.median(border)),
        ellipse=float(head.sum() / (4 * np.pi * np.sqrt(max(axes[0] * axes[1], 1e-9)))),
        aspect=float(min(height, width) / max(height, width)),
        cut_off=float((frame[head] >= _CUT_OFF * brightest).sum() / frame.size),
        ring=float((rim > max(_BRIGHT_RIM * brightest, _OVER_INSIDE * inside)).mean()),
    )


def _has_brain(frame: NDArray[np.float32]) -> bool:
    from scipy import ndimage

    mean = ndimage.uniform_filter(frame, _PATCH)
    variance = ndimage.uniform_filter(frame * frame, _PATCH) - mean * mean
    even = (frame > AIR) & (frame < BONE) & (variance < _EVEN**2)
    patches, n_patches = ndimage.label(ndimage.binary_opening(even, iterations=2))
    if n_patches == 0:
        return False
    return bool(np.bincount(patches.ravel())[1:].max() >= _LEAST_BRAIN * frame.size)


def _border(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The outermost fortieth of the picture, as one row."""
    width = max(1, min(pixels.shape) // 40)
    sides = (pixels[:width], pixels[-width:], pixels[:, :width], pixels[:, -width:])
    return np.concatenate([side.ravel() for side in sides])


def _cast_rays(frame: NDArray[np.float32], head: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(72, 64) gray along lines from the middle of the head to where it ends."""
    from scipy import ndimage

    rows, columns = np.nonzero(head)
    middle = np.array([rows.mean(), columns.mean()])
    angles = 2 * np.pi * np.arange(_N_RAYS) / _N_RAYS
    directions = np.stack([np.sin(angles), np.cos(angles)])
    lengths = np.arange(0, 0.75 * len(frame), 0.5)
    places = middle[:, None, None] + directions[:, :, None] * lengths
    inside = ndimage.map_coordinates(head.astype(np.uint8), places, order=0, mode="constant") > 0
    ends = np.where(inside, lengths, 0).max(axis=1)
    steps = ends[:, None] * np.linspace(0, 1, _N_STEPS)
    places = middle[:, None, None] + directions[:, :, None] * steps
    return ndimage.map_coordinates(frame, places, order=1, mode="constant").astype(np.float32)
