"""Stored validations: listed, opened, checked, deleted, and where they are."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from core.errors import ExperimentError
from core.exchange import export_experiment
from core.experiments import Experiment, add_files, find_experiment, folders, read_experiment, update_card
from core.validation import delete_validation, list_damaged, list_validations, open_validation, store
from tests.builders import write_tiny_experiment, write_tiny_validation


def test_validations_are_listed_by_name(tiny: Experiment) -> None:
    """All are listed, sorted; without any the list is empty."""
    assert [] == list_validations(tiny)
    for name in ("west", "east"):
        write_tiny_validation(tiny, name)
    assert ["east", "west"] == [one.name for one in list_validations(tiny)]
    assert "west" == open_validation(tiny, "west").details["name"]


def test_tables_come_back_as_they_were(tiny: Experiment) -> None:
    """Unknown values come back as such; texts that look like numbers stay texts."""
    columns = (
        "number,source,vendor,part,patient,label,gate,reasons,brain_visible,pytorch,keras,familiarity,sha256"
    )
    rows = ("1,NA,,kept,007,,read,,1,0.1,0.2,,1e5", "2,,GE,,,1,warn,Small. | Text.,0,1,0,0.5,ab")
    details = write_tiny_validation(tiny).details
    store.store_validation(tiny, "odd", details, "\n".join((columns, *rows, "")).encode())
    table = open_validation(tiny, "odd").predictions()
    assert [True, False] == table["label"].isna().tolist()
    assert [True, False] == table["familiarity"].isna().tolist()
    expected = {"source": ["NA", ""], "vendor": ["", "GE"], "patient": ["007", ""], "sha256": ["1e5", "ab"]}
    assert expected == {column: table[column].tolist() for column in expected}


def test_what_a_killed_process_left_is_removed(tiny: Experiment) -> None:
    """Half-written folders of the same name are removed by the next one; unfinished readings stay."""
    parent = tiny.folder / "validations"
    for left in (".elsewhere.0123abcd.new", ".elsewhere.0123abcd.old", ".elsewhere", ".other.0123abcd.new"):
        (parent / left).mkdir(parents=True)
    write_tiny_validation(tiny)
    assert {"elsewhere", ".elsewhere", ".other.0123abcd.new"} == {path.name for path in parent.iterdir()}


def test_the_experiment_stays_valid(tiny: Experiment) -> None:
    """A validation is not among the card's files: the experiment is read, and changed, as before."""
    write_tiny_validation(tiny)
    again = read_experiment(tiny.folder)
    assert tiny.card == again.card
    changed = add_files(again, {"gate.csv": b"images,what,kind,n,read,warn,refuse,unreadable\n"})
    assert not any(path.startswith("validations") for path in changed.card["files"])
    assert list_validations(changed)[0].is_current


def test_one_of_an_earlier_version_is_said_to_be(tiny: Experiment) -> None:
    """After the recipe changed, it is listed, but not current; other words and thresholds change nothing."""
    write_tiny_validation(tiny)
    assert list_validations(update_card(tiny, {"summary": "Other words."}))[0].is_current
    points = tiny.card["operating_points"]
    points["keras"]["slice"]["youden"] = 0.123
    assert list_validations(update_card(tiny, {"operating_points": points}))[0].is_current
    recipe = {**tiny.card["recipe"], "level_hu": 41.0}
    assert not list_validations(update_card(tiny, {"recipe": recipe}))[0].is_current


def test_damaged_ones_are_refused(tiny: Experiment) -> None:
    """A changed table, a missing or foreign description, another name: refused by name, and not listed."""
    validation = write_tiny_validation(tiny)
    (validation.folder / "predictions.csv").write_text("number\n1\n")
    with pytest.raises(ExperimentError, match="differs from its SHA-256"):
        validation.predictions()
    shutil.copytree(validation.folder, validation.folder.with_name("copy"))
    for text in ("{", "[]", '{"schema": "validation/1"}', None):
        path = validation.folder / "validation.json"
        path.unlink() if text is None else path.write_text(text)
        for name in ("elsewhere", "copy"):
            with pytest.raises(ExperimentError) as refused:
                open_validation(tiny, name)
            assert "damaged_validation" == refused.value.code
    assert [] == list_validations(tiny)


def test_damaged_ones_are_named_beside_the_others(tiny: Experiment) -> None:
    """Each is named with cause and remedy, the others are listed, and it can be deleted."""
    write_tiny_validation(tiny, "whole")
    (write_tiny_validation(tiny, "broken").folder / "validation.json").write_text("{")
    (tiny.folder / "validations" / "notes.txt").write_text("not a validation")
    assert ["whole"] == [one.name for one in list_validations(tiny)]
    ((name, error),) = list_damaged(tiny).items()
    assert ("broken", "damaged_validation") == (name, error.code)
    assert "validation.json is missing or not valid JSON" in str(error)
    with pytest.raises(ExperimentError, match="damaged, so not to be chosen: broken"):
        open_validation(tiny, "other")
    delete_validation(tiny, "broken")
    assert {} == list_damaged(tiny)


def test_unknown_names_are_refused(tiny: Experiment) -> None:
    """An unknown name, a hidden one and a path are no validation; the known ones are named."""
    write_tiny_validation(tiny)
    (tiny.folder / "validations" / ".begun").mkdir()
    for name in ("other", ".begun", "..", "../validations/elsewhere", ""):
        with pytest.raises(ExperimentError, match="choose one of: elsewhere") as refused:
            open_validation(tiny, name)
        assert "unknown_validation" == refused.value.code


def test_one_can_be_deleted(tiny: Experiment) -> None:
    """It is gone, with its folder; deleting it again is refused."""
    write_tiny_validation(tiny)
    delete_validation(tiny, "elsewhere")
    assert [] == list((tiny.folder / "validations").iterdir())
    with pytest.raises(ExperimentError, match="has no validation"):
        delete_validation(tiny, "elsewhere")


def test_those_of_a_shipped_experiment_go_to_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shipped ones are read beside the card and stay; new ones are in the user's folder."""
    monkeypatch.delenv("STROKE_CT_MODELS", raising=False)
    packages = tmp_path / "site-packages"
    shipped = write_tiny_experiment(packages / "trained_models", "shipped")
    write_tiny_validation(shipped, "theirs")
    monkeypatch.setattr(folders, "is_checkout", lambda: False)
    monkeypatch.setattr(folders, "PROGRAM_FOLDER", packages)
    monkeypatch.setattr(store, "user_folder", lambda: tmp_path / "user")
    experiment = find_experiment("shipped")
    mine = write_tiny_validation(experiment, "mine")
    assert tmp_path / "user" / "validations" / "shipped" / "mine" == mine.folder
    assert ["mine", "theirs"] == [one.name for one in list_validations(experiment)]
    with pytest.raises(ExperimentError) as refused:
        delete_validation(experiment, "theirs")
    assert "read_only" == refused.value.code
    with pytest.raises(ExperimentError, match="already has a validation"):
        store.check_free(experiment, "theirs", replace=True)
    store.check_free(experiment, "mine", replace=True)
    delete_validation(experiment, "mine")
    assert ["theirs"] == [one.name for one in list_validations(experiment)]


def test_an_export_holds_no_validation(tiny: Experiment, tmp_path: Path) -> None:
    """Numbers about a hospital's data stay where they were measured."""
    write_tiny_validation(tiny)
    export_experiment(tiny, tmp_path / "tiny.zip")
    with zipfile.ZipFile(tmp_path / "tiny.zip") as archive:
        assert not any("validation" in name for name in archive.namelist())
