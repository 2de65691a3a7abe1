"""The frameworks that networks are built in, each fact about them once. Nothing here imports one."""

from __future__ import annotations

from typing import NamedTuple


class Framework(NamedTuple):
    """A framework.

    Attributes:
        name: in cards, tables, commands and folders.
        title: as people write it.
        libraries: what it needs to be installed to train.
        weights_suffix: of a file that holds a network's weights.
        network: module and class of its CNN.
    """

    name: str
    title: str
    libraries: tuple[str, ...]
    weights_suffix: str
    network: tuple[str, str]


_ALL = (
    Framework(
        "pytorch", "PyTorch", ("torch", "torchvision"), ".pt", ("core.models.pytorch_cnn", "PytorchCNN")
    ),
    Framework("keras", "Keras", ("tensorflow", "keras"), ".keras", ("core.models.keras_cnn", "KerasCNN")),
)
BY_NAME = {framework.name: framework for framework in _ALL}
FRAMEWORKS = tuple(BY_NAME)
TITLES = {framework.name: framework.title for framework in _ALL}
