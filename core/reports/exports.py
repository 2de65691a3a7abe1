"""What was read, as whole files to pass on: CSV, JSON, PDF and DICOM.

A file's name may be that of a patient. Whoever passes a result on leaves it out: a scan is called "Scan 1"
and so on with the first 12 characters of its SHA-256, a refused file "File 1 (refused)".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.imaging import overlay_heat, to_gray
from core.reports.dicom import render_capture, write_dicom_capture, write_dicom_report
from core.reports.pdf import HEAT_OPACITY, ScanReport, write_pdf
from core.reports.tables import predict_record, write_worklist

if TYPE_CHECKING:
    from PIL.Image import Image

    from core.experiments import Experiment
    from core.reading import Findings, Refusal


def remove_names(scans: Sequence[Findings]) -> list[Findings]:
    """The same scans, named by their place and their content."""
    return [
        replace(scan, source=f"Scan {place} ({scan.sha256[:12]})")
        for place, scan in enumerate(scans, start=1)
    ]


def remove_refused_names(refused: Sequence[Refusal]) -> list[Refusal]:
    """The same refusals, named by their place."""
    return [
        replace(refusal, source=f"File {place} (refused)") for place, refusal in enumerate(refused, start=1)
    ]


def make_csv(experiment: Experiment, scans: Sequence[Findings], refused: Sequence[Refusal]) -> bytes:
    """The worklist of core.reports.tables, with the mark by which spreadsheets know UTF-8."""
    return write_worklist(experiment, scans, refused).encode("utf-8-sig")


def make_json(experiment: Experiment, scans: Sequence[Findings], refused: Sequence[Refusal]) -> bytes:
    """Form predict/1; see core.cli.app."""
    record = predict_record(experiment, scans, refused)
    return (json.dumps(record, indent=2, allow_nan=False) + "\n").encode()


def make_pdf(experiment: Experiment, reports: Sequence[ScanReport]) -> bytes:
    """The report, made now; see `core.reports.pdf.write_pdf`."""
    return write_pdf(experiment, reports, made=datetime.now(UTC))


def make_dicom_report(experiment: Experiment, report: ScanReport) -> bytes:
    """The report of one scan as an object of DICOM, which never holds the name of a file."""
    (unnamed,) = remove_names([report.findings])
    pdf, now = make_pdf(experiment, [replace(report, findings=unnamed)]), datetime.now(UTC)
    return write_dicom_report(pdf, title="Reading report", made=now, synthetic=report.synthetic)


def make_dicom_capture(report: ScanReport) -> bytes:
    """All slices of one scan with their heat maps as an object of DICOM; asks for the picture of each."""
    slices = report.findings.slices

    def draw(index: int) -> Image:
        picture, finding = report.picture(index), slices[index]
        heated = {name: overlay_heat(picture, m.heat, HEAT_OPACITY) for name, m in finding.models.items()}
        return render_capture(finding, len(slices), to_gray(picture), heated, report.findings.technical.marks)

    frames = (draw(index) for index in range(len(slices)))
    return write_dicom_capture(frames, made=datetime.now(UTC), synthetic=report.synthetic)
