"""Write a manifest and the facts about its sources."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from core.errors import DatasetError
from core.manifests.cells import read_cells
from core.manifests.columns import COLUMNS, SOURCE_COLUMNS, Source
from core.manifests.findings import FINDINGS
from core.manifests.layouts import Layout, Line
from core.manifests.source_facts import name_sources_file, read_sources
from core.system import write_whole


def write_manifest(path: Path, lines: Iterable[Line], sources: Sequence[Source]) -> None:
    """Write a manifest, and the facts about its sources beside it.

    Raises:
        StrokeError: code "not_written".
    """
    lines = list(lines)
    used = [column for column in COLUMNS if any(line.get(column) for line in lines)]
    facts = [
        {
            "source": source.name,
            "title": source.title,
            "terms": source.terms,
            "finding": finding,
            "silence": silence,
            "reason": reason,
            "folder": source.folder,
        }
        for source in sources
        for finding in FINDINGS
        for silence, reason in [source.silence.get(finding, ("unknown", ""))]
    ]
    write_whole(name_sources_file(path), _to_csv(SOURCE_COLUMNS, facts))
    write_whole(path, _to_csv(used, lines))


def place_layout(layout: Layout, folder: Path, path: Path) -> Layout:
    """Return a layout whose sources say where the files lie, unless that is beside the manifest `path`."""
    folder, home = folder.resolve(), path.parent.resolve()
    if folder == home:
        return layout
    named = folder.relative_to(home).as_posix() if folder.is_relative_to(home) else str(folder)
    return replace(layout, sources=tuple(replace(source, folder=named) for source in layout.sources))


def join_manifest(path: Path, layout: Layout) -> Layout:
    """Return the lines and sources of an existing manifest, followed by those of a layout.

    Raises:
        DatasetError: the manifest cannot be read, a line of it cannot be used, or it has one of the sources.
    """
    cells = read_cells(path, COLUMNS, "file")
    sources, problems = read_sources(path)
    problems = [*cells.problems, *problems]
    if problems:
        raise DatasetError(
            f"{path.name} has faulty lines",
            found=str(problems[0]),
            remedy="correct them before adding others",
        )
    held = {row.get("source", "") for _, row in cells.rows} | set(sources)
    for source in layout.sources:
        if source.name in held:
            raise DatasetError(
                f"{path.name} holds the source {source.name!r} already", remedy="write another file"
            )
    lines = [row for _, row in cells.rows]
    old = tuple(sources.get(name, Source(name)) for name in sorted(held))
    return replace(layout, lines=[*lines, *layout.lines], sources=(*old, *layout.sources))


def _to_csv(columns: Sequence[str], lines: Iterable[Line]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode()
