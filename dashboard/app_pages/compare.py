"""Compare: the networks of an experiment on test slices, with all results from its record."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.errors import StrokeError
from core.evaluation import PATIENT_SCORE
from core.experiments import Experiment, list_limits
from dashboard.compare import (
    by_source,
    looking,
    operating_point,
    paired_tests,
    slice_counts,
    tabs as compare_tabs,
)
from dashboard.shared import Scene, components, loaders, records, state, write_percent

_LEAD = "Both networks on the same test slices. Each slice is scored by a network that never trained on it."
# Tabs that depend on the operating point.
_MOVED = ("Utility", "Tests", "Slices")
_LEVELS = {"slice": "Slice", "patient": "Patient"}


def show_page() -> None:
    """Show the choices, the provenance, the operating point with its figures, then the tabs."""
    with st.container(key="pair_choices"):
        first, second = st.columns([1.3, 2.3], gap="medium", vertical_alignment="top")
    with first:
        experiment = components.choose_experiment()
    if experiment is None:
        return
    with second:
        level = st.segmented_control(
            "Level",
            list(_LEVELS),
            required=True,
            format_func=_LEVELS.__getitem__,
            help=f"Patient: the score is {PATIENT_SCORE}; the label is positive if any slice is positive.",
            **state.persist_widget("level", "slice", _LEVELS.__contains__),
        )
    st.markdown(components.plain(experiment.card["summary"]))
    components.show_meaning(experiment)
    _show_provenance(experiment)
    scene = _show_point(experiment, level)
    if scene is not None:
        _show_tabs(experiment, level, scene)


@st.fragment
def _show_point(experiment: Experiment, level: str) -> Scene | None:
    """Show the operating point and its figures; return them, or None if this level has none.

    A change here reruns only this part of the page, unless the open tab depends on the operating point too.
    """
    with state.gather_part("operating_point") as alone:
        with st.container(key="operating_point_bar", border=True):
            thresholds = operating_point.choose_operating_point(experiment, level)
        if alone and state.find_value("tab") in _MOVED:
            st.rerun()
        try:
            scene = records.scene(experiment, level, thresholds)
        except StrokeError as error:
            components.show_error(error)
            return None
        operating_point.show_curves(experiment, level, scene)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader("Confusion matrices", anchor=False)
            set_aside = st.toggle(
                f"Exclude {operating_point.UNITS[level]} that need review",
                help=components.REVIEW_HELP,
                **state.persist_widget("set_aside", False, lambda value: isinstance(value, bool)),
            )
        operating_point.show_confusions(experiment, level, scene, set_aside)
        operating_point.show_figures(experiment, level, scene, set_aside)
    return scene


def _show_tabs(experiment: Experiment, level: str, scene: Scene) -> None:
    """Show the tabs; only the open one computes anything."""
    thresholds = {name: model["threshold"] for name, model in scene.models.items()}
    shows: dict[str, Callable[[], None]] = {
        "Calibration": lambda: compare_tabs.show_calibration(experiment, level, scene),
        "Utility": lambda: compare_tabs.show_utility(experiment, level, scene),
        "Sources": lambda: by_source.show_sources(experiment),
        "Subgroups": lambda: compare_tabs.show_subgroups(experiment, level),
        "Robustness": lambda: compare_tabs.show_robustness(experiment, level),
        "Where they look": lambda: looking.show_looking(experiment),
        "Tests": lambda: paired_tests.show_tests(experiment, level, scene),
        "Other experiments": lambda: paired_tests.show_others(experiment, level),
        "Learning": lambda: slice_counts.show_learning(experiment),
        "Slices": lambda: slice_counts.show_samples(experiment, level, thresholds),
    }
    tabs = st.tabs(list(shows), **state.persist_widget("tab", next(iter(shows)), shows.__contains__))
    for tab, show in zip(tabs, shows.values(), strict=True):
        if tab.open:
            with tab:
                show()


def _count_unknown(experiment: Experiment) -> str:
    """Return of how many slices the patient is unknown, as a sentence; "" if all are known."""
    patients = loaders.slices(experiment)["patient"]
    n_unknown = int((patients == "").sum())
    return f" The patients of {n_unknown:,} of {len(patients):,} slices are unknown." if n_unknown else ""


def _show_provenance(experiment: Experiment) -> None:
    protocol = experiment.card["protocol"]
    shared = loaders.share_of_leaks(experiment)
    if shared:
        st.warning(
            "**These results suffer from leakage.** The slices were split at random: "
            f"{write_percent(shared)} of the test slices have a slice of the same patient in training. The "
            "networks can recognize the patient instead of the finding, so the results say little about new "
            "patients.",
            icon=components.SIGNS["warning"],
        )
    elif shared == 0:
        st.markdown(
            f":green[{components.SIGNS['correct']} **Patients kept apart:**] no known patient is in both "
            f"training and test.{_count_unknown(experiment)}"
        )
    else:
        st.warning(
            "It is not known which slices belong to one patient, so leakage cannot be measured.",
            icon=components.SIGNS["warning"],
        )
    with st.expander("How this experiment was run, and its limits"):
        data = experiment.card["dataset"]
        st.markdown(
            f"- Labels from the {components.plain(protocol['labels'])}; split by "
            f"{'patient' if protocol['split'] == 'patient' else 'slice'}, "
            f"{components.describe_folds(experiment)}, seed {protocol['seed']}.\n"
            f"- Data set: {data['n_slices']:,} slices, fingerprint `{data['fingerprint'][:12]}`.\n"
            f"- Architecture “{components.plain(protocol['architecture'])}”, {experiment.recipe.size} × "
            f"{experiment.recipe.size} pixels.\n"
            "- Thresholds were chosen on validation slices (kept apart for such choices), never on test "
            "slices.\n"
            f"- {components.plain(experiment.card['served'])}\n"
            + "".join(f"- {components.plain(limit)}\n" for limit in list_limits(experiment))
        )


with components.page("Compare", _LEAD):
    show_page()
