"""Print tables, records and progress on the command line."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.evaluation import CELLS, GROUP_FIGURES, list_keys
from core.frameworks import TITLES
from core.system import escape_for_terminal as plain

if TYPE_CHECKING:
    from core.experiments import Experiment
    from core.reading import Findings, Site


def show_progress(words: str) -> Callable[[int, int], None] | None:
    """Return a counter on standard error, called with (done, total); None if it is not a terminal."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        if total > 1:
            print(f"\r{done}/{total} {words}", end="\n" if done == total else "", file=sys.stderr, flush=True)

    return show


def print_json(record: dict[str, Any]) -> None:
    """Print a record as JSON; NaN in it is a bug and raises ValueError."""
    print(json.dumps(record, indent=2, allow_nan=False))


def print_findings(experiment: Experiment, findings: Sequence[Findings], site: Site | None = None) -> None:
    """Print one experiment's readings: a table of slices, each scan's conclusion and why, then warnings.

    Args:
        site: the site calibration that decided; None for the card.
    """
    from core.reports import describe_decider

    decider = site or experiment
    print(f'{experiment.name}: calibrated probability of "{experiment.classes[1]}". {experiment.meaning}')
    thresholds = [f"{TITLES[name]} {decider.threshold(name):.3f}" for name in experiment.frameworks]
    print(f"Threshold for single slices: {', '.join(thresholds)}. Close to it, a result is uncertain.")
    if findings:
        print(describe_decider(experiment, findings[0]))
    rows = [row for scan in findings for row in _list_rows(experiment, scan)]
    if rows:
        print_table(["slice", *(TITLES[framework] for framework in experiment.frameworks), "result"], rows)
    notes: dict[tuple[str, str], list[str]] = {}
    for scan in findings:
        if len(scan.slices) > 1:
            print(f"Study ({plain(scan.source)}): {_describe_study(experiment, scan)}")
        for (kind, sentence), n in _count_notes(scan).items():
            share = "" if not n else f", all {n} slices" if n == len(scan.slices) else f", {n} slices"
            notes.setdefault((kind, sentence), []).append(plain(scan.source) + share)
    for (kind, sentence), places in notes.items():
        where = places[0] if len(places) == 1 else f"{places[0]} and {len(places) - 1} more"
        print(f"{kind} ({where}): {plain(sentence)}")
    if findings and (limits := _describe_limits(experiment, findings, site)):
        print(limits)


def _list_rows(experiment: Experiment, scan: Findings) -> list[list[str]]:
    """Return a row of cells for each slice."""
    from core.reading import name_outcome

    rows = []
    for finding in scan.slices:
        place = plain(scan.source)
        result = name_outcome(scan.conclusion.outcome, experiment.finding)
        if len(scan.slices) > 1:
            place += f", slice {finding.index + 1}"
            result = name_outcome(finding.outcome, experiment.finding)
            result += "" if finding.is_counted else " (not counted)"
        rows.append([place, *(f"{model.probability:.3f}" for model in finding.models.values()), result])
    return rows


def _describe_study(experiment: Experiment, scan: Findings) -> str:
    from core.reading import name_outcome
    from core.reports import describe_agreement, describe_flagged_slices

    agreement = " ".join(part for part in describe_agreement(experiment, scan) if part)
    scores = [
        f"{TITLES[name]} score {verdict.score:.3f} (threshold {verdict.threshold:.3f})"
        for name, verdict in scan.verdicts.items()
        if verdict.score is not None
    ]
    n_counted, n = sum(finding.is_counted for finding in scan.slices), len(scan.slices)
    others = "" if n_counted == n else " (the others show no brain or were refused)"
    counted = f"{n_counted} of {n} slices counted{others}"
    parts = [f"{name_outcome(scan.conclusion.outcome, experiment.finding)}.", agreement]
    parts += [f"{'; '.join([*scores, counted])}.", describe_flagged_slices(scan)]
    return " ".join(filter(None, parts))


def _count_notes(scan: Findings) -> dict[tuple[str, str], int]:
    """Return reasons, gaps and warnings: (kind, sentence) -> number of slices; 0: of the scan."""
    from core.reports import list_gaps

    conclusion = scan.conclusion
    notes = {("Reason", reason): 0 for reason in conclusion.reasons}
    notes |= {("Study incomplete", gap): 0 for gap in list_gaps(scan)}
    said = {*conclusion.reasons, *conclusion.incomplete}
    counts = Counter(warning for finding in scan.slices for warning in finding.warnings)
    several = len(scan.slices) > 1
    return notes | {("Note", text): n if several else 0 for text, n in counts.items() if text not in said}


def _describe_limits(experiment: Experiment, findings: Sequence[Findings], site: Site | None) -> str:
    """Return what outcomes were worth elsewhere; at a site's thresholds, only what "Not flagged" excludes."""
    from core.reports import describe_flags
    from core.validation import count_flags

    if not site and (counts := describe_flags(count_flags(experiment), experiment.finding)):
        return counts
    is_said = any(scan.conclusion.outcome == "not_flagged" for scan in findings)
    return f"Not flagged does not exclude {experiment.finding}." if is_said else ""


def print_evaluation(record: dict[str, Any]) -> None:
    """Print the record of core.evaluation.summary as a table."""
    print(f"{record['experiment']}: value [95 % interval]")
    columns = [(framework, level) for framework, levels in record["models"].items() for level in levels]
    measured = [record["models"][framework][level] for framework, level in columns]
    counts = [[key, *(as_count(level[key]) for level in measured)] for key in ("n", "positives", "threshold")]
    confusion = [
        [cell, *("-" if level["confusion"] is None else str(level["confusion"][cell]) for level in measured)]
        for cell in CELLS
    ]
    reviews = [as_figure(level["review"].get("share", {"value": None})) for level in measured]
    figures = [
        [name.replace("_", " "), *(as_figure(level[name]) for level in measured)] for name in list_keys()
    ]
    print_table(
        ["", *(f"{TITLES[framework]}, {level}" for framework, level in columns)],
        counts + confusion + figures + [["needs review", *reviews]],
    )
    for note in record.get("notes", []):
        print(note)
    if groups := record.get("by_source", {}).get("sources"):
        print("By source, out of sample, per slice:")
        print_groups(groups)


def print_groups(groups: Sequence[Mapping[str, Any]]) -> None:
    """Print the GROUPs of core.evaluation.by_source as a table."""
    keys = [key for key in GROUP_FIGURES if any(key in one for one in groups[0]["models"].values())]
    rows = [
        [
            plain(group["source"] or "(unnamed)"),
            TITLES[framework],
            f"{group['n']:,} ({group['positives']:,})",
            *(as_figure(figures[key]) for key in keys),
        ]
        for group in groups
        for framework, figures in group["models"].items()
    ]
    print_table(["source", "", "n (positive)", *(key.replace("_", " ") for key in keys)], rows)


def as_count(value: float | None) -> str:
    """Return the words for a count or a threshold of a record, or "-"."""
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def as_figure(figure: dict[str, Any]) -> str:
    """Return the words for a FIGURE of a record: its value and interval, or "-"."""
    if figure["value"] is None:
        return "-"
    if figure["interval"] is None:
        return f"{figure['value']:.3f}"
    low, high = figure["interval"]
    return f"{figure['value']:.3f} [{low:.3f}, {high:.3f}]"


def print_table(header: list[str], rows: list[list[str]]) -> None:
    """Print columns, each as wide as its widest cell."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
