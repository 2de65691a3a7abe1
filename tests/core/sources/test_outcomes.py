"""The outcomes that readers see, counted from stored predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.evaluation import evaluate_experiment, patient_level
from core.experiments import Experiment
from core.reading import OUTCOMES, decide
from core.sources import HOME, OutcomeCount, count_outcomes, explain_study_band, set_thresholds
from core.validation import count_flags, list_validations
from tests.builders import write_tiny_experiment, write_tiny_validation


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """A tiny experiment with thresholds of all sources, and a validation with a kept part; read-only."""
    made = write_tiny_experiment(tmp_path_factory.mktemp("models"), calibrated=True)
    write_tiny_validation(made, "north", n_patients=80, n_slices=4, parts=("", "", "", "kept"))
    return set_thresholds(made)


@pytest.fixture(scope="module")
def counts(experiment: Experiment) -> dict[tuple[str, str, bool], OutcomeCount]:
    """The counts by level, source and label."""
    return {(one.level, one.source, one.positive): one for one in count_outcomes(experiment)}


def test_every_level_source_and_label_is_counted(counts: dict[tuple[str, str, bool], OutcomeCount]) -> None:
    """Slices come first, home first; the outcomes of a row add up to its number."""
    expected = [
        (level, source, positive)
        for level in ("slice", "patient")
        for source in (HOME, "north")
        for positive in (True, False)
    ]
    assert expected == list(counts)
    for one in counts.values():
        assert one.n == sum(one.outcomes.values())
        assert set(one.outcomes) <= set(OUTCOMES)


@pytest.mark.parametrize("level", ["slice", "patient"])
def test_those_at_the_threshold_are_those_of_the_record(
    experiment: Experiment, counts: dict[tuple[str, str, bool], OutcomeCount], level: str
) -> None:
    """At home, sensitivity and specificity follow from the columns of each network."""
    record = evaluate_experiment(experiment, n_resamples=20)["models"]
    for framework in experiment.frameworks:
        cells = record[framework][level]["confusion"]
        assert cells["tp"] == counts[level, HOME, True].called[framework]
        assert cells["fp"] == counts[level, HOME, False].called[framework]


def test_patients_are_flagged_by_all_networks_together(
    experiment: Experiment, counts: dict[tuple[str, str, bool], OutcomeCount]
) -> None:
    """A patient in a band, or called differently, is uncertain: counted again by hand."""
    tested = experiment.calibrated_predictions().query("part == 'test'")
    answers = []
    for framework in experiment.frameworks:
        labels, scores, _ = patient_level(tested, framework)
        threshold, band = (
            experiment.threshold(framework, "patient"),
            experiment.review_band(framework, "patient"),
        )
        answers.append([decide(score, threshold, band) for score in scores])
    together = np.array([a if a == b else "uncertain" for a, b in zip(*answers, strict=True)])
    for outcome in ("flagged", "uncertain", "not_flagged"):
        for positive in (True, False):
            found = counts["patient", HOME, positive].outcomes.get(outcome, 0)
            assert int(((together == outcome) & ((labels == 1) == positive)).sum()) == found


def test_kept_slices_are_counted_as_beside_results(
    experiment: Experiment, counts: dict[tuple[str, str, bool], OutcomeCount]
) -> None:
    """Slices from elsewhere have the outcomes of `count_flags`; refused ones are not judged."""
    flags = count_flags(experiment)
    assert flags is not None
    sides = [counts["slice", "north", positive] for positive in (True, False)]
    for outcome, tally in flags.outcomes.items():
        assert tally.n == sum(one.outcomes.get(outcome, 0) for one in sides)
        assert tally.positives == sides[0].outcomes.get(outcome, 0)
    read = list_validations(experiment)[0].predictions().query("part == 'kept'")
    assert (read["counted"] == 0).sum() == sum(one.outcomes.get("not_judged", 0) for one in sides)


def test_without_a_validation_home_is_counted_alone(tmp_path: Path) -> None:
    """An experiment without validations has outcomes, too, and nothing decided its band of studies."""
    experiment = write_tiny_experiment(tmp_path, calibrated=True)
    assert {HOME} == {one.source for one in count_outcomes(experiment)}
    assert {} == explain_study_band(experiment)


def test_a_source_decides_the_end_of_the_band(experiment: Experiment) -> None:
    """The band of studies ends at the highest bound, or at the threshold if that is higher."""
    for framework, sources in explain_study_band(experiment).items():
        low, high = experiment.review_band(framework, "patient") or (np.nan, np.nan)
        highest = max((one.score for one in sources.values()), default=0.0)
        assert max(experiment.threshold(framework, "patient"), highest) == pytest.approx(high)
        assert all(one.holds == (one.n >= 45) for one in sources.values())
        assert low <= high
