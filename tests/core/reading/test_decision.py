"""The rule of each network: from the card, or chosen."""

from __future__ import annotations

import pytest

from core.errors import ExperimentError
from core.experiments import Experiment
from core.reading.decision import make_rules
from tests.builders import write_tiny_experiment


def test_the_card_gives_the_rules_that_nobody_chose(models) -> None:
    """A chosen operating point is used for its network; the other keeps the card's default and its band."""
    experiment = write_tiny_experiment(models, calibrated=True)
    rules = make_rules(experiment, {"keras": 0.9})
    assert [experiment.threshold("pytorch"), 0.9] == [rules[name].threshold for name in ("pytorch", "keras")]
    assert experiment.review_band("keras", threshold=0.9) == rules["keras"].band
    assert experiment.review_band("pytorch") == rules["pytorch"].band


def test_an_operating_point_of_no_network_is_refused(tiny: Experiment) -> None:
    """The error names the unknown framework and those that exist."""
    with pytest.raises(ExperimentError, match="pytorch, keras") as error:
        make_rules(tiny, {"jax": 0.5})
    assert "has no jax network" in error.value.problem
