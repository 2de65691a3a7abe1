"""Print tables, records and progress on the command line."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from core.evaluation import CELLS, list_keys
from core.frameworks import TITLES
from core.system import escape_for_terminal as plain

if TYPE_CHECKING:
    from core.experiments import Experiment
    from core.reading import Findings


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


def print_findings(experiment: Experiment, findings: Sequence[Findings]) -> None:
    """Print readings as a table, then the verdict on each study, then each warning once."""
    print(f'{experiment.name}: calibrated probability of "{experiment.classes[1]}". {experiment.meaning}')
    thresholds = [f"{TITLES[name]} {experiment.threshold(name):.3f}" for name in experiment.frameworks]
    print(f'Decision threshold: {", ".join(thresholds)}. "needs review": the probability is close to it.')
    rows: list[list[str]] = []
    warnings: dict[str, list[str]] = {}
    for scan in findings:
        source, n_slices = plain(scan.source), len(scan.slices)
        for finding in scan.slices:
            answers = [
                f"{model.probability:.3f} {model.decision}" + (", needs review" if model.review else "")
                for model in finding.models.values()
            ]
            marks = [] if finding.agree else ["DISAGREE"]
            if n_slices > 1 and not finding.is_counted:
                marks.append("not counted")
            place = f"{source}, slice {finding.index + 1}" if n_slices > 1 else source
            rows.append([place, *answers, ", ".join(marks)])
        counts = Counter(warning for finding in scan.slices for warning in finding.warnings)
        for warning, n in counts.items():
            share = f", all {n} slices" if n == n_slices else f", {n} of {n_slices} slices"
            warnings.setdefault(warning, []).append(source + (share if n_slices > 1 else ""))
    if rows:
        print_table(["slice", *(TITLES[framework] for framework in experiment.frameworks), ""], rows)
    for scan in findings:
        if len(scan.slices) > 1 and scan.verdicts:
            print(f"Study ({plain(scan.source)}): {_format_verdicts(experiment, scan)}")
    for warning, places in warnings.items():
        where = places[0] if len(places) == 1 else f"{places[0]} and {len(places) - 1} more"
        print(f"Note ({where}): {plain(warning)}")


def _format_verdicts(experiment: Experiment, scan: Findings) -> str:
    verdicts = [
        f"{TITLES[framework]} score {verdict.score:.3f} (threshold {verdict.threshold:.3f}), "
        + experiment.classes[int(verdict.positive)]
        + (", needs review" if verdict.review else "")
        for framework, verdict in scan.verdicts.items()
    ]
    n_counted, n = next(iter(scan.verdicts.values())).n_counted, len(scan.slices)
    others = "" if n_counted == n else " (the others show no brain or were refused)"
    return f"{'; '.join(verdicts)}; {n_counted} of {n} slices counted{others}"


def print_evaluation(record: dict[str, Any]) -> None:
    """Print the record of core.evaluation.summary as a table."""
    print(f"{record['experiment']}: value [95 % interval]")
    columns = [(framework, level) for framework, levels in record["models"].items() for level in levels]
    measured = [record["models"][framework][level] for framework, level in columns]
    counts = [
        [key, *(_as_count(level[key]) for level in measured)] for key in ("n", "positives", "threshold")
    ]
    confusion = [
        [cell, *("-" if level["confusion"] is None else str(level["confusion"][cell]) for level in measured)]
        for cell in CELLS
    ]
    reviews = [_as_figure(level["review"].get("share", {"value": None})) for level in measured]
    figures = [
        [name.replace("_", " "), *(_as_figure(level[name]) for level in measured)] for name in list_keys()
    ]
    print_table(
        ["", *(f"{TITLES[framework]}, {level}" for framework, level in columns)],
        counts + confusion + figures + [["needs review", *reviews]],
    )
    for note in record.get("notes", []):
        print(note)


def _as_count(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def _as_figure(figure: dict[str, Any]) -> str:
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
