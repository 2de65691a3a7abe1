"""Count what each source of a manifest holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.datasets import Dataset
from core.manifests import KEPT, Source


@dataclass(frozen=True)
class LabelCounts:
    """Numbers of slices by their label of one finding."""

    present: int
    absent: int
    unknown: int


@dataclass(frozen=True)
class SourceCounts:
    """The content of one source of a manifest.

    Attributes:
        source: its facts.
        n_slices: readable slices.
        n_patients: known patients.
        n_unknown_patients: slices of unknown patients.
        n_kept: slices of the kept part.
        labels: finding -> slices by label.
        vendors: maker of the scanner -> slices, most common first; without those that name none.
    """

    source: Source
    n_slices: int
    n_patients: int
    n_unknown_patients: int
    n_kept: int
    labels: Mapping[str, LabelCounts]
    vendors: Mapping[str, int]


def count_sources(dataset: Dataset) -> tuple[SourceCounts, ...]:
    """Return the counts of a manifest's sources, in their order; () for class folders."""
    found = []
    for source in dataset.sources:
        own = dataset.table[dataset.table["source"] == source.name]
        patients, vendors = own["patient"], own["vendor"]
        labels = {
            finding: LabelCounts(
                int((own[finding] == 1).sum()), int((own[finding] == 0).sum()), int(own[finding].isna().sum())
            )
            for finding in dataset.findings
        }
        found.append(
            SourceCounts(
                source=source,
                n_slices=len(own),
                n_patients=int(patients[patients != ""].nunique()),
                n_unknown_patients=int((patients == "").sum()),
                n_kept=int((own["part"] == KEPT).sum()),
                labels=labels,
                vendors={str(name): int(n) for name, n in vendors[vendors != ""].value_counts().items()},
            )
        )
    return tuple(found)
