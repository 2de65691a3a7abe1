"""Where the page Explore finds its pictures, and how to get them."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.datasets import DATASET_VARIABLE, find_dataset
from core.errors import StrokeError
from dashboard.readings import pictures
from dashboard.shared import components, datasets


def choose_pictures() -> Path | None:
    """The folder with the class folders, which a visitor may name; None where there is none, or a bad one."""
    here = find_dataset()
    with st.popover("Pictures", icon=":material/folder_open:", width="stretch"):
        named = st.text_input(
            "Folder of the data set",
            placeholder=str(here) if here else "a folder on this machine with Normal and Stroke inside",
            key="data_folder",
            persist_state="session",
            help=f"Left empty: the one that `{DATASET_VARIABLE}` names, or the one that was downloaded.",
        ).strip()
        st.caption("Each picture is compared with the hash on record; another file is not shown.")
    try:
        return pictures.find_pictures(named)
    except StrokeError as error:
        components.show_error(error)
        return None


def invite() -> None:
    """Say what is missing without pictures, and offer to get them."""
    with st.container(border=True):
        st.markdown(
            "**The pictures are not on this machine.** Everything else works without them. "
            "Download the set, or name its folder under Pictures."
        )
        datasets.show_download()
