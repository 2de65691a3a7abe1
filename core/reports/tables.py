"""Readings as CSV.

File names come from outside: they appear as plain text only, and never in the name of a file written here.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from typing import TYPE_CHECKING

from core.frameworks import FRAMEWORKS
from core.reading import name_outcome, needs_review
from core.reports.words import describe_worth, name_alone
from core.system import escape_for_cell
from core.validation import count_flags

if TYPE_CHECKING:
    from core.experiments import Experiment
    from core.reading import Findings, PanelFindings, Refusal, SliceFinding

NOT_FOR_DIAGNOSIS = "Research and teaching. Not for diagnosis."

_OF_SLICE = ("probability", "threshold", "outcome", "needs_review")
_OF_SCAN = ("score", "threshold", "band_low", "band_high", "outcome", "needs_review", "reasons", "n_counted")


def write_worklist(
    panel: Sequence[Experiment], scans: Sequence[PanelFindings], refused: Sequence[Refusal]
) -> str:
    """Return the worklist as CSV: for each scan and finding a row per slice, then one row per refused file.

    Facts about a whole scan are repeated in each of its rows, so that rows can be sorted and filtered.
    Columns:

    - file, sha256, slices (number in the scan), finding (what the results of the row are about);
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
    columns = ["file", "sha256", "slices", "finding"]
    columns += ["conclusion", "reasons", "needs_review", "agree", "incomplete", "doubts", "unfit"]
    columns += ["slice", "position_mm", "turned", "brain_visible", "gate", "gate_reasons", "counted"]
    columns += ["slice_outcome", "slice_reasons", "slice_agree", "remarks"]
    frameworks = [name for name in FRAMEWORKS if any(name in one.frameworks for one in panel)]
    for name in frameworks:
        columns += [f"{name}_{what}" for what in _OF_SLICE]
    for name in frameworks:
        columns += [*(f"{name}_study_{what}" for what in _OF_SCAN), f"{name}_key_place"]
    columns += ["decided_by", "refused", "experiment", "experiment_digest", "elsewhere", "note"]
    target = StringIO()
    writer = csv.DictWriter(target, columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    flags = [count_flags(experiment) for experiment in panel]
    for parts in scans:
        for experiment, scan, known in zip(panel, parts, flags, strict=True):
            of_scan = _describe_scan(experiment, scan) | {
                "experiment": experiment.name,
                "experiment_digest": experiment.digest,
                "elsewhere": describe_worth(experiment, scan, known),
                "note": NOT_FOR_DIAGNOSIS,
            }
            for finding in scan.slices:
                _write_row(writer, of_scan | _describe_slice(scan, finding))
    every = {
        "experiment": ", ".join(experiment.name for experiment in panel),
        "experiment_digest": ", ".join(experiment.digest for experiment in panel),
        "note": NOT_FOR_DIAGNOSIS,
    }
    for refusal in refused:
        _write_row(writer, {"file": refusal.source, "refused": refusal.message} | every)
    return target.getvalue()


Row = dict[str, str | int | float]


def _describe_scan(experiment: Experiment, scan: Findings) -> Row:
    conclusion = scan.conclusion
    row: Row = {
        "file": scan.source,
        "sha256": scan.sha256,
        "slices": len(scan.slices),
        "finding": experiment.finding,
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
            name_alone(finding, model),
            _yes_or_no(needs_review(name_alone(finding, model), ())),
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
