"""The sources of a manifest are counted, and the audit and the control use only what is known."""

from __future__ import annotations

import pytest

from core.audit.audit import audit_dataset
from core.audit.leakage import run_control
from core.audit.source_counts import LabelCounts, count_sources
from core.audit.split_audit import audit_split
from core.cli.audit_text import format_audit
from core.datasets.dataset import index_dataset
from core.datasets.slices import Dataset
from core.datasets.splits import Fold, make_folds
from tests.manifest_files import write_two_sources


@pytest.fixture(scope="module")
def two_sources(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two sources of six patients with four slices each; one slice is kept aside, one label is unknown."""
    path = write_two_sources(tmp_path_factory.mktemp("two"))
    lines = [f"{line}," for line in path.read_text().splitlines()]
    lines[0] += "part"
    lines[1:5] = [f"{line}kept" for line in lines[1:5]]
    lines[-1] = lines[-1].replace("absent", "unknown")
    path.write_text("\n".join(lines))
    return index_dataset(path)


def test_counts_by_source(two_sources: Dataset) -> None:
    """Slices, patients, labels, vendors and the kept part are counted for each source."""
    north, south = count_sources(two_sources)
    assert (24, 6, 0, 4) == (north.n_slices, north.n_patients, north.n_unknown_patients, north.n_kept)
    assert (24, 3, 12, 0) == (south.n_slices, south.n_patients, south.n_unknown_patients, south.n_kept)
    assert LabelCounts(6, 18, 0) == north.labels["hemorrhage"]
    assert LabelCounts(6, 17, 1) == south.labels["hemorrhage"]
    assert LabelCounts(0, 0, 24) == south.labels["ischemia"]
    assert {"GE": 24} == dict(north.vendors)


def test_an_audit_counts_labels_of_slices(two_sources: Dataset) -> None:
    """The classes are slices without and with a hemorrhage; unknown labels and patients are counted apart."""
    pytest.importorskip("imagehash")
    audit = audit_dataset(two_sources)
    assert (("No hemorrhage", 35), ("Hemorrhage", 12)) == audit.n_per_class
    assert (1, 9, 12) == (audit.n_unlabeled, audit.n_patients, audit.n_unknown_patients)
    assert audit.labels is None
    text = format_audit(audit)
    for words in (
        "label unknown 1",
        "slices of unknown patients: 12",
        "north: Northern Hospital",
        "terms: research only",
        "24 slices; 3 patients, patients of 12 slices unknown",
        "an empty label of hemorrhage is presumed absent, because each report names its bleedings",
        "vendors: Philips 24",
    ):
        assert words in text


def test_slices_of_unknown_patients_share_none(two_sources: Dataset) -> None:
    """In a split by patient nothing is shared; in any split, strangers are not taken for one patient."""
    used = two_sources.select_known("slice")
    folds = make_folds(used.labels("slice"), used.groups(), split="patient", folds=2, seed=0)
    near = [("not in the table.png", used.table["file"][0], 3)]
    for row in audit_split(used.table, folds, near):
        assert (0, 0, 0) == tuple(
            row[key] for key in ("n_test_sharing_patient", "n_test_with_direct_neighbour", "n_test_with_copy")
        )
    strangers = (used.table["patient"] == "").to_numpy().nonzero()[0]
    fold = Fold(strangers[:4], strangers[4:6], strangers[6:])
    (row,) = audit_split(used.table, [fold])
    assert (0, 0, 0) == (
        row["n_test_sharing_patient"],
        row["n_test_with_direct_neighbour"],
        row["n_test_patients"],
    )


def test_the_control_uses_known_slices(two_sources: Dataset) -> None:
    """Neither the kept part nor an unknown label enters the control, and patients stay apart."""
    control = run_control(two_sources, n_runs=2)
    assert (43, 48, 8) == (control.n_slices, control.n_slices_in_set, control.n_patients)
    outcome = control.find("slice", "patient")
    assert outcome is not None
    assert outcome.accuracy.value is not None
