"""The downloads of Read a scan: PDF, DICOM, CSV and JSON, each made only when its button is pressed."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.experiments import Experiment
from core.reading import Refusal
from core.reports import ScanReport, exports
from dashboard.readings import Reading

_DICOM_HELP = "For a research or teaching archive. It contains no patient data and no file name."
_CSV_HELP = (
    "One row per slice and finding: position, result of the input check, and results of both networks. "
    "The result of the scan is repeated in each of its rows."
)
_NAMES_HELP = (
    "A file name may contain a patient's name. Downloads therefore say Scan 1, Scan 2 and so on, in the "
    "order of the worklist, each with the first digits of its SHA-256. If ticked, PDF, CSV and JSON show the "
    "file names; DICOM never does."
)


@st.fragment
def offer_downloads(
    panel: Sequence[Experiment], chosen: Reading, read: Sequence[Reading], refused: Sequence[Reading]
) -> None:
    """Show a row of download buttons; a file is made only when its button is pressed."""
    pdf, dicom, download = "application/pdf", "application/dicom", ":material/download:"
    with st.container(key="downloads", horizontal=True, vertical_alignment="center", gap="small"):
        row = st.container(key="download_buttons", horizontal=True, gap="small", width="content")
        named = st.checkbox(
            "Include file names in downloads", False, key="names_in_downloads", help=_NAMES_HELP
        )
    reports = report_scans(read, named=named)
    scans = [report.findings for report in reports]
    refusals = report_refusals(refused, named=named)
    report = next(one for one, reading in zip(reports, read, strict=True) if reading.parts is chosen.parts)
    with row:
        st.download_button(
            "Report (PDF)", lambda: exports.make_pdf(panel, [report]), "reading-report.pdf", pdf,
            key="download_pdf", on_click="ignore", icon=download,
        )  # fmt: skip
        if len(read) > 1:
            st.download_button(
                f"All {len(read)} reports (PDF)", lambda: exports.make_pdf(panel, reports),
                "reading-reports.pdf", pdf, key="download_pdf_all", on_click="ignore", icon=download,
            )  # fmt: skip
        st.download_button(
            "Worklist (CSV)", lambda: exports.make_csv(panel, scans, refusals), "worklist.csv",
            "text/csv", key="download_csv", on_click="ignore", icon=download, help=_CSV_HELP,
        )  # fmt: skip
        st.download_button(
            "JSON", lambda: exports.make_json(panel, scans, refusals), "readings.json",
            "application/json", key="download_json", on_click="ignore", icon=download,
        )  # fmt: skip
        st.download_button(
            "Report (DICOM)", lambda: exports.make_dicom_report(panel, report),
            "reading-report.dcm", dicom, key="download_dicom", on_click="ignore", icon=download,
            help=_DICOM_HELP,
        )  # fmt: skip
        st.download_button(
            "Heat maps (DICOM)", lambda: exports.make_dicom_capture(panel, report),
            "heat-maps.dcm", dicom, key="download_dicom_capture", on_click="ignore", icon=download,
            help=_DICOM_HELP,
        )  # fmt: skip


def report_scans(read: Sequence[Reading], *, named: bool) -> list[ScanReport]:
    """Return the readings as scans of a report, in the same order; `named` keeps the file names."""
    scans = [reading.parts for reading in read]
    if not named:
        scans = exports.remove_names(scans)
    return [
        ScanReport(parts, reading.picture, reading.synthetic)
        for parts, reading in zip(scans, read, strict=True)
    ]


def report_refusals(refused: Sequence[Reading], *, named: bool) -> list[Refusal]:
    """Return the refused readings as refusals of CSV and JSON; `named` keeps the file names."""
    refusals = [Refusal(reading.name, reading.refusal.code, str(reading.refusal)) for reading in refused]
    return refusals if named else exports.remove_refused_names(refusals)
