"""Data sets of bright and dark heads, which the tiny networks call positive and negative."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from core.datasets import HEMORRHAGE, Dataset
from core.datasets.slices import COLUMNS, fingerprint_table
from core.manifests import Source
from tests.builders import render_head


@dataclass
class Heads:
    """A data set being made: one picture for each row of a table.

    Attributes:
        folder: where the pictures are written.
        rows: the rows of the data set's table.
        sources: as of the data set.
    """

    folder: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    sources: tuple[Source, ...] = ()

    def add(self, n: int, label: int | None = 0, **columns: Any) -> Heads:
        """Add n slices with this label; columns such as patient, source and part are "" by default."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for _ in range(n):
            number = len(self.rows)
            # Each picture has its own gray, so that no two files are equal.
            gray = (0.45 if label else 0.3) + 0.0005 * number
            path = self.folder / f"{number}.png"
            Image.fromarray(np.rint(render_head(gray) * 255).astype(np.uint8)).save(path)
            row = {
                "file": path.name,
                "slice_label": label,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "number": number,
            }
            self.rows.append({**dict.fromkeys(COLUMNS, ""), "folder_label": label, **row, **columns})
        return self

    def build(self) -> Dataset:
        """Return the data set."""
        types = dict.fromkeys(("number", "folder_label", "slice_label"), "Int64")
        table = pd.DataFrame(self.rows, columns=list(COLUMNS)).astype(types)
        table[HEMORRHAGE] = table["slice_label"]
        return Dataset(
            folder=self.folder,
            table=table,
            classes=("Normal", "Stroke"),
            fingerprint=fingerprint_table(table),
            has_slice_labels=True,
            findings=(HEMORRHAGE,),
            sources=self.sources,
        )
