"""The plan of a new validation: the data set, its contents, the name, and the start."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core.datasets import Dataset
from core.errors import ExperimentError, StrokeError
from core.experiments import Experiment
from core.validation import check_validation_name, choose_labels, list_damaged
from dashboard.shared import DATA_OF_VALIDATION, WORDS, components, datasets, loaders, state
from dashboard.validate.runs import CHOSEN, list_runs, start_run

_PARTS = {"kept": "Only the part kept aside", "": "The whole set"}


def show_plan(experiment: Experiment) -> Dataset | None:
    """Show the choice of the data set, what it holds, and the start button; return the data set."""
    st.subheader("New validation", anchor=False)
    given = st.text_input(
        "Data set",
        placeholder="a folder or a manifest (.csv) on this machine",
        key=DATA_OF_VALIDATION,
        persist_state="session",
        help="On the machine that runs the dashboard: a folder with two folders of images, one per class, or "
        "a manifest, a CSV file that names files, labels and patients (docs/data.md). The images stay there.",
    ).strip()
    if not given:
        st.caption("Labeled slices that these networks were not trained on: from another hospital, or new.")
        return None
    dataset = datasets.read_list(Path(given).expanduser())
    if dataset is not None:
        _show_start(experiment, dataset, given)
    return dataset


def _show_start(experiment: Experiment, dataset: Dataset, given: str) -> None:
    _show_contents(experiment, dataset)
    part = _choose_part(dataset)
    name = st.text_input(
        "Name", value=_suggest_name(experiment, given), key=f"validation_name_{dataset.fingerprint[:12]}",
        help="Lower-case letters, digits and hyphens. Name the hospital or the data set, never a person.",
    ).strip()  # fmt: skip
    if st.button("Start", key="start_validation", type="primary", disabled=not name, width="stretch"):
        try:
            _check_start(experiment, name)
        except StrokeError as error:
            components.show_error(error)
            return
        start_run(experiment, name, Path(given).expanduser(), part)
        state.set_value(CHOSEN, "")
        st.rerun()
    st.caption(
        "It continues if you leave this page. Only results are stored: no image, no file name and no patient "
        "ID."
    )


def count_labels(experiment: Experiment, dataset: Dataset) -> list[dict[str, Any]]:
    """Return a row for each source: its slices, and how many are positive, negative and unlabeled."""
    table = dataset.table
    _, label = choose_labels(experiment, dataset)
    source = table["source"] if "source" in table else pd.Series("", index=table.index)
    rows = []
    for name in sorted(set(source)):
        own = label[source == name]
        rows.append(
            {
                "source": components.plain(name) or "all",
                "slices": len(own),
                "positive": int((own == 1).sum()),
                "negative": int((own == 0).sum()),
                "unlabeled": int(own.isna().sum()),
            }
        )
    return rows


def _show_contents(experiment: Experiment, dataset: Dataset) -> None:
    rows = count_labels(experiment, dataset)
    st.table(
        [{key: value if key == "source" else f"{value:,}" for key, value in row.items()} for row in rows],
        hide_index=True, border="horizontal", alt="Slices of each source, by label",
    )  # fmt: skip
    patients = dataset.table["patient"]
    n_patients = patients[patients != ""].nunique()
    if n_patients:
        st.markdown(f"**{n_patients:,}** {'patient' if n_patients == 1 else 'patients'}.")
    for warning in dataset.list_warnings("validation"):
        st.markdown(f":{WORDS['review']}[{components.SIGNS['warning']}] {components.sentence(warning)}")
    if dataset.refused:
        n = len(dataset.refused)
        with st.expander("1 file cannot be read" if n == 1 else f"{n:,} files cannot be read"):
            st.dataframe(dataset.refused, hide_index=True)


def _choose_part(dataset: Dataset) -> str | None:
    if "part" not in dataset.table or not (dataset.table["part"] == "kept").any():
        return None
    part = st.radio("Slices", list(_PARTS), format_func=_PARTS.__getitem__, key="validation_part")
    return part or None


def _suggest_name(experiment: Experiment, given: str) -> str:
    """Return a free name made of the last part of the path."""
    path = Path(given)
    named = path.parent.name if path.stem == "manifest" else path.stem
    stem = re.sub(r"[^a-z0-9]+", "-", named.lower()).strip("-")[:40] or "validation"
    taken = _list_taken(experiment)
    number = 2
    name = stem
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    return name


def _list_taken(experiment: Experiment) -> set[str]:
    """Return the names of the stored validations, also of damaged ones."""
    return {one.name for one in loaders.validations(experiment)} | set(list_damaged(experiment))


def _check_start(experiment: Experiment, name: str) -> None:
    """Raise a StrokeError if a validation of this name cannot be started."""
    check_validation_name(name)
    if name in _list_taken(experiment):
        raise ExperimentError(
            f'There is a validation "{name}" already', remedy="choose another name, or delete that one first"
        )
    if any(run.name == name and run.running for run in list_runs(experiment)):
        raise ExperimentError(f'The validation "{name}" is running')
