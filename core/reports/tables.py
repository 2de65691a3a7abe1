"""Readings as JSON (form predict/2, see core.cli.app) and as CSV.

File names come from outside: they appear as plain text only, and never in the name of a file written here.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from typing import TYPE_CHECKING, Any

from core.reading import name_outcome, needs_review
from core.reports.words import describe_worth
from core.system import escape_for_cell
from core.validation import count_flags

if TYPE_CHECKING:
    from core.experiments import Experiment
    from core.reading import Findings, ModelFinding, Outcome, Refusal, SliceFinding

PREDICT_SCHEMA = "predict/2"
NOT_FOR_DIAGNOSIS = "Research and teaching. Not for diagnosis."

_OF_SLICE = ("probability", "threshold", "outcome", "needs_review")
_OF_SCAN = ("score", "threshold", "band_low", "band_high", "outcome", "needs_review", "reasons", "n_counted")


def predict_record(
    experiment: Experiment, findings: Sequence[Findings], refused: Sequence[Refusal]
) -> dict[str, Any]:
    """Return the JSON of `python -m core predict`, form predict/2, which core.cli.app documents."""
    return {
        "schema": PREDICT_SCHEMA,
        "experiment": experiment.name,
        "elsewhere": _count_elsewhere(experiment),
        "scans": [_record_scan(scan, experiment.finding) for scan in findings],
        "refused": [
            {"source": refusal.source, "code": refusal.code, "message": refusal.message}
            for refusal in refused
        ],
    }


def _record_scan(scan: Findings, finding: str) -> dict[str, Any]:
    conclusion = scan.conclusion
    return {
        "source": scan.source,
        "sha256": scan.sha256,
        "slices": [_record_slice(piece, finding) for piece in scan.slices],
        "verdict": {
            finding: {
                framework: {
                    "score": verdict.score,
                    "threshold": verdict.threshold,
                    "band": verdict.band and list(verdict.band),
                    "outcome": verdict.outcome,
                    "needs_review": verdict.review,
                    "reasons": list(verdict.reasons),
                    "n_counted": verdict.n_counted,
                    "key_slices": list(verdict.key_slices),
                }
                for framework, verdict in scan.verdicts.items()
            }
        },
        "conclusion": {
            finding: {
                "outcome": conclusion.outcome,
                "words": name_outcome(conclusion.outcome, finding),
                "reasons": list(conclusion.reasons),
                "needs_review": conclusion.review,
                "agree": conclusion.agree,
            }
        },
        "incomplete": list(scan.incomplete),
        "doubts": list(scan.doubts),
        "unfit": list(scan.unfit),
        "gate_overridden": scan.overridden,
        "decided_by": scan.decided_by,
        "technical": {
            "modality": scan.technical.modality,
            "spacing_mm": scan.technical.spacing_mm and list(scan.technical.spacing_mm),
            "slice_spacing_mm": scan.technical.slice_spacing_mm,
            "gantry_tilt_deg": scan.technical.gantry_tilt_deg,
        },
    }


def _record_slice(piece: SliceFinding, finding: str) -> dict[str, Any]:
    return {
        "index": piece.index,
        "findings": {
            finding: {
                framework: {
                    "probability": model.probability,
                    "threshold": model.threshold,
                    "outcome": _name_alone(piece, model),
                    "needs_review": needs_review(_name_alone(piece, model), ()),
                }
                for framework, model in piece.models.items()
            }
        },
        "outcome": piece.outcome,
        "reasons": list(piece.conclusion.reasons),
        "agree": piece.conclusion.agree,
        "warnings": list(piece.warnings),
        "position_mm": piece.position_mm,
        "brain_visible": piece.gate.brain_visible,
        "counted": piece.is_counted,
        "gate": {
            "outcome": piece.gate.outcome,
            "reasons": list(piece.gate.reasons),
            "turned": piece.turned,
        },
    }


def _name_alone(piece: SliceFinding, model: ModelFinding) -> Outcome:
    """Return what one network says of a slice: nothing if the slice is not judged."""
    return "not_judged" if piece.outcome == "not_judged" else model.outcome


def _count_elsewhere(experiment: Experiment) -> dict[str, Any] | None:
    flags = count_flags(experiment)
    if flags is None:
        return None
    counts: dict[str, Any] = {outcome: tally._asdict() for outcome, tally in flags.outcomes.items()}
    return {
        "n_slices": flags.n_slices,
        "positives": flags.n_positives,
        "kept_aside": flags.is_apart,
        **counts,
    }


def write_worklist(experiment: Experiment, findings: Sequence[Findings], refused: Sequence[Refusal]) -> str:
    """Return the worklist as CSV: a row per slice in the order of `findings`, then one per refused file.

    Facts about a whole scan are repeated in each of its rows, so that rows can be sorted and filtered.
    Columns:

    - file, sha256, slices (number in the scan);
    - on the scan: conclusion (in words, such as "Not flagged"), reasons (why it is uncertain or not judged),
      needs_review (no clear answer, or incomplete: every scan needs a person, also where it says "no"), agree
      (whether several networks gave the same clear answer), incomplete (why it is part of a study only),
      doubts and unfit (what else the file says against a sure answer, or any);
    - on the slice: slice (from 1), position_mm (empty if unknown), turned (degrees counterclockwise),
      brain_visible, gate ("read", "warn" or "refuse"), gate_reasons, counted (in the verdict on the scan),
      slice_outcome, slice_reasons, slice_agree, remarks (warnings), and for each network NAME:
      NAME_probability, NAME_threshold, NAME_outcome ("not_judged" if the slice is not judged),
      NAME_needs_review (of that network alone);
    - for each network NAME, on the scan (see core.reading.verdict; empty if there is no verdict):
      NAME_study_score, NAME_study_threshold, NAME_study_band_low, NAME_study_band_high, NAME_study_outcome,
      NAME_study_needs_review, NAME_study_reasons, NAME_study_n_counted (number of slices), and
      NAME_key_place: rank of a key slice, 1 to 5, else empty;
    - decided_by ("the card", or the name of the site calibration), refused (the reason), experiment,
      experiment_digest, elsewhere (what the outcome was worth on data from elsewhere), note.

    Outcomes are those of core.reading.outcome. Probabilities have four decimals; answers are "yes" or "no".
    Texts that a spreadsheet would read as a formula begin with an apostrophe.
    """
    columns = ["file", "sha256", "slices"]
    columns += ["conclusion", "reasons", "needs_review", "agree", "incomplete", "doubts", "unfit"]
    columns += ["slice", "position_mm", "turned", "brain_visible", "gate", "gate_reasons", "counted"]
    columns += ["slice_outcome", "slice_reasons", "slice_agree", "remarks"]
    for name in experiment.frameworks:
        columns += [f"{name}_{what}" for what in _OF_SLICE]
    for name in experiment.frameworks:
        columns += [*(f"{name}_study_{what}" for what in _OF_SCAN), f"{name}_key_place"]
    columns += ["decided_by", "refused", "experiment", "experiment_digest", "elsewhere", "note"]
    target = StringIO()
    writer = csv.DictWriter(target, columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    same = {
        "experiment": experiment.name,
        "experiment_digest": experiment.digest,
        "note": NOT_FOR_DIAGNOSIS,
    }
    flags = count_flags(experiment)
    for scan in findings:
        of_scan = _describe_scan(experiment, scan) | same
        of_scan["elsewhere"] = describe_worth(experiment, scan, flags)
        for finding in scan.slices:
            _write_row(writer, of_scan | _describe_slice(scan, finding))
    for refusal in refused:
        _write_row(writer, {"file": refusal.source, "refused": refusal.message} | same)
    return target.getvalue()


Row = dict[str, str | int | float]


def _describe_scan(experiment: Experiment, scan: Findings) -> Row:
    conclusion = scan.conclusion
    row: Row = {
        "file": scan.source,
        "sha256": scan.sha256,
        "slices": len(scan.slices),
        "conclusion": name_outcome(conclusion.outcome, experiment.finding),
        "reasons": " ".join(conclusion.reasons),
        "needs_review": _yes_or_no(conclusion.review),
        "agree": _yes_or_no(conclusion.agree),
        "incomplete": " ".join(scan.incomplete),
        "doubts": " ".join(scan.doubts),
        "unfit": " ".join(scan.unfit),
        "decided_by": scan.decided_by,
    }
    for name, verdict in scan.verdicts.items():
        low, high = verdict.band or (None, None)
        cells: tuple[str | int, ...] = (
            _four_decimals(verdict.score),
            _four_decimals(verdict.threshold),
            _four_decimals(low),
            _four_decimals(high),
            verdict.outcome,
            _yes_or_no(verdict.review),
            " ".join(verdict.reasons),
            verdict.n_counted,
        )
        row |= {f"{name}_study_{what}": cell for what, cell in zip(_OF_SCAN, cells, strict=True)}
    return row


def _describe_slice(scan: Findings, finding: SliceFinding) -> Row:
    row: Row = {
        "slice": finding.index + 1,
        "turned": finding.turned,
        "brain_visible": _yes_or_no(finding.gate.brain_visible),
        "gate": finding.gate.outcome,
        "gate_reasons": " ".join(finding.gate.reasons),
        "counted": _yes_or_no(finding.is_counted),
        "slice_outcome": finding.outcome,
        "slice_reasons": " ".join(finding.conclusion.reasons),
        "slice_agree": _yes_or_no(finding.conclusion.agree),
        "remarks": " ".join(finding.warnings),
    }
    if finding.position_mm is not None:
        row["position_mm"] = round(finding.position_mm, 2)
    for name, model in finding.models.items():
        cells = (
            _four_decimals(model.probability),
            _four_decimals(model.threshold),
            _name_alone(finding, model),
            _yes_or_no(needs_review(_name_alone(finding, model), ())),
        )
        row |= {f"{name}_{what}": cell for what, cell in zip(_OF_SLICE, cells, strict=True)}
    for name, verdict in scan.verdicts.items():
        if finding.index in verdict.key_slices:
            row[f"{name}_key_place"] = verdict.key_slices.index(finding.index) + 1
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


def _four_decimals(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _yes_or_no(answer: bool) -> str:
    return "yes" if answer else "no"
