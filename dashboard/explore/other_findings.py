"""In the dialog of one case: the answers of the panel's networks that look for other findings."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from core.errors import StrokeError
from core.experiments import Experiment, default_names
from core.reading import combine_outcomes, decide
from core.reports import shorten_outcome
from dashboard.readings import Pictures, pictures
from dashboard.shared import components, loaders, name_finding


def show_other_findings(experiment: Experiment, case: pd.Series[Any], root: Pictures | None) -> None:
    """Show a line for each other finding; nothing where its networks have not read the slice and cannot."""
    found, _ = loaders.experiments()
    for other in found:
        if other.name not in default_names() or other.finding == experiment.finding:
            continue
        scores, origin = _find_scores(other, case, root)
        if not scores:
            continue
        answers = []
        for name, score in scores.items():
            threshold = other.threshold(name)
            answers.append(decide(score, threshold, other.review_band(name, threshold=threshold)))
        outcome = combine_outcomes(answers)
        each = ", ".join(f"{components.name_framework(name)} {score:.2f}" for name, score in scores.items())
        words = components.name_outcome(outcome, shorten_outcome(outcome))
        st.markdown(f"{name_finding(other.finding)}: {each} · {words} :gray[({origin})]")


def _find_scores(
    other: Experiment, case: pd.Series[Any], root: Pictures | None
) -> tuple[dict[str, float], str]:
    """Return the probabilities of a slice, out of sample where known, and where they are from."""
    known = loaders.cases(other)
    recorded = known[known["sha256"] == case["sha256"]]
    if len(recorded):
        row = recorded.iloc[0]
        return {name: float(row[name]) for name in other.frameworks}, f"{other.name}, out of sample"
    if root is None:
        return {}, ""
    try:
        reading = pictures.read_case(other, root, case["file"], case["sha256"], None)
    except StrokeError:
        return {}, ""
    return (reading.probabilities, other.name) if reading else ({}, "")
