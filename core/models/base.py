"""The part of a CNN that is the same in every framework: epochs, batches and scaling, in NumPy."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from core.errors import TrainingError
from core.frameworks import BY_NAME
from core.models.architecture import Architecture
from core.models.contract import CellTargets, Inputs

_PREDICT_BATCH = 64


class BaseCNN(ABC):
    """The loops over batches; a subclass adds its framework's steps. See `core.models.contract.CNN`.

    Batches of inputs are (n, h, w, c) float32: images in [0, 1], or feature maps.
    """

    framework: ClassVar[str]
    # The number of images per call at which the backbone is fastest.
    embed_batch: ClassVar[int]
    architecture: Architecture

    @property
    def weights_suffix(self) -> str:
        """Return the suffix of a file of weights."""
        return BY_NAME[self.framework].weights_suffix

    @abstractmethod
    def _embed_batch(self, images: np.ndarray) -> np.ndarray:
        """Return the backbone's feature maps of a batch."""

    @abstractmethod
    def _set_normalisation(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """Set mean and variance (c,) of every `Normalisation` layer."""

    @abstractmethod
    def _start_epoch(self, *, learning_rate: float, seed: int) -> None:
        """Set the learning rate, and seed all random layers."""

    @abstractmethod
    def _train_batch(
        self, inputs: np.ndarray, target: np.ndarray, weight: np.ndarray, cells: CellTargets | None
    ) -> tuple[float, float, np.ndarray]:
        """Take one optimizer step.

        Args:
            inputs: (n, h, w, c) float32.
            target, weight: (n,) float32.
            cells: as float32; None: only slices count.

        Returns:
            Before the step: the loss of the slices, the loss of the cells times its weight (0 without
            cells), and the members' mean logits (n,).
        """

    @abstractmethod
    def _predict_batch(self, inputs: np.ndarray) -> np.ndarray:
        """Return the probabilities (n,) of a batch, without dropout."""

    def embed(self, images: np.ndarray) -> np.ndarray:
        """See `core.models.contract.CNN`."""
        if not self.architecture.has_backbone:
            return images
        maps = np.empty((len(images), *self.architecture.input_shape), np.float32)
        for start in range(0, len(images), self.embed_batch):
            part = scale(images[start : start + self.embed_batch])
            maps[start : start + len(part)] = self._embed_batch(part)
        return maps

    def adapt(self, inputs: np.ndarray) -> None:
        """See `core.models.contract.CNN`."""
        # In double precision: sums of half-precision maps would overflow.
        mean = inputs.mean((0, 1, 2), dtype=np.float64).astype(np.float32)
        variance = inputs.var((0, 1, 2), dtype=np.float64).astype(np.float32)
        self._set_normalisation(mean, variance)

    def train_epoch(
        self,
        inputs: Inputs,
        y_true: np.ndarray,
        sample_weight: np.ndarray,
        *,
        order: np.ndarray,
        learning_rate: float,
        seed: int,
        on_batch: Callable[[int], None],
        cells: CellTargets | None = None,
    ) -> tuple[float, float]:
        """See `core.models.contract.CNN`."""
        self._start_epoch(learning_rate=learning_rate, seed=seed)
        loss_sum = weight_sum = 0.0
        n_correct = 0
        size = self.architecture.batch_size
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            target = y_true[batch].astype(np.float32)
            weight = sample_weight[batch].astype(np.float32)
            own = None if cells is None else CellTargets(*(part[batch].astype(np.float32) for part in cells))
            loss, cell_loss, logits = self._train_batch(scale(inputs[batch]), target, weight, own)
            if not math.isfinite(loss + cell_loss):
                raise TrainingError(
                    "The training loss is no longer a finite number",
                    found=f"{loss + cell_loss} after {start} images of the epoch",
                    remedy="delete this training run, then train again with a lower learning rate",
                )
            loss_sum += loss * len(batch)
            weight_sum += float(weight.sum())
            n_correct += int(((logits > 0) == (target > 0.5)).sum())
            on_batch(start + len(batch))
        return loss_sum / weight_sum, n_correct / len(order)

    def predict_probability(self, inputs: Inputs) -> np.ndarray:
        """See `core.models.contract.CNN`."""
        parts = [
            self._predict_batch(scale(inputs[start : start + _PREDICT_BATCH]))
            for start in range(0, len(inputs), _PREDICT_BATCH)
        ]
        return np.concatenate(parts).astype(np.float64)


def scale(inputs: np.ndarray) -> np.ndarray:
    """Return images (uint8, divided by 255) or feature maps as float32.

    >>> scale(np.array([0, 51, 255], np.uint8)).tolist()
    [0.0, 0.20000000298023224, 1.0]
    """
    values = inputs.astype(np.float32)
    if inputs.dtype == np.uint8:
        values /= np.float32(255)
    return values
