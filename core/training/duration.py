"""Estimates of a training run's duration, from training runs measured on this machine."""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import StrokeError
from core.experiments import Experiment
from core.models import get_architecture
from core.system import write_whole
from core.training.protocol import Protocol
from core.training.state import trainings_folder

_MAX_NOTES = 40
# A measurement is used only for training runs of at most this many times more, or less, work.
_MAX_RATIO = 12.0


@dataclass(frozen=True)
class Estimate:
    """The longest time a training run is expected to take (it may stop early).

    Attributes:
        seconds: all epochs of all folds, and the preparation before them.
        reference: name of the training run that was measured.
        n_slices: number of slices in that training run's data set.
    """

    seconds: float
    reference: str
    n_slices: int


def remember_duration(root: Path, experiment: Experiment, seconds: float) -> None:
    """Note how long an uninterrupted training run took on this machine; a failure to write is ignored.

    Args:
        root: the folder of experiments; the notes are in its folder of training runs.
        experiment: as published.
        seconds: from its start to its publication.
    """
    history = experiment.history()
    frameworks = {
        framework: {"n_epochs": len(rows), "seconds": float(rows["seconds"].sum())}
        for framework in experiment.frameworks
        if len(rows := history[history["framework"] == framework])
    }
    protocol = experiment.card["protocol"]
    note = {
        "name": experiment.name,
        "architecture": protocol["architecture"],
        "folds": protocol["folds"],
        "n_slices": experiment.card["dataset"]["n_slices"],
        "frameworks": frameworks,
        "seconds": seconds,
    }
    notes = [*_read_notes(root), note][-_MAX_NOTES:]
    with contextlib.suppress(StrokeError):
        write_whole(_path(root), json.dumps(notes).encode())


def estimate_duration(root: Path, protocol: Protocol, n_slices: int) -> Estimate | None:
    """Estimate the longest time a training run takes, from the most similar one measured on this machine.

    Training time is scaled by slices and epochs; preparation time (reading slices, preprocessing, feature
    maps of a backbone) by slices. The frameworks run at the same time, so the slower one counts.

    Args:
        root: the folder of experiments.
        protocol: of the planned training run.
        n_slices: number of slices in its data set.

    Returns:
        None if no training run of this architecture, these frameworks and similar work was measured.
    """
    epochs = protocol.epochs or get_architecture(protocol.architecture).epochs
    work = n_slices * protocol.folds * epochs
    found: list[tuple[float, Estimate]] = []
    for note in _read_notes(root):
        try:
            if note["architecture"] != protocol.architecture:
                continue
            if set(note["frameworks"]) != set(protocol.frameworks):
                continue
            spent = {
                name: (int(one["n_epochs"]), float(one["seconds"]))
                for name, one in note["frameworks"].items()
            }
            n_measured, seconds = int(note["n_slices"]), float(note["seconds"])
            per_slice = max(time / (n * n_measured) for n, time in spent.values())
            before = max(0.0, seconds - max(time for _, time in spent.values())) / n_measured
            measured = n_measured * max(n for n, _ in spent.values())
            name = str(note["name"])
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            continue
        # An epoch sees fewer than all slices. Both runs are counted the same way, so this cancels out.
        distance = abs(math.log(work / measured))
        estimate = Estimate(per_slice * work + before * n_slices, name, n_measured)
        if distance <= math.log(_MAX_RATIO):
            found.append((distance, estimate))
    return min(found, key=lambda one: one[0])[1] if found else None


def _path(root: Path) -> Path:
    return trainings_folder(root) / ".durations.json"


def _read_notes(root: Path) -> list[dict[str, Any]]:
    try:
        notes = json.loads(_path(root).read_text())
    except (OSError, ValueError):
        return []
    return [note for note in notes if isinstance(note, dict)] if isinstance(notes, list) else []
