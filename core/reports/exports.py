"""Export readings as whole files: CSV, JSON, PDF and DICOM.

A file name may be a patient's name, so it can be replaced before results are shared: a scan becomes "Scan 1"
with the first 12 characters of its SHA-256, a refused file "File 1 (refused)".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.imaging import overlay_heat, scale_heat, to_gray
from core.reports.dicom import render_capture, write_dicom_capture, write_dicom_report
from core.reports.pdf import HEAT_OPACITY, ScanReport, write_pdf
from core.reports.tables import predict_record, write_worklist
from core.reports.words import describe_decider, name_conclusion, say_conclusion

if TYPE_CHECKING:
    from PIL.Image import Image

    from core.experiments import Experiment
    from core.reading import Findings, Refusal


def remove_names(scans: Sequence[Findings]) -> list[Findings]:
    """Return the same scans, named by number and by hash of their content."""
    return [
        replace(scan, source=f"Scan {place} ({scan.sha256[:12]})")
        for place, scan in enumerate(scans, start=1)
    ]


def remove_refused_names(refused: Sequence[Refusal]) -> list[Refusal]:
    """Return the same refusals, named by number."""
    return [
        replace(refusal, source=f"File {place} (refused)") for place, refusal in enumerate(refused, start=1)
    ]


def make_csv(experiment: Experiment, scans: Sequence[Findings], refused: Sequence[Refusal]) -> bytes:
    """Return the worklist of core.reports.tables in UTF-8, with the byte-order mark for spreadsheets."""
    return write_worklist(experiment, scans, refused).encode("utf-8-sig")


def make_json(experiment: Experiment, scans: Sequence[Findings], refused: Sequence[Refusal]) -> bytes:
    """Return the readings as JSON in form predict/2; see core.cli.app."""
    record = predict_record(experiment, scans, refused)
    return (json.dumps(record, indent=2, allow_nan=False) + "\n").encode()


def make_pdf(experiment: Experiment, reports: Sequence[ScanReport]) -> bytes:
    """Return the report, dated now; see `core.reports.pdf.write_pdf`."""
    return write_pdf(experiment, reports, made=datetime.now(UTC))


def make_dicom_report(experiment: Experiment, report: ScanReport) -> bytes:
    """Return the report on one scan as a DICOM object, which never holds a file name."""
    (unnamed,) = remove_names([report.findings])
    pdf, now = make_pdf(experiment, [replace(report, findings=unnamed)]), datetime.now(UTC)
    mark = name_conclusion(report.findings)
    return write_dicom_report(pdf, title="Reading report", made=now, synthetic=report.synthetic, mark=mark)


def make_dicom_capture(experiment: Experiment, report: ScanReport) -> bytes:
    """Return all slices of one scan with their heat maps as a DICOM object; each needs its picture."""
    slices, mark = report.findings.slices, name_conclusion(report.findings)
    comment = say_conclusion(experiment, report.findings)

    def render(index: int) -> Image:
        picture, finding = report.picture(index), slices[index]
        heated = {
            name: overlay_heat(picture, scale_heat(m.heat, m.probability, m.threshold), HEAT_OPACITY)
            for name, m in finding.models.items()
        }
        marks, decider = report.findings.technical.marks, describe_decider(experiment, report.findings)
        words = f"Whole scan: {mark[:1].lower()}{mark[1:]} {decider}"
        return render_capture(finding, len(slices), to_gray(picture), heated, marks, words)

    frames = (render(index) for index in range(len(slices)))
    return write_dicom_capture(
        frames, made=datetime.now(UTC), synthetic=report.synthetic, mark=mark, comment=comment
    )
