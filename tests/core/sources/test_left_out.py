"""Networks trained without a source, tested on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from core.datasets import index_dataset
from core.errors import DatasetError, ExperimentError
from core.experiments import Experiment, update_card
from core.models import get_architecture
from core.sources import left_out
from core.sources.left_out import measure_left_out
from core.training.protocol import Protocol
from core.training.run import train_experiment
from core.training.state import work_folder
from tests.builders import write_tiny_experiment
from tests.manifest_files import write_lines, write_two_sources


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Two hospitals; the second one does not name all of its patients."""
    return write_two_sources(tmp_path / "data", n_patients=24, n_slices=4)


def make_experiment(root: Path, manifest: Path, architecture: str = "framed") -> Experiment:
    """A tiny experiment whose card says that it was trained on the manifest with this architecture."""
    dataset = index_dataset(manifest).select_known("slice")
    sources = [{"name": name} for name in sorted(set(dataset.table["source"]))]
    experiment = write_tiny_experiment(root, frameworks=("keras",))
    built = get_architecture(architecture)
    protocol = Protocol(architecture=architecture, folds=3, frameworks=("keras",), epochs=1).to_dict()
    data = {"fingerprint": dataset.fingerprint, "sources": sources, "left_out": {}}
    return update_card(
        experiment,
        {
            "protocol": {**protocol, "n_threads": 1},
            "recipe": built.recipe.to_dict(),
            "layers": built.describe(),
            "dataset": experiment.card["dataset"] | data,
        },
    )


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Replace preparation and training: probabilities follow the labels, with noise; note each training."""
    calls: list[dict[str, Any]] = []

    def train(work: Path, plan: dict[str, Any], on_progress: Any) -> None:
        with np.load(work / "folds.npz") as arrays:
            parts = dict(arrays)
        y_true = np.load(work / "labels.npy")
        calls.append({"plan": plan, "y_true": y_true, **parts})
        rng = np.random.default_rng(0)
        found = {}
        for index in range(plan["protocol"]["folds"]):
            rows = parts[f"test_{index}"]
            found[f"test_{index}"] = np.clip(0.3 * y_true[rows] + rng.uniform(0, 0.7, len(rows)), 0, 1)
        for framework in plan["protocol"]["frameworks"]:
            (work / framework).mkdir(exist_ok=True)
            np.savez(work / framework / "probabilities.npz", **found)

    monkeypatch.setattr(left_out, "prepare_data", lambda *_: None)
    monkeypatch.setattr(left_out, "train_frameworks", train)
    return calls


def test_each_source_is_tested_by_networks_of_the_others(
    models: Path, manifest: Path, trained: list[dict[str, Any]]
) -> None:
    """All slices of the other source are trained on; figures are those of the raw probabilities stored."""
    experiment = make_experiment(models, manifest)
    found = measure_left_out(experiment, manifest)
    (call,) = trained
    table = index_dataset(manifest).select_known("slice").table
    source = table["source"].to_numpy(str)
    assert 2 == call["plan"]["protocol"]["folds"]
    for index, name in enumerate(("north", "south")):
        assert np.flatnonzero(source != name).tolist() == call[f"train_{index}"].tolist()
        assert np.flatnonzero(source == name).tolist() == call[f"test_{index}"].tolist()
        assert name not in source[call[f"validation_{index}"]]
    stored = found.left_out()
    expected = [file for name in ("north", "south") for file in table["file"][source == name]]
    assert expected == stored["file"].tolist()
    about = {one["source"]: one for one in found.card["left_out"]["sources"]}
    for name, own in stored.groupby("source"):
        expected = roc_auc_score(own["label"], own["keras"])
        assert pytest.approx(expected) == about[name]["models"]["keras"]["auroc"]["value"]
        assert {"auroc", "average_precision"} == set(about[name]["models"]["keras"])
        assert [one for one in ("north", "south") if one != name] == about[name]["trained_on"]
    assert not work_folder(models, "tiny.left-out").exists()


def test_early_stopping_validates_on_other_patients(
    models: Path, manifest: Path, trained: list[dict[str, Any]]
) -> None:
    """With early stopping, no slice of a patient is in both training and validation."""
    measure_left_out(make_experiment(models, manifest, "plain"), manifest)
    groups = index_dataset(manifest).select_known("slice").groups()
    for index in (0, 1):
        train, validation = (set(groups[trained[0][f"{part}_{index}"]]) for part in ("train", "validation"))
        assert validation
        assert set() == train & validation


def test_a_patient_of_both_sources_is_not_trained_on(
    models: Path, tmp_path: Path, trained: list[dict[str, Any]]
) -> None:
    """A picture that both sources share keeps its patient out of the training for either."""
    manifest = write_two_sources(tmp_path / "data", n_patients=24, n_slices=4)
    north, south = (manifest.parent / place / "1_1.png" for place in ("north", "south"))
    south.write_bytes(north.read_bytes())
    write_lines(manifest, *manifest.read_text().splitlines())
    measure_left_out(make_experiment(models, manifest), manifest)
    dataset = index_dataset(manifest).select_known("slice")
    files = dataset.table["file"].to_numpy(str)
    for index in (0, 1):
        rows = files[trained[0][f"train_{index}"]]
        assert rows.size
        assert not [file for file in rows if file.endswith("/1_1.png")]


def test_a_source_that_has_all_positives_cannot_be_left_out(
    models: Path, manifest: Path, trained: list[dict[str, Any]]
) -> None:
    """Without it there is nothing to learn from: the card says so, and the other source is left out."""
    lines = manifest.read_text().splitlines()
    only = [line for line in lines if not (line.startswith("south") and ",present," in line)]
    write_lines(manifest, *only)
    found = measure_left_out(make_experiment(models, manifest), manifest)
    about = {one["source"]: one for one in found.card["left_out"]["sources"]}
    assert "only slices without the finding" in about["north"]["reason"]
    assert {"south"} == set(found.left_out()["source"])
    figure = about["south"]["models"]["keras"]["auroc"]
    assert (None, True) == (figure["value"], "positive slices" in figure["reason"])


def test_another_data_set_or_a_single_source_is_refused(
    models: Path, manifest: Path, tmp_path: Path, trained: list[dict[str, Any]]
) -> None:
    """Only the data set of the experiment is used, and one source leaves nothing to train on."""
    experiment = make_experiment(models, manifest)
    other = write_two_sources(tmp_path / "other", n_patients=8)
    with pytest.raises(DatasetError, match="not the data set"):
        measure_left_out(experiment, other)
    data = {**experiment.card["dataset"], "sources": [{"name": "north"}]}
    with pytest.raises(ExperimentError, match="one source"):
        measure_left_out(update_card(experiment, {"dataset": data}), manifest)
    assert [] == trained


def test_an_interrupted_one_is_a_job_and_resumes(
    models: Path, manifest: Path, trained: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an interruption its folder says cancelled; the same call continues with the same plan."""
    experiment, train = make_experiment(models, manifest), left_out.train_frameworks

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(left_out, "train_frameworks", interrupt)
    with pytest.raises(KeyboardInterrupt):
        measure_left_out(experiment, manifest)
    work = work_folder(models, "tiny.left-out")
    assert "cancelled" == json.loads((work / "job.json").read_text())["state"]
    before = (work / "plan.json").read_bytes()
    monkeypatch.setattr(left_out, "train_frameworks", lambda *given: (_same(work, before), train(*given)))
    assert "left_out.csv" in measure_left_out(experiment, manifest).card["files"]


def _same(work: Path, before: bytes) -> None:
    assert before == (work / "plan.json").read_bytes()


@pytest.mark.slow
def test_real_networks_of_the_other_source_read_the_one_left_out(models: Path, manifest: Path) -> None:
    """A network that learned bright pictures of one hospital finds those of the other."""
    protocol = Protocol(architecture="framed", folds=2, frameworks=("pytorch",), epochs=3)
    experiment = train_experiment(manifest, protocol, "two", root=models)
    found = measure_left_out(experiment, manifest)
    assert set(found.left_out()["file"]) == set(experiment.slices()["file"])
    for one in found.card["left_out"]["sources"]:
        assert one["models"]["pytorch"]["auroc"]["value"] > 0.6
