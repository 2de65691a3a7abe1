"""The gate's figures: counts, the stored table and shares."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import binomtest

from core.errors import ExperimentError, ScanError
from core.experiments import OPTIONAL_TABLES, Experiment, add_files, find_experiment
from core.gate.familiarity import FAMILIARITY_FILE, Familiarity, Space, pack_familiarity
from core.gate.head_ct import HeadCt
from core.measurements.gate_figures import compute_shares, measure_gate, store_gate
from core.synthetic.phantoms import render_phantom, save_phantom
from tests.builders import write_tiny_experiment

COUNTS = [["head_ct", 40, 36, 3, 1, 2], ["other", 10, 0, 4, 6, 0]]
MARK = ["development", ""]


@pytest.fixture
def heads(tmp_path: Path) -> Path:
    """A folder of four heads, one of them in color, one inverted, and a file that is not a picture."""
    folder = tmp_path / "heads"
    folder.mkdir()
    phantoms = [render_phantom(np.random.default_rng(seed), lesion=True, size=256) for seed in range(4)]
    save_phantom(phantoms[0], folder / "Q7_first.png")
    save_phantom(phantoms[1], folder / "Q7_second.png")
    gray = np.round(phantoms[2].pixels * 255).astype(np.uint8)
    Image.fromarray(np.stack([gray, gray // 2, gray], axis=-1)).save(folder / "Q7_color.png")
    Image.fromarray(255 - np.round(phantoms[3].pixels * 255).astype(np.uint8)).save(folder / "Q7_white.png")
    (folder / "Q7_notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder with a picture that reaches to its borders."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    rows, columns = np.mgrid[0:200, 0:300] / 300
    picture = 0.3 + 0.3 * np.sin(9 * rows) * np.cos(7 * columns) + 0.2 * rows
    Image.fromarray(np.round(picture * 255).astype(np.uint8)).save(folder / "Q7_photo.png")
    return folder


def tabulate(rows: list[list[str | int]], images: str = "development") -> pd.DataFrame:
    """Return counts as the table gate.csv."""
    return pd.DataFrame([[images, "", *row] for row in rows], columns=list(OPTIONAL_TABLES["gate.csv"]))


def test_each_slice_is_counted_once(tiny: Experiment, heads: Path, photographs: Path) -> None:
    """Outcomes are counted by kind over all its folders; unreadable files are counted separately."""
    steps: list[tuple[int, int]] = []
    found = measure_gate(
        tiny, [heads, heads], [photographs], on_file=lambda done, total: steps.append((done, total))
    )
    expected = [["head_ct", 8, 4, 2, 2, 2], ["other", 1, 0, 0, 1, 0]]
    assert [MARK + row for row in expected] == found.to_numpy().tolist()
    assert list(OPTIONAL_TABLES["gate.csv"]) == list(found.columns)
    assert [(done, 11) for done in range(1, 12)] == steps


def test_each_of_several_sources_has_its_row(
    tiny: Experiment, heads: Path, photographs: Path, tmp_path: Path
) -> None:
    """Two folders of head CT are counted together and each alone, under the folder's name."""
    second = tmp_path / "second"
    second.mkdir()
    save_phantom(render_phantom(np.random.default_rng(0), lesion=True, size=256), second / "Q7.png")
    found = measure_gate(tiny, [heads, second], [photographs])
    assert ["head_ct", "other", "head_ct: heads", "head_ct: second"] == found["kind"].to_list()
    assert [5, 1, 4, 1] == found["n"].to_list()
    assert [5, 1, 4, 1] == [one["n"] for one in compute_shares(found).values()]


def test_a_volume_counts_by_its_slices(tiny: Experiment, photographs: Path, tmp_path: Path) -> None:
    """Every slice of a volume in Hounsfield units is judged, in the networks' window."""
    gray = np.stack(
        [render_phantom(np.random.default_rng(seed), lesion=True, size=256).pixels for seed in range(3)], -1
    )
    hounsfield = np.select([gray == 0, gray > 0.9], [-1000, 1000], 80 * gray).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(hounsfield, np.eye(4)), tmp_path / "volume.nii.gz")
    found = measure_gate(tiny, [tmp_path / "volume.nii.gz"], [photographs])
    expected = [["head_ct", 3, 3, 0, 0, 0], ["other", 1, 0, 0, 1, 0]]
    assert [MARK + row for row in expected] == found.to_numpy().tolist()


def test_nothing_to_judge_is_an_error(tiny: Experiment, heads: Path, tmp_path: Path) -> None:
    """A kind without a readable file raises an error that names the kind."""
    (tmp_path / "none").mkdir()
    with pytest.raises(ScanError, match='"other"') as raised:
        measure_gate(tiny, [heads], [tmp_path / "none"])
    assert "empty" == raised.value.code


def test_counts_are_stored_without_names(tiny: Experiment, heads: Path, photographs: Path) -> None:
    """The counts are stored and replace an older table; no file name is in it."""
    assert tiny.gate() is None
    store_gate(tiny, tabulate(COUNTS))
    table = measure_gate(tiny, [heads], [photographs])
    stored = store_gate(find_experiment("tiny"), table)
    pd.testing.assert_frame_equal(table, stored.gate())
    assert b"Q7" not in (stored.folder / "gate.csv").read_bytes()


def test_rows_of_other_images_are_added(tiny: Experiment, heads: Path, photographs: Path) -> None:
    """A measurement of other images replaces no row that was stored meanwhile, and describes the images."""
    first = store_gate(tiny, tabulate(COUNTS))
    table = measure_gate(first, [heads], [photographs], images="kept_aside", what="Three heads.")
    stored = store_gate(tiny, table).gate()
    assert [["development", ""]] * 2 + [["kept_aside", "Three heads."]] * 2 == [
        list(row) for row in stored[["images", "what"]].to_numpy()
    ]
    pd.testing.assert_frame_equal(tabulate(COUNTS), stored[:2])


def test_features_are_used(models: Path, heads: Path, photographs: Path) -> None:
    """Slices whose features are unlike head CT are refused, although their pictures are accepted."""
    single = write_tiny_experiment(models, folds=1)
    space = Space(
        *(np.ones(n, np.float32) for n in (64, 64)),
        np.eye(64, 1, dtype=np.float32),
        np.ones(1, np.float32),
        1.0,
    )
    spaces = {name: (space,) for name in single.frameworks}
    unlike = HeadCt({name: np.append(np.zeros(64), -9).astype(np.float32) for name in spaces})
    never = Familiarity(spaces, 1e-6, 1e-6, np.empty((0, 32), np.uint8), unlike)
    strict = add_files(single, {FAMILIARITY_FILE: pack_familiarity(never)})
    counted = [measure_gate(one, [heads], [photographs])["refuse"].tolist() for one in (single, strict)]
    assert [[1, 1], [4, 1]] == counted


def test_shares_have_exact_intervals() -> None:
    """Shares of the judged slices have the exact binomial interval, also 0 of 10."""
    shares = compute_shares(tabulate(COUNTS))
    assert [(40, 2), (10, 0)] == [(one["n"], one["unreadable"]) for one in shares.values()]
    for kind, n, *counts, _ in COUNTS:
        for outcome, k in zip(("read", "warn", "refuse"), counts, strict=True):
            exact = binomtest(k, n).proportion_ci(0.95, "exact")
            assert (k, k / n) == (shares[kind][outcome]["count"], shares[kind][outcome]["value"])
            assert [exact.low, exact.high] == pytest.approx(shares[kind][outcome]["interval"])


@pytest.mark.parametrize(
    "rows",
    [
        COUNTS[:1],
        [*COUNTS, COUNTS[0]],
        [COUNTS[0], ["other", 9, 0, 4, 6, 0]],
        [COUNTS[0], ["other", 10, -1, 5, 6, 0]],
        [COUNTS[0], ["other", 0, 0, 0, 0, 3]],
        [COUNTS[0], ["other", 10, 0.5, 3.5, 6, 0]],
    ],
    ids=["a kind missing", "a kind twice", "no sum", "negative", "no slice", "no count"],
)
def test_a_table_that_does_not_add_up_is_an_error(rows: list[list[str | int]]) -> None:
    """Counts that are impossible raise an error."""
    with pytest.raises(ExperimentError, match="add up"):
        compute_shares(tabulate(rows))
