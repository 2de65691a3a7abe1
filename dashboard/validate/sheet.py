"""The main results of a validation on one page, for printing: its charts are on white in both themes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.errors import EvaluationError
from core.evaluation import list_measures
from core.experiments import Experiment
from core.validation import Validation
from dashboard.curves import point_charts
from dashboard.shared import LIGHT, charts, components, records
from dashboard.validate import curves, gate, groups, side_by_side

_KEYS = ("auroc", "average_precision", "recall", "specificity", "precision", "npv", "brier",
         "calibration_intercept", "calibration_slope")  # fmt: skip
_GROUP_KEYS = ("auroc", "recall", "specificity")
_CHART_PX = 320
_MOST_GROUPS = 6


def show_sheet(experiment: Experiment, validation: Validation, record: Mapping[str, Any], level: str) -> None:
    """Show the figures of both sides, the ROC curve, the input check and the sources, small."""
    measures = {
        one.key: one
        for one in (*list_measures("ranking"), *list_measures("rate"), *list_measures("calibration"))
    }
    with st.container(key="validate_sheet", gap="small"):
        rows, reasons = side_by_side.list_rows(record, level, [measures[key] for key in _KEYS])
        st.table(
            rows, hide_index=True, border="horizontal", alt="Results on the own data set and the new scans"
        )
        with st.container(key="validate_sheet_charts"):
            left, right = st.columns(2, gap="medium")
        with left:
            _show_roc(experiment, validation, record, level)
        with right:
            counts = gate.count_outcomes(validation.predictions())
            figure = gate.plot_outcomes(counts, LIGHT)
            st.plotly_chart(
                figure.update_layout(height=_CHART_PX), key="sheet_gate", config=charts.CONFIG,
                alt="Outcomes of the input check by source",
            )  # fmt: skip
        if record["groups"]:
            shown = [measures[key] for key in _GROUP_KEYS]
            st.table(
                groups.list_rows(record["groups"][:_MOST_GROUPS], shown), hide_index=True,
                border="horizontal", alt="Results by source and vendor",
            )  # fmt: skip
        sources = " ".join(
            f"{components.plain(one['title'] or one['name'])}: {components.sentence(one['terms'])}"
            for one in record["data"]["sources"]
        )
        interval = record["interval"]
        notes = " ".join(
            components.plain(note)
            for note in (*(f"({n}) {one}." for n, one in enumerate(reasons, 1)), *record["notes"])
        )
        st.caption(
            f"In brackets: 95 % intervals, {interval['method']} over "
            f"{components.plain(interval['resampled'])}. Calibration and thresholds of the model card. "
            + notes
            + (f"  \n**Terms of the data.** {sources}" if sources else "")
        )


def _show_roc(experiment: Experiment, validation: Validation, record: Mapping[str, Any], level: str) -> None:
    try:
        there = records.validation_curves(experiment, validation, level)
        home = records.curves(experiment, level)
    except EvaluationError as error:
        st.markdown(f"There are no curves. {components.sentence(str(error))}")
        return
    figure = point_charts.plot_roc(
        curves.draw_curves(there, record["there"], level)[1], LIGHT,
        beside=curves.draw_curves(home, record["home"], level)[1],
    )  # fmt: skip
    st.plotly_chart(
        figure.update_layout(height=_CHART_PX), key="sheet_roc", config=charts.CONFIG,
        alt="ROC curves of the networks on the new scans and on the own data set",
    )  # fmt: skip
