"""Check the files of an experiment against the hashes on its card."""

from __future__ import annotations

from pathlib import Path

from core.errors import ExperimentError
from core.system import sha256_of_file

CHANGED = "differs from its SHA-256 in experiment.json"


def check_file(folder: Path, path: str, digest: str) -> None:
    """Raise an ExperimentError unless the file is inside the folder and has this hash."""
    place = folder / path
    # A link could lead out of the folder; the card covers its own files only.
    if not place.resolve().is_relative_to(folder.resolve()):
        raise damaged_file_error(folder, path, "is a link that leads out of the folder")
    if not place.is_file():
        raise damaged_file_error(folder, path, "is missing")
    if sha256_of_file(place) != digest:
        raise damaged_file_error(folder, path, CHANGED)


def damaged_file_error(folder: Path, path: str, problem: str) -> ExperimentError:
    """Return the error for a file of an experiment; `problem` continues "the file PATH ..."."""
    return ExperimentError(
        f'Experiment "{folder.name}": the file {path} {problem}', remedy=explain_restore(folder.name)
    )


def explain_restore(name: str) -> str:
    """Return how to restore a damaged experiment, in words."""
    return (
        f'get the folder "{name}" again (if it came with a clone: git restore trained_models/{name}, which '
        "discards all changes in that folder), or train the experiment again"
    )
