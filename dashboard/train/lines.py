"""Show the slices that a manifest offers a training run, and the lines that are not used."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.datasets import HEMORRHAGE
from core.manifests import FINDINGS, Manifest, get_finding
from dashboard.shared import components


def choose_finding(manifest: Manifest) -> str:
    """Let the visitor choose a finding if the manifest has labels of several; return its key."""
    labeled = [finding for finding in FINDINGS if manifest.select_trainable(finding)] or [HEMORRHAGE]
    if len(labeled) == 1:
        return labeled[0]
    return st.selectbox(
        "Finding",
        labeled,
        format_func=lambda key: get_finding(key).name.capitalize(),
        key="finding",
        help="\n\n".join(get_finding(key).counts for key in labeled),
    )


def show_lines(manifest: Manifest, finding: str) -> int:
    """Show the slices of each source, what is left out, and the faulty lines; return the usable slices.

    No file is opened, so unreadable ones are found when the training run begins.
    """
    first, *others = manifest.describe_training(finding)
    st.caption(first)
    st.dataframe(tabulate_rows(manifest, finding), hide_index=True, key="manifest_sources")
    for source in manifest.sources:
        silence = source.describe_silence(finding)
        name = components.plain(source.name or "The source")
        terms = f" Terms: {components.plain(source.terms)}." if source.terms else ""
        st.caption(f"**{name}:** {components.plain(silence)}.{terms}")
    for sentence in others:
        st.warning(sentence, icon=components.SIGNS["warning"])
    if manifest.problems:
        n = len(manifest.problems)
        with st.expander(f"{'1 line is' if n == 1 else f'{n:,} lines are'} not used, or only in part"):
            lines = [
                {"table": one.table, "line": one.line, "file": one.file, "reason": one.message}
                for one in manifest.problems
            ]
            st.dataframe(pd.DataFrame(lines), hide_index=True)
    return len(manifest.select_trainable(finding))


def tabulate_rows(manifest: Manifest, finding: str) -> pd.DataFrame:
    """Return one row per source: its slices to train on by label, and its patients."""
    used = manifest.select_trainable(finding)
    counts = manifest.count_trainable(finding)
    rows = []
    for source in manifest.sources:
        own = [row for row in used if row.source == source.name]
        patients = {row.patient for row in own if row.patient}
        rows.append(
            {
                "source": source.name or "no name",
                f"with an {get_finding(finding).name}": counts.get(source.name, (0, 0))[1],
                "without": counts.get(source.name, (0, 0))[0],
                "patients": f"{len(patients):,}" if patients else "unknown",
            }
        )
    return pd.DataFrame(rows)
