"""Syntax trees of core and dashboard: imports, and the public names of each package."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for house in ("core", "dashboard") for path in (ROOT / house).rglob("*.py"))


class Import(NamedTuple):
    """One imported name.

    Attributes:
        written: the module named in the import, or None for another library's.
        name: the imported name; "" if the module itself is imported.
        module: our module that defines the name, or the other library's module.
        line: line number.
    """

    written: str | None
    name: str
    module: str
    line: int


def name_file(path: Path) -> str:
    """Return a file's path relative to the project root, with forward slashes."""
    return path.relative_to(ROOT).as_posix()


def name_module(path: Path) -> str:
    """Return a file's module name; for `__init__` files that of the package."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def name_package(module: str) -> str:
    """Return the package of a module: the first two parts of its name."""
    return ".".join(module.split(".")[:2])


@cache
def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def walk(path: Path) -> tuple[ast.AST, ...]:
    """Return every node of a file: many laws look at all of them."""
    return tuple(ast.walk(parse(path)))


MODULES = {name_module(path): path for path in SOURCES}
PACKAGES = tuple(
    sorted(
        name_module(path.parent) for path in SOURCES if path.name == "__init__.py" if path.parents[2] == ROOT
    )
)


@cache
def list_public_names(package: str) -> dict[str, str]:
    """Return the names in a package's stub, each with the module that defines it."""
    stub = MODULES[package].with_suffix(".pyi")
    found = {}
    for node in parse(stub).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                holder = f"{package}.{node.module}" if node.module else f"{package}.{alias.name}"
                found[alias.asname or alias.name] = holder
    return found


@cache
def list_imports(path: Path) -> tuple[Import, ...]:
    """Return all imports of a file, including local ones and those for type checking only."""
    found = []
    for node in walk(path):
        if isinstance(node, ast.Import):
            for alias in node.names:
                ours = alias.name if alias.name in MODULES else None
                found.append(Import(ours, "", alias.name, node.lineno))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_file(path)}:{node.lineno}: use an absolute import"
            for alias in node.names:
                found.append(_resolve(node.module or "", alias.name, node.lineno))
    return tuple(found)


def _resolve(module: str, name: str, line: int) -> Import:
    full = f"{module}.{name}"
    if module in PACKAGES and name in list_public_names(module):
        return Import(module, name, list_public_names(module)[name], line)
    if full in MODULES:
        return Import(full, "", full, line)
    return Import(module if module in MODULES else None, name, module, line)


@cache
def walk_calls(path: Path) -> tuple[ast.Call, ...]:
    """Return every call in a file."""
    return tuple(node for node in walk(path) if isinstance(node, ast.Call))


@cache
def list_strings(path: Path) -> tuple[ast.Constant, ...]:
    """Return the strings of a file, except docstrings."""
    documents = {
        id(node.body[0].value)
        for node in walk(path)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if node.body and isinstance(node.body[0], ast.Expr)
    }
    return tuple(
        node
        for node in walk(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents
    )


_WRITING = {
    "write_text",
    "write_bytes",
    "savez",
    "savez_compressed",
    "save",
    "save_as",
    "save_file",
}
_WRITING |= {"copyfile", "copy2", "copytree", "rename", "move", "connect", "touch"}
_TABLES = {"to_csv", "to_json", "to_excel", "to_parquet"}


def list_writes(path: Path) -> list[str]:
    """Return the calls of a file that write to disk, except to a file of `write_aside`."""
    safe = _name_safe_targets(path)
    return [
        f"{call.lineno}: {ast.unparse(call)[:80]}"
        for call in walk_calls(path)
        if _writes(call) and not safe & {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
    ]


def _writes(call: ast.Call) -> bool:
    """Return whether a call seems to write a file."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    words = [value.value for value in call.args if isinstance(value, ast.Constant)]
    words += [option.value.value for option in call.keywords if isinstance(option.value, ast.Constant)]
    if name in ("open", "ZipFile"):
        return any(isinstance(word, str) and re.fullmatch(r"[rbt]*[wax+][wax+bt]*", word) for word in words)
    if name in _TABLES:
        return bool(call.args) or "path_or_buf" in {option.arg for option in call.keywords}
    if name == "replace":  # of a path or of os; str.replace has two arguments, that of dataclasses is a name
        path_alone = isinstance(call.func, ast.Attribute) and len(call.args) == 1 and not call.keywords
        return path_alone or ast.unparse(call.func) == "os.replace"
    if name == "export":
        return ast.unparse(call.func) == "torch.onnx.export"
    return name in _WRITING and isinstance(call.func, ast.Attribute) and bool(call.args or call.keywords)


def _name_safe_targets(path: Path) -> set[str]:
    """Return variables that hold a file of `write_aside`, something opened from it, or a memory stream."""
    safe: set[str] = set()
    for node in walk(path):
        pairs: list[tuple[ast.expr, ast.expr | None]] = []
        if isinstance(node, ast.With):
            pairs = [(item.context_expr, item.optional_vars) for item in node.items]
        elif isinstance(node, ast.Assign):
            pairs = [(node.value, target) for target in node.targets]
        for value, target in pairs:
            if isinstance(target, ast.Name) and isinstance(value, ast.Call):
                maker = ast.unparse(value.func)
                given = {name.id for name in ast.walk(value) if isinstance(name, ast.Name)}
                memory = maker in ("BytesIO", "io.BytesIO", "StringIO", "io.StringIO")
                opened = maker in ("open", "zipfile.ZipFile") and bool(given & safe)
                if maker == "write_aside" or memory or opened:
                    safe.add(target.id)
    return safe
