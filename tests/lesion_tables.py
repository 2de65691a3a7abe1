"""Invented tables localisation.csv and shortcut.csv, for tests of commands, cards and pages."""

from __future__ import annotations

import pandas as pd

from core.experiments import OPTIONAL_TABLES, Experiment, add_files
from core.measurements import LOCALISATION_TABLE, MEASURES, SHORTCUT_TABLE

SOURCES = ("north", "south <b>")


def add_lesion_tables(
    experiment: Experiment, *, covered: float = 0.55, kept: bool = True, compared: bool = True
) -> Experiment:
    """Store invented tables: lesions outlined in the first source, negatives of both.

    Args:
        covered: AUROC with the lesion covered; its interval reaches 0.04 to both sides.
        kept: whether there are slices of the kept part too.
        compared: whether the other source has slices to compare the lesions with.
    """
    parts = ("out of sample", "kept") if kept else ("out of sample",)
    looks = [
        (name, SOURCES[0], part, framework, 40, 9)
        + ((0.82, 0.71, 0.9, "", 0.17) if measure.is_share else (0.93, None, None, "too few", 0.5))
        for part in parts
        for framework in experiment.frameworks
        for name, measure in MEASURES.items()
    ]
    rows = [
        (control, SOURCES[0], part, other, framework, 38, n_other, value, value - 0.04, value + 0.04, "")
        for part in parts
        for framework in experiment.frameworks
        for other, n_other in ((SOURCES[1], 120), (SOURCES[0], 60))[0 if compared else 1 :]
        for control, value in (("uncovered", 0.94), ("covered", covered), ("away", 0.52))
    ]
    rows += [
        row
        for framework in experiment.frameworks
        for row in (
            ("source", SOURCES[1], "", "all others", framework, 90, 80, 0.97, 0.95, 0.99, ""),
            ("sensitivity", SOURCES[0], "kept", "GE", framework, 20, 0, 0.85, 0.7, 0.95, ""),
            ("false alarms", SOURCES[1], "kept", "", framework, 120, 0, 0.12, 0.08, 0.2, ""),
        )
    ]
    tables = {LOCALISATION_TABLE: looks, SHORTCUT_TABLE: rows}
    return add_files(
        experiment,
        {
            name: pd.DataFrame(own, columns=list(OPTIONAL_TABLES[name])).to_csv(index=False).encode()
            for name, own in tables.items()
        },
    )
