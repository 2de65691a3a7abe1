"""Choose an experiment's thresholds so that they hold on several sources: the rule SOURCES_RULE.

The sources are the experiment's own: one, called HOME, or those of its manifest, each with its validation
rows. Slices of other sources may take part: those in its thresholds.csv, and for an experiment on one source
those of its stored validations. Of these count the slices that are not of the kept part, are labeled and not
refused. Patients and studies count where they are known. The card then holds, in "sources":

    {level: {"sources": [{"name", "n", "positives": rows used}, ...],
             "at": {framework: {source: RATES at the threshold, and "in_band": share in the review band}},
             "left_out": {framework: {source: {"threshold" that the other sources choose, and RATES there}
                                              or {"reason"}}}}}

RATES: {"recall", "specificity", "balanced_accuracy", "best": the highest balanced accuracy at any threshold};
null for a missing class. The rates of the experiment's own sources are those of their test rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from core.errors import EvaluationError, ExperimentError
from core.evaluation import (
    FEWEST_NEGATIVES,
    SOURCES_RULE,
    Band,
    Source,
    bound_sources,
    choose_slice_band,
    choose_study_band,
    choose_threshold,
    in_band,
    leave_each_out,
    list_sources,
    rate_source,
)
from core.experiments import Experiment, add_files, update_card
from core.manifests import KEPT
from core.sources.study_scores import TABLE, compare_scores, score_source
from core.validation import list_validations

if TYPE_CHECKING:
    import pandas as pd

HOME = "home"
UNNAMED = "without a name"
# A slice may be uncertain for other reasons, too: networks that disagree, and warnings.
SLICE_SHARE = 0.1

Tables = dict[str, "pd.DataFrame"]


class StudyBound(NamedTuple):
    """The upper end of the review band of studies that one source asks for.

    Attributes:
        n: its patients or studies without the finding; home's count once for each fold.
        score: from which on a study would be flagged if this source decided alone.
        holds: whether there are enough for the limit; else `score` is just above their highest.
        slices: the median number of their slices that count.
    """

    n: int
    score: float
    holds: bool
    slices: float


def explain_study_band(experiment: Experiment) -> dict[str, dict[str, StudyBound]]:
    """Return {framework: {source: its bound}}; the highest bound is the band's end.

    A network without a threshold of patients from all sources is left out; {} without sources.
    """
    try:
        tables, _ = _with_patients(*_gather(experiment))
    except ExperimentError as error:
        if error.code != "no_sources":
            raise
        return {}
    found = {}
    chosen = experiment.card.get("sources", {}).get("patient", {}).get("at", {})
    for framework in chosen:
        sources = {name: score_source(table, framework) for name, table in tables.items()}
        numbers = {name: int((~one.positive).sum()) for name, one in sources.items()}
        found[framework] = {
            name: StudyBound(
                numbers[name], score, numbers[name] >= FEWEST_NEGATIVES, _count_slices(tables[name])
            )
            for name, score in bound_sources(sources).items()
        }
    return found


def _count_slices(table: pd.DataFrame) -> float:
    """Return the median number of counted slices of the studies without the finding."""
    keys = ["patient", "fold"] if "fold" in table else ["patient"]
    counted = table if "counted" not in table else table[table["counted"] == 1]
    negative = table.groupby(keys)["label"].transform("max").eq(0)
    sizes = counted[negative.loc[counted.index]].groupby(keys).size()
    return float(sizes.median())


def set_thresholds(
    experiment: Experiment,
    results: Mapping[str, Any] | None = None,
    also: tuple[pd.DataFrame, Sequence[Mapping[str, Any]]] | None = None,
) -> Experiment:
    """Choose the thresholds and bands, write them to the card as its default, and compare ways to score.

    The card is written once, when all are chosen. An earlier choice for a level that allows none any more is
    removed.

    Args:
        experiment: the experiment.
        results: fields of the card to start from and to write with the rest, see
            `core.training.describe_results`; None for those on the card.
        also: slices of other sources that take part, and these sources, from
            `core.validation.read_development`; they are stored as thresholds.csv. None: those stored before.

    Raises:
        ExperimentError: there is nothing but the one source at home (code "no_sources"), thresholds.csv is of
            other networks (code "other_version"), or the experiment is read-only.
        EvaluationError: no threshold can be chosen for slices.
    """
    if also is not None:
        experiment = _store_also(experiment, *also)
    started = replace(experiment, card={**experiment.card, **(results or {})})
    chosen_on, rated = _gather(started)
    of_patients, rated_patients = _with_patients(chosen_on, rated)
    points = _without_rule(started.card["operating_points"])
    bands = _without_rule(started.card.get("review_bands", {}))
    about: dict[str, Any] = {}
    tables = {"slice": (chosen_on, rated), "patient": (of_patients, rated_patients)}
    for level, (chosen, tested) in tables.items():
        found: dict[str, dict[str, Any]] = {}
        for framework in experiment.frameworks if chosen else ():
            try:
                threshold, band, found[framework] = _choose(chosen, tested, framework, level)
            except EvaluationError:
                if level == "slice":
                    raise
                continue
            points[framework].setdefault(level, {})[SOURCES_RULE] = threshold
            bands.setdefault(framework, {}).setdefault(level, {})[SOURCES_RULE] = list(band)
        if found:
            about[level] = {
                "sources": next(iter(found.values()))["sources"],
                "at": {framework: one["at"] for framework, one in found.items()},
                "left_out": {framework: one["left_out"] for framework, one in found.items()},
            }
    changes = {
        **(results or {}),
        "operating_points": points,
        "review_bands": bands,
        "default_operating_point": SOURCES_RULE,
        "sources": about,
    }
    changed = update_card(experiment, changes)
    if not of_patients:
        return changed
    ways = compare_scores(of_patients, rated_patients, experiment.frameworks)
    return add_files(changed, {TABLE: ways.to_csv(index=False, lineterminator="\n").encode("utf-8")})


def _without_rule(levels: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Return thresholds or bands, framework -> level -> rule, without an earlier choice of this rule."""
    return {
        framework: {
            level: {rule: value for rule, value in rules.items() if rule != SOURCES_RULE}
            for level, rules in own.items()
        }
        for framework, own in levels.items()
    }


def _choose(tables: Tables, tested: Tables, framework: str, level: str) -> tuple[float, Band, dict[str, Any]]:
    score = score_source if level == "patient" else _take_slices
    sources = {name: score(table, framework) for name, table in tables.items()}
    rated = {name: score(table, framework) for name, table in tested.items()}
    threshold = choose_threshold(sources)
    if level == "patient":
        band = choose_study_band(sources, threshold)
    else:
        band = choose_slice_band(sources, threshold, share=SLICE_SHARE)
    at = {
        name: {**rate_source(one, threshold), "in_band": float(in_band(one.score, band).mean())}
        for name, one in (sources | rated).items()
    }
    counts = [
        {"name": name, "n": one.positive.size, "positives": int(one.positive.sum())}
        for name, one in sources.items()
    ]
    return threshold, band, {"sources": counts, "at": at, "left_out": leave_each_out(sources, rated)}


def _take_slices(table: pd.DataFrame, framework: str) -> Source:
    return Source(table["label"].to_numpy(int) == 1, table[framework].to_numpy(np.float64))


def split_own(experiment: Experiment) -> Tables:
    """Return the out-of-sample rows of each of the experiment's own sources, with calibrated probabilities.

    An experiment on one source has HOME alone; so has one whose slices name no source.
    """
    table, slices = experiment.calibrated_predictions(), experiment.slices()
    names = list_sources(slices)
    if len(names) < 2:
        return {HOME: table}
    source = table["file"].map(slices.set_index("file")["source"]).fillna("")
    return {name or UNNAMED: table[source == name] for name in names}


def _gather(experiment: Experiment) -> tuple[Tables, Tables]:
    """Return the slices of each source to choose on, and those to rate in place of the experiment's own."""
    own = split_own(experiment)
    chosen = {name: table[table["part"] == "validation"] for name, table in own.items()}
    rated = {name: table[table["part"] == "test"] for name, table in own.items()}
    others = _read_also(experiment)
    if len(own) == 1:
        for validation in list_validations(experiment):
            if validation.is_current and validation.name != HOME:
                others.setdefault(validation.name, validation.predictions())
    for name, read in others.items():
        rows = read[read["label"].notna() & (read["gate"] != "refuse") & (read["part"] != KEPT)]
        if rows.empty:
            continue
        calibrated = {one: experiment.recalibration(one).apply(rows[one]) for one in experiment.frameworks}
        title = f"{name}, other slices" if name in own else name
        chosen[title] = rows.assign(label=rows["label"].astype(int), **calibrated)
    if len(chosen) < 2:
        raise ExperimentError(
            f'Experiment "{experiment.name}" has no validation to choose thresholds on',
            remedy=f"validate it on labeled scans from elsewhere: stroke-ct validate {experiment.name} DATA; "
            f"or name a manifest of other sources: stroke-ct thresholds {experiment.name} --also MANIFEST",
            code="no_sources",
        )
    return chosen, rated


def _read_also(experiment: Experiment) -> Tables:
    """Return the slices in thresholds.csv by source; {} without it."""
    table = experiment.threshold_slices()
    if table is None:
        return {}
    if experiment.card.get("threshold_slices", {}).get("served") != experiment.networks_digest:
        raise ExperimentError(
            f'The slices from elsewhere that helped to choose the thresholds of "{experiment.name}" were '
            "read by other networks, or by an older version of the program",
            remedy=f"read them again: stroke-ct thresholds {experiment.name} --also MANIFEST",
            code="other_version",
        )
    counted = (table["brain_visible"] == 1) & (table["gate"] != "refuse")
    table = table.assign(counted=counted.astype(int))
    return {name or UNNAMED: table[table["source"] == name] for name in list_sources(table)}


def _store_also(
    experiment: Experiment, table: pd.DataFrame, sources: Sequence[Mapping[str, Any]]
) -> Experiment:
    data = table.to_csv(index=False, lineterminator="\n").encode("utf-8")
    about = {"served": experiment.networks_digest, "sources": [dict(one) for one in sources]}
    return update_card(add_files(experiment, {"thresholds.csv": data}), {"threshold_slices": about})


def _with_patients(chosen: Tables, rated: Tables) -> tuple[Tables, Tables]:
    """Return the rows of known patients of the sources that have such rows, and slices that count.

    Both are {} if none of the experiment's own sources has.
    """
    known = [{name: _select_known(table) for name, table in tables.items()} for tables in (chosen, rated)]
    own = {name for name in rated if all(_counts(tables[name]) for tables in known)}
    if not own:
        return {}, {}
    usable = {
        name: table for name, table in known[0].items() if (name in own if name in rated else _counts(table))
    }
    return usable, {name: known[1][name] for name in rated if name in own}


def _select_known(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["patient"].fillna("") != ""]


def _counts(table: pd.DataFrame) -> bool:
    """Return whether any slice counts for the score of a study."""
    return bool((table["counted"] == 1).any()) if "counted" in table else len(table) > 0
