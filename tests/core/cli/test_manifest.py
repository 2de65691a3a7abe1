"""The command `manifest` writes the table of a public set, and adds others to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.cli.app import main
from core.datasets.dataset import index_dataset
from core.synthetic.phantoms import write_phantom_dataset
from tests.manifest_files import write_lines, write_slice


@pytest.fixture
def rsna(tmp_path: Path) -> Path:
    """A folder with three slices in the layout of slices.csv."""
    folder = tmp_path / "rsna"
    for number in range(3):
        write_slice(folder / "images" / f"ID_{number}.png", seed=number)
    write_lines(folder / "slices.csv", "slice,any", "ID_0,0", "ID_1,1", "ID_2,0")
    return folder


def _run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["manifest", *map(str, arguments)])
    printed = capsys.readouterr()
    code = ended.value.code
    return (code if isinstance(code, int) else 0), printed.out, printed.err


def test_two_sets_become_one_manifest(rsna: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The Kaggle set's class folders are described with the slices' labels; another set is added to them."""
    write_phantom_dataset(tmp_path / "kaggle", n_patients=4, slices_per_patient=5, size=48)
    folders = index_dataset(tmp_path / "kaggle")
    out = tmp_path / "both.csv"
    code, text, _ = _run(capsys, "kaggle", tmp_path / "kaggle", "--out", out)
    n_positive = int(folders.table["slice_label"].sum())
    assert 0 == code
    assert f"{20 - n_positive} absent, {n_positive} present" in text
    code, text, _ = _run(capsys, "rsna", rsna, "--out", out, "--append")
    assert 0 == code
    assert "rsna-2019" in text
    found = index_dataset(out)
    # RSNA labels hemorrhage in one of three slices, and ischemia is presumed absent in the others.
    assert {0: 2, -1: 1} == dict(
        found.table.loc[found.table["source"] == "rsna-2019", "ischemia"].fillna(-1).value_counts()
    )
    assert f"{20 - n_positive} presumed absent, {n_positive} unknown" in text
    assert ["brain-stroke-ct", "rsna-2019"] == [source.name for source in found.sources]
    own = found.table[found.table["source"] == "brain-stroke-ct"]
    assert set(zip(folders.table["sha256"], folders.table["slice_label"], strict=True)) == set(
        zip(own["sha256"], own["slice_label"], strict=True)
    )


def test_files_are_not_overwritten(rsna: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An existing file needs --append, and --append an existing file."""
    out = tmp_path / "set.csv"
    code, _, errors = _run(capsys, "rsna", rsna, "--out", out, "--append")
    assert (1, True) == (code, "There is no file set.csv" in errors)
    assert 0 == _run(capsys, "rsna", rsna, "--out", out)[0]
    before = out.read_bytes()
    code, _, errors = _run(capsys, "rsna", rsna, "--out", out)
    assert (1, True) == (code, "already a file set.csv" in errors)
    assert before == out.read_bytes()


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [("teknofest", "set.csv", "has no column 'group'"), ("rsna", "set.txt", "must end in .csv")],
)
def test_wrong_usage_is_explained(
    rsna: Path, capsys: pytest.CaptureFixture[str], kind: str, name: str, words: str
) -> None:
    """A folder of another set and another kind of file are refused in words."""
    code, _, errors = _run(capsys, kind, rsna, "--out", rsna / name)
    assert code in (1, 2)
    assert words in " ".join(errors.split())
    assert not (rsna / name).exists()
