"""Draw the packages and their imports into docs/architecture.md: `python -m tests.package_diagram`."""

from __future__ import annotations

from pathlib import Path

from tests.source_trees import PACKAGES, ROOT, SOURCES, list_imports, name_module, name_package

DOCUMENT = ROOT / "docs" / "architecture.md"
BEGIN = "<!-- packages: written by `make figures` -->"
END = "<!-- end of packages -->"


def render_diagram() -> str:
    """Return a Mermaid flowchart with one arrow from each package to those that it imports.

    An arrow is left out where others already lead there (transitive reduction), so that few remain.
    """
    imported = _collect_imports()
    lines = ["```mermaid", "flowchart TD"]
    for house in ("dashboard", "core"):
        lines.append(f"  subgraph {house}")
        lines += [f"    {room}[{room.split('.')[1]}]" for room in imported if room.startswith(f"{house}.")]
        lines.append("  end")
    for room, targets in imported.items():
        indirect = {far for target in targets for far in _reach(target, imported)}
        lines += [f"  {room} --> {target}" for target in sorted(targets - indirect)]
    return "\n".join([*lines, "```"])


def replace_diagram(text: str) -> str:
    """Return a Markdown text with the diagram between its two marks drawn anew."""
    head, rest = text.split(BEGIN)
    return f"{head}{BEGIN}\n{render_diagram()}\n{END}{rest.split(END)[1]}"


def _collect_imports() -> dict[str, set[str]]:
    """Return the packages, in alphabetical order, each with those that its modules import."""
    rooms = sorted({"dashboard.app_pages", *PACKAGES} - {"core", "dashboard"})
    imported: dict[str, set[str]] = {room: set() for room in rooms}
    for path in SOURCES:
        room = name_package(name_module(path))
        if room in imported:
            found = {name_package(one.module) for one in list_imports(path)}
            imported[room] |= found & set(imported) - {room}
    return imported


def _reach(room: str, imported: dict[str, set[str]]) -> set[str]:
    """Return every package that a package imports, directly or through others."""
    return imported[room] | {far for target in imported[room] for far in _reach(target, imported)}


def _write(path: Path) -> None:
    path.write_text(replace_diagram(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    _write(DOCUMENT)
