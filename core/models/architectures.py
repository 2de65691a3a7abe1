"""The architectures that can be trained, by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.errors import StrokeError
from core.imaging import Augmentation, Recipe
from core.models.architecture import Architecture
from core.models.layers import (
    Convolution,
    Dropout,
    FrozenBackbone,
    MaxPooling,
    MirroredDifference,
    Normalisation,
    SeparableConvolution,
)

# The layers of all evidence maps. `evidence` and `outlined` see the same images, to share a backbone.
_EVIDENCE = (
    FrozenBackbone(),
    Normalisation(),
    Dropout(0.1),
    Convolution(48, kernel=1, normalise=True),
    SeparableConvolution(48),
)
_EVIDENCE_SETTINGS: dict[str, Any] = {
    "recipe": Recipe(size=384, channels="gray", framing="head", intensity="brain"),
    "pooling": "evidence",
    "hidden": 0,
    "dropout": 0.3,
    # With four, training takes twice as long; the networks that read scans are the mean of all folds anyway.
    "members": 2,
    "strongest": 6,
    "epochs": 10,
    "batch_size": 32,
    "learning_rate": 2e-3,
    "weight_decay": 1e-2,
    "patience": 0,
    "augmentation": Augmentation(
        flip=True,
        rotation_degrees=15,
        translation=0.06,
        zoom=0.12,
        brightness=0.06,
        contrast=0.25,
        noise=0.05,
        blur=1.0,
        planted=0.5,
        views=2,
    ),
}

ARCHITECTURES: dict[str, Architecture] = {
    architecture.name: architecture
    for architecture in (
        Architecture(
            name="plain",
            title="Plain CNN on the whole image",
            summary="The network behind a published accuracy of 97 %: four convolutions and a dense layer, "
            "224x224 RGB.",
            recipe=Recipe(size=224, channels="rgb", framing="whole", intensity="unit"),
            features=(
                Convolution(16, kernel=5, stride=2, normalise=True),
                MaxPooling(2),
                Convolution(32, normalise=True),
                MaxPooling(2),
                Convolution(48, normalise=True),
                MaxPooling(2),
                Convolution(64, normalise=True),
                MaxPooling(2),
            ),
            pooling="flatten",
            hidden=48,
            dropout=0.2,
            epochs=14,
            batch_size=32,
            learning_rate=1e-3,
            weight_decay=0.0,
            patience=5,
            # No flip or rotation: the published networks recognize patients by such details.
            augmentation=Augmentation(flip=False, brightness=0.03, contrast=0.05),
        ),
        Architecture(
            name="framed",
            title="Evidence-map network on the cropped head",
            summary="Made for slice labels: crops the head, normalizes its gray values, computes features "
            "with a pretrained backbone; the strongest local evidence decides.",
            recipe=Recipe(size=256, channels="gray", framing="head", intensity="tissue"),
            features=_EVIDENCE,
            pooling="evidence",
            hidden=0,
            dropout=0.3,
            members=4,
            epochs=14,
            batch_size=32,
            learning_rate=2e-3,
            weight_decay=1e-2,
            patience=0,
            augmentation=replace(_EVIDENCE_SETTINGS["augmentation"], planted=0.75, views=3),
        ),
        Architecture(
            name="evidence",
            title="Evidence-map network for several hospitals",
            summary="Like framed, with finer images, gray values set by the brain alone, and the mean of the "
            "strongest places as the slice's answer; rough outlines show where a finding is not.",
            features=_EVIDENCE,
            cell_weight=0.3,
            cell_positive_weight=3.0,
            rough_outlines=True,
            **_EVIDENCE_SETTINGS,
        ),
        Architecture(
            name="outlined",
            title="Evidence-map network that learns from outlines",
            summary="Made for findings that are outlined on every slice: like evidence, but each place of "
            "the map learns whether it is in an outline, and is compared with its mirror image.",
            # The difference comes after the first convolution: before it, training takes half as long again.
            features=(*_EVIDENCE[:-1], MirroredDifference(), _EVIDENCE[-1]),
            cell_weight=1.0,
            cell_positive_weight=3.0,
            slice_weight=0.0,
            **{**_EVIDENCE_SETTINGS, "epochs": 8},
        ),
    )
}


def get_architecture(name: str) -> Architecture:
    """Return the architecture of this name.

    Raises:
        StrokeError: no architecture has this name; the message lists the known names.
    """
    if name not in ARCHITECTURES:
        raise StrokeError(
            f"There is no architecture {name!r}", remedy=f"choose one of {', '.join(ARCHITECTURES)}"
        )
    return ARCHITECTURES[name]
