"""The control for shortcuts: networks that know the lesion pass it, those that know the hospital do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from core.datasets import Dataset
from core.errors import DatasetError
from core.experiments import OPTIONAL_TABLES, Experiment
from core.imaging import covering
from core.measurements import shortcut
from core.measurements.shortcut import (
    count_controls,
    knows_source,
    measure_shortcut,
    store_shortcut,
)
from core.measurements.unseen_slices import list_slices
from tests.core.measurements.lesion_sets import (
    N_CELLS,
    invent_reader,
    write_ischemia,
    write_made_set,
)

NO_HEAT = np.zeros((N_CELLS, N_CELLS))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The made hospitals, as a set that no training met."""
    return replace(write_made_set(tmp_path_factory.mktemp("made"), dimmed=True), fingerprint="1" * 64)


@pytest.fixture(scope="module")
def stranger(made: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """An experiment on ischemia that learned from other slices: all of the set are read by its networks."""
    table = made.select_known("slice", "ischemia").table
    table["sha256"] = [f"{row:064}" for row in range(len(table))]
    learned = replace(made, table=table, fingerprint="0" * 64)
    return write_ischemia(tmp_path_factory.mktemp("models"), learned)


@pytest.fixture(scope="module")
def tables(stranger: Experiment, made: Dataset) -> dict[str, pd.DataFrame]:
    """The tables of networks that know the lesion, or the hospital; one part, for more patients."""
    whole = replace(made, table=made.table.assign(part=""))
    found = {}
    for name, answering in (("lesion", know_lesion), ("hospital", know_hospital)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shortcut, "UnseenReader", invent_reader(answering))
            found[name] = measure_shortcut(stranger, [whole])
    return found


def know_lesion(pixels: np.ndarray) -> tuple[float, np.ndarray]:
    """Score the darkest territory that the other half of the head lacks, as a network should."""
    mirror = covering._reflect(pixels, covering.find_axis(pixels), (slice(0, 96), slice(0, 96)))
    inside = ndimage.binary_erosion(ndimage.binary_fill_holes(pixels > 0.1), iterations=12)
    darker = ndimage.gaussian_filter(mirror - pixels, 3) * inside / np.median(pixels[pixels > 0.1])
    return float(np.clip(darker, 0, 1).max()), NO_HEAT


def know_hospital(pixels: np.ndarray) -> tuple[float, np.ndarray]:
    """Score the middle gray, which the window of the hospital decides."""
    return float(np.median(pixels[pixels > 0.1])), NO_HEAT


def value_of(table: pd.DataFrame, control: str) -> float:
    """The AUROC of hospital C against A, of PyTorch."""
    chosen = table[(table["control"] == control) & (table["other"] == "made-a")]
    return float(chosen.set_index("framework").loc["pytorch", "value"])


def test_a_network_that_knows_the_hospital_is_found(tables: dict[str, pd.DataFrame]) -> None:
    """Its AUROC stays far from chance with the lesion covered and away from it."""
    controls = ("uncovered", "covered", "away")
    reach = {control: abs(value_of(tables["hospital"], control) - 0.5) for control in controls}
    assert min(reach.values()) > 0.35, reach


def test_a_network_that_knows_the_lesion_passes(tables: dict[str, pd.DataFrame]) -> None:
    """Its AUROC falls once the lesion is covered."""
    table = tables["lesion"]
    assert value_of(table, "covered") < value_of(table, "uncovered") - 0.15
    assert value_of(table, "away") < value_of(table, "uncovered") - 0.15


def test_rows_name_what_was_compared(
    tables: dict[str, pd.DataFrame], stranger: Experiment, made: Dataset
) -> None:
    """There is a row for each control, other source and network; rates by vendor; sources by the features."""
    table = tables["hospital"]
    assert list(OPTIONAL_TABLES["shortcut.csv"]) == list(table.columns)
    ranks = table[table["control"].isin(["uncovered", "covered", "away"])]
    # Hospital B does not know of ischemia, so A and C have slices without it.
    assert {("made-c", "elsewhere", other) for other in ("made-a", "made-c")} == set(
        ranks[["source", "part", "other"]].itertuples(index=False, name=None)
    )
    assert 2 * 3 * len(stranger.frameworks) == len(ranks)
    rows = list_slices(stranger, [made])
    negatives = rows[(rows["source"] == "made-a") & (rows["label"] == 0)]
    assert {len(negatives)} == set(ranks.loc[ranks["other"] == "made-a", "n_other"])
    rates = table[table["control"] == "sensitivity"]
    assert {"all vendors", "GE", "Siemens"} == set(rates["other"])
    alarms = table[table["control"] == "false alarms"]
    assert {"made-a", "made-c"} == set(alarms["source"])
    sources = table[table["control"] == "source"]
    assert {"made-a", "made-c"} == set(sources["source"])
    # The gray tells the hospital.
    assert sources["value"].min() > 0.9


def test_recorded_probabilities_are_taken(
    models: Path, made: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rates of tested slices are those of the predictions, whatever the networks say now."""
    experiment = write_ischemia(models, made)
    monkeypatch.setattr(shortcut, "UnseenReader", invent_reader(know_hospital))
    table = measure_shortcut(experiment, [made])
    predicted = experiment.calibrated_predictions()
    tested = predicted[predicted["part"] == "test"].set_index("file")
    own = list_slices(experiment, [made])
    own = own[(own["source"] == "made-a") & (own["label"] == 0) & (own["part"] == "out of sample")]
    for name in experiment.frameworks:
        share = (tested.loc[own["file"], name] >= experiment.threshold(name)).mean()
        found = table[(table["control"] == "false alarms") & (table["part"] == "out of sample")]
        found = found[(found["source"] == "made-a") & (found["framework"] == name)]
        assert [pytest.approx(share)] == found["value"].to_list()
    stored = store_shortcut(experiment, table)
    pd.testing.assert_frame_equal(table, stored.shortcut(), check_dtype=False)


def test_one_source_is_an_error(stranger: Experiment, made: Dataset) -> None:
    """One hospital cannot be told from another."""
    table = made.table[made.table["source"] == "made-c"].reset_index(drop=True)
    with pytest.raises(DatasetError, match="one source"):
        measure_shortcut(stranger, [replace(made, table=table)])


@pytest.mark.parametrize(
    ("value", "interval", "expected"),
    [
        (0.6, [0.55, 0.65], False),
        (0.61, [0.56, 0.66], True),
        (0.61, [0.49, 0.7], False),
        (0.61, None, True),
        (0.3, [0.2, 0.4], False),
        (None, None, None),
    ],
)
def test_what_says_that_the_source_is_known(
    value: float | None, interval: list[float] | None, expected: bool | None
) -> None:
    """An AUROC above 0.60 with an interval above 0.5 does."""
    assert expected is knows_source({"value": value, "interval": interval})


def test_controls_are_counted() -> None:
    """Comparisons that are too high, and all with other sources that could be estimated."""
    columns = list(OPTIONAL_TABLES["shortcut.csv"])
    rows = [
        ["covered", "c", "kept", "a", "pytorch", 9, 9, value, low, 0.95, ""]
        for value, low in ((0.9, 0.8), (0.55, 0.45), (np.nan, np.nan))
    ]
    assert (1, 2) == count_controls(pd.DataFrame(rows, columns=columns), "covered")
    assert (0, 0) == count_controls(pd.DataFrame(rows, columns=columns), "away")
    rows.append(["covered", "c", "kept", "c", "pytorch", 9, 9, 0.9, 0.8, 0.95, ""])
    assert (1, 2) == count_controls(pd.DataFrame(rows, columns=columns), "covered")
