"""The anatomy of phantoms: a random head, and a canvas that renders one slice of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.float32]

# Display grays in a brain window: 0 is -20 HU and below, 1 is 100 HU and above.
SKULL, BLOOD, GRAY_MATTER, WHITE_MATTER, MUSCLE, FLUID, FAT = 1.0, 0.74, 0.465, 0.39, 0.48, 0.2, 0.07

# Slices below this position show skull base and face rather than the cranial vault.
BASE_POSITION = 0.3


@dataclass(frozen=True, eq=False)
class Head:
    """The anatomy of one patient, shared by all slices.

    Lengths are shares of the picture's side, angles are in radians, grays in [0, 1].
    """

    half_width: float
    half_length: float
    center: tuple[float, float]
    angle: float
    outline: tuple[tuple[int, float, float], ...]  # (order, amplitude, phase) of the outline's harmonics
    skull: float
    scalp: float
    ventricle: float  # relative size
    ventricle_skew: float
    atrophy: float  # 0 narrow sulci, 1 wide sulci
    gray: float  # added to all soft tissue
    noise: float
    has_pineal_calcification: bool
    texture_seed: int = field(repr=False)


def sample_head(rng: np.random.Generator) -> Head:
    """Sample the head of a random patient."""
    half_width = rng.uniform(0.27, 0.315)
    return Head(
        half_width=half_width,
        half_length=half_width * rng.uniform(1.16, 1.3),
        center=(rng.normal(0.5, 0.012), rng.normal(0.49, 0.015)),
        angle=rng.normal(0, 0.09),
        outline=tuple((k, rng.normal(0, 0.03 / k), rng.uniform(0, 2 * np.pi)) for k in (2, 3, 4, 5)),
        skull=rng.uniform(0.075, 0.115),
        scalp=rng.uniform(0.025, 0.055),
        ventricle=rng.uniform(0.7, 1.35),
        ventricle_skew=rng.normal(0, 0.12),
        atrophy=rng.beta(1.6, 2.4),
        gray=rng.normal(0, 0.018),
        noise=rng.uniform(0.018, 0.034),
        has_pineal_calcification=bool(rng.random() < 0.5),
        texture_seed=int(rng.integers(2**31)),
    )


class Canvas:
    """The picture of one slice while it is rendered.

    `u` runs from the patient's right to left in units of the head's half width, `v` from front to back in
    units of its half length; `rho` is 1 on the skin.
    """

    def __init__(self, head: Head, position: float, size: int, rng: np.random.Generator) -> None:
        self.head, self.position, self.size, self.rng = head, position, size, rng
        # Seeded by the head, so that texture belongs to the patient, not to the slice.
        self.texture = np.random.default_rng(head.texture_seed)
        self.scale = _compute_relative_width(position)
        axis = (np.arange(size, dtype=np.float32) + 0.5) / size
        x, y = axis[None, :] - head.center[0], axis[:, None] - head.center[1]
        cos, sin = np.cos(head.angle), np.sin(head.angle)
        self.half_width, self.half_length = head.half_width * self.scale, head.half_length * self.scale
        self.u = ((x * cos + y * sin) / self.half_width).astype(np.float32)
        self.v = ((y * cos - x * sin) / self.half_length).astype(np.float32)
        self.rho = np.sqrt(self.u**2 + self.v**2) / self._outline()
        self.pixels: Pixels = np.zeros((size, size), np.float32)
        # Edges are about one pixel wide; this is their width in units of rho.
        self.soft = 1.2 / (size * self.half_width)
        oblique = max(0.0, position - 0.75) / 0.25
        self.skull_outer = 1 - head.scalp * (1 + 0.5 * oblique)
        self.brain_edge = self.skull_outer - head.skull * (1 + 4.5 * oblique**2) / self.scale**0.5
        if position < BASE_POSITION:
            self.hollow = self.ellipse(0, 0.5, *compute_hindbrain(position))
        else:
            uneven = 0.12 * np.cos(3 * self.theta + np.float32(head.outline[0][2])) + 0.1 * self.cloud(8)
            self.hollow = self.rho - np.float32(self.brain_edge) + np.float32(head.skull) * uneven
        self.brain = self.inside(self.hollow)

    def _outline(self) -> Pixels:
        self.theta = np.arctan2(self.v, self.u)
        radius = np.ones_like(self.theta)
        for order, amplitude, phase in self.head.outline:
            radius += np.float32(amplitude) * np.cos(order * self.theta + np.float32(phase))
        # The back of the head is wider than the forehead.
        return radius + np.float32(0.04) * self.v * np.abs(self.u)

    def inside(self, distance: Pixels, softness: float = 1.0) -> Pixels:
        """Return a mask from a signed distance in units of rho: 1 inside (negative), 0 outside, soft edge."""
        return np.clip(0.5 - distance / (self.soft * softness), 0, 1)

    def ellipse(
        self, u0: float, v0: float, ru: float, rv: float, *, tilt: float = 0, bend: float = 0
    ) -> Pixels:
        """Return the signed distance to a tilted, bent ellipse at (u0, v0) with radii ru and rv."""
        du, dv = self.u - np.float32(u0), self.v - np.float32(v0)
        cos, sin = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))
        a, b = du * cos + dv * sin, dv * cos - du * sin
        a = a - np.float32(bend) * b * b
        return (np.sqrt((a / np.float32(ru)) ** 2 + (b / np.float32(rv)) ** 2) - 1) * np.float32(min(ru, rv))

    def paint(self, mask: Pixels, gray: Pixels | float) -> None:
        self.pixels += mask * (gray - self.pixels)

    def cloud(self, cells: int, rng: np.random.Generator | None = None) -> Pixels:
        """Return smooth noise of about unit variance, with `cells` bumps along a side."""
        coarse = (rng or self.texture).standard_normal((cells + 3, cells + 3)).astype(np.float32)
        image = Image.fromarray(coarse).resize((self.size, self.size), Image.Resampling.BICUBIC)
        return np.asarray(image) * np.float32(1.3)

    def render_soft_tissue(self) -> None:
        """Render skin and fat, with muscle below the skull base."""
        self.paint(self.inside(self.rho - 1), FAT + 0.06 * np.clip(self.cloud(18), 0, 2))
        if self.position < BASE_POSITION:
            nose = self.ellipse(0, -0.97, 0.12, 0.14)
            self.paint(self.inside(nose), MUSCLE - 0.12)
            muscle = self.inside(self.rho - 0.9, 4) * np.clip(0.9 + 0.5 * self.cloud(14), 0, 1)
            self.paint(muscle, MUSCLE - 0.04 + 0.02 * self.cloud(30))

    def render_brain(self) -> None:
        """Render gray matter, a slightly darker core of white matter, and dark sulci near the surface."""
        depth = np.clip((self.brain_edge - self.rho) / 0.45, 0, 1)
        folds = self.cloud(14) * 0.22 + depth
        white = np.clip((folds - 0.22) * 2.5, 0, 1)
        tissue = GRAY_MATTER + white * np.float32(WHITE_MATTER - GRAY_MATTER) + 0.008 * self.cloud(40)
        ridges = np.abs(self.cloud(18) + np.float32(0.8) * self.cloud(11))
        width = (0.16 + 0.26 * self.head.atrophy) * (0.6 + self.position)
        sulci = np.clip(1 - ridges / width, 0, 1) * np.clip(1.2 - 2.2 * depth, 0, 1)
        tissue -= sulci * np.float32((GRAY_MATTER - FLUID) * (0.3 + 0.4 * self.head.atrophy))
        self.paint(self.brain, tissue + np.float32(self.head.gray))

    def render_ventricles(self) -> None:
        """Render the lateral ventricles and, lower down, the third ventricle and the lateral fissures."""
        height = (self.position - 0.42) / 0.34
        if height > 1:
            return
        fluid = FLUID + self.head.gray
        grow = self.head.ventricle * np.sin(np.pi * min(max(height, 0.15), 0.95)) ** 0.5
        for side in (-1, 1):
            size = grow * (1 + side * self.head.ventricle_skew)
            if height > 0.45:
                reach = 0.4 - 0.2 * height
                horns = [self.ellipse(side * 0.13, 0.03, 0.06 * size, reach, bend=side * 0.8)]
            else:
                horns = [
                    self.ellipse(side * 0.11, -0.27, 0.055 * size, 0.15 * grow, tilt=side * 0.42),
                    self.ellipse(side * 0.3, 0.32, 0.05 * size, 0.16, tilt=-side * 0.5, bend=-side * 0.9),
                ]
                ganglia = self.ellipse(side * 0.3, -0.08, 0.13, 0.2, tilt=-side * 0.3)
                self.paint(0.6 * self.inside(ganglia, 12) * self.brain, GRAY_MATTER + self.head.gray)
                fissure = self.ellipse(side * 0.66, -0.13, 0.028, 0.17, tilt=side * 0.5, bend=side * 1.5)
                self.paint(self.head.atrophy * self.inside(fissure, 5) * self.brain, fluid + 0.05)
            for horn in horns:
                self.paint(self.inside(horn, 2.5) * self.brain, fluid)
        if height < 0.5:
            self.paint(self.inside(self.ellipse(0, 0.06, 0.018 + 0.012 * grow, 0.13), 2), fluid)
            if self.head.has_pineal_calcification and 0.1 < height < 0.45:
                self.paint(self.inside(self.ellipse(0.01, 0.26, 0.022, 0.02), 2), 0.95)

    def render_falx(self) -> None:
        """Render the falx between the hemispheres, slightly brighter than brain, with fluid beside it."""
        bow = 0.02 * np.sin(3.5 * self.v + np.float32(self.head.ventricle_skew * 20))
        away = np.abs(self.u - bow)
        if self.position > 0.74:
            along = np.ones_like(self.v)
        else:
            along = np.clip((np.abs(self.v + 0.02) - 0.45) * 8, 0, 1)
        along = along * self.brain
        narrow = self.inside(away - (0.02 + 0.03 * self.head.atrophy), 4)
        cleft = np.clip(0.35 + 0.5 * self.cloud(24), 0, 1) * narrow
        self.paint(along * cleft, FLUID + 0.08)
        self.paint(0.55 * along * self.inside(away - 0.006, 1.5), GRAY_MATTER + 0.13)

    def render_posterior_fossa(self) -> None:
        """Render cerebellum, fourth ventricle, basal cisterns and petrous bones."""
        self.paint(0.6 * self.inside(self.ellipse(0, 0.5, 0.5, 0.36), 6), GRAY_MATTER - 0.01 + self.head.gray)
        fluid = FLUID + self.head.gray
        self.paint(self.inside(self.ellipse(0, 0.36, 0.075 * self.head.ventricle, 0.06), 2.5), fluid)
        for angle in (-1.1, 0.0, 1.1):
            arm = self.ellipse(0.17 * np.sin(angle), -0.05 - 0.1 * np.cos(angle), 0.03, 0.17, tilt=angle)
            self.paint(0.8 * self.inside(arm, 4), fluid + 0.03)
        low = np.clip((0.42 - self.position) / 0.1, 0, 1)
        head = self.inside(self.rho - np.float32(self.skull_outer))
        for side in (-1, 1):
            petrous = self.ellipse(side * 0.66, 0.16, 0.34 * low + 0.02, 0.085, tilt=side * 0.45)
            rough = 0.04 * self.cloud(20)
            self.paint(self.inside(petrous + rough, 2) * head, SKULL)
            cells = (self.cloud(45) > 0.9) & (petrous < -0.03)
            self.paint(cells.astype(np.float32) * 0.95, 0.0)
            wing = self.ellipse(side * 0.55, -0.36, 0.32 * low + 0.02, 0.045, tilt=-side * 0.5)
            self.paint(self.inside(wing + rough * 0.6, 2) * head, SKULL)

    def render_face(self) -> None:
        """Render skull base and face: bone around the hindbrain, cheek bones, jaw and air-filled cavities."""
        rough = 0.05 * self.cloud(20)
        rise = self.position / BASE_POSITION
        head = self.inside(self.rho - 0.97)
        ring = self.hollow + np.float32(0.5) * rough - np.float32(0.13 - 0.04 * rise)
        self.paint(self.inside(ring, 2) * (1 - self.brain), SKULL)
        if rise < 0.5:
            self.paint(self.inside(self.hollow + 0.05, 3), GRAY_MATTER + self.head.gray)
        for side in (-1, 1):
            jaw = self.ellipse(side * 0.66, -0.1, 0.07 + 0.1 * rise, 0.24 - 0.1 * rise, tilt=side * 0.25)
            cheek = self.ellipse(side * 0.42, -0.62, 0.07, 0.26, tilt=-side * 0.75)
            base = self.ellipse(side * 0.42, 0.18, 0.42 * rise + 0.01, 0.11, tilt=side * 0.5)
            for bone in (jaw, cheek, base) if rise > 0.25 else (jaw, cheek):
                self.paint(self.inside(bone + rough, 2) * head, SKULL)
            cells = (self.cloud(40) > 0.8) & (base < -0.02)
            self.paint(cells.astype(np.float32), 0.0)
            sinus = self.ellipse(side * 0.3, -0.55, 0.16, 0.17)
            self.paint(self.inside(sinus - 0.03 + rough * 0.4, 2) * 0.9, SKULL)
            self.paint(self.inside(sinus + rough * 0.4, 2), 0.0)
            if rise > 0.6:
                eye = self.ellipse(side * 0.42, -0.72, 0.2, 0.16)
                self.paint(self.inside(eye - 0.02, 2), FAT)
                self.paint(self.inside(eye, 2), FLUID + 0.13)
                self.paint(self.inside(self.ellipse(side * 0.44, -0.84, 0.08, 0.03), 2), 0.75)
        airway = self.ellipse(0, -0.05 - 0.35 * rise, 0.11, 0.09 + 0.2 * rise)
        self.paint(self.inside(airway + rough, 2), 0.0)
        self.paint(self.inside(self.ellipse(0, -0.6, 0.015, 0.25), 1.5), 0.8)

    def render_skull(self) -> None:
        if self.position < BASE_POSITION:
            return
        ring = self.inside(self.rho - np.float32(self.skull_outer)) * (1 - self.brain)
        self.paint(ring, SKULL)

    def finish(self) -> Pixels:
        """Add slightly smoothed scanner noise, clip to [0, 1] and return the picture."""
        grain = self.rng.standard_normal((self.size + 1, self.size + 1), dtype=np.float32)
        grain = grain[1:, 1:] + 0.6 * (grain[:-1, 1:] + grain[1:, :-1])
        self.pixels += np.float32(self.head.noise / 1.3) * grain * self.inside(self.rho - 1)
        return np.clip(self.pixels, 0, 1)


def compute_hindbrain(position: float) -> tuple[float, float]:
    """Return the radii of the hindbrain below BASE_POSITION, in units of the head's half width and length."""
    rise = position / BASE_POSITION
    return 0.17 + 0.33 * rise, 0.13 + 0.24 * rise


def _compute_relative_width(position: float) -> float:
    """Return the head's width at a position, as a share of its greatest width."""
    if position < 0.5:
        return float(0.74 + 0.26 * np.sin(np.pi * position))
    return float(np.sqrt(1 - ((position - 0.5) / 0.53) ** 2))
