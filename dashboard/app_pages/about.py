"""About: what this program is for and not for, and the limits on the experiments' cards."""

from __future__ import annotations

import streamlit as st

from dashboard.shared import components, loaders

_LEAD = (
    "Two convolutional networks, one built in PyTorch and one in Keras, read brain CT slices side by side."
)


def show_page() -> None:
    """Show the intended use, and each experiment's summary and limits."""
    with st.container(key="pair_about"):
        left, right = st.columns(2, gap="large")
    with left:
        st.subheader("What it is for", anchor=False)
        st.markdown(
            "- To see how the two networks read a slice, where they look, and whether they agree.\n"
            "- To compare them honestly: same slices, same split, and figures only from slices that the "
            "network never saw.\n"
            "- To learn how much a result depends on how the data are split and labelled."
        )
        st.page_link("app_pages/read_scan.py", label="Read a scan", icon=":material/radiology:")
        st.page_link("app_pages/compare.py", label="Compare the networks", icon=":material/balance:")
    with right:
        st.subheader("What it is not for", anchor=False)
        st.markdown(
            "- No diagnosis, no triage, no treatment decision: it has been tested on one small public "
            "data set.\n"
            "- Each slice is read alone, as a gray image: the networks see no adjacent slice and nothing "
            "else of the patient.\n"
            "- A heat map shows where a network looked. It neither outlines a lesion nor proves one."
        )
    found, damaged = loaders.experiments()
    for error in damaged:
        components.show_error(error)
    if found:
        st.subheader("The experiments", anchor=False)
    for experiment in found:
        with st.container(border=True):
            st.markdown(
                f"**{components.plain(experiment.name)}**  \n{components.plain(experiment.card['summary'])}"
            )
            components.show_meaning(experiment)
            for limit in experiment.card["limits"]:
                st.markdown(f"- {components.plain(limit)}")


with components.page("About", _LEAD):
    show_page()
