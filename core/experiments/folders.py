"""Find and read experiment folders; every file is compared with its hash on the card."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import TypeVar

from core.errors import ExperimentError
from core.experiments.cards import parse_card
from core.experiments.experiment import Experiment
from core.experiments.files import check_file, explain_restore
from core.manifests import FINDINGS
from core.service import DEFAULT_NAME, Settings
from core.system import PROGRAM_FOLDER, is_checkout, user_folder

T = TypeVar("T")
CARD_NAME = "experiment.json"
FOLDER_NAME = "trained_models"
# The experiments that come with the program.
SHIPPED = ("seed-random-split", "folder-by-patient", DEFAULT_NAME, "ischemia-by-study")


def models_root() -> Path:
    """Return the folder for experiments, training runs and tags; it may not exist yet.

    It is STROKE_CT_MODELS if set, else `trained_models` in a checkout, else (for an installed program) the
    folder of that name in the user's data folder.
    """
    named = os.environ.get("STROKE_CT_MODELS")
    if named:
        return Path(named)
    return _user_root() if shipped_root() else PROGRAM_FOLDER / FOLDER_NAME


def shipped_root() -> Path | None:
    """Return the read-only folder of experiments that came with an installed program; None in a checkout."""
    return None if is_checkout() else PROGRAM_FOLDER / FOLDER_NAME


def model_roots() -> tuple[Path, ...]:
    """Return the folders that are searched for experiments.

    They are `models_root()` and, for an installed program, `shipped_root()`, unless STROKE_CT_MODELS names a
    folder other than the default.
    """
    root = models_root()
    shipped = shipped_root()
    return (shipped, root) if shipped and root.resolve() == _user_root().resolve() else (root,)


def is_taken(name: str, root: Path) -> bool:
    """Return whether `root`, or a folder searched together with it, has an experiment of this name."""
    roots = model_roots()
    return any((place / name).exists() for place in (roots if root in roots else (root,)))


def open_experiment(name: str | None = None) -> Experiment:
    """Read an experiment by its name, or the default experiment if `name` is None.

    Raises:
        ExperimentError: there is no such experiment (code "unknown_experiment"), the default experiment is
            missing (code "no_default"), or one of its files is missing or changed.
    """
    return default_experiment() if name is None else find_experiment(name)


def default_names() -> tuple[str, ...]:
    """Return the names of the experiments that read scans together unless the user chooses others."""
    return Settings().experiment


def default_name() -> str:
    """Return the name of the experiment that is shown and used unless the user chooses another."""
    return default_names()[0]


def open_panel(names: Sequence[str] = (), root: Path | None = None) -> list[Experiment]:
    """Read the experiments that read scans together, by their names; those of the settings if none is given.

    Returns:
        The experiments: hemorrhage first, then ischemia, then folder labels.

    Raises:
        ExperimentError: one is unknown, missing or damaged, as for `open_experiment`; or two look for the
            same finding (code "same_finding").
    """
    chosen = names or default_names()
    found = [find_experiment(name, root) if names else _open_default(name, root) for name in chosen]
    for one, other in combinations(found, 2):
        if one.finding == other.finding:
            raise ExperimentError(
                f'The experiments "{one.name}" and "{other.name}" both look for {one.finding}',
                remedy="choose one experiment for each finding",
                code="same_finding",
            )
    return sort_panel(found, key=lambda experiment: experiment)


def sort_panel(members: Iterable[T], key: Callable[[T], Experiment]) -> list[T]:
    """Return members by the finding of their experiments: hemorrhage, ischemia, then folder labels."""
    order = [*FINDINGS, ""]
    return sorted(members, key=lambda member: order.index(key(member).finding_key))


def read_experiment(folder: Path) -> Experiment:
    """Read the card in `folder` and check every file that it lists.

    Raises:
        ExperimentError: a file is missing or changed, or the card is not valid.
    """
    folder = Path(folder)
    try:
        text = (folder / CARD_NAME).read_bytes()
    except OSError as error:
        raise ExperimentError(
            f'The folder "{folder.name}" has no readable {CARD_NAME}',
            remedy="if its training has not finished, resume it; if it is not an experiment, move the folder "
            "out of the experiments folder",
        ) from error
    try:
        card = parse_card(text)
    except ExperimentError as error:
        remedies = filter(None, (error.remedy, explain_restore(folder.name)))
        raise ExperimentError(
            f'Folder "{folder.name}": {error.problem}', found=error.found, remedy=", or ".join(remedies)
        ) from error
    for path, digest in card["files"].items():
        check_file(folder, path, digest)
    return Experiment(folder=folder, card=card, digest=hashlib.sha256(text).hexdigest())


def list_experiments(root: Path | None = None) -> tuple[list[Experiment], list[ExperimentError]]:
    """Return the experiments in `root`, sorted by name, and an error for each damaged folder.

    Hidden folders and files are ignored. A damaged folder raises no error.

    Args:
        root: the folder to search; the folders of `model_roots()` when None.
    """
    found: list[Experiment] = []
    damaged: list[ExperimentError] = []
    for name, folders in _list_folders(root).items():
        try:
            found.append(_read_named(name, folders))
        except ExperimentError as error:
            damaged.append(error)
    return found, damaged


def find_experiment(name: str, root: Path | None = None) -> Experiment:
    """Return the experiment `name` in `root` (default: the folders of `model_roots()`).

    Raises:
        ExperimentError: there is no such experiment (code "unknown_experiment"), or it is damaged.
    """
    places = _list_folders(root)
    if name not in places:
        raise ExperimentError(
            f'There is no experiment "{name}"',
            remedy=f"choose one of: {', '.join(places)}"
            if places
            else f"there are none yet in {root or models_root()}; train one",
            code="unknown_experiment",
        )
    return _read_named(name, places[name])


def default_experiment(root: Path | None = None) -> Experiment:
    """Return the experiment `default_name()`; never another one.

    Raises:
        ExperimentError: it is damaged or missing (code "no_default"), or there is no experiment at all.
    """
    return _open_default(default_name(), root)


def _open_default(name: str, root: Path | None) -> Experiment:
    places = _list_folders(root)
    if name in places:
        return _read_named(name, places[name])
    if places:
        raise ExperimentError(
            f'The default experiment "{name}" is missing',
            found=f"found: {', '.join(places)}",
            remedy=f"choose one of these by name, or {explain_restore(name)}",
            code="no_default",
        )
    raise ExperimentError(
        "There is no trained experiment",
        found=f"looked in {root or models_root()}",
        remedy="train one: stroke-ct train --help",
    )


def _user_root() -> Path:
    return user_folder() / FOLDER_NAME


def _list_folders(root: Path | None) -> dict[str, list[Path]]:
    """Return the folders in `root` by name, or those in all of `model_roots()`."""
    places: dict[str, list[Path]] = {}
    for parent in model_roots() if root is None else (Path(root),):
        for path in parent.iterdir() if parent.is_dir() else ():
            if path.is_dir() and not path.name.startswith("."):
                places.setdefault(path.name, []).append(path)
    return dict(sorted(places.items()))


def _read_named(name: str, folders: list[Path]) -> Experiment:
    if len(folders) > 1:
        raise ExperimentError(
            f'There are two experiments "{name}"',
            found=" and ".join(map(str, folders)),
            remedy=f"the one in {folders[0].parent} came with the program; move yours out of "
            f"{folders[-1].parent}",
        )
    experiment = read_experiment(folders[0])
    if experiment.name != name:
        raise ExperimentError(
            f'The folder "{name}" contains the experiment "{experiment.name}"',
            remedy=f'rename the folder to "{experiment.name}", or move it out of the experiments folder',
        )
    return experiment
