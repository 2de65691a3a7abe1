"""A manifest of three made hospitals, for tests and trial runs without real data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from core.errors import DatasetError
from core.manifests import KEPT, Line, Source, write_manifest
from core.scans import LEARNED, Window, window_hu
from core.synthetic.phantom_anatomy import Pixels, sample_head
from core.synthetic.phantom_lesions import Lesion
from core.synthetic.phantoms import Phantom, choose_lesions, render_phantom, save_phantom

_NAME = "made.csv"
_NOT_LOOKED_FOR = "nobody looked for it; phantoms without hemorrhage show none"
_SOURCES = (
    Source(
        "made-a",
        "Made hospital A: hemorrhage, in JPEG",
        "free",
        {"hemorrhage": ("unknown", ""), "ischemia": ("presumed absent", _NOT_LOOKED_FOR)},
    ),
    Source(
        "made-b",
        "Made hospital B: hemorrhage, outlined; turned by 90 degrees",
        "free",
        {"hemorrhage": ("presumed absent", "each bleeding is outlined"), "ischemia": ("unknown", "")},
    ),
    Source(
        "made-c",
        "Made hospital C: ischemia, outlined",
        "free",
        {"hemorrhage": ("presumed absent", "each slice was sorted by kind"), "ischemia": ("unknown", "")},
    ),
)
_LESIONS: dict[str, Lesion] = {"made-a": "hemorrhage", "made-b": "hemorrhage", "made-c": "ischemia"}
_WINDOWS = {"made-a": LEARNED, "made-b": Window(40, 80), "made-c": Window(35, 100)}


def write_phantom_manifest(
    folder: Path, *, n_patients: int = 8, slices_per_patient: int = 4, size: int = 64, seed: int = 0
) -> Path:
    """Write a manifest of three made hospitals, and its pictures.

    In each hospital, every other patient (1, 3, ...) has the finding, on two to about half of the slices.

    - "made-a": JPEG in the window 40/120 (center, width in HU). Hemorrhage is labeled, without outlines.
      Ischemia is presumed absent, but unknown where there is hemorrhage.
    - "made-b": PNG in the window 40/80, turned by 90 degrees, as the column `rotate` says. Hemorrhage is
      outlined, and presumed absent elsewhere. Ischemia is unknown.
    - "made-c": PNG in the window 35/100, of two vendors. Ischemia is labeled, and outlined where present.
      Hemorrhage is presumed absent. Of each 8 patients, the third and the sixth are kept.

    Args:
        folder: target folder, created if missing; must not hold such a manifest.
        n_patients: number of patients of each hospital, at least 4.
        slices_per_patient: number of slices of each patient, at least 4.
        size: side of the pictures in pixels, at least 32.
        seed: the same seed writes the same pictures.

    Returns:
        The path of the manifest, `made.csv` in the folder.

    Raises:
        DatasetError: the folder already holds `made.csv`, or there are too few patients or slices.
        ValueError: the size is below 32.
    """
    if n_patients < 4 or slices_per_patient < 4:
        raise DatasetError(
            "A manifest of phantoms needs at least 4 patients with 4 slices each",
            found=f"{n_patients} patients, {slices_per_patient} slices",
        )
    path = Path(folder) / _NAME
    if path.exists():
        raise DatasetError(f"{str(folder)!r} already contains {_NAME}", remedy="choose an empty folder")
    rng = np.random.default_rng(seed)
    lines = []
    for source in _SOURCES:
        (path.parent / source.name).mkdir(parents=True, exist_ok=True)
        for patient in range(1, n_patients + 1):
            head = sample_head(rng)
            positions = np.linspace(0.3, 0.9, slices_per_patient) + rng.uniform(-0.02, 0.02)
            with_lesion = choose_lesions(positions, rng) if patient % 2 else set()
            for index, position in enumerate(positions):
                lesion = index in with_lesion and _LESIONS[source.name]
                phantom = render_phantom(rng, lesion=lesion, size=size, position=float(position), head=head)
                lines.append(_write_slice(path.parent, source.name, patient, index + 1, phantom))
    write_manifest(path, lines, _SOURCES)
    return path


def _write_slice(folder: Path, source: str, patient: int, number: int, phantom: Phantom) -> Line:
    """Write the picture of a slice, and its outline if it has one; return its line."""
    stem, shows = f"{source}/{patient}_{number:02}", phantom.lesion_center is not None
    line = {"file": f"{stem}.png", "source": source, "patient": str(patient)}
    pixels, mask = _show_in(_WINDOWS[source], phantom.pixels), phantom.mask
    if source == "made-a":
        line["file"] = f"{stem}.jpg"
        line |= {"hemorrhage": "present", "ischemia": "unknown"} if shows else {"hemorrhage": "absent"}
    elif source == "made-b":
        line |= {"rotate": "90", "vendor": "Philips"} | ({"hemorrhage": "present"} if shows else {})
        pixels, mask = np.rot90(pixels), np.rot90(mask)
    else:
        line["ischemia"] = "present" if shows else "absent"
        line["vendor"] = ("GE", "Siemens")[(patient - 1) // 2 % 2]
        line["part"] = KEPT if patient % 8 in (3, 6) else ""
    save_phantom(replace(phantom, pixels=pixels), folder / line["file"])
    if shows and source != "made-a":
        line["mask"] = f"{stem}_mask.png"
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / line["mask"])
    return line


def _show_in(window: Window, pixels: Pixels) -> Pixels:
    """Return a phantom's gray as another window shows it; its black is air, its white bone."""
    pixels_hu = LEARNED.center_hu + LEARNED.width_hu * (pixels - 0.5)
    return window_hu(np.select([pixels <= 0, pixels >= 1], [-1000, 1000], pixels_hu), window)
