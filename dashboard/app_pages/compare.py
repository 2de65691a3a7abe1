"""Compare: both networks of an experiment on slices they never saw, every figure from its record."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.errors import EvaluationError
from core.experiments import Experiment
from dashboard import charts, components, loaders, state
from dashboard.palette import TITLES, WORDS, write_percent

_LEAD = "Both networks on the same slices, none of which the network that scored it has trained on."
_LEVELS = {"slice": "Slice", "patient": "Patient"}
# Row of the table: name, and whether it is written as a percentage.
_FIGURES = {
    "auroc": ("AUROC", False),
    "average_precision": ("Average precision", False),
    "accuracy": ("Accuracy", True),
    "recall": ("Sensitivity (recall)", True),
    "specificity": ("Specificity", True),
    "precision": ("Precision", True),
    "f1": ("F1", False),
}
_UNITS = {"slice": "slices", "patient": "patients"}


def draw_page() -> None:
    """Choices, provenance, figures, curves, tables, learning, samples: from the answer to its reasons."""
    with st.container(key="pair_choices"):
        first, second, third = st.columns([1.3, 1, 1.3], gap="medium", vertical_alignment="top")
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
            help="A patient's score is the mean over the slices; a patient is positive if any slice is.",
            **state.carry("level", "slice", _LEVELS.__contains__),
        )
    with third:
        thresholds = components.choose_thresholds(experiment, level)
    st.markdown(components.plain(experiment.card["summary"]))
    components.show_meaning(experiment)
    record = loaders.figures(experiment, level, thresholds)
    _show_provenance(experiment)
    models = {name: levels[level] for name, levels in record["models"].items()}
    if all(model["confusion"] is None for model in models.values()):
        raise EvaluationError(f"There are no figures per {level}", came=next(iter(models.values()))["reason"])
    _show_figures(record, models, level, experiment)
    _show_curves(experiment, level, models)
    _show_confusions(experiment, models)
    _show_learning(experiment)
    _show_samples(experiment, thresholds, level)


def _show_provenance(experiment: Experiment) -> None:
    protocol = experiment.card["protocol"]
    shared = loaders.share_of_leaks(experiment)
    if shared:
        st.warning(
            f"**These figures leak.** The slices were split at random: {write_percent(shared)} of the "
            "test slices have a slice "
            "of the same patient in training. The networks can recognise the patient instead of the "
            "finding, so the "
            "figures say little about new patients.",
            icon=components.SIGNS["warning"],
        )
    elif shared == 0:
        st.markdown(
            f":green[{components.SIGNS['correct']} **Patients kept apart:**] no patient is in both "
            "training and test."
        )
    else:
        st.warning(
            "It is not known which slices belong to one patient, so nobody can say whether the figures leak.",
            icon=components.SIGNS["warning"],
        )
    with st.expander("How this was made"):
        folds = "one held-out part" if protocol["folds"] == 1 else f"{protocol['folds']} folds"
        data = experiment.card["dataset"]
        st.markdown(
            f"- Labels from the {components.plain(protocol['labels'])}; split by "
            f"{'patient' if protocol['split'] == 'patient' else 'slice'}, {folds}, seed {protocol['seed']}.\n"
            f"- Data set: {data['n_slices']} slices, fingerprint `{data['fingerprint'][:12]}`.\n"
            f"- Architecture {components.plain(protocol['architecture'])}, {experiment.recipe.size} × "
            f"{experiment.recipe.size} pixels.\n"
            "- Operating points were chosen on validation slices, never on test slices.\n"
            f"- {components.plain(experiment.card['served'])}\n"
            + "".join(f"- {components.plain(limit)}\n" for limit in experiment.card["limits"])
        )


def _show_figures(record: dict[str, Any], models: dict[str, Any], level: str, experiment: Experiment) -> None:
    one = next(iter(models.values()))
    st.subheader("Figures", anchor=False)
    rows = {
        title: {
            components.name_framework(name): _write_figure(model[key], percent)
            for name, model in models.items()
        }
        for key, (title, percent) in _FIGURES.items()
    }
    table = [{"": title, **cells} for title, cells in rows.items()]
    left, right = st.columns([1.6, 1], gap="large")
    left.table(
        table, hide_index=True, border="horizontal", alt="Figures of both networks with 95 % intervals"
    )
    patients = f" of {one['n_patients']} patients" if level == "slice" and one["n_patients"] else ""
    share = f" ({write_percent(one['positives'] / one['n'])})" if one["n"] else ""
    interval = record["interval"]
    with right:
        st.metric(f"Held-out {_UNITS[level]}{patients}", f"{one['n']:,}".replace(",", " "))
        st.metric(
            f"With {components.plain(experiment.classes[1])}{share}",
            f"{one['positives']:,}".replace(",", " "),
        )
        st.caption(
            f"In brackets: {write_percent(interval['level'])} intervals, {interval['method']} over "
            f"{interval['resampled']}, "
            f"{interval['n_resamples']} resamples. AUROC and average precision do not depend on the "
            "operating point."
        )
        for note in record["notes"] + _list_reasons(models):
            st.caption(components.plain(note))


def _list_reasons(models: dict[str, Any]) -> list[str]:
    """Why some figures have no interval, each reason once."""
    figures = [model[key] for model in models.values() for key in _FIGURES]
    reasons = {f["reason"] for f in figures if f["value"] is not None and f["interval"] is None}
    return [f"No interval where {reason}." for reason in sorted(reasons)]


def _write_figure(figure: dict[str, Any], percent: bool) -> str:
    """ "91 % [84-96]" or "0.83 [0.78-0.87]", the interval in gray; never a figure without its interval."""
    if figure["value"] is None:
        return f":gray[not estimable: {components.plain(figure['reason'])}]"
    value = write_percent(figure["value"]) if percent else f"{figure['value']:.2f}"
    if figure["interval"] is None:
        return f"**{value}** :gray[no interval]"
    low, high = figure["interval"]
    ends = f"{100 * low:.0f}–{100 * high:.0f}" if percent else f"{low:.2f}–{high:.2f}"
    return f"**{value}** :gray[\\[{ends}\\]]"


def _show_curves(experiment: Experiment, level: str, models: dict[str, Any]) -> None:
    st.subheader("Curves", anchor=False)
    try:
        found = loaders.curves(experiment, level)
    except EvaluationError as error:
        components.show_error(error)
        return
    precision_recall, roc = {}, {}
    for name, (pr, rates) in found.items():
        at, cut = models[name], models[name]["threshold"]
        recall, precision, specificity = (at[key]["value"] for key in ("recall", "precision", "specificity"))
        pr_mark = None if None in (recall, precision) else (recall, precision, cut)
        roc_mark = None if None in (recall, specificity) else (1 - specificity, recall, cut)
        precision_recall[name] = charts.Curve(
            pr.recall, pr.precision, pr.thresholds, pr_mark, pr.average_precision
        )
        roc[name] = charts.Curve(
            rates.false_positive_rate, rates.true_positive_rate, rates.thresholds, roc_mark, rates.auroc
        )
    prevalence = next(iter(models.values()))["positives"] / next(iter(models.values()))["n"]
    with st.container(key="pair_curves"):
        left, right = st.columns(2, gap="large")
    figure = charts.draw_precision_recall(precision_recall, prevalence, state.palette())
    left.plotly_chart(figure, key="pr", config=charts.CONFIG, alt="Precision-recall curves of both networks")
    figure = charts.draw_roc(roc, state.palette())
    right.plotly_chart(figure, key="roc", config=charts.CONFIG, alt="ROC curves of both networks")
    st.caption(
        "The marks stand at the operating point; dotted is chance. Hover for threshold, precision and recall."
    )


def _show_confusions(experiment: Experiment, models: dict[str, Any]) -> None:
    st.subheader("Right and wrong at the operating point", anchor=False)
    with st.container(key="pair_confusion"):
        columns = st.columns(len(models), gap="large")
    for column, (name, model) in zip(columns, models.items(), strict=True):
        figure = charts.draw_confusion(model["confusion"], experiment.classes, name, state.palette())
        counts = ", ".join(f"{key} {value}" for key, value in model["confusion"].items())
        column.plotly_chart(figure, key=f"confusion_{name}", config=charts.CONFIG,
                            alt=f"Confusion matrix of the {TITLES[name]} network: {counts}")  # fmt: skip
        column.caption(f"Decides from {model['threshold']:.2f} on. Outlined: wrong decisions.")


def _show_learning(experiment: Experiment) -> None:
    st.subheader("Learning", anchor=False)
    history = loaders.history(experiment)
    with st.container(key="pair_learning"):
        columns = st.columns(len(experiment.frameworks), gap="large")
    for column, name in zip(columns, experiment.frameworks, strict=True):
        figure = charts.draw_learning(history, [name], state.palette())
        column.plotly_chart(figure, key=f"learning_{name}", config=charts.CONFIG,
                            alt=f"Loss and accuracy of the {TITLES[name]} network by epoch")  # fmt: skip
    if experiment.card["protocol"]["folds"] > 1:
        st.caption(
            "Faint: each fold. Bold: their mean, as far as all folds have come. Marks: the epochs that "
            "were kept."
        )


def _show_samples(experiment: Experiment, thresholds: dict[str, float], level: str) -> None:
    st.subheader("Sample test slices", anchor=False)
    handful = loaders.sample_slices(experiment, state.draw())
    if handful is None:
        st.markdown(
            "The data set is not on this machine, so its pictures cannot be shown. "
            "`python -m core download` fetches it."
        )
        return
    if not handful:
        st.markdown("The data set on this machine is not the one this experiment was trained on.")
        return
    if level == "patient":
        thresholds = {name: experiment.threshold(name) for name in experiment.frameworks}
    st.button("Show others", on_click=state.draw_again, icon=":material/shuffle:")
    with st.container(key="scan_samples"):
        for start in range(0, len(handful), 4):
            for column, sample in zip(st.columns(4, gap="small"), handful[start : start + 4], strict=False):
                with column:
                    _show_sample(experiment, sample, thresholds)


def _show_sample(experiment: Experiment, sample: loaders.Sample, thresholds: dict[str, float]) -> None:
    st.image(sample.picture, width="stretch", alt=f"Test slice {sample.file}")
    actual = components.name_decision(experiment, bool(sample.label))
    lines = [f"Actual: {actual}"]
    for name, cut in thresholds.items():
        probability = sample.probabilities[name]
        right = (probability >= cut) == bool(sample.label)
        sign = (
            f":green[{components.SIGNS['correct']}]"
            if right
            else f":{WORDS['positive']}[{components.SIGNS['wrong']}]"
        )
        predicted = components.name_decision(experiment, probability >= cut)
        lines.append(f"{components.name_framework(name)} {probability:.2f} {sign} {predicted}")
    st.markdown("  \n".join(lines))
    patient = f"patient {components.plain(sample.patient)}, " if sample.patient else ""
    st.caption(f"{patient}{components.plain(sample.file)}")


with components.page("Compare", _LEAD):
    draw_page()
