"""What an experiment does: the choices that a person makes before a training."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from core.datasets import Labels, Split
from core.errors import TrainingError
from core.frameworks import FRAMEWORKS
from core.imaging import Augmentation
from core.models import SCHEDULE, Architecture, get_architecture

# How strongly pictures are changed at random: the architecture's own sizes times this.
STRENGTHS = {"none": 0.0, "light": 0.5, "usual": 1.0, "strong": 1.5}
_SIZES = ("rotation_degrees", "translation", "zoom", "brightness", "contrast", "noise", "blur")


@dataclass(frozen=True)
class Protocol:
    """What an experiment does. Schedule values of None are the architecture's own.

    Args:
        labels: "folder" or "slice".
        split: "random" or "patient".
        folds: 1 holds out a tenth; K > 1 gives every slice an out-of-sample prediction.
        architecture: a name in `ARCHITECTURES`.
        frameworks: which to train.
        seed: of the split, the weights, the order, the augmentation and dropout.
        class_weights: weigh the classes to the same sum in the loss.
        augmentation: how strongly training pictures are changed at random, a name in `STRENGTHS`; "usual" is
            the architecture's own.
    """

    labels: Labels = "slice"
    split: Split = "patient"
    folds: int = 5
    architecture: str = "framed"
    frameworks: tuple[str, ...] = FRAMEWORKS
    seed: int = 0
    class_weights: bool = True
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    augmentation: str = "usual"

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("labels", self.labels, ("folder", "slice")),
            ("split", self.split, ("random", "patient")),
            ("augmentation", self.augmentation, tuple(STRENGTHS)),
        ):
            if value not in choices:
                raise TrainingError(f"{name} is one of {', '.join(choices)}", came=repr(value))
        if not self.frameworks or set(self.frameworks) - set(FRAMEWORKS):
            raise TrainingError(
                f"Frameworks are {' and '.join(FRAMEWORKS)}", came=", ".join(self.frameworks) or "none"
            )
        for name, number, low, high in (
            ("folds", self.folds, 1, 20),
            ("epochs", self.epochs, 1, 500),
            ("batch_size", self.batch_size, 1, 512),
            ("learning_rate", self.learning_rate, 1e-7, 1.0),
            ("seed", self.seed, 0, 2**31 - 1),
        ):
            if number is not None and not low <= number <= high:
                raise TrainingError(f"{name} lies between {low:g} and {high:g}", came=str(number))
        get_architecture(self.architecture)

    def _augmentation(self, architecture: Architecture) -> Augmentation:
        """The architecture's, of the chosen strength.

        Hemorrhage is planted only where a positive slice is one that shows it.
        """
        own, factor = architecture.augmentation, STRENGTHS[self.augmentation]
        changed = replace(own, **{name: factor * getattr(own, name) for name in _SIZES})
        if not factor:
            changed = replace(changed, flip=False, views=0)
        return changed if self.labels == "slice" else replace(changed, planted=0.0)

    def to_dict(self) -> dict[str, Any]:
        """The protocol as a card holds it: every choice of the schedule spelled out."""
        architecture = get_architecture(self.architecture)
        chosen = {
            name: getattr(self, name, None) or getattr(architecture, name)
            if name in ("epochs", "batch_size", "learning_rate")
            else getattr(architecture, name)
            for name in SCHEDULE
        }
        return {
            "labels": self.labels,
            "split": self.split,
            "folds": self.folds,
            "seed": self.seed,
            "architecture": self.architecture,
            "frameworks": [framework for framework in FRAMEWORKS if framework in self.frameworks],
            "class_weights": self.class_weights,
            **chosen,
            "augmentation": asdict(self._augmentation(architecture)),
        }
