"""Overview: what this is and is not, and where to go next."""

from __future__ import annotations

import streamlit as st

from dashboard import components, loaders

_LEAD = (
    "Two convolutional networks, one in PyTorch and one in Keras, trained on the same slices. For research "
    "and teaching: no decision about a person may rest on it."
)


def draw_page() -> None:
    """The experiments that are here, and where to go."""
    found, damaged = loaders.experiments()
    for error in damaged:
        components.show_error(error)
    for experiment in found:
        st.markdown(
            f"**{components.plain(experiment.name)}**  \n{components.plain(experiment.card['summary'])}"
        )
    st.page_link("app_pages/read_scan.py", label="Read a scan", icon=":material/radiology:")
    st.page_link("app_pages/compare.py", label="Compare the networks", icon=":material/balance:")


with components.page("Read brain CT with two networks, and know how far to trust them", _LEAD):
    draw_page()
