"""The words of reports on a scan: verdict, key slices, warnings and geometry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from core.evaluation import SPAN_MM
from core.frameworks import TITLES
from core.reading import CARD, name_outcome
from core.scans import INCOMPLETE

if TYPE_CHECKING:
    from core.experiments import Experiment
    from core.reading import Findings, ModelFinding, Outcome, PanelFindings, SliceFinding
    from core.validation import Flags

_MOST_SHOWN = 4
_NO_BRAIN = "No brain visible: not counted"


def shorten_outcome(outcome: Outcome) -> str:
    """Return an outcome in one or two words.

    >>> shorten_outcome("flagged")
    'Flagged'
    """
    return name_outcome(outcome, "").partition(":")[0]


def title_outcome(outcome: Outcome, finding: str) -> str:
    """Return an outcome after its finding, for places that have several findings.

    >>> title_outcome("uncertain", "hemorrhage"), title_outcome("flagged", "ischemia")
    ('Hemorrhage: uncertain, please review', 'Ischemia: flagged')
    """
    words = shorten_outcome(outcome).lower()
    return f"{finding.capitalize()}: {words}{', please review' if outcome == 'uncertain' else ''}"


def name_alone(piece: SliceFinding, model: ModelFinding) -> Outcome:
    """Return what one network says of a slice: nothing if the slice is not judged."""
    return "not_judged" if piece.outcome == "not_judged" else model.outcome


def describe_agreement(experiment: Experiment, findings: Findings) -> tuple[str, str]:
    """Return whether the networks agree, and what limits this, as two sentences; "" where there is none.

    Agreement is named only where the networks gave the same clear answer; disagreement is among the reasons
    of the conclusion.
    """
    if len(experiment.frameworks) == 1:
        return "Read by one network.", ""
    if not findings.conclusion.agree:
        return "", ""
    # Cards name a frozen, pretrained backbone "Trunk".
    has_backbone = any(layer.get("layer") == "Trunk" for layer in experiment.card.get("layers") or ())
    shared = "a pretrained backbone and the training data" if has_backbone else "the training data"
    return "Both networks agree.", f"They share {shared}, so they may err together."


def list_gaps(findings: Findings) -> list[str]:
    """Return why a study is incomplete, as sentences to follow the words "Study incomplete:"."""
    gaps = [reason.removeprefix(INCOMPLETE) for reason in findings.incomplete]
    return [gap[:1].upper() + gap[1:] for gap in gaps]


def describe_turn(degrees: int) -> str:
    """Return by how much a slice was turned upright; "" if it was not.

    Args:
        degrees: counterclockwise.

    >>> describe_turn(270)
    'turned 90° clockwise'
    """
    ways = {0: "", 90: "turned 90° counterclockwise", 180: "turned 180°", 270: "turned 90° clockwise"}
    return ways[degrees]


def list_remarks(findings: Findings) -> list[str]:
    """Return the warnings on a scan that its conclusion does not name, each once.

    Those of a single slice include what the gate says of it.
    """
    named = {*findings.conclusion.reasons, *findings.conclusion.incomplete}
    remarks = [warning for piece in findings.slices for warning in piece.warnings]
    if len(findings.slices) == 1:
        remarks += findings.slices[0].gate.reasons
    return [remark for remark in dict.fromkeys(remarks) if remark not in named]


def describe_decider(experiment: Experiment, findings: Findings) -> str:
    """Return whose calibration and thresholds decided, as a sentence."""
    if findings.decided_by != CARD:
        return (
            f'Decided with the site calibration "{findings.decided_by}", not with the calibration of the '
            "model card."
        )
    if has_thresholds_of_card(experiment, findings):
        return "Decided with the calibration and thresholds of the model card."
    models = findings.slices[0].models.items()
    chosen = ", ".join(f"{TITLES[name]} {model.threshold:.2f}" for name, model in models)
    if len(findings.slices) > 1:
        return (
            "The study was decided with the calibration and thresholds of the model card; single slices at "
            f"thresholds chosen by the user: {chosen}."
        )
    return f"Decided with the calibration of the model card, at thresholds chosen by the user: {chosen}."


def has_thresholds_of_card(experiment: Experiment, findings: Findings) -> bool:
    """Return whether slices were decided at the card's default thresholds."""
    if findings.decided_by != CARD:
        return False
    models = findings.slices[0].models.items() if findings.slices else ()
    return all(model.threshold == experiment.threshold(name) for name, model in models)


def name_conclusion(findings: Findings) -> str:
    """Return what a scan is called in lists of other programs: at most 30 characters."""
    gap = " Study incomplete." if findings.conclusion.incomplete else ""
    return f"{shorten_outcome(findings.conclusion.outcome)}.{gap}"


def name_conclusions(panel: Sequence[Experiment], parts: PanelFindings) -> str:
    """Return what a scan is called in lists of other programs: short where it can be."""
    if len(parts) == 1:
        return name_conclusion(parts[0])
    outcomes = [shorten_outcome(part.conclusion.outcome).lower() for part in parts]
    names = [experiment.finding.capitalize() for experiment in panel]
    gap = " Incomplete." if any(part.conclusion.incomplete for part in parts) else ""
    if len(set(outcomes)) == 1:
        return f"{' and '.join([names[0], *map(str.lower, names[1:])])} {outcomes[0]}.{gap}"
    return " ".join(f"{name} {outcome}." for name, outcome in zip(names, outcomes, strict=True)) + gap


def say_conclusions(panel: Sequence[Experiment], parts: PanelFindings) -> str:
    """Return the outcomes of a scan with all their reasons, as sentences."""
    name = name_outcome if len(panel) == 1 else title_outcome
    said = [
        _say_conclusion(part, experiment.finding, name(part.conclusion.outcome, experiment.finding))
        for experiment, part in zip(panel, parts, strict=True)
    ]
    gaps = dict.fromkeys(f"Study incomplete: {gap}" for part in parts for gap in list_gaps(part))
    return " ".join((*said, *gaps))


def _say_conclusion(findings: Findings, finding: str, outcome: str) -> str:
    conclusion = findings.conclusion
    limits = [f"This does not exclude {finding}."] if conclusion.outcome == "not_flagged" else []
    return " ".join((f"{outcome}.", *limits, *conclusion.reasons))


def describe_worth(experiment: Experiment, findings: Findings, flags: Flags | None) -> str:
    """Return how far to trust the outcome of a scan, as sentences to stand beside it; "" if nothing is known.

    Args:
        flags: from `core.validation.count_flags`; named only where the card's thresholds decided.
    """
    outcome, is_study = findings.conclusion.outcome, len(findings.slices) > 1
    parts = []
    if outcome == "not_flagged":
        parts.append(f"This does not exclude {experiment.finding}.")
    if is_study and (flagged := describe_flagged_slices(findings)):
        parts.append(flagged)
    counts = ""
    if flags and outcome in flags.outcomes and has_thresholds_of_card(experiment, findings):
        counts = _count(flags, outcome, experiment.finding, "validation slices")
    if flags and counts:
        parts.append(f"Of {counts}.")
        if flags.is_apart:
            parts.append("These slices had no part in choosing the thresholds.")
        if is_study:
            parts.append("This counts single slices; a study is judged from all its slices.")
    return " ".join(parts)


def describe_flags(flags: Flags | None, finding: str) -> str:
    """Return what each outcome of a slice was worth on data from elsewhere; "" if unknown.

    Args:
        finding: that of the experiment.
    """
    if flags is None:
        return ""
    counts = filter(None, (_count(flags, outcome, finding, "slices") for outcome in flags.outcomes))
    each = "; ".join(f"of {count}" for count in counts)
    apart = ", which had no part in choosing the thresholds" if flags.is_apart else ""
    return f"Validation slices{apart}: {each}. Not flagged does not exclude {finding}."


def _count(flags: Flags, outcome: Outcome, finding: str, what: str) -> str:
    tally = flags.outcomes[outcome]
    if not tally.n:
        return ""
    words, share = shorten_outcome(outcome).lower(), f"{100 * tally.positives / tally.n:.0f} %"
    return f"{tally.n:,} {what} that were {words}, {tally.positives:,} ({share}) show {finding}"


def describe_flagged_slices(findings: Findings) -> str:
    """Return why slices are flagged in a study that is not; "" if none is."""
    n = sum(piece.outcome == "flagged" for piece in findings.slices)
    if not n or findings.conclusion.outcome != "not_flagged":
        return ""
    slices, them = ("1 slice is", "this slice") if n == 1 else (f"{n} slices are", "these slices")
    return (
        f"{slices} flagged, although the study is not: a study needs high probabilities over about "
        f"{SPAN_MM:.0f} mm from base to vertex, so a small lesion can be missed. Look at {them}."
    )


def list_key_slices(findings: Findings) -> list[int]:
    """Return the indices of all key slices, each once: first the top one of each network, then the second.

    A scan that was not judged has none.
    """
    if findings.conclusion.outcome == "not_judged":
        return []
    places: dict[int, int] = {}
    for verdict in findings.verdicts.values():
        for place, index in enumerate(verdict.key_slices):
            places[index] = min(place, places.get(index, place))
    return sorted(places, key=lambda index: places[index])


def find_most_suspicious(findings: Findings) -> SliceFinding:
    """Return the slice with the highest probability from any network; the first if several are equal."""
    return max(findings.slices, key=lambda one: max(model.probability for model in one.models.values()))


def choose_report_slices(findings: Findings) -> list[int]:
    """Return the indices of the slices whose pictures a report shows.

    These are at most four key slices or, if there are none, the slice of highest probability.
    """
    return list_key_slices(findings)[:_MOST_SHOWN] or [find_most_suspicious(findings).index]


def describe_geometry(findings: Findings) -> str:
    """Return number of slices, voxel size and gantry tilt in words; "" if none is known."""
    technical, n = findings.technical, len(findings.slices)
    parts = [f"{n} slices"] if n > 1 else []
    if technical.spacing_mm is not None:
        rows, columns = technical.spacing_mm
        parts.append(f"pixel size {rows:.2f} x {columns:.2f} mm")
    if technical.slice_spacing_mm is not None:
        parts.append(f"slice spacing {technical.slice_spacing_mm:.2f} mm (median)")
    if technical.gantry_tilt_deg is not None:
        parts.append(f"gantry tilt {technical.gantry_tilt_deg:.1f}°")
    return ", ".join(parts)


def group_warnings(findings: Findings) -> list[str]:
    """Return each warning once: those on the scan, then those of the gate with their slices.

    That a single slice shows no brain is not a warning but the reason why it is not judged.
    """
    warnings = list(dict.fromkeys(warning for piece in findings.slices for warning in piece.warnings))
    by_gate: dict[str, list[int]] = {}
    for piece in findings.slices:
        if not piece.gate.brain_visible and len(findings.slices) > 1:
            by_gate.setdefault(_NO_BRAIN, []).append(piece.index)
        for reason in piece.gate.reasons:
            by_gate.setdefault(reason.removesuffix("."), []).append(piece.index)
    if len(findings.slices) == 1:
        return [*warnings, *(f"{reason}." for reason in by_gate)]
    return [
        *warnings,
        *(f"{reason} (slice{'s' * (len(n) > 1)} {write_ranges(n)})." for reason, n in by_gate.items()),
    ]


def write_ranges(indices: Iterable[int]) -> str:
    """Return ascending indices as numbers from 1, with runs joined.

    >>> write_ranges([0, 1, 2, 6])
    '1-3, 7'
    """
    runs = [
        [index for _, index in run]
        for _, run in groupby(enumerate(indices), key=lambda item: item[1] - item[0])
    ]
    return ", ".join(str(run[0] + 1) if len(run) == 1 else f"{run[0] + 1}-{run[-1] + 1}" for run in runs)
