"""The facts behind a model card."""

from __future__ import annotations

from pathlib import Path

from core.datasets.kaggle import KNOWN_DATASET
from core.evaluation.conditions import complete_record
from core.evaluation.summary import evaluate_experiment
from core.experiments import Experiment
from core.model_card.facts import Facts, gather_facts
from tests.builders import write_tiny_experiment


def test_the_record_is_that_of_evaluate(facts: Facts) -> None:
    """The figures are those of `evaluate --json`, and the held-out rows those it measures."""
    record = evaluate_experiment(facts.experiment, n_resamples=50)
    assert complete_record(record, facts.experiment) == facts.record
    for framework in facts.titles:
        missed, alarms = facts.errors(framework)
        confusion = facts.level(framework)["confusion"]
        assert (confusion["fn"], confusion["fp"]) == (missed.sum(), alarms.sum())


def test_patients_apart_share_nothing(facts: Facts) -> None:
    """Split by patient, no test slice has a slice of its patient in training."""
    assert 0 == facts.shared
    assert (True, True, False) == (facts.knows_patients, facts.knows_slices, facts.is_known)


def test_a_random_split_shares(models: Path) -> None:
    """Split at random, the share counts the test slices whose patient is in training of their fold."""
    experiment = write_tiny_experiment(models, split="random", folds=1, n_slices=2, seed=2)
    slices = experiment.slices()
    trained = set(slices.loc[slices["fold_0"] == "train", "patient"])
    tested = slices.loc[slices["fold_0"] == "test", "patient"]
    shared = gather_facts(experiment, 10).shared
    assert shared is not None
    assert 0 < shared < 1
    assert sum(patient in trained for patient in tested) / len(tested) == shared


def test_unknown_patients_are_no_share(nameless: Experiment) -> None:
    """Without patients the share is None, not zero."""
    facts = gather_facts(nameless, 10)
    assert facts.shared is None
    assert not facts.knows_patients


def test_the_published_set_is_known_by_its_fingerprint(models: Path) -> None:
    """The published data set is recognized by its fingerprint alone."""
    experiment = write_tiny_experiment(models, fingerprint=KNOWN_DATASET["fingerprint"])
    assert gather_facts(experiment, 10).is_known
