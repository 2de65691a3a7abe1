"""What was read, to take along: as JSON (form predict/1, see core.cli) and as CSV. The PDF: core.scan_pdf.

File names come from outside. They appear as plain text only, and never in the name of a file made here.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.experiments import Experiment
    from core.prediction import Findings, Refusal, SliceFinding

PREDICT_SCHEMA = "predict/1"
NOT_FOR_DIAGNOSIS = "Research and teaching. Not for diagnosis."
LET_THROUGH = "This does not look like a head CT: it was read at the reader's own wish, and means little."
# A spreadsheet takes a cell that begins with one of these for a formula (OWASP, "CSV Injection"); the last
# four are their full-width forms, which some spreadsheets fold into the ASCII ones.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def highest_probability(finding: SliceFinding) -> float:
    """The highest probability that any network gives a slice."""
    return max(model.probability for model in finding.models.values())


def most_suspicious(findings: Findings) -> SliceFinding:
    """The slice of a scan with the highest probability of any network; the first of equals."""
    return max(findings.slices, key=highest_probability)


def sort_by_urgency(scans: Sequence[Findings]) -> list[Findings]:
    """The scans, the one with the highest probability of any slice and network first; else as they came."""
    return sorted(scans, key=lambda scan: highest_probability(most_suspicious(scan)), reverse=True)


def predict_record(
    experiment: Experiment, findings: Sequence[Findings], refused: Sequence[Refusal]
) -> dict[str, Any]:
    """The JSON of `python -m core predict`, form predict/1; documented at the head of core.cli."""
    scans = [
        {
            "source": scan.source,
            "sha256": scan.sha256,
            "slices": [
                {
                    "index": finding.index,
                    **{
                        framework: {
                            "probability": model.probability,
                            "decision": model.decision,
                            "needs_review": model.review,
                        }
                        for framework, model in finding.models.items()
                    },
                    "agree": finding.agree,
                    "warnings": list(finding.warnings),
                    "position_mm": finding.position_mm,
                    "brain_visible": finding.gate.brain_visible,
                    "gate": {"outcome": finding.gate.outcome, "reasons": list(finding.gate.reasons)},
                }
                for finding in scan.slices
            ],
            "verdict": {
                framework: {
                    "score": verdict.score,
                    "threshold": verdict.threshold,
                    "decision": experiment.classes[int(verdict.positive)],
                    "needs_review": verdict.review,
                    "n_voting": verdict.n_voting,
                    "driving": list(verdict.driving),
                }
                for framework, verdict in scan.verdicts.items()
            },
            "gate_overridden": scan.overridden,
        }
        for scan in findings
    ]
    return {
        "schema": PREDICT_SCHEMA,
        "experiment": experiment.name,
        "scans": scans,
        "refused": [
            {"source": refusal.source, "code": refusal.code, "message": refusal.message}
            for refusal in refused
        ],
    }


def write_worklist(experiment: Experiment, findings: Sequence[Findings], refused: Sequence[Refusal]) -> str:
    """The worklist as CSV: a row for each slice, in the order of `findings`, then one for each refused file.

    Probabilities have four decimals; `slice` counts from 1; `agree` and `needs_review` are "yes" or "no".
    Cells that a spreadsheet would take for a formula begin with an apostrophe.
    """
    columns = ["file", "sha256", "slice"]
    for name in experiment.frameworks:
        columns += [
            f"{name}_{what}" for what in ("probability", "operating_point", "decision", "needs_review")
        ]
    columns += ["agree", "remarks", "refused", "experiment", "experiment_digest", "note"]
    target = StringIO()
    writer = csv.DictWriter(target, columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    same = {
        "experiment": experiment.name,
        "experiment_digest": experiment.digest,
        "note": NOT_FOR_DIAGNOSIS,
    }
    for scan in findings:
        for finding in scan.slices:
            row = {
                "file": scan.source,
                "sha256": scan.sha256,
                "slice": str(finding.index + 1),
                "agree": _say(finding.agree),
                "remarks": " ".join((*([LET_THROUGH] if scan.overridden else []), *finding.warnings)),
            }
            for name, model in finding.models.items():
                row[f"{name}_probability"] = f"{model.probability:.4f}"
                row[f"{name}_operating_point"] = f"{model.threshold:.4f}"
                row[f"{name}_decision"] = model.decision
                row[f"{name}_needs_review"] = _say(model.review)
            writer.writerow({key: as_cell(value) for key, value in (row | same).items()})
    for refusal in refused:
        row = {"file": refusal.source, "refused": refusal.message} | same
        writer.writerow({key: as_cell(value) for key, value in row.items()})
    return target.getvalue()


def as_cell(text: str) -> str:
    """A text as a cell of a spreadsheet, where it stays a text: on one line, and never a formula."""
    stripped = text.lstrip()
    line = "".join(char if char.isprintable() else " " for char in text)
    return f"'{line}" if text.startswith(_FORMULA_STARTS) or stripped.startswith(_FORMULA_STARTS) else line


def program_version() -> str:
    """Version of this program, "unknown" where it runs without being installed."""
    try:
        return version("stroke-ct")
    except PackageNotFoundError:
        return "unknown"


def _say(answer: bool) -> str:
    return "yes" if answer else "no"
