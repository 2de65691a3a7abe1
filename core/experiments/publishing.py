"""Write experiment folders: each is built in a hidden folder, and renamed into place last."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import ExperimentError
from core.experiments.cards import FORMAT, check_name, check_path, list_required_files, parse_card
from core.experiments.experiment import Experiment
from core.experiments.folders import CARD_NAME, SHIPPED, is_taken, read_experiment, shipped_root
from core.experiments.tables import OPTIONAL_TABLES, parse_table
from core.system import sha256_of_file, sync_file, sync_folder, write_whole


def write_experiment(folder: Path, card: dict[str, Any]) -> Experiment:
    """Write the card of a folder that holds all other files, and read the experiment back.

    Args:
        folder: the folder being built. The card lists every file in it, except hidden ones.
        card: the card; its "format" and "files" are set here.

    Raises:
        ExperimentError: the card or the folder is incomplete.
    """
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    visible = [path for path in paths if not any(part.startswith(".") for part in path.split("/"))]
    files = {path: sha256_of_file(folder / path) for path in visible if path != CARD_NAME}
    _write_card(folder, {**card, "files": files})
    return read_experiment(folder)


def add_files(experiment: Experiment, files: Mapping[str, bytes]) -> Experiment:
    """Add files to a published experiment, or replace files added before, and list them on its card.

    The folder is valid at every moment, also after a crash: a file to be replaced is first removed from the
    card, and a file is listed only after it is written. Changes made since `experiment` was read stay.

    Args:
        experiment: the experiment, of which minutes may have passed since it was read.
        files: path below the folder, with forward slashes -> contents. Tables of OPTIONAL_TABLES are checked.

    Returns:
        The changed experiment, with a new digest.

    Raises:
        ExperimentError: a path leads out of the folder or is a required file; a table lacks a column; the
            experiment is read-only, or was trained again since it was read (code "other_version").
        StrokeError: code "not_written".
    """
    check_writable(experiment)
    for path, data in files.items():
        check_path(path)
        if path == CARD_NAME or path in list_required_files(experiment.card):
            raise ExperimentError(
                f'"{path}" was written by the training of "{experiment.name}" and cannot be replaced',
                remedy="train the experiment again under another name",
            )
        if path in OPTIONAL_TABLES:
            try:
                parse_table(data, OPTIONAL_TABLES[path])
            except ValueError as error:
                raise ExperimentError(f'"{path}" {error}') from error
    with _newest_card(experiment) as card:
        listed = card["files"]
        unchanged = {path: digest for path, digest in listed.items() if path not in files}
        if len(unchanged) < len(listed):
            _write_card(experiment.folder, {**card, "files": unchanged})
        for path, data in files.items():
            (experiment.folder / path).parent.mkdir(parents=True, exist_ok=True)
            write_whole(experiment.folder / path, data)
        added = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
        _write_card(experiment.folder, {**card, "files": dict(sorted((unchanged | added).items()))})
        return read_experiment(experiment.folder)


def update_card(experiment: Experiment, changes: Mapping[str, Any]) -> Experiment:
    """Change fields of a published experiment's card; its files and all other fields stay as they are now.

    Raises:
        ExperimentError: the new card would be invalid, the experiment is read-only, or it was trained again
            since it was read (code "other_version"). Nothing is changed.
        StrokeError: code "not_written".
    """
    check_writable(experiment)
    with _newest_card(experiment) as newest:
        card = {**newest, **changes, "files": newest["files"]}
        parse_card(_as_json(card))
        _write_card(experiment.folder, card)
        return read_experiment(experiment.folder)


def delete_experiment(experiment: Experiment) -> None:
    """Delete a published experiment with all its files.

    Raises:
        ExperimentError: it came with this program.
    """
    check_writable(experiment)
    if experiment.name in SHIPPED:
        raise ExperimentError(
            f'"{experiment.name}" came with this program and cannot be deleted here',
            remedy="to remove it anyway, delete its folder",
        )
    hidden = experiment.folder.parent / f".{experiment.name}.{secrets.token_hex(4)}.old"
    # After the rename it is no longer listed, even if deleting its files fails.
    os.rename(experiment.folder, hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def check_writable(experiment: Experiment) -> None:
    """Raise an ExperimentError (code "read_only") if the experiment came with an installed program."""
    if experiment.folder.resolve().parent == shipped_root():
        raise ExperimentError(
            f'"{experiment.name}" came with the program and is read-only',
            remedy="change it in a clone of the program, or train your own experiment",
            code="read_only",
        )


@contextmanager
def _newest_card(experiment: Experiment) -> Iterator[dict[str, Any]]:
    """Read the card as it is now; nobody else changes it until the context ends."""
    from filelock import FileLock

    with FileLock(experiment.folder / ".card.lock"):
        newest = read_experiment(experiment.folder).card
        trained = list_required_files(experiment.card)
        if any(experiment.card["files"][path] != newest["files"].get(path) for path in trained):
            raise ExperimentError(
                f'"{experiment.name}" was trained again in the meantime',
                remedy="do the same again, with the new networks",
                code="other_version",
            )
        yield newest


def _write_card(folder: Path, card: dict[str, Any]) -> None:
    write_whole(folder / CARD_NAME, _as_json(card))


def _as_json(card: dict[str, Any]) -> bytes:
    try:
        text = json.dumps({**card, "format": FORMAT}, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ExperimentError(
            f"{CARD_NAME} would contain a value that JSON cannot represent", found=str(error)
        ) from error
    return (text + "\n").encode("utf-8")


def publish(folder: Path, root: Path, name: str, *, replace: bool = False) -> Experiment:
    """Move a finished folder into place as the experiment `name`, whole or not at all.

    Args:
        folder: the finished folder, on the same disk as `root`.
        root: the folder of all experiments.
        name: the name on its card.
        replace: whether an existing experiment with this name is replaced.

    Raises:
        ExperimentError: the folder is damaged, its card has another name, or the name is already used.
    """
    check_name(name)
    built = read_experiment(folder)
    if built.name != name:
        raise ExperimentError(
            f'The experiment in "{folder.name}" is not named "{name}"', found=f'"{built.name}"'
        )
    target = root / name
    if is_taken(name, root) and not (replace and target.exists()):
        can_be_deleted = target.exists() and name not in SHIPPED
        raise ExperimentError(
            f'An experiment "{name}" already exists',
            found=str(target) if target.exists() else "it came with the program",
            remedy="choose another name, or delete it" if can_be_deleted else "choose another name",
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
