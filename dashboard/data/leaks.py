"""Step 1 of the leakage laboratory: patients with slices in both training and test."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.audit import (
    NEAR_DUPLICATE_BITS,
    SharedPair,
    audit_split,
    sample_shared_pairs,
    select_copies,
    tabulate_split,
)
from core.datasets import KNOWN_DATASET, Dataset, Fold
from dashboard.data import laboratory
from dashboard.data.laboratory import Source
from dashboard.shared import charts, components, figures, mark_charts, state, write_percent

_SPLITS = {"random": "Slices at random", "patient": "Patients kept apart"}
_SEED = 0  # of the split that is shown
_N_PAIRS = 3


def show_leaks(source: Source) -> None:
    """Show the split as a picture, its leakage as shares, and pairs of slices that leak."""
    st.markdown(
        "A test should show whether a network can read a patient it has **never seen**. Published work on "
        "this kind of data often splits the *slices* at random instead. Then slices of one patient are in "
        "both training and test, and adjacent slices look almost the same."
    )
    if not source.has_patients:
        st.warning(
            "This data set does not name patients, so leakage cannot be measured.",
            icon=components.SIGNS["warning"],
        )
        return
    split = st.segmented_control(
        "How the 10 % test set is chosen", list(_SPLITS), required=True, format_func=_SPLITS.__getitem__,
        **state.persist_widget("shown_split", "random", _SPLITS.__contains__),
    )  # fmt: skip
    fold = laboratory.fold(source, split, _SEED)
    n_both = _show_sides(source, fold)
    seed = int(state.read_value("pairs", "0", str.isdecimal))
    by_copies = bool(state.read_value("copies", "", ("", "yes").__contains__))
    if source.images is not None and n_both:
        _show_pairs(source.images, fold, seed, by_copies)


def _show_sides(source: Source, fold: Fold) -> int:
    """Show the split; return the number of patients on both sides of it."""
    (counts,) = audit_split(source.table, [fold])
    sides = tabulate_split(source.table, fold)
    n_patients = sides["patient"].nunique()
    n_both = int((sides.groupby("patient")["tested"].nunique() == 2).sum())
    with st.container(key="leaks"):
        first, second, third = st.columns(3)
    first.metric("Patients in training and test", f"{n_both} of {n_patients}")
    second.metric(
        "Test slices with the same patient in training", write_percent(counts["share_sharing_patient"])
    )
    third.metric(
        "Test slices with an adjacent slice in training",
        write_percent(counts["share_with_direct_neighbour"]),
        help="The slice directly above or below, of the same patient.",
    )  # fmt: skip
    negative, positive = (charts.shorten(name) for name in source.classes)
    figure = mark_charts.plot_sides(sides, (negative, positive), state.palette())
    alt = (
        f"Each column is a patient, each cell a slice: {n_both} of {n_patients} patients have slices on both "
        "sides of the split"
    )
    figures.show_figure(figure, "sides", "split", alt, sides)
    more = n_patients - mark_charts.MOST_PATIENTS
    st.caption(
        "Each column is a patient, each cell a slice. Training includes validation here."
        + (f" The last {more:,} patients are not shown." if more > 0 else "")
    )
    return n_both


def _show_pairs(found: Dataset, fold: Fold, seed: int, by_copies: bool) -> None:
    """Show three pairs of slices that look the same, one in the test set and one not."""
    st.subheader("Near-identical images in training and test", anchor=False)
    if by_copies:
        pairs = _find_copies(found, fold)
        other = ("Show adjacent slices instead", ("copies", ""), ":material/undo:")
    else:
        pairs = sample_shared_pairs(found.table, fold, _N_PAIRS, seed)
        note = " (a skipped number was a mask, not a slice)" if _skip_numbers(found, pairs) else ""
        st.markdown(f"Adjacent slices of one patient: one in the test, one in training{note}.")
        other = ("Search all images for near-copies", ("copies", "yes"), ":material/search:")
    with st.container(key="scan_pairs"), st.container(key="pair_copies"):
        columns = st.columns(_N_PAIRS, gap="medium")
    for column, pair in zip(columns, pairs, strict=False):
        with column:
            _show_pair(found, pair)
    with st.container(horizontal=True):
        if other[1][1]:
            again = ("pairs", str(seed + 1))
            st.button("Show other pairs", on_click=state.set_value, args=again, icon=":material/shuffle:")
        st.button(other[0], on_click=state.set_value, args=other[1], icon=other[2])


def _skip_numbers(found: Dataset, pairs: Sequence[SharedPair]) -> bool:
    """Return whether the slices of a pair have a gap between their numbers, in the published data set."""
    if found.fingerprint != KNOWN_DATASET["fingerprint"]:
        return False
    numbers = found.table.set_index("file")["number"]
    return any(abs(numbers[pair.test_file] - numbers[pair.training_file]) > 1 for pair in pairs)


def _find_copies(found: Dataset, fold: Fold) -> tuple[SharedPair, ...]:
    place = st.empty()
    audit = laboratory.audit(found, components.show_progress(place, "Comparing the images"))
    pairs = select_copies(found.table, fold, audit.near_duplicates, _N_PAIRS)
    ending = (
        "The most similar pairs with one slice in training and one in the test:"
        if pairs
        else "None of these pairs has one slice in training and one in the test."
    )
    place.markdown(
        f"In this data set, {len(audit.near_duplicates):,} pairs of images are near-copies: nearly identical "
        f"by a perceptual hash (at most {NEAR_DUPLICATE_BITS} of 256 bits differ). "
        f"{audit.n_near_across_patients:,} of these pairs are of different patients. {ending}"
    )
    return pairs


def _show_pair(found: Dataset, pair: SharedPair) -> None:
    patient = f"Patient {components.plain(pair.patient)}" if pair.patient else "Patient unknown"
    alike = "" if pair.bits is None else f" · hash {write_percent((256 - pair.bits) / 256)} identical"
    st.markdown(f"**{patient}**{alike}")
    sides = (("Test", pair.test_file), ("Training", pair.training_file))
    for side, (title, file) in zip(st.columns(2, gap="small"), sides, strict=True):
        side.image(laboratory.picture(found, file), width="stretch", alt=f"{title}: slice {file}")
        side.caption(f"{title}  \n{components.plain(file)}")
