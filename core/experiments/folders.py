"""Finding and reading experiment folders: every file is compared with the hash on the card first."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from core.errors import ExperimentError
from core.experiments.cards import parse_card
from core.experiments.experiment import Experiment, check_file, restore

CARD_NAME = "experiment.json"
DEFAULT_NAME = "hemorrhage-by-patient"
# Names another default, for a server that reads with an experiment of its own.
DEFAULT_VARIABLE = "STROKE_CT_EXPERIMENT"
# Those that the program comes with.
SHIPPED = ("seed-random-split", "folder-by-patient", DEFAULT_NAME)


def models_root() -> Path:
    """The folder of all experiments: the variable STROKE_CT_MODELS, else trained_models/ in the project."""
    named = os.environ.get("STROKE_CT_MODELS")
    return Path(named) if named else Path(__file__).resolve().parents[2] / "trained_models"


def default_name() -> str:
    """Return the name of the experiment that reads scans unless a person chooses another by name."""
    return os.environ.get(DEFAULT_VARIABLE) or DEFAULT_NAME


def read_experiment(folder: Path) -> Experiment:
    """Read the card in `folder` and check every file that it lists.

    Raises:
        ExperimentError: which file of which folder is missing or changed, or what is wrong with the card.
    """
    folder = Path(folder)
    try:
        text = (folder / CARD_NAME).read_bytes()
    except OSError as error:
        raise ExperimentError(
            f'The folder "{folder.name}" holds no readable {CARD_NAME}',
            remedy="it is no experiment, or its training has not ended; move it out of the folder of models",
        ) from error
    try:
        card = parse_card(text)
    except ExperimentError as error:
        remedies = filter(None, (error.remedy, restore(folder.name)))
        raise ExperimentError(
            f'Folder "{folder.name}": {error.problem}', came=error.came, remedy=", or ".join(remedies)
        ) from error
    for path, digest in card["files"].items():
        check_file(folder, path, digest)
    return Experiment(folder=folder, card=card, digest=hashlib.sha256(text).hexdigest())


def list_experiments(root: Path | None = None) -> tuple[list[Experiment], list[ExperimentError]]:
    """The experiments in `root` (default `models_root()`) by name, and an error for each damaged folder.

    Folders whose name starts with a dot, and single files, are ignored. Never raises for a bad folder.
    """
    root = models_root() if root is None else Path(root)
    found: list[Experiment] = []
    damaged: list[ExperimentError] = []
    for name in _folder_names(root):
        try:
            found.append(_read_named(root, name))
        except ExperimentError as error:
            damaged.append(error)
    return found, damaged


def find_experiment(name: str, root: Path | None = None) -> Experiment:
    """The experiment `name` in `root` (default `models_root()`).

    Raises:
        ExperimentError: code "unknown_experiment" when there is none of this name; else what is damaged.
    """
    root = models_root() if root is None else Path(root)
    names = _folder_names(root)
    if name not in names:
        raise ExperimentError(
            f'There is no experiment "{name}"',
            remedy=f"choose one of: {', '.join(names)}"
            if names
            else f"there is none yet in {root}; train one",
            code="unknown_experiment",
        )
    return _read_named(root, name)


def default_experiment(root: Path | None = None) -> Experiment:
    """Return the experiment `default_name()`. Another never takes its place.

    Raises:
        ExperimentError: it is damaged; it is missing (code "no_default"); there is no experiment at all.
    """
    root = models_root() if root is None else Path(root)
    names = _folder_names(root)
    name = default_name()
    if name in names:
        return _read_named(root, name)
    if names:
        raise ExperimentError(
            f'The default experiment "{name}" is missing',
            came=f"found: {', '.join(names)}",
            remedy=f"choose one of these by name, or put the folder {name} back",
            code="no_default",
        )
    raise ExperimentError(
        "There is no trained experiment",
        came=f"looked in {root}",
        remedy="train one: python -m core train --help",
    )


def _folder_names(root: Path) -> list[str]:
    if not root.is_dir():
        return []
    return sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _read_named(root: Path, name: str) -> Experiment:
    experiment = read_experiment(root / name)
    if experiment.name != name:
        raise ExperimentError(
            f'The folder "{name}" holds the experiment "{experiment.name}"',
            remedy=f'rename the folder to "{experiment.name}", or move it out of the folder of models',
        )
    return experiment
