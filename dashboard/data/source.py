"""The choice of the slices that the page Data is about: a data set on this machine, or a record of one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import streamlit as st

from core.datasets import DATASET_VARIABLE, KNOWN_DATASET, Dataset, find_dataset
from core.errors import StrokeError
from core.experiments import SHIPPED
from dashboard.data import laboratory, manifest
from dashboard.data.laboratory import Source
from dashboard.shared import components, datasets, loaders


def choose_source() -> Source | None:
    """Show what is loaded, or how to get it; return None if there is no data set and no record of one."""
    here = find_dataset()
    named = st.text_input(
        "Folder or manifest of the data set",
        placeholder=str(here) if here else "a folder on this machine with Normal and Stroke inside",
        key="data_folder",
        persist_state="session",
        help="Any folder on this machine with two folders of images, one per class; or a manifest, a table "
        f"(.csv) of slices. Leave blank to use `{DATASET_VARIABLE}` or the downloaded data set.",
    ).strip()
    folder = Path(named).expanduser() if named else here
    if folder is None:
        _invite()
        return _read_record()
    try:
        found = _read(folder)
    except StrokeError as error:
        components.show_error(error)
        return _read_record()
    if found.manifest is not None:
        manifest.show_manifest(found)
        _show_known(found)
        return _select_used(found)
    source = Source(found.table, found.classes, found.fingerprint, found)
    _show_loaded(source, found)
    return source


def _select_used(found: Dataset) -> Source | None:
    """Return the slices of a manifest that a training may use; show an error if there are none.

    Patients are shown as running numbers: the ids of a hospital reach no page.
    """
    try:
        used = found.select_known("slice")
    except StrokeError as error:
        components.show_error(error)
        return None
    used = replace(used, table=used.table.assign(patient=used.number_patients()))
    return Source(used.table, used.classes, used.fingerprint, used)


def _read(folder: Path) -> Dataset:
    place = st.empty()
    found = datasets.dataset(folder, components.show_progress(place, "Reading the images"))
    place.empty()
    return found


def _read_record() -> Source | None:
    """Return the data set as an experiment recorded it: everything except the pixels."""
    experiments = {experiment.name: experiment for experiment in loaders.experiments()[0]}
    recorded = next((experiments[name] for name in SHIPPED if name in experiments), None)
    if recorded is None:
        return None
    st.caption(
        f"Shown below: the slices of the experiment {components.plain(recorded.name)}, without images."
    )
    classes = recorded.classes if recorded.card["protocol"]["labels"] == "folder" else ("Normal", "Stroke")
    return Source(loaders.slices(recorded), classes, recorded.card["dataset"]["fingerprint"], None)


def _show_loaded(source: Source, found: Dataset) -> None:
    table = source.table
    if source.is_known:
        st.markdown(
            f":green[{components.SIGNS['correct']} **The published data set, byte for byte:**] "
            f"[{KNOWN_DATASET['name']}]({KNOWN_DATASET['url']}) · fingerprint `{source.fingerprint[:12]}`"
        )
    else:
        st.markdown(f"**Not the published data set.** Fingerprint `{source.fingerprint[:12]}`")
        _show_known(found)
    with st.container(key="counts"):
        columns = st.columns(4)
    per_class = [int((table["folder_label"] == label).sum()) for label in (0, 1)]
    columns[0].metric("Slices", _write_count(len(table)))
    columns[1].metric(
        "Patients", _write_count(table["patient"].nunique()) if source.has_patients else "unknown"
    )
    for column, name, count in zip(columns[2:], source.classes, per_class, strict=True):
        column.metric(f"Slices in {components.plain(name)}", _write_count(count))
    for warning in found.warnings:
        st.warning(components.plain(warning), icon=components.SIGNS["warning"])
    if found.refused:
        n = len(found.refused)
        with st.expander("1 file was refused" if n == 1 else f"{n:,} files were refused"):
            st.dataframe(found.refused, hide_index=True)
    if source.has_patients:
        with st.expander("The patients"):
            st.dataframe(_list_patients(source), hide_index=True)


def _show_known(found: Dataset) -> None:
    """Show what the files are in the published set, if they are slices of it."""
    place = st.empty()
    known = laboratory.known_pictures(found, components.show_progress(place, "Looking for known images"))
    place.empty()
    if sentences := known.describe():
        st.warning(components.plain(" ".join(sentences)), icon=components.SIGNS["warning"])
        with st.expander("The known files"):
            st.dataframe(known.table[["file", "name", "known_file", "known_class", "bits"]], hide_index=True)


def _list_patients(source: Source) -> pd.DataFrame:
    """Return one row per patient, in the order of the table."""
    names = dict(enumerate(source.classes))
    rows = source.table.assign(folder=source.table["folder_label"].map(names))
    columns = {"folder": ("folder", "first"), "slices": ("file", "size")}
    if source.has_slice_labels:
        columns["showing a hemorrhage"] = ("slice_label", "sum")
    return rows.groupby("patient", sort=False).agg(**columns).reset_index()


def _invite() -> None:
    with st.container(border=True):
        st.markdown(
            "**The data set is not on this machine.** With it, this page also shows images and runs the "
            "control with shuffled labels."
        )
        datasets.show_download()
        st.caption(
            "Or enter its folder above, run `stroke-ct download`, or set "
            f"`{DATASET_VARIABLE}` to a folder and restart the dashboard."
        )


def _write_count(n: int) -> str:
    return f"{n:,}"
