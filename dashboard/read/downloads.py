"""What Read a scan gives to take along: PDF, DICOM, CSV and JSON, each made only when asked for."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.experiments import Experiment
from core.reading import Refusal
from core.reports import ScanReport, exports
from dashboard.readings import Reading

_DICOM_HELP = "For an archive of research or teaching: without a patient and without the name of the file."
_CSV_HELP = (
    "A row for each slice: its position, what the gate says, and what both networks say. The verdict on the "
    "scan stands in each of its rows."
)
_NAMES_HELP = (
    "A file may be named after a patient. So downloads say Scan 1, Scan 2 and so on, in the order of the "
    "worklist, each with the beginning of its SHA-256. Ticked, PDF, CSV and JSON name the files; DICOM never "
    "does."
)


@st.fragment
def offer_downloads(
    experiment: Experiment, chosen: Reading, read: Sequence[Reading], refused: Sequence[Reading]
) -> None:
    """A row of buttons; nothing is made before one is pressed, and the page is not drawn anew."""
    pdf, dicom, download = "application/pdf", "application/dicom", ":material/download:"
    with st.container(key="downloads", horizontal=True, vertical_alignment="center", gap="small"):
        row = st.container(key="download_buttons", horizontal=True, gap="small", width="content")
        named = st.checkbox("File names in downloads", False, key="names_in_downloads", help=_NAMES_HELP)
    reports = report_scans(read, named=named)
    scans = [report.findings for report in reports]
    refusals = report_refusals(refused, named=named)
    report = reports[read.index(chosen)]
    with row:
        st.download_button(
            "Report (PDF)", lambda: exports.make_pdf(experiment, [report]), "reading-report.pdf", pdf,
            key="download_pdf", on_click="ignore", icon=download,
        )  # fmt: skip
        if len(read) > 1:
            st.download_button(
                f"All {len(read)} reports (PDF)", lambda: exports.make_pdf(experiment, reports),
                "reading-reports.pdf", pdf, key="download_pdf_all", on_click="ignore", icon=download,
            )  # fmt: skip
        st.download_button(
            "Worklist (CSV)", lambda: exports.make_csv(experiment, scans, refusals), "worklist.csv",
            "text/csv", key="download_csv", on_click="ignore", icon=download, help=_CSV_HELP,
        )  # fmt: skip
        st.download_button(
            "JSON", lambda: exports.make_json(experiment, scans, refusals), "readings.json",
            "application/json", key="download_json", on_click="ignore", icon=download,
        )  # fmt: skip
        st.download_button(
            "Report (DICOM)", lambda: exports.make_dicom_report(experiment, report),
            "reading-report.dcm", dicom, key="download_dicom", on_click="ignore", icon=download,
            help=_DICOM_HELP,
        )  # fmt: skip
        st.download_button(
            "Heat maps (DICOM)", lambda: exports.make_dicom_capture(report), "heat-maps.dcm", dicom,
            key="download_dicom_capture", on_click="ignore", icon=download, help=_DICOM_HELP,
        )  # fmt: skip


def report_scans(read: Sequence[Reading], *, named: bool) -> list[ScanReport]:
    """The readings as the reports tell them, in the same order; `named`: by the names of their files."""
    findings = [reading.findings for reading in read]
    if not named:
        findings = exports.remove_names(findings)
    return [
        ScanReport(scan, reading.picture, reading.synthetic)
        for scan, reading in zip(findings, read, strict=True)
    ]


def report_refusals(refused: Sequence[Reading], *, named: bool) -> list[Refusal]:
    """What was refused, as the worklist and JSON tell it."""
    refusals = [Refusal(reading.name, reading.refusal.code, str(reading.refusal)) for reading in refused]
    return refusals if named else exports.remove_refused_names(refusals)
