"""Tags and notes on a case, and their CSV file, run without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.cases.annotations import TAGS, Annotations, Case
from core.cases.annotations.csv_form import COLUMNS
from core.experiments import Experiment
from tests.builders import write_tiny_experiment
from tests.dashboard.conftest import read_texts


@pytest.fixture(autouse=True)
def experiment(models: Path) -> Experiment:
    """Return the tiny experiment; tags are stored in its models folder."""
    return write_tiny_experiment(models)


@pytest.fixture
def case(experiment: Experiment) -> Case:
    """Return the first slice of the experiment."""
    return Case(experiment.slices()["sha256"].iloc[0], experiment.card["dataset"]["fingerprint"])


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make tags be stored in the models folder."""
    monkeypatch.delenv("STROKE_CT_ANNOTATIONS", raising=False)


def _draw() -> None:
    from core.cases.annotations import Case
    from core.experiments import find_experiment
    from dashboard.explore import tags
    from dashboard.explore.subject import Subject
    from dashboard.shared import loaders

    experiment = find_experiment("tiny")
    fingerprint = experiment.card["dataset"]["fingerprint"]
    tags.show_tags(experiment, Case(experiment.slices()["sha256"].iloc[0], fingerprint))
    tags.offer_tag_files(Subject(experiment, None, loaders.cases(experiment)))


def _open() -> AppTest:
    app = AppTest.from_function(_draw, default_timeout=60).run()
    assert not app.exception
    return app


def _press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    app.run()
    assert not app.exception
    return app


def _words(app: AppTest) -> str:
    return read_texts(app).replace("\\", "")


def test_tags_and_a_note_with_a_name(case: Case) -> None:
    """Tags and notes are stored with the name, and shown on the page."""
    app = _open()
    assert [*TAGS, "Add note"] == [button.label for button in app.button]
    app.text_input[0].input("Ann").run()
    _press(app, "artefact")
    app.text_area[0].input("a dark <b>rim</b>").run()
    _press(app, "Add note")
    entries = [(one.tag, one.note, one.author) for one in Annotations().of(case)]
    assert [("artefact", "", "Ann"), ("", "a dark <b>rim</b>", "Ann")] == entries
    words = _words(app)
    assert ":gray-badge[:material/label: artefact]" in words
    assert "a dark <b>rim</b>" in words
    assert "<b>" not in read_texts(app)
    assert "Ann · 20" in words
    assert "" == next(area for area in app.text_area if area.key.startswith("note_")).value
    assert next(button for button in app.button if button.label == "artefact").disabled
    assert "Export 1 tagged slice (CSV)" in str(app.get("download_button")[0].proto.label)


def test_removing_can_be_undone(case: Case) -> None:
    """The last removed entry is shown, and can be restored."""
    Annotations().add(case, ["other"], author="Ann")
    app = _press(_open(), "Remove")
    assert [] == Annotations().of(case)
    assert "Removed: other · unknown · 20" in _words(app)
    _press(app, "Restore")
    assert ["other"] == [one.tag for one in Annotations().of(case)]
    assert "Removed:" not in _words(app)


def test_a_note_that_someone_else_changed_is_not_overwritten(case: Case) -> None:
    """Saving a note that someone else changed in the meantime gives a warning and changes nothing."""
    (note,) = Annotations().add(case, note="rim", author="Ann")
    app = _open()
    field = next(area for area in app.text_area if area.value == "rim")
    Annotations().change_note(note.id, "from Bob", "Bob")
    field.input("from me")
    _press(app, "Save")
    assert ["from Bob"] == [one.note for one in Annotations().of(case)]
    assert "The note has been changed meanwhile (by Bob, 20" in _words(app)
    assert "from Bob" in _words(app)
    # The next action removes the message.
    assert "changed meanwhile" not in _words(_press(app, "other"))


def test_a_note_is_changed(case: Case) -> None:
    """The person who changes a note becomes its author."""
    Annotations().add(case, note="rim", author="Ann")
    app = _open()
    app.text_input[0].input("Bob").run()
    next(area for area in app.text_area if area.value == "rim").input("dark rim")
    _press(app, "Save")
    assert [("dark rim", "Bob")] == [(one.note, one.author) for one in Annotations().of(case)]


def test_an_empty_note_is_refused() -> None:
    """An empty note is not added, and the page says why."""
    assert "An entry needs either a tag or a note (it has neither)" in _words(_press(_open(), "Add note"))


def _upload(app: AppTest, data: bytes) -> str:
    app.file_uploader[0].upload("tags.csv", data, "text/csv")
    app.run()
    assert not app.exception
    return _words(app)


def test_an_import_is_reported(case: Case) -> None:
    """New, known and refused rows are counted; refused rows have their reasons."""
    row = f"{case.sha256},{case.dataset},artefact,,Ann,2026-01-02T03:04:05+00:00\n"
    bad = [row.replace("artefact", f"cat {number}") for number in range(12)]
    words = _upload(_open(), (",".join(COLUMNS) + "\n" + row + row + "".join(bad)).encode())
    assert "1 new entry, 1 known entry, 12 refused rows." in words.replace("**", "")
    assert "Line 4: This tag is unknown (cat 0)" in words
    assert "and 2 more" in words
    assert ["artefact"] == [one.tag for one in Annotations().of(case)]
    assert ":gray-badge[:material/label: artefact]" in words


def test_a_file_of_another_data_set_is_refused(case: Case) -> None:
    """Both fingerprints are named, and nothing is imported."""
    row = f"{case.sha256},{'c' * 64},artefact,,Ann,2026-01-02T03:04:05+00:00\n"
    words = _upload(_open(), (",".join(COLUMNS) + "\n" + row).encode())
    assert "tags of another data set (fingerprint cccccccccccc" in words
    assert case.dataset[:12] in words
    assert [] == Annotations().of(case)


def test_a_damaged_tag_database_is_reported(models: Path) -> None:
    """The page names the damaged file and does not change it."""
    (models / "annotations.sqlite").write_bytes(b"no database at all" * 300)
    app = _open()
    assert "annotations.sqlite is damaged" in _words(app)
    assert not app.button
    assert (models / "annotations.sqlite").read_bytes() == b"no database at all" * 300
