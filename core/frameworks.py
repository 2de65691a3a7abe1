"""Facts about the deep-learning frameworks, each stated once. Nothing here imports a framework."""

from __future__ import annotations

from typing import NamedTuple


class Framework(NamedTuple):
    """A deep-learning framework.

    Attributes:
        name: used in cards, tables, commands and folders.
        title: used in text.
        libraries: libraries needed for training.
        weights_stem, weights_suffix: parts of the name of a weights file, see `name_weights`.
        network: module and class of its CNN.
    """

    name: str
    title: str
    libraries: tuple[str, ...]
    weights_stem: str
    weights_suffix: str
    network: tuple[str, str]


_ALL = (
    Framework(
        "pytorch",
        "PyTorch",
        ("torch", "torchvision"),
        "weights",
        ".pt",
        ("core.models.pytorch_cnn", "PytorchCNN"),
    ),
    Framework(
        "keras",
        "Keras",
        ("tensorflow", "keras"),
        "model",
        ".keras",
        ("core.models.keras_cnn", "KerasCNN"),
    ),
)
BY_NAME = {framework.name: framework for framework in _ALL}
FRAMEWORKS = tuple(BY_NAME)
TITLES = {framework.name: framework.title for framework in _ALL}
# Everything training needs, except the libraries that write ONNX.
LIBRARIES = tuple(library for framework in _ALL for library in framework.libraries)


def name_weights(framework: str, fold: int) -> str:
    """Return the file name of one fold's weights.

    >>> name_weights("keras", 3)
    'model-3.keras'
    """
    own = BY_NAME[framework]
    return f"{own.weights_stem}-{fold}{own.weights_suffix}"
