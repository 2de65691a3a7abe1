"""Slices that the networks did not learn from, and who reads them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from core.datasets import Dataset, read_pixels
from core.errors import DatasetError
from core.experiments import Experiment
from core.measurements.unseen_slices import (
    SERVED,
    UnseenReader,
    average,
    gather_figure,
    list_slices,
    read_pictures,
    spread_figure,
)
from core.reading import HeldOutReader, Reader
from core.scans import Scan, Slice
from tests.core.measurements.lesion_sets import write_ischemia, write_made_set

SHIFTS = (0.0, 0.1, -0.1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The made hospitals."""
    return write_made_set(tmp_path_factory.mktemp("made"))


@pytest.fixture
def experiment(models: Path, made: Dataset) -> Experiment:
    """An experiment on ischemia, of three folds with different networks."""
    return write_ischemia(models, made, shifts=SHIFTS)


def test_each_slice_has_the_fold_that_tested_it(experiment: Experiment, made: Dataset) -> None:
    """Own slices have their test fold, kept ones none; slices without a label are left out."""
    rows = list_slices(experiment, [made])
    known = made.table[made.table["ischemia"].notna()]
    assert sorted(known["file"]) == sorted(rows["file"])
    assert {
        "out of sample": len(known[known["part"] == ""]),
        "kept": len(known[known["part"] == "kept"]),
    } == (rows["part"].value_counts().to_dict())
    assert {SERVED} == set(rows.loc[rows["part"] == "kept", "fold"])
    slices = experiment.slices().set_index("file")
    for row in rows[rows["part"] == "out of sample"].itertuples():
        assert "test" == slices.loc[row.file, f"fold_{row.fold}"]


def test_only_outlines_of_the_finding_count(experiment: Experiment, made: Dataset) -> None:
    """Slices with an outlined lesion are masked; those with an outlined hemorrhage are not."""
    rows = list_slices(experiment, [made])
    shows = made.table[(made.table["mask"] != "") & (made.table["ischemia"] == 1).fillna(False)]
    assert sorted(shows["file"]) == sorted(rows.loc[rows["masked"], "file"])
    assert {"made-c"} == set(rows.loc[rows["masked"], "source"])


def test_what_the_networks_learned_from_is_left_out(models: Path, made: Dataset) -> None:
    """With one fold, trained and validated slices are left out, also from another manifest."""
    experiment = write_ischemia(models, made, folds=1)
    learned = set(experiment.slices().query("fold_0 != 'test'")["file"])
    for one in (made, replace(made, fingerprint="0" * 64)):
        assert not learned & set(list_slices(experiment, [one])["file"])


def test_other_slices_of_the_own_set_are_left_out(models: Path, made: Dataset) -> None:
    """A slice of the own set that was not learned from may be of a patient who was; others count."""
    half = made.select_known("slice", "ischemia")
    half = replace(half, table=half.table[::2].reset_index(drop=True))
    experiment = write_ischemia(models, half)
    assert "elsewhere" not in set(list_slices(experiment, [made])["part"])
    other = list_slices(experiment, [replace(made, fingerprint="0" * 64)])
    assert len(half.table) * 0.8 < (other["part"] == "elsewhere").sum()


def test_the_same_picture_counts_once(experiment: Experiment, made: Dataset) -> None:
    """A set that is given twice is listed once."""
    assert len(list_slices(experiment, [made])) == len(list_slices(experiment, [made, made]))


def test_nothing_left_is_an_error(models: Path, made: Dataset) -> None:
    """If all slices were learned from, the error says so."""
    experiment = write_ischemia(models, made, folds=1)
    learned = set(experiment.slices().query("fold_0 != 'test'")["file"])
    table = made.table[made.table["file"].isin(learned)].reset_index(drop=True)
    with pytest.raises(DatasetError, match="No slice can be measured"):
        list_slices(experiment, [replace(made, table=table)])


def test_a_fold_reads_with_its_network_and_others_with_the_mean(
    experiment: Experiment, made: Dataset
) -> None:
    """A fold's answer is that of the held-out reader, another that of a reading of the scan."""
    reader = UnseenReader(experiment)
    pixels = read_pixels(made, made.table["file"].iloc[0], experiment.recipe.window)
    held_out = HeldOutReader(experiment).read(pixels, 1)
    scan = Scan("slice", "0" * 64, "gray", (Slice(pixels),), is_oriented=True)
    (finding,) = Reader(experiment).read(scan, override_gate=True).slices
    for name in experiment.frameworks:
        assert held_out[name].probability == reader.read(pixels, 1)[name].probability
        served = reader.read(pixels, SERVED)[name]
        assert finding.models[name].probability == pytest.approx(served.probability, abs=1e-6)
        np.testing.assert_allclose(finding.models[name].heat, served.heat, atol=1e-6)
        assert reader.serve(pixels)[name].features[0].tolist() == served.features.tolist()


def test_outlines_lie_where_the_slice_shows_them(experiment: Experiment, made: Dataset) -> None:
    """A slice and its outline have one shape; other slices have none."""
    rows = list_slices(experiment, [made])
    masked, other = rows[rows["masked"]].iloc[0], rows[rows["source"] == "made-a"].iloc[0]
    shown = read_pictures(experiment, made, masked["file"])
    assert shown.pixels.shape == shown.outline.shape
    assert read_pictures(experiment, made, other["file"]).outline is None


def test_means_have_intervals_over_patients() -> None:
    """Slices of one patient are resampled together: alike slices make no interval narrower."""
    values, patients = np.tile([0.0, 1.0, 1.0, 0.0, 1.0], 8), pd.Series(list("abcde") * 8)
    many = average(values, patients)
    assert 0.6 == pytest.approx(many["value"])
    few = average(values[:5], patients[:5])
    assert many["interval"] == few["interval"]
    assert 0.4 < many["interval"][1] - many["interval"][0]


@pytest.mark.parametrize(
    "figure",
    [
        {"value": 0.5, "interval": [0.4, 0.6]},
        {"value": 0.5, "interval": None, "reason": "too few"},
        {"value": None, "interval": None, "reason": "one class"},
    ],
)
def test_a_figure_survives_a_table(figure: dict[str, object]) -> None:
    """Columns made of a figure give it again."""
    columns = {key: float("nan") if value is None else value for key, value in spread_figure(figure).items()}
    assert figure == gather_figure(SimpleNamespace(**columns))
