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
from core.reports.records import predict_record
from core.reports.tables import write_worklist
from core.reports.words import describe_decider, name_conclusion, name_conclusions, say_conclusions

if TYPE_CHECKING:
    from PIL.Image import Image

    from core.experiments import Experiment
    from core.reading import Findings, PanelFindings, Refusal


def remove_names(scans: Sequence[PanelFindings]) -> list[PanelFindings]:
    """Return the same scans, named by number and by hash of their content."""
    return [
        tuple(replace(part, source=f"Scan {place} ({part.sha256[:12]})") for part in parts)
        for place, parts in enumerate(scans, start=1)
    ]


def remove_refused_names(refused: Sequence[Refusal]) -> list[Refusal]:
    """Return the same refusals, named by number."""
    return [
        replace(refusal, source=f"File {place} (refused)") for place, refusal in enumerate(refused, start=1)
    ]


def make_csv(
    panel: Sequence[Experiment], scans: Sequence[PanelFindings], refused: Sequence[Refusal]
) -> bytes:
    """Return the worklist of core.reports.tables in UTF-8, with the byte-order mark for spreadsheets."""
    return write_worklist(panel, scans, refused).encode("utf-8-sig")


def make_json(
    panel: Sequence[Experiment], scans: Sequence[PanelFindings], refused: Sequence[Refusal]
) -> bytes:
    """Return the readings as JSON in form predict/2; see core.cli.app."""
    record = predict_record(panel, scans, refused)
    return (json.dumps(record, indent=2, allow_nan=False) + "\n").encode()


def make_pdf(panel: Sequence[Experiment], reports: Sequence[ScanReport]) -> bytes:
    """Return the report, dated now; see `core.reports.pdf.write_pdf`."""
    return write_pdf(panel, reports, made=datetime.now(UTC))


def make_dicom_report(panel: Sequence[Experiment], report: ScanReport) -> bytes:
    """Return the report on one scan as a DICOM object, which never holds a file name."""
    (unnamed,) = remove_names([report.findings])
    pdf, now = make_pdf(panel, [replace(report, findings=unnamed)]), datetime.now(UTC)
    mark = name_conclusions(panel, report.findings)
    return write_dicom_report(pdf, title="Reading report", made=now, synthetic=report.synthetic, mark=mark)


def make_dicom_capture(panel: Sequence[Experiment], report: ScanReport) -> bytes:
    """Return all slices of one scan with their heat maps as a DICOM object; each needs its picture.

    Every slice comes once for each finding: first all slices for the first, then all for the second.
    """
    mark = name_conclusions(panel, report.findings)
    comment = say_conclusions(panel, report.findings)

    def render(experiment: Experiment, findings: Findings, index: int) -> Image:
        picture, finding = report.picture(index), findings.slices[index]
        heated = {
            name: overlay_heat(picture, scale_heat(m.heat, m.probability, m.threshold), HEAT_OPACITY)
            for name, m in finding.models.items()
        }
        mark, is_judged = name_conclusion(findings), findings.conclusion.outcome != "not_judged"
        words = f"{experiment.finding.capitalize()}, whole scan: {mark[:1].lower()}{mark[1:]}"
        words += f" {describe_decider(experiment, findings)}" if is_judged else ""
        return render_capture(
            finding, len(findings.slices), to_gray(picture), heated, findings.technical.marks, words
        )

    frames = (
        render(experiment, findings, index)
        for experiment, findings in zip(panel, report.findings, strict=True)
        for index in range(len(findings.slices))
    )
    return write_dicom_capture(
        frames, made=datetime.now(UTC), synthetic=report.synthetic, mark=mark, comment=comment
    )
