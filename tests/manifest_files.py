"""Write manifests and the files that they list, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tests.builders import render_head

_WORDS = ("absent", "present")


def write_slice(path: Path, gray: float = 0.4, seed: int = 0, size: int = 64) -> Path:
    """Write a picture of a head with a little noise, so that pictures of different seeds differ."""
    noise = np.random.default_rng(seed).normal(0, 0.01, (size, size))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.clip(render_head(gray, size) + noise, 0, 1)
    Image.fromarray(np.round(picture * 255).astype(np.uint8)).save(path)
    return path


def write_lines(path: Path, *lines: str) -> Path:
    """Write the lines of a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_two_sources(folder: Path, n_patients: int = 6, n_slices: int = 4) -> Path:
    """Write a manifest of two sources, and its pictures: half of the patients show a hemorrhage.

    The source "north" names its patients, from 1 in both; silence means "presumed absent" there. The source
    "south" names the patients of its first half only.
    """
    lines = ["file,source,patient,hemorrhage,vendor"]
    for place, source in enumerate(("north", "south")):
        for patient in range(1, n_patients + 1):
            for number in range(n_slices):
                shows = patient % 2 == 0 and number % 2 == 0
                file = f"{source}/{patient}_{number}.png"
                seed = 10_000 * place + 100 * patient + number
                write_slice(folder / file, 0.6 if shows else 0.3, seed)
                word = "" if source == "north" and not shows else _WORDS[shows]
                named = source == "north" or patient <= n_patients // 2
                lines.append(f"{file},{source},{patient if named else ''},{word},{('GE', 'Philips')[place]}")
    sources = [
        "source,title,terms,finding,silence,reason",
        "north,Northern Hospital,research only,hemorrhage,presumed absent,each report names its bleedings",
        "south,Southern Hospital,free,hemorrhage,unknown,",
    ]
    write_lines(folder / "set.sources.csv", *sources)
    return write_lines(folder / "set.csv", *lines)


def write_cells(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    """Write rows of cells that hold no comma."""
    return write_lines(path, *(",".join(row) for row in rows))
