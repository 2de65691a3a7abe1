"""The validations that come with the default experiment: whole, of today's networks, and reproduced."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.cli.app import main
from core.datasets import index_dataset
from core.experiments import Experiment, read_experiment
from core.manifests import KEPT
from core.reading import Reader
from core.service import DEFAULT_NAME
from core.validation import list_validations, open_validation, run
from tests.core.real_data import real_folder
from tests.source_trees import ROOT

# Validation -> the word for its layout in the command `manifest`.
KINDS = {"phe-sich": "phe-sich", "rsna-2019": "rsna", "teknofest-ischemia": "teknofest"}
N_SAMPLED = 6


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    """The default experiment."""
    return read_experiment(ROOT / "trained_models" / DEFAULT_NAME)


@pytest.fixture(scope="module")
def reader(experiment: Experiment) -> Reader:
    """Its reader."""
    return Reader(experiment)


def test_three_sets_are_stored(experiment: Experiment) -> None:
    """The three are there, of what the experiment serves now; each has as many rows as it says."""
    assert set(KINDS) == {one.name for one in list_validations(experiment) if one.is_current}
    for validation in list_validations(experiment):
        table, left_out = validation.predictions(), validation.details["left_out"]
        n_lost = sum(left_out[key] for key in ("known_file", "near_copy", "unreadable"))
        assert validation.details["n_listed"] - n_lost == len(table)
        assert [validation.name] == [source["name"] for source in validation.details["sources"]]
        assert all(source["terms"] for source in validation.details["sources"])
        assert table["sha256"].is_unique


def test_they_hold_numbers_only(experiment: Experiment) -> None:
    """Nothing but the two files, and patients as running numbers: no name or id of the published sets."""
    for validation in list_validations(experiment):
        names = {path.name for path in validation.folder.iterdir()}
        assert {"validation.json", "predictions.csv"} <= names <= {
            "validation.json", "predictions.csv", "site.json", "trial.json"
        }  # fmt: skip
        patients = validation.predictions()["patient"]
        known = patients[patients != ""].astype(int)
        assert set(range(1, known.nunique() + 1)) == set(known)
        text = validation.read_predictions().decode()
        assert not any(word in text for word in ("ID_", ".jpg", ".dcm", "images/"))


@pytest.mark.parametrize("name", KINDS)
def test_a_sample_is_reproduced(name: str, experiment: Experiment, reader: Reader, tmp_path: Path) -> None:
    """Slices of the real sets, read again through a manifest, have the stored probabilities and outcomes."""
    folder = (real_folder() or tmp_path).parent / name
    if real_folder() is None or not folder.is_dir():
        pytest.skip("the set is not on this machine")
    with pytest.raises(SystemExit):
        main(["manifest", KINDS[name], str(folder), "--out", str(tmp_path / "all.csv")])
    header, *rows = (tmp_path / "all.csv").read_text(encoding="utf-8").splitlines()
    part = header.split(",").index("part")
    kept = [row for row in rows if row.split(",")[part] == KEPT]
    sample = kept[:: max(1, len(kept) // N_SAMPLED)][:N_SAMPLED]
    (tmp_path / "sample.csv").write_text("\n".join([header, *sample, ""]), encoding="utf-8")
    shutil.copyfile(tmp_path / "all.sources.csv", tmp_path / "sample.sources.csv")
    dataset = index_dataset(tmp_path / "sample.csv")
    stored = open_validation(experiment, name).predictions().set_index("sha256")
    n_compared = 0
    for row in dataset.table.to_dict("records"):
        found = run._read_file(reader, dataset, row["file"])
        if row["sha256"] not in stored.index:
            assert found["outcome"] != "read"
            continue
        expected = stored.loc[row["sha256"]]
        assert (expected["gate"], expected["reasons"]) == (found["gate"], found["reasons"])
        assert expected["label"] == row["slice_label"]
        for framework in experiment.frameworks:
            assert expected[framework] == pytest.approx(found[framework], abs=1e-4)
        n_compared += 1
    assert n_compared >= N_SAMPLED - 1
