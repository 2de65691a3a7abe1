"""The table of versions on the page Validate."""

from __future__ import annotations

from pathlib import Path

from core.sources import describe_version, list_versions, succeed_experiment
from dashboard.validate.versions import list_rows
from tests.builders import write_tiny_experiment, write_tiny_validation


def test_each_version_has_its_rows(tmp_path: Path) -> None:
    """A version is named once, its figures on the own data set, of each source and elsewhere follow."""
    earlier = write_tiny_experiment(tmp_path, calibrated=True)
    write_tiny_validation(earlier, "north", n_patients=80, parts=("", "kept"))
    figures = describe_version(earlier, 50)
    trained = write_tiny_experiment(
        tmp_path, "tiny-2", n_patients=36, calibrated=True, sources=("east", "west"), shifts=(0.1,) * 3
    )
    rows = list_rows(list_versions(succeed_experiment(trained, earlier), 50))
    assert ["1", "2"] == [row["Version"] for row in rows if row["Version"]]
    named = [row["Scans"] for row in rows if row["Scans"]]
    own = "own data set"
    assert [own, "north, kept aside", own, f"{own}, east", f"{own}, west"] == named
    assert len(figures["figures"]) * 2 == [row["Version"] for row in rows].index("2")
