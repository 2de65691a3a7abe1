"""The commands download, audit and leakage."""

import json

import pytest

from core.cli.app import main
from core.datasets import dataset as dataset_module
from core.errors import DatasetError
from core.synthetic.phantoms import write_phantom_dataset


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    """A folder of 10 patients with 6 phantoms each."""
    folder = tmp_path_factory.mktemp("data") / "set"
    write_phantom_dataset(folder, n_patients=10, slices_per_patient=6, size=64)
    return folder


def call(capsys, *words):
    """(exit code, standard output, standard error) of a call."""
    with pytest.raises(SystemExit) as left:
        main(list(map(str, words)))
    printed = capsys.readouterr()
    return left.value.code or 0, printed.out, printed.err


def test_audit_shows_both_splits(phantoms, capsys):
    """Without --split the counts, a random split and a split by patient are printed."""
    code, out, err = call(capsys, "audit", phantoms)
    assert (0, "") == (code, err)
    for words in ("slices: 60", "patients: 10", "Split: random, 1 fold", "Split: patient, 1 fold"):
        assert words in out


def test_audit_of_one_split(phantoms, capsys):
    """--split, --folds, --labels and --seed choose the split that is printed."""
    words = ("--split", "patient", "--folds", 2, "--labels", "slice", "--seed", 5)
    code, out, _ = call(capsys, "audit", phantoms, *words)
    assert 0 == code
    assert "Split: patient, 2 folds, slice labels, seed 5" in out
    assert "fold 2:" in out
    assert "Split: random" not in out


def test_audit_finds_the_data_set(phantoms, capsys, monkeypatch):
    """Without a folder the data set that STROKE_CT_DATA names is audited."""
    monkeypatch.setenv("STROKE_CT_DATA", str(phantoms))
    code, out, _ = call(capsys, "audit")
    assert 0 == code
    assert str(phantoms) in out


def test_impossible_split_spoils_no_audit(phantoms, capsys):
    """A split that cannot be made is named below the counts; only one named by --split ends in an error."""
    code, out, _ = call(capsys, "audit", phantoms, "--folds", 9)
    assert 0 == code
    assert "slices: 60" in out
    assert "too few patients" in out
    code, out, err = call(capsys, "audit", phantoms, "--folds", 9, "--split", "patient")
    assert 1 == code
    assert err.startswith("Error: There are too few patients")


@pytest.mark.parametrize(
    "words",
    [
        ("--split", "site"),
        ("--labels", "none"),
        ("--folds", "0"),
        ("--folds", "many"),
        ("--nonsense",),
    ],
)
def test_wrong_usage_leaves_with_2(phantoms, capsys, words):
    """Wrong words and numbers are wrong usage."""
    code, _, err = call(capsys, "audit", phantoms, *words)
    assert 2 == code
    assert "Usage" in err


def test_missing_folder_is_wrong_usage(tmp_path, capsys):
    """A folder that is not there is wrong usage."""
    assert 2 == call(capsys, "audit", tmp_path / "gone")[0]


def test_refused_folder_leaves_with_1(tmp_path, capsys):
    """A folder that is not a data set is refused in words, without a traceback."""
    code, out, err = call(capsys, "audit", tmp_path)
    assert (1, "") == (code, out)
    assert err.startswith("Error: The folder")
    assert "Traceback" not in err


def test_audit_without_any_data_set(tmp_path, capsys, monkeypatch):
    """If no data set is found, the message names the command that fetches it."""
    monkeypatch.delenv("STROKE_CT_DATA", raising=False)
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    code, _, err = call(capsys, "audit")
    assert 1 == code
    assert "stroke-ct download" in err


def test_leakage_prints_every_setting(phantoms, capsys):
    """The table holds six settings and the conclusion."""
    code, out, err = call(capsys, "leakage", phantoms)
    assert (0, "") == (code, err)
    assert 6 == sum(line.startswith(("folder label", "slice label")) for line in out.splitlines())
    assert "shuffled labels" in out


def test_leakage_as_json_is_the_control(phantoms, capsys):
    """--json prints one object, equal for equal seeds, with the conclusion."""
    code, out, _ = call(capsys, "leakage", phantoms, "--seed", 3, "--json")
    record = json.loads(out)
    assert (0, "leakage/1", 3, 60) == (code, record["schema"], record["seed"], record["n_slices"])
    assert out == call(capsys, "leakage", phantoms, "--seed", 3, "--json")[1]
    assert {"value", "low", "high", "reason"} == set(record["outcomes"][0]["accuracy"])
    assert "shuffled labels" in record["conclusion"]


def test_leakage_names_what_is_not_estimable(tmp_path, capsys):
    """With unknown patients the table has dashes, and the reason is given below."""
    write_phantom_dataset(tmp_path, n_patients=4, slices_per_patient=6, size=64)
    for number, path in enumerate(sorted(tmp_path.rglob("*.jpg"))):
        path.rename(path.with_name(f"slice-{number}.jpg"))
    code, out, _ = call(capsys, "leakage", tmp_path)
    assert 0 == code
    assert "patients unknown" in out
    assert "Not estimable: the patients of the slices are unknown." in out


def test_leakage_without_any_data_set(tmp_path, capsys, monkeypatch):
    """If no data set is found, the message names the command that fetches it."""
    monkeypatch.delenv("STROKE_CT_DATA", raising=False)
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    code, _, err = call(capsys, "leakage")
    assert 1 == code
    assert "stroke-ct download" in err


def test_download_prints_the_folder(tmp_path, capsys, monkeypatch):
    """A checked download prints the folder of the data set."""

    def fetch(progress, checking):
        progress(1, 2)
        checking(1, 2)
        return tmp_path

    monkeypatch.setattr(dataset_module, "download", fetch)
    code, out, _ = call(capsys, "download")
    assert 0 == code
    assert str(tmp_path) in out
    assert "2,501 slices" in out


def test_download_offline_leaves_with_1(capsys, monkeypatch):
    """A failed download is reported in words, with its remedy."""

    def fetch(progress, checking):
        raise DatasetError("Kaggle cannot be reached", remedy="download it by hand")

    monkeypatch.setattr(dataset_module, "download", fetch)
    code, _, err = call(capsys, "download")
    assert (1, "Error: Kaggle cannot be reached; download it by hand\n") == (code, err)
