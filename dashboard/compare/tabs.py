"""The tabs Calibration, Utility, Subgroups and Robustness of the page Compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.evaluation import list_columns, list_keys, list_measures
from core.experiments import Experiment
from core.frameworks import TITLES
from core.imaging import Perturbation
from dashboard.compare import compare_charts
from dashboard.curves import plot_reliability
from dashboard.shared import Mark, Scene, components, figures, mark_charts, records, state, write_percent

_GROUPS = {"level": "Region of the head", "brightness": "Brightness of the tissue"}
_PARTS = ("before", "after")


def show_calibration(experiment: Experiment, level: str, scene: Scene) -> None:
    """Show how well probabilities are calibrated, before and after calibration."""
    st.markdown(
        "Of all slices with a predicted probability of 20 %, about 20 % should be positive. Points on the "
        "dotted diagonal are well calibrated; below it, the predicted probability is too high."
        if level == "slice"
        else "**Before**: the patient's score. **After**: that score converted to a "
        "probability, used only in this tab and in *Utility*."
    )
    parts = {name: _calibration_of(model) for name, model in scene.models.items()}
    with st.container(key="pair_reliability"):
        columns = st.columns(len(parts), gap="large")
    for column, (name, found) in zip(columns, parts.items(), strict=True):
        bins = found["reliability"]
        with column:
            if not any(bins.values()):
                st.markdown(f"{components.name_framework(name)}: no diagram. {_write_reason(found)}")
                continue
            named = {f"{part} calibration": bins[part] for part in _PARTS}
            figure = plot_reliability(named, name, state.palette())
            table = pd.DataFrame([{"part": part, **one} for part in bins for one in bins[part]])
            alt = f"Reliability diagram of the {TITLES[name]} network before and after calibration"
            file = f"{experiment.name}-{level}-reliability-{name}"
            figures.show_figure(figure, f"reliability_{name}", file, alt, table)
    rows, data = [], []
    for measure in list_measures("calibration"):
        row = {"": f"{measure.title}  \n:gray[{measure.hint}]"}
        for name, found in parts.items():
            for part in _PARTS:
                value = found[part][measure.key]
                row[f"{components.name_framework(name)} {part}"] = components.write_figure(value, False)
                low, high = value["interval"] or (None, None)
                data.append((name, part, measure.key, value["value"], low, high, value.get("reason", "")))
        rows.append(row)
    st.table(rows, hide_index=True, border="horizontal", alt="Calibration before and after, with intervals")
    columns = ["model", "part", "figure", "value", "low", "high", "reason"]
    components.offer_csv(
        pd.DataFrame(data, columns=columns), f"{experiment.name}-{level}-calibration.csv", of="Table"
    )
    st.caption(
        "Bars on the points: 95 % Clopper-Pearson intervals, which assume independent slices. In brackets: "
        f"95 % intervals by bootstrap over {scene.interval['resampled']}. {_write_fits(parts)}"
    )


def show_utility(experiment: Experiment, level: str, scene: Scene) -> None:
    """Show the net benefit of using the networks, by threshold."""
    found = {name: model["decision_curve"] for name, model in scene.models.items()}
    known = {name: curve for name, curve in found.items() if "reason" not in curve}
    st.markdown(
        "A threshold of 10 % means: missing one positive is as bad as nine false alarms. Where a network's "
        "line is above both “call all positive” and “call none positive”, using the network is worth more "
        "than either."
    )
    for name, curve in found.items():
        if "reason" in curve:
            st.markdown(f"{components.name_framework(name)}: not estimable. {_sentence(curve['reason'])}")
    if not known:
        return
    marks = {name: scene.models[name]["threshold"] for name in known} if level == "slice" else {}
    figure = compare_charts.plot_decision_curves(known, marks, state.palette())
    table = pd.concat(pd.DataFrame({"model": name, **curve}) for name, curve in known.items())
    alt = "Decision curves of the networks, of calling all positive and of calling none positive"
    figures.show_figure(figure, "utility", f"{experiment.name}-{level}-decision-curves", alt, table)
    ranges = [f"{components.name_framework(name)} {_write_range(curve)}" for name, curve in known.items()]
    st.markdown("  \n".join(f"{one}." for one in ranges))
    marked = " Marks: the thresholds in use." if marks else ""
    st.caption(
        f"Net benefit: true positives per {level}, minus false positives per {level} × the odds of the "
        f"threshold, from calibrated probabilities. Bands: pointwise 95 % intervals.{marked}"
    )


def show_subgroups(experiment: Experiment, level: str) -> None:
    """Show AUROC by region of the head and by brightness of the tissue."""
    found = {name: levels["slice"] for name, levels in records.subgroups(experiment).items()}
    if any("reason" in kinds for kinds in found.values()):
        _show_missing(experiment, "the AUROC in each region of the head, and in dark and bright slices")
        return
    if level == "patient":
        st.markdown("Shown per slice only: region and brightness belong to a slice.")
    with st.container(key="pair_subgroups"):
        columns = st.columns(len(_GROUPS), gap="large")
    for column, (kind, title) in zip(columns, _GROUPS.items(), strict=True):
        with column:
            st.markdown(f"**{title}**")
            _show_groups(experiment, kind, {name: kinds[kind] for name, kinds in found.items()})
    st.caption(
        "AUROC with 95 % intervals by bootstrap over the patients of each group; dotted: chance. Base, "
        "middle and vertex are thirds of each patient's scan, not anatomical landmarks. Dark, medium and "
        "bright are thirds of all test slices by the mean brightness of the soft tissue."
    )


def show_robustness(experiment: Experiment, level: str) -> None:
    """Show AUROC on slices with noise, blur, rotation and other changes."""
    if "robustness.csv" not in experiment.card["files"]:
        _show_missing(
            experiment, "the AUROC on slices that are noisy, blurred, rotated, shifted, brighter or darker"
        )
        return
    parts = {name: levels[level] for name, levels in records.robustness(experiment).items()}
    conditions = [(name, one) for name, part in parts.items() for one in part.get("conditions", ())]
    if not conditions:
        st.markdown(f"Not estimable: {components.plain(next(iter(parts.values()))['reason'])}.")
        return
    rows = [
        (Perturbation(one["perturbation"], one["amount"]).title, name, one["auroc"])
        for name, one in conditions
    ]
    alt = "AUROC of the networks under each change of the slices"
    figure = compare_charts.plot_robustness(rows, state.palette())
    table = partial(_list_conditions, conditions)
    figures.show_figure(figure, "robustness", f"{experiment.name}-{level}-robustness", alt, table)
    st.markdown("; ".join(_write_losses(rows, experiment)) + ".")
    bars = (
        f"Bars: 95 % intervals by bootstrap over {records.record(experiment)['interval']['resampled']}."
        if any(figure["interval"] for _, _, figure in rows)
        else "No intervals were measured here."
    )
    st.caption(
        f"{_write_sample(conditions[0][1]['n'], level, experiment)} Each slice was altered, preprocessed "
        "again, and scored by the network that never trained on it. Colored lines: unaltered slices; "
        f"dotted: chance. {bars}"
    )


def _write_sample(n: int, level: str, experiment: Experiment) -> str:
    """Return how many slices or patients were altered, and whether they are a sample."""
    models = records.record(experiment)["models"].values()
    if n < next(iter(models))[level].get("n", n):
        return f'A sample of {n:,} test {level}s, so "unchanged" can differ slightly from the results above.'
    return f"{n:,} test {level}s."


def _calibration_of(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the LEVEL's "calibration" with all parts; a part that was not estimable has a reason."""
    found = dict(model["calibration"])
    for part in _PARTS:
        given = found.get(part, found)
        if "reason" in given:
            none = {"value": None, "interval": None, "reason": given["reason"]}
            found[part] = dict.fromkeys(list_keys("calibration"), none)
    return {"reliability": {part: [] for part in _PARTS}, "fits": {}, **found}


def _write_reason(found: Mapping[str, Any]) -> str:
    reasons = [found[part]["brier"].get("reason") for part in _PARTS]
    return _sentence(next((reason for reason in reasons if reason), ""))


def _write_fits(parts: Mapping[str, Mapping[str, Any]]) -> str:
    fits = next(iter(parts.values()))["fits"]
    if "fitted_on" in fits:
        return f"Calibration was fitted on {components.plain(fits['fitted_on'])}."
    return "".join(
        f"{TITLES[name]}: {_sentence(found['fits']['reason'])} "
        for name, found in parts.items()
        if "reason" in found["fits"]
    )


def _sentence(text: str) -> str:
    return components.sentence(text) if text else ""


def _write_range(curve: Mapping[str, Any]) -> str:
    """Return the longest range of thresholds where the curve is above both alternatives."""
    thresholds = curve["thresholds"]
    above = [own > max(all_, 0.0) for own, all_ in zip(curve["net_benefit"], curve["treat_all"], strict=True)]
    start, stop = _longest_run(above)
    if start == stop:
        return "is at no threshold better than calling all or none positive"
    first, last = _longest_run([low is not None and low > 0 for low in curve["low"]])
    certain = (
        f"; up to {write_percent(thresholds[last - 1])} the whole 95 % interval of its net benefit is above "
        "zero"
        if first < last
        else ""
    )
    ends = f"**{write_percent(thresholds[start])}** to **{write_percent(thresholds[stop - 1])}**"
    return f"is better than calling all or none positive at thresholds from {ends}{certain}"


def _longest_run(values: Sequence[bool]) -> tuple[int, int]:
    """Return start and stop of the longest run of true values; equal if there is none."""
    best, start = (0, 0), 0
    for place, value in enumerate([*values, False]):
        if value:
            continue
        best = max(best, (start, place), key=lambda run: run[1] - run[0])
        start = place + 1
    return best


def _show_groups(experiment: Experiment, kind: str, models: Mapping[str, list[dict[str, Any]]]) -> None:
    marks, rows, data = [], {}, []
    for name, groups in models.items():
        for group in groups:
            auroc = group["auroc"]
            low, high = auroc["interval"] or (None, None)
            title = group["group"].capitalize()
            if auroc["value"] is not None:
                marks.append(Mark(title, name, auroc["value"], low, high, 0.5))
            row = rows.setdefault(
                group["group"],
                {"": title, "Slices": f"{group['n']:,}", "Positive slices": f"{group['positives']:,}",
                 "Patients": "unknown" if group["n_patients"] is None else str(group["n_patients"])},
            )  # fmt: skip
            row[f"{components.name_framework(name)} AUROC"] = components.write_figure(auroc, False)
            counts = (group["group"], group["n"], group["n_patients"], group["positives"])
            data.append((name, *counts, auroc["value"], low, high, auroc.get("reason", "")))
    if marks:
        columns = ["model", "group", "n", "n_patients", "positives", "auroc", "low", "high", "reason"]
        figure = mark_charts.plot_marks(marks, state.palette())
        alt = f"AUROC of the networks by {_GROUPS[kind].lower()}"
        file = f"{experiment.name}-subgroups-{kind}"
        figures.show_figure(figure, f"subgroups_{kind}", file, alt, pd.DataFrame(data, columns=columns))
    st.table(
        list(rows.values()), hide_index=True, border="horizontal", alt=f"Results by {_GROUPS[kind].lower()}"
    )


def _list_conditions(conditions: Sequence[tuple[str, Mapping[str, Any]]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": name,
            **{key: one[key] for key in ("perturbation", "amount", "n")},
            **{
                column: value
                for key in list_keys("ranking")
                for column, value in list_columns(key, one[key]).items()
            },
        }
        for name, one in conditions
    )


def _write_losses(rows: Sequence[tuple[str, str, Mapping[str, Any]]], experiment: Experiment) -> list[str]:
    """Return for each network the change with the lowest AUROC."""
    parts = []
    for name in experiment.frameworks:
        own = [(change, figure) for change, framework, figure in rows if framework == name]
        known = [(change, figure) for change, figure in own[1:] if figure["value"] is not None]
        if not own or own[0][1]["value"] is None or not known:
            parts.append(f"{components.name_framework(name)}: not estimable")
            continue
        change, worst = min(known, key=lambda pair: pair[1]["value"])
        parts.append(
            f"{components.name_framework(name)} {_write_area(own[0][1])} unchanged, at worst "
            f"{_write_area(worst)} :gray[({components.plain(change)})]"
        )
    return parts


def _write_area(figure: Mapping[str, Any]) -> str:
    """Return an AUROC with its interval, without the words "(no interval)": the caption says so."""
    return components.write_figure(figure, False).removesuffix(" :gray[(no interval)]")


def _show_missing(experiment: Experiment, what: str) -> None:
    with st.container(border=True):
        st.markdown(f"**Not measured yet.** This tab shows {what}.")
        st.markdown("To measure it in a few minutes, with the data set and the frameworks installed:")
        st.code(f"stroke-ct robustness {experiment.name}", language="bash")
