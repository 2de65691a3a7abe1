"""Tell in Markdown what readers see, on which sources thresholds were chosen, and how a study is scored."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.evaluation import (
    CONFIDENCE,
    FEWEST_NEGATIVES,
    GROUP_FIGURES,
    MAX_FALSE,
    MIN_ROWS,
    RULES,
    SOURCES_RULE,
    list_measures,
    list_sources,
)
from core.experiments import Experiment
from core.frameworks import TITLES
from core.model_card.markdown import format_figure, number, percent, plain, render, table
from core.reading import Outcome
from core.sources import (
    HOME,
    SLICE_SHARE,
    UNNAMED,
    OutcomeCount,
    count_outcomes,
    describe_version,
    explain_study_band,
    list_versions,
)

if TYPE_CHECKING:
    import pandas as pd


_FIGURES = {
    **{one.key: one.label for kind in ("ranking", "rate") for one in list_measures(kind)},
    "auroc_across": "AUROC against the positives of all sources",
}
_FIGURES = {key: _FIGURES[key] for key in GROUP_FIGURES}
_LEVELS = {"slice": "per slice", "patient": "per patient or study"}
_OUTCOMES: dict[Outcome, str] = {
    "flagged": "flagged", "uncertain": "uncertain", "not_flagged": "not flagged", "not_judged": "not judged",
}  # fmt: skip


def describe_outcomes(experiment: Experiment) -> str:
    """Return how many slices and patients readers see flagged, uncertain and not flagged, as a table."""
    counts = count_outcomes(experiment)
    rows = [
        [
            _LEVELS[one.level],
            plain(one.source) if one.at_home else f"{plain(one.source)}, kept aside",
            "positive" if one.positive else "negative",
            number(one.n),
            *(_share(one.outcomes.get(outcome, 0), one.n) for outcome in _OUTCOMES),
            *(_share(one.called[name], one.n) for name in experiment.frameworks),
        ]
        for one in counts
    ]
    titles = ["", "scans", "label", "number", *_OUTCOMES.values()]
    titles += [f"at or above the threshold, {TITLES[name]}" for name in experiment.frameworks]
    return render(
        "outcomes",
        table=table(titles, rows),
        elsewhere=not all(one.at_home for one in counts),
    )


def summarize_outcomes(experiment: Experiment) -> str:
    """Return what readers see of home's test patients, in two sentences; "" if patients are unknown."""
    patients = [one for one in count_outcomes(experiment) if (one.level, one.source) == ("patient", HOME)]
    if not patients:
        return ""
    found = "; ".join(map(_count_words, patients))
    return (
        "Sensitivity and specificity are those of each network alone at its threshold. Readers see the "
        f"result of all networks together: {found} (see [Decisions](#decisions))."
    )


def _count_words(one: OutcomeCount) -> str:
    parts = [f"{one.outcomes[key]} {words}" for key, words in _OUTCOMES.items() if one.outcomes.get(key)]
    return f"of {one.n} {'positive' if one.positive else 'negative'} patients, {', '.join(parts)}"


def _share(n: int, total: int) -> str:
    return f"{number(n)} ({100 * n / total:.0f} %)"


def describe_sources(experiment: Experiment) -> str:
    """Return on which sources the default thresholds were chosen, and results without each; "" if on none."""
    about = experiment.card.get("sources", {})
    if experiment.card["default_operating_point"] != SOURCES_RULE or not about:
        return ""
    return render(
        "sources",
        rule=RULES[SOURCES_RULE].title,
        counts=[(_LEVELS[level], _list_counts(found)) for level, found in about.items()],
        slice_share=SLICE_SHARE,
        confidence=CONFIDENCE,
        one_in=round(1 / MAX_FALSE),
        fewest=FEWEST_NEGATIVES,
        bounds=tabulate_bounds(experiment),
        several=len(list_sources(experiment.slices())) > 1,
        networks=" / ".join(TITLES[name] for name in experiment.frameworks),
        left_out=tabulate_left_out(experiment),
        scores=tabulate_scores(experiment),
    )


def describe_by_source(experiment: Experiment, found: Mapping[str, Any]) -> str:
    """Return the figures of each of the experiment's own sources; "" if its data are of one.

    Args:
        experiment: the experiment.
        found: its figures, from `core.evaluation.measure_sources`.
    """
    if "reason" in found:
        return ""
    return render("by-source", figures=_tabulate_groups(found["sources"], "source"), few=MIN_ROWS)


def describe_left_out(experiment: Experiment) -> str:
    """Return the figures of networks trained without the source that they are tested on; "" without any."""
    about = experiment.card.get("left_out")
    if about is None:
        return ""
    groups = [one for one in about["sources"] if "reason" not in one]
    return render(
        "left-out",
        about=about,
        outdated=about["version"] != experiment.version,
        figures=_tabulate_groups(groups, "source left out") if groups else "",
        reasons=[one for one in about["sources"] if "reason" in one],
    )


def describe_across(experiment: Experiment, n_resamples: int = 2000) -> str:
    """Return how the positives of all validations rank against the negatives of each, as a table.

    It is "" unless there are several validations, and one lacks a class: it has no AUROC of its own.
    """
    rows = [
        row for row in describe_version(experiment, n_resamples)["figures"] if row["where"] == "elsewhere"
    ]
    one_class = any(row["positives"] in (0, row["n"]) for row in rows)
    if len(rows) < 2 or not one_class:
        return ""
    named = [{**row, "source": _name_scans(row)} for row in rows]
    return render("across", figures=_tabulate_groups(named, "scans"))


def describe_versions(experiment: Experiment) -> str:
    """Return how the networks changed: the figures of each version; "" if there is no earlier one."""
    versions = list_versions(experiment)
    keys = _list_figures([row for one in versions for row in one["figures"]])
    rows = [
        [
            f"**{one['version']}** (today)" if one is versions[-1] else str(one["version"]),
            _name_scans(row),
            TITLES[framework],
            f"{number(row['n'])} ({number(row['positives'])})",
            *(_show_figure(figures, key) for key in keys),
        ]
        for one in versions
        for row in one["figures"]
        for framework, figures in row["models"].items()
    ]
    titles = ["version", "scans", "network", "slices (positive)", *(_FIGURES[key] for key in keys)]
    return render("versions", versions=versions, figures=table(titles, rows)) if versions else ""


def _name_scans(row: Mapping[str, Any]) -> str:
    scans = plain(row["scans"])
    if row["where"] == "elsewhere":
        return f"{scans}, {'kept aside' if row['kept'] else 'all slices'}"
    return HOME if row["where"] == "home" else f"{HOME}, {scans}"


def _tabulate_groups(groups: Sequence[Mapping[str, Any]], title: str) -> str:
    """Return a table of GROUPs of core.evaluation.by_source, with the figures that they have."""
    keys = _list_figures(groups)
    rows = [
        [
            group["source"] if "scans" in group else plain(group["source"] or UNNAMED),
            TITLES[framework],
            f"{number(group['n'])} ({number(group['positives'])})",
            *(_show_figure(figures, key) for key in keys),
        ]
        for group in groups
        for framework, figures in group["models"].items()
    ]
    return table([title, "network", "slices (positive)", *(_FIGURES[key] for key in keys)], rows)


def _list_figures(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    known = {key for group in groups for figures in group["models"].values() for key in figures}
    return [key for key in _FIGURES if key in known]


def _show_figure(figures: Mapping[str, Any], key: str) -> str:
    if key not in figures:
        return "-"
    return format_figure(figures[key], "share" if key in ("recall", "specificity") else "number")


def tabulate_bounds(experiment: Experiment) -> str:
    """Return a table of the sources behind the upper end of the band of studies, and which decided.

    It is "" if there is none, or if the stored validations are no longer those that it was chosen on.
    """
    rows = []
    for framework, sources in explain_study_band(experiment).items():
        band = experiment.review_band(framework, "patient")
        highest = max((one.score for one in sources.values()), default=0.0)
        threshold = experiment.threshold(framework, "patient")
        if band is None or not math.isclose(max(highest, threshold), band[1], abs_tol=1e-9):
            return ""
        for name, one in sources.items():
            how = "the limit" if one.holds else "its highest score"
            decided = "yes" if math.isclose(one.score, band[1], abs_tol=1e-9) else "no"
            slices = f"{one.slices:.0f}"
            rows.append(
                [TITLES[framework], plain(name), number(one.n), slices, f"{one.score:.3f}", how, decided]
            )
    titles = ["network", "source", "studies without the finding", "slices of each (median)"]
    titles += ["upper end", "from", "decided"]
    return table(titles, rows) if rows else ""


def tabulate_left_out(experiment: Experiment) -> str:
    """Return a table of each source at the threshold chosen without it, and at the card's."""
    rows = []
    for level, found in experiment.card["sources"].items():
        for framework, sources in found["left_out"].items():
            for name, rates in sources.items():
                at = found["at"][framework][name]
                cells = [f"{rates['threshold']:.3f}"] if "threshold" in rates else ["not chosen"]
                cells += [_show(rates, key) for key in ("recall", "specificity", "balanced_accuracy", "best")]
                cells += [_show(at, key) for key in ("recall", "specificity", "in_band")]
                rows.append([_LEVELS[level], plain(name), TITLES[framework], *cells])
    others = [
        "threshold chosen without it",
        "sensitivity",
        "specificity",
        "mean of both",
        "mean at this source's best threshold",
    ]
    titles = ["", "source", "network", *others]
    titles += ["sensitivity, card", "specificity, card", "in the review band"]
    return table(titles, rows)


def tabulate_scores(experiment: Experiment) -> str:
    """Return a table of the ways to score a study, rated out of sample; "" if none was measured."""
    measured = experiment.study_scores()
    if measured is None:
        return ""
    sources = list(dict.fromkeys(measured["left_out"]))
    rows = []
    for _, own in measured.groupby("score", sort=False):
        title = plain(str(own["title"].iloc[0]))
        name = f"**{title}** (used)" if own["chosen"].iloc[0] else title
        cells = [_list_rates(own[own["left_out"] == source], experiment) for source in sources]
        average = f"{own['balanced_accuracy'].mean():.3f}"
        rows.append([name, *cells, average, plain(str(own["fault"].iloc[0]))])
    return table(["score", *map(plain, sources), "mean", "disadvantage"], rows)


def _list_rates(rows: pd.DataFrame, experiment: Experiment) -> str:
    """Return sensitivity and specificity of a source, one number for each network."""
    parts = []
    for key, words in (("recall", "sensitivity"), ("specificity", "specificity")):
        values = [rows.loc[rows["framework"] == name, key].iloc[0] for name in experiment.frameworks]
        if all(value == value for value in values):
            parts.append(f"{words} {' / '.join(f'{value:.2f}' for value in values)}")
    return ", ".join(parts) or "not estimable"


def _show(rates: Mapping[str, Any], key: str) -> str:
    value = rates.get(key)
    return "-" if value is None else percent(value)


def _list_counts(found: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{plain(one['name'])} {number(one['n'])} ({number(one['positives'])})" for one in found["sources"]
    )
