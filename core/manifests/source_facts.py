"""Read and write the facts about the sources of a manifest, NAME.sources.csv beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from core.manifests.cells import read_cells
from core.manifests.columns import SILENCES, SOURCE_COLUMNS, Problem, Silence, Source
from core.manifests.findings import FINDINGS


def name_sources_file(manifest: Path) -> Path:
    """Return the path of the facts about a manifest's sources."""
    return manifest.with_name(f"{manifest.stem}.sources.csv")


def read_sources(manifest: Path) -> tuple[dict[str, Source], list[Problem]]:
    """Read the facts about a manifest's sources.

    Returns:
        The sources by name, and the lines that cannot be used; both empty if there is no such file.

    Raises:
        DatasetError: the file's header cannot be used.
    """
    path = name_sources_file(manifest)
    if not path.is_file():
        return {}, []
    cells = read_cells(path, SOURCE_COLUMNS, "source")
    problems = [replace(problem, loses_slice=False) for problem in cells.problems]
    sources: dict[str, Source] = {}
    for line, row in cells.rows:
        values = {column: row.get(column, "") for column in SOURCE_COLUMNS}
        old = sources.get(values["source"], Source(values["source"]))
        fault = _find_fault(values, old)
        if fault:
            problems.append(Problem(line, fault, table=path.name, loses_slice=False))
            continue
        silences = dict(old.silence)
        if values["finding"]:
            word = cast(Silence, values["silence"].lower() or SILENCES[0])
            silences[values["finding"].lower()] = (word, values["reason"])
        title, terms, folder = (values[name] or getattr(old, name) for name in ("title", "terms", "folder"))
        sources[old.name] = Source(old.name, title, terms, silences, folder)
    return sources, problems


def _find_fault(values: dict[str, str], old: Source) -> str:
    """Return what is wrong with a line, given what earlier lines say of its source, or ""."""
    finding, silence = values["finding"].lower(), values["silence"].lower()
    if finding and finding not in FINDINGS:
        return f"the finding {values['finding'][:40]!r} is unknown; use {' or '.join(FINDINGS)}"
    if silence not in ("", *SILENCES):
        return f"silence cannot mean {values['silence'][:40]!r}; write {' or '.join(map(repr, SILENCES))}"
    if silence and not finding:
        return "it says what silence means, but names no finding"
    if silence == SILENCES[1] and not values["reason"]:
        return "'presumed absent' needs a reason"
    if finding in old.silence:
        return f"the source's silence on {finding} was described before"
    for name in ("title", "terms", "folder"):
        known = getattr(old, name)
        if values[name] and known and values[name] != known:
            return f"the source has another {name} in an earlier line"
    return ""
