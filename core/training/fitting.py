"""Training of one network on one fold, the same for both frameworks, resumable after every epoch."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core.datasets import Fold
from core.errors import TrainingError
from core.models import CNN, Architecture
from core.system import write_whole
from core.training.training_data import TrainingData

# After the first epoch (warm-up) the learning rate follows a cosine decay to this share of its peak.
_LAST_LEARNING_RATE = 0.02
# The minimum number of training slices (all if fewer) from which `adapt` computes mean and variance.
_N_ADAPT = 256
STATE_NAME = "state.json"


def fit_fold(
    make_cnn: Callable[[], CNN],
    data: TrainingData,
    fold: Fold,
    folder: Path,
    *,
    seed: int,
    class_weights: bool,
    on_progress: Callable[[float, int], None] = lambda share, epoch: None,
) -> list[dict[str, Any]]:
    """Train with the architecture's schedule, and save the weights of the best or the last epoch.

    A checkpoint is written after every epoch, and a second call with the same folder resumes from it. All
    random values of an epoch follow from `seed` and the epoch's number, so a resumed run computes the same
    as an uninterrupted one.

    Args:
        make_cnn: returns the untrained network.
        data: all slices.
        fold: the rows of its training and validation slices. Its test slices are not used.
        folder: for `state.json`, `checkpoint-*` and `best` + the network's suffix for weights.
        seed: of this fold.
        class_weights: weight each class by the inverse of its frequency among the fold's training slices. A
            planted copy gets the weight of a negative slice, because there are many planted copies.
        on_progress: called with the share of this fold that is done and the epoch (from 1).

    Returns:
        One row per epoch: epoch, learning_rate, train_loss, train_accuracy, validation_loss,
        validation_accuracy, validation_auroc, seconds, best (1 for the epoch whose weights were saved).

    Raises:
        TrainingError: the loss is no longer a finite number, or the folder holds a damaged state.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cnn = make_cnn()
    architecture = cnn.architecture
    state = _read_state(folder)
    if state["checkpoint"] and not state["finished"]:
        cnn.load_checkpoint(folder / state["checkpoint"])
    elif not state["finished"]:
        cnn.adapt(data.inputs(fold.train[:: max(1, len(fold.train) // _N_ADAPT)])[:])
    rows = data.training_rows(fold)
    y_train, y_validation = data.labels(rows), data.y_true[fold.validation]
    weight_of_class = balance_classes(data.y_true[fold.train]) if class_weights else np.ones(2)
    weight = np.where(data.is_planted(rows), weight_of_class[0], weight_of_class[y_train])
    validation_inputs = data.inputs(fold.validation)

    while not state["finished"]:
        epoch = len(state["history"]) + 1
        started = time.monotonic()
        learning_rate = compute_learning_rate(epoch, architecture)

        def report(done: int, epoch: int = epoch) -> None:
            on_progress((epoch - 1 + done / len(rows)) / architecture.epochs, epoch)

        epoch_seed = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
        inputs, cells = data.augment_rows(rows, architecture.augmentation, epoch_seed)
        train_loss, train_accuracy = cnn.train_epoch(
            inputs,
            y_train,
            weight,
            order=np.random.default_rng(epoch_seed).permutation(len(rows)),
            learning_rate=learning_rate,
            seed=epoch_seed,
            on_batch=report,
            cells=cells,
        )
        probability = cnn.predict_probability(validation_inputs)
        validation_loss = cross_entropy(y_validation, probability, weight_of_class[y_validation])
        if not math.isfinite(validation_loss):
            raise TrainingError(
                "The validation loss is no longer a finite number",
                found=f"{validation_loss} in epoch {epoch}",
                remedy="delete this training run, then train again with a lower learning rate",
            )
        state["history"].append(
            {
                "epoch": epoch,
                "learning_rate": learning_rate,
                "train_loss": train_loss,
                "train_accuracy": train_accuracy,
                "validation_loss": validation_loss,
                "validation_accuracy": float(((probability >= 0.5) == y_validation).mean()),
                "validation_auroc": _auroc(y_validation, probability),
                "seconds": round(time.monotonic() - started, 3),
                "best": 0,
            }
        )
        best_epoch = _best_epoch(state["history"], architecture)
        if best_epoch == epoch:
            cnn.save_weights(folder / f"best{cnn.weights_suffix}")
        stale = architecture.patience > 0 and epoch - best_epoch >= architecture.patience
        state["finished"] = epoch >= architecture.epochs or stale
        _commit(cnn, folder, state, epoch)

    on_progress(1.0, len(state["history"]))
    best_epoch = _best_epoch(state["history"], architecture)
    return [{**row, "best": int(row["epoch"] == best_epoch)} for row in state["history"]]


def compute_learning_rate(epoch: int, architecture: Architecture) -> float:
    """Return the learning rate of an epoch (from 1): half the peak, then a cosine decay from the peak."""
    if epoch == 1 and architecture.epochs > 1:
        return architecture.learning_rate / 2
    share = (epoch - 2) / max(1, architecture.epochs - 2)
    fall = _LAST_LEARNING_RATE + (1 - _LAST_LEARNING_RATE) * (1 + math.cos(math.pi * max(0.0, share))) / 2
    return architecture.learning_rate * fall


def balance_classes(y_true: np.ndarray) -> np.ndarray:
    """Return class weights (2,) that give both classes the same sum; their mean over the slices is 1.

    >>> balance_classes(np.array([0, 0, 0, 1])).round(2).tolist()
    [0.67, 2.0]
    """
    counts = np.bincount(y_true, minlength=2)
    return len(y_true) / (2 * counts)


def cross_entropy(y_true: np.ndarray, probability: np.ndarray, weight: np.ndarray) -> float:
    """Return the weighted mean cross-entropy, with probabilities clipped to [1e-7, 1 - 1e-7]."""
    clipped = np.clip(probability, 1e-7, 1 - 1e-7)
    loss = -np.where(y_true == 1, np.log(clipped), np.log1p(-clipped))
    return float((loss * weight).sum() / weight.sum())


def _auroc(y_true: np.ndarray, probability: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(y_true, probability))


def _best_epoch(history: list[dict[str, Any]], architecture: Architecture) -> int:
    if not architecture.patience:
        return len(history)
    return int(min(history, key=lambda row: row["validation_loss"])["epoch"])


def _commit(cnn: CNN, folder: Path, state: dict[str, Any], epoch: int) -> None:
    """Write the checkpoint, then the state that names it, so that a crash in between loses nothing."""
    old, new = state["checkpoint"], f"checkpoint-{epoch}"
    if state["finished"]:
        new = ""
    else:
        cnn.save_checkpoint(folder / new)
    state["checkpoint"] = new
    write_whole(folder / STATE_NAME, json.dumps(state).encode())
    if old:
        (folder / old).unlink(missing_ok=True)


def _read_state(folder: Path) -> dict[str, Any]:
    path = folder / STATE_NAME
    if not path.exists():
        return {"finished": False, "checkpoint": "", "history": []}
    try:
        state = json.loads(path.read_text())
        return {key: state[key] for key in ("finished", "checkpoint", "history")}
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"The state of the training run in {path.parent.name} is damaged",
            found=str(error),
            remedy=f"delete the folder {path.parent}, then resume the training run (in a terminal: "
            "--resume); this fold starts again",
        ) from error
