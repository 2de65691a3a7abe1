"""Check whether a picture is a slice of a head CT, before a network reads it.

A network gives a probability for any picture, even of a chest or a cat. `judge` therefore first checks for
the outline of a head and, above all, bone. On CT in a soft-tissue window, bone is clipped to the brightest
gray, so many pixels share one value. On MRI, compact bone gives no signal and nothing is clipped. X-rays and
photographs reach the borders of the picture; so does a head CT cropped to the head, but bone rings it. In a
wide window, as for bone, brain is nearly even. Slices in Hounsfield units are judged by their numbers: see
core.gate.hounsfield. `core.gate.head_ct` then adds the evidence of the networks' features.

The limits were set on the development parts of four sources of head CT and of MRI, cardiac CT, X-rays and
photographs; see core.manifests.kept_aside. Weak evidence against a head CT gives a warning. Strong evidence
gives a refusal, and so does weak evidence from both the picture and the features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.gate.burnt_in_text import holds_text
from core.imaging import AIR, BONE, Recipe, find_head, to_frame, trim_margins

Outcome = Literal["read", "warn", "refuse"]

# Measurements use a small copy, framed to the head.
_FRAME = Recipe(size=160, channels="gray", framing="head", intensity="unit")
_N_RAYS, _N_STEPS = 72, 64
_MIDDLE = np.hypot(*(np.mgrid[: _FRAME.size, : _FRAME.size] - _FRAME.size / 2)) < 0.28 * _FRAME.size
# Steps of a ray from the center of the head to its outline: brain ends, and skull and scalp begin.
_BRAIN_ENDS, _RIM_BEGINS = 38, 42
# Pixels above this share of the head's brightest value count as clipped by the window.
_CUT_OFF = 0.97

# A rim of bone exceeds this share of the head's brightest value, and this multiple of the median inside.
_BRIGHT_RIM, _OVER_INSIDE = 0.65, 1.35

# Of head CT with a margin, at most 0.1 of the border is not black; cropped to the head, at most 0.6. Of
# X-rays and photographs, usually more. In the border of an inverted picture, nearly all is white.
_FILLED, _ALL_FILLED, _WHITE = 0.25, 0.7, 0.8
# In head CT, the ellipse share is at least 0.66, the aspect 0.54 and the clipped share 0.04. Of most MRI at
# most 0.03 is clipped.
_LEAST_ELLIPSE, _LEAST_ASPECT = 0.60, 0.45
_NO_BONE, _LITTLE_BONE = 0.012, 0.035
_OPEN_RING, _CLOSED_RING = 0.35, 0.7
# Half of the tissue in the middle of a slice differs by at least 0.03 in brain windows, by 0.024 in a window
# of 200 HU, and by less than 0.01 in most windows for bone.
_LEAST_CONTRAST, _LEAST_TISSUE = 0.02, 0.03

# A head of fewer pixels, unless it is the tip of a head in a larger picture.
_SMALL_HEAD_PX, _WHOLE_HEAD = 100, 0.5
# A smaller object, as a share of the picture's side, is the tip of a head, where bone may be invisible.
_TIP = 0.35
# A head is thicker than twice this share of the frame; the arc of a head holder is thinner.
_THIN = 0.075

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
        contrast: interquartile range of the tissue's gray in the middle; 1 if there is little tissue.
    """

    border: float
    border_gray: float
    ellipse: float
    aspect: float
    cut_off: float
    ring: float
    contrast: float


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


NO_HEAD = GateFinding(
    "refuse", ("The slice shows no head: it is blank, or holds only air or a head holder.",), False, odd=True
)
# The tip of a head: too little to compare with training.
NEARLY_EMPTY = GateFinding("warn", ("The slice shows only the tip of a head.",), brain_visible=False)


def judge(pixels: NDArray[np.float32], *, colored: bool = False) -> GateFinding:
    """Decide whether a picture is a slice of a head CT.

    Args:
        pixels: (H, W) float32 display gray in [0, 1].
        colored: whether the file was in color.

    Raises:
        ScanError: the pixels are not a valid picture; see `core.imaging.preprocessing.to_frame`.
    """
    trimmed = trim_margins(np.asarray(pixels, dtype=np.float32))
    frame = to_frame(trimmed, _FRAME)
    appearance = _measure(trimmed, frame)
    if appearance is None:
        return NO_HEAD
    side = find_head(trimmed)[2]
    boneless = appearance.cut_off < _NO_BONE and appearance.ring < _OPEN_RING
    if boneless and side < _TIP * min(trimmed.shape):
        return NEARLY_EMPTY
    refusals = _list_refusals(appearance, colored, boneless)
    warnings = _list_warnings(appearance, colored, boneless)
    remarks = _list_remarks(trimmed, side)
    reasons = (*refusals, *warnings, *remarks)
    outcome: Outcome = "refuse" if refusals else "warn" if reasons else "read"
    return GateFinding(outcome, reasons, _has_brain(frame), odd=bool(refusals or warnings))


def _list_refusals(appearance: Appearance, colored: bool, boneless: bool) -> list[str]:
    """Return strong evidence against a head CT."""
    refusals = []
    bony = appearance.cut_off >= _LITTLE_BONE
    if appearance.border > _ALL_FILLED and appearance.border_gray > _WHITE:
        refusals.append("The background is white; the image looks inverted.")
    elif appearance.border > _FILLED:
        # Slices through the neck are cropped too: their bone is inside.
        partly = appearance.border <= _ALL_FILLED
        ringed = appearance.ring >= _CLOSED_RING or (partly and (bony or appearance.ring >= _OPEN_RING))
        if boneless or not ringed:
            refusals.append(
                "The image is filled to its borders, like a photograph or X-ray, without a ring of skull."
            )
    if colored and not bony:
        refusals.append("The image is in color; CT is gray.")
    if boneless:
        refusals.append("No bone is visible, the brightest part of a head CT. This may be MRI.")
    return refusals


def _list_warnings(appearance: Appearance, colored: bool, boneless: bool) -> list[str]:
    """Return weak evidence against a head CT in a brain window."""
    warnings = []
    bony = appearance.cut_off >= _LITTLE_BONE
    if colored and bony:
        warnings.append("The image is in color; CT is gray.")
    if appearance.ellipse < _LEAST_ELLIPSE or appearance.aspect < _LEAST_ASPECT:
        warnings.append("The outline is not that of a head.")
    if appearance.contrast < _LEAST_CONTRAST:
        warnings.append("The brain is nearly even, as in a wide window, such as one for bone.")
    elif not bony and not boneless:
        warnings.append(
            "Bone is less bright than on CT in a brain window. This may be MRI, or CT in a wide window."
        )
    return warnings


def _list_remarks(trimmed: NDArray[np.float32], side: int) -> list[str]:
    """Return remarks on a small head and on burnt-in text."""
    remarks = []
    if side < _SMALL_HEAD_PX and side > _WHOLE_HEAD * min(trimmed.shape):
        remarks.append(
            f"The head is small in the image ({side} pixels); details that the networks need may be lost."
        )
    if holds_text(trimmed):
        remarks.append("Text is burned into the image; it may identify the patient.")
    return remarks


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
    if not ndimage.binary_erosion(head, iterations=round(_THIN * len(frame))).any():
        return None
    rows, columns = np.nonzero(head)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    axes = np.linalg.eigvalsh(np.cov(np.stack([rows, columns])))
    brightest = np.quantile(frame[head], 0.998)
    rays = _cast_rays(frame, head)
    inside = np.median(rays[:, :_BRAIN_ENDS])
    rim = rays[:, _RIM_BEGINS:].max(axis=1)
    border = _border(trimmed)
    middle = frame[_MIDDLE]
    tissue = middle[(middle > AIR) & (middle < BONE * max(float(brightest), BONE))]
    return Appearance(
        border=float((border > AIR).mean()),
        border_gray=float(np.median(border)),
        ellipse=float(head.sum() / (4 * np.pi * np.sqrt(max(axes[0] * axes[1], 1e-9)))),
        aspect=float(min(height, width) / max(height, width)),
        cut_off=float((frame[head] >= _CUT_OFF * brightest).sum() / frame.size),
        ring=float((rim > max(_BRIGHT_RIM * brightest, _OVER_INSIDE * inside)).mean()),
        contrast=float(np.ptp(np.quantile(tissue, [0.25, 0.75])))
        if tissue.size >= _LEAST_TISSUE * frame.size
        else 1.0,
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
