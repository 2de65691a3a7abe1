"""The command gate."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.cli.app import main
from core.experiments import Experiment, find_experiment
from core.manifests import is_kept_aside
from core.measurements.gate_figures import compute_shares
from core.synthetic.phantoms import render_phantom, save_phantom


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A folder with a head, and one with a picture filled to its borders."""
    heads, others = tmp_path / "heads", tmp_path / "others"
    heads.mkdir()
    others.mkdir()
    save_phantom(render_phantom(np.random.default_rng(0), lesion=True, size=256), heads / "Q7.png")
    filled = np.tile(np.arange(60, 188, dtype=np.uint8), (128, 1))
    Image.fromarray(filled).save(others / "Q7.png")
    return heads, others


def call(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of a call."""
    with pytest.raises(SystemExit) as left:
        main(list(map(str, words)))
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_counts_are_told_and_stored(
    tiny: Experiment, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Shares are printed with their intervals, folders of a kind counted together; the table is stored."""
    heads, others = folders
    code, out, err = call(capsys, "gate", "tiny", "--head-ct", heads, "--head-ct", heads, "--other", others)
    assert (0, "") == (code, err)
    head = next(line for line in out.splitlines() if line.startswith("head_ct"))
    assert ["head_ct", "2", "2:", "100.0", "%", "[15.8-100.0]"] == head.split()[:6]
    assert "Stored with the experiment: gate.csv" in out
    assert "Q7" not in out
    assert [2, 1] == find_experiment("tiny").gate()["n"].tolist()


def test_json_is_the_stored_table(
    tiny: Experiment, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """gate/1 and nothing else on standard output, its shares those of the stored counts."""
    code, out, _ = call(capsys, "gate", "tiny", "--head-ct", folders[0], "--other", folders[1], "--json")
    record = json.loads(out)
    shares = compute_shares(find_experiment("tiny").gate())
    images = {"images": "development", "what": "", "left_out": 0}
    expected = {"schema": "gate/1", "experiment": "tiny", **images, "gate": shares}
    assert (0, expected) == (code, record)
    assert {"n", "unreadable", "read", "warn", "refuse"} == set(record["gate"]["other"])


def test_images_kept_aside_are_marked(
    tiny: Experiment, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """With --kept-aside the rows are stored as such, with their description."""
    words = ["--kept-aside", "--what", "One head.", "--json"]
    code, out, _ = call(capsys, "gate", "tiny", "--head-ct", folders[0], "--other", folders[1], *words)
    stored = find_experiment("tiny").gate()
    assert (0, "kept_aside", "One head.") == (code, json.loads(out)["images"], json.loads(out)["what"])
    assert {("kept_aside", "One head.")} == set(zip(stored["images"], stored["what"], strict=True))


@pytest.mark.parametrize("words", [[], ["--kept-aside"]])
def test_the_kept_quarter_of_public_sets_is_counted_apart(
    tiny: Experiment, folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], words
) -> None:
    """Each call counts its own part of the folder not_ct, and says how many files it left out."""
    others = tmp_path / "not_ct"
    folders[1].rename(others)
    names = [f"{row}.png" for row in range(12)]
    for name in names:
        (others / name).write_bytes((others / "Q7.png").read_bytes())
    (others / "Q7.png").unlink()
    n_kept = sum(is_kept_aside("not_ct", name) for name in names)
    code, out, _ = call(capsys, "gate", "tiny", "--head-ct", folders[0], "--other", others, *words)
    counted, left_out = (n_kept, 12 - n_kept) if words else (12 - n_kept, n_kept)
    assert (0, [1, counted]) == (code, find_experiment("tiny").gate()["n"].tolist())
    assert f"Left out: {left_out} files of public sets" in out


def test_wrong_calls_store_nothing(
    tiny: Experiment, folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kind left out is wrong usage, and so is learning from what is kept; other errors are named."""
    assert 2 == call(capsys, "gate", "tiny", "--head-ct", folders[0])[0]
    words = ["--head-ct", folders[0], "--other", folders[1], "--learn"]
    assert 2 == call(capsys, "gate", "tiny", *words, "--kept-aside")[0]
    assert "stroke-ct features tiny" in call(capsys, "gate", "tiny", *words)[2]
    (tmp_path / "none").mkdir()
    code, out, err = call(capsys, "gate", "tiny", "--head-ct", folders[0], "--other", tmp_path / "none")
    assert (1, "", True) == (code, out, 'of the kind "other"' in err)
    assert find_experiment("tiny").gate() is None
