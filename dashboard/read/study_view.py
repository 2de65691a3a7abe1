"""A scan of many slices on Read a scan: the verdict on the study, and the slice that is looked at."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.experiments import Experiment
from core.reading import RULE, Findings, SliceFinding
from core.reports import explain_no_verdict, find_most_suspicious
from dashboard.readings import Reading
from dashboard.shared import WORDS, components, state


def show_verdict(experiment: Experiment, findings: Findings, *, unfinished: bool = False) -> None:
    """What both networks say of the whole study, and by which rule; nothing yet while it is being read."""
    if unfinished:
        st.header("Reading the study", anchor=False)
        st.markdown(f"The verdict comes with the last slice: it is {RULE}.")
        return
    if not findings.verdicts:
        st.header("No verdict on this study", anchor=False)
        st.markdown(explain_no_verdict(findings))
        return
    verdicts = findings.verdicts
    said = {verdict.positive for verdict in verdicts.values()}
    if len(said) == 1:
        st.header(components.name_decision(experiment, said.pop()), anchor=False)
    else:
        st.header(f":{WORDS['review']}[{components.SIGNS['disagree']} The networks disagree]", anchor=False)
    lines = []
    for name, verdict in verdicts.items():
        near = f" :{WORDS['review']}[{components.SIGNS['review']} needs review]" if verdict.review else ""
        lines.append(
            f"{components.name_framework(name)} **{verdict.score:.2f}** "
            f"{components.name_decision(experiment, verdict.positive)} "
            f"(operating point of studies {verdict.threshold:.2f}){near}"
        )
    n_counted = next(iter(verdicts.values())).n_counted
    st.markdown("  \n".join(lines))
    st.caption(f"Of the study: {RULE}; {n_counted} of {len(findings.slices)} do. It is no probability.")


def choose_slice(reading: Reading) -> tuple[SliceFinding, Callable[[int], None]]:
    """The slice that a visitor looked at last, at first the most suspicious one; and how to go to another."""
    findings = reading.findings
    assert findings is not None
    kept = int(state.recall("slice", findings.sha256, find_most_suspicious(findings).index))
    last = len(findings.slices) - 1

    def go_to(index: int) -> None:
        state.remember("slice", findings.sha256, max(0, min(last, int(index))))

    return findings.slices[min(kept, last)], go_to
