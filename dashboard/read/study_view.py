"""The result of a scan on Read a scan: outcome, reasons and scores; and the slice on screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from core.experiments import Experiment
from core.reading import RULE, Findings, SliceFinding, name_outcome
from core.reports import (
    choose_report_slices,
    describe_agreement,
    describe_decider,
    describe_worth,
    list_gaps,
    title_outcome,
)
from dashboard.readings import Reading
from dashboard.shared import ScaleRow, components, loaders, overlays, state


def show_conclusion(experiment: Experiment, findings: Findings, *, named: bool = False) -> None:
    """Show the outcome as the headline, why, whether the networks agree, and how far to trust it.

    Args:
        experiment: whose networks.
        findings: on the scan.
        named: whether the headline begins with the finding, because there are several.
    """
    conclusion = findings.conclusion
    key = (
        f"outcome_{conclusion.outcome}_{experiment.finding_key}" if named else f"outcome_{conclusion.outcome}"
    )
    with st.container(key=key, gap="xsmall"):
        words = (title_outcome if named else name_outcome)(conclusion.outcome, experiment.finding)
        st.header(components.name_outcome(conclusion.outcome, words), anchor=False)
        sign = components.name_outcome("incomplete", "Study incomplete:")
        lines = [components.sentence(reason) for reason in conclusion.reasons]
        lines += [f"{sign} {components.plain(reason)}" for reason in list_gaps(findings)]
        if lines:
            st.markdown("  \n".join(lines))
        agreement, limit = describe_agreement(experiment, findings)
        if agreement:
            st.markdown(f"{agreement} :small[:gray[{limit}]]" if limit else agreement)
        if worth := describe_worth(experiment, findings, loaders.flags(experiment)):
            st.caption(components.plain(worth))


def show_origin(panel: Sequence[Experiment], reading: Reading) -> None:
    """Show the name of the scan and what decided, for findings that were judged."""
    with st.container(key="name_of_scan"):
        st.text(reading.name)
    judged = [
        (experiment.finding, describe_decider(experiment, part))
        for experiment, part in zip(panel, reading.parts, strict=True)
        if part.conclusion.outcome != "not_judged"
    ]
    said = list(dict.fromkeys(sentence for _, sentence in judged))
    if len(said) > 1:
        said = [
            f"{finding.capitalize()}: {sentence[:1].lower()}{sentence[1:]}" for finding, sentence in judged
        ]
    for sentence in said:
        st.caption(components.plain(sentence))


def show_progress_note() -> None:
    """Say that the result follows, while a study is being read."""
    st.header("Reading the study", anchor=False)
    st.markdown(f"The result follows after the last slice. The score of a study is {RULE}.")


def show_scores(findings: Findings, *, briefly: bool = False) -> None:
    """Show each network's score with its threshold and review band; nothing if the scan was not judged.

    Args:
        findings: on the scan.
        briefly: whether the rule behind a study's score waits in a tooltip.
    """
    rows = [
        ScaleRow(name, verdict.score, verdict.threshold, verdict.band)
        for name, verdict in findings.verdicts.items()
        if verdict.score is not None
    ]
    if not rows or findings.conclusion.outcome == "not_judged":
        return
    is_study = len(findings.slices) > 1
    n_counted = next(iter(findings.verdicts.values())).n_counted
    rule = (
        f"The score is {RULE}; {n_counted} of {len(findings.slices)} slices count here. It is "
        "not the probability that the study is positive; compare it only with its threshold. "
        "Each slice is read alone."
    )
    st.caption(
        "Score of the study" if is_study else "Probability of this slice",
        help=rule if is_study and briefly else None,
    )
    text = ". ".join(row.describe() for row in rows)
    st.image(overlays.render_scales(rows, state.palette()), width="stretch", alt=text)
    if is_study and not briefly:
        st.caption(rule)


def choose_slice(reading: Reading) -> tuple[SliceFinding, Callable[[int], None]]:
    """Return the slice on screen, at first the top key slice, and a function to go to another index."""
    findings = reading.findings
    assert findings is not None
    index = int(state.recall("slice", findings.sha256, choose_report_slices(findings)[0]))
    last = len(findings.slices) - 1

    def go_to(index: int) -> None:
        state.remember("slice", findings.sha256, max(0, min(last, int(index))))

    return findings.slices[min(index, last)], go_to
