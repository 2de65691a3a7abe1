"""Count how often the gate accepts, warns about and refuses slices of head CT, and other images.

The results are in gate.csv. It has rows for the development images, on which the gate's limits were set, and
for images kept aside until the limits were fixed. A row gives one kind's counts of slices and of unreadable
files, and a sentence that describes the images. File names are not stored.
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
    """Run the gate on every slice of folders with known content, as on an uploaded scan.

    Args:
        experiment: the gate uses its networks' features too.
        head_ct: files and folders of head CT only; each is one upload, as in `core.reading.paths.read_paths`.
        other: files and folders of pictures that are not head CT.
        images: one of IMAGES.
        what: a sentence that describes the images.
        on_file: called after each file with the number of files done and their total.

    Returns:
        The rows of gate.csv for these images, one for each of KINDS; see `core.experiments.OPTIONAL_TABLES`.

    Raises:
        ScanError: code "empty": no file of a kind can be read.
    """
    import pandas as pd

    kinds = zip(KINDS, (head_ct, other), strict=True)
    uploads = [(kind, list_files([path])) for kind, paths in kinds for path in paths]
    total, done = sum(len(files) for _, files in uploads), 0

    def count(files: list[tuple[Path, str]]) -> Iterator[tuple[str, Path]]:
        nonlocal done
        for path, source in files:
            yield source, path
            # The generator is resumed when this file has been read.
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
                f'No file of the kind "{kind}" could be read',
                found=f"{found['unreadable']} unreadable files",
                remedy="give folders that contain image or DICOM files",
                code="empty",
            )
        rows.append([images, what, kind, n, *(found[outcome] for outcome in OUTCOMES), found["unreadable"]])
    return pd.DataFrame(rows, columns=list(OPTIONAL_TABLES[GATE_TABLE]))


def store_gate(experiment: Experiment, table: pd.DataFrame) -> Experiment:
    """Store rows in the experiment's table, replacing those of the same images; return the experiment."""
    import pandas as pd

    older = experiment.gate()
    if older is not None:
        others = older[~older["images"].isin(table["images"])]
        table = pd.concat([others, table]).sort_values("images", kind="stable")
    return add_files(experiment, {GATE_TABLE: table.to_csv(index=False, lineterminator="\n").encode()})


def compute_shares(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the share of slices with each outcome, for each kind.

    Args:
        table: the rows of gate.csv of one of IMAGES.

    Returns:
        kind -> {"n": slices, "unreadable": files, and for each of OUTCOMES a FIGURE {"count": slices,
        "value": share in [0, 1], "interval": 95 % interval of Clopper and Pearson (Biometrika, 1934), which
        assumes independent slices}}.

    Raises:
        ExperimentError: the table does not have one row for each kind, or its counts do not add up.
    """
    numbers = table.set_index("kind")[["n", *OUTCOMES, "unreadable"]]
    counts = numbers[list(OUTCOMES)]
    is_valid = (
        sorted(numbers.index) == sorted(KINDS)
        and all(numbers.dtypes == "int64")
        and bool((numbers >= 0).all(axis=None))
        and bool((numbers["n"] > 0).all())
        and bool((counts.sum(axis=1) == numbers["n"]).all())
    )
    if not is_valid:
        raise ExperimentError(
            f'The counts in "{GATE_TABLE}" do not add up',
            remedy="measure again with: stroke-ct gate NAME --head-ct DIR --other DIR",
        )
    shares: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        n, *found, unreadable = map(int, numbers.loc[kind])
        low, high = clopper_pearson(found, n)
        shares[kind] = {"n": n, "unreadable": unreadable} | {
            outcome: {"count": k, **with_interval(k / n, Interval(float(left), float(right)))}
            for outcome, k, left, right in zip(OUTCOMES, found, low, high, strict=True)
        }
    return shares


def _judge_files(reader: Reader, files: Iterator[tuple[str, Path]]) -> Iterator[list[str]]:
    """Yield the outcomes of each scan's slices; "unreadable" for a file that is not a scan."""
    for scan in iterate_study(files):
        if isinstance(scan, Refused):
            yield ["unreadable"]
            continue
        findings = reader.read(scan, override_gate=True)
        yield [finding.gate.outcome for finding in findings.slices]
