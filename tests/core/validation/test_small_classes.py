"""Figures that need a class with too few members are withheld, everywhere in a level."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.evaluation import Bootstrap, Rows, measure_level
from core.validation.small_classes import withhold_figures


def measure(n_positive: int, n_negative: int) -> dict[str, Any]:
    """Return a LEVEL with a review band."""
    rng = np.random.default_rng(0)
    label = np.repeat([True, False], [n_positive, n_negative])
    score = np.clip(0.5 + 0.2 * (label - 0.5) + rng.normal(0, 0.2, len(label)), 0.01, 0.99)
    rows = Rows(label, score, score, None, score)
    bootstrap = Bootstrap.over(None, len(label), n_resamples=20)
    return measure_level(rows, {"youden": 0.5}, "youden", bootstrap, bands={"youden": (0.45, 0.55)})[0]


def test_enough_of_both_changes_nothing() -> None:
    """With 20 members of each class nothing is withheld."""
    level = measure(20, 20)
    assert level == withhold_figures(level, "slice")


@pytest.mark.parametrize(("counts", "word", "kept"), [((19, 40), "positive", "specificity"),
                                                      ((40, 19), "negative", "recall")])  # fmt: skip
def test_a_small_class_takes_its_figures_along(counts: tuple[int, int], word: str, kept: str) -> None:
    """Rates, ranking, calibration, predictive values and the curve say why; the other class's rate stays."""
    level = measure(*counts)
    found = withhold_figures(level, "patient")
    reason = f"not estimable: it needs at least 20 {word} patients; there are 19"
    lost = {"recall", "specificity"} - {kept}
    for part in (found, found["operating_points"]["youden"], found["review"]):
        assert level[kept]["value"] is not None
        assert part[kept]["value"] is not None
        for key in (*lost, "precision", "npv", "f1", "balanced_accuracy"):
            assert {"value": None, "interval": None, "reason": reason} == part[key]
    for key in ("auroc", "average_precision", "calibration_slope", "calibration_intercept"):
        assert reason == found[key]["reason"]
    assert reason == found["calibration"]["after"]["calibration_slope"]["reason"]
    assert reason == found["calibration"]["before"]["auroc"]["reason"]
    assert {reason} == {one["ppv"]["reason"] for one in found["predictive_values"]}
    assert {"reason": reason} == found["decision_curve"]
    assert level["brier"] == found["brier"]
    assert level["confusion"] == found["confusion"]
