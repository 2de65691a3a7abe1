"""The evidence of the networks' features, weighed with that of the picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.errors import ExperimentError
from core.gate.appearance import NEARLY_EMPTY, GateFinding
from core.gate.head_ct import CLEARLY_UNLIKE, UNLIKE, HeadCt, judge_features


@pytest.mark.parametrize(
    ("outcome", "odd", "score", "expected"),
    [
        ("read", False, UNLIKE, "read"), ("read", False, UNLIKE - 0.1, "warn"),
        ("read", False, CLEARLY_UNLIKE - 0.1, "refuse"), ("warn", True, UNLIKE, "warn"),
        ("warn", True, UNLIKE - 0.1, "refuse"), ("warn", False, UNLIKE - 0.1, "warn"),
        ("refuse", True, 9.0, "refuse"), ("refuse", True, -9.0, "refuse"),
    ],
)  # fmt: skip
def test_features_and_picture_are_weighed_together(
    outcome: Any, odd: bool, score: float, expected: str
) -> None:
    """Features unlike head CT give a warning; with an odd picture, or clearly unlike, a refusal."""
    reasons = () if outcome == "read" else ("A reason.",)
    found = judge_features(GateFinding(outcome, reasons, brain_visible=False, odd=odd), score)
    assert (expected, False) == (found.outcome, found.brain_visible)
    assert reasons == found.reasons[: len(reasons)]
    assert (score < UNLIKE and outcome != "refuse") == (len(found.reasons) > len(reasons))


def test_the_tip_of_a_head_is_not_judged_by_features() -> None:
    """A slice that shows too little stays as it was, also with a further reason."""
    doubted = replace(NEARLY_EMPTY, reasons=(*NEARLY_EMPTY.reasons, "A doubt."))
    assert [NEARLY_EMPTY, doubted] == [judge_features(one, -9.0) for one in (NEARLY_EMPTY, doubted)]


def test_scores_are_the_mean_over_frameworks() -> None:
    """A score is the weighted sum of features and the constant, averaged over frameworks."""
    known = HeadCt({"pytorch": np.float32([1, 2, 3]), "keras": np.float32([0, -1, 1])})
    features = {"pytorch": np.float32([[1, 1], [0, 2]]), "keras": np.float32([[5, 1], [1, 0]])}
    assert [(6 + 0) / 2, (7 + 1) / 2] == known.scores(features).tolist()
    with pytest.raises(ExperimentError, match="do not fit the keras network"):
        known.scores(features | {"keras": np.zeros((1, 3), np.float32)})
