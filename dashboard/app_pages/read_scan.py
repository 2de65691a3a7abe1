"""Read a scan: drop files in, see what the networks make of each."""

from __future__ import annotations

import streamlit as st

from core.experiments import Experiment
from dashboard.read import downloads, progress, viewer as read_viewer, worklist as read_worklist
from dashboard.readings import Upload, received, samples, tell_apart
from dashboard.shared import components, page_scripts, state

_LEAD = "Drop in head CT: single slices, or a whole study. The networks of one experiment read every slice."


def show_page() -> None:
    """Lay the page out: files and settings on the left, the chosen scan on the right."""
    with st.container(key="rail_and_viewer"):
        rail, viewer = st.columns([1, 3.6], gap="large")
    with rail:
        uploads = _take_files()
        worklist, refusals = st.container(key="worklist_place"), st.container(key="refusals")
        with st.container(key="reading_settings"):
            experiment = components.choose_experiment()
            if experiment is None:
                return
            thresholds = components.choose_thresholds(experiment)
    with viewer:
        read, refused, unfinished = read_worklist.read_all(experiment, uploads, thresholds)
        with refusals:
            read_worklist.show_refusals(refused)
        if unfinished:
            progress.follow(experiment, unfinished, thresholds)
        elif read:
            with worklist:
                chosen = read_worklist.choose(read)
            read_viewer.show_reading(experiment, chosen)
            downloads.offer_downloads(experiment, chosen, read, refused)
        else:
            _invite(experiment)
        read_viewer.show_limits(experiment)


def _take_files() -> list[Upload]:
    with st.container(key="intake", gap="small"):
        files = st.file_uploader(
            "Drop head CT slices here", accept_multiple_files=True, key="files",
            help="DICOM, NIfTI, JPEG, PNG, TIFF, BMP or WebP, also packed as zip. Files stay in this "
            "computer's memory and are not stored. Of DICOM only pixels and geometry are kept: no name, id "
            "or date.",
        )  # fmt: skip
        page_scripts.offer_paste(".st-key-files input[type=file]", "paste")
        uploads = received(files)
        if state.samples_shown():
            st.button("Remove the synthetic scans", on_click=state.hide_samples, width="stretch")
            uploads += samples.samples()
    return tell_apart(uploads)


def _invite(experiment: Experiment) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            "### Drop a head CT slice to begin\nSee where each network looks, and whether the two agree."
        )
        st.button("No scan at hand? Show synthetic ones", on_click=state.show_samples, type="primary")
    read_viewer.show_empty_places(experiment)


with components.page("Read a scan", _LEAD):
    show_page()
