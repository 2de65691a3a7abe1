"""A network in NumPy with the interface of core.models.contract, for tests that need no framework."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from core.imaging.preprocessing import Recipe
from core.models.architecture import Architecture
from core.models.architectures import ARCHITECTURES
from core.models.contract import CNN, CellTargets, Inputs
from core.training.fitting import cross_entropy

SMALL = replace(
    ARCHITECTURES["plain"],
    recipe=Recipe(size=32, channels="gray"),
    epochs=6,
    batch_size=8,
    learning_rate=0.5,
    patience=6,
)


class MeanGray:
    """Logistic regression on an image's mean gray, by gradient descent with momentum and random noise.

    Momentum is the optimizer's state; noise from the epoch's seed takes the place of augmentation. A resumed
    training equals an uninterrupted one only when both are restored.
    """

    framework = "numpy"
    weights_suffix = ".npy"
    n_parameters = 2

    def __init__(self, architecture: Architecture = SMALL) -> None:
        self.architecture = architecture
        self.weights, self.momentum = np.zeros(2), np.zeros(2)
        self.seen_weights: list[np.ndarray] = []
        self.seen_draws: list[tuple[int, tuple[int, ...]]] = []
        self.adapted_to: list[np.ndarray] = []

    def embed(self, images: np.ndarray) -> np.ndarray:
        """See core.models.contract."""
        return images

    def adapt(self, inputs: np.ndarray) -> None:
        """See core.models.contract."""
        self.adapted_to.append(inputs)

    def train_epoch(
        self,
        images: Inputs,
        y_true: np.ndarray,
        sample_weight: np.ndarray,
        *,
        order: np.ndarray,
        learning_rate: float,
        seed: int,
        on_batch: Callable[[int], None],
        cells: CellTargets | None = None,
    ) -> tuple[float, float]:
        """See core.models.contract."""
        self.seen_weights.append(sample_weight)
        self.seen_draws.append((seed, tuple(order)))
        rng = np.random.default_rng(seed)
        losses, hits = [], []
        for start in range(0, len(order), self.architecture.batch_size):
            batch = order[start : start + self.architecture.batch_size]
            x = self._inputs(images[batch]) + 0.05 * rng.standard_normal((len(batch), 2)) * [1, 0]
            probability = 1 / (1 + np.exp(-x @ self.weights))
            error = sample_weight[batch] * (probability - y_true[batch])
            self.momentum = 0.8 * self.momentum + x.T @ error / len(batch)
            self.weights = self.weights - learning_rate * self.momentum
            losses.append(cross_entropy(y_true[batch], probability, sample_weight[batch]))
            hits.append(((probability >= 0.5) == y_true[batch]).mean())
            on_batch(start + len(batch))
        return float(np.mean(losses)), float(np.mean(hits))

    def predict_probability(self, images: Inputs) -> np.ndarray:
        """See core.models.contract."""
        probability: np.ndarray = 1 / (1 + np.exp(-self._inputs(images[:]) @ self.weights))
        return probability

    def explain(self, images: np.ndarray) -> np.ndarray:
        """See core.models.contract."""
        return images[..., 0].astype(np.float32) / 255

    def save_weights(self, path: Path) -> None:
        """See core.models.contract."""
        np.save(path, self.weights)

    def load_weights(self, path: Path) -> None:
        """See core.models.contract."""
        self.weights = np.load(path)

    def save_checkpoint(self, path: Path) -> None:
        """See core.models.contract."""
        path.write_bytes(np.stack([self.weights, self.momentum]).tobytes())

    def load_checkpoint(self, path: Path) -> None:
        """See core.models.contract."""
        self.weights, self.momentum = np.frombuffer(path.read_bytes()).reshape(2, 2).copy()

    def export_onnx(self, members: Sequence[CNN], path: Path) -> None:
        """See core.models.contract."""
        raise AssertionError("fitting does not export")

    @staticmethod
    def _inputs(images: np.ndarray) -> np.ndarray:
        gray = images.mean(axis=(1, 2, 3)) / 255 - 0.5
        return np.stack([4 * gray, np.ones(len(images))], axis=1)


class Scripted(MeanGray):
    """A network whose weight after epoch e is e, and whose validation loss is that of the script."""

    def __init__(self, script: Sequence[float], architecture: Architecture) -> None:
        super().__init__(architecture)
        self.script = script

    def train_epoch(self, images: Inputs, y_true: np.ndarray, *_: Any, **__: Any) -> tuple[float, float]:
        """Count the epoch."""
        self.weights = self.weights + 1
        return 0.5, 0.5

    def predict_probability(self, images: Inputs) -> np.ndarray:
        """Return probabilities with the loss of the script for every image."""
        right = np.exp(-self.script[int(self.weights[0]) - 1])
        return np.where(images[:].mean(axis=(1, 2, 3)) > 127, right, 1 - right)
