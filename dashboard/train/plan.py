"""The plan on the page Train: the choices before a training run, the plan in words, and the start."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.datasets import HEMORRHAGE, find_dataset
from core.errors import StrokeError
from core.experiments import models_root
from core.frameworks import FRAMEWORKS, TITLES
from core.manifests import find_manifest, get_finding
from core.models import ARCHITECTURES
from core.training import STRENGTHS, Protocol, estimate_duration, start_training
from dashboard.shared import components, datasets, format_duration, state
from dashboard.train.lines import choose_finding, show_lines
from dashboard.train.packing import count_pictures, unpack_upload

_PLACES = {"known": "Published data set", "folder": "Folder or manifest", "zip": "Zip file"}
_LABELS = {
    "slice": "Slice labels: does this slice show an {name}?",
    "folder": "Folder labels: is the slice's patient in the positive folder?",
}
_SPLITS = {"patient": "Patients kept apart", "random": "Slices at random"}
_CHANGES = {"none": "None", "light": "Light", "usual": "Default", "strong": "Strong"}
_UPLOAD_MB = 2_000


def show_plan() -> None:
    """Show the choices, what they mean, how long they take, and the start button."""
    st.subheader("Plan", anchor=False)
    folder = _choose_dataset()
    n_slices, finding = _show_counts(folder) if folder else (0, HEMORRHAGE)
    name = st.text_input(
        "Name", key="name", placeholder="my-experiment", help="Lower-case letters, digits and hyphens."
    )
    try:
        protocol = _choose_protocol(finding)
    except StrokeError as error:
        components.show_error(error)
        return
    st.markdown(_describe_plan(protocol))
    st.markdown(_describe_duration(protocol, n_slices))
    if protocol.split == "random":
        st.warning(
            "Slices of one patient will be in both training and test. The results will be too optimistic and "
            "say little about new patients.",
            icon=components.SIGNS["warning"],
        )
    ready = bool(folder and n_slices and name.strip())
    if st.button("Start training", key="start", type="primary", disabled=not ready, width="stretch"):
        assert folder
        try:
            start_training(folder, name.strip(), protocol)
        except StrokeError as error:
            components.show_error(error)
        else:
            state.watch_job(name.strip())
            st.rerun()
    if not ready:
        st.caption("Choose a data set and a name to start.")


def _choose_dataset() -> Path | None:
    """Let the visitor choose the data set; return its folder, None until there is one."""
    known = find_dataset()
    place = st.segmented_control(
        "Data set", list(_PLACES), format_func=_PLACES.get, default="known", required=True, key="place"
    )
    if place == "known":
        if known is None:
            st.caption("It is not on this machine yet.")
            st.page_link("app_pages/data.py", label="Download it", icon=":material/download:")
        return known
    if place == "folder":
        given = st.text_input(
            "Folder or manifest",
            key="folder",
            placeholder="a folder with Normal and Stroke inside, or a manifest (.csv)",
            help="On the machine that runs the dashboard: two folders of images, one per class; or a "
            "manifest, a table of slices.",
        ).strip()
        return Path(given).expanduser() if given else None
    upload = st.file_uploader(
        "Zip file",
        type=["zip"],
        max_upload_size=_UPLOAD_MB,
        key="upload",
        help="Two folders of images, one per class, and nothing else. File names are reduced to patient and "
        "slice number, such as '58 (12)', or replaced by numbers. The upload stays on the machine that runs "
        "the dashboard.",
    )
    if upload is None:
        return None
    bar = st.empty()
    try:
        return unpack_upload(upload, components.show_progress(bar, "Unpacking")).folder
    except StrokeError as error:
        components.show_error(error)
        return None
    finally:
        bar.empty()


def _show_counts(folder: Path) -> tuple[int, str]:
    """Show the number of pictures in each class folder or source, or an error.

    Returns:
        The usable total, and the key of the finding, which is chosen if a manifest has labels of several.
    """
    try:
        if manifest := find_manifest(folder):
            table = datasets.manifest(manifest)
            finding = choose_finding(table)
            return show_lines(table, finding), finding
        counts = count_pictures(folder)
    except StrokeError as error:
        components.show_error(error)
        return 0, HEMORRHAGE
    st.caption(" and ".join(f"{n:,} in {components.plain(name)}" for name, n in counts.items()) + ".")
    return sum(counts.values()), HEMORRHAGE


def _choose_protocol(finding: str) -> Protocol:
    """Let the visitor choose the protocol for a finding.

    Raises:
        TrainingError: the choices cannot be combined.
    """
    name = get_finding(finding).name
    labels = st.radio(
        "Labels", list(_LABELS), format_func=lambda key: _LABELS[key].format(name=name), key="labels"
    )
    split = st.radio("Split", list(_SPLITS), format_func=_SPLITS.get, key="split", horizontal=True)
    architecture = st.selectbox(
        "Architecture",
        list(ARCHITECTURES),
        index=list(ARCHITECTURES).index(Protocol().architecture),
        format_func=lambda key: ARCHITECTURES[key].title,
        key="architecture",
    )
    own = ARCHITECTURES[architecture]
    st.caption(own.summary)
    frameworks = st.pills(
        "Frameworks", list(FRAMEWORKS), selection_mode="multi", default=list(FRAMEWORKS), key="frameworks",
        format_func=TITLES.get,
    )  # fmt: skip
    left, middle, right = st.columns(3)
    folds = left.number_input(
        "Folds", 1, 10, 5, key="folds", help="1: one test set of 10 %. More: cross-validation."
    )
    epochs = middle.number_input(
        "Maximum epochs" if own.patience else "Epochs", 1, 200, own.epochs, key=f"epochs_{architecture}"
    )
    seed = right.number_input(
        "Seed",
        0,
        99999,
        0,
        key="seed",
        help="Random seed for the split, initial weights, order and augmentation.",
    )
    with st.expander("More settings", key="more_choices"):
        left, right = st.columns(2)
        rate = left.number_input(
            "Learning rate", 1e-6, 0.1, own.learning_rate, step=1e-4, format="%.5f",
            key=f"rate_{architecture}",
            help="Peak learning rate: reached in the first epoch, then cosine decay.",
        )  # fmt: skip
        batch = right.number_input(
            "Batch size", 1, 512, own.batch_size, key=f"batch_{architecture}", help="Slices per step."
        )
        changes = st.select_slider(
            "Augmentation",
            list(STRENGTHS),
            "usual",
            format_func=_CHANGES.__getitem__,
            key="augmentation",
            help="How strongly training slices are rotated, shifted, brightened and so on.",
        )
        weights = st.checkbox(
            "Weight both classes equally",
            True,
            key="class_weights",
            help="Regardless of how many slices each has.",
        )
    return Protocol(
        labels, split, int(folds), architecture, tuple(frameworks), int(seed), class_weights=weights,
        epochs=int(epochs), batch_size=int(batch), learning_rate=float(rate), augmentation=changes,
        finding=finding,
    )  # fmt: skip


def _describe_plan(protocol: Protocol) -> str:
    """Return the plan in words."""
    who = " and ".join(TITLES[name] for name in FRAMEWORKS if name in protocol.frameworks)
    what = f"whether a slice shows an {get_finding(protocol.finding).name}"
    if protocol.labels == "folder":
        what = "which folder a slice's patient is in"
    unit = "patients" if protocol.split == "patient" else "slices"
    how = f"One tenth of the {unit} is a test set that no network trains on; the results come from it."
    if protocol.folds > 1:
        how = (
            f"The {unit} are split into {protocol.folds} folds, and {protocol.folds} networks per framework "
            "are trained, each tested on a different fold. So every slice is scored by a network that never "
            "saw it."
        )
    most = "at most " if ARCHITECTURES[protocol.architecture].patience else ""
    return (
        f"{who} will learn to predict **{what}**. {how} Training runs for {most}{protocol.epochs} epochs per "
        "network. It goes on even if you close this page."
    )


def _describe_duration(protocol: Protocol, n_slices: int) -> str:
    """Return the estimated duration and its basis."""
    estimate = estimate_duration(models_root(), protocol, n_slices) if n_slices else None
    if estimate is None:
        if not n_slices:
            return "**Time:** :gray[no estimate yet; choose a data set.]"
        return (
            "**Time:** :gray[no estimate yet; no similar run has been made on this machine. An estimate "
            "appears once training has begun.]"
        )
    return (
        f"**Time:** at most about {format_duration(estimate.seconds)} once started, :gray[judging "
        f"by {components.plain(estimate.reference)}, trained on this machine with {estimate.n_slices:,} "
        "slices.]"
    )
