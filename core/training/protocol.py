"""The protocol of an experiment: the settings that are chosen before training."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    ModelWrapValidatorHandler,
    Strict,
    ValidationError,
    model_validator,
)
from pydantic.dataclasses import dataclass

from core.datasets import HEMORRHAGE, Labels, Split
from core.errors import TrainingError, explain_refusal
from core.frameworks import FRAMEWORKS
from core.imaging import Augmentation
from core.models import SCHEDULE, Architecture, get_architecture

# The strength of augmentation: the architecture's own values are multiplied by this factor.
Strength = Literal["none", "light", "usual", "strong"]
STRENGTHS: dict[Strength, float] = {"none": 0.0, "light": 0.5, "usual": 1.0, "strong": 1.5}
_SIZES = ("rotation_degrees", "translation", "zoom", "brightness", "contrast", "noise", "blur")


def _check_architecture(name: str) -> str:
    get_architecture(name)
    return name


def _check_frameworks(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names or set(names) - set(FRAMEWORKS):
        raise ValueError(f"should be one or more of {', '.join(FRAMEWORKS)}")
    return names


@dataclass(frozen=True, config={"strict": True, "extra": "forbid"})
class Protocol:
    """The settings of an experiment.

    Args:
        labels: "folder" or "slice".
        split: "random" or "patient".
        folds: 1 holds out a tenth for testing; K > 1 gives every slice an out-of-sample prediction.
        architecture: a name in `ARCHITECTURES`.
        frameworks: the frameworks to train, of FRAMEWORKS.
        seed: of the split, the weights, the order, the augmentation and dropout.
        class_weights: give both classes the same total weight in the loss.
        epochs, batch_size, learning_rate: the schedule; None: the architecture's own.
        augmentation: the strength of random changes of training images, a name in `STRENGTHS`; "usual" is
            the architecture's own.
        finding: what slice labels are about; folder labels name no finding.

    Raises:
        StrokeError: a value is unknown or out of range.
    """

    labels: Labels = "slice"
    split: Split = "patient"
    folds: Annotated[int, Field(ge=1, le=20)] = 5
    architecture: Annotated[str, AfterValidator(_check_architecture)] = "framed"
    frameworks: Annotated[tuple[str, ...], Strict(False), AfterValidator(_check_frameworks)] = FRAMEWORKS
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    class_weights: bool = True
    epochs: Annotated[int, Field(ge=1, le=500)] | None = None
    batch_size: Annotated[int, Field(ge=1, le=512)] | None = None
    learning_rate: Annotated[float, Field(ge=1e-7, le=1)] | None = None
    augmentation: Strength = "usual"
    finding: Literal["hemorrhage", "ischemia"] = "hemorrhage"

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, values: Any, check: ModelWrapValidatorHandler[Protocol]) -> Protocol:
        try:
            protocol = check(values)
        except ValidationError as error:
            field, rule, found = explain_refusal(error)
            raise TrainingError(f"{field} {rule}", found=found) from error
        if protocol.labels == "folder" and protocol.finding != HEMORRHAGE:
            raise TrainingError(
                "Folder labels name no finding", found=protocol.finding, remedy="choose slice labels"
            )
        return protocol

    def _augmentation(self, architecture: Architecture) -> Augmentation:
        """Return the architecture's augmentation at the chosen strength.

        The finding is planted only with slice labels, where a positive slice shows it.
        """
        own, factor = architecture.augmentation, STRENGTHS[self.augmentation]
        changed = replace(own, **{name: factor * getattr(own, name) for name in _SIZES})
        if not factor:
            changed = replace(changed, flip=False, views=0)
        return changed if self.labels == "slice" else replace(changed, planted=0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return the protocol as a card holds it, with every value of the schedule.

        "finding" is "" for folder labels.
        """
        architecture = get_architecture(self.architecture)
        chosen = {
            name: getattr(self, name, None) or getattr(architecture, name)
            if name in ("epochs", "batch_size", "learning_rate")
            else getattr(architecture, name)
            for name in SCHEDULE
        }
        return {
            "labels": self.labels,
            "finding": self.finding if self.labels == "slice" else "",
            "split": self.split,
            "folds": self.folds,
            "seed": self.seed,
            "architecture": self.architecture,
            "frameworks": [framework for framework in FRAMEWORKS if framework in self.frameworks],
            "class_weights": self.class_weights,
            **chosen,
            "augmentation": asdict(self._augmentation(architecture)),
        }
