"""The results on scans from elsewhere, on a model card and in README: from the stored validations alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.evaluation import SOURCES_RULE, evaluate_experiment, list_measures
from core.experiments import Experiment
from core.frameworks import TITLES
from core.manifests import KEPT
from core.model_card.facts import Facts, Validated, gather_validations
from core.model_card.markdown import (
    Style,
    figure_table,
    format_figure,
    number,
    paragraphs,
    plain,
    render,
    table,
)
from core.model_card.sources import describe_across, describe_left_out
from core.sources import count_outcomes
from core.validation import describe_patients, open_validation, read_trial

_MAIN = ("auroc", "recall", "specificity")
_MORE = ("average_precision", "precision", "brier", "calibration_slope", "calibration_intercept")
_MEASURES = {one.key: one for kind in ("ranking", "rate", "calibration") for one in list_measures(kind)}
_STYLES: dict[str, Style] = {"share": "share", "number": "number", "fine": "fine"}
_MOST_REASONS = 4
_TRIED = ("recall", "specificity", "balanced_accuracy")
_TRIAL = (
    "What a calibration for the site changes: a recalibration and thresholds were fitted to a few patients "
    "(slices, where patients are unknown), drawn many times from the part that is not kept aside, and "
    "measured on the kept part, which nothing was fitted to. Slices that the input check refuses do not "
    "count here. Site: the mean over the draws. The intervals include both sources of chance: which patients "
    "were drawn for the fit, and which are in the kept part."
)
_OWN = (
    "The networks were trained on the rest of these sources. The calibrations are therefore fitted to "
    "out-of-sample probabilities: those of the network of the slice's fold."
)


def tabulate_validations(experiment: Experiment, short: bool = False) -> str:
    """Return a Markdown table of the slice-level results of all validations; "" if there are none.

    Its last rows are the results at home. Below it are the trials of site calibrations, if any is stored.

    Args:
        short: leave out all but the main columns, and the trials.
    """
    home = evaluate_experiment(experiment)
    validated = list(gather_validations(experiment, home, home["interval"]["n_resamples"]))
    if not validated:
        return ""
    if short:
        return _tabulate(experiment, validated, _MAIN)
    return paragraphs(
        _tabulate(experiment, validated, (*_MAIN, *_MORE)), tabulate_trials(experiment, validated)
    )


def tabulate_trials(experiment: Experiment, validated: Sequence[Validated]) -> str:
    """Return what site calibrations of a few patients change on the kept parts; "" if no trial is stored."""
    rows, is_own = [], False
    for one in validated:
        trial = read_trial(experiment, open_validation(experiment, one.record["name"]))
        if trial is None:
            continue
        fitted_to = trial["fitted_to"]
        is_own |= fitted_to.get("own", False)
        for framework, model in trial["models"].items():
            for key in _TRIED:
                changes = (model[side][key] for side in ("before", "after"))
                rows.append(
                    [
                        plain(one.title),
                        f"{number(fitted_to['n_units'])} {fitted_to['unit']}",
                        f"{number(trial['measured_on']['n'])} ({number(trial['measured_on']['positives'])})",
                        TITLES[framework],
                        _MEASURES[key].short or _MEASURES[key].label,
                        *(format_figure(figure, "share") for figure in changes),
                        format_figure(model["difference"][key], "points"),
                    ]
                )
    if not rows:
        return ""
    titles = ["scans", "fitted to", "kept slices (positive)", "network", "result", "card", "site", "change"]
    return paragraphs(f"{_TRIAL} {_OWN}" if is_own else _TRIAL, table(titles, rows))


def describe_elsewhere(facts: Facts) -> str:
    """Return the results in other hospitals: all in one table, then each validation with its data's terms."""
    left_out = describe_left_out(facts.experiment)
    if not facts.validated:
        return render("in-other-hospitals", facts=facts, places=[], left_out=left_out)
    chose = {one["name"] for one in facts.card.get("sources", {}).get("slice", {}).get("sources", ())}
    is_default = facts.card["default_operating_point"] == SOURCES_RULE
    return render(
        "in-other-hospitals",
        facts=facts,
        kept=any(one.level == "patient" and not one.at_home for one in count_outcomes(facts.experiment)),
        # The validations of an experiment on several sources have no say.
        helped=is_default
        and len(facts.sources) < 2
        and any(
            one.record["name"] in chose and one.record["data"]["part"] != KEPT for one in facts.validated
        ),
        overview=_tabulate(facts.experiment, facts.validated, _MAIN),
        trials=tabulate_trials(facts.experiment, facts.validated),
        places=[_describe(facts, one) for one in facts.validated],
        across=describe_across(facts.experiment, facts.record["interval"]["n_resamples"]),
        left_out=left_out,
    )


def _tabulate(experiment: Experiment, validated: Sequence[Validated], keys: Sequence[str]) -> str:
    n_sources = len(experiment.card["dataset"].get("sources", ()))
    rows = [row for one in validated for row in _list_rows(one.title, one.record, "there", keys)]
    home = f"its own data, {n_sources} sources together" if n_sources > 1 else "at home"
    rows += _list_rows(f"{home}, out of sample", validated[0].record, "home", keys)
    titles = [_MEASURES[key].short or _MEASURES[key].label for key in keys]
    return table(["scans", "network", "slices (positive)", *titles, "refused by the input check"], rows)


def _list_rows(title: str, record: Mapping[str, Any], side: str, keys: Sequence[str]) -> Iterable[list[str]]:
    gate = record["gate"]
    for framework, levels in record[side].items():
        level = levels["slice"]
        figures = (format_figure(level[key], _STYLES[_MEASURES[key].form]) for key in keys)
        refused = f"{number(gate['refuse'])} of {number(gate['n'])}" if side == "there" else "-"
        counts = f"{number(level['n'])} ({number(level['positives'])})"
        yield [plain(title), TITLES[framework], counts, *figures, refused]


def _describe(facts: Facts, one: Validated) -> dict[str, Any]:
    """Return what the template says about one validation."""
    record = one.record
    columns = {
        f"{title}, {words}": record[side][framework]["slice"]
        for framework, title in facts.titles.items()
        for side, words in (("home", "at home"), ("there", "there"))
    }
    rows = [(measure.key, measure.title, _STYLES[measure.form]) for measure in _MEASURES.values()]
    return {
        "title": one.title,
        "record": record,
        "patients": describe_patients(record["data"]),
        "figures": figure_table(rows, columns),
        "groups": _tabulate_groups(record),
        "reasons": [
            (plain(reason["reason"].rstrip(".")), reason["outcome"], reason["n"])
            for reason in record["gate"]["reasons"][:_MOST_REASONS]
        ],
    }


def _tabulate_groups(record: Mapping[str, Any]) -> str:
    """Return the results by source and vendor; "" if all are of one."""
    groups = [
        group
        for group in record["groups"]
        if sum(other["by"] == group["by"] for other in record["groups"]) > 1
    ]
    if not groups:
        return ""
    rows = [
        [
            group["by"],
            plain(group["group"] or "unknown"),
            TITLES[framework],
            number(group["n"]),
            number(group["positives"]),
            *(format_figure(found[key], _STYLES[_MEASURES[key].form]) for key in _MAIN),
        ]
        for group in groups
        for framework, found in group["models"].items()
    ]
    return table(["by", "", "network", "slices", "positive", *(_MEASURES[key].label for key in _MAIN)], rows)
