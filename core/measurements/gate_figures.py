"""How often the gate reads, warns of and refuses slices of head CT, and pictures that are none.

The table gate.csv: for the images that the gate's limits were set on (development) and for those kept aside
until the limits were fixed, a row per kind with its counts of slices and of files that cannot be read, and a
sentence on what the images are. Which files they were is not stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ExperimentError, ScanError
from core.evaluation import Interval, clopper_pearson, with_interval
from core.experiments import OPTIONAL_TABLES, Experiment, add_files
from core.reading import Reader, list_files
from core.scans import Refused, iterate_study

if TYPE_CHECKING:
    import pandas as pd

GATE_TABLE = "gate.csv"
IMAGES = ("development", "kept_aside")
KINDS = ("head_ct", "other")
OUTCOMES = ("read", "warn", "refuse")


def measure_gate(
    experiment: Experiment,
    head_ct: Sequence[Path],
    other: Sequence[Path],
    *,
    images: str = "development",
    what: str = "",
    on_file: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Judge every slice of folders whose content is known, as a visitor's scan would be.

    Args:
        experiment: its networks' features have a say.
        head_ct: files and folders of head CT only; each is one upload, as in `core.reading.paths.read_paths`.
        other: files and folders of pictures that are no head CT.
        images: one of IMAGES.
        what: a sentence on what the images are.
        on_file: called with the number of files done and their total after each.

    Returns:
        The rows of gate.csv, see `core.experiments.OPTIONAL_TABLES`, that are of these images: one for each
        of KINDS.

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

    reader = Reader(experiment)
    counts = {kind: Counter[str]() for kind in KINDS}
    for kind, files in uploads:
        for outcomes in _judge_files(reader, count(files)):
            counts[kind].update(outcomes)
    rows = []
    for kind, found in counts.items():
        n = sum(found[outcome] for outcome in OUTCOMES)
        if n == 0:
            raise ScanError(
                f'Nothing could be read of the kind "{kind}"',
                found=f"{found['unreadable']} files that cannot be read",
                remedy="name folders that hold pictures or DICOM files",
                code="empty",
            )
        rows.append([images, what, kind, n, *(found[outcome] for outcome in OUTCOMES), found["unreadable"]])
    return pd.DataFrame(rows, columns=list(OPTIONAL_TABLES[GATE_TABLE]))


def store_gate(experiment: Experiment, table: pd.DataFrame) -> Experiment:
    """Put rows into the experiment's table, in the place of those of the same images; returns it as it is."""
    import pandas as pd

    older = experiment.gate()
    if older is not None:
        kept = older[~older["images"].isin(table["images"])]
        table = pd.concat([kept, table]).sort_values("images", kind="stable")
    return add_files(experiment, {GATE_TABLE: table.to_csv(index=False, lineterminator="\n").encode()})


def summarize_shares(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """The counts of one kind of images as shares of the slices.

    Args:
        table: the rows of gate.csv that are of the same images.

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
            f'The counts in "{GATE_TABLE}" do not add up',
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


def _judge_files(reader: Reader, files: Iterator[tuple[str, Path]]) -> Iterator[list[str]]:
    """Of each scan the outcomes of its slices; "unreadable" of what is none."""
    for scan in iterate_study(files):
        if isinstance(scan, Refused):
            yield ["unreadable"]
            continue
        findings = reader.read(scan, override_gate=True)
        yield [finding.gate.outcome for finding in findings.slices]
