"""The table of the experiment's own sources."""

from __future__ import annotations

from pathlib import Path

from core.evaluation import measure_sources
from dashboard.compare.by_source import list_data, list_rows
from tests.builders import write_tiny_experiment


def test_each_source_and_network_has_a_row(tmp_path: Path) -> None:
    """A source is named once; figures that were not measured have no column, and the data all values."""
    experiment = write_tiny_experiment(tmp_path, n_patients=36, calibrated=True, sources=("east", ""))
    groups = measure_sources(experiment, 50)["sources"]
    rows = list_rows(groups)
    assert ["the source without a name", "", "east", ""] == [row["Source"] for row in rows]
    assert "**" in rows[0]["AUROC, positives of all sources"]
    small = [{**group, "models": {name: {"auroc": one["auroc"]} for name, one in group["models"].items()}}
             for group in groups]  # fmt: skip
    assert {"Source", "Slices (positive)", "Network", "AUROC"} == set(list_rows(small)[0])
    data = list_data(groups)
    assert len(groups) * 2 * 5 == len(data)
    assert groups[1]["models"]["keras"]["recall"]["value"] in data["value"].to_list()
