"""A study on Read a scan: its verdict, and the slice on screen."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.experiments import Experiment
from core.reading import RULE, Findings, SliceFinding
from core.reports import explain_no_verdict, find_most_suspicious
from dashboard.readings import Reading
from dashboard.shared import WORDS, components, state


def show_verdict(experiment: Experiment, findings: Findings, *, unfinished: bool = False) -> None:
    """Show each network's verdict on the study and the rule; while the study is being read, only the rule."""
    if unfinished:
        st.header("Reading the study", anchor=False)
        st.markdown(f"The result follows after the last slice. The score of a study is {RULE}.")
        return
    if not findings.verdicts:
        st.header("No result for this study", anchor=False)
        st.markdown(explain_no_verdict(findings))
        return
    verdicts = findings.verdicts
    decisions = {verdict.positive for verdict in verdicts.values()}
    if len(decisions) == 1:
        st.header(components.name_decision(experiment, decisions.pop()), anchor=False)
    else:
        st.header(f":{WORDS['review']}[{components.SIGNS['disagree']} The networks disagree]", anchor=False)
    lines = []
    for name, verdict in verdicts.items():
        near = f" :{WORDS['review']}[{components.SIGNS['review']} needs review]" if verdict.review else ""
        lines.append(
            f"{components.name_framework(name)} **{verdict.score:.2f}** "
            f"{components.name_decision(experiment, verdict.positive)} "
            f"(threshold {verdict.threshold:.2f}){near}"
        )
    n_counted = next(iter(verdicts.values())).n_counted
    st.markdown("  \n".join(lines))
    st.caption(
        f"Score of the study: {RULE} ({n_counted} of {len(findings.slices)} slices). It is not the "
        "probability that the study is positive; compare it only with its threshold. Each slice is read "
        "alone."
    )


def choose_slice(reading: Reading) -> tuple[SliceFinding, Callable[[int], None]]:
    """Return the slice on screen, at first the most suspicious one, and a function to go to another index."""
    findings = reading.findings
    assert findings is not None
    index = int(state.recall("slice", findings.sha256, find_most_suspicious(findings).index))
    last = len(findings.slices) - 1

    def go_to(index: int) -> None:
        state.remember("slice", findings.sha256, max(0, min(last, int(index))))

    return findings.slices[min(index, last)], go_to
