"""The folder of the pictures of the page Explore, and the offer to download them."""

from __future__ import annotations

import streamlit as st

from core.datasets import DATASET_VARIABLE, find_dataset
from core.errors import StrokeError
from dashboard.readings import pictures
from dashboard.shared import components, datasets


def choose_pictures() -> pictures.Pictures | None:
    """Let the visitor choose a data set; return its class folders' folder or its manifest, or None."""
    default = find_dataset()
    with st.popover("Images", icon=":material/folder_open:", width="stretch"):
        chosen = st.text_input(
            "Folder or manifest of the data set",
            placeholder=str(default) if default else "a folder on this machine with Normal and Stroke inside",
            key="data_folder",
            persist_state="session",
            help=f"Leave blank to use `{DATASET_VARIABLE}` or the downloaded data set.",
        ).strip()
        st.caption("An image is shown only if its file matches the recorded hash.")
    try:
        place = st.empty()
        found = pictures.find_pictures(chosen, components.show_progress(place, "Reading the images"))
        place.empty()
    except StrokeError as error:
        components.show_error(error)
        return None
    return found


def offer_download() -> None:
    """Say that the images are missing, and offer to download them."""
    with st.container(border=True):
        st.markdown(
            "**The images are not on this machine.** Everything else works without them. "
            "Download the data set, or choose its folder under Images."
        )
        datasets.show_download()
