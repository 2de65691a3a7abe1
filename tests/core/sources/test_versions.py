"""Changes of the networks of an experiment."""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.metrics import roc_auc_score

from core.experiments import read_history
from core.sources import describe_version, list_versions, succeed_experiment
from tests.builders import write_tiny_experiment, write_tiny_validation


def test_a_version_has_figures_at_home_by_source_and_of_the_kept_part(models: Path) -> None:
    """Home, each own source and the kept part of a validation have a row, at the served thresholds."""
    experiment = write_tiny_experiment(
        models, n_patients=36, calibrated=True, sources=("east", "west"), anonymous=("west",)
    )
    validation = write_tiny_validation(experiment, "north", n_patients=160, parts=("", "", "", "kept"))
    found = describe_version(experiment, 50)
    rows = {(row["where"], row["scans"]): row for row in found["figures"]}
    assert [("home", "home"), ("source", "east"), ("source", "west"), ("elsewhere", "north")] == list(rows)
    assert rows["home", "home"]["n"] == rows["source", "east"]["n"] + rows["source", "west"]["n"]
    kept = validation.predictions().query("part == 'kept'")
    row = rows["elsewhere", "north"]
    assert (len(kept), True) == (row["n"], row["kept"])
    calibrated = experiment.recalibration("keras").apply(kept["keras"])
    positive = kept["label"].to_numpy(int) == 1
    figures = row["models"]["keras"]
    assert pytest.approx(roc_auc_score(positive, calibrated)) == figures["auroc"]["value"]
    expected = (calibrated >= experiment.threshold("keras"))[positive].mean()
    assert pytest.approx(expected) == figures["recall"]["value"]
    assert (1, experiment.networks_digest) == (found["version"], found["networks_digest"])
    assert ["east", "west"] == found["data"]["sources"]


def test_a_successor_keeps_the_figures_of_the_earlier_networks(models: Path) -> None:
    """Versions are those of history and that of today; without history there are none."""
    earlier = write_tiny_experiment(models, calibrated=True)
    assert [] == list_versions(earlier)
    row = describe_version(earlier)
    found = succeed_experiment(
        write_tiny_experiment(models, "tiny-2", calibrated=True, n_patients=18), earlier
    )
    assert [row] == read_history(found)
    assert [1, 2] == [one["version"] for one in list_versions(found, 50)]
    assert [96, 144] == [one["data"]["n_slices"] for one in list_versions(found, 50)]
