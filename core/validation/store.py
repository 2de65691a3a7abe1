"""The stored validations of an experiment: one folder for each, with numbers only.

A validation named NAME is the folder `validations/NAME/` of the experiment. For an experiment that cannot be
written to, because it came with an installed program, it is in the user's data folder; both are listed. The
folder is built elsewhere and renamed into place, so a validation is there whole or not at all. It holds no
picture, no file name and no patient's id.

validation.json:

    {"schema": "validation/1", "name", "experiment": name, "created": date, UTC, "version": the experiment's,
     "served": `Experiment.networks_digest`; another one, also of older programs: an earlier version,
     "finding": the finding that was labeled; "" for an experiment on labels of folders,
     "fingerprint": of the data set, "part": "kept", or "" for the whole set,
     "sources": [{"name", "title", "terms", "silence": {finding: [state, reason]}}, ...],
     "n_listed": slices and unreadable files of the data set or its part,
     "left_out": {"known_file": slices of the experiment's own data set, by hash,
                  "near_copy": copies of its training slices, by likeness,
                  "unreadable": files and slices that cannot be read,
                  "unknown_label": slices without a label; they are read, but count in no figure},
     "likeness_searched": whether the program has reference values to find copies with,
     "predictions": SHA-256 of predictions.csv}

predictions.csv, a row for each slice that was read, in the order of the data set:

    number       from 1
    source, vendor, part    as in the data set; empty if unknown
    patient      a running number from 1; empty if unknown
    label        1 or 0; empty if unknown
    gate         read, warn or refuse; the networks read every slice
    reasons      the gate's sentences, joined by " | "
    brain_visible    1 or 0
    position_mm  along the head: the file's position or slice location; empty if unknown; older tables lack it
    FRAMEWORK    raw probability of the positive class, for each framework
    familiarity  distance from training divided by its limit; empty if there are no reference values
    sha256       of the slice's file
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ExperimentError
from core.experiments import Experiment, check_name, check_writable
from core.system import explain_failed_write, sync_folder, user_folder, write_whole

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "validation/1"
_N_HEX = 8
FOLDER_NAME = "validations"
DETAILS, PREDICTIONS = "validation.json", "predictions.csv"
COLUMNS = ("number", "source", "vendor", "part", "patient", "label", "gate", "reasons", "brain_visible",
           "position_mm")  # fmt: skip
LAST_COLUMNS = ("familiarity", "sha256")
_TEXTS = ("source", "vendor", "part", "patient", "gate", "reasons", "sha256")
_KEYS = ("name", "experiment", "served", "created", "finding", "fingerprint", "part", "sources", "n_listed",
         "left_out", "likeness_searched", "predictions")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Validation:
    """A stored validation.

    Attributes:
        name: its name, which is also its folder's.
        folder: the folder.
        details: the contents of validation.json, see this module's docstring. Do not change them.
        is_current: whether networks, recipe, gate and turning are still those validated.
    """

    name: str
    folder: Path
    details: dict[str, Any] = field(repr=False)
    is_current: bool

    @property
    def n_labeled(self) -> int:
        """Return the number of slices with a label; a validation without any has no record of results."""
        return int(self.details["n_listed"] - sum(self.details["left_out"].values()))

    def predictions(self) -> pd.DataFrame:
        """Read predictions.csv; text columns are str, "" if unknown, and `label` is Int64, <NA> if unknown.

        A column `counted` is added, 1 or 0: whether a study's score counts the slice, because it shows brain
        and the gate did not refuse it.

        Raises:
            ExperimentError: code "damaged_validation": the file is missing or changed.
        """
        import io

        import pandas as pd

        table = pd.read_csv(
            io.BytesIO(self.read_predictions()),
            dtype={**dict.fromkeys(_TEXTS, "str"), "label": "Int64"},
            keep_default_na=False,
            na_values={"label": [""], "familiarity": [""], "position_mm": [""]},
        )
        counted = (table["brain_visible"] == 1) & (table["gate"] != "refuse")
        return table.assign(counted=counted.astype(int))

    def read_predictions(self) -> bytes:
        """Return the bytes of predictions.csv, checked against their hash; errors as `predictions`."""
        try:
            data = (self.folder / PREDICTIONS).read_bytes()
        except OSError as error:
            raise _damaged(self.folder, f"{PREDICTIONS} cannot be read") from error
        if hashlib.sha256(data).hexdigest() != self.details["predictions"]:
            raise _damaged(self.folder, f"{PREDICTIONS} differs from its SHA-256 in {DETAILS}")
        return data


def check_validation_name(name: str) -> str:
    """Return `name`; raise an ExperimentError unless it is valid for a validation and its folder."""
    return check_name(name, "validation")


def list_validations(experiment: Experiment) -> list[Validation]:
    """Return the experiment's validations, sorted by name; `list_damaged` names those that cannot be read.

    One of an earlier version of the experiment is listed, with `is_current` False; an unfinished one is not.
    """
    return [one for one in _read_all(experiment).values() if isinstance(one, Validation)]


def list_damaged(experiment: Experiment) -> dict[str, ExperimentError]:
    """Return name -> error, with cause and remedy, of each validation whose description is damaged."""
    return {name: one for name, one in _read_all(experiment).items() if isinstance(one, ExperimentError)}


def _read_all(experiment: Experiment) -> dict[str, Validation | ExperimentError]:
    outcomes: dict[str, Validation | ExperimentError] = {}
    for folder in (found for parent in _list_parents(experiment) for found in parent.glob("[!.]*/")):
        if folder.name not in outcomes:
            try:
                outcomes[folder.name] = _read(experiment, folder)
            except ExperimentError as error:
                outcomes[folder.name] = error
    return dict(sorted(outcomes.items()))


def open_validation(experiment: Experiment, name: str) -> Validation:
    """Read one validation of the experiment.

    Raises:
        ExperimentError: there is none of this name (code "unknown_validation"), or it is damaged (code
            "damaged_validation").
    """
    return _read(experiment, _find_folder(experiment, name))


def _find_folder(experiment: Experiment, name: str) -> Path:
    if not name.startswith("."):
        for parent in _list_parents(experiment):
            if name in _list_names(parent):
                return parent / name
    known = ", ".join(one.name for one in list_validations(experiment))
    damaged = ", ".join(list_damaged(experiment))
    raise ExperimentError(
        f'Experiment "{experiment.name}" has no validation "{name}"'[:200],
        found=f"damaged, so not to be chosen: {damaged}" if damaged else "",
        remedy=f"choose one of: {known}" if known else "run one: stroke-ct validate --help",
        code="unknown_validation",
    )


def delete_validation(experiment: Experiment, name: str) -> None:
    """Delete a validation of the experiment with all its files.

    Raises:
        ExperimentError: there is none of this name (code "unknown_validation"), or it came with the
            installed program (code "read_only").
    """
    folder = _find_folder(experiment, name)
    if folder.parent != choose_parent(experiment):
        raise ExperimentError(
            f'The validation "{name}" came with "{experiment.name}" and is read-only',
            remedy="change it in a clone of the program",
            code="read_only",
        )
    _remove(folder)


def choose_parent(experiment: Experiment) -> Path:
    """Return the folder that new validations of the experiment are written to; it may not exist yet."""
    return _list_parents(experiment)[-1]


def store_validation(
    experiment: Experiment, name: str, details: dict[str, Any], predictions: bytes, *, replace: bool = False
) -> Validation:
    """Write a validation, whole or not at all, and read it back.

    Args:
        experiment: the experiment validated.
        name: from `check_validation_name`.
        details: the fields of validation.json except those that follow from the other arguments.
        predictions: the bytes of predictions.csv.
        replace: whether a validation of this name is replaced.

    Raises:
        ExperimentError: the name is taken (code "name_taken").
        StrokeError: code "not_written".
    """
    check_free(experiment, name, replace=replace)
    parent = choose_parent(experiment)
    hidden = parent / f".{name}.{secrets.token_hex(_N_HEX // 2)}.new"
    about = {"schema": SCHEMA, "name": name, "experiment": experiment.name}
    about["served"] = experiment.networks_digest
    written = about | details | about | {"predictions": hashlib.sha256(predictions).hexdigest()}
    with explain_failed_write(f'The validation "{name}"', parent):
        try:
            for left in parent.glob(f".{name}.{'[0-9a-f]' * _N_HEX}.*"):  # by a killed process
                shutil.rmtree(left, ignore_errors=True)
            hidden.mkdir(parents=True)
            write_whole(hidden / PREDICTIONS, predictions)
            text = json.dumps(written, indent=2, ensure_ascii=False, allow_nan=False)
            write_whole(hidden / DETAILS, (text + "\n").encode("utf-8"))
            if (parent / name).exists():
                _remove(parent / name)
            os.rename(hidden, parent / name)
            sync_folder(parent)
        finally:
            shutil.rmtree(hidden, ignore_errors=True)
    return open_validation(experiment, name)


def check_free(experiment: Experiment, name: str, *, replace: bool = False) -> None:
    """Raise an ExperimentError (code "name_taken") if a validation of this name exists.

    With `replace`, raise it only for one that came with the installed program and cannot be replaced.
    """
    *read_only, writable = _list_parents(experiment)
    came_with_program = any(name in _list_names(parent) for parent in read_only)
    if came_with_program or (not replace and name in _list_names(writable)):
        raise ExperimentError(
            f'Experiment "{experiment.name}" already has a validation "{name}"',
            remedy="choose another name"
            + ("" if came_with_program else ", or replace it (in a terminal: --replace)"),
            code="name_taken",
        )


def _list_parents(experiment: Experiment) -> tuple[Path, ...]:
    """Return the folders that hold validations of the experiment; new ones are written to the last."""
    own = experiment.folder / FOLDER_NAME
    if _is_writable(experiment):
        return (own,)
    return own, user_folder() / FOLDER_NAME / experiment.name


def _is_writable(experiment: Experiment) -> bool:
    try:
        check_writable(experiment)
    except ExperimentError:
        return False
    return os.access(experiment.folder, os.W_OK)


def _list_names(parent: Path) -> list[str]:
    return os.listdir(parent) if parent.is_dir() else []


def _remove(folder: Path) -> None:
    hidden = folder.with_name(f".{folder.name}.{secrets.token_hex(_N_HEX // 2)}.old")
    # After the rename it is no longer listed, even if deleting its files fails.
    os.rename(folder, hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def _read(experiment: Experiment, folder: Path) -> Validation:
    try:
        details = json.loads((folder / DETAILS).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(folder, f"{DETAILS} is missing or not valid JSON") from error
    if not isinstance(details, dict) or details.get("schema") != SCHEMA:
        raise _damaged(folder, f"{DETAILS} is not in the format {SCHEMA}")
    if missing := [key for key in _KEYS if key not in details]:
        raise _damaged(folder, f'{DETAILS} has no "{missing[0]}"')
    if details["name"] != folder.name:
        raise _damaged(folder, f"{DETAILS} names another validation")
    return Validation(folder.name, folder, details, details["served"] == experiment.networks_digest)


def _damaged(folder: Path, problem: str) -> ExperimentError:
    return ExperimentError(
        f'The validation "{folder.name}" is damaged',
        found=problem,
        remedy="delete its folder, and run it again",
        code="damaged_validation",
    )
