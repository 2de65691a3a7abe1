"""Train: choose a protocol, start it in a child process, watch it learn."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import streamlit as st

from core.dataset import find_dataset
from core.errors import StrokeError
from core.experiments import FRAMEWORKS
from core.jobs import Job, cancel_job, discard_job, list_jobs, start_training
from core.models.architecture import ARCHITECTURES
from core.protocol import Protocol
from dashboard import charts, components, loaders, state
from dashboard.palette import TITLES

_LEAD = "Train both networks under one protocol: the same slices, the same split, the same architecture."
_LIBRARIES = {"pytorch": ("torch", "torchvision"), "keras": ("tensorflow", "keras")}
_EXPORT = ("onnx", "onnxscript", "tf2onnx")
_LABELS = {
    "slice": "Slice labels: does this slice show a hemorrhage?",
    "folder": "Folder labels: the patient's folder, for every slice",
}
_SPLITS = {"patient": "Patients kept apart", "random": "Slices at random"}
_SIGNS = {
    "running": ":material/play_circle:",
    "failed": ":material/error:",
    "cancelled": ":material/cancel:",
    "interrupted": ":material/power_off:",
}
_POLL_S = 2


def draw_page() -> None:
    """Lay the page out: the plan on the left, the trainings on the right."""
    with st.container(key="pair_train"):
        plan, runs = st.columns([1, 1.5], gap="large")
    with plan:
        _draw_plan()
    with runs:
        going = any(job.state == "running" for job in list_jobs())
        st.fragment(_draw_runs, run_every=_POLL_S if going else None)(going)


def _draw_plan() -> None:
    st.subheader("Plan", anchor=False)
    missing = [name for names in (*_LIBRARIES.values(), _EXPORT) for name in names if find_spec(name) is None]
    if missing:
        st.info(
            f"Training needs libraries that are not installed: {', '.join(missing)}. Install them with"
            '\n\n```\npip install -e ".[train]"\n```\n\nand start the dashboard again. Reading scans and '
            "comparing"
            " experiments work without them.",
            icon=":material/download:",
        )
        return
    found = find_dataset()
    folder = st.text_input(
        "Data set folder",
        value=str(found or ""),
        key="folder",
        placeholder="a folder with Normal and Stroke inside",
        help="Two folders of images, one for each class. `python -m core download` fetches the known set.",
    )
    name = st.text_input(
        "Name", key="name", placeholder="my-experiment", help="Small letters, digits and hyphens."
    )
    labels = st.radio("Labels", list(_LABELS), format_func=_LABELS.get, key="labels")
    split = st.radio("Split", list(_SPLITS), format_func=_SPLITS.get, key="split", horizontal=True)
    architecture = st.selectbox(
        "Architecture",
        list(ARCHITECTURES),
        index=list(ARCHITECTURES).index(Protocol().architecture),
        format_func=lambda key: ARCHITECTURES[key].title,
        key="architecture",
    )
    st.caption(ARCHITECTURES[architecture].summary)
    frameworks = st.pills(
        "Frameworks", list(FRAMEWORKS), selection_mode="multi", default=list(FRAMEWORKS), key="frameworks",
        format_func=TITLES.get,
    )  # fmt: skip
    left, middle, right = st.columns(3)
    folds = left.number_input(
        "Folds", 1, 10, 5, key="folds", help="1 holds out a tenth of the slices or patients."
    )
    usual = ARCHITECTURES[architecture].epochs
    epochs = middle.number_input("Epochs, at most", 1, 200, usual, key=f"epochs_{architecture}")
    seed = right.number_input("Seed", 0, 99999, 0, key="seed")
    if frameworks:
        st.markdown(_tell_plan(labels, split, int(folds), frameworks, int(epochs)))
    if split == "random":
        st.warning(
            "Slices of one patient will be in training and in test. The score will be flattering and "
            "says little "
            "about new patients.",
            icon=components.SIGNS["warning"],
        )
    ready = bool(folder.strip() and name.strip() and frameworks)
    if st.button("Start training", type="primary", disabled=not ready, width="stretch"):
        try:
            protocol = Protocol(
                labels, split, int(folds), architecture, tuple(frameworks), int(seed), epochs=int(epochs)
            )
            start_training(Path(folder.strip()), name.strip(), protocol)
        except StrokeError as error:
            components.show_error(error)
        else:
            state.watch(name.strip())
            st.rerun()


def _tell_plan(labels: str, split: str, folds: int, frameworks: list[str], epochs: int) -> str:
    """The plan in plain words."""
    who = " and ".join(TITLES[name] for name in FRAMEWORKS if name in frameworks)
    what = (
        "whether a slice shows a hemorrhage" if labels == "slice" else "which folder a slice's patient is in"
    )
    unit = "patients" if split == "patient" else "slices"
    if folds == 1:
        how = f"One tenth of the {unit} is held out and never trained on; the figures come from it."
    else:
        how = (
            f"The {unit} are dealt into {folds} parts; {folds} networks per framework are trained, each "
            "with one part "
            "held out, so that every slice gets a prediction by a network that never saw it."
        )
    return (
        f"{who} will learn to tell **{what}**. {how} Training runs for at most {epochs} epochs per "
        "network and stops "
        "early when it no longer improves. It goes on when you close this page."
    )


def _draw_runs(going: bool) -> None:
    st.subheader("Trainings", anchor=False)
    try:
        jobs = {job.name: job for job in list_jobs()}
    except StrokeError:
        return  # one ended between two looks; the next look, or the next visit, finds it gone
    watched = state.watched()
    if watched in [experiment.name for experiment in loaders.experiments()[0]]:
        _show_result(watched)
    elif not jobs:
        with st.container(border=True):
            st.markdown("No training is going on. Choose a plan and start: its curves appear here.")
    if jobs:
        names = list(jobs)
        shown = watched if watched in jobs else names[0]
        if len(names) > 1:
            shown = st.selectbox(
                "Training",
                names,
                index=names.index(shown),
                format_func=lambda name: f"{name} ({jobs[name].state})",
            )
        _draw_job(jobs[shown])
    if going and not any(job.state == "running" for job in jobs.values()):
        st.rerun()  # it has ended: stop polling


def _show_result(name: str) -> None:
    with st.container(border=True):
        st.markdown(f":green[{components.SIGNS['correct']}] **{components.plain(name)}** is done.")
        st.page_link(
            "app_pages/compare.py",
            label="See its results",
            icon=":material/balance:",
            query_params={"experiment": name},
        )


def _draw_job(job: Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"{_SIGNS[job.state]} **{components.plain(job.name)}** · {job.state}")
        with st.container(horizontal=True, width="content"):
            _draw_actions(job)
    if job.message:
        st.markdown(components.sentence(job.message))
    for framework, track in job.progress.items():
        share = min(1.0, max(0.0, float(track["fraction"])))
        st.progress(share, f"{components.name_framework(framework)} · {_tell_progress(track, job.state)}")
    history = job.read_history()
    if len(history):
        frameworks = [name for name in FRAMEWORKS if (history["framework"] == name).any()]
        figure = charts.draw_learning(history, frameworks, state.palette())
        st.plotly_chart(figure, key="learning", config=charts.CONFIG, alt="Loss and accuracy by epoch")
    elif job.state == "running":
        st.caption("Curves appear after the first epoch.")
        st.skeleton(height=420)
    if job.log_tail:
        with st.expander("Log"):
            st.code(job.log_tail, language=None, height=240)


def _draw_actions(job: Job) -> None:
    try:
        if job.state == "running":
            if st.button("Cancel", key="cancel", icon=":material/stop:"):
                with st.spinner("Ending ..."):
                    cancel_job(job.name)
                st.rerun()
            return
        if job.command and st.button("Resume", key="resume", icon=":material/play_arrow:"):
            _resume(job)
            st.rerun()
        with st.popover("Discard", icon=":material/delete:"):
            st.markdown("All that this training has learned is deleted.")
            if st.button("Delete it", key="discard"):
                discard_job(job.name)
                st.rerun()
    except StrokeError as error:
        components.show_error(error)


def _resume(job: Job) -> None:
    choices = {key: value for key, value in job.command.items() if key not in ("dataset", "frameworks")}
    protocol = Protocol(frameworks=tuple(job.command["frameworks"].split(",")), **choices)
    start_training(Path(job.command["dataset"]), job.name, protocol, resume=True)
    state.watch(job.name)


def _tell_progress(track: dict[str, Any], job_state: str) -> str:
    if "epoch" not in track:
        return "getting ready"
    told = f"fold {track['fold']} of {track['folds']} · epoch {track['epoch']} of {track['epochs']}"
    left = track.get("seconds_left")
    return f"{told} · {_tell_time(left)} left" if left and job_state == "running" else told


def _tell_time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


with components.page("Train", _LEAD):
    draw_page()
