"""An installed program's folders of experiments, simulated; tests/test_wheel.py really installs one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core.cases.annotations.database import annotations_path
from core.errors import ExperimentError, TrainingError
from core.exchange import export_experiment, import_experiment
from core.experiments import (
    Experiment,
    add_files,
    delete_experiment,
    find_experiment,
    folders,
    is_taken,
    list_experiments,
    models_root,
    open_experiment,
    publish,
    update_card,
)
from core.training import Protocol, start_training, train_experiment
from tests.builders import write_tiny_experiment

PROTOCOL = Protocol(labels="slice", split="patient", folds=2)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the user's models folder, not yet created; the program came with the experiment "shipped"."""
    packages = tmp_path / "site-packages"
    monkeypatch.delenv("STROKE_CT_MODELS", raising=False)
    monkeypatch.delenv("STROKE_CT_ANNOTATIONS", raising=False)
    monkeypatch.setenv("STROKE_CT_EXPERIMENT", "shipped")
    monkeypatch.setattr(folders, "is_checkout", lambda: False)
    monkeypatch.setattr(folders, "PROGRAM_FOLDER", packages)
    monkeypatch.setattr(folders, "user_folder", lambda: tmp_path / "user")
    write_tiny_experiment(packages / "trained_models", "shipped")
    return tmp_path / "user" / "trained_models"


def _read_all(folder: Path) -> dict[str, bytes]:
    return {path.as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_checkout_knows_one_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a checkout, experiments are read from and written to trained_models; nothing counts as read-only."""
    monkeypatch.delenv("STROKE_CT_MODELS", raising=False)
    root = Path(__file__).parents[3] / "trained_models"
    assert (root, (root,), None) == (models_root(), folders.model_roots(), folders.shipped_root())


def test_experiments_and_tags_go_to_the_users_folder(own: Path) -> None:
    """Experiments, training runs and tags are written to the user's data folder."""
    assert own == models_root()
    assert own / "annotations.sqlite" == annotations_path()
    assert not own.exists()


def test_shipped_and_own_are_listed_together(own: Path) -> None:
    """Both kinds are listed by name and opened; the default is the shipped one."""
    assert ["shipped"] == [experiment.name for experiment in list_experiments()[0]]
    write_tiny_experiment(own, "mine")
    found, damaged = list_experiments()
    assert (["mine", "shipped"], []) == ([experiment.name for experiment in found], damaged)
    assert own / "mine" == find_experiment("mine").folder
    assert "shipped" == open_experiment().name
    with pytest.raises(ExperimentError, match="choose one of: mine, shipped"):
        open_experiment("other")


def test_the_variables_win(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """STROKE_CT_MODELS names the only folder used, STROKE_CT_ANNOTATIONS the file of tags."""
    elsewhere = tmp_path / "elsewhere"
    write_tiny_experiment(elsewhere, "other")
    monkeypatch.setenv("STROKE_CT_MODELS", str(elsewhere))
    assert ["other"] == [experiment.name for experiment in list_experiments()[0]]
    assert elsewhere / "annotations.sqlite" == annotations_path()
    assert not is_taken("shipped", elsewhere)
    # The queue sets this variable to the user's own folder for the training runs that it starts.
    monkeypatch.setenv("STROKE_CT_MODELS", str(own))
    assert ["shipped"] == [experiment.name for experiment in list_experiments()[0]]
    monkeypatch.setenv("STROKE_CT_ANNOTATIONS", str(tmp_path / "tags.sqlite"))
    assert tmp_path / "tags.sqlite" == annotations_path()


def test_a_shipped_name_is_taken(own: Path, tmp_path: Path) -> None:
    """Training, import and publication refuse the name of a shipped experiment and leave no files."""
    with pytest.raises(TrainingError, match='An experiment "shipped" already exists'):
        start_training(tmp_path, "shipped", PROTOCOL)
    with pytest.raises(ExperimentError, match='An experiment "shipped" already exists'):
        train_experiment(tmp_path, PROTOCOL, "shipped")
    built = write_tiny_experiment(tmp_path / "built", "shipped").folder
    with pytest.raises(ExperimentError, match='An experiment "shipped" already exists'):
        publish(built, own, "shipped")
    archive = tmp_path / "shipped.zip"
    export_experiment(find_experiment("shipped"), archive)
    with archive.open("rb") as source, pytest.raises(ExperimentError, match='"shipped" already'):
        import_experiment(source)
    assert [] == [path for path in own.glob("*") if path.name != ".training"]


def test_a_copy_of_a_shipped_name_is_refused(own: Path) -> None:
    """If the user's folder holds an experiment with a shipped name, neither is used."""
    shutil.copytree(find_experiment("shipped").folder, own / "shipped")
    found, (damaged,) = list_experiments()
    assert [] == found
    with pytest.raises(ExperimentError) as caught:
        find_experiment("shipped")
    for one in (damaged, caught.value):
        assert 'two experiments "shipped"' in str(one)
        assert f"move yours out of {own}" in str(one)


def test_a_shipped_experiment_is_read_only(own: Path) -> None:
    """It cannot be deleted, changed or given new files; the error says so, and every file stays."""
    shipped = find_experiment("shipped")
    before = _read_all(shipped.folder)
    for change in (
        lambda: add_files(shipped, {"notes/a.txt": b"a"}),
        lambda: update_card(shipped, {"summary": "Another."}),
        lambda: delete_experiment(shipped),
    ):
        with pytest.raises(ExperimentError, match="came with the program and is read-only") as caught:
            change()
        assert "read_only" == caught.value.code
    assert before == _read_all(shipped.folder)


def test_the_users_experiment_can_be_changed(own: Path) -> None:
    """A trained or imported experiment can be given files, changed and deleted, as in a checkout."""
    mine: Experiment = write_tiny_experiment(own, "mine")
    mine = update_card(add_files(mine, {"notes/a.txt": b"a"}), {"summary": "Another."})
    assert "Another." == json.loads((own / "mine" / "experiment.json").read_text())["summary"]
    delete_experiment(mine)
    assert [] == list(own.iterdir())


@pytest.mark.parametrize("arguments", [["recompute", "shipped"], ["robustness", "shipped"]])
def test_a_command_refuses_at_once(
    own: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A command that writes to the experiment refuses before it measures anything."""
    from core.cli import main

    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert 1 == ended.value.code
    assert "read-only" in capsys.readouterr().err
