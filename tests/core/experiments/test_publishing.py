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
from core.experiments import Experiment, find_experiment, publish, write_experiment
from core.files import sha256_of_file


@pytest.fixture
def built(tiny: Experiment) -> tuple[Path, dict[str, Any]]:
    """A folder being built, without its card, and the card for it."""
    folder = tiny.folder.parent / ".building"
    shutil.copytree(tiny.folder, folder)
    (folder / "experiment.json").unlink()
    card = copy.deepcopy(tiny.card)
    card["name"] = "new"
    del card["files"], card["format"]
    return folder, card


def test_write_lists_every_visible_file(built: tuple[Path, dict[str, Any]]) -> None:
    """The card gets the hash of each file, native weights included, but of no hidden one."""
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


def test_write_refuses_a_card_it_could_not_read(built: tuple[Path, dict[str, Any]]) -> None:
    """A card that lacks something, or holds NaN, is refused when it is written."""
    folder, card = built
    with pytest.raises(ExperimentError, match="JSON cannot hold"):
        write_experiment(folder, {**card, "training": {"pytorch": {"seconds": math.nan}}})
    del card["served"]
    with pytest.raises(ExperimentError, match='lacks "served"'):
        write_experiment(folder, card)


def test_publish_moves_into_place(built: tuple[Path, dict[str, Any]], models: Path) -> None:
    """After publishing, the experiment is found by its name and the folder being built is gone."""
    folder, card = built
    write_experiment(folder, card)
    published = publish(folder, models, "new")
    assert models / "new" == published.folder
    assert published.digest == find_experiment("new").digest
    assert not folder.exists()


def test_publish_keeps_what_is_there(built: tuple[Path, dict[str, Any]], tiny: Experiment) -> None:
    """A taken name is refused unless replacing is asked for; then the old one goes, without a trace."""
    folder, card = built
    write_experiment(folder, {**card, "name": "tiny", "summary": "Newer."})
    with pytest.raises(ExperimentError, match='"tiny" already'):
        publish(folder, tiny.folder.parent, "tiny")
    assert tiny.digest == find_experiment("tiny").digest
    publish(folder, tiny.folder.parent, "tiny", replace=True)
    assert "Newer." == find_experiment("tiny").card["summary"]
    assert ["tiny"] == os.listdir(tiny.folder.parent)


def test_publish_refuses_what_is_not_whole(built: tuple[Path, dict[str, Any]], models: Path) -> None:
    """A folder that was changed after its card was written, or has another name on it, is not published."""
    folder, card = built
    write_experiment(folder, card)
    with pytest.raises(ExperimentError, match='does not say "other"'):
        publish(folder, models, "other")
    (folder / "history.csv").write_text("epoch\n")
    with pytest.raises(ExperimentError, match=r"history\.csv differs"):
        publish(folder, models, "new")
    with pytest.raises(ExperimentError, match="choose a name"):
        publish(folder, models, "../new")
    assert not (models / "new").exists()
