"""The figures of experiments, cached for all visitors within limits.

A record is computed once per experiment. Figures that depend on the operating point are computed for each
operating point on the record's own resamples. At the card's thresholds they therefore equal the record's.
All visitors share what is returned, so callers never change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core.errors import EvaluationError
from core.experiments import Experiment, find_published_source
from core.validation import Validation, make_domain_record, make_record
from dashboard.shared import loaders

if TYPE_CHECKING:
    from core.evaluation import Bootstrap, PrCurve, RocCurve, Rows


_FEW = 10  # resamples where no interval is shown


@dataclass(frozen=True, eq=False)
class Scene:
    """All figures of an experiment at one operating point, per slice or per patient.

    Attributes:
        models: framework -> LEVEL of `core.evaluation.summary`, with the POINT of the chosen threshold.
        comparison: COMPARISON at these thresholds, or {"reason"}.
        interval: how the intervals were computed, as in the record.
        notes: of the record.
    """

    models: dict[str, dict[str, Any]]
    comparison: dict[str, Any]
    interval: dict[str, Any]
    notes: list[str]


@dataclass(frozen=True, eq=False)
class _Measured:
    """The part of a level that does not depend on the operating point: rows, resamples, scores."""

    rows: dict[str, Rows]
    bootstrap: Bootstrap
    validation: dict[str, np.ndarray]
    ranking: dict[str, dict[str, np.ndarray]]


def record(experiment: Experiment) -> dict[str, Any]:
    """Return all figures of an experiment except those of `subgroups` and `robustness`.

    Together the three are what `python -m core evaluate NAME --json` prints.
    """
    return _record(experiment.digest, experiment)


def published_record(experiment: Experiment) -> dict[str, Any]:
    """Return the record on the published set alone if that is one of several sources, else `record`."""
    source = find_published_source(experiment)
    return _source_record(experiment.digest, source, experiment) if source else record(experiment)


def scene(experiment: Experiment, level: str, thresholds: Mapping[str, float]) -> Scene:
    """Return the figures per slice or patient at these thresholds, {framework: threshold}.

    Raises:
        EvaluationError: this level has no figures, for example because patients are unknown.
    """
    return _scene(experiment.digest, level, tuple(thresholds.items()), experiment)


def curves(experiment: Experiment, level: str) -> dict[str, tuple[PrCurve, RocCurve]]:
    """Return each framework's precision-recall and ROC curve over the held-out slices or patients.

    Raises:
        EvaluationError: there is only one class, or patients are unknown.
    """
    return _curves(experiment.digest, level, experiment)


def subgroups(experiment: Experiment) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the record's "subgroups", {framework: {level: part}}; errors as `subgroups_of`."""
    return _subgroups(experiment.digest, experiment)


def robustness(experiment: Experiment) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the record's "robustness", {framework: {level: part}}; errors as `robustness_of`."""
    return _robustness(experiment.digest, experiment)


def by_source(experiment: Experiment) -> dict[str, Any]:
    """Return the figures of each of the experiment's own sources, see core.evaluation.by_source."""
    return _by_source(experiment.digest, experiment)


def share_in_common(one: Experiment, other: Experiment) -> float:
    """Return the share of all held-out slices of two experiments that are in both, with the same label.

    Slices are matched by file hash.
    """
    return _share_in_common(one.digest, other.digest, one, other)


def validation_record(experiment: Experiment, validation: Validation) -> dict[str, Any]:
    """Return the record of a stored validation: home and there side by side; see `core.validation.record`.

    Raises:
        ExperimentError: the validation is of an earlier version of the experiment, or damaged.
    """
    return _validation_record(experiment.digest, loaders.key_of(validation), experiment, validation)


def validation_values(experiment: Experiment, validation: Validation) -> dict[str, Any]:
    """Return the same record without usable intervals and without home, at once; for lists."""
    return _validation_values(experiment.digest, loaders.key_of(validation), experiment, validation)


def domain_record(experiment: Experiment, validation: Validation) -> dict[str, Any]:
    """Return the comparison of a validation's slices with home, without labels: domain/1."""
    return _domain_record(experiment.digest, loaders.key_of(validation), experiment, validation)


def validation_curves(
    experiment: Experiment, validation: Validation, level: str
) -> dict[str, tuple[PrCurve, RocCurve]]:
    """Return each framework's curves over the labeled slices or patients of a validation.

    Raises:
        EvaluationError: there is only one class, or no patient is known.
    """
    return _validation_curves(experiment.digest, loaders.key_of(validation), level, experiment, validation)


@st.cache_resource(max_entries=16, show_spinner="Computing results and their intervals ...")
def _record(digest: str, _experiment: Experiment) -> dict[str, Any]:
    from core.evaluation import evaluate_experiment

    return evaluate_experiment(_experiment)


@st.cache_resource(max_entries=16, show_spinner="Computing results and their intervals ...")
def _source_record(digest: str, source: str, _experiment: Experiment) -> dict[str, Any]:
    from core.evaluation import evaluate_source

    return evaluate_source(_experiment, source)


@st.cache_resource(max_entries=64, show_spinner=False)
def _scene(
    digest: str, level: str, thresholds: tuple[tuple[str, float], ...], _experiment: Experiment
) -> Scene:
    from core.evaluation import choose_band, compare_models, measure_point

    whole = record(_experiment)
    levels = {name: whole["models"][name][level] for name, _ in thresholds}
    for known in levels.values():
        if "reason" in known:
            raise EvaluationError(f"There are no results per {level}", found=known["reason"])
    measured = _measured(digest, level, _experiment)
    models, resampled = {}, {}
    for name, cut in thresholds:
        rows, seen = measured.rows[name], measured.validation[name]
        band = _experiment.review_band(name, level, cut)
        if band is None and seen.size:
            band = choose_band(seen, cut)
        point, resamples = measure_point(rows.y_true, rows.score, cut, measured.bootstrap, band=band)
        models[name] = {**levels[name], **point}
        resampled[name] = {**resamples, **measured.ranking[name]}
    comparison = whole["comparison"][level]
    if "reason" not in comparison:
        pair = (comparison["first"], comparison["second"])
        one, other = (measured.rows[name] for name in pair)
        cuts = dict(thresholds)
        found = compare_models(
            one.y_true, one.score, other.score, (cuts[pair[0]], cuts[pair[1]]), measured.bootstrap,
            resampled=(resampled[pair[0]], resampled[pair[1]]),
        )  # fmt: skip
        comparison = {**comparison, **found}
    return Scene(models, comparison, whole["interval"], whole["notes"])


@st.cache_resource(max_entries=16, show_spinner=False)
def _measured(digest: str, level: str, _experiment: Experiment) -> _Measured:
    from core.evaluation import Bootstrap, measure_ranking, select_rows, validation_scores

    interval = record(_experiment)["interval"]
    raw, calibrated = _experiment.predictions(), _experiment.calibrated_predictions()
    tested = (raw["part"] == "test").to_numpy()
    fits = _experiment.card.get("calibration", {})
    rows = {
        name: select_rows(raw[tested], calibrated[tested], name, level, fits.get(name))
        for name in _experiment.frameworks
    }
    first = next(iter(rows.values()))
    bootstrap = Bootstrap.over(
        first.groups, first.y_true.size, n_resamples=interval["n_resamples"], seed=interval["seed"]
    )
    ranking = {name: measure_ranking(one.y_true, one.score, bootstrap)[1] for name, one in rows.items()}
    validation = {
        name: validation_scores(calibrated, name).get(level, (None, np.empty(0)))[1] for name in rows
    }
    return _Measured(rows, bootstrap, validation, ranking)


@st.cache_resource(max_entries=16, show_spinner=False)
def _curves(digest: str, level: str, _experiment: Experiment) -> dict[str, tuple[PrCurve, RocCurve]]:
    from core.evaluation import pr_curve, roc_curve

    rows = _measured(digest, level, _experiment).rows
    return {
        name: (pr_curve(one.y_true, one.score), roc_curve(one.y_true, one.score))
        for name, one in rows.items()
    }


@st.cache_resource(max_entries=8, show_spinner="Computing the results of each group ...")
def _subgroups(digest: str, _experiment: Experiment) -> dict[str, dict[str, dict[str, Any]]]:
    from core.evaluation import subgroups_of

    interval = record(_experiment)["interval"]
    return subgroups_of(_experiment, n_resamples=interval["n_resamples"], seed=interval["seed"])


@st.cache_resource(max_entries=8, show_spinner=False)
def _robustness(digest: str, _experiment: Experiment) -> dict[str, dict[str, dict[str, Any]]]:
    from core.evaluation import robustness_of

    return robustness_of(_experiment)


@st.cache_resource(max_entries=8, show_spinner="Computing the results of each source ...")
def _by_source(digest: str, _experiment: Experiment) -> dict[str, Any]:
    from core.evaluation import measure_sources

    return measure_sources(_experiment)


@st.cache_resource(max_entries=64, show_spinner=False)
def _share_in_common(digest: str, other_digest: str, _one: Experiment, _other: Experiment) -> float:
    pairs = []
    for experiment in (_one, _other):
        table = experiment.predictions()
        table = table[table["part"] == "test"]
        pairs.append(set(zip(table["sha256"], table["label"], strict=True)))
    slices = {digest for digest, _ in pairs[0] | pairs[1]}
    return len(pairs[0] & pairs[1]) / len(slices) if slices else 0.0


@st.cache_resource(max_entries=32, show_spinner="Computing results and their intervals ...")
def _validation_record(
    digest: str, key: tuple[str, ...], _experiment: Experiment, _validation: Validation
) -> dict[str, Any]:
    return make_record(_experiment, _validation, home=record(_experiment))


@st.cache_resource(max_entries=64, show_spinner=False)
def _validation_values(
    digest: str, key: tuple[str, ...], _experiment: Experiment, _validation: Validation
) -> dict[str, Any]:
    return make_record(_experiment, _validation, n_resamples=_FEW, home={"models": {}})


@st.cache_resource(max_entries=16, show_spinner="Comparing with home ...")
def _domain_record(
    digest: str, key: tuple[str, ...], _experiment: Experiment, _validation: Validation
) -> dict[str, Any]:
    return make_domain_record(_experiment, _validation)


@st.cache_resource(max_entries=16, show_spinner=False)
def _validation_curves(
    digest: str, key: tuple[str, ...], level: str, _experiment: Experiment, _validation: Validation
) -> dict[str, tuple[PrCurve, RocCurve]]:
    from core.evaluation import patient_level, pr_curve, roc_curve

    table = loaders.validation_cases(_experiment, _validation)
    found = {}
    for name in _experiment.frameworks:
        label, score = table["label"].to_numpy(int), table[name].to_numpy(float)
        if level == "patient":
            label, score, _ = patient_level(table[table["patient"] != ""], name)
        found[name] = (pr_curve(label, score), roc_curve(label, score))
    return found
