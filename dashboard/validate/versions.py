"""The figures of each version of an experiment: its networks before and now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.evaluation import list_measures
from core.experiments import Experiment, read_history
from core.sources import describe_version
from dashboard.shared import components, compute_once, loaders
from dashboard.validate.side_by_side import SIDES

_KEYS = ("auroc", "average_precision", "recall", "specificity")
_KIND, _MOST_KNOWN = "versions", 8  # of the store shared by all visitors


def show_versions(experiment: Experiment) -> None:
    """Show the figures of all versions; nothing for the first one."""
    history = read_history(experiment)
    if not history:
        return
    shown = st.expander("How the networks changed", key="versions", on_change="rerun")
    with shown:
        # Only when open, because the figures take time to compute.
        if not shown.open:
            return
        key = (experiment.digest, *map(loaders.key_of, loaders.validations(experiment)))
        today = compute_once(_KIND, key, _MOST_KNOWN, lambda: describe_version(experiment))
        st.table(
            list_rows([*history, today]), hide_index=True, border="horizontal",
            alt="Results of each version of the networks",
        )  # fmt: skip
        st.caption(
            "Own data set: results out of sample on the data set of that version. Other scans: results of "
            "the networks of the page *Read a scan*, on the slices kept aside if there are any. Each version "
            "has its own thresholds. In brackets: 95 % intervals. A site calibration belongs to one version: "
            "for a new version, validate on the site's scans and calibrate again."
        )


def list_rows(versions: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the table: a row for each version, set of scans and network."""
    titles = {one.key: one.title for kind in ("ranking", "rate") for one in list_measures(kind)}
    return [
        {
            "Version": str(version["version"]) if not (place or number) else "",
            "Scans": "" if number else _name(row),
            "Slices (positive)": "" if number else f"{row['n']:,} ({row['positives']:,})",
            "Network": components.name_framework(framework),
            **{titles[key]: _write(figures[key], key in ("recall", "specificity")) for key in _KEYS},
        }
        for version in versions
        for place, row in enumerate(version["figures"])
        for number, (framework, figures) in enumerate(row["models"].items())
    ]


def _name(row: Mapping[str, Any]) -> str:
    scans = components.plain(row["scans"])
    if row["where"] == "elsewhere":
        return f"{scans}, {'kept aside' if row['kept'] else 'all slices'}"
    own = SIDES["home"]
    return own if row["where"] == "home" else f"{own}, {scans}"


def _write(figure: Mapping[str, Any], percent: bool) -> str:
    """Return a figure without the reason why it cannot be estimated, which would fill the table."""
    return ":gray[not estimable]" if figure["value"] is None else components.write_figure(figure, percent)
