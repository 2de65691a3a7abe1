"""Finding, reading and listing experiment folders."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from core.errors import ExperimentError
from core.experiments import (
    Experiment,
    default_experiment,
    find_experiment,
    list_experiments,
    models_root,
    open_panel,
    read_experiment,
)
from tests.builders import write_tiny_experiment


@pytest.mark.parametrize("path", ["slices.csv", "keras/model.onnx", "experiment.json"])
def test_a_missing_file_is_named(tiny: Experiment, path: str) -> None:
    """The error names the missing file, its folder, and how to restore it."""
    (tiny.folder / path).unlink()
    with pytest.raises(ExperimentError, match=rf'"tiny".*{path}.*; '):
        read_experiment(tiny.folder)


@pytest.mark.parametrize("path", ["predictions.csv", "pytorch/model.onnx"])
def test_a_changed_file_is_named(tiny: Experiment, path: str) -> None:
    """One flipped bit is detected, and the error names the file."""
    data = bytearray((tiny.folder / path).read_bytes())
    data[len(data) // 2] ^= 1
    (tiny.folder / path).write_bytes(data)
    with pytest.raises(ExperimentError, match=f'"tiny": the file {path} differs from its SHA-256'):
        read_experiment(tiny.folder)


@pytest.mark.skipif(os.name == "nt", reason="links need a special permission on Windows")
def test_a_link_out_of_the_folder_is_refused(tiny: Experiment, tmp_path: Path) -> None:
    """A link out of the folder is not followed, even to a file with the right content."""
    place = tiny.folder / "history.csv"
    elsewhere = tmp_path / "history.csv"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    with pytest.raises(ExperimentError, match="leads out of the folder"):
        read_experiment(tiny.folder)


def test_unlisted_files_are_ignored(tiny: Experiment) -> None:
    """A file that is not on the card is ignored."""
    (tiny.folder / "note.txt").write_text("mine")
    assert "tiny" == read_experiment(tiny.folder).name


def test_list_skips_damaged_folders(models: Path) -> None:
    """Valid experiments are sorted by name, each bad folder gives an error, hidden folders are ignored."""
    for name in ("b", "a", "broken"):
        write_tiny_experiment(models, name)
    (models / "broken" / "slices.csv").unlink()
    (models / "foreign").mkdir()
    shutil.copytree(models / "a", models / "copy")
    (models / ".hidden").mkdir()
    (models / "README.md").write_text("")
    found, damaged = list_experiments(models)
    assert ["a", "b"] == [experiment.name for experiment in found]
    assert ["broken", "copy", "foreign"] == [
        next(name for name in ("broken", "copy", "foreign") if f'"{name}"' in str(error)) for error in damaged
    ]


def test_a_missing_folder_gives_an_empty_list(tmp_path: Path) -> None:
    """A models folder that does not exist gives an empty list."""
    assert ([], []) == list_experiments(tmp_path / "none")


def test_find_lists_the_names(tiny: Experiment) -> None:
    """The error for an unknown name has its own code and lists the known names."""
    assert tiny.digest == find_experiment("tiny").digest
    with pytest.raises(ExperimentError, match='no experiment "other"; choose one of: tiny') as caught:
        find_experiment("other")
    assert "unknown_experiment" == caught.value.code


@pytest.mark.parametrize("name", ["../models/tiny", ".", "", "tiny/.", "/etc"])
def test_find_accepts_no_paths(tiny: Experiment, name: str) -> None:
    """A path is not accepted as a name."""
    with pytest.raises(ExperimentError, match="no experiment"):
        find_experiment(name)


def test_the_default_experiment(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """hemorrhage-by-patient is the default, unless STROKE_CT_EXPERIMENT names another."""
    monkeypatch.delenv("STROKE_CT_EXPERIMENT")
    with pytest.raises(ExperimentError, match="no trained experiment"):
        default_experiment()
    for name in ("a", "hemorrhage-by-patient"):
        write_tiny_experiment(models, name)
    assert "hemorrhage-by-patient" == default_experiment().name
    monkeypatch.setenv("STROKE_CT_EXPERIMENT", "a")
    assert "a" == default_experiment().name


def test_a_missing_default_is_not_replaced(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the default experiment and lists the existing ones."""
    monkeypatch.delenv("STROKE_CT_EXPERIMENT")
    for name in ("b", "c"):
        write_tiny_experiment(models, name)
    with pytest.raises(ExperimentError, match=r'"hemorrhage-by-patient" is missing .*b, c') as caught:
        default_experiment()
    assert "no_default" == caught.value.code


def test_a_damaged_default_is_not_replaced(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged default experiment is an error; no other experiment is used instead."""
    monkeypatch.delenv("STROKE_CT_EXPERIMENT")
    for name in ("a", "hemorrhage-by-patient"):
        write_tiny_experiment(models, name)
    (models / "hemorrhage-by-patient" / "history.csv").unlink()
    with pytest.raises(ExperimentError, match=r"history\.csv is missing"):
        default_experiment()


def test_a_panel_begins_with_hemorrhage(
    panel: list[Experiment], models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is that of the findings, however the experiments are named."""
    assert [("tiny", "hemorrhage"), ("other", "ischemia")] == [(one.name, one.finding) for one in panel]
    monkeypatch.setenv("STROKE_CT_EXPERIMENT", "other,tiny")
    assert ["tiny", "other"] == [one.name for one in open_panel()]
    assert ["tiny", "other"] == [one.name for one in open_panel(["other", "tiny"], models)]
    assert ["other"] == [one.name for one in open_panel(["other"])]


def test_a_panel_whose_experiment_is_missing_is_an_error(
    panel: list[Experiment], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named, whether it comes from the settings or from the user; nothing takes its place."""
    monkeypatch.setenv("STROKE_CT_EXPERIMENT", "tiny,lost")
    with pytest.raises(ExperimentError, match='"lost" is missing') as caught:
        open_panel()
    assert "no_default" == caught.value.code
    with pytest.raises(ExperimentError, match='no experiment "lost"') as caught:
        open_panel(["tiny", "lost"])
    assert "unknown_experiment" == caught.value.code


def test_a_panel_has_one_experiment_for_each_finding(panel: list[Experiment], models: Path) -> None:
    """Two that look for the same are refused, both named."""
    write_tiny_experiment(models, "third", finding="ischemia")
    with pytest.raises(ExperimentError, match='"other" and "third" both look for ischemia') as caught:
        open_panel(["tiny", "other", "third"])
    assert "same_finding" == caught.value.code


def test_models_root_follows_the_variable(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """STROKE_CT_MODELS names the folder; without it, it is trained_models in the checkout."""
    assert models == models_root()
    monkeypatch.delenv("STROKE_CT_MODELS")
    assert Path(__file__).parents[3] / "trained_models" == models_root()


def test_the_error_of_a_card_names_its_folder(tiny: Experiment) -> None:
    """The error for an invalid card names the folder."""
    card = json.loads((tiny.folder / "experiment.json").read_text())
    del card["summary"]
    (tiny.folder / "experiment.json").write_text(json.dumps(card))
    with pytest.raises(
        ExperimentError,
        match=r'Folder "tiny": .*"summary" is missing; correct this field, or get the folder "tiny" again',
    ):
        read_experiment(tiny.folder)
