"""Writing experiment folders: built aside, listed with hashes, and renamed into place last."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import ExperimentError
from core.experiments.cards import FORMAT, check_name, check_path, parse_card, required_files
from core.experiments.experiment import Experiment
from core.experiments.folders import CARD_NAME, SHIPPED, is_taken, read_experiment, shipped_root
from core.experiments.tables import OPTIONAL_TABLES, parse_table
from core.system import sha256_of_file, sync_file, sync_folder, write_whole


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
    _write_card(folder, {**card, "files": files})
    return read_experiment(folder)


def add_files(experiment: Experiment, files: Mapping[str, bytes]) -> Experiment:
    """Put further files into a published experiment, or newer ones in their place, and list them on its card.

    At every moment, also after a crash, the folder is whole: a file that is replaced is first taken off the
    card, and no file is listed before it is written.

    Args:
        experiment: as it was read.
        files: path below the folder, with forward slashes -> contents. Tables of OPTIONAL_TABLES are checked.

    Returns:
        The experiment as it is now, with a new digest.

    Raises:
        ExperimentError: a path leads out of the folder or names a file that no experiment can be without; a
            table lacks a column; the experiment is read-only.
        StrokeError: code "not_written".
    """
    check_writable(experiment)
    for path, data in files.items():
        check_path(path)
        if path == CARD_NAME or path in required_files(experiment.card):
            raise ExperimentError(
                f'"{path}" belongs to the training of "{experiment.name}" and is not replaced',
                remedy="train the experiment again under another name",
            )
        if path in OPTIONAL_TABLES:
            try:
                parse_table(data, OPTIONAL_TABLES[path])
            except ValueError as error:
                raise ExperimentError(f'"{path}" {error}') from error
    listed = experiment.card["files"]
    kept = {path: digest for path, digest in listed.items() if path not in files}
    if len(kept) < len(listed):
        _write_card(experiment.folder, {**experiment.card, "files": kept})
    for path, data in files.items():
        (experiment.folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(experiment.folder / path, data)
    added = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    _write_card(experiment.folder, {**experiment.card, "files": dict(sorted((kept | added).items()))})
    return read_experiment(experiment.folder)


def update_card(experiment: Experiment, changes: Mapping[str, Any]) -> Experiment:
    """Change parts of a published experiment's card; its files and their hashes stay.

    Raises:
        ExperimentError: the card would lack something, or hold what JSON cannot, or the experiment is
            read-only; it is then left as it was.
        StrokeError: code "not_written".
    """
    check_writable(experiment)
    card = {**experiment.card, **changes, "files": experiment.card["files"]}
    parse_card(_as_json(card))
    _write_card(experiment.folder, card)
    return read_experiment(experiment.folder)


def delete_experiment(experiment: Experiment) -> None:
    """Remove a published experiment with all its files; it goes whole.

    Raises:
        ExperimentError: it is one of those that this program came with.
    """
    check_writable(experiment)
    if experiment.name in SHIPPED:
        raise ExperimentError(
            f'"{experiment.name}" belongs to this program and is not deleted here',
            remedy="remove its folder by hand if you must",
        )
    gone = experiment.folder.parent / f".{experiment.name}.{secrets.token_hex(4)}.old"
    os.rename(experiment.folder, gone)
    shutil.rmtree(gone, ignore_errors=True)


def check_writable(experiment: Experiment) -> None:
    """Raise an ExperimentError (code "read_only") when an installation of the program came with it."""
    if experiment.folder.resolve().parent == shipped_root():
        raise ExperimentError(
            f'"{experiment.name}" came with the program and is read-only',
            remedy="change it in a clone of the program, or train an experiment of your own",
            code="read_only",
        )


def _write_card(folder: Path, card: dict[str, Any]) -> None:
    write_whole(folder / CARD_NAME, _as_json(card))


def _as_json(card: dict[str, Any]) -> bytes:
    try:
        text = json.dumps({**card, "format": FORMAT}, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ExperimentError("The card holds a value that JSON cannot hold", found=str(error)) from error
    return (text + "\n").encode("utf-8")


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
        raise ExperimentError(f'The card in "{folder.name}" does not say "{name}"', found=f'"{built.name}"')
    target = root / name
    if is_taken(name, root) and not (replace and target.exists()):
        raise ExperimentError(
            f'There is an experiment "{name}" already',
            found=str(target) if target.exists() else "it came with the program",
            remedy="choose another name, or remove it" if target.exists() else "choose another name",
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
