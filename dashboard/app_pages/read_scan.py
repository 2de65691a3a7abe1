"""The page Read a scan: upload head CT and see what the networks find in each scan."""

from __future__ import annotations

import streamlit as st

from core.experiments import Experiment
from dashboard.read import decider, downloads, progress, viewer as read_viewer, worklist as read_worklist
from dashboard.readings import Upload, list_uploads, rename_duplicates, samples
from dashboard.shared import components, page_scripts, state

_LEAD = (
    "Upload head CT: single slices or a whole study. The networks of the chosen experiments read every slice."
)


def show_page() -> None:
    """Show files and settings on the left, the chosen scan on the right."""
    with st.container(key="rail_and_viewer"):
        rail, viewer = st.columns([1, 3.6], gap="large")
    with rail:
        uploads = _collect_uploads()
        worklist, refusals = st.container(key="worklist_place"), st.container(key="refusals")
        with st.container(key="reading_settings"):
            panel = decider.choose_panel()
            if panel is None:
                return
    experiments = [member.experiment for member in panel]
    with viewer:
        read, refused, unfinished = read_worklist.read_all(panel, uploads)
        with refusals:
            read_worklist.show_refusals(refused)
        if unfinished:
            progress.follow_reading(panel, unfinished)
        elif read:
            with worklist:
                chosen = read_worklist.choose_scan(experiments, read)
            read_viewer.show_reading(experiments, chosen)
            downloads.offer_downloads(experiments, chosen, read, refused)
        else:
            _show_start(experiments)
        read_viewer.show_limits(experiments)


def _collect_uploads() -> list[Upload]:
    with st.container(key="intake", gap="small"):
        files = st.file_uploader(
            "Drop head CT slices here", accept_multiple_files=True, key="files",
            help="DICOM, NIfTI, JPEG, PNG, TIFF, BMP or WebP, also in a zip. Files stay in the memory "
            "of the machine that runs the dashboard and are not stored. From DICOM, pixels, geometry and "
            "technical entries such as kernel and contrast agent are used. Name, ID and date of birth serve "
            "only to keep the patients of an upload apart, and are then discarded.",
        )  # fmt: skip
        page_scripts.offer_paste(".st-key-files input[type=file]", "paste")
        uploads = list_uploads(files)
        if state.samples_shown():
            st.button("Remove the synthetic scans", on_click=state.hide_samples, width="stretch")
            uploads += samples.make_synthetic_slices()
    return rename_duplicates(uploads)


def _show_start(panel: list[Experiment]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            "### Drop a head CT slice or study to begin\n"
            "See each network's heat map, and whether the two agree."
        )
        st.button("No scan? Show synthetic ones", on_click=state.show_samples, type="primary")
    read_viewer.show_placeholders(panel[0])


with components.page("Read a scan", _LEAD):
    show_page()
