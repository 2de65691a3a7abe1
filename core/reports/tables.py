"""Readings as JSON (form predict/1, see core.cli.app) and as CSV.

File names come from outside: they appear as plain text only, and never in the name of a file written here.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from typing import TYPE_CHECKING, Any

from core.system import escape_for_cell

if TYPE_CHECKING:
    from core.experiments import Experiment
    from core.reading import Findings, Refusal, SliceFinding

PREDICT_SCHEMA = "predict/1"
NOT_FOR_DIAGNOSIS = "Research and teaching. Not for diagnosis."
OVERRIDE_NOTE = (
    "This does not look like a head CT. It was read at the user's request; do not rely on the result."
)


def highest_probability(finding: SliceFinding) -> float:
    """Return the highest probability that any network gives to a slice."""
    return max(model.probability for model in finding.models.values())


def find_most_suspicious(findings: Findings) -> SliceFinding:
    """Return the slice with the highest probability from any network; the first if several are equal."""
    return max(findings.slices, key=highest_probability)


def predict_record(
    experiment: Experiment, findings: Sequence[Findings], refused: Sequence[Refusal]
) -> dict[str, Any]:
    """Return the JSON of `python -m core predict`, form predict/1, which core.cli.app documents."""
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
                    "n_voting": verdict.n_counted,
                    "driving": list(verdict.key_slices),
                }
                for framework, verdict in scan.verdicts.items()
            },
            "gate_overridden": scan.overridden,
            "technical": {
                "modality": scan.technical.modality,
                "spacing_mm": scan.technical.spacing_mm and list(scan.technical.spacing_mm),
                "slice_spacing_mm": scan.technical.slice_spacing_mm,
                "gantry_tilt_deg": scan.technical.gantry_tilt_deg,
            },
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
    """Return the worklist as CSV: a row per slice in the order of `findings`, then one per refused file.

    Facts about a whole scan are repeated in each of its rows, so that rows can be sorted and filtered.
    Columns:

    - file, sha256, slices (number in the scan), slice (from 1), position_mm (empty if unknown),
      brain_visible, gate ("read", "warn" or "refuse"), gate_reasons, votes (does it count in the verdict);
    - for each network NAME, on the slice: NAME_probability, NAME_operating_point, NAME_decision,
      NAME_needs_review; then agree, and remarks (warnings on the scan);
    - for each network NAME, on the scan (see core.reading.verdict; empty if there is no verdict):
      NAME_verdict_score, NAME_verdict_operating_point, NAME_verdict, NAME_verdict_needs_review,
      NAME_voting_slices (number counted), and NAME_driving_place: rank of a key slice, 1 to 5, else empty;
    - refused (the reason), experiment, experiment_digest, note.

    Probabilities have four decimals; answers are "yes" or "no". Texts that a spreadsheet would read as a
    formula begin with an apostrophe.
    """
    of_scan = ("verdict_score", "verdict_operating_point", "verdict", "verdict_needs_review", "voting_slices")
    columns = ["file", "sha256", "slices", "slice", "position_mm", "brain_visible"]
    columns += ["gate", "gate_reasons", "votes"]
    for name in experiment.frameworks:
        columns += [
            f"{name}_{what}" for what in ("probability", "operating_point", "decision", "needs_review")
        ]
    columns += ["agree", "remarks"]
    for name in experiment.frameworks:
        columns += [f"{name}_{what}" for what in (*of_scan, "driving_place")]
    columns += ["refused", "experiment", "experiment_digest", "note"]
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
            _write_row(writer, _describe_slice(experiment, scan, finding) | same)
    for refusal in refused:
        _write_row(writer, {"file": refusal.source, "refused": refusal.message} | same)
    return target.getvalue()


def _describe_slice(
    experiment: Experiment, scan: Findings, finding: SliceFinding
) -> dict[str, str | int | float]:
    row: dict[str, str | int | float] = {
        "file": scan.source,
        "sha256": scan.sha256,
        "slices": len(scan.slices),
        "slice": finding.index + 1,
        "brain_visible": _yes_or_no(finding.gate.brain_visible),
        "gate": finding.gate.outcome,
        "gate_reasons": " ".join(finding.gate.reasons),
        "votes": _yes_or_no(finding.is_counted),
        "agree": _yes_or_no(finding.agree),
        "remarks": " ".join((*([OVERRIDE_NOTE] if scan.overridden else []), *finding.warnings)),
    }
    if finding.position_mm is not None:
        row["position_mm"] = round(finding.position_mm, 2)
    for name, model in finding.models.items():
        row[f"{name}_probability"] = f"{model.probability:.4f}"
        row[f"{name}_operating_point"] = f"{model.threshold:.4f}"
        row[f"{name}_decision"] = model.decision
        row[f"{name}_needs_review"] = _yes_or_no(model.review)
    for name, verdict in scan.verdicts.items():
        row[f"{name}_verdict_score"] = f"{verdict.score:.4f}"
        row[f"{name}_verdict_operating_point"] = f"{verdict.threshold:.4f}"
        row[f"{name}_verdict"] = experiment.classes[int(verdict.positive)]
        row[f"{name}_verdict_needs_review"] = _yes_or_no(verdict.review)
        row[f"{name}_voting_slices"] = verdict.n_counted
        if finding.index in verdict.key_slices:
            row[f"{name}_driving_place"] = verdict.key_slices.index(finding.index) + 1
    return row


def _write_row(writer: csv.DictWriter[str], row: Mapping[str, str | int | float]) -> None:
    writer.writerow(
        {key: escape_for_cell(value) if isinstance(value, str) else value for key, value in row.items()}
    )


def program_version() -> str:
    """Return the version of this program, "unknown" if it is not installed."""
    try:
        return version("stroke-ct")
    except PackageNotFoundError:
        return "unknown"


def _yes_or_no(answer: bool) -> str:
    return "yes" if answer else "no"
