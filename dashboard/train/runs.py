"""The training runs on the page Train: running, queued and ended ones, and the curves of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.errors import StrokeError
from core.experiments import models_root
from core.frameworks import FRAMEWORKS, TITLES
from core.training import Job, cancel_job, discard_job, ensure_runner, list_jobs, move_up, resume_job
from dashboard.shared import charts, components, format_duration, loaders, state
from dashboard.train.train_charts import COURSE_HEIGHT, plot_course

_SIGNS = {
    "running": ":material/play_circle:",
    "queued": ":material/hourglass_empty:",
    "failed": ":material/error:",
    "cancelled": ":material/cancel:",
    "interrupted": ":material/power_off:",
}
_STAGES = {
    "starting": "starting",
    "waiting": "waits for a training run that was started elsewhere",
    "reading": "reads the data set",
    "preparing": "prepares the slices",
    "training": "trains",
    "publishing": "checks and publishes",
}
# Seconds between updates: while a training runs or waits, and otherwise (another visitor may start one).
_BUSY_S, _QUIET_S = 2, 10


def show_runs() -> None:
    """Show the training runs as a part of the page that updates itself."""
    ensure_runner(models_root())
    seen = _look(list_jobs())
    st.fragment(_show, run_every=_BUSY_S if seen[0] else _QUIET_S)(seen)


def _look(jobs: list[Job]) -> tuple[bool, int]:
    """Return what the rest of the page depends on: whether a training run is active, and the experiments."""
    busy = any(job.state in ("running", "queued") for job in jobs)
    return busy, len(loaders.experiments()[0])


def _show(seen: tuple[bool, int]) -> None:
    st.subheader("Training runs", anchor=False)
    jobs = list_jobs()
    watched = state.watched_job()
    if watched in [experiment.name for experiment in loaders.experiments()[0]]:
        _show_result(watched)
    elif not jobs:
        with st.container(border=True):
            st.markdown("Nothing is being trained. Choose a plan and start it: its curves appear here.")
    waiting = [job.name for job in jobs if job.state == "queued"]
    shown = next((job for job in jobs if job.name == watched), jobs[0] if jobs else None)
    for job in jobs:
        with st.container(border=True, key=f"training_{job.name}"):
            _show_row(job, waiting, is_shown=job is shown, is_alone=len(jobs) == 1)
    if shown is not None:
        _show_course(shown, len(jobs) > 1)
    if seen != _look(jobs):
        st.rerun()  # for another interval, and the new experiment below


def _show_result(name: str) -> None:
    with st.container(border=True):
        st.markdown(f":green[{components.SIGNS['correct']}] **{components.plain(name)}** is done.")
        st.page_link(
            "app_pages/compare.py",
            label="See its results",
            icon=":material/balance:",
            query_params={"experiment": name},
        )


def _show_row(job: Job, waiting: list[str], *, is_shown: bool, is_alone: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"{_SIGNS[job.state]} **{components.plain(job.name)}** · {_describe_state(job, waiting)}")
        with st.container(horizontal=True, width="content"):
            if not is_alone and not is_shown and job.state != "queued":
                st.button("Show", key=f"show_{job.name}", on_click=state.watch_job, args=(job.name,))
            _show_actions(job, waiting)
    if job.state in ("failed", "interrupted", "cancelled"):
        st.markdown(components.sentence(job.message))
    if job.state != "queued":
        for framework, track in job.progress.items():
            share = min(1.0, max(0.0, float(track["fraction"])))
            text = f"{components.name_framework(framework)} · {_describe_progress(track, job.state)}"
            st.progress(share, text)


def _describe_state(job: Job, waiting: list[str]) -> str:
    if job.state == "queued":
        place = waiting.index(job.name) + 1
        return "waits, next in the queue" if place == 1 else f"waits, number {place} in the queue"
    if job.state == "running":
        memory = f" · {_format_memory(job.memory)} of memory" if job.memory else ""
        return f"running, {_STAGES.get(job.message, 'starting')}{memory}"
    return job.state


def _format_memory(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"


def _show_actions(job: Job, waiting: list[str]) -> None:
    if job.state == "running":
        _offer("Cancel", f"cancel_{job.name}", ":material/stop:", cancel_job, job.name)
        return
    if job.state == "queued":
        if waiting.index(job.name):
            _offer("Move up", f"move_up_{job.name}", ":material/arrow_upward:", move_up, job.name)
        _offer("Remove", f"cancel_{job.name}", ":material/close:", cancel_job, job.name)
        return
    if job.command:
        _offer("Resume", f"resume_{job.name}", ":material/play_arrow:", resume_job, job.name)
    with st.popover("Delete", icon=":material/delete:", key=f"delete_{job.name}"):
        st.markdown("This deletes the unfinished training run.")
        _offer("Delete it", f"discard_{job.name}", ":material/delete:", discard_job, job.name)


def _offer(label: str, key: str, icon: str, act: Callable[[str], Any], name: str) -> None:
    """Show a button that acts on a training and updates the list."""
    if st.button(label, key=key, icon=icon):
        try:
            with st.spinner("Please wait ..."):
                act(name)
        except StrokeError as error:
            components.show_error(error)
        else:
            st.rerun()


def _show_course(job: Job, is_named: bool) -> None:
    if is_named:
        st.markdown(f"**{components.plain(job.name)}**")
    history = job.read_history()
    if len(history):
        st.plotly_chart(
            plot_course(history, _count_epochs(job, int(history["epoch"].max())), state.palette()),
            key="course",
            config=charts.CONFIG,
            alt=_describe_course(job),
        )
    elif job.state in ("running", "queued"):
        st.caption("Curves appear after the first epoch.")
        st.skeleton(height=COURSE_HEIGHT)
    if job.log_tail:
        with st.expander("Log", key="log"):
            st.code(job.log_tail, language=None, height=240)


def _count_epochs(job: Job, trained: int) -> int:
    """Return the maximum number of epochs."""
    planned = [int(track["epochs"]) for track in job.progress.values() if "epochs" in track]
    return max([trained, *planned])


def _describe_course(job: Job) -> str:
    """Return the curves in words, for screen readers."""
    history = job.read_history()
    parts = []
    for framework in FRAMEWORKS:
        own = history[history["framework"] == framework]
        if len(own):
            last = own.iloc[-1]
            parts.append(
                f"{TITLES[framework]}: fold {last['fold'] + 1}, epoch {last['epoch']}, validation loss "
                f"{last['validation_loss']:.2f}, validation AUROC {last['validation_auroc']:.2f}"
            )
    return "Loss, accuracy and validation AUROC by epoch. " + "; ".join(parts)


def _describe_progress(track: dict[str, Any], job_state: str) -> str:
    if "epoch" not in track:
        return "preparing"
    if not track["epoch"]:
        step = "computing features"
    else:
        step = f"fold {track['fold']} of {track['folds']} · epoch {track['epoch']} of {track['epochs']}"
    left = track.get("seconds_left")
    return f"{step} · about {format_duration(left)} left" if left and job_state == "running" else step
