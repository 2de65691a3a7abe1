"""Figures of each source of an experiment's own data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from core.evaluation import evaluate_experiment
from core.evaluation.by_source import evaluate_source, list_sources, measure_group, measure_sources
from core.experiments import Experiment
from tests.builders import write_tiny_experiment

_FEW = {"n_resamples": 50}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """An experiment on three sources, one of unknown patients; treat it as read-only."""
    return write_tiny_experiment(
        tmp_path_factory.mktemp("models"),
        n_patients=36,
        calibrated=True,
        sources=("east", "north", "west"),
        anonymous=("west",),
    )


def test_figures_are_those_of_each_sources_test_rows(mixed: Experiment) -> None:
    """AUROC, average precision and the rates at the served threshold agree with scikit-learn and counts."""
    source = mixed.slices().set_index("file")["source"]
    table = mixed.calibrated_predictions().query("part == 'test'")
    found = measure_sources(mixed, **_FEW)["sources"]
    assert ["east", "north", "west"] == [group["source"] for group in found]
    for group in found:
        own = table[table["file"].map(source) == group["source"]]
        assert (len(own), int(own["label"].sum())) == (group["n"], group["positives"])
        for name, figures in group["models"].items():
            threshold = mixed.threshold(name)
            called, positive = own[name] >= threshold, own["label"] == 1
            assert threshold == figures["threshold"]
            assert pytest.approx(roc_auc_score(positive, own[name])) == figures["auroc"]["value"]
            expected = average_precision_score(positive, own[name])
            assert pytest.approx(expected) == figures["average_precision"]["value"]
            assert pytest.approx(called[positive].mean()) == figures["recall"]["value"]
            assert pytest.approx(1 - called[~positive].mean()) == figures["specificity"]["value"]
            assert figures["auroc"]["interval"]


def test_the_record_of_a_source_has_the_figures_of_its_rows(mixed: Experiment) -> None:
    """It is that of an experiment with these slices alone, and has the same figures as by source."""
    for group in measure_sources(mixed, **_FEW)["sources"]:
        record = evaluate_source(mixed, group["source"], **_FEW)
        for name, figures in group["models"].items():
            level = record["models"][name]["slice"]
            assert (group["n"], group["positives"]) == (level["n"], level["positives"])
            assert figures["auroc"] == level["auroc"]
            assert figures["recall"] == level["recall"]
    assert "reason" in evaluate_source(mixed, "west", **_FEW)["models"]["keras"]["patient"]


def test_positives_of_all_sources_are_ranked_against_the_negatives_of_each(mixed: Experiment) -> None:
    """The AUROC across sources takes its positives from all of them."""
    source = mixed.slices().set_index("file")["source"]
    table = mixed.calibrated_predictions().query("part == 'test'")
    for group in measure_sources(mixed, **_FEW)["sources"]:
        chosen = table[(table["label"] == 1) | (table["file"].map(source) == group["source"])]
        for name, figures in group["models"].items():
            expected = roc_auc_score(chosen["label"], chosen[name])
            assert pytest.approx(expected) == figures["auroc_across"]["value"]


def test_a_source_of_one_class_has_the_rate_of_this_class() -> None:
    """Without positives there are specificity and the AUROC across; the rest has a reason."""
    rng = np.random.default_rng(0)
    own = pd.DataFrame({"label": 0, "patient": "", "keras": rng.uniform(0, 0.5, 30)})
    positives = pd.DataFrame({"label": 1, "patient": "7", "keras": rng.uniform(0.6, 1, 30)})
    found = measure_group(own, {"keras": 0.55}, positives, **_FEW)
    figures = found["models"]["keras"]
    assert (1.0, 1.0) == (figures["specificity"]["value"], figures["auroc_across"]["value"])
    assert {"auroc", "average_precision", "recall"} == {
        key for key, one in figures.items() if key != "threshold" and one["value"] is None
    }
    assert "at least 20 positive slices; there are 0" in figures["auroc"]["reason"]
    assert found["n_patients"] is None


def test_an_experiment_on_one_source_has_none(tmp_path: Path) -> None:
    """Without a column of sources there are no groups, but a reason."""
    experiment = write_tiny_experiment(tmp_path)
    assert [] == list_sources(experiment.slices())
    assert {"reason"} == set(measure_sources(experiment))


def test_slices_of_unknown_patients_do_not_hide_the_known_ones(mixed: Experiment) -> None:
    """Patients have figures though those of one source are unknown; the record says how many slices are."""
    record = evaluate_experiment(mixed, n_resamples=50)
    known = mixed.predictions().query("part == 'test' and patient != ''")["patient"].nunique()
    level = record["models"]["keras"]
    assert known == level["patient"]["n"] == level["slice"]["n_patients"]
    assert level["patient"]["threshold"] is not None
    assert "patients, and slices where the patient is unknown" == record["interval"]["resampled"]
    assert any("unknown" in note for note in record["notes"])
