"""Heat maps against outlines."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.datasets import Dataset
from core.errors import DatasetError
from core.experiments import OPTIONAL_TABLES, find_experiment
from core.measurements import localisation
from core.measurements.localisation import (
    MEASURES,
    compare_heat,
    measure_localisation,
    store_localisation,
)
from core.measurements.unseen_slices import list_slices
from tests.core.measurements.lesion_sets import N_CELLS, invent_reader, write_ischemia, write_made_set

FRAME = np.pad(np.full((48, 48), 0.4, np.float32), 8)
OUTLINE = np.zeros((64, 64), np.float32)
OUTLINE[16:32, 16:24] = 1  # cells (2, 2) and (3, 2) of 8 x 8


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The made hospitals."""
    return write_made_set(tmp_path_factory.mktemp("made"))


def look_at(*places: tuple[int, int]) -> np.ndarray:
    """A heat map of 8 x 8 cells that falls from the first place to the last, and is 0 elsewhere."""
    heat = np.zeros((8, 8), np.float32)
    for rank, place in enumerate(places):
        heat[place] = 1 - rank / 10
    return heat


@pytest.mark.parametrize(
    ("place", "beside", "widened"),
    [((2, 2), True, True), ((4, 3), True, False), ((3, 4), False, False), ((0, 2), False, False)],
)
def test_the_strongest_cell_is_a_hit_or_not(place: tuple[int, int], beside: bool, widened: bool) -> None:
    """The lesion's cells and their neighbors are hits; of the widened outline only cells whose middle is."""
    found = compare_heat(look_at(place, (5, 5)), FRAME, OUTLINE)
    assert {"beside": beside, "widened": widened} == found.hits


def test_heat_outside_the_head_does_not_count() -> None:
    """The strongest place is that inside the head."""
    assert compare_heat(look_at((0, 0), (2, 2)), FRAME, OUTLINE).hits["beside"]


def test_a_map_without_heat_is_a_miss() -> None:
    """No heat inside the head hits nothing, and ranks nothing."""
    found = compare_heat(look_at(), FRAME, OUTLINE)
    assert {"beside": False, "widened": False} == found.hits
    assert 0.5 == found.area


def test_chance_is_the_share_of_cells_that_would_hit() -> None:
    """Of 36 cells of the head, 12 lie in or beside the lesion and 2 have their middle in the widened one."""
    found = compare_heat(look_at((2, 2)), FRAME, OUTLINE)
    assert {"beside": 12 / 36, "widened": 2 / 36} == found.chances


def test_cells_are_ranked_within_the_slice() -> None:
    """AUROC counts pairs of a lesion's cell and another of the head."""
    found = compare_heat(look_at((5, 5), (2, 2), (3, 2)), FRAME, OUTLINE)
    assert 33 / 34 == pytest.approx(found.area)
    assert (2, 34) == (found.lesion.size, found.others.size)


def _dark_places(pixels: np.ndarray) -> tuple[float, np.ndarray]:
    """Answer with a map that is hot only at one corner of the head's frame."""
    heat = np.zeros((N_CELLS, N_CELLS))
    heat[N_CELLS // 2, N_CELLS // 2] = 1
    return 0.5, heat


def test_every_source_part_and_network_has_its_rows(
    models: Path, made: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is a row for each measure, source, part and network, with slices, patients and chance."""
    experiment = write_ischemia(models, made)
    monkeypatch.setattr(localisation, "UnseenReader", invent_reader(_dark_places))
    steps: list[tuple[int, int]] = []
    table = measure_localisation(experiment, [made], lambda done, total: steps.append((done, total)))
    assert list(OPTIONAL_TABLES["localisation.csv"]) == list(table.columns)
    rows = list_slices(experiment, [made])
    masked = rows[rows["masked"]]
    assert [(done, len(masked)) for done in range(1, len(masked) + 1)] == steps
    assert {"made-c"} == set(table["source"])
    keys = table[["part", "framework", "measure"]].itertuples(index=False, name=None)
    parts = ("out of sample", "kept")
    assert list(product(parts, experiment.frameworks, MEASURES)) == list(keys)
    for part in parts:
        own = masked[masked["part"] == part]
        found = table[table["part"] == part]
        assert {len(own)} == set(found["n"])
        assert {own["patient"].nunique()} == set(found["n_patients"])
    assert table["chance"].between(0, 1).all()
    stored = store_localisation(experiment, table)
    pd.testing.assert_frame_equal(table, stored.localisation(), check_dtype=False)
    assert experiment.served_digest == find_experiment(experiment.name).served_digest


def test_a_map_of_the_lesion_hits_always(
    models: Path, made: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the outlines themselves as heat maps, all hits and areas are 1."""
    experiment = write_ischemia(models, made)

    def compare_own(heat: np.ndarray, frame: np.ndarray, outline: np.ndarray) -> localisation.Look:
        shrunk = outline.reshape(N_CELLS, 4, N_CELLS, 4).mean((1, 3))
        return compare_heat(shrunk, frame, outline)

    monkeypatch.setattr(localisation, "UnseenReader", invent_reader(_dark_places))
    monkeypatch.setattr(localisation, "compare_heat", compare_own)
    table = measure_localisation(experiment, [made])
    assert (table["value"] > 0.98).all()
    assert (table["chance"] < 0.6).all()


def test_without_outlines_there_is_an_error(models: Path, made: Dataset) -> None:
    """The error names the finding."""
    experiment = write_ischemia(models, made)
    table = made.table[made.table["source"] == "made-a"].reset_index(drop=True)
    with pytest.raises(DatasetError, match="No slice with ischemia has an outline"):
        measure_localisation(experiment, [replace(made, table=table)])
