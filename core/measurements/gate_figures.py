"""Count how often the gate accepts, warns about and refuses slices of head CT, and other images.

The results are in gate.csv. It has rows for the development images, on which the gate's limits were set, and
for images kept aside until the limits were fixed; `core.measurements.gate_learning` adds rows "left_out", of
the features alone. A row gives one kind's counts of slices and of unreadable
files, and a sentence that describes the images; further rows give those of each source of head CT. File names
are not stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ExperimentError, ScanError
from core.evaluation import Interval, clopper_pearson, with_interval
from core.experiments import OPTIONAL_TABLES, Experiment, add_files, read_experiment
from core.measurements.gate_images import name_source, open_images
from core.reading import Reader
from core.scans import Refused, Scan

if TYPE_CHECKING:
    import pandas as pd

GATE_TABLE = "gate.csv"
IMAGES = ("development", "kept_aside")
KINDS = ("head_ct", "other")
OUTCOMES = ("read", "warn", "refuse")
# "head_ct: NAME" is the kind of the rows of one source.
OF_SOURCE = "head_ct: "


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
        head_ct: files, folders and manifests of head CT only; each folder is one upload, as in
            `core.reading.paths.read_paths`.
        other: files, folders and manifests of pictures that are not head CT.
        images: one of IMAGES. Of public sets, "development" takes only slices that are not kept aside, and
            "kept_aside" only those that are; see `core.measurements.gate_images`.
        what: a sentence that describes the images.
        on_file: called after each file with the number of files done and their total.

    Returns:
        The rows of gate.csv for these images, one for each of KINDS, then one for each source of head CT if
        there are several; see `core.experiments.OPTIONAL_TABLES`.
        Its `attrs["left_out"]` is the number of files of public sets that `images` leaves out.

    Raises:
        ScanError: code "empty": no file of a kind can be read.
    """
    import pandas as pd

    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if on_file:
            on_file(done, total)

    kinds = zip(KINDS, (head_ct, other), strict=True)
    kept = images == IMAGES[1]
    opened = [(kind, path, open_images(path, kept, step)) for kind, paths in kinds for path in paths]
    total = sum(one.n_files for _, _, one in opened)
    reader = Reader(experiment)
    counts = {kind: Counter[str]() for kind in KINDS}
    sources: dict[str, Counter[str]] = {}
    for kind, path, one in opened:
        for outcomes in _judge(reader, one.scans):
            counts[kind].update(outcomes)
            if kind == KINDS[0]:
                sources.setdefault(name_source(path), Counter()).update(outcomes)
    if len(sources) > 1:
        counts |= {
            OF_SOURCE + name: found
            for name, found in sources.items()
            if any(found[outcome] for outcome in OUTCOMES)
        }
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
    table = pd.DataFrame(rows, columns=list(OPTIONAL_TABLES[GATE_TABLE]))
    table.attrs["left_out"] = sum(one.n_left_out for _, _, one in opened)
    return table


def store_gate(experiment: Experiment, table: pd.DataFrame) -> Experiment:
    """Store rows in the experiment's table, replacing those of the same images; return the experiment."""
    import pandas as pd

    older = read_experiment(experiment.folder).gate()  # minutes later, another count may be stored
    if older is not None:
        others = older[~older["images"].isin(table["images"])]
        table = pd.concat([others, table]).sort_values("images", kind="stable")
    return add_files(experiment, {GATE_TABLE: table.to_csv(index=False, lineterminator="\n").encode()})


def compute_shares(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the share of slices with each outcome, for each kind, and for each source of head CT.

    Args:
        table: the rows of gate.csv of one of IMAGES.

    Returns:
        kind, or "head_ct: NAME" -> {"n": slices, "unreadable": files, and for each of OUTCOMES a FIGURE
        {"count": slices, "value": share in [0, 1], "interval": 95 % interval of Clopper and Pearson
        (Biometrika, 1934), which assumes independent slices}}.

    Raises:
        ExperimentError: the table does not have one row for each kind, or its counts do not add up.
    """
    numbers = table.set_index("kind")[["n", *OUTCOMES, "unreadable"]]
    counts = numbers[list(OUTCOMES)]
    kinds = list(numbers.index)
    is_valid = (
        sorted(kind for kind in kinds if not str(kind).startswith(OF_SOURCE)) == sorted(KINDS)
        and len(set(kinds)) == len(kinds)
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
    for kind in kinds:
        n, *found, unreadable = map(int, numbers.loc[kind])
        low, high = clopper_pearson(found, n)
        shares[kind] = {"n": n, "unreadable": unreadable} | {
            outcome: {"count": k, **with_interval(k / n, Interval(float(left), float(right)))}
            for outcome, k, left, right in zip(OUTCOMES, found, low, high, strict=True)
        }
    return shares


def _judge(reader: Reader, scans: Iterator[Scan | Refused]) -> Iterator[list[str]]:
    """Yield the outcomes of each scan's slices; "unreadable" for a file that is not a scan."""
    for scan in scans:
        if isinstance(scan, Refused):
            yield ["unreadable"]
            continue
        findings = reader.read(scan, override_gate=True)
        yield [finding.gate.outcome for finding in findings.slices]
