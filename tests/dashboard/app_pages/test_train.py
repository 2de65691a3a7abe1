"""The page "Train", run without a browser; training runs are simulated by their records."""

from __future__ import annotations

import importlib.util
import io
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import TrainingError
from core.models.architectures import ARCHITECTURES
from core.service import DEFAULT_NAME
from core.synthetic.phantoms import write_phantom_dataset
from core.system.processes import read_start_time
from core.training import queue as job_queue
from core.training.duration import Estimate
from core.training.jobs import list_jobs, read_job
from core.training.state import work_folder
from dashboard.train import finished, plan, runs
from tests.builders import write_tiny_experiment
from tests.core.job_folders import write_job_folder
from tests.dashboard.conftest import OpenPage, read_texts
from tests.manifest_files import write_lines, write_slice, write_two_sources

COMMAND = {"dataset": "/data", "labels": "folder", "split": "random", "folds": 2, "architecture": "plain"}


@pytest.fixture(autouse=True)
def runners(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Collect the queue runners that would be started."""
    calls: list[list[str]] = []
    played = SimpleNamespace(Popen=lambda command, **more: calls.append(command), DEVNULL=-3)
    monkeypatch.setattr(job_queue, "subprocess", played)
    return calls


@pytest.fixture
def phantoms(tmp_path: Path) -> Path:
    """A data set of 16 slices."""
    folder = tmp_path / "phantoms"
    write_phantom_dataset(folder, n_patients=4, slices_per_patient=4, size=48)
    return folder


def play_course(models: Path, tmp_path: Path, name: str, state: str, **more: Any) -> Path:
    """Write a training with the history of a tiny experiment and the progress of one framework."""
    import os

    more = {"born": read_start_time(os.getpid()), "command": COMMAND} | more
    folder = write_job_folder(models, name, state, os.getpid(), **more)
    history = write_tiny_experiment(tmp_path / "other").history()
    for (framework, fold), rows in history.groupby(["framework", "fold"]):
        (folder / framework / f"fold-{fold}").mkdir(parents=True)
        epochs = json.loads(rows.drop(columns=["framework", "fold", "best"]).to_json(orient="records"))
        state_file = folder / framework / f"fold-{fold}" / "state.json"
        state_file.write_text(json.dumps({"history": epochs}))
    track = {"fold": 2, "folds": 5, "epoch": 3, "epochs": 20, "fraction": 0.23, "seconds_left": 600}
    (folder / "pytorch" / "progress.json").write_text(json.dumps(track))
    (folder / "keras" / "progress.json").write_text(json.dumps({"fraction": 0.0}))
    (folder / "keras" / "log.txt").write_text("keras speaks")
    return folder


def labels_of(app: Any) -> set[str]:
    """Return the labels of all buttons."""
    return {button.label for button in app.button}


def test_with_no_training_the_page_invites_to_start_one(open_page: OpenPage) -> None:
    """The page shows the plan, and one sentence on what will appear."""
    app = open_page("train")
    assert "Nothing is being trained" in read_texts(app)
    assert "No experiments yet" in read_texts(app)
    assert "not on this machine yet" in read_texts(app)
    assert app.button(key="start").disabled


def test_the_plan_is_written_in_words(open_page: OpenPage) -> None:
    """A random split changes the plan in words and warns of leakage."""
    app = open_page("train")
    assert "The patients are split into 5 folds" in read_texts(app)
    app.radio(key="split").set_value("random").run()
    assert "The slices are split into 5 folds" in read_texts(app)
    assert any("in both training and test" in warning.value for warning in app.warning)
    app.number_input(key="folds").set_value(1).run()
    assert "One tenth of the slices is a test set" in read_texts(app)


def test_the_time_is_shown_with_its_basis(
    open_page: OpenPage, phantoms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a measured training the time is unknown; with one, its name is next to the estimate."""
    monkeypatch.setenv("STROKE_CT_DATA", str(phantoms))
    app = open_page("train")
    assert "8 in Normal and 8 in Stroke" in read_texts(app)
    assert "no estimate yet" in read_texts(app)
    asked = []
    monkeypatch.setattr(
        plan, "estimate_duration", lambda *args: asked.append(args) or Estimate(840, "earlier", 2501)
    )
    app.number_input(key="folds").set_value(3).run()
    assert "at most about 14 min" in read_texts(app)
    assert "earlier, trained on this machine with 2,501 slices" in read_texts(app)
    assert (3, 16) == (asked[-1][1].folds, asked[-1][2])


def test_starting_hands_over_every_choice(
    open_page: OpenPage, models: Path, phantoms: Path, runners: list[list[str]]
) -> None:
    """The queued training has the choices of the page, and a runner is started."""
    app = open_page("train")
    app.segmented_control(key="place").set_value("folder").run()
    app.text_input(key="folder").set_value(str(phantoms))
    app.text_input(key="name").set_value("mine")
    app.radio(key="labels").set_value("folder")
    app.number_input(key="folds").set_value(3)
    app.number_input(key="batch_framed").set_value(8)
    app.select_slider(key="augmentation").set_value("strong")
    app.checkbox(key="class_weights").set_value(False)
    app.number_input(key="seed").set_value(7).run()
    app.button(key="start").click().run()
    framed = ARCHITECTURES["framed"]
    expected = {"labels": "folder", "split": "patient", "folds": 3, "architecture": "framed", "seed": 7}
    expected |= {"frameworks": ["pytorch", "keras"], "class_weights": False, "augmentation": "strong"}
    expected |= {"finding": "hemorrhage"}
    expected |= {"epochs": framed.epochs, "batch_size": 8, "learning_rate": framed.learning_rate}
    assert expected | {"dataset": str(phantoms)} == read_job("mine").command
    assert 1 <= len(runners)
    assert "next in the queue" in read_texts(app)


def test_a_zip_file_is_trained_from_its_unpacked_folder(
    open_page: OpenPage, models: Path, phantoms: Path
) -> None:
    """An uploaded data set is unpacked into the work folder, and its counts are shown."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for path in phantoms.rglob("*.*"):
            archive.write(path, path.relative_to(phantoms))
    app = open_page("train")
    app.segmented_control(key="place").set_value("zip").run()
    app.text_input(key="name").set_value("mine")
    app.file_uploader(key="upload").upload("set.zip", target.getvalue(), "application/zip").run()
    assert "8 in Normal and 8 in Stroke" in read_texts(app)
    app.button(key="start").click().run()
    assert (models / ".training" / ".datasets").resolve() == Path(read_job("mine").command["dataset"]).parent


def test_a_zip_file_that_is_none_is_refused_calmly(open_page: OpenPage, models: Path) -> None:
    """The reason is shown and the start button is disabled."""
    app = open_page("train")
    app.segmented_control(key="place").set_value("zip").run()
    app.text_input(key="name").set_value("mine")
    app.file_uploader(key="upload").upload("set.zip", b"nothing of the kind", "application/zip").run()
    assert any("as a zip archive" in warning.value for warning in app.warning)
    assert app.button(key="start").disabled


def test_a_folder_that_is_no_data_set_is_named_before_the_start(open_page: OpenPage, tmp_path: Path) -> None:
    """A missing folder and one without classes are named before the start."""
    app = open_page("train")
    app.segmented_control(key="place").set_value("folder").run()
    app.text_input(key="name").set_value("mine")
    for folder, words in ((tmp_path / "gone", "no folder"), (tmp_path, "class")):
        app.text_input(key="folder").set_value(str(folder)).run()
        assert any(words in warning.value for warning in app.warning)
        assert app.button(key="start").disabled


def test_a_refused_start_is_a_warning(open_page: OpenPage, models: Path, phantoms: Path) -> None:
    """A name that is taken is an error on the page with its remedy."""
    write_tiny_experiment(models, "mine")
    app = open_page("train")
    app.segmented_control(key="place").set_value("folder").run()
    app.text_input(key="folder").set_value(str(phantoms))
    app.text_input(key="name").set_value("mine").run()
    app.button(key="start").click().run()
    assert any("choose another name" in warning.value.lower() for warning in app.warning)
    assert not app.exception


def test_a_running_training_shows_progress_memory_and_curves(
    open_page: OpenPage, models: Path, tmp_path: Path
) -> None:
    """The page shows fold, epoch, time left, memory, curves and log of a running training."""
    play_course(models, tmp_path, "mine", "running", message="training")
    app = open_page("train")
    bars = sorted(bar.proto.text for bar in app.get("progress"))
    assert "preparing" in bars[0]
    assert "fold 2 of 5 · epoch 3 of 20 · about 10 min left" in bars[1]
    assert "running, trains" in read_texts(app)
    assert "B of memory" in read_texts(app)
    assert 1 == len(app.get("plotly_chart"))
    assert "keras speaks" in app.code[0].value


def test_before_the_first_epoch_the_place_of_the_curves_is_kept(open_page: OpenPage, models: Path) -> None:
    """Before the first epoch a sentence says when curves appear."""
    write_job_folder(models, "mine", "queued", 0)
    app = open_page("train")
    assert "Curves appear after the first epoch." in read_texts(app)
    assert 0 == len(app.get("plotly_chart"))


def test_the_queue_is_seen_and_changed(open_page: OpenPage, models: Path) -> None:
    """Each queued training shows its place, can move up and can be removed."""
    for place, name in enumerate(("first", "second")):
        write_job_folder(models, name, "queued", 0, started=float(place), command=COMMAND)
    app = open_page("train")
    assert "**second** · waits, number 2 in the queue" in read_texts(app)
    app.button(key="move_up_second").click().run()
    assert ["second", "first"] == [job.name for job in list_jobs()]
    assert "**first** · waits, number 2 in the queue" in read_texts(app)
    app.button(key="cancel_second").click().run()
    assert "cancelled" == read_job("second").state
    assert "Removed from the queue" in read_texts(app)


def test_cancel_cancels_that_training(
    open_page: OpenPage, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The button cancels the job by its name; a cancelled training has no such button."""
    folder = play_course(models, tmp_path, "mine", "running")

    def cancel(name: str) -> None:
        values = json.loads((folder / "job.json").read_text())
        (folder / "job.json").write_text(
            json.dumps({**values, "state": "cancelled", "message": f"{name} ended"})
        )

    monkeypatch.setattr(runs, "cancel_job", cancel)
    app = open_page("train")
    app.button(key="cancel_mine").click().run()
    assert "Mine ended." in read_texts(app)
    assert {"Cancel"}.isdisjoint(labels_of(app))


def test_resume_queues_it_again(
    open_page: OpenPage, models: Path, tmp_path: Path, runners: list[list[str]]
) -> None:
    """A resumed training is queued with its first choices; its curves stay."""
    play_course(models, tmp_path, "mine", "cancelled")
    app = open_page("train")
    assert 1 == len(app.get("plotly_chart"))
    app.button(key="resume_mine").click().run()
    job = read_job("mine")
    assert ("queued", COMMAND) == (job.state, job.command)
    assert runners


def test_delete_asks_first(open_page: OpenPage, models: Path, tmp_path: Path) -> None:
    """The delete button comes with a sentence on what is lost."""
    play_course(models, tmp_path, "mine", "failed")
    app = open_page("train")
    assert "This deletes the unfinished training run" in read_texts(app)
    app.button(key="discard_mine").click().run()
    assert not work_folder(models, "mine").exists()
    assert "Nothing is being trained" in read_texts(app)


def test_an_impossible_action_is_an_error(
    open_page: OpenPage, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training that another visitor has resumed is named, and the page continues."""
    play_course(models, tmp_path, "mine", "failed")

    def refuse(name: str) -> None:
        raise TrainingError(f'The training run "{name}" is already queued')

    monkeypatch.setattr(runs, "resume_job", refuse)
    app = open_page("train")
    app.button(key="resume_mine").click().run()
    assert any("already queued" in warning.value for warning in app.warning)


def test_a_failed_training_says_why(open_page: OpenPage, models: Path, tmp_path: Path) -> None:
    """The job's message is plain text on the page."""
    play_course(models, tmp_path, "mine", "failed", message="the loss is ![no](number) in fold 2")
    texts = read_texts(open_page("train"))
    assert "The loss is" in texts
    assert "![no]" not in texts


def test_one_of_several_is_shown(open_page: OpenPage, models: Path, tmp_path: Path) -> None:
    """The curves are those of the chosen training; the others are rows."""
    play_course(models, tmp_path, "one", "failed", started=2.0)
    write_job_folder(models, "two", "failed", 1, command=COMMAND)
    app = open_page("train")
    assert 1 == len(app.get("plotly_chart"))
    app.button(key="show_two").click().run()
    assert 0 == len(app.get("plotly_chart"))
    app.button(key="show_one").click().run()
    assert 1 == len(app.get("plotly_chart"))


def test_a_finished_training_leads_to_its_results(
    open_page: OpenPage, models: Path, phantoms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the experiment is published the page says so and links to Compare."""
    monkeypatch.setattr(plan, "start_training", lambda *args: write_tiny_experiment(models, "mine") and None)
    app = open_page("train")
    app.segmented_control(key="place").set_value("folder").run()
    app.text_input(key="folder").set_value(str(phantoms))
    app.text_input(key="name").set_value("mine").run()
    app.button(key="start").click().run()
    assert "**mine** is done" in read_texts(app)
    assert "See its results" in [link.proto.label for link in app.get("page_link")]


def test_finished_experiments_are_listed_and_deleted(open_page: OpenPage, models: Path) -> None:
    """Each experiment has a row; deleting asks first; the program's own cannot be deleted."""
    write_tiny_experiment(models, DEFAULT_NAME)
    write_tiny_experiment(models, "mine")
    app = open_page("train")
    assert "without PyTorch and Keras weights" in read_texts(app)
    assert f"remove_now_{DEFAULT_NAME}" not in {button.key for button in app.button}
    app.button(key="remove_now_mine").click().run()
    assert [DEFAULT_NAME] == [path.name for path in models.iterdir() if not path.name.startswith(".")]
    assert "**mine**" not in read_texts(app)


def test_a_damaged_experiment_is_named(open_page: OpenPage, models: Path) -> None:
    """A damaged experiment is named with its error, and the page continues."""
    (write_tiny_experiment(models, "mine").folder / "history.csv").write_text("nothing")
    app = open_page("train")
    assert any("history" in warning.value for warning in app.warning)


def test_an_import_that_is_refused_says_why(open_page: OpenPage, models: Path) -> None:
    """A zip file that is not an exported experiment leaves no files."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("evil.py", "print()")
    app = open_page("train")
    app.file_uploader(key="import_file").upload("x.zip", target.getvalue(), "application/zip").run()
    app.button(key="import_now").click().run()
    assert any("not part of an exported experiment" in warning.value for warning in app.warning)
    assert [] == [path for path in models.iterdir() if not path.name.startswith(".training")]


def test_an_import_that_is_whole_is_shown(
    open_page: OpenPage, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The imported experiment is in the list, with a link to its results."""
    monkeypatch.setattr(
        finished, "import_experiment", lambda upload: write_tiny_experiment(models, "from-elsewhere")
    )
    app = open_page("train")
    app.file_uploader(key="import_file").upload("x.zip", b"zip", "application/zip").run()
    app.button(key="import_now").click().run()
    assert "**from\\-elsewhere** is done" in read_texts(app)


def test_without_the_frameworks_the_page_says_how_to_get_them(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing libraries are named with the install command; nothing can be started."""
    original = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else original(name))
    app = open_page("train")
    assert "not installed: torch" in app.info[0].value
    assert "pip install" in app.info[0].value
    assert "start" not in {button.key for button in app.button}


def test_the_finding_of_a_manifest_can_be_chosen(open_page: OpenPage, tmp_path: Path) -> None:
    """With labels of both, hemorrhage comes first; another choice changes counts, table, labels and plan."""
    lines = ["file,source,patient,hemorrhage,ischemia"]
    for number in range(6):
        write_slice(tmp_path / f"{number}.png", seed=number)
        words = ("present", "unknown") if number < 2 else ("absent", "present" if number == 2 else "absent")
        lines.append(f"{number}.png,{'AB'[number % 2]},{number},{','.join(words)}")
    app = open_page("train")
    app.segmented_control(key="place").set_value("folder").run()
    app.text_input(key="folder").set_value(str(write_lines(tmp_path / "set.csv", *lines))).run()
    assert "6 slices to train on: 2 with an intracranial hemorrhage" in read_texts(app)
    assert "hemorrhage" == app.selectbox(key="finding").value
    app.selectbox(key="finding").set_value("ischemia").run()
    words = read_texts(app)
    assert "4 slices to train on: 1 with an ischemic lesion, 3 without." in words
    assert "whether a slice shows an ischemic lesion" in words
    assert [("A", 1, 1, "2"), ("B", 0, 2, "2")] == list(
        app.dataframe[0].value.itertuples(index=False, name=None)
    )
    app.radio(key="labels").set_value("folder").run()
    assert "Folder labels name no finding" in read_texts(app)


def test_a_manifest_shows_its_sources_and_its_faults(open_page: OpenPage, tmp_path: Path) -> None:
    """Slices are counted by source; unknown patients and the reason of a silence are said, faults listed."""
    path = write_two_sources(tmp_path)
    with path.open("a") as stream:
        stream.write("gone.png,north,1,present,GE\nsouth/1_0.png,south,1,maybe,GE\n")
    app = open_page("train")
    app.segmented_control(key="place").set_value("folder").run()
    app.text_input(key="folder").set_value(str(path))
    app.text_input(key="name").set_value("mine").run()
    words = read_texts(app).replace("\\", "")
    assert "48 slices to train on: 12 with an intracranial hemorrhage, 36 without. Left out: 0" in words
    assert "finding" not in {box.key for box in app.selectbox}
    assert "The patients of 12 of 48 slices are unknown" in words
    assert "presumed absent, because each report names its bleedings" in words
    sources, faults = (frame.value for frame in app.dataframe)
    assert [("north", 6, 18, "6"), ("south", 6, 18, "3")] == list(sources.itertuples(index=False, name=None))
    assert [50, 51] == faults["line"].to_list()
    assert not app.button(key="start").disabled
