"""Check whether a picture is a slice of a head CT, before a network reads it.

A network gives a probability for any picture, even of a chest or a cat. `judge` therefore first checks for a
black margin, the outline of a head and, above all, bone. On CT in a soft-tissue window, bone is clipped to
the brightest gray, so many pixels share one value. On MRI, compact bone gives no signal and nothing is
clipped. X-rays and photographs reach the borders of the picture. `judge_familiarity` then adds the evidence
of the networks' features, before any probability is shown.

The limits were set on slices of the data set, other head CT in seven windows, and a development set of MRI,
X-rays and photographs. Weak evidence against a head CT gives a warning. Strong evidence gives a refusal, and
so does weak evidence from both the picture and the features.
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

# Measurements use a small copy, framed to the head.
_FRAME = Recipe(size=160, channels="gray", framing="head", intensity="unit")
_N_RAYS, _N_STEPS = 72, 64
# Steps of a ray from the center of the head to its outline: brain ends, and skull and scalp begin.
_BRAIN_ENDS, _RIM_BEGINS = 38, 42
# Pixels above this share of the head's brightest value count as clipped by the window.
_CUT_OFF = 0.97

# A rim of bone exceeds this share of the head's brightest value, and this multiple of the median inside.
_BRIGHT_RIM, _OVER_INSIDE = 0.65, 1.35

# In the data set at most 0.07 of the border is not black, the ellipse share is at least 0.66, the aspect 0.54
# and the clipped share 0.04. In the MRI of the development set at most 0.015 is clipped.
_FULL_BORDER, _BRIGHT_BORDER = 0.25, 0.8
_LEAST_ELLIPSE, _LEAST_ASPECT = 0.60, 0.45
_NO_BONE, _LITTLE_BONE = 0.012, 0.035
_OPEN_RING = 0.35

# With the head reduced to 128 pixels, the decision changes for one slice in six of the data set (median size
# 531 pixels); with 192 pixels, for one in twenty.
_SMALL_HEAD_PX = 160
# Separates body from air and lung. The longest head measures about 230 mm.
_BODY_HU, _LARGEST_HEAD_MM = -300.0, 270.0
# Share of the picture's side; a smaller object is the tip of a head or not a head.
_TIP = 0.2

# Homogeneous tissue has at most this deviation of gray in 5 x 5 pixels; brain is a patch of this share or
# more.
_PATCH, _EVEN, _LEAST_BRAIN = 5, 0.08, 0.05


@dataclass(frozen=True)
class Appearance:
    """Measurements of a slice; shares are in [0, 1].

    Attributes:
        border: share of the pixels at the picture's border that are not black.
        border_gray: median gray at the border.
        ellipse: area of the largest object as a share of the ellipse with the same moments.
        aspect: shorter side of the largest object divided by the longer.
        cut_off: share of the frame clipped to the head's brightest value.
        ring: share of 72 directions in which the head's rim is much brighter than its inside.
    """

    border: float
    border_gray: float
    ellipse: float
    aspect: float
    cut_off: float
    ring: float


@dataclass(frozen=True)
class GateFinding:
    """The gate's decision on a slice, with its reasons.

    Attributes:
        outcome: "read"; "warn" (read, but show the reasons); "refuse" (do not read).
        reasons: sentences; empty for "read".
        brain_visible: see `is_brain_visible`.
        odd: whether any reason speaks against a head CT, not only against picture quality.
    """

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    brain_visible: bool = True
    odd: bool = False


# A slice in Hounsfield units above the head or through its tip: too little to compare with training.
NEARLY_EMPTY = GateFinding("warn", ("The slice is nearly empty.",), brain_visible=False)


def judge(pixels: NDArray[np.float32], *, colored: bool = False, from_hu: bool = False) -> GateFinding:
    """Decide whether a slice is from a head CT.

    Args:
        pixels: (H, W) float32 display gray in [0, 1].
        colored: whether the file was in color.
        from_hu: whether the gray was made from Hounsfield units. Such slices are not searched for burnt-in
            text, and a nearly empty one (at the top of the head) is not refused.

    Raises:
        ScanError: the pixels are not a valid picture; see `core.imaging.preprocessing.to_frame`.
    """
    trimmed = trim_margins(np.asarray(pixels, dtype=np.float32))
    frame = to_frame(trimmed, _FRAME)
    appearance = _measure(trimmed, frame)
    side = find_head(trimmed)[2]
    if from_hu and (appearance is None or side < _TIP * min(trimmed.shape)):
        return NEARLY_EMPTY
    if appearance is None:
        return GateFinding("refuse", ("The image appears empty.",), False, odd=True)
    brain_visible = _has_brain(frame)
    refusals, warnings = [], []
    bony = appearance.cut_off >= _LITTLE_BONE
    if appearance.border > _FULL_BORDER:
        if appearance.border_gray > _BRIGHT_BORDER:
            refusals.append("The background is white; the image looks inverted.")
        else:
            refusals.append(
                "The image is filled to its borders, like a photograph or X-ray; head CT normally has a "
                "black margin."
            )
    if colored and not bony:
        refusals.append("The image is in color; CT is gray.")
    elif colored:
        warnings.append("The image is in color; CT is gray.")
    if appearance.ellipse < _LEAST_ELLIPSE or appearance.aspect < _LEAST_ASPECT:
        warnings.append("The outline is not that of a head.")
    if appearance.cut_off < _NO_BONE and appearance.ring < _OPEN_RING:
        refusals.append("No bone is visible, the brightest part of a head CT. This may be MRI.")
    elif not bony:
        warnings.append(
            "Bone is less bright than on CT in a brain window. This may be MRI, or CT in a wide window."
        )
    remarks = [] if from_hu else _list_remarks(trimmed, side)
    reasons = (*refusals, *warnings, *remarks)
    outcome: Outcome = "refuse" if refusals else "warn" if reasons else "read"
    return GateFinding(outcome, reasons, brain_visible, odd=bool(refusals or warnings))


def _list_remarks(trimmed: NDArray[np.float32], side: int) -> list[str]:
    """Return remarks on a small head and on burnt-in text."""
    remarks = []
    if side < _SMALL_HEAD_PX:
        remarks.append(
            f"The head is small in the image ({side} pixels); details that the networks need may be lost."
        )
    if holds_text(trimmed):
        remarks.append("Text is burned into the image; it may identify the patient.")
    return remarks


def judge_size(
    found: GateFinding, pixels_hu: NDArray[np.float32], spacing_mm: tuple[float, float]
) -> GateFinding:
    """Add a refusal if the object in a slice is larger than a head.

    Args:
        found: result of `judge` for the slice.
        pixels_hu: (H, W) float32 Hounsfield units.
        spacing_mm: distance between rows and between columns.
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
    reason = f"The object is {max(tall, wide):.0f} mm across, larger than a head."
    return replace(found, outcome="refuse", reasons=(reason, *found.reasons), odd=True)


def judge_familiarity(found: GateFinding, distance: float, familiarity: Familiarity) -> GateFinding:
    """Add the evidence of the networks' features.

    Args:
        found: result of `judge` for the slice.
        distance: the slice's distance from training; see core.gate.familiarity.
        familiarity: limits of the experiment.

    Returns:
        `found`, unchanged if the distance is within the limit or the slice is nearly empty. Otherwise
        with a warning, or a refusal if the picture is odd too or farther than every held-out slice.
    """
    if distance <= familiarity.limit or found is NEARLY_EMPTY:
        return found
    how_many = "any slice" if distance > familiarity.farthest else "nearly all slices"
    reason = f"To the networks, the slice looks more unusual than {how_many} of the data set."
    sure = found.odd or distance > familiarity.farthest
    return replace(found, outcome="refuse" if sure else "warn", reasons=(*found.reasons, reason), odd=True)


def is_brain_visible(pixels: NDArray[np.float32]) -> bool:
    """Return whether a slice of a head CT shows brain, rather than only neck, face or the vertex.

    Brain is a homogeneous patch of soft tissue that covers at least a twentieth of the framed picture. Muscle
    lies in strands, and slices through the vertex hold bone. All 308 slices of the data set labeled with
    hemorrhage pass.

    Args:
        pixels: (H, W) float32 display gray in [0, 1], in a window at least 80 HU wide.

    Raises:
        ScanError: the pixels are not a valid picture; see `core.imaging.preprocessing.to_frame`.
    """
    return _has_brain(to_frame(np.asarray(pixels, dtype=np.float32), _FRAME))


def _measure(trimmed: NDArray[np.float32], frame: NDArray[np.float32]) -> Appearance | None:
    from scipy import ndimage

    objects, n_objects = ndimage.label(ndimage.binary_opening(frame > AIR, iterations=2))
    if n_objects == 0:
        return None
    sizes = np.bincount(objects.ravel())
    sizes[0] = 0
    # A wide closing includes nasal air and fat that the window shows black.
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
    """Return the pixels in the outermost fortieth of the picture, as one row."""
    width = max(1, min(pixels.shape) // 40)
    sides = (pixels[:width], pixels[-width:], pixels[:, :width], pixels[:, -width:])
    return np.concatenate([side.ravel() for side in sides])


def _cast_rays(frame: NDArray[np.float32], head: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return (72, 64) gray values along rays from the center of the head to its outline."""
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
