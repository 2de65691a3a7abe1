"""Logistic fits for many weightings at once, against statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm

from core.evaluation.logistic import fit_lines, share_out


@pytest.fixture
def cloud():
    """400 x with labels that follow them loosely, and five weightings."""
    rng = np.random.default_rng(4)
    x = rng.normal(-1, 2, 400)
    positive = rng.random(400) < 1 / (1 + np.exp(-(0.5 + 0.7 * x)))
    return x, positive, rng.integers(0, 4, (5, 400)).astype(float)


def exact(x, positive, weights, **held):
    """The fits at the x themselves."""
    return fit_lines(x, weights, weights @ positive, weights @ (x * positive), **held)


def test_free_lines_equal_statsmodels(cloud):
    """Intercept and slope are those of a binomial GLM with frequency weights."""
    x, positive, weights = cloud
    for line, w in zip(exact(*cloud), weights, strict=True):
        model = sm.GLM(positive, sm.add_constant(x), family=sm.families.Binomial(), freq_weights=w)
        np.testing.assert_allclose(model.fit().params, line, atol=1e-6)


def test_held_lines_equal_statsmodels(cloud):
    """With the slope held, the intercept is that of an offset; with the intercept held, the slope's alone."""
    x, positive, weights = cloud
    binomial = sm.families.Binomial()
    held_slope, held_intercept = exact(*cloud, slope=1.0), exact(*cloud, intercept=0.3)
    for row, w in enumerate(weights):
        offset = sm.GLM(positive, np.ones((400, 1)), family=binomial, freq_weights=w, offset=x).fit()
        np.testing.assert_allclose([offset.params[0], 1.0], held_slope[row], atol=1e-6)
        alone = sm.GLM(positive, x[:, None], family=binomial, freq_weights=w, offset=np.full(400, 0.3)).fit()
        np.testing.assert_allclose([0.3, alone.params[0]], held_intercept[row], atol=1e-6)


def test_lines_on_nodes_equal_lines_on_the_points(cloud):
    """Sharing the x out to nodes moves no line by more than 1e-4."""
    x, positive, weights = cloud
    nodes, masses = share_out(x, np.arange(400), 400)
    found = fit_lines(nodes, weights @ masses, weights @ positive, weights @ (x * positive))
    np.testing.assert_allclose(exact(*cloud), found, atol=1e-4)


def test_sharing_out_keeps_sums_of_smooth_functions():
    """Group by group, sums of cubics are exact and those of a logistic function nearly so."""
    rng = np.random.default_rng(1)
    x, codes = rng.uniform(-13.8, 13.8, 300), rng.integers(0, 3, 300)
    nodes, masses = share_out(x, codes, 3)
    for function, tolerance in ((lambda v: v**3 - v, 1e-6), (lambda v: 1 / (1 + np.exp(-1.5 * v)), 1e-3)):
        expected = np.bincount(codes, function(x), 3)
        np.testing.assert_allclose(expected, masses @ function(nodes), atol=tolerance)


@pytest.mark.parametrize(
    ("x", "positive"),
    [
        ([0.0, 1.0, 2.0, 3.0], [0, 0, 1, 1]),
        ([0.0, 1.0, 1.0, 3.0], [0, 0, 1, 1]),
        ([2.0, 2.0, 2.0, 2.0], [0, 1, 0, 1]),
        ([0.0, 1.0, 2.0, 3.0], [0, 0, 0, 0]),
        ([0.0, 1.0, 2.0, 3.0], [1, 1, 1, 1]),
    ],
)
def test_no_finite_line_is_nan(x, positive):
    """Separated classes, equal x and one class have no estimate, whatever else is fitted beside them."""
    x, positive = np.array(x), np.array(positive, bool)
    assert np.isnan(exact(x, positive, np.ones((1, 4)))).all()


def test_a_slope_alone_separating_is_nan():
    """With the intercept held between two separated classes, the slope runs off to infinity and is NaN."""
    found = exact(np.array([-1.4, 1.4]), np.array([False, True]), np.ones((1, 2)), intercept=0.0)
    assert np.isnan(found).all()


def test_lines_are_found_from_far_away(cloud):
    """Against labels, or with x far off, where plain Newton steps swing to and fro, the line is found."""
    x, positive, weights = cloud
    for far in (8 * x, 8 * x + 60):
        for labels in (positive, ~positive):
            found = exact(far, labels, weights[:1], intercept=0.0)
            model = sm.GLM(labels, far[:, None], family=sm.families.Binomial(), freq_weights=weights[0])
            np.testing.assert_allclose(model.fit(start_params=[0.0]).params[0], found[0, 1], atol=1e-6)


def test_lines_of_narrow_x_far_from_zero(cloud):
    """Intercept and slope that are large and nearly opposite are found as statsmodels finds them."""
    x, positive, weights = cloud
    narrow = 8 + x / 100
    model = sm.GLM(positive, sm.add_constant(narrow), family=sm.families.Binomial(), freq_weights=weights[0])
    np.testing.assert_allclose(model.fit().params, exact(narrow, positive, weights[:1])[0], rtol=1e-6)


def test_a_failing_fit_leaves_the_others_alone(cloud):
    """A weighting of one class gives NaN in its row only."""
    x, positive, weights = cloud
    weights = np.vstack([weights[:1], positive[None].astype(float), weights[1:2]])
    found = exact(x, positive, weights)
    assert [False, True, False] == np.isnan(found[:, 1]).tolist()
    np.testing.assert_allclose(exact(*cloud)[:2], found[[0, 2]])


@pytest.mark.parametrize("start", [(0.4, 0.6), (3.0, -1.0), (np.nan, np.nan)])
def test_any_start_leads_to_the_same_lines(cloud, start):
    """A start near, not so near or unknown changes the way and not the lines, held ones included."""
    np.testing.assert_allclose(exact(*cloud), exact(*cloud, start=start), atol=1e-6)
    np.testing.assert_allclose(exact(*cloud, slope=1.0), exact(*cloud, slope=1.0, start=start), atol=1e-6)
