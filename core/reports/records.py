"""Readings as JSON: form predict/2, see core.cli.app."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.reading import name_outcome, needs_review
from core.reports.words import name_alone
from core.validation import count_flags

if TYPE_CHECKING:
    from core.experiments import Experiment
    from core.reading import Findings, PanelFindings, Refusal, SliceFinding

PREDICT_SCHEMA = "predict/2"


def predict_record(
    panel: Sequence[Experiment], scans: Sequence[PanelFindings], refused: Sequence[Refusal]
) -> dict[str, Any]:
    """Return the JSON of `python -m core predict`, form predict/2, which core.cli.app documents."""
    findings = [experiment.finding for experiment in panel]
    elsewhere = [_count_elsewhere(experiment) for experiment in panel]
    return {
        "schema": PREDICT_SCHEMA,
        "experiment": panel[0].name,
        "elsewhere": elsewhere[0],
        "experiments": {
            experiment.finding: {"name": experiment.name, "elsewhere": counts}
            for experiment, counts in zip(panel, elsewhere, strict=True)
        },
        "scans": [_record_scan(dict(zip(findings, parts, strict=True))) for parts in scans],
        "refused": [
            {"source": refusal.source, "code": refusal.code, "message": refusal.message}
            for refusal in refused
        ],
    }


def _record_scan(parts: Mapping[str, Findings]) -> dict[str, Any]:
    """Return the JSON of a scan; `parts` are its findings by what was looked for."""
    scan = next(iter(parts.values()))
    return {
        "source": scan.source,
        "sha256": scan.sha256,
        "slices": [
            _record_slice({finding: part.slices[index] for finding, part in parts.items()})
            for index in range(len(scan.slices))
        ],
        "verdict": {finding: _record_verdicts(part) for finding, part in parts.items()},
        "conclusion": {
            finding: {
                "outcome": part.conclusion.outcome,
                "words": name_outcome(part.conclusion.outcome, finding),
                "reasons": list(part.conclusion.reasons),
                "needs_review": part.conclusion.review,
                "agree": part.conclusion.agree,
                "decided_by": part.decided_by,
            }
            for finding, part in parts.items()
        },
        "incomplete": _join(part.incomplete for part in parts.values()),
        "doubts": _join(part.doubts for part in parts.values()),
        "unfit": _join(part.unfit for part in parts.values()),
        "gate_overridden": any(part.overridden for part in parts.values()),
        "decided_by": scan.decided_by,
        "technical": {
            "modality": scan.technical.modality,
            "spacing_mm": scan.technical.spacing_mm and list(scan.technical.spacing_mm),
            "slice_spacing_mm": scan.technical.slice_spacing_mm,
            "gantry_tilt_deg": scan.technical.gantry_tilt_deg,
        },
    }


def _record_verdicts(scan: Findings) -> dict[str, Any]:
    return {
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


def _record_slice(pieces: Mapping[str, SliceFinding]) -> dict[str, Any]:
    """Return the JSON of a slice; `pieces` are its findings by what was looked for."""
    piece = next(iter(pieces.values()))
    conclusions = {
        finding: {
            "outcome": one.outcome,
            "reasons": list(one.conclusion.reasons),
            "agree": one.conclusion.agree,
            "counted": one.is_counted,
        }
        for finding, one in pieces.items()
    }
    return {
        "index": piece.index,
        "findings": {
            finding: {
                framework: {
                    "probability": model.probability,
                    "threshold": model.threshold,
                    "outcome": name_alone(one, model),
                    "needs_review": needs_review(name_alone(one, model), ()),
                }
                for framework, model in one.models.items()
            }
            for finding, one in pieces.items()
        },
        "conclusion": conclusions,
        **conclusions[next(iter(pieces))],
        "warnings": _join(one.warnings for one in pieces.values()),
        "position_mm": piece.position_mm,
        "brain_visible": piece.gate.brain_visible,
        "gate": {
            "outcome": piece.gate.outcome,
            "reasons": list(piece.gate.reasons),
            "turned": piece.turned,
        },
    }


def _join(parts: Iterable[Sequence[str]]) -> list[str]:
    """Return the sentences of all parts in order, each once."""
    return list(dict.fromkeys(sentence for part in parts for sentence in part))


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
