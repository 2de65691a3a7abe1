"""The interface of both CNNs, and `build_cnn`, which builds one.

No framework is imported here: `build_cnn` does this in the child process that calls it. PyTorch and
TensorFlow are never loaded in one process.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from core.errors import MissingExtraError, StrokeError
from core.frameworks import BY_NAME, FRAMEWORKS
from core.models.architecture import Architecture


class Inputs(Protocol):
    """Inputs (n, ...) of a network, read batch by batch: an array, or rows of files."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice | np.ndarray, /) -> np.ndarray: ...


class CellTargets(NamedTuple):
    """The cells that show the finding, for n inputs. A cell is one position of the evidence map.

    Attributes:
        lesion: (n, h', w') uint8, 1 for a cell with the finding.
        known: (n, h', w') uint8, 1 for a cell that counts in the loss; 0 where nothing is known of it.
    """

    lesion: np.ndarray
    known: np.ndarray


class CNN(Protocol):
    """One network in one framework.

    Images are (n, h, w, c) uint8: prepared values times 255. Inputs are the inputs of the trained layers: the
    images themselves, or their feature maps (n, h', w', c') from a frozen backbone.
    """

    framework: str
    architecture: Architecture
    n_parameters: int

    @property
    def weights_suffix(self) -> str:
        """Return the suffix of a file of weights."""
        ...

    def embed(self, images: np.ndarray) -> np.ndarray:
        """Return the inputs for these images: the backbone's feature maps, float32, or else the images."""
        ...

    def adapt(self, inputs: np.ndarray) -> None:
        """Set mean and variance of every `Normalisation` layer, once, from (n, ...) inputs; see `embed`."""
        ...

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
        """Train for one epoch, on batches in the given order.

        The loss of a batch is the mean over its inputs of w * cross-entropy, plus the architecture's
        `cell_weight` times the mean of the cells' cross-entropy over the known cells, weighted by w; both
        averaged over the members. w is the input's weight. A cell with the finding counts
        `cell_positive_weight` times.

        Args:
            inputs: (n, ...), see `embed`; feature maps may be float16.
            y_true: (n,) 0 or 1.
            sample_weight: (n,) weight of each input in the loss.
            order: indices into inputs; each batch is the next `batch_size` of them.
            learning_rate: for the whole epoch.
            seed: of this epoch's dropout.
            on_batch: called after each batch with the number of inputs done so far.
            cells: for an evidence map: the cells of each input. None: only slices count.

        Returns:
            Weighted mean cross-entropy (of slices, without the cells) and accuracy (at 0.5) over the epoch;
            each batch is measured before its own optimizer step.

        Raises:
            TrainingError: the loss is no longer finite.
        """
        ...

    def predict_probability(self, inputs: Inputs) -> np.ndarray:
        """Return the probabilities of the positive class, (n,) float64, for inputs as from `embed`."""
        ...

    def explain(self, images: np.ndarray) -> np.ndarray:
        """Return heat maps (n, h', w') float32 in [0, 1].

        They are the probability of each position where the strongest positions decide (see `Architecture`),
        and Grad-CAM by automatic differentiation elsewhere.
        """
        ...

    def save_weights(self, path: Path) -> None:
        """Write the weights, whole or not at all."""
        ...

    def load_weights(self, path: Path) -> None:
        """Read what `save_weights` wrote."""
        ...

    def save_checkpoint(self, path: Path) -> None:
        """Write the weights and the optimizer's state, whole or not at all."""
        ...

    def load_checkpoint(self, path: Path) -> None:
        """Read what `save_checkpoint` wrote."""
        ...

    def export_onnx(self, members: Sequence[CNN], path: Path) -> None:
        """Write the mean of `members` (networks like this one) as an ONNX file.

        Input "images" (n, h, w, c) float32 in [0, 1]; outputs "probability" (n, 1), "heat" (n, h', w') in
        [0, 1] and "features" (n, members * the architecture's `n_vector`). With several members, each has
        outputs of its own: "probability_0", "heat_0", "probability_1" and so on.
        """
        ...


def build_cnn(framework: str, architecture: Architecture, *, seed: int, n_threads: int = 1) -> CNN:
    """Return a new network with random weights.

    Args:
        framework: one of FRAMEWORKS.
        architecture: its layers.
        seed: of the initial weights.
        n_threads: number of threads it may use.

    Raises:
        StrokeError: there is no such framework.
        MissingExtraError: the framework is not installed.
    """
    if framework not in BY_NAME:
        raise StrokeError(
            f"There is no framework {framework!r}", remedy=f"choose one of {', '.join(FRAMEWORKS)}"
        )
    module_name, class_name = BY_NAME[framework].network
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{error.name} is not installed, and training or verifying the {framework} network needs it",
            remedy='install the libraries for training (in a clone: pip install ".[train]")',
        ) from error
    cnn: CNN = getattr(module, class_name)(architecture, seed=seed, n_threads=n_threads)
    return cnn
