"""The columns of a manifest, and the types of its rows and sources.

A manifest is a CSV file with one line a slice. Only `file` is required; the columns may stand in any order.

    file        path of the file, below the folder of the manifest, or of its source if that names a folder
    source      the hospital or data set; "" for all if there is one only
    patient     id, which counts within the source; empty: unknown
    slice       number of the slice, from 1, in a file or folder of several, from the feet to the head
    hemorrhage  present, absent or unknown; empty: what the silence of the source means
    ischemia    likewise
    mask        path of a picture or volume that outlines the finding, below the same folder
                (drawn where its values are not 0)
    vendor      maker of the scanner
    part        "kept": never used for training
    rotate      0, 90, 180 or 270: degrees clockwise by which the picture is turned when it is read

A mask outlines the finding that is present on its slice. Where both are present, it cannot be told which one
it outlines, so the mask is not used; the line is, and a problem that loses no slice says so. A mask that
outlines something where no finding is present, or nothing where one is, contradicts the labels: then the line
is not used. A blank mask where no finding is present is allowed.

The facts about the sources lie beside it, in NAME.sources.csv, with one line a source and finding:

    source, title, terms    name in the manifest; title of the data set; terms of its use
    finding                 hemorrhage or ischemia; empty: the line only names the source
    silence                 what an empty label means: "unknown" (default) or "presumed absent"
    reason                  the reason for "presumed absent"; it goes on the card of an experiment
    folder                  where the source's files lie, if not beside the manifest
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from core.manifests.findings import FINDINGS, get_finding, list_sources_without, warn_of_sources

WORDS = {"present": 1, "absent": 0, "unknown": None}
COLUMNS = ("file", "source", "patient", "slice", *FINDINGS, "mask", "vendor", "part", "rotate")
SOURCE_COLUMNS = ("source", "title", "terms", "finding", "silence", "reason", "folder")
KEPT = "kept"
# A source whose files name no patient: its column `patient` tells studies apart.
GROUPED_BY_STUDY = "teknofest-ischemia"
TURNS_DEG = (0, 90, 180, 270)
PRESUMED_ABSENT = "presumed absent"
SILENCES = ("unknown", PRESUMED_ABSENT)

Silence = Literal["unknown", "presumed absent"]


@dataclass(frozen=True)
class Source:
    """A hospital or data set of a manifest.

    Attributes:
        name: as in the manifest's rows.
        title: the data set's title.
        terms: the terms of its use.
        silence: finding -> (what an empty label means, the reason).
        folder: where its files lie; "" beside the manifest.
    """

    name: str
    title: str = ""
    terms: str = ""
    silence: Mapping[str, tuple[Silence, str]] = field(default_factory=dict)
    folder: str = ""

    def describe_silence(self, finding: str) -> str:
        """Return the meaning of an empty label of a finding, with its reason, as words of a sentence."""
        means, reason = self.silence.get(finding, ("unknown", ""))
        because = (
            f", because {reason}" if reason and means == PRESUMED_ABSENT else f" ({reason})" if reason else ""
        )
        return f"an empty label of {finding} is {means}{because}"


@dataclass(frozen=True)
class Row:
    """A checked line of a manifest.

    Attributes:
        line: number of the line in the file, from 1.
        name: unique name of the slice: its path below the manifest's folder (or "SOURCE/path" if the source
            has a folder of its own), and "#K" for slice K of a file with several.
        path: where the file or folder of the slice lies.
        slice: from 1; None if the file has one slice.
        source, patient, vendor, part: as in the file.
        labels: finding -> 1 present, 0 absent, None unknown, after the source's silence is applied.
        mask: path below the same folder as the file; "" if there is none, or both findings are present.
        mask_path: where the mask lies; None if there is none.
        rotate: degrees clockwise.
    """

    line: int
    name: str
    path: Path
    slice: int | None = None
    source: str = ""
    patient: str = ""
    labels: Mapping[str, int | None] = field(default_factory=dict)
    mask: str = ""
    mask_path: Path | None = None
    vendor: str = ""
    part: str = ""
    rotate: int = 0

    @property
    def outlined(self) -> str:
        """Return the finding that a mask of the slice outlines; "" if none is present, or both are."""
        present = [finding for finding, label in self.labels.items() if label == 1]
        return present[0] if len(present) == 1 else ""


@dataclass(frozen=True)
class Problem:
    """A line that is not used, or used in part, and the reason.

    Attributes:
        line: number of the line, from 1.
        message: a sentence without its full stop.
        file: the file or its cell, as far as it is known.
        table: name of the CSV file.
        loses_slice: whether a slice is left out because of it.
    """

    line: int
    message: str
    file: str = ""
    table: str = ""
    loses_slice: bool = True

    def __str__(self) -> str:
        return f"{self.table}, line {self.line}: {self.message}"


@dataclass(frozen=True)
class Manifest:
    """A manifest that was read.

    Attributes:
        path: the CSV file.
        rows: the lines that can be used, in the order of the file.
        sources: the sources of these rows, in the order of their first line.
        problems: the other lines, in the order of the file.
        n_lines: number of lines below the header that are not empty.
    """

    path: Path
    rows: tuple[Row, ...]
    sources: tuple[Source, ...]
    problems: tuple[Problem, ...] = ()
    n_lines: int = 0

    def select_trainable(self, finding: str) -> list[Row]:
        """Return the rows that a training may use: with a known label of the finding, not kept aside."""
        return [row for row in self.rows if row.part != KEPT and row.labels[finding] is not None]

    def count_trainable(self, finding: str) -> dict[str, tuple[int, int]]:
        """Return source -> (slices without, slices with the finding) of the rows that a training may use."""
        used = self.select_trainable(finding)
        return {
            source.name: (own.count(0), own.count(1))
            for source in self.sources
            if (own := [row.labels[finding] for row in used if row.source == source.name])
        }

    def describe_training(self, finding: str) -> list[str]:
        """Return sentences on what a training uses: first on the rows, then warnings on them.

        The first names the finding, counts the rows by label and those left out, and says which sources have
        no positive row. The warnings are on sources that tell the label, and on unknown patients.
        """
        facts, counts = get_finding(finding), self.count_trainable(finding)
        used = self.select_trainable(finding)
        n_positive = sum(positive for _, positive in counts.values())
        n_kept = sum(row.part == KEPT for row in self.rows)
        n_unknown = len(self.rows) - len(used) - n_kept
        n_strangers = sum(not row.patient for row in used)
        rows = (
            f"{len(used):,} slices to train on: {n_positive:,} with an {facts.name}, "
            f"{len(used) - n_positive:,} without. Left out: {n_unknown:,} whose label is unknown, "
            f"{n_kept:,} kept aside."
        )
        lines = [f"{rows} {list_sources_without(counts, facts)}".strip(), *warn_of_sources(counts, facts)]
        if n_strangers:
            share = "all" if n_strangers == len(used) else f"{n_strangers:,} of {len(used):,}"
            lines.append(
                f"The patients of {share} slices are unknown: slices of one patient may be in both training "
                "and test, and then the results are too optimistic."
            )
        return lines
