"""Deciding readings again: at other operating points, and by a site calibration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ExperimentError
from core.evaluation import Band, Recalibration
from core.experiments import Experiment, update_card
from core.reading.decision import CARD
from core.reading.findings import Findings
from core.reading.outcome import UNFINISHED
from core.reading.reader import Reader
from core.reading.redecision import apply_operating_points
from core.scans import Scan, Slice
from tests.builders import render_head, sum_odds, write_tiny_experiment


class North:
    """A site that halves every logit; its studies have a threshold for Keras only."""

    name = "north"
    version = 1

    def __init__(self, experiment: Experiment) -> None:
        self.experiment, self.served = experiment.name, experiment.served_digest
        self.operating_points: dict[str, dict[str, dict[str, float | None]]] = {
            "pytorch": {"slice": {"youden": 0.45}},
            "keras": {"slice": {"youden": 0.4}, "patient": {"youden": 0.55}},
        }

    def recalibration(self, framework: str) -> Recalibration:
        """Half of the logit."""
        return Recalibration(0.5, 0.0)

    def threshold(self, framework: str, level: str = "slice", rule: str | None = None) -> float:
        """The threshold of Youden."""
        found = self.operating_points[framework].get(level, {}).get("youden")
        if found is None:
            raise ExperimentError("there is none")
        return found

    def review_band(
        self, framework: str, level: str = "slice", threshold: float | None = None
    ) -> Band | None:
        """Around the threshold, 0.1 wide."""
        centre = self.threshold(framework, level) if threshold is None else threshold
        return centre - 0.05, centre + 0.05


@pytest.fixture
def experiment(models: Path) -> Experiment:
    """A calibrated tiny experiment."""
    return write_tiny_experiment(models, calibrated=True)


def read(experiment: Experiment, *grays: float, site: Any = None) -> Findings:
    """Findings of a scan with one slice per mean gray."""
    slices = tuple(Slice(render_head(gray)) for gray in grays)
    return Reader(experiment, site).read(Scan("a", "0" * 64, "gray", slices))


def describe(findings: Findings) -> list[Any]:
    """Everything that was decided."""
    models = [
        {name: (m.probability, m.threshold, m.outcome, m.band) for name, m in one.models.items()}
        for one in findings.slices
    ]
    return [models, [one.conclusion for one in findings.slices], findings.verdicts, findings.decided_by]


def test_a_site_decides_in_place_of_the_card(experiment: Experiment) -> None:
    """With a site, probabilities, thresholds and review bands are the site's; raw ones stay."""
    home, there = read(experiment, 0.45), read(experiment, 0.45, site=North(experiment))
    assert (CARD, "north") == (home.decided_by, there.decided_by)
    for name, threshold in (("pytorch", 0.45), ("keras", 0.4)):
        before, after = home.slices[0].models[name], there.slices[0].models[name]
        assert before.raw_probability == after.raw_probability
        expected = 1 / (1 + np.exp(-0.5 * np.log(after.raw_probability / (1 - after.raw_probability))))
        assert expected == pytest.approx(after.probability)
        assert (threshold, (threshold - 0.05, threshold + 0.05)) == (after.threshold, after.band)
        assert experiment.review_band(name) == before.band


def test_a_study_that_is_still_read_has_no_verdict(experiment: Experiment) -> None:
    """The slices read so far are decided by the site; their study is not judged before its end."""
    so_far = replace(read(experiment, 0.3, 0.45), verdicts={}, unfinished=True)
    (decided,) = apply_operating_points([so_far], experiment, {}, North(experiment))
    assert ({}, (UNFINISHED,)) == (decided.verdicts, decided.conclusion.reasons)
    assert [0.45] * 2 == [one.models["pytorch"].threshold for one in decided.slices]


def test_a_study_is_judged_by_the_site(experiment: Experiment) -> None:
    """A study's score and threshold are the site's; a network without one gives no verdict."""
    there = read(experiment, 0.3, 0.45, 0.5, site=North(experiment))
    (verdict,) = there.verdicts.values()
    assert ["keras"] == list(there.verdicts)
    scores = [one.models["keras"].probability for one in there.slices]
    assert (pytest.approx(sum_odds(scores)), 0.55) == (verdict.score, verdict.threshold)


@pytest.mark.parametrize("grays", [(0.45,), (0.3, 0.45, 0.5)])
def test_deciding_again_is_reading_again(experiment: Experiment, grays: tuple[float, ...]) -> None:
    """A reading decided again by a site, and back by the card, is that of a reader of each."""
    site = North(experiment)
    home, there = read(experiment, *grays), read(experiment, *grays, site=site)
    (again,) = apply_operating_points([home], experiment, {}, site)
    assert describe(there) == describe(again)
    (back,) = apply_operating_points([again], experiment, {})
    assert describe(home) == describe(back)


def test_a_chosen_threshold_has_the_sites_band(experiment: Experiment) -> None:
    """A threshold in place of the site's has the site's review band around it."""
    (again,) = apply_operating_points([read(experiment, 0.45)], experiment, {"keras": 0.7}, North(experiment))
    models = again.slices[0].models
    assert (0.7, 0.45) == (models["keras"].threshold, models["pytorch"].threshold)
    assert pytest.approx((0.65, 0.75)) == models["keras"].band


def test_a_site_of_another_experiment_is_refused(experiment: Experiment, models: Path) -> None:
    """Neither a reader nor a reading takes a site that was made with another experiment."""
    other = write_tiny_experiment(models, "other", seed=1)
    site = North(other)
    with pytest.raises(ExperimentError, match='made with "other", used with "tiny"') as refused:
        Reader(experiment, site)
    assert "other_experiment" == refused.value.code
    with pytest.raises(ExperimentError):
        apply_operating_points([read(experiment, 0.5)], experiment, {}, site)


def test_a_site_of_another_version_is_refused(experiment: Experiment) -> None:
    """Once thresholds on the card change, a site that was made before is refused."""
    site = North(experiment)
    changed = update_card(experiment, {"default_operating_point": "f1"})
    with pytest.raises(ExperimentError, match="another version") as refused:
        Reader(changed, site)
    assert "other_version" == refused.value.code
