"""Thresholds and review bands that hold on several sources."""

import numpy as np
import pytest
from scipy.stats import binom

from core.errors import EvaluationError
from core.evaluation.review import MAX_SHARE, choose_band, in_band
from core.evaluation.sources import (
    CONFIDENCE,
    FEWEST_NEGATIVES,
    MAX_FALSE,
    TIE,
    Source,
    bound_negatives,
    choose_slice_band,
    choose_study_band,
    choose_threshold,
    leave_each_out,
    rate_source,
)


def make_source(n_positive, n_negative, shift=0.0, seed=0):
    """Return a source whose positives score higher; `shift` moves all its scores on the logit scale."""
    rng = np.random.default_rng(seed)
    positive = np.repeat([True, False], [n_positive, n_negative])
    logits = rng.normal(np.where(positive, 1.0, -1.0) + shift, 1.0)
    return Source(positive, 1 / (1 + np.exp(-logits)))


@pytest.fixture
def sources():
    """Return home, a hospital of sick patients only, and one without any."""
    return {
        "home": make_source(60, 200),
        "sick": make_source(40, 0, 0.3, 1),
        "well": make_source(0, 90, 0.8, 2),
    }


def average(sources, threshold):
    """Return mean sensitivity plus mean specificity, by plain counting."""
    recalls = [
        (one.score[one.positive] >= threshold).mean() for one in sources.values() if one.positive.any()
    ]
    rates = [
        (one.score[~one.positive] < threshold).mean() for one in sources.values() if (~one.positive).any()
    ]
    return np.mean(recalls) + np.mean(rates)


def test_the_threshold_is_as_good_as_any_over_all_sources(sources):
    """No score as a threshold has a mean sensitivity and specificity more than the tie above it."""
    chosen = choose_threshold(sources)
    best = max(average(sources, score) for one in sources.values() for score in one.score)
    assert 0 <= best - average(sources, chosen) <= 2 * TIE


def test_every_source_counts_alike(sources):
    """Rows of one source repeated many times change no threshold."""
    many = Source(np.tile(sources["home"].positive, 20), np.tile(sources["home"].score, 20))
    assert choose_threshold(sources) == pytest.approx(choose_threshold(sources | {"home": many}))


def test_a_source_without_the_finding_raises_the_threshold(sources):
    """False flags elsewhere have a say."""
    assert choose_threshold(sources) > choose_threshold({"home": sources["home"]})


def test_a_class_that_no_source_has_is_refused(sources):
    """Without negatives anywhere no threshold is chosen; fewer than 20 do not count."""
    with pytest.raises(EvaluationError, match="20 rows without the finding"):
        choose_threshold({"sick": sources["sick"], "few": make_source(0, 19)})


def test_a_source_is_rated_by_counting():
    """A source of both classes is compared with its best threshold; one of a single class has its rate."""
    both = Source(np.array([True, True, False, False]), np.array([0.9, 0.3, 0.4, 0.1]))
    assert {"recall": 0.5, "specificity": 1.0, "balanced_accuracy": 0.75, "best": 0.75} == rate_source(
        both, 0.5
    )
    well = Source(np.array([False, False]), np.array([0.4, 0.6]))
    expected = {"recall": None, "specificity": 0.5, "balanced_accuracy": 0.5, "best": None}
    assert expected == rate_source(well, 0.5)


def test_a_band_of_slices_is_the_narrowest_of_the_sources(sources):
    """It holds at most the share of every source, and reaches as far as one of them allows."""
    low, high = choose_slice_band(sources, 0.5)
    for one in sources.values():
        assert in_band(one.score, (low, high)).mean() <= MAX_SHARE
    own = [choose_band(one.score, 0.5) for one in sources.values()]
    assert (low, high) in own


def test_a_study_is_flagged_above_what_studies_without_the_finding_reach(sources):
    """The upper edge is that of the worst source; the lower edge is not above the threshold."""
    low, high = choose_study_band(sources, 0.5)
    worst = max(bound_negatives(sources[name].score[~sources[name].positive]) for name in ("home", "well"))
    assert (low, high) == (0.5, worst)
    assert worst == bound_negatives(sources["well"].score)


def test_a_band_of_studies_widens_downwards_where_there_is_room():
    """If few studies lie near the threshold, the lower edge falls until the share is inside."""
    calm = Source(
        np.repeat([True, False], 50), np.append(np.linspace(0.8, 0.99, 50), np.linspace(0.01, 0.4, 50))
    )
    low, high = choose_study_band({"calm": calm}, 0.6)
    assert high == 0.6
    assert low < 0.4
    assert in_band(calm.score, (low, high)).mean() <= MAX_SHARE


def test_the_bound_holds_with_its_confidence():
    """In repeated samples, at least nine in ten bounds are exceeded by at most one in twenty."""
    rng = np.random.default_rng(0)
    bounds = [bound_negatives(rng.random(85)) for _ in range(2000)]
    assert np.mean([1 - bound <= MAX_FALSE for bound in bounds]) >= CONFIDENCE - 0.02
    assert binom.cdf(1, 85, MAX_FALSE) <= 1 - CONFIDENCE < binom.cdf(2, 85, MAX_FALSE)


def test_the_limit_needs_enough_studies():
    """From FEWEST_NEGATIVES on, even the highest score may be below the limit in at most one case of ten."""
    assert 1 - CONFIDENCE >= (1 - MAX_FALSE) ** FEWEST_NEGATIVES
    assert 1 - CONFIDENCE < (1 - MAX_FALSE) ** (FEWEST_NEGATIVES - 1)


def test_each_source_is_rated_at_the_threshold_of_the_others(sources):
    """The source left out has no say; rows handed in stand for its own."""
    held_out = make_source(30, 30, seed=5)
    found = leave_each_out(sources, {"home": held_out})
    others = {name: one for name, one in sources.items() if name != "home"}
    expected = {"threshold": choose_threshold(others), **rate_source(held_out, choose_threshold(others))}
    assert expected == found["home"]
    assert (
        "without the finding"
        in leave_each_out({"sick": sources["sick"], "home": sources["home"]}, {})["home"]["reason"]
    )
