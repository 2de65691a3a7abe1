"""Validate: an experiment's networks on new labeled scans, beside the results on its own data set."""

from __future__ import annotations

import streamlit as st

from core.experiments import Experiment
from core.validation import MIN_SLICES, Validation, describe_earlier
from dashboard.shared import components
from dashboard.validate import choose_validation, show_plan, show_report, show_runs, show_versions

_LEAD = (
    "How well do these networks read scans from elsewhere? Run them on labeled slices that they were not "
    'trained on, and compare with the results on the experiment\'s own data set ("at home").'
)


def show_page() -> None:
    """Show the new and the stored validations on the left, the chosen one on the right."""
    with st.container(key="pair_validate"):
        rail, main = st.columns([1, 2.7], gap="large")
    with rail, st.container(key="validate_rail"):
        experiment = components.choose_experiment()
        if experiment is None:
            return
        # Above the plan: a run that was started here is what the visitor waits for.
        running = st.container()
        dataset = show_plan(experiment)
        with running:
            show_runs(experiment)
        validation = choose_validation(experiment)
    with main:
        if validation is None:
            _invite()
        elif not validation.is_current:
            _explain_earlier(experiment, validation)
        else:
            show_report(experiment, validation, dataset)
        show_versions(experiment)


def _invite() -> None:
    with st.container(border=True):
        st.markdown(
            "**No validation yet.** Enter the path of a data set on the left: a folder with two folders of "
            "images, or a manifest. This page then compares its results with those on the experiment's own "
            "data set, with curves, a check of the probabilities, and the outcome of the input check. You "
            "can then make a calibration for that site."
        )
        st.markdown(
            f"At least {MIN_SLICES} labeled slices are needed. For a set without any label, the page only "
            "shows whether its slices look like those of the experiment's own data set. Slices of that data "
            "set, and near-copies of the training slices, are detected and left out."
        )
        st.page_link("app_pages/data.py", label="Look at a data set first", icon=":material/database:")


def _explain_earlier(experiment: Experiment, validation: Validation) -> None:
    st.header(components.plain(validation.name), anchor=False)
    st.warning(
        f"**Of an earlier version.** {components.sentence(describe_earlier(experiment, validation))} This "
        f"validation ({components.plain(validation.details['created'])}) is of an earlier version of "
        f"{components.plain(experiment.name)}: its results are not shown, and a site calibration made from "
        "it cannot be used. Delete it and run it again with the same data; for a site, calibrate again.",
        icon=components.SIGNS["warning"],
    )


with components.page("Validate", _LEAD):
    show_page()
