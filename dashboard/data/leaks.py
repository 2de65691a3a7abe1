"""Step 1 of the leakage laboratory: which patients sit on both sides of a split."""

from __future__ import annotations

import streamlit as st

from core.datasets import (
    NEAR_DUPLICATE_BITS,
    Dataset,
    Fold,
    SharedPair,
    audit_split,
    deal_slices,
    pick_copies,
    sample_shared_pairs,
)
from dashboard.data import laboratory
from dashboard.data.laboratory import Source
from dashboard.shared import charts, components, figures, mark_charts, state, write_percent

_SPLITS = {"random": "Slices at random", "patient": "Patients kept apart"}
_SEED = 0  # of the split that is shown
_N_PAIRS = 3


def show_leaks(source: Source) -> None:
    """The split as a picture, its leaks as shares, and what they look like."""
    st.markdown(
        "A test should ask whether a network can read a patient it has **never met**. Published work on this "
        "kind of data deals the *slices* at random instead. Then the slices of one patient land on both "
        "sides, and neighbouring slices are nearly the same picture."
    )
    if not source.has_patients:
        st.warning(
            "The files of this set do not name their patients, so nobody can say who leaks.",
            icon=components.SIGNS["warning"],
        )
        return
    split = st.segmented_control(
        "How a tenth is held out for testing", list(_SPLITS), required=True, format_func=_SPLITS.__getitem__,
        **state.persist_widget("shown_split", "random", _SPLITS.__contains__),
    )  # fmt: skip
    fold = laboratory.fold(source.table, split, _SEED)
    n_both = _show_sides(source, fold)
    draw = int(state.read_value("pairs", "0", str.isdecimal))
    by_copies = bool(state.read_value("copies", "", ("", "yes").__contains__))
    if source.images is not None and n_both:
        _show_pairs(source.images, fold, draw, by_copies)


def _show_sides(source: Source, fold: Fold) -> int:
    """Draw the split; the number of patients on both of its sides."""
    (counts,) = audit_split(source.table, [fold])
    dealt = deal_slices(source.table, fold)
    n_patients = dealt["patient"].nunique()
    n_both = int((dealt.groupby("patient")["tested"].nunique() == 2).sum())
    with st.container(key="leaks"):
        first, second, third = st.columns(3)
    first.metric("Patients on both sides", f"{n_both} of {n_patients}")
    second.metric("Test slices, patient learned", write_percent(counts["share_sharing_patient"]))
    third.metric(
        "Test slices, neighbour learned", write_percent(counts["share_with_direct_neighbour"]),
        help="The slice directly above or below, of the same patient.",
    )  # fmt: skip
    negative, positive = (charts.shorten(name) for name in source.classes)
    figure = mark_charts.plot_sides(dealt, (negative, positive), state.palette())
    alt = (
        f"Each patient a column, each slice a square: {n_both} of {n_patients} patients have slices on both "
        "sides of the split"
    )
    figures.show_figure(figure, "sides", "split", alt, dealt)
    more = n_patients - mark_charts.MOST_PATIENTS
    st.caption(
        "Each column is a patient, each square a slice. Learned from: training and validation."
        + (f" The last {more} patients are not drawn." if more > 0 else "")
    )
    return n_both


def _show_pairs(found: Dataset, fold: Fold, draw: int, by_copies: bool) -> None:
    """Three pairs of slices that look the same, one on either side."""
    st.subheader("Nearly the same picture, on both sides", anchor=False)
    if by_copies:
        pairs = _find_copies(found, fold)
        other = ("Show neighbours instead", ("copies", ""), ":material/undo:")
    else:
        pairs = sample_shared_pairs(found.table, fold, _N_PAIRS, draw)
        st.markdown("Slices that follow each other in a patient: one tested, one learned from.")
        other = ("Search all pictures for near-copies", ("copies", "yes"), ":material/search:")
    with st.container(key="scan_pairs"), st.container(key="pair_copies"):
        columns = st.columns(_N_PAIRS, gap="medium")
    for column, pair in zip(columns, pairs, strict=False):
        with column:
            _show_pair(found, pair)
    with st.container(horizontal=True):
        if other[1][1]:
            again = ("pairs", str(draw + 1))
            st.button("Show others", on_click=state.set_value, args=again, icon=":material/shuffle:")
        st.button(other[0], on_click=state.set_value, args=other[1], icon=other[2])


def _find_copies(found: Dataset, fold: Fold) -> tuple[SharedPair, ...]:
    place = st.empty()
    audit = laboratory.audit(found, components.show_progress(place, "Comparing the pictures"))
    pairs = pick_copies(found.table, fold, audit.near_duplicates, _N_PAIRS)
    ending = "The most alike that this split has torn apart:" if pairs else "This split has torn none apart."
    place.markdown(
        f"Of all pairs of pictures in the set, {len(audit.near_duplicates)} are near-copies (at most "
        f"{NEAR_DUPLICATE_BITS} of the 256 bits of their perceptual hashes differ), "
        f"{audit.n_near_across_patients} of them of different patients. {ending}"
    )
    return pairs


def _show_pair(found: Dataset, pair: SharedPair) -> None:
    patient = f"Patient {components.plain(pair.patient)}" if pair.patient else "Patient unknown"
    alike = "" if pair.bits is None else f" · {256 - pair.bits} of 256 bits equal"
    st.markdown(f"**{patient}**{alike}")
    sides = (("Tested", pair.test_file), ("Learned from", pair.learned_file))
    for side, (title, file) in zip(st.columns(2, gap="small"), sides, strict=True):
        side.image(laboratory.picture(found, file), width="stretch", alt=f"{title}: slice {file}")
        side.caption(f"{title}  \n{components.plain(file)}")
