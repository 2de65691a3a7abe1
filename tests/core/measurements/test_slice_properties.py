"""Brightness of slices and their positions in the head, on phantoms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.datasets.dataset import Dataset, index_dataset
from core.evaluation.conditions import HEAD_REGIONS
from core.experiments import OPTIONAL_TABLES
from core.imaging.preprocessing import Recipe, to_frame
from core.measurements.slice_properties import (
    MIN_SERIES,
    locate_slices,
    measure_brightness,
    measure_properties,
    measure_spread,
    name_regions,
    store_properties,
)
from core.sources.source_thresholds import set_thresholds
from core.synthetic.phantom_anatomy import sample_head
from core.synthetic.phantoms import render_phantom, write_phantom_dataset
from core.training.card import describe_results
from tests.builders import write_tiny_experiment, write_tiny_validation
from tests.core.real_data import needs_real_data, real_folder
from tests.manifest_files import write_lines

N_SLICES = 20
HEAD = Recipe(size=96, channels="gray", framing="head")
WHOLE = Recipe(size=96, channels="gray", framing="whole")


def render_series(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures (n, 96, 96) and spreads (n,) of a patient from the neck to the vertex."""
    rng = np.random.default_rng(seed)
    head = sample_head(rng)
    slices = [
        render_phantom(rng, lesion=False, size=128, position=float(place), head=head).pixels
        for place in np.linspace(0.02, 0.99, N_SLICES)
    ]
    pictures = np.stack([to_frame(pixels, WHOLE) for pixels in slices])
    return pictures, np.array([measure_spread(to_frame(pixels, HEAD)) for pixels in slices])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("start", [0, 1, 7, 13, 19])
@pytest.mark.parametrize("upside_down", [False, True])
def test_a_series_is_unwrapped(seed: int, start: int, upside_down: bool) -> None:
    """For any start and both directions the lowest slice gets 0 and the highest 1."""
    pictures, spread = render_series(seed)
    order = np.roll(np.arange(N_SLICES), -start)
    order = order[::-1] if upside_down else order
    expected = order / (N_SLICES - 1)
    np.testing.assert_allclose(expected, locate_slices(pictures[order], spread[order]))


def test_an_ambiguous_series_gets_no_positions() -> None:
    """Too few slices, equal slices, and slices without bottom and top get NaN."""
    pictures, spread = render_series(0)
    few = MIN_SERIES - 1
    assert np.isnan(locate_slices(pictures[:few], spread[:few])).all()
    assert few == len(locate_slices(pictures[:few], spread[:few]))
    assert np.isnan(locate_slices(pictures[[5] * 10], spread[[5] * 10])).all()
    rng = np.random.default_rng(0)
    restless = np.tile([0.1, 0.2], 20)
    assert np.isnan(locate_slices(rng.random((40, 8, 8), dtype=np.float32), restless)).all()


def test_regions_are_thirds() -> None:
    """The base is below 1/3, the vertex from 2/3 on; an unknown position has no region."""
    places = np.array([0, 0.33, 0.34, 0.66, 0.67, 1, np.nan])
    assert ["base", "base", "middle", "middle", "vertex", "vertex", ""] == name_regions(places)


def test_brightness_is_that_of_soft_tissue() -> None:
    """Brightness is the median between air and bone; air, bone and the head's size have no effect."""
    head = np.zeros((40, 40), np.float32)
    head[8:32, 8:32] = 1.0
    head[12:28, 12:28] = 0.4
    head[12:28, 12:15] = 0.6
    assert 0.4 == pytest.approx(measure_brightness(head))
    assert np.isnan(measure_brightness(np.zeros((40, 40), np.float32)))


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A small data set of phantoms, whose numbers follow the anatomy."""
    folder = tmp_path_factory.mktemp("phantoms")
    write_phantom_dataset(folder, n_patients=4, slices_per_patient=9, size=96)
    return index_dataset(folder)


def test_every_slice_has_its_row(phantoms: Dataset) -> None:
    """The table has the order of the data set; positions follow the numbers of each patient."""
    seen: list[tuple[int, int]] = []
    found = measure_properties(phantoms, lambda done, total: seen.append((done, total)))
    assert [*OPTIONAL_TABLES["properties.csv"], "brain_visible"] == list(found.columns)
    assert [1] == found["brain_visible"].unique().tolist()
    assert list(phantoms.table["file"]) == list(found["file"])
    assert [(done, 36) for done in range(1, 37)] == seen
    assert found["brightness"].between(0.2, 0.8).all()
    for _, series in phantoms.table.groupby("patient"):
        ordered = found.loc[series.sort_values("number").index]
        np.testing.assert_allclose(np.linspace(0, 1, 9), ordered["position"])
        assert [level for level in HEAD_REGIONS for _ in range(3)] == list(ordered["level"])


def test_without_patients_there_are_no_positions(tmp_path: Path, phantoms: Dataset) -> None:
    """Files with other names have a brightness, but no position and region."""
    for index, file in enumerate(phantoms.table["file"]):
        target = tmp_path / file.split("/")[0] / f"scan_{index}.jpg"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((phantoms.folder / file).read_bytes())
    found = measure_properties(index_dataset(tmp_path))
    assert found["brightness"].notna().all()
    assert found["position"].isna().all()
    assert {""} == set(found["level"])


@pytest.mark.slow
@needs_real_data
def test_the_published_set_is_unwrapped() -> None:
    """21 of the 82 series do not start at the neck."""
    folder = real_folder()
    assert folder is not None
    dataset = index_dataset(folder)
    places = dataset.table.assign(position=measure_properties(dataset)["position"]).sort_values("number")
    wrapped = [
        patient
        for patient, series in places.groupby("patient")
        if not series["position"].is_monotonic_increasing
    ]
    assert places["position"].notna().all()
    assert 21 == len(wrapped)


def test_slices_of_unknown_patients_are_no_series(tmp_path: Path) -> None:
    """In a manifest, slices without a patient get no position, however many there are."""
    write_phantom_dataset(tmp_path, n_patients=2, slices_per_patient=8, size=64)
    files = index_dataset(tmp_path).table["file"].to_list()
    lines = [f"{file},{'' if place < 8 else 'one'}" for place, file in enumerate(files)]
    measured = measure_properties(index_dataset(write_lines(tmp_path / "set.csv", "file,patient", *lines)))
    position = measured.set_index("file")["position"]
    assert position[files[:8]].isna().all()
    assert position[files[8:]].notna().all()


@pytest.mark.parametrize("sources", [False, True])
def test_patients_get_thresholds_for_the_slices_that_count(tmp_path: Path, sources: bool) -> None:
    """Once it is known which slices count, all rules choose anew for patients, but not for slices."""
    experiment = write_tiny_experiment(tmp_path, calibrated=True)
    if sources:
        write_tiny_validation(experiment, "north", n_patients=80, n_slices=4)
        experiment = set_thresholds(experiment)
    table = experiment.slices()[["file"]].assign(brightness=0.5, position=0.5, level="middle")
    known = store_properties(experiment, table.assign(brain_visible=np.arange(len(table)) % 2))
    described = describe_results(known.predictions(), known.frameworks)
    for framework in known.frameworks:
        before, after = (one.card["operating_points"][framework] for one in (experiment, known))
        assert before["slice"] == after["slice"]
        assert before["patient"] != after["patient"]
        for key in ("operating_points", "review_bands"):
            chosen = dict(known.card[key][framework]["patient"])
            if sources:
                again = set_thresholds(known).card[key][framework]["patient"]["sources"]
                assert again == chosen.pop("sources")
            expected = described[key][framework]["patient"]
            assert {rule: pytest.approx(value) for rule, value in expected.items()} == chosen


def test_the_same_properties_change_no_threshold(tmp_path: Path) -> None:
    """If every slice counts, as before, only the table is added."""
    experiment = write_tiny_experiment(tmp_path, calibrated=True)
    table = experiment.slices()[["file"]].assign(brightness=0.5, position=0.5, level="middle")
    known = store_properties(experiment, table.assign(brain_visible=1))
    assert {**known.card, "files": 0} == {**experiment.card, "files": 0}
