"""Logistic fits for many weightings at once, checked against statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm

from core.evaluation.logistic import distribute_to_nodes, fit_lines


@pytest.fixture
def cloud():
    """Return 400 values of x, labels that depend on x, and five weightings."""
    rng = np.random.default_rng(4)
    x = rng.normal(-1, 2, 400)
    positive = rng.random(400) < 1 / (1 + np.exp(-(0.5 + 0.7 * x)))
    return x, positive, rng.integers(0, 4, (5, 400)).astype(float)


def exact(x, positive, weights, **fixed):
    """Return the fits without nodes."""
    return fit_lines(x, weights, weights @ positive, weights @ (x * positive), **fixed)


def test_lines_equal_statsmodels(cloud):
    """Intercept and slope are those of a binomial GLM with frequency weights."""
    x, positive, weights = cloud
    for line, w in zip(exact(*cloud), weights, strict=True):
        model = sm.GLM(positive, sm.add_constant(x), family=sm.families.Binomial(), freq_weights=w)
        np.testing.assert_allclose(model.fit().params, line, atol=1e-6)


def test_lines_with_a_fixed_parameter_equal_statsmodels(cloud):
    """A fixed slope, and a fixed intercept, give the lines of GLMs with an offset."""
    x, positive, weights = cloud
    binomial = sm.families.Binomial()
    fixed_slope, fixed_intercept = exact(*cloud, slope=1.0), exact(*cloud, intercept=0.3)
    for row, w in enumerate(weights):
        offset = sm.GLM(positive, np.ones((400, 1)), family=binomial, freq_weights=w, offset=x).fit()
        np.testing.assert_allclose([offset.params[0], 1.0], fixed_slope[row], atol=1e-6)
        alone = sm.GLM(positive, x[:, None], family=binomial, freq_weights=w, offset=np.full(400, 0.3)).fit()
        np.testing.assert_allclose([0.3, alone.params[0]], fixed_intercept[row], atol=1e-6)


def test_lines_on_nodes_equal_lines_on_the_points(cloud):
    """Distributing x to nodes changes no line by more than 1e-4."""
    x, positive, weights = cloud
    nodes, masses = distribute_to_nodes(x, np.arange(400), 400)
    found = fit_lines(nodes, weights @ masses, weights @ positive, weights @ (x * positive))
    np.testing.assert_allclose(exact(*cloud), found, atol=1e-4)


def test_nodes_preserve_sums_of_smooth_functions():
    """In each group, sums of cubic polynomials are exact, and sums of a logistic function nearly so."""
    rng = np.random.default_rng(1)
    x, codes = rng.uniform(-13.8, 13.8, 300), rng.integers(0, 3, 300)
    nodes, masses = distribute_to_nodes(x, codes, 3)
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
    """Separated classes, equal x and one class have no estimate."""
    x, positive = np.array(x), np.array(positive, bool)
    assert np.isnan(exact(x, positive, np.ones((1, 4)))).all()


def test_a_slope_alone_separating_is_nan():
    """With a fixed intercept between separated classes, the slope would be infinite and is NaN."""
    found = exact(np.array([-1.4, 1.4]), np.array([False, True]), np.ones((1, 2)), intercept=0.0)
    assert np.isnan(found).all()


def test_lines_are_found_where_plain_newton_steps_oscillate(cloud):
    """The line is found for reversed labels and for x far from zero."""
    x, positive, weights = cloud
    for far in (8 * x, 8 * x + 60):
        for labels in (positive, ~positive):
            found = exact(far, labels, weights[:1], intercept=0.0)
            model = sm.GLM(labels, far[:, None], family=sm.families.Binomial(), freq_weights=weights[0])
            np.testing.assert_allclose(model.fit(start_params=[0.0]).params[0], found[0, 1], atol=1e-6)


def test_lines_of_narrow_x_far_from_zero(cloud):
    """Large intercepts and slopes of opposite sign are those of statsmodels."""
    x, positive, weights = cloud
    narrow = 8 + x / 100
    model = sm.GLM(positive, sm.add_constant(narrow), family=sm.families.Binomial(), freq_weights=weights[0])
    np.testing.assert_allclose(model.fit().params, exact(narrow, positive, weights[:1])[0], rtol=1e-6)


def test_a_failing_fit_does_not_affect_the_others(cloud):
    """A weighting of one class gives NaN in its row only."""
    x, positive, weights = cloud
    weights = np.vstack([weights[:1], positive[None].astype(float), weights[1:2]])
    found = exact(x, positive, weights)
    assert [False, True, False] == np.isnan(found[:, 1]).tolist()
    np.testing.assert_allclose(exact(*cloud)[:2], found[[0, 2]])


@pytest.mark.parametrize("start", [(0.4, 0.6), (3.0, -1.0), (np.nan, np.nan)])
def test_any_start_leads_to_the_same_lines(cloud, start):
    """A near, a far or an unknown start gives the same lines, also with a fixed slope."""
    np.testing.assert_allclose(exact(*cloud), exact(*cloud, start=start), atol=1e-6)
    np.testing.assert_allclose(exact(*cloud, slope=1.0), exact(*cloud, slope=1.0, start=start), atol=1e-6)
