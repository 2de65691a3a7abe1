"""The results on a model card: thresholds, figures with intervals, calibration and comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.evaluation import (
    CELLS,
    MAX_SHARE,
    PATIENT_SCORE,
    RULES,
    SCORE_DETAIL,
    SET_ASIDE,
    SOURCES_RULE,
    Measure,
    Rule,
    list_measures,
)
from core.model_card.facts import Facts
from core.model_card.markdown import (
    Style,
    bullets,
    count,
    figure_table,
    format_figure,
    number,
    paragraphs,
    percent,
    plain,
    render,
    table,
)
from core.model_card.methods import describe_seeds
from core.model_card.sources import describe_by_source, describe_outcomes, describe_sources

LEVELS = ("slice", "patient")
# A decision curve has a hundred points; the card shows every tenth, the record all.
_CURVE_STEP = 10


def describe_decisions(facts: Facts) -> str:
    """Return the operating points of each rule with the use of the rule, and the review bands."""
    points = facts.card["operating_points"]
    default = facts.card["default_operating_point"]
    columns = [(framework, level) for level in LEVELS for framework in facts.titles]
    rules = list(
        dict.fromkeys(rule for framework, level in columns for rule in points[framework].get(level, {}))
    )
    rows = []
    for rule in rules:
        title, chosen, use = _name_rule(rule)
        values = [points[framework].get(level, {}).get(rule) for framework, level in columns]
        cells = ["not chosen" if value is None else f"{value:.3f}" for value in values]
        name = f"**{title}** (default)" if rule == default else title
        rows.append([name, chosen, use, *cells])
    heads = [f"{facts.titles[framework]}, {level}" for framework, level in columns]
    bands = []
    for (framework, level), head in zip(columns, heads, strict=True):
        review = facts.level(framework, level)["review"]
        if "low" in review:
            counts = review["counts"]
            aside = [number(counts[cell]) for cell in SET_ASIDE]
            band = f"{review['low']:.3f} to {review['high']:.3f}"
            bands.append([head, band, format_figure(review["share"], "share"), *aside])
        else:
            bands.append([head, f"not available: {plain(review['reason'])}", *("",) * 3])
    return render(
        "decisions",
        rules=table(["rule", "threshold", "suited when", *heads], rows),
        max_share=MAX_SHARE,
        is_default_band=default != SOURCES_RULE,
        patient_score=PATIENT_SCORE,
        score_detail=SCORE_DETAIL,
        outcomes=describe_outcomes(facts.experiment),
        sources=describe_sources(facts.experiment),
        bands=table(["", "band", "share", "negative", "positive"], bands),
    )


def _name_rule(rule: str) -> Rule:
    """Return the entry of RULES; an unknown rule keeps its name."""
    return RULES.get(rule, Rule(plain(rule), "not described", "not described"))


def describe_results(facts: Facts) -> str:
    """Return 2x2 tables and all figures per slice and per patient."""
    rule = _name_rule(facts.record["default_rule"])[0]
    return paragraphs(
        f"On test data, with calibrated probabilities, at the default operating point ({rule}).",
        *(_describe_level(facts, level) for level in LEVELS),
        describe_by_source(facts.experiment, facts.record["by_source"]),
        describe_seeds(facts.experiment),
        bullets(plain(note) for note in facts.record["notes"]),
    )


def _describe_level(facts: Facts, level: str) -> str:
    found = {title: facts.level(framework, level) for framework, title in facts.titles.items()}
    head = f"### Per {level}"
    one = next(iter(found.values()))
    if "reason" in one:
        return paragraphs(head, f"Not available: {plain(one['reason'])}.")
    share = "" if one["prevalence"] is None else f" ({percent(one['prevalence'])})"
    counts = [
        [title, *("-" if of["confusion"] is None else number(of["confusion"][cell]) for cell in CELLS)]
        for title, of in found.items()
    ]
    rates = _rows(list_measures("rate"))
    others = [
        figure_table(_rows(one for one in list_measures("rate") if one.bounded), columns)
        for rule in dict.fromkeys(rule for of in found.values() for rule in of["operating_points"])
        if rule != facts.record["default_rule"] and (columns := _at_rule(found, rule))
    ]
    return paragraphs(
        head,
        f"{count(one['n'], level)}, {number(one['positives'])} positive{share}.",
        table(["", *(f"{word}s" for word in CELLS.values())], counts),
        figure_table([*rates, *_rows(list_measures("ranking")), *_rows(list_measures("calibration"))], found),
        "Predictive values at fixed prevalences and at that of the data. The prevalence is held fixed, so "
        "these intervals are narrower than those above:",
        _predictive_values(found),
        f"Among the {level}s outside the review band:",
        figure_table(rates, {title: of["review"] for title, of in found.items()}),
        f"At the other operating points, all {level}s:" if others else "",
        *others,
    )


def _rows(measures: Iterable[Measure]) -> list[tuple[str, str, Style]]:
    """Return the rows of a table of figures: key, title and style of each."""
    return [(one.key, one.label, one.form) for one in measures]


def _at_rule(found: Mapping[str, Mapping[str, Any]], rule: str) -> dict[str, Mapping[str, Any]]:
    """Return the figures by another rule, under headers that name it; empty if no network has one."""
    return {
        f"{title}, {_name_rule(rule)[0]}": of["operating_points"][rule]
        for title, of in found.items()
        if rule in of["operating_points"]
    }


def _predictive_values(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the predictive values at the record's prevalences."""
    rows: dict[str, tuple[str, str, Style]] = {}
    columns: dict[str, dict[str, Any]] = {title: {} for title in found}
    for key, name in (("ppv", "positive"), ("npv", "negative")):
        for title, of in found.items():
            for at in of["predictive_values"]:
                row = f"{name} predictive value at {percent(at['prevalence'])}"
                rows[row] = (row, row, "share")
                columns[title][row] = at[key]
    return figure_table(list(rows.values()), columns) if rows else ""


def describe_calibration(facts: Facts) -> str:
    """Return the fits, the figures before and after them, reliability and net benefit."""
    parts = []
    for level in LEVELS:
        before_after = {}
        for framework, title in facts.titles.items():
            calibration = facts.level(framework, level)["calibration"]
            for when in ("before", "after"):
                before_after[f"{title}, {when}"] = calibration.get(when, calibration)
        parts += [
            f"### Before and after, per {level}",
            figure_table(_rows(list_measures("calibration")), before_after),
        ]
    weighted = facts.protocol.get("class_weights")
    return paragraphs(
        "Raw probabilities p become sigmoid(intercept + slope x logit(p)), fitted out of sample (Platt 1999)."
        + (
            " Class weights in training shift raw probabilities; calibration corrects this."
            if weighted
            else ""
        ),
        _describe_fits(facts),
        *parts,
        *(_describe_reliability(facts, framework) for framework in facts.titles),
        _describe_benefit(facts),
    )


def _describe_fits(facts: Facts) -> str:
    entries = facts.card.get("calibration")
    if entries is None:
        return "The card contains no calibration: probabilities are the networks' own."
    rows, notes = [], []
    for framework, title in facts.titles.items():
        entry = entries[framework]
        if not entry["folds"]:
            notes.append(f"{title} is not calibrated: {plain(entry['reason'])}.")
            continue
        notes.append(f"{title}: method {plain(entry['method'])}, fitted on {plain(entry['fitted_on'])}.")
        fits = [*((str(fit["fold"] + 1), fit) for fit in entry["folds"]), ("new scans", entry["served"])]
        rows += [[title, fold, f"{fit['slope']:.3f}", f"{fit['intercept']:+.3f}"] for fold, fit in fits]
    return paragraphs(bullets(notes), table(["", "fold", "slope", "intercept"], rows) if rows else "")


def _describe_reliability(facts: Facts, framework: str) -> str:
    bins = facts.level(framework)["calibration"]["reliability"]["after"]
    rows = [
        [
            f"{one['low_edge']:.1f}-{one['high_edge']:.1f}",
            number(one["n"]),
            number(one["positives"]),
            f"{one['mean_probability']:.2f}",
            f"{one['observed']:.2f} [{one['low']:.2f}-{one['high']:.2f}]",
        ]
        for one in bins
    ]
    head = f"### Reliability of {facts.titles[framework]}, per slice"
    heads = ["probability", "slices", "positive", "mean probability", "observed [Clopper-Pearson]"]
    return paragraphs(head, table(heads, rows)) if rows else ""


def _describe_benefit(facts: Facts) -> str:
    """Return every tenth point of the decision curves of slices."""
    curves = {title: facts.level(framework)["decision_curve"] for framework, title in facts.titles.items()}
    if any("reason" in curve for curve in curves.values()):
        return ""
    one = next(iter(curves.values()))
    rows = []
    for place in range(_CURVE_STEP - 1, len(one["thresholds"]), _CURVE_STEP):
        cells = []
        for curve in curves.values():
            ends = [curve["low"][place], curve["high"][place]]
            interval = None if None in ends else ends
            cells.append(
                format_figure({"value": curve["net_benefit"][place], "interval": interval}, "difference")
            )
        rows.append([f"{one['thresholds'][place]:.2f}", *cells, f"{one['treat_all'][place]:+.3f}"])
    return render("net-benefit", curves=table(["threshold", *curves, "calling all positive"], rows))


def describe_comparison(facts: Facts) -> str:
    """Return the differences of the two models with intervals, and the tests."""
    return paragraphs(*(_compare(facts, level) for level in LEVELS))


def _compare(facts: Facts, level: str) -> str:
    found = facts.record["comparison"][level]
    if "reason" in found:
        return render("comparison", level=level, found=found)
    first, second = facts.titles[found["first"]], facts.titles[found["second"]]
    rows: list[tuple[str, str, Style]] = [
        (one.key, one.label, "difference") for one in (*list_measures("rate"), *list_measures("ranking"))
    ]
    return render(
        "comparison",
        level=level,
        found=found,
        first=first,
        second=second,
        differences=figure_table(rows, {f"{first} minus {second}": found["differences"]}),
    )
