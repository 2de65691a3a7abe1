"""What Read a scan gives to take along: PDF, CSV and JSON, each made only when asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import streamlit as st

from core.experiments import Experiment
from core.prediction import Refusal
from core.scan_pdf import ScanReport, write_pdf
from core.scan_reports import most_suspicious, predict_record, write_worklist
from dashboard import overlays
from dashboard.palette import LIGHT
from dashboard.readings import Reading

_OPACITY = 0.5


def offer_downloads(
    experiment: Experiment, chosen: Reading, read: Sequence[Reading], refused: Sequence[Reading]
) -> None:
    """A row of buttons; nothing is made before one is pressed, and the page is not drawn anew."""
    pdf, download = "application/pdf", ":material/download:"
    with st.container(key="downloads", horizontal=True, vertical_alignment="center", gap="small"):
        st.download_button(
            "Report (PDF)", lambda: make_pdf(experiment, [chosen]), "reading-report.pdf", pdf,
            key="download_pdf", on_click="ignore", icon=download,
        )  # fmt: skip
        if len(read) > 1:
            st.download_button(
                f"All {len(read)} reports (PDF)", lambda: make_pdf(experiment, read), "reading-reports.pdf",
                pdf, key="download_pdf_all", on_click="ignore", icon=download,
            )  # fmt: skip
        st.download_button(
            "Worklist (CSV)", lambda: make_csv(experiment, read, refused), "worklist.csv", "text/csv",
            key="download_csv", on_click="ignore", icon=download,
        )  # fmt: skip
        st.download_button(
            "JSON", lambda: make_json(experiment, read, refused), "readings.json", "application/json",
            key="download_json", on_click="ignore", icon=download,
        )  # fmt: skip


def make_pdf(experiment: Experiment, readings: Sequence[Reading]) -> bytes:
    """A report of these readings, each with its most suspicious slice."""
    reports = []
    for reading in readings:
        shown = most_suspicious(reading.findings)
        picture = reading.picture(shown.index)
        heated = {
            name: overlays.lay_heat(picture, model.heat, _OPACITY) for name, model in shown.models.items()
        }
        gray = overlays.to_gray(picture)
        reports.append(ScanReport(reading.findings, shown, gray, heated, reading.synthetic))
    bar = overlays.draw_color_bar()
    return write_pdf(experiment, reports, colors=asdict(LIGHT), heat_bar=bar, made=datetime.now(UTC))


def make_csv(experiment: Experiment, read: Sequence[Reading], refused: Sequence[Reading]) -> bytes:
    """The worklist as CSV, with the mark by which spreadsheets know UTF-8."""
    return write_worklist(experiment, [r.findings for r in read], _refusals(refused)).encode("utf-8-sig")


def make_json(experiment: Experiment, read: Sequence[Reading], refused: Sequence[Reading]) -> bytes:
    """What `python -m core predict --json` says of the same files."""
    record = predict_record(experiment, [r.findings for r in read], _refusals(refused))
    return (json.dumps(record, indent=2, allow_nan=False) + "\n").encode()


def _refusals(refused: Sequence[Reading]) -> list[Refusal]:
    return [Refusal(reading.name, reading.refusal.code, str(reading.refusal)) for reading in refused]
