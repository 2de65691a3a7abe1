"""Writing and publishing experiment folders."""

from __future__ import annotations

import copy
import math
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from core.errors import ExperimentError
from core.experiments import (
    SHIPPED,
    Experiment,
    add_files,
    delete_experiment,
    find_experiment,
    publish,
    read_experiment,
    update_card,
    write_experiment,
)
from core.system.files import sha256_of_file
from tests.builders import write_tiny_experiment


@pytest.fixture
def built(tiny: Experiment) -> tuple[Path, dict[str, Any]]:
    """Return a folder being built, without its card, and the card for it."""
    folder = tiny.folder.parent / ".building"
    shutil.copytree(tiny.folder, folder)
    (folder / "experiment.json").unlink()
    card = copy.deepcopy(tiny.card)
    card["name"] = "new"
    del card["files"], card["format"]
    return folder, card


def test_write_lists_every_visible_file(built: tuple[Path, dict[str, Any]]) -> None:
    """The card lists the hash of every file, native weights too, except hidden files."""
    folder, card = built
    (folder / "pytorch" / "weights-0.pt").write_bytes(b"weights")
    (folder / "pytorch" / ".weights-0.pt.1234.part").write_bytes(b"part")
    files = write_experiment(folder, card).card["files"]
    assert sha256_of_file(folder / "pytorch" / "weights-0.pt") == files["pytorch/weights-0.pt"]
    assert {
        "slices.csv",
        "predictions.csv",
        "history.csv",
        "pytorch/model.onnx",
        "keras/model.onnx",
        "pytorch/weights-0.pt",
    } == set(files)


def test_write_refuses_an_invalid_card(built: tuple[Path, dict[str, Any]]) -> None:
    """A card with a missing field or NaN is refused when it is written."""
    folder, card = built
    with pytest.raises(ExperimentError, match="JSON cannot represent"):
        write_experiment(folder, {**card, "training": {"pytorch": {"seconds": math.nan}}})
    del card["served"]
    with pytest.raises(ExperimentError, match='"served" is missing'):
        write_experiment(folder, card)


def test_publish_moves_into_place(built: tuple[Path, dict[str, Any]], models: Path) -> None:
    """After publishing, the experiment is found by its name, and the building folder no longer exists."""
    folder, card = built
    write_experiment(folder, card)
    published = publish(folder, models, "new")
    assert models / "new" == published.folder
    assert published.digest == find_experiment("new").digest
    assert not folder.exists()


def test_publish_replaces_only_on_request(built: tuple[Path, dict[str, Any]], tiny: Experiment) -> None:
    """A used name is refused unless `replace` is set; then nothing of the old experiment remains."""
    folder, card = built
    write_experiment(folder, {**card, "name": "tiny", "summary": "Newer."})
    with pytest.raises(ExperimentError, match='"tiny" already'):
        publish(folder, tiny.folder.parent, "tiny")
    assert tiny.digest == find_experiment("tiny").digest
    publish(folder, tiny.folder.parent, "tiny", replace=True)
    assert "Newer." == find_experiment("tiny").card["summary"]
    assert ["tiny"] == os.listdir(tiny.folder.parent)


def test_publish_refuses_a_changed_folder(built: tuple[Path, dict[str, Any]], models: Path) -> None:
    """A folder changed after its card was written, or with another name on the card, is refused."""
    folder, card = built
    write_experiment(folder, card)
    with pytest.raises(ExperimentError, match='is not named "other"'):
        publish(folder, models, "other")
    (folder / "history.csv").write_text("epoch\n")
    with pytest.raises(ExperimentError, match=r"history\.csv differs"):
        publish(folder, models, "new")
    with pytest.raises(ExperimentError, match="choose a name"):
        publish(folder, models, "../new")
    assert not (models / "new").exists()


def test_update_card_changes_parts_of_it(tiny: Experiment) -> None:
    """The given fields are replaced, the list of files stays the same, and the digest changes."""
    updated = update_card(tiny, {"summary": "Newer.", "files": {}})
    assert {**tiny.card, "summary": "Newer."} == updated.card == find_experiment("tiny").card
    assert tiny.digest != updated.digest == find_experiment("tiny").digest


@pytest.mark.parametrize("changes", [{"operating_points": {}}, {"limits": math.nan}, {"name": "../other"}])
def test_update_card_refuses_an_invalid_card(tiny: Experiment, changes: dict[str, Any]) -> None:
    """A change that would make the card invalid is refused, and the card stays the same."""
    with pytest.raises(ExperimentError):
        update_card(tiny, changes)
    assert tiny.digest == find_experiment("tiny").digest


ROBUSTNESS = (
    b"perturbation,amount,framework,level,n,auroc,average_precision\nnoise,0.05,keras,slice,96,0.8,0.5\n"
)


def test_add_files_lists_them_on_the_card(tiny: Experiment) -> None:
    """An optional table is None before and readable after; the rest of the card stays the same."""
    assert tiny.robustness() is None
    assert tiny.properties() is None
    added = add_files(tiny, {"robustness.csv": ROBUSTNESS, "notes/a.txt": b"a"})
    assert ["noise", 0.05, "keras", "slice", 96, 0.8, 0.5] == added.robustness().iloc[0].tolist()
    assert added.properties() is None
    assert added.digest == find_experiment("tiny").digest != tiny.digest
    assert {**tiny.card, "files": 0} == {**added.card, "files": 0}
    assert {"robustness.csv", "notes/a.txt"} == set(added.card["files"]) - set(tiny.card["files"])


def test_add_files_replaces_what_it_added(tiny: Experiment) -> None:
    """A newer table replaces an older one."""
    newer = ROBUSTNESS.replace(b"0.8,0.5", b"0.7,0.4")
    added = add_files(add_files(tiny, {"robustness.csv": ROBUSTNESS}), {"robustness.csv": newer})
    assert 0.7 == added.robustness()["auroc"][0]


def test_changes_keep_what_others_changed_meanwhile(tiny: Experiment) -> None:
    """An experiment that was read before another change keeps that change, of the card and of files."""
    update_card(tiny, {"summary": "Newer."})
    add_files(tiny, {"robustness.csv": ROBUSTNESS})
    changed = update_card(tiny, {"limits": ["A limit."]})
    assert "Newer." == changed.card["summary"]
    assert changed.robustness() is not None


def test_changes_of_a_retrained_experiment_are_refused(
    built: tuple[Path, dict[str, Any]], tiny: Experiment
) -> None:
    """Results of networks that were replaced meanwhile are not stored with their successors."""
    folder, card = built
    (folder / "history.csv").write_bytes((folder / "history.csv").read_bytes() + b"\n")
    write_experiment(folder, {**card, "name": "tiny"})
    publish(folder, tiny.folder.parent, "tiny", replace=True)
    with pytest.raises(ExperimentError, match="trained again"):
        add_files(tiny, {"robustness.csv": ROBUSTNESS})
    with pytest.raises(ExperimentError, match="trained again"):
        update_card(tiny, {"summary": "Newer."})


@pytest.mark.parametrize("stop", [2, 3])
def test_add_files_leaves_a_whole_folder_when_it_fails(
    tiny: Experiment, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    """If writing fails before the new file or the last card, the folder is valid without that file."""
    added = add_files(tiny, {"robustness.csv": ROBUSTNESS})
    writes = []

    def fail_at(path: Path, data: bytes) -> None:
        writes.append(path.name)
        if len(writes) == stop:
            raise OSError("power failure")
        path.write_bytes(data)

    monkeypatch.setattr("core.experiments.publishing.write_whole", fail_at)
    with pytest.raises(OSError, match="power"):
        add_files(added, {"robustness.csv": ROBUSTNESS + b"\n"})
    assert find_experiment("tiny").robustness() is None


@pytest.mark.parametrize(
    ("path", "data", "reason"),
    [
        ("predictions.csv", b"", "cannot be replaced"),
        ("keras/model.onnx", b"", "cannot be replaced"),
        ("experiment.json", b"", "cannot be replaced"),
        ("../other.csv", b"", "outside its folder"),
        ("robustness.csv", b"perturbation,amount\n", 'no column "framework"'),
        ("properties.csv", b"file,brightness,position,level\na,1,0,base\nb,1,0,base,\n", "contains a value"),
    ],
)
def test_add_files_refuses_other_files(tiny: Experiment, path: str, data: bytes, reason: str) -> None:
    """Files of the training, paths outside the folder and invalid tables are refused; nothing is changed."""
    with pytest.raises(ExperimentError, match=reason):
        add_files(tiny, {path: data})
    assert tiny.digest == find_experiment("tiny").digest


def test_delete_leaves_nothing(tiny: Experiment, models: Path) -> None:
    """The folder is gone, and no hidden folder remains."""
    delete_experiment(tiny)
    assert [] == list(models.iterdir())


@pytest.mark.parametrize("name", SHIPPED)
def test_delete_refuses_shipped_experiments(models: Path, name: str) -> None:
    """The experiments that come with the program are not deleted and stay unchanged."""
    experiment = write_tiny_experiment(models, name)
    with pytest.raises(ExperimentError, match="came with this program"):
        delete_experiment(experiment)
    assert experiment.digest == read_experiment(experiment.folder).digest
