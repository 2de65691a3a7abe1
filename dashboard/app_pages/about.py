"""About: what this program is for and not for, and the limits on the experiments' cards."""

from __future__ import annotations

import streamlit as st

from core.experiments import list_limits
from dashboard.shared import components, loaders

_LEAD = (
    "Two convolutional networks, one built in PyTorch and one in Keras, read brain CT slices side by side."
)


def show_page() -> None:
    """Show the intended use, each experiment's summary, and the limits."""
    with st.container(key="pair_about"):
        left, right = st.columns(2, gap="large")
    with left:
        st.subheader("What it is for", anchor=False)
        st.markdown(
            "- To see how the two networks read a slice, with heat maps, and whether they agree.\n"
            "- To compare them fairly: same slices, same split, and results only from slices that the "
            "network never saw.\n"
            "- To learn how much a result depends on how the data are split and labeled."
        )
        st.page_link("app_pages/read_scan.py", label="Read a scan", icon=":material/radiology:")
        st.page_link("app_pages/compare.py", label="Compare", icon=":material/balance:")
    with right:
        st.subheader("What it cannot do", anchor=False)
        st.markdown(
            "- Diagnosis, triage or treatment decisions: the program has been tested only on a few public "
            'data sets. "Not flagged" excludes nothing.\n'
            "- Each slice is read alone, as a gray image: the networks see no adjacent slice and nothing "
            "else of the patient.\n"
            "- A heat map estimates which places raised a network's probability. It does not outline a "
            "lesion or prove one, and a dark map excludes nothing."
        )
    found, damaged = loaders.experiments()
    for error in damaged:
        components.show_error(error)
    if found:
        st.subheader("The experiments", anchor=False)
    # Limits that all experiments have are shown once.
    lists = [list_limits(experiment) for experiment in found]
    shared = [limit for limit in (lists[0] if lists else ()) if all(limit in limits for limits in lists)]
    for experiment in found:
        with st.container(border=True):
            st.markdown(
                f"**{components.plain(experiment.name)}**  \n{components.plain(experiment.card['summary'])}"
            )
            components.show_meaning(experiment)
            _show_limits([limit for limit in list_limits(experiment) if limit not in shared])
    if shared:
        st.subheader("Limits", anchor=False)
        _show_limits(shared)


def _show_limits(limits: list[str]) -> None:
    if limits:
        st.markdown("\n".join(f"- {components.plain(limit)}" for limit in limits))


with components.page("About", _LEAD):
    show_page()
