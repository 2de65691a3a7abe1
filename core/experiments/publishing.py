"""Writing experiment folders: built aside, listed with hashes, and renamed into place last."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from core.errors import ExperimentError
from core.experiments.cards import FORMAT, check_name
from core.experiments.folders import CARD_NAME, Experiment, read_experiment
from core.files import sha256_of_file, sync_file, sync_folder, write_whole


def write_experiment(folder: Path, card: dict[str, Any]) -> Experiment:
    """Write the card of a folder whose other files are all in place, and read it back.

    Args:
        folder: the folder being built. Every file in it is listed, except hidden ones.
        card: the card; its "format" and "files" are set here.

    Raises:
        ExperimentError: the card or the folder lacks something.
    """
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    visible = [path for path in paths if not any(part.startswith(".") for part in path.split("/"))]
    files = {path: sha256_of_file(folder / path) for path in visible if path != CARD_NAME}
    try:
        text = json.dumps(
            {**card, "format": FORMAT, "files": files}, indent=2, ensure_ascii=False, allow_nan=False
        )
    except (TypeError, ValueError) as error:
        raise ExperimentError("The card holds a value that JSON cannot hold", came=str(error)) from error
    write_whole(folder / CARD_NAME, (text + "\n").encode("utf-8"))
    return read_experiment(folder)


def publish(folder: Path, root: Path, name: str, *, replace: bool = False) -> Experiment:
    """Move a finished folder into place as the experiment `name`: it appears whole or not at all.

    Args:
        folder: the folder that was built, on the same disk as `root`.
        root: the folder of all experiments.
        name: the name on its card.
        replace: whether an experiment of this name may be there already; it is removed.

    Raises:
        ExperimentError: the folder is damaged, its card has another name, or the name is taken.
    """
    check_name(name)
    built = read_experiment(folder)
    if built.name != name:
        raise ExperimentError(f'The card in "{folder.name}" does not say "{name}"', came=f'"{built.name}"')
    target = root / name
    if target.exists() and not replace:
        raise ExperimentError(
            f'There is an experiment "{name}" already',
            came=str(target),
            remedy="choose another name, or remove it",
        )
    for path in (*built.card["files"], CARD_NAME):
        sync_file(folder / path)
    for parent in {(folder / path).parent for path in built.card["files"]} | {folder}:
        sync_folder(parent)
    root.mkdir(parents=True, exist_ok=True)
    old = root / f".{name}.{secrets.token_hex(4)}.old"
    if target.exists():
        os.rename(target, old)
    os.rename(folder, target)
    sync_folder(root)
    if old.exists():
        shutil.rmtree(old)
    return Experiment(folder=target, card=built.card, digest=built.digest)
