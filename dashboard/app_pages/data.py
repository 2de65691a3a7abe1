"""Data: the contents of the data set, the leakage laboratory, and the control for shortcuts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import streamlit as st

from core.audit import LabelExamples, sample_label_examples
from core.errors import StrokeError
from dashboard.data import Source, laboratory, leaks, numbers, shortcut, source as data_source
from dashboard.shared import charts, components, figures, loaders, mark_charts, overlays, state

_LEAD = "What the data set contains, how patients leak from training into the test, and what the labels mean."


def show_page() -> None:
    """Show what is loaded, then the steps."""
    for error in loaders.experiments()[1]:
        components.show_error(error)
    source = data_source.choose_source()
    if source is not None:
        with _step("1 · Leakage between training and test"):
            leaks.show_leaks(source)
    with _step("2 · What leakage does to the results"):
        numbers.show_same_network()
    control = st.container()
    if source is not None:
        with _step("3 · What the labels mean"):
            _show_labels(source)
    with _step("4 · Is it the lesion or the hospital?"):
        shortcut.show_shortcut()
    if source is not None:
        # Last, because it may take a while.
        with control, _step(""):
            numbers.show_control(source)


@contextmanager
def _step(title: str) -> Iterator[None]:
    """Frame a step of the laboratory; an error in it does not stop the other steps."""
    if title:
        st.header(title, anchor=False, divider="gray")
    try:
        yield
    except StrokeError as error:
        components.show_error(error)


def _show_labels(source: Source) -> None:
    if source.is_manifest:
        st.markdown(
            "A manifest gives each slice its own label. If the label is empty, it is not known whether the "
            "slice shows the finding, unless its source states that the finding is then absent. The notes "
            "under the table of sources above give the reason."
        )
        return
    if not source.has_slice_labels:
        st.markdown(
            "Here every slice has the label of its folder. What a single slice shows is not known: slice "
            "labels can be inferred only for the published data set, from gaps in its file numbering."
        )
        return
    seed = int(state.read_value("examples", "0", str.isdecimal))
    found = sample_label_examples(source.table, seed)
    negative, positive = (components.plain(name) for name in source.classes)
    labels = found.findings
    n_negative = int((source.table["folder_label"] == 0).sum())
    patients = labels.patients_showing_in_negative
    st.markdown(
        f"The folder's label belongs to the patient and is copied to every slice. Only "
        f"**{labels.n_showing_in_positive:,} of {labels.n_positive_folder:,}** slices in {positive} "
        f"(**{100 * labels.share_showing_in_positive:.1f} %**) show a hemorrhage. "
        + (
            f"So do **{labels.n_showing_in_negative}** slices of {len(patients)} patients in {negative} "
            f"(patients {', '.join(map(components.plain, patients))})."
            if patients
            else f"In {negative} none does."
        )
    )
    if source.is_known:
        st.markdown(
            "The slice labels are inferred from gaps in the file numbering. In the original data each slice "
            "with a hemorrhage was followed by its mask, which took the next number. The masks are missing "
            "here, so a gap marks a slice with a hemorrhage. The labels agree with the radiologists on 2,491 "
            "of 2,501 slices. The other ten show a hemorrhage but are labeled negative; nine of "
            f"them are from patient 49. So **five** patients in {negative} have a hemorrhage, not four. "
            f"What the data set calls {positive} is traumatic hemorrhage: **not one slice is labeled as an "
            "ischemic stroke.**"
        )
    with st.container(key="pair_labels"):
        left, right = st.columns([1, 1.6], gap="large")
    with left:
        counts = {
            charts.shorten(source.classes[1]): (
                labels.n_showing_in_positive,
                labels.n_positive_folder - labels.n_showing_in_positive,
            ),
            charts.shorten(source.classes[0]): (
                labels.n_showing_in_negative,
                n_negative - labels.n_showing_in_negative,
            ),
        }
        words = ("shows a hemorrhage", "shows none")
        figure = mark_charts.plot_label_counts(counts, words, state.palette())
        alt = (
            f"Slices that show a hemorrhage: {labels.n_showing_in_positive} in {source.classes[1]}, "
            f"{labels.n_showing_in_negative} in {source.classes[0]}"
        )
        table = pd.DataFrame([(name, *pair) for name, pair in counts.items()], columns=["folder", *words])
        figures.show_figure(figure, "labels", "labels", alt, table)
    if source.images is not None:
        with right:
            _show_examples(source, found, seed)


def _show_examples(source: Source, found: LabelExamples, seed: int) -> None:
    negative, positive = (components.plain(name) for name in source.classes)
    examples = (
        (found.positive_showing, f"In {positive}, with a hemorrhage"),
        (found.positive_without, f"In {positive}, without a hemorrhage, yet labeled {positive}"),
        (found.negative_showing, f"In {negative}, with a hemorrhage"),
    )
    with st.container(key="scan_labels"):
        columns = st.columns(3, gap="small")
    for column, (file, title) in zip(columns, examples, strict=True):
        with column:
            if file is None:
                st.image(overlays.render_empty_frame(), width="stretch", alt="")
                st.markdown(f"**{title}**  \nNone.")
            else:
                st.image(laboratory.picture(source.images, file), width="stretch", alt=f"{title}: {file}")
                st.markdown(f"**{title}**  \n:gray[{components.plain(file)}]")
    again = ("examples", str(seed + 1))
    st.button("Show other slices", on_click=state.set_value, args=again, icon=":material/shuffle:")


with components.page("Data", _LEAD):
    show_page()
