"""Withhold the figures that need a class with too few members: too little to estimate anything from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.evaluation import list_keys, without_value

# Fewest members of a class, and fewest labeled slices of a validation.
MIN_SLICES = 20

_POSITIVES, _NEGATIVES = ("recall",), ("specificity",)
# The share of right decisions and the distances of probabilities from labels need no particular class.
_NEITHER = ("accuracy", "brier", "calibration_error")
_KINDS = {"slice": "slices", "patient": "patients"}


def withhold_figures(level: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return a LEVEL of evaluate/2 without the figures that need a class with fewer than MIN_SLICES members.

    Args:
        level: the LEVEL; it is not changed.
        kind: "slice" or "patient".

    >>> from core.evaluation import make_empty_level
    >>> small = {**make_empty_level(""), "n": 30, "positives": 3, "specificity": {"value": 0.5}}
    >>> found = withhold_figures(small, "slice")
    >>> found["specificity"]["value"], found["auroc"]["reason"]
    (0.5, 'not estimable: it needs at least 20 positive slices; there are 3')
    """
    if level["n"] is None:
        return dict(level)
    counts = {"positive": level["positives"], "negative": level["n"] - level["positives"]}
    lacking = {
        name: f"not estimable: it needs at least {MIN_SLICES} {name} {_KINDS[kind]}; there are {n}"
        for name, n in counts.items()
        if n < MIN_SLICES
    }
    return _withhold(level, lacking) if lacking else dict(level)


def _withhold(level: Mapping[str, Any], lacking: Mapping[str, str]) -> dict[str, Any]:
    reason = next(iter(lacking.values()))
    found = {**level, **_replace(level, lacking)}
    found["operating_points"] = {
        rule: {
            **point,
            **_replace(point, lacking),
            "predictive_values": _replace_predictions(point["predictive_values"], reason),
            "review": {**point["review"], **_replace(point["review"], lacking)},
        }
        for rule, point in level["operating_points"].items()
    }
    found["predictive_values"] = _replace_predictions(level["predictive_values"], reason)
    found["review"] = {**level["review"], **_replace(level["review"], lacking)}
    found["calibration"] = {
        key: {**part, **_replace(part, lacking)} if key in ("before", "after") else part
        for key, part in level["calibration"].items()
    }
    found["decision_curve"] = {"reason": reason}
    return found


def _replace(figures: Mapping[str, Any], lacking: Mapping[str, str]) -> dict[str, Any]:
    """Return the withheld ones of the figures, each with its reason."""
    withheld = {}
    for key in set(list_keys()) & set(figures) - set(_NEITHER):
        needed = (
            ("positive",) if key in _POSITIVES else ("negative",) if key in _NEGATIVES else tuple(lacking)
        )
        if reasons := [lacking[name] for name in needed if name in lacking]:
            withheld[key] = without_value(reasons[0])
    return withheld


def _replace_predictions(predictions: list[dict[str, Any]], reason: str) -> list[dict[str, Any]]:
    return [{**one, "ppv": without_value(reason), "npv": without_value(reason)} for one in predictions]
