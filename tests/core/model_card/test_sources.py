"""The model card on what readers see, and on what the thresholds were chosen on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from core.evaluation import measure_sources
from core.experiments import Experiment, update_card
from core.frameworks import TITLES
from core.model_card.elsewhere import describe_elsewhere
from core.model_card.facts import gather_facts
from core.model_card.markdown import format_figure
from core.model_card.measures import describe_results
from core.model_card.methods import describe_history
from core.model_card.readme_table import replace_figures
from core.model_card.sources import (
    describe_across,
    describe_by_source,
    describe_left_out,
    describe_outcomes,
    describe_sources,
    describe_versions,
    summarize_outcomes,
)
from core.sources import HOME, count_outcomes, explain_study_band, set_thresholds, succeed_experiment
from core.validation import delete_validation
from tests.builders import write_tiny_experiment, write_tiny_validation
from tests.core.model_card.conftest import N_RESAMPLES


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """A tiny experiment with thresholds of all sources, and a validation with a kept part; read-only."""
    experiment = write_tiny_experiment(tmp_path_factory.mktemp("models"), calibrated=True)
    write_tiny_validation(experiment, "north", n_patients=120, n_slices=4, parts=("", "", "", "kept"))
    return set_thresholds(experiment)


def test_every_count_of_outcomes_has_its_row(chosen: Experiment) -> None:
    """The table has a row for each count, with shares; kept parts are named."""
    rows = [line for line in describe_outcomes(chosen).splitlines() if line.startswith("| per ")]
    counts = count_outcomes(chosen)
    assert len(counts) == len(rows)
    for one, row in zip(counts, rows, strict=True):
        n = one.outcomes.get("flagged", 0)
        assert f"| {one.n:,} | {n:,} ({100 * n / one.n:.0f} %) |" in row
        assert ("north, kept aside" in row) == (one.source != HOME)


def test_the_card_in_short_tells_patients_outcomes(chosen: Experiment) -> None:
    """Beside sensitivity at the threshold stands what both networks together say of positive patients."""
    (positive,) = (
        one
        for one in count_outcomes(chosen)
        if (one.level, one.source, one.positive) == ("patient", HOME, True)
    )
    text = summarize_outcomes(chosen)
    assert f"of {positive.n} positive patients, " in text
    for outcome, n in positive.outcomes.items():
        assert f"{n} {outcome.replace('_', ' ')}" in text


def test_the_source_that_decided_is_named(chosen: Experiment) -> None:
    """Each source has its studies and its upper end; one too small gives its highest score."""
    text = describe_sources(chosen)
    for sources in explain_study_band(chosen).values():
        assert sources
        for name, one in sources.items():
            how = "the limit" if one.holds else "its highest score"
            assert f"| {name} | {one.n} | {one.slices:.0f} | {one.score:.3f} | {how} |" in text


def test_results_of_sources_that_chose_are_called_optimistic(chosen: Experiment, tmp_path: Path) -> None:
    """Only slices kept aside had no part in the thresholds: the card says so, where it is so."""
    assert "**Optimistic:**" in describe_elsewhere(gather_facts(chosen, N_RESAMPLES))
    other = write_tiny_experiment(tmp_path, calibrated=True)
    write_tiny_validation(other, "north")
    assert "**Optimistic:**" not in describe_elsewhere(gather_facts(other, N_RESAMPLES))


def test_documents_have_the_outcomes(chosen: Experiment) -> None:
    """`make figures` writes the table of outcomes after its marker."""
    marker = "<!-- outcomes: written by `make figures` -->"
    text = replace_figures(f"{marker}\n<!-- end of figures -->", [chosen])
    assert describe_outcomes(chosen) in text


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """A second version, on two sources, one of which was left out of a training; read-only."""
    root = tmp_path_factory.mktemp("models")
    earlier = write_tiny_experiment(root, calibrated=True)
    write_tiny_validation(earlier, "hospital", n_patients=40)
    trained = write_tiny_experiment(
        root,
        "tiny-2",
        n_patients=84,
        n_slices=4,
        calibrated=True,
        sources=("east", "west"),
        shifts=(0.1,) * 3,
    )
    write_tiny_validation(trained, "east", n_patients=80, parts=("kept",))
    found = set_thresholds(succeed_experiment(trained, earlier))
    figure = {"value": 0.875, "interval": [0.8, 0.9]}
    figures = {"auroc": figure, "average_precision": figure}
    group = {"n": 100, "positives": 25, "n_patients": None, "models": {"keras": figures}}
    sources = [
        {"source": "east", "trained_on": ["west"], "n_trained": 80, **group},
        {"source": "west", "reason": "the other sources have only slices without the finding"},
    ]
    return update_card(found, {"left_out": {"created": "2026-01-03", "version": 2, "sources": sources}})


def test_each_own_source_has_its_figures(mixed: Experiment) -> None:
    """A row for each source and network, with the rates at the served threshold."""
    found = measure_sources(mixed, N_RESAMPLES)
    text = describe_by_source(mixed, found)
    for group in found["sources"]:
        for name, figures in group["models"].items():
            counts = f"| {group['source']} | {TITLES[name]} | {group['n']} ({group['positives']}) |"
            (row,) = (line for line in text.splitlines() if line.startswith(counts))
            assert f"| {format_figure(figures['recall'], 'share')} |" in row
            assert row.endswith(f"| {format_figure(figures['auroc_across'])} |")
    assert "" == describe_by_source(mixed, {"reason": "its data are of one source"})


def test_a_source_left_out_has_its_figures_or_the_reason(mixed: Experiment) -> None:
    """The table has those that were measured; below it stands why another could not be."""
    text = describe_left_out(mixed)
    assert "| east | Keras | 100 (25) | 0.88 [0.80-0.90] | 0.88 [0.80-0.90] |" in text
    assert "Without west no network was trained: the other sources have only slices without" in text
    assert "of version 2" not in text
    older = {**mixed.card["left_out"], "version": 1}
    assert "of version 1" in describe_left_out(replace(mixed, card={**mixed.card, "left_out": older}))


def test_each_version_has_its_rows(mixed: Experiment) -> None:
    """Figures at home, of each source and elsewhere stand beside those of the earlier networks."""
    text = describe_versions(mixed)
    rows = [line.split(" | ")[:3] for line in text.splitlines() if line.startswith("| ")]
    assert ["| 1", "home", "PyTorch"] in rows
    assert ["| 1", "hospital, all slices", "Keras"] in rows
    assert ["| **2** (today)", "home, west", "Keras"] in rows
    assert ["| **2** (today)", "east, kept aside", "Keras"] in rows
    assert "calibrate again" in text


def test_the_card_has_all_of_it(mixed: Experiment) -> None:
    """Results, other hospitals and versions are sections; thresholds of own sources are no optimism."""
    facts = gather_facts(mixed, N_RESAMPLES)
    assert "### By source" in describe_results(facts)
    elsewhere = describe_elsewhere(facts)
    assert "### With one source left out" in elsewhere
    assert "**Optimistic:**" not in elsewhere
    assert "the validation slices of the experiment's own sources" in describe_sources(mixed)
    outcomes = describe_outcomes(mixed)
    assert "| per slice | home, west | positive |" in outcomes
    assert "| per slice | east, kept aside | positive |" in outcomes
    assert describe_versions(mixed) == describe_history(facts)


def test_sets_of_one_class_are_ranked_against_the_positives_of_all(models: Path) -> None:
    """With a set without positives, each set has the AUROC of all sets' positives; else there is no table."""
    experiment = write_tiny_experiment(models, calibrated=True)
    tables = [
        write_tiny_validation(experiment, name, n_patients=60, parts=("kept",), labels=labels).predictions()
        for name, labels in (("ministry", (0,)), ("north", (0, 1)))
    ]
    text = describe_across(experiment, N_RESAMPLES)
    chosen = pd.concat([tables[0], tables[1][tables[1]["label"] == 1]])
    expected = roc_auc_score(chosen["label"].astype(int), chosen["keras"])
    (row,) = (line for line in text.splitlines() if line.startswith("| ministry, kept aside | Keras |"))
    assert f"| {expected:.2f} [" in row.split("not estimable")[-1]
    delete_validation(experiment, "ministry")
    assert "" == describe_across(experiment, N_RESAMPLES)
