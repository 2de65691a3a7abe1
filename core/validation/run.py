"""Read a labeled data set with the served networks of an experiment, and store the outcome with it.

The slices are read by the ordinary Reader, one scan for each. The gate is overridden, so that every slice has
a probability, and its finding is recorded. Slices of the experiment's own data set are left out: by hash, all
of them, and by likeness, copies of training slices in another size, window, format or position. Likeness is
that of the networks' input images and, for slices of the published set, that of the whole pictures.

A validation can be stopped, or killed, and resumes under the same name; see core.validation.work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.audit import is_near_copy, list_known_hashes
from core.datasets import Dataset, Progress, read_slice
from core.errors import DatasetError, ExperimentError, ScanError
from core.experiments import Experiment
from core.manifests import KEPT
from core.reading import COPY, Reader
from core.scans import to_gray
from core.system import count_cores
from core.validation.small_classes import MIN_SLICES
from core.validation.store import (
    COLUMNS,
    LAST_COLUMNS,
    Validation,
    check_free,
    check_validation_name,
    choose_parent,
    store_validation,
)
from core.validation.work import Answers, open_work

_MAX_THREADS = 4
_READ, _NEAR_COPY, _UNREADABLE = "read", "near_copy", "unreadable"
# All slices but those kept aside; and the name of a reading that is not stored, which no validation can have.
_DEVELOPMENT, _UNSTORED = "development", ".thresholds"


def run_validation(
    experiment: Experiment,
    dataset: Dataset,
    name: str,
    *,
    part: str | None = None,
    replace: bool = False,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Validation:
    """Read a data set with the served networks, and store the outcome as the validation `name`.

    Args:
        experiment: what is validated.
        dataset: labeled slices that the networks never met.
        name: of the validation; an unfinished one of this name and data set is resumed.
        part: only slices of this part of the data set ("kept"); None for all.
        replace: whether a stored validation of this name is replaced.
        on_progress: called as on_progress(slices read, slices to read).
        should_stop: called between chunks of slices; the validation stops when it returns True.

    Raises:
        ExperimentError: the name is not valid or is taken (code "name_taken"); a network is damaged; code
            "other_data" or "busy", see core.validation.work; code "stopped".
        DatasetError: no slice is of the part (code "no_part"), all are the experiment's own (code
            "training_slices"), or fewer than MIN_SLICES labeled ones are left (code "too_few"). A data set
            without any label needs MIN_SLICES slices.
        StrokeError: code "not_written".
    """
    check_validation_name(name)
    check_free(experiment, name, replace=replace)
    with _read_dataset(experiment, dataset, name, part, on_progress, should_stop) as (details, kept):
        table = kept.to_csv(index=False, lineterminator="\n").encode("utf-8")
        return store_validation(experiment, name, details, table, replace=replace)


def read_development(
    experiment: Experiment,
    dataset: Dataset,
    *,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Read the slices that are not kept aside with the served networks; no validation is stored.

    An unfinished reading of the same data set is resumed.

    Args:
        experiment, dataset, on_progress, should_stop: see `run_validation`.

    Returns:
        The labeled slices, with the columns of predictions.csv, and the sources, as in validation.json.

    Raises:
        ExperimentError, DatasetError: see `run_validation`.
    """
    with _read_dataset(experiment, dataset, _UNSTORED, _DEVELOPMENT, on_progress, should_stop) as found:
        details, kept = found
        return kept[kept["label"].notna()].reset_index(drop=True), details["sources"]


@contextmanager
def _read_dataset(
    experiment: Experiment,
    dataset: Dataset,
    name: str,
    part: str | None,
    on_progress: Progress | None,
    should_stop: Callable[[], bool] | None,
) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Read a data set's slices, and give the details and the table predictions.csv of the validation.

    What was read is deleted when the context ends without a refusal; until then a reading is resumed.
    """
    finding, rows, left_out = _select_rows(experiment, dataset, part)
    data = {"fingerprint": dataset.fingerprint, "part": part or ""}
    n_listed = len(rows) + sum(left_out.values())
    _check_enough(rows, left_out)
    parent = choose_parent(experiment)
    with open_work(parent, name, data, experiment.networks_digest, len(rows)) as work:
        missing = [chunk for chunk in work.chunks if not work.has(chunk)]
        done = len(rows) - sum(map(len, missing))
        reader = Reader(experiment, familiarity=True) if missing else None
        known = list_known_hashes(set(experiment.slices()["sha256"]))
        read = partial(_read_file, known=known) if known.size else _read_file
        with ThreadPoolExecutor(min(count_cores(), _MAX_THREADS)) as pool:
            for chunk in missing:
                if should_stop and should_stop():
                    raise _stopped(name, done, len(rows))
                assert reader
                files = rows["file"].iloc[chunk.start : chunk.stop]
                work.write(chunk, list(pool.map(lambda file: read(reader, dataset, file), files)))
                done += len(chunk)
                if on_progress:
                    on_progress(done, len(rows))
        answers = work.gather()
        kept = _join(rows, answers, experiment)
        for outcome in (_NEAR_COPY, _UNREADABLE):
            left_out[outcome] += sum(answer["outcome"] == outcome for answer in answers)
        left_out["unknown_label"] = int(kept["label"].isna().sum())
        _check_enough(kept, left_out)
        yield (
            {
                "created": datetime.now(UTC).date().isoformat(),
                "version": experiment.version,
                "finding": finding,
                **data,
                "sources": _list_sources(dataset, kept),
                "n_listed": n_listed,
                "left_out": left_out,
                "likeness_searched": bool(known.size) or experiment.familiarity() is not None,
            },
            kept,
        )


def _select_rows(
    experiment: Experiment, dataset: Dataset, part: str | None
) -> tuple[str, pd.DataFrame, dict[str, int]]:
    """Return the finding, the rows to read with their labels, and how many slices are left out so far."""
    finding, label = choose_labels(experiment, dataset)
    table = dataset.table
    rows = pd.DataFrame(
        {
            **{key: table[key] for key in ("file", "source", "vendor", "part", "patient", "sha256")},
            "label": label,
        }
    )
    n_unreadable = dataset.n_unreadable
    if part is not None:
        rows = rows[rows["part"] != KEPT] if part == _DEVELOPMENT else rows[rows["part"] == part]
        n_unreadable = 0
        if rows.empty:
            raise DatasetError(
                f'No slice of this data set is of the part "{part}"',
                remedy="read all slices (without --kept), or give a manifest with the column 'part'"
                if part != _DEVELOPMENT
                else "give slices that are not kept aside",
                code="no_part",
            )
    # Test slices too: the experiment's own record holds their results.
    own = experiment.training_hashes() | set(experiment.slices()["sha256"])
    known = rows["sha256"].isin(own)
    left_out = dict.fromkeys(("known_file", _NEAR_COPY, _UNREADABLE, "unknown_label"), 0)
    left_out |= {"known_file": int(known.sum()), _UNREADABLE: n_unreadable}
    return finding, rows[~known].reset_index(drop=True), left_out


def choose_labels(experiment: Experiment, dataset: Dataset) -> tuple[str, pd.Series]:
    """Return the finding by which an experiment is validated, and the labels of its slices.

    A label is 1, 0, or <NA> if it is unknown. The finding is "" for labels of folders.
    """
    table, finding = dataset.table, experiment.finding_key
    if not finding:
        return "", table["folder_label"].astype("Int64")
    unknown = pd.Series(pd.NA, index=table.index, dtype="Int64")
    labels = table[finding].astype("Int64") if finding in dataset.findings else unknown
    if labels.isna().all() and dataset.classes[1].casefold() == experiment.classes[1].casefold():
        # Folders named after the finding hold slices with and without it.
        labels = table["folder_label"].astype("Int64")
    return finding, labels


def _read_file(
    reader: Reader, dataset: Dataset, file: str, known: NDArray[np.uint64] | None = None
) -> dict[str, Any]:
    """Return the outcome of one slice; `known` are hashes of the experiment's slices of the published set."""
    try:
        scan = read_slice(dataset, file)
        pixels = scan.slices[0].pixels
        if known is not None and is_near_copy(to_gray(pixels, scan.unit), known):
            return {"outcome": _NEAR_COPY}
        found = reader.read(scan, override_gate=True)
    except ScanError:
        return {"outcome": _UNREADABLE}
    (finding,) = found.slices
    if COPY in finding.warnings:
        return {"outcome": _NEAR_COPY}
    return {
        "outcome": _READ,
        "gate": finding.gate.outcome,
        "reasons": " | ".join(finding.gate.reasons),
        "brain_visible": int(finding.gate.brain_visible),
        "position_mm": finding.height_mm,
        # Nine digits hold every float32 exactly.
        **{name: float(f"{model.raw_probability:.9g}") for name, model in finding.models.items()},
        "familiarity": None if finding.familiarity is None else round(finding.familiarity, 4),
    }


def _join(rows: pd.DataFrame, answers: Answers, experiment: Experiment) -> pd.DataFrame:
    """Return the table predictions.csv: the rows that were read, with patients as running numbers."""
    table = pd.concat([rows, pd.DataFrame(answers, index=rows.index)], axis=1)
    table = table[table["outcome"] == _READ].reset_index(drop=True)
    known = table["patient"] != ""
    codes, _ = pd.factorize(table.loc[known, "patient"])
    table.loc[known, "patient"] = (codes + 1).astype(str)
    table["number"] = np.arange(1, len(table) + 1)
    columns = [*COLUMNS, *experiment.frameworks, *LAST_COLUMNS]
    return table.reindex(columns=columns).astype({"brain_visible": int} if len(table) else {})


def _list_sources(dataset: Dataset, kept: pd.DataFrame) -> list[dict[str, Any]]:
    used = set(kept["source"])
    return [
        {
            "name": source.name,
            "title": source.title,
            "terms": source.terms,
            "silence": {finding: list(stated) for finding, stated in source.silence.items()},
        }
        for source in dataset.sources
        if source.name in used
    ]


def _check_enough(rows: pd.DataFrame, left_out: dict[str, int]) -> None:
    n_labeled = int(rows["label"].notna().sum())
    if (n_labeled or len(rows)) >= MIN_SLICES:
        return
    counts = (
        f"{left_out['known_file']:,} slices of the experiment's own data set, {left_out[_NEAR_COPY]:,} "
        f"copies of its training slices, {left_out[_UNREADABLE]:,} unreadable, "
        f"{len(rows) - n_labeled:,} without a label; {n_labeled:,} labeled slices are left"
    )
    if rows.empty and not left_out[_UNREADABLE]:
        raise DatasetError(
            "These all are training slices, or others of the experiment's own data set",
            found=counts,
            remedy="give scans that the networks never met; the experiment's own record holds its results "
            "on its data set",
            code="training_slices",
        )
    raise DatasetError(
        f"A validation needs at least {MIN_SLICES} labeled slices that the networks never met",
        found=counts,
        remedy="give more slices, or add the missing labels in a manifest",
        code="too_few",
    )


def _stopped(name: str, done: int, total: int) -> ExperimentError:
    return ExperimentError(
        "The reading was stopped" if name == _UNSTORED else f'The validation "{name}" was stopped',
        found=f"{done:,} of {total:,} slices were read",
        remedy="run it again with the same name and data; it continues where it stopped",
        code="stopped",
    )
