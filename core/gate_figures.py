"""How often the gate reads, warns of and refuses slices of head CT, and pictures that are none.

The table gate.csv: a row per kind, its counts of slices and of files that cannot be read. Which files they
were is not stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ExperimentError, ScanError
from core.evaluation.intervals import Interval, clopper_pearson, with_interval
from core.experiments import OPTIONAL_TABLES, Experiment, add_files
from core.prediction import judge_scan
from core.scan_paths import list_files
from core.scans import Refused, iterate_study

if TYPE_CHECKING:
    import pandas as pd

TABLE = "gate.csv"
KINDS = ("head_ct", "other")
OUTCOMES = ("read", "warn", "refuse")


def measure_gate(
    head_ct: Sequence[Path],
    other: Sequence[Path],
    on_file: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Judge every slice of folders whose content is known.

    Args:
        head_ct: files and folders of head CT only; each is one upload, as in `core.scan_paths.read_paths`.
        other: files and folders of pictures that are no head CT.
        on_file: called with the number of files done and their total after each.

    Returns:
        The table gate.csv of `core.experiments.OPTIONAL_TABLES`, a row for each of KINDS.

    Raises:
        ScanError: code "empty": nothing of a kind can be read.
    """
    import pandas as pd

    kinds = zip(KINDS, (head_ct, other), strict=True)
    uploads = [(kind, list_files([path])) for kind, paths in kinds for path in paths]
    total, done = sum(len(files) for _, files in uploads), 0

    def count(files: list[tuple[Path, str]]) -> Iterator[tuple[str, Path]]:
        nonlocal done
        for path, source in files:
            yield source, path
            # Whoever asks for the next file is done with this one.
            done += 1
            if on_file:
                on_file(done, total)

    counts = {kind: Counter[str]() for kind in KINDS}
    for kind, files in uploads:
        for outcomes in _judge_files(count(files)):
            counts[kind].update(outcomes)
    rows = []
    for kind, found in counts.items():
        n = sum(found[outcome] for outcome in OUTCOMES)
        if n == 0:
            raise ScanError(
                f'Nothing could be read of the kind "{kind}"',
                came=f"{found['unreadable']} files that cannot be read",
                remedy="name folders that hold pictures or DICOM files",
                code="empty",
            )
        rows.append([kind, n, *(found[outcome] for outcome in OUTCOMES), found["unreadable"]])
    return pd.DataFrame(rows, columns=list(OPTIONAL_TABLES[TABLE]))


def store_gate(experiment: Experiment, table: pd.DataFrame) -> Experiment:
    """Put the table into the experiment, in the place of an older one; returns it as it is now."""
    return add_files(experiment, {TABLE: table.to_csv(index=False, lineterminator="\n").encode()})


def draw_shares(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """The counts as shares of the slices.

    Returns:
        kind -> {"n": slices, "unreadable": files, and for each of OUTCOMES a FIGURE {"count": slices,
        "value": share in [0, 1], "interval": Clopper and Pearson's at 95 %, which takes the slices as
        independent}}.

    Raises:
        ExperimentError: the table has not one row for each kind, or its counts do not add up.
    """
    numbers = table.set_index("kind")[["n", *OUTCOMES, "unreadable"]]
    counts = numbers[list(OUTCOMES)]
    sound = (
        sorted(numbers.index) == sorted(KINDS)
        and all(numbers.dtypes == "int64")
        and bool((numbers >= 0).all(axis=None))
        and bool((numbers["n"] > 0).all())
        and bool((counts.sum(axis=1) == numbers["n"]).all())
    )
    if not sound:
        raise ExperimentError(
            f'The counts in "{TABLE}" do not add up',
            remedy="measure anew with: python -m core gate NAME --head-ct DIR --other DIR",
        )
    drawn: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        n, *found, unreadable = map(int, numbers.loc[kind])
        low, high = clopper_pearson(found, n)
        drawn[kind] = {"n": n, "unreadable": unreadable} | {
            outcome: {"count": k, **with_interval(k / n, Interval(float(left), float(right)))}
            for outcome, k, left, right in zip(OUTCOMES, found, low, high, strict=True)
        }
    return drawn


def _judge_files(files: Iterator[tuple[str, Path]]) -> Iterator[list[str]]:
    """Of each scan the outcomes of its slices; "unreadable" of what is none."""
    for scan in iterate_study(files):
        if isinstance(scan, Refused):
            yield ["unreadable"]
            continue
        yield [finding.outcome for finding in judge_scan(scan)]
