"""The page "Train", run without a browser; trainings are played by records, not by networks."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import core.jobs
from core.errors import TrainingError
from core.jobs import Job
from core.models.architecture import ARCHITECTURES
from core.protocol import Protocol
from tests.builders import write_tiny_experiment
from tests.dashboard.conftest import OpenPage, read_texts


class PlayedJob(Job):
    """A job whose history is given, not read from a folder."""

    history: pd.DataFrame

    def read_history(self) -> pd.DataFrame:
        return self.history


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """The trainings that the page sees; starting one adds it, cancelling one changes its state."""
    listed: list[Job] = []
    monkeypatch.setattr(core.jobs, "list_jobs", lambda: list(listed))
    return listed


def _job(name: str, state: str, history: pd.DataFrame, **more: Any) -> Job:
    track = {"fold": 2, "folds": 5, "epoch": 3, "epochs": 20, "fraction": 0.23, "seconds_left": 600}
    values = {
        "message": "",
        "started": 0.0,
        "command": {},
        "progress": {"pytorch": track, "keras": {"fraction": 0.0}},
        "log_tail": "epoch 3",
        "folder": Path("nowhere"),
    }
    job = PlayedJob(name=name, state=state, **(values | more))
    object.__setattr__(job, "history", history)
    return job


@pytest.fixture
def history(tmp_path: Path) -> pd.DataFrame:
    """The history of a tiny experiment."""
    return write_tiny_experiment(tmp_path / "other").history()


def test_with_no_training_the_page_invites_to_start_one(open_page: OpenPage, jobs: list[Job]) -> None:
    """The plan stands on the left; on the right one sentence says what will appear."""
    app = open_page("train")
    assert "No training is going on" in read_texts(app)
    assert app.button[0].disabled


def test_the_plan_is_told_in_words(open_page: OpenPage, jobs: list[Job]) -> None:
    """Choosing a random split changes the summary and warns of the leak."""
    app = open_page("train")
    assert "The patients are dealt into 5 parts" in read_texts(app)
    app.radio(key="split").set_value("random").run()
    assert "The slices are dealt into 5 parts" in read_texts(app)
    assert "in training and in test" in app.warning[0].value
    app.number_input(key="folds").set_value(1).run()
    assert "One tenth of the slices is held out" in read_texts(app)


def test_starting_hands_over_every_choice(open_page: OpenPage, jobs: list[Job], history, monkeypatch) -> None:
    """What was chosen on the page is what the training is started with."""
    started = []

    def start(dataset, name, protocol):
        started.append((dataset, name, protocol))
        jobs.append(_job(name, "running", history))

    monkeypatch.setattr(core.jobs, "start_training", start)
    app = open_page("train")
    app.text_input(key="folder").set_value("/data/brains")
    app.text_input(key="name").set_value("mine")
    app.radio(key="labels").set_value("folder")
    app.number_input(key="folds").set_value(3)
    app.number_input(key="seed").set_value(7).run()
    app.button[0].click().run()
    epochs = ARCHITECTURES["framed"].epochs
    protocol = Protocol("folder", "patient", 3, "framed", ("pytorch", "keras"), 7, epochs=epochs)
    assert [(Path("/data/brains"), "mine", protocol)] == started
    assert "running" in read_texts(app)


def test_a_refused_start_is_told_calmly(open_page: OpenPage, jobs: list[Job], monkeypatch) -> None:
    """An expected failure to start stands on the page with its remedy; the page goes on."""

    def refuse(*choices):
        raise TrainingError("There is no folder to train on", remedy="choose another folder")

    monkeypatch.setattr(core.jobs, "start_training", refuse)
    app = open_page("train")
    app.text_input(key="folder").set_value("/nowhere")
    app.text_input(key="name").set_value("mine").run()
    app.button[0].click().run()
    assert "There is no folder to train on" in app.warning[0].value
    assert not app.exception


def test_a_running_training_shows_progress_and_curves(open_page: OpenPage, jobs, history) -> None:
    """Fold, epoch and time left of one framework, "getting ready" of the other, and the curves so far."""
    jobs.append(_job("mine", "running", history))
    app = open_page("train")
    bars = [bar.proto.text for bar in app.get("progress")]
    assert "fold 2 of 5 · epoch 3 of 20 · 10 min left" in bars[0]
    assert "getting ready" in bars[1]
    assert 1 == len(app.get("plotly_chart"))


def test_before_the_first_epoch_the_place_of_the_curves_is_kept(open_page: OpenPage, jobs, history) -> None:
    """Without any history yet, a line says when curves appear."""
    jobs.append(_job("mine", "running", history.iloc[:0]))
    app = open_page("train")
    assert "Curves appear after the first epoch." in read_texts(app)
    assert 0 == len(app.get("plotly_chart"))


def test_cancel_cancels_the_training_that_is_watched(open_page: OpenPage, jobs, history, monkeypatch) -> None:
    """The button hands the job's name to the program; a cancelled training has no such button."""
    cancelled = []

    def cancel(name):
        cancelled.append(name)
        jobs[0] = _job(name, "cancelled", history)

    monkeypatch.setattr(core.jobs, "cancel_job", cancel)
    jobs.append(_job("mine", "running", history))
    app = open_page("train")
    app.button(key="cancel").click().run()
    assert ["mine"] == cancelled
    assert "cancelled" in read_texts(app)
    assert "cancel" not in [button.key for button in app.button]


def test_resume_starts_with_the_first_choices(open_page: OpenPage, jobs, history, monkeypatch) -> None:
    """A cancelled training goes on under the protocol that it began with."""
    started = []
    monkeypatch.setattr(core.jobs, "start_training", lambda *args, **more: started.append((*args, more)))
    command = {"dataset": "/data", "labels": "folder", "split": "random", "folds": 2, "architecture": "plain"}
    command |= {"frameworks": "keras", "seed": 4, "epochs": 3, "batch_size": None, "learning_rate": 0.01}
    jobs.append(_job("mine", "cancelled", history, command=command))
    app = open_page("train")
    app.button(key="resume").click().run()
    protocol = Protocol("folder", "random", 2, "plain", ("keras",), 4, epochs=3, learning_rate=0.01)
    assert [(Path("/data"), "mine", protocol, {"resume": True})] == started


def test_discard_asks_first(open_page: OpenPage, jobs, history, monkeypatch) -> None:
    """The button that deletes stands behind a sentence that says what is lost."""
    discarded = []
    monkeypatch.setattr(core.jobs, "discard_job", lambda name: discarded.append(name) or jobs.clear())
    jobs.append(_job("mine", "failed", history))
    app = open_page("train")
    assert "is deleted" in read_texts(app)
    app.button(key="discard").click().run()
    assert ["mine"] == discarded
    assert "No training is going on" in read_texts(app)


def test_a_finished_training_leads_to_its_results(
    open_page: OpenPage, jobs, models: Path, monkeypatch
) -> None:
    """Once the experiment is published the page says so, with a link to "Compare"."""
    monkeypatch.setattr(core.jobs, "start_training", lambda *args: write_tiny_experiment(models, "mine"))
    app = open_page("train")
    app.text_input(key="folder").set_value("/data")
    app.text_input(key="name").set_value("mine").run()
    app.button[0].click().run()
    assert "**mine** is done" in read_texts(app)
    assert "See its results" in [link.proto.label for link in app.get("page_link")]


def test_a_failed_training_says_why(open_page: OpenPage, jobs, history) -> None:
    """The job's own message stands on the page."""
    jobs.append(_job("mine", "failed", history, message="The loss is not a number in fold 2"))
    assert "The loss is not a number in fold 2" in read_texts(open_page("train"))


def test_without_the_frameworks_the_page_says_how_to_get_them(open_page: OpenPage, jobs, monkeypatch) -> None:
    """Missing libraries are named with the command that installs them; nothing can be started."""
    original = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else original(name))
    app = open_page("train")
    assert "not installed: torch" in app.info[0].value
    assert "pip install" in app.info[0].value
    assert not app.button
