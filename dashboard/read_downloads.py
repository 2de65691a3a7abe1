"""What Read a scan gives to take along: PDF, DICOM, CSV and JSON, each made only when asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime

import streamlit as st
from PIL.Image import Image

from core.experiments import Experiment
from core.prediction import Refusal, SliceFinding
from core.scan_dicom import draw_capture, write_dicom_capture, write_dicom_report
from core.scan_pdf import ScanReport, write_pdf
from core.scan_reports import most_suspicious, predict_record, write_worklist
from dashboard import overlays
from dashboard.palette import LIGHT
from dashboard.readings import Reading

_OPACITY = 0.5
_DICOM_HELP = "For an archive of research or teaching: without a patient and without the name of the file."


def offer_downloads(
    experiment: Experiment, chosen: Reading, read: Sequence[Reading], refused: Sequence[Reading]
) -> None:
    """A row of buttons; nothing is made before one is pressed, and the page is not drawn anew."""
    pdf, dicom, download = "application/pdf", "application/dicom", ":material/download:"
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
        st.download_button(
            "Report (DICOM)", lambda: make_dicom_report(experiment, chosen), "reading-report.dcm", dicom,
            key="download_dicom", on_click="ignore", icon=download, help=_DICOM_HELP,
        )  # fmt: skip
        st.download_button(
            "Heat maps (DICOM)", lambda: make_dicom_capture(chosen), "heat-maps.dcm", dicom,
            key="download_dicom_capture", on_click="ignore", icon=download, help=_DICOM_HELP,
        )  # fmt: skip


def make_pdf(experiment: Experiment, readings: Sequence[Reading]) -> bytes:
    """A report of these readings, each with its most suspicious slice."""
    reports = []
    for reading in readings:
        shown = most_suspicious(reading.findings)
        gray, heated = _draw(shown, reading)
        reports.append(ScanReport(reading.findings, shown, gray, heated, reading.synthetic))
    bar = overlays.draw_color_bar()
    return write_pdf(experiment, reports, colors=asdict(LIGHT), heat_bar=bar, made=datetime.now(UTC))


def make_dicom_report(experiment: Experiment, reading: Reading) -> bytes:
    """The report as an object of DICOM, without the name that the visitor's file has."""
    unnamed = replace(reading, findings=replace(reading.findings, source="A scan"))
    pdf, now = make_pdf(experiment, [unnamed]), datetime.now(UTC)
    return write_dicom_report(pdf, title="Reading report", made=now, synthetic=reading.synthetic)


def make_dicom_capture(reading: Reading) -> bytes:
    """All slices with their heat maps as an object of DICOM."""
    slices = reading.findings.slices
    frames = (draw_capture(finding, len(slices), *_draw(finding, reading)) for finding in slices)
    return write_dicom_capture(frames, made=datetime.now(UTC), synthetic=reading.synthetic)


def make_csv(experiment: Experiment, read: Sequence[Reading], refused: Sequence[Reading]) -> bytes:
    """The worklist as CSV, with the mark by which spreadsheets know UTF-8."""
    return write_worklist(experiment, [r.findings for r in read], _refusals(refused)).encode("utf-8-sig")


def make_json(experiment: Experiment, read: Sequence[Reading], refused: Sequence[Reading]) -> bytes:
    """What `python -m core predict --json` says of the same files."""
    record = predict_record(experiment, [r.findings for r in read], _refusals(refused))
    return (json.dumps(record, indent=2, allow_nan=False) + "\n").encode()


def _draw(finding: SliceFinding, reading: Reading) -> tuple[Image, dict[str, Image]]:
    """A slice, gray, and by framework the same under the network's heat map."""
    picture = reading.picture(finding.index)
    heated = {
        name: overlays.lay_heat(picture, model.heat, _OPACITY) for name, model in finding.models.items()
    }
    return overlays.to_gray(picture), heated


def _refusals(refused: Sequence[Reading]) -> list[Refusal]:
    return [Refusal(reading.name, reading.refusal.code, str(reading.refusal)) for reading in refused]
