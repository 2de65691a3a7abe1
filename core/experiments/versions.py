"""The versions of an experiment: newly trained networks take the place of older ones under the same name.

The file versions.json of an experiment tells of the earlier ones:

    {"schema": "versions/1", "history": [VERSION, ...]}, the first version first

A VERSION has at least "version" (from 1), "created", "networks_digest" and "figures"; core.sources.versions
writes it. Only numbers stay of an earlier version: its networks are gone.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import ExperimentError
from core.experiments.experiment import Experiment
from core.experiments.folders import SHIPPED
from core.experiments.publishing import check_writable, delete_experiment, publish, write_experiment
from core.system import write_whole

VERSIONS = "versions.json"
SCHEMA = "versions/1"
_VALIDATIONS = "validations"


def read_history(experiment: Experiment) -> list[dict[str, Any]]:
    """Return the earlier versions, the first one first; [] if there are none.

    Raises:
        ExperimentError: the file is damaged.
    """
    if VERSIONS not in experiment.card["files"]:
        return []
    try:
        return list(json.loads(experiment.read_bytes(VERSIONS))["history"])
    except (ValueError, KeyError, TypeError) as error:
        raise ExperimentError(
            f'Experiment "{experiment.name}": the file {VERSIONS} is damaged', found=str(error)
        ) from error


def tell_change(before: int, now: int) -> str:
    """Return in words that the networks are others than before.

    >>> tell_change(1, 2)
    'The networks changed (version 1 → 2)'
    """
    return f"The networks changed (version {before} → {now})"


def succeed(successor: Experiment, earlier: Experiment, row: Mapping[str, Any]) -> Experiment:
    """Put newly trained networks in the place of an experiment, under its name, as its next version.

    The successor's folder becomes that of the name, with its own validations. Validations of the earlier
    networks stay where the successor has none of their name; they are marked as of an earlier version, and so
    are their site calibrations. A successor that came with the program is copied, not moved.

    Args:
        successor: the newly trained experiment, with another name.
        earlier: the experiment whose name it takes.
        row: what stays of the earlier one, a VERSION.

    Raises:
        ExperimentError: it answers another question (code "other_question"), both are the same experiment,
            or one is read-only.
        StrokeError: code "not_written".
    """
    check_writable(earlier)
    _check_question(successor, earlier)
    root, name = earlier.folder.parent, earlier.name
    hidden = root / f".{name}.{secrets.token_hex(4)}.new"
    try:
        for path in successor.card["files"]:
            if path != VERSIONS:
                (hidden / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(successor.folder / path, hidden / path)
        history = {"schema": SCHEMA, "history": [*read_history(earlier), dict(row)]}
        text = json.dumps(history, indent=1, ensure_ascii=False, allow_nan=False)
        write_whole(hidden / VERSIONS, (text + "\n").encode("utf-8"))
        write_experiment(hidden, {**successor.card, "name": name, "version": earlier.version + 1})
        _copy_validations(earlier.folder, hidden, {})
        _copy_validations(successor.folder, hidden, {"experiment": name, "version": earlier.version + 1})
        found = publish(hidden, root, name, replace=True)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    if successor.name not in SHIPPED:
        delete_experiment(successor)
    return found


def _check_question(successor: Experiment, earlier: Experiment) -> None:
    if successor.name == earlier.name:
        raise ExperimentError(
            f'"{earlier.name}" cannot succeed itself', remedy="train the new networks under another name"
        )
    questions = [
        (one.card["protocol"]["labels"], one.card.get("finding", {}).get("key"), one.classes)
        for one in (successor, earlier)
    ]
    # Older cards do not name their finding.
    if questions[0][::2] != questions[1][::2] or len({one[1] for one in questions} - {None}) > 1:
        raise ExperimentError(
            f'"{successor.name}" answers another question than "{earlier.name}"',
            found=f"{' / '.join(successor.classes)}; {' / '.join(earlier.classes)}",
            remedy="publish it under its own name",
            code="other_question",
        )


def _copy_validations(folder: Path, hidden: Path, changes: Mapping[str, Any]) -> None:
    """Copy the stored validations of an experiment in place of those of the same name there.

    Args:
        folder, hidden: the folders of the experiment and of the one being built.
        changes: new values of fields that their JSON files have, or should have.
    """
    for place in sorted((folder / _VALIDATIONS).glob("[!.]*/")):
        target = hidden / _VALIDATIONS / place.name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(place, target)
        for path in target.glob("*.json") if changes else ():
            try:
                details = json.loads(path.read_bytes())
            except ValueError:
                continue  # damaged: it is listed as such
            text = json.dumps({**details, **changes}, indent=2, ensure_ascii=False, allow_nan=False)
            write_whole(path, (text + "\n").encode("utf-8"))
