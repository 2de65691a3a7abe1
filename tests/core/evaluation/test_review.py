"""The review band around an operating point."""

import numpy as np
import pytest

from core.errors import EvaluationError
from core.evaluation.calibration import logit
from core.evaluation.review import choose_band, in_band


@pytest.mark.parametrize("threshold", [0.0, 0.02, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("n", [1, 6, 7, 40, 2501])
def test_it_is_the_widest_with_the_share_or_less(n, threshold):
    """The band holds as many rows as fit into 15 %, and is symmetric on the logit scale."""
    scores = np.random.default_rng(n).random(n)
    low, high = choose_band(scores, threshold)
    assert int(0.15 * n) == in_band(scores, (low, high)).sum()
    centre = logit(threshold)
    inner = np.clip([low, high], 1e-300, 1 - 1e-16)
    reach = np.log(inner / (1 - inner)) - centre
    assert pytest.approx(-reach[0], abs=1e-4) == reach[1]


def test_ties_at_the_edge_stay_out():
    """If equal scores do not all fit, none of them is inside."""
    scores = np.array([0.5] * 10 + [0.6] * 50 + [0.1] * 40)
    low, high = choose_band(scores, 0.5)
    assert 10 == in_band(scores, (low, high)).sum()
    low, high = choose_band(scores, 0.6)
    assert low == high == pytest.approx(0.6)
    assert 0 == in_band(scores, (low, high)).sum()


def test_an_edge_is_far_from_any_score():
    """The edge is midway, on the logit scale, between the last score inside and the first outside."""
    scores = 1 / (1 + np.exp(-np.array([0.2, 1.0, 2.0, 3.0, 4.0])))
    low, high = choose_band(scores, 0.5, share=0.4)
    assert pytest.approx([-1.5, 1.5]) == [logit(low), logit(high)]


@pytest.mark.parametrize(
    ("scores", "threshold", "share"),
    [
        ([], 0.5, 0.15),
        ([np.nan, 0.2], 0.5, 0.15),
        ([0.1], np.nan, 0.15),
        ([0.1], 0.5, 1.0),
        ([0.1], 0.5, -0.1),
    ],
)
def test_invalid_arguments_are_refused(scores, threshold, share):
    """No scores, NaN and an impossible share are refused."""
    with pytest.raises(EvaluationError, match="review band"):
        choose_band(scores, threshold, share=share)
