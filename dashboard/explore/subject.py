"""The slices that the page Explore shows: the held-out slices of an experiment, or those of a validation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from core.experiments import Experiment
from core.validation import Validation
from dashboard.explore import source
from dashboard.readings import pictures
from dashboard.shared import DATA_OF_VALIDATION, SLICES_OF, datasets, loaders, state

_OWN = "Test slices of the experiment"


@dataclass(frozen=True, eq=False)
class Subject:
    """The slices to explore.

    Attributes:
        experiment: whose networks scored them.
        validation: the validation that they are of; None for the experiment's held-out slices.
        cases: see `core.cases.list_cases`; of a validation with source, vendor, gate and reasons too.
    """

    experiment: Experiment
    validation: Validation | None
    cases: pd.DataFrame

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of their data set, under which tags are stored."""
        dataset = self.experiment.card["dataset"] if self.validation is None else self.validation.details
        return str(dataset["fingerprint"])

    def list_patient(self, patient: str) -> int:
        """Return the number of the patient's slices, held out or not."""
        table = self.cases if self.validation else loaders.slices(self.experiment)
        return int((table["patient"] == patient).sum())


def choose_subject(experiment: Experiment) -> Subject:
    """Let the visitor choose the held-out slices or one of the current validations, if there are any."""
    found = {one.name: one for one in loaders.labeled_validations(experiment)}
    options = ["", *found]
    widget = state.persist_widget(SLICES_OF, "", options.__contains__)
    name = ""
    if found:
        name = st.selectbox(
            "Slices", options,
            format_func=lambda name: f"Validation: {name}" if name else _OWN, **widget,
        )  # fmt: skip
    if not name:
        return Subject(experiment, None, loaders.cases(experiment))
    return Subject(experiment, found[name], loaders.validation_cases(experiment, found[name]))


def choose_pictures(subject: Subject) -> pictures.Pictures | None:
    """Let the visitor name the data set with the pictures; return None if it is not on this machine."""
    if subject.validation is None:
        return source.choose_pictures()
    with st.popover("Images", icon=":material/folder_open:", width="stretch"):
        given = st.text_input(
            "Data set of this validation",
            placeholder="a folder or a manifest (.csv) on this machine",
            key=DATA_OF_VALIDATION,
            persist_state="session",
        ).strip()
        st.caption("An image is shown only if its file matches the recorded hash. No image is stored.")
    return datasets.read_list(Path(given).expanduser()) if given else None


def explain_missing(subject: Subject) -> None:
    """Say that the pictures are missing, and how to get them."""
    if subject.validation is None:
        source.offer_download()
        return
    with st.container(border=True):
        st.markdown(
            "**The images are not at hand.** A validation stores numbers only. Everything else works without "
            "them; to see them, enter the path of the data set under Images."
        )
