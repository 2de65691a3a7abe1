"""The lesions of phantoms: fresh blood, and the dark patch of an ischemic stroke."""

from __future__ import annotations

import copy
from typing import Literal

import numpy as np

from core.scans import LEARNED
from core.synthetic.phantom_anatomy import (
    BASE_POSITION,
    BLOOD,
    FLUID,
    WHITE_MATTER,
    Canvas,
    Pixels,
    compute_hindbrain,
)

Lesion = Literal["hemorrhage", "ischemia"]

# Of the cerebral arteries' territories on the convexity: how often, the middle of the wedge in degrees from
# the forehead to the back of the head, and its largest half width. The rest are lacunes.
_TERRITORIES = {"middle": (0.6, 88, 38), "anterior": (0.1, 24, 18), "posterior": (0.15, 156, 20)}
# Darker than white matter was.
_DARKER_HU = (4.0, 12.0)
# Gray and white matter then differ by this share of what they did.
_KEPT_CONTRAST = 0.3
# Fluid within this depth below the skull, in units of rho, is in sulci.
_SULCI = 0.3


def render_blood(canvas: Canvas) -> Pixels:
    """Render fresh blood, a bright irregular blob with a dark rim of edema.

    Returns:
        (size, size), 1 in the blood, 0 elsewhere, between them at its soft edge.
    """
    rng, aspect = canvas.rng, canvas.half_length / canvas.half_width
    if canvas.position < BASE_POSITION:
        u0, v0, reach = rng.normal(0, 0.03), 0.5 + rng.normal(0, 0.02), 0.11
    else:
        room = canvas.brain_edge
        off, angle = rng.uniform(0.3, 0.6) * room, rng.uniform(0, 2 * np.pi)
        u0, v0, reach = off * np.cos(angle), off * np.sin(angle), room * rng.uniform(0.15, 0.27)
        u0 = np.copysign(max(abs(u0), 0.2 * room), u0)
    du, dv = canvas.u - np.float32(u0), (canvas.v - np.float32(v0)) * np.float32(aspect)
    theta, uneven = np.arctan2(dv, du), np.ones_like(du)
    for order, amplitude in ((2, 0.16), (3, 0.11), (5, 0.05)):
        uneven += np.float32(rng.normal(0, amplitude)) * np.cos(
            order * theta + np.float32(rng.uniform(0, 6.28))
        )
    edge = np.float32(0.1 * reach) * canvas.cloud(24, rng)
    distance = np.sqrt(du**2 + dv**2) / np.maximum(uneven, np.float32(0.4)) + edge
    canvas.paint(0.65 * canvas.inside(distance - 1.45 * reach, 10) * canvas.brain, WHITE_MATTER - 0.09)
    blood = canvas.inside(distance - reach, 2.5) * canvas.brain
    canvas.paint(blood, BLOOD + 0.025 * canvas.cloud(28, rng))
    return blood


def render_infarct(canvas: Canvas) -> Pixels:
    """Render ischemic brain: darker, with a faint border of gray and white matter, often swollen.

    It is a part of the territory of a cerebral artery, from the cortex inwards, or a lacune; at the base, a
    patch of the cerebellum. It becomes darker by about 4 to 14 HU. Ventricles and bone stay as they are.

    Returns:
        (size, size), 1 in the lesion, 0 elsewhere, between them at its soft edge.
    """
    # Of a copy: the noise and all else is then that of the slice without the lesion.
    rng = copy.deepcopy(canvas.rng)
    depth = np.float32(canvas.brain_edge) - canvas.rho
    shape = canvas.inside(_sample_shape(canvas, rng), rng.uniform(3, 7))
    fluid = np.clip((FLUID + 0.13 + canvas.head.gray - canvas.pixels) / 0.06, 0, 1)
    bone = np.clip((canvas.pixels - 0.58) / 0.06, 0, 1)
    shape = shape * canvas.brain * (1 - fluid * (depth > _SULCI)) * (1 - bone)
    white = np.float32(WHITE_MATTER + canvas.head.gray)
    contrast = canvas.pixels - white
    # Swelling closes the sulci, which are darker than white matter.
    kept = np.where(contrast > 0, np.float32(_KEPT_CONTRAST), np.float32(rng.choice((0.4, 1.0))))
    canvas.paint(shape, white + kept * contrast - np.float32(rng.uniform(*_DARKER_HU) / LEARNED.width_hu))
    return shape


def _sample_shape(canvas: Canvas, rng: np.random.Generator) -> Pixels:
    """Sample the signed distance, in units of rho, to a lesion on one side of the head."""
    side, room = rng.choice((-1, 1)), canvas.brain_edge
    rough = np.float32(0.05) * canvas.cloud(14, rng)
    if canvas.position < BASE_POSITION:
        width, length = compute_hindbrain(canvas.position)
        return canvas.ellipse(side * 0.45 * width, 0.5, 0.45 * width, 0.6 * length) + np.float32(0.3) * rough
    draw, share = rng.random(), 0.0
    for frequency, middle, half_width in _TERRITORIES.values():
        share += frequency
        if draw < share:
            reach = half_width * rng.uniform(0.4, 1)
            place = middle + rng.uniform(-1, 1) * (half_width - reach)
            inner = room * rng.uniform(0.25, 0.7)
            angle = np.arctan2(side * canvas.u, -canvas.v) - np.float32(np.radians(place))
            along = (np.abs(angle) - np.float32(np.radians(reach))) * canvas.rho
            return np.maximum(along, np.float32(inner) - canvas.rho) + rough
    u0, v0 = side * room * rng.uniform(0.28, 0.45), room * rng.uniform(-0.25, 0.25)
    width, length = rng.uniform(0.05, 0.11, 2)
    return canvas.ellipse(u0, v0, width, length, tilt=rng.uniform(0, np.pi)) + np.float32(0.3) * rough
