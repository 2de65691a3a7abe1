"""Show the sources of a manifest, its counts, and the lines that are not used."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.audit import SourceCounts, count_sources
from core.datasets import Dataset
from core.manifests import Source
from dashboard.shared import components


def show_manifest(found: Dataset) -> None:
    """Show counts, warnings, the sources, and the lines that are not used."""
    st.markdown(f"**A manifest**, {components.plain(found.manifest.name if found.manifest else '')}")
    table = found.table
    labels = table["slice_label"]
    with st.container(key="counts"):
        columns = st.columns(4)
    columns[0].metric("Slices", f"{len(table):,}")
    n_patients = table.loc[table["patient"] != "", "patient"].nunique()
    columns[1].metric("Patients", f"{n_patients:,}" if n_patients else "unknown")
    columns[2].metric("Slices with a hemorrhage", f"{int((labels == 1).sum()):,}")
    columns[3].metric("Slices without", f"{int((labels == 0).sum()):,}")
    st.caption("The steps below use the slices with a known label that are not kept aside.")
    if found.warnings:
        words = "\n".join(f"- {components.plain(warning)}" for warning in found.warnings)
        st.warning(words, icon=components.SIGNS["warning"])
    counts = count_sources(found)
    st.dataframe(tabulate_sources(counts), hide_index=True, key="sources")
    for one in counts:
        st.caption(describe_source(one.source, found.findings))
    if found.refused:
        n = len(found.refused)
        with st.expander(f"{'1 line is' if n == 1 else f'{n:,} lines are'} not used, or only in part"):
            lines = [
                {"line": one["line"], "file": one["file"], "reason": one["message"]} for one in found.refused
            ]
            st.dataframe(lines, hide_index=True)


def describe_source(source: Source, findings: Sequence[str]) -> str:
    """Return the terms of a source, and what its silence on each finding means, as Markdown."""
    terms = [f"Terms: {source.terms}."] if source.terms else []
    silence = "; ".join(map(source.describe_silence, findings))
    words = " ".join([*terms, f"{silence[0].upper()}{silence[1:]}."])
    return f"**{components.plain(source.name or 'The source')}.** {components.plain(words)}"


def tabulate_sources(counts: tuple[SourceCounts, ...]) -> pd.DataFrame:
    """Return one row per source: its name, and its counts by label of each finding."""
    rows = []
    for one in counts:
        row = {"source": one.source.name or "no name", "title": one.source.title, "slices": one.n_slices}
        row["patients"] = f"{one.n_patients:,}" if one.n_patients else "unknown"
        for finding, labels in one.labels.items():
            row[finding] = f"{labels.present:,} present, {labels.absent:,} absent, {labels.unknown:,} unknown"
        row |= {"kept aside": one.n_kept, "vendors": ", ".join(one.vendors)}
        rows.append(row)
    return pd.DataFrame(rows)
