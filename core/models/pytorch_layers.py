"""The layers of a network in PyTorch: frozen ones, trained ones, and Grad-CAM in closed form."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from core.models.architecture import SHARPNESS, Architecture
from core.models.backbone import Backbone, compute_padding
from core.models.layers import (
    Convolution,
    Dropout,
    Layer,
    MaxPooling,
    MirroredDifference,
    Normalisation,
    SeparableConvolution,
)

# The epsilon of normalizations in the Keras network.
_EPSILON = 1e-3


class FrozenLayers(nn.Module):
    """The frozen layers of a backbone: gray (n, 1, h, w) in [0, 1] -> feature map."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        arrays = backbone.read()
        self.stem = _freeze(nn.Conv2d(1, backbone.n_stem, 3, stride=2), arrays, "stem")
        self.blocks = nn.ModuleList(nn.ModuleDict() for _ in backbone.blocks)
        for index, (layers, block) in enumerate(zip(self.blocks, backbone.blocks, strict=True)):
            assert isinstance(layers, nn.ModuleDict)
            wide = block.n_in * block.expansion
            if block.expansion > 1:
                layers["expand"] = _freeze(nn.Conv2d(block.n_in, wide, 1), arrays, f"{index}/expand")
            depthwise = nn.Conv2d(wide, wide, block.kernel, stride=block.stride, groups=wide)
            layers["depthwise"] = _freeze(depthwise, arrays, f"{index}/depthwise")
            layers["project"] = _freeze(nn.Conv2d(wide, block.n_out, 1), arrays, f"{index}/project")

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        values = functional.relu6(self.stem(_pad(images * 2 - 1, 3, 2)))
        taps = []
        for index, (layers, block) in enumerate(zip(self.blocks, self.backbone.blocks, strict=True)):
            assert isinstance(layers, nn.ModuleDict)
            wide = functional.relu6(layers["expand"](values)) if block.expansion > 1 else values
            wide = functional.relu6(layers["depthwise"](_pad(wide, block.kernel, block.stride)))
            projected = layers["project"](wide)
            values = values + projected if block.is_residual else projected
            if index in self.backbone.taps:
                taps.append(values)
        pooled = [
            functional.max_pool2d(tap, size) if size > 1 else tap
            for tap, size in zip(taps, self.backbone.poolings, strict=True)
        ]
        return torch.cat(pooled, dim=1)


class FixedNormalisation(nn.Module):
    """Normalization of channels (n, c, h, w) by a fixed mean and variance, set by `PytorchCNN.adapt`."""

    mean: torch.Tensor
    variance: torch.Tensor

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_channels, 1, 1))
        self.register_buffer("variance", torch.ones(n_channels, 1, 1))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return (inputs - self.mean) * torch.rsqrt(self.variance + _EPSILON)


class Mirror(nn.Module):
    """Joins (n, c, h, w) with its difference from its left-right mirror image: (n, 2 c, h, w)."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.cat([inputs, inputs - inputs.flip(3)], dim=1)


class Member(nn.Module):
    """The trained layers of an architecture: (n, c, h, w) -> feature map, vector, logit and evidence.

    The vector is the hidden layer, or the maximum of each feature over all positions. The evidence is the
    logit of each position, (n, h, w); None with the pooling "flatten".
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        n_channels = architecture.input_shape[2]
        for layer in architecture.trained_layers:
            layers += _build_layer(layer, n_channels)
            if isinstance(layer, Convolution | SeparableConvolution):
                n_channels = layer.filters
            elif isinstance(layer, MirroredDifference):
                n_channels *= 2
        self.features = nn.Sequential(*layers)
        self.feature_shape = architecture.feature_shape
        self.pooling, self.strongest = architecture.pooling, architecture.strongest
        self.dropout = nn.Dropout(architecture.dropout)
        if self.pooling == "flatten":
            self.hidden = nn.Linear(math.prod(self.feature_shape), architecture.hidden)
            self.output = nn.Linear(architecture.hidden, 1)
        else:
            self.output = nn.Linear(self.feature_shape[2], 1)
        for module in self.modules():
            # Keras's defaults, so that both frameworks start alike.
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(
        self, inputs: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
        feature_map = self.features(inputs)
        if self.pooling == "flatten":
            hidden = functional.relu(self.hidden(self.dropout(feature_map.flatten(1))))
            return feature_map, hidden, self.output(self.dropout(hidden)), None
        height, width, _ = self.feature_shape
        evidence = self.output(self.dropout(feature_map).flatten(2).transpose(1, 2)).transpose(1, 2)
        return (
            feature_map,
            feature_map.amax((2, 3)),
            pool_evidence(evidence, self.strongest),
            evidence.reshape(-1, height, width),
        )

    def explain(self, feature_map: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
        """Return the Grad-CAM (n, h, w), not yet normalized, without automatic differentiation.

        Grad-CAM (Selvaraju et al., ICCV 2017) weighs feature k by the mean over positions of d logit / d A_k.
        For Flatten -> dense W1 -> ReLU -> dense w2 the gradient of the flat vector is ((h > 0) * w2) @ W1.
        For the soft maximum of local logits A . w the gradients at all positions sum to w.
        """
        height, width, n_features = self.feature_shape
        weights = self.output.weight
        if self.pooling == "flatten":
            # Average W1 itself over the positions: it is constant, and the full gradient would be large.
            kernel = self.hidden.weight.reshape(-1, n_features, height * width).mean(2)
            weights = ((vector > 0).to(vector.dtype) * weights) @ kernel
        else:
            weights = weights / (height * width)
        return functional.relu((weights[:, :, None, None] * feature_map).sum(1))


class Ensemble(nn.Module):
    """Several members on the same input."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.members = nn.ModuleList(Member(architecture) for _ in range(architecture.members))


def list_members(network: nn.Module) -> list[Member]:
    """Return the members of an ensemble, or a single network as a list of one."""
    found = list(network.members) if isinstance(network, Ensemble) else [network]
    return [member for member in found if isinstance(member, Member)]


def pool_evidence(evidence: torch.Tensor, strongest: int) -> torch.Tensor:
    """Return the mean of the strongest positions along the last axis; with 0, the soft maximum of all."""
    if strongest:
        return evidence.topk(min(strongest, evidence.shape[-1]), dim=-1).values.mean(-1)
    return (torch.logsumexp(SHARPNESS * evidence, dim=-1) - math.log(evidence.shape[-1])) / SHARPNESS


def _build_layer(layer: Layer, n_channels: int) -> list[nn.Module]:
    if isinstance(layer, Convolution):
        convolution = nn.Conv2d(
            n_channels,
            layer.filters,
            layer.kernel,
            stride=layer.stride,
            padding=layer.kernel // 2,
            bias=not layer.normalise,
        )
        normalisation = [nn.BatchNorm2d(layer.filters, eps=_EPSILON)] if layer.normalise else []
        return [convolution, *normalisation, nn.ReLU()]
    if isinstance(layer, SeparableConvolution):
        return [
            nn.Conv2d(
                n_channels, n_channels, layer.kernel, padding=layer.kernel // 2, groups=n_channels, bias=False
            ),
            nn.Conv2d(n_channels, layer.filters, 1, bias=False),
            nn.BatchNorm2d(layer.filters, eps=_EPSILON),
            nn.ReLU(),
        ]
    if isinstance(layer, Normalisation):
        return [FixedNormalisation(n_channels)]
    if isinstance(layer, MirroredDifference):
        return [Mirror()]
    if isinstance(layer, MaxPooling):
        return [nn.MaxPool2d(layer.size)]
    assert isinstance(layer, Dropout)
    return [nn.Dropout2d(layer.rate)]


def _freeze(layer: nn.Conv2d, arrays: dict[str, np.ndarray], name: str) -> nn.Conv2d:
    """Set a convolution's weights to the backbone's, and exclude them from training."""
    kernel = arrays[f"{name}/kernel"]
    # Depthwise kernels are (h, w, channels).
    kernel = kernel.transpose(2, 0, 1)[:, None] if kernel.ndim == 3 else kernel.transpose(3, 2, 0, 1)
    layer.weight = nn.Parameter(torch.from_numpy(kernel.copy()), requires_grad=False)
    layer.bias = nn.Parameter(torch.from_numpy(arrays[f"{name}/bias"].copy()), requires_grad=False)
    return layer


def _pad(values: torch.Tensor, kernel: int, stride: int) -> torch.Tensor:
    before, after = compute_padding(kernel, stride)
    return functional.pad(values, (before, after, before, after))
