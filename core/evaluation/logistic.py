"""Fit many weighted logistic regressions on one variable at once, by Newton's method.

A bootstrap needs thousands of fits to the same slices with different weights. The likelihood depends on the
slices only through sums of smooth functions of x. These sums are approximated on a fixed grid of nodes: each
x is distributed to its four neighboring nodes with the weights of cubic interpolation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.evaluation.metrics import Floats

_SPACING = 0.125  # of nodes, in logits; lines then differ from exact ones by less than 1e-4
_MAX_STEPS = 200  # a few suffice, unless the classes hardly overlap
_MAX_STEP = 2.0  # longer steps are shortened, since Newton's method may overshoot and diverge
_TOLERANCE = 1e-4  # of the last step; convergence is quadratic, so the error is about its square
_DIVERGED = 200.0  # if x separates the classes, the estimate diverges to infinity


def distribute_to_nodes(x: Floats, codes: NDArray[np.intp], n_groups: int) -> tuple[Floats, Floats]:
    """Return nodes (m,), and the mass of each group's x (n,) on them (n_groups, m).

    For a cubic polynomial f, masses @ f(nodes) is exactly the sum of f(x) in each group.

    >>> nodes, masses = distribute_to_nodes(np.array([0.3, 0.7, -1.0]), np.array([0, 0, 1]), 2)
    >>> (masses @ nodes**3).round(6).tolist()
    [0.37, -1.0]
    """
    first = np.floor(x / _SPACING).astype(int)
    start = first.min() - 1
    nodes = np.arange(start, first.max() + 3) * _SPACING
    t = x / _SPACING - first  # in [0, 1) between the second and third of four nodes
    lagrange = (
        -t * (t - 1) * (t - 2) / 6,
        (t + 1) * (t - 1) * (t - 2) / 2,
        -(t + 1) * t * (t - 2) / 2,
        (t + 1) * t * (t - 1) / 6,
    )
    masses = np.zeros((n_groups, len(nodes)))
    for offset, part in enumerate(lagrange):
        np.add.at(masses, (codes, first - start - 1 + offset), part)
    return nodes, masses


def fit_lines(
    x: Floats,
    masses: NDArray[np.floating],
    n_positive: ArrayLike,
    x_of_positives: ArrayLike,
    *,
    intercept: float | None = None,
    slope: float | None = None,
    start: tuple[float, float] = (0.0, 0.0),
) -> Floats:
    """Return the maximum-likelihood lines (b, 2), intercept and slope, for b weightings of the same x (m,).

    The model is logit P(positive) = intercept + slope * x.

    Args:
        x: (m,) values.
        masses: (b, m) mass at each x.
        n_positive: (b,) mass of the positives.
        x_of_positives: (b,) weighted sum of x over the positives.
        intercept, slope: fixed at this value if given.
        start: (intercept, slope) to start from, for example the line of all rows; ignored if not finite.

    Returns:
        NaN where no finite estimate exists: one class only, all x equal, or classes separated by x (or so
        nearly that the slope is useless).

    >>> fit_lines(np.zeros(1), np.array([[4.0]]), [1.0], [0.0], slope=1.0).round(4).tolist()
    [[-1.0986, 1.0]]
    """
    mass = np.asarray(masses, np.float64)
    observed = np.stack([np.asarray(n_positive, float), np.asarray(x_of_positives, float)], axis=1)
    # Centered x avoids a strong correlation of intercept and slope.
    centre = mass.sum(axis=0) @ x / max(mass.sum(), 1e-300) if intercept is None and slope is None else 0.0
    x = x - centre
    observed[:, 1] -= centre * observed[:, 0]
    free = [k for k, value in enumerate((intercept, slope)) if value is None]
    k = len(free)
    design = np.stack([np.ones_like(x), x], axis=1)[:, free]  # (m, k)
    products = (design[:, :, None] * design[:, None, :]).reshape(len(x), k * k)
    spread = mass @ (design**2).sum(axis=1)
    start = start if np.all(np.isfinite(start)) else (0.0, 0.0)
    lines = np.empty((len(mass), 2))
    lines[:, 0] = start[0] + start[1] * centre if intercept is None else intercept
    lines[:, 1] = start[1] if slope is None else slope
    found = np.full_like(lines, np.nan)
    active = np.flatnonzero((observed[:, 0] > 0) & (observed[:, 0] < mass.sum(axis=1) * (1 - 1e-12)))
    for _ in range(_MAX_STEPS):
        if not active.size:
            break
        weight = mass if active.size == len(mass) else mass[active]
        line = lines[active]
        chance = line[:, 1:] * x
        chance += line[:, :1]
        _to_chance(chance)
        expected = weight * chance
        gradient = observed[active][:, free] - expected @ design
        np.subtract(1, chance, out=chance)
        expected *= chance
        hessian = (expected @ products).reshape(-1, k, k)
        scale = np.trace(hessian, axis1=1, axis2=2)
        # If the line separates every x with certainty, the likelihood is flat and the estimate diverges.
        regular = scale > 1e-9 * spread[active]
        determinant = _determinant(hessian)
        regular &= determinant > 1e-10 * scale**k
        if not regular.all():
            active, line, gradient, hessian, determinant = (
                part[regular] for part in (active, line, gradient, hessian, determinant)
            )
        step = _solve(hessian, gradient, determinant)
        longest = np.abs(step).max(axis=1, initial=0)
        line[:, free] += step * np.minimum(1, _MAX_STEP / np.maximum(longest, 1e-300))[:, None]
        lines[active] = line
        done = longest < _TOLERANCE
        found[active[done]] = line[done]
        active = active[~done & (np.abs(line).max(axis=1, initial=0) < _DIVERGED)]
    found[:, 0] -= found[:, 1] * centre
    return found


def _to_chance(z: Floats) -> None:
    """Convert logits of any shape to probabilities, in place; the hyperbolic tangent never overflows."""
    z *= 0.5
    np.tanh(z, out=z)
    z *= 0.5
    z += 0.5


def _determinant(matrices: Floats) -> Floats:
    """Return the determinants (b,) of b matrices, 1 x 1 or 2 x 2; NumPy's is slow for many small ones."""
    if matrices.shape[1] == 1:
        return matrices[:, 0, 0]
    return matrices[:, 0, 0] * matrices[:, 1, 1] - matrices[:, 0, 1] * matrices[:, 1, 0]


def _solve(matrices: Floats, values: Floats, determinants: Floats) -> Floats:
    """Return the solutions (b, k) of b systems of k = 1 or 2 equations, by Cramer's rule."""
    if matrices.shape[1] == 1:
        return values / determinants[:, None]
    (a, b), (c, d) = matrices.transpose(1, 2, 0)
    first, second = values.T
    return np.stack([d * first - b * second, a * second - c * first], axis=1) / determinants[:, None]
