"""The CNN in PyTorch: the only importer of torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional

from core.errors import ExperimentError, TrainingError
from core.models import trunk
from core.models.architecture import (
    SHARPNESS,
    Architecture,
    Convolution,
    Dropout,
    Layer,
    MaxPooling,
    Normalisation,
    SeparableConvolution,
)
from core.models.onnx_file import shrink
from core.system import write_aside

_PREDICT_BATCH = 64
# Of normalisations: Keras's default.
_EPSILON = 1e-3
# What torch.load(weights_only=True) raises for a file that holds more than numbers.
_Unreadable = torch.serialization.pickle.UnpicklingError


class _Trunk(nn.Module):
    """The frozen layers of `core.models.trunk`. Takes gray (n, 1, h, w) in [0, 1]; gives the feature map."""

    def __init__(self) -> None:
        super().__init__()
        arrays = trunk.read_trunk()
        self.stem = _freeze(nn.Conv2d(1, trunk.N_STEM, 3, stride=2), arrays, "stem")
        self.blocks = nn.ModuleList(nn.ModuleDict() for _ in trunk.BLOCKS)
        for index, (layers, block) in enumerate(zip(self.blocks, trunk.BLOCKS, strict=True)):
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
        for index, (layers, block) in enumerate(zip(self.blocks, trunk.BLOCKS, strict=True)):
            assert isinstance(layers, nn.ModuleDict)
            wide = functional.relu6(layers["expand"](values)) if block.expansion > 1 else values
            wide = functional.relu6(layers["depthwise"](_pad(wide, block.kernel, block.stride)))
            projected = layers["project"](wide)
            values = values + projected if block.is_residual else projected
            if index in trunk.TAPS:
                taps.append(values)
        return torch.cat([functional.max_pool2d(taps[0], 2), *taps[1:]], dim=1)


class _Normalisation(nn.Module):
    """Channels (n, c, h, w) to a fixed mean and scale, which `PytorchCNN.adapt` sets."""

    mean: torch.Tensor
    variance: torch.Tensor

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_channels, 1, 1))
        self.register_buffer("variance", torch.ones(n_channels, 1, 1))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return (inputs - self.mean) * torch.rsqrt(self.variance + _EPSILON)


class _Member(nn.Module):
    """The trained layers of an architecture. Takes (n, c, h, w); gives feature map, vector and logit.

    The vector is the hidden layer, or the maximum of each feature over all positions.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        n_channels = architecture.input_shape[2]
        for layer in architecture.trained_layers:
            layers += _build_layer(layer, n_channels)
            if isinstance(layer, Convolution | SeparableConvolution):
                n_channels = layer.filters
        self.features = nn.Sequential(*layers)
        self.feature_shape = architecture.feature_shape
        self.pooling = architecture.pooling
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

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        feature_map = self.features(inputs)
        if self.pooling == "flatten":
            hidden = functional.relu(self.hidden(self.dropout(feature_map.flatten(1))))
            return feature_map, hidden, self.output(self.dropout(hidden))
        height, width, _ = self.feature_shape
        evidence = self.output(self.dropout(feature_map).flatten(2).transpose(1, 2))
        logit = (torch.logsumexp(SHARPNESS * evidence, dim=1) - math.log(height * width)) / SHARPNESS
        return feature_map, feature_map.amax((2, 3)), logit

    def explain(self, feature_map: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
        """Grad-CAM (n, h, w), not yet normalised, without automatic differentiation.

        Grad-CAM (Selvaraju et al., ICCV 2017) weighs feature k by the mean over positions of d logit / d A_k.
        For Flatten -> dense W1 -> ReLU -> dense w2 the gradient of the flat vector is ((h > 0) * w2) @ W1.
        For the soft maximum of local logits A . w the gradients at all positions sum to w.
        """
        height, width, n_features = self.feature_shape
        weights = self.output.weight
        if self.pooling == "flatten":
            # The mean over positions is taken of W1 itself: a constant, where the gradient would be large.
            kernel = self.hidden.weight.reshape(-1, n_features, height * width).mean(2)
            weights = ((vector > 0).to(vector.dtype) * weights) @ kernel
        else:
            weights = weights / (height * width)
        return functional.relu((weights[:, :, None, None] * feature_map).sum(1))


class _Ensemble(nn.Module):
    """Several members on the same input."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.members = nn.ModuleList(_Member(architecture) for _ in range(architecture.members))


def _members(network: nn.Module) -> list[_Member]:
    found = list(network.members) if isinstance(network, _Ensemble) else [network]
    return [member for member in found if isinstance(member, _Member)]


class _Served(nn.Module):
    """The mean of several networks with its Grad-CAM, for export. Takes (n, h, w, c)."""

    def __init__(self, stem: nn.Module, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.stem = stem
        self.networks = nn.ModuleList(networks)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        inputs = self.stem(images.permute(0, 3, 1, 2))
        probabilities, heats, vectors = [], [], []
        for network in self.networks:
            answers = [(member, *member(inputs)) for member in _members(network)]
            probabilities.append(torch.sigmoid(torch.stack([answer[3] for answer in answers]).mean(0)))
            heat = torch.stack([member.explain(maps, vector) for member, maps, vector, _ in answers]).mean(0)
            heats.append(_normalise_heat(heat))
            vectors += [answer[2] for answer in answers]
        return torch.stack(probabilities).mean(0), torch.stack(heats).mean(0), torch.cat(vectors, dim=1)


class PytorchCNN:
    """The CNN in PyTorch; see `core.models.contract.CNN` for what its methods promise."""

    framework = "pytorch"
    weights_suffix = ".pt"

    def __init__(self, architecture: Architecture, *, seed: int, n_threads: int = 1) -> None:
        torch.set_num_threads(n_threads)
        torch.manual_seed(seed)
        self.architecture = architecture
        network = _Ensemble(architecture) if architecture.members > 1 else _Member(architecture)
        self.network = network.to(memory_format=torch.channels_last)
        stem = _Trunk().eval() if architecture.has_trunk else nn.Identity()
        self._stem = stem.to(memory_format=torch.channels_last)
        self.n_parameters = sum(parameter.numel() for parameter in self.network.parameters())
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=architecture.learning_rate,
            weight_decay=architecture.weight_decay,
        )

    @torch.no_grad()
    def embed(self, images: np.ndarray) -> np.ndarray:
        if not self.architecture.has_trunk:
            return images
        maps = np.empty((len(images), *self.architecture.input_shape), np.float32)
        # One at a time its layers stay in the processor's cache: measured 1.7 times faster than eight.
        for index in range(len(images)):
            image = _to_tensor(images[index : index + 1]).contiguous(memory_format=torch.channels_last)
            maps[index] = self._stem(image)[0].permute(1, 2, 0).numpy()
        return maps

    def adapt(self, inputs: np.ndarray) -> None:
        mean = inputs.mean((0, 1, 2), dtype=np.float64).astype(np.float32)
        variance = inputs.var((0, 1, 2), dtype=np.float64).astype(np.float32)
        for module in self.network.modules():
            if isinstance(module, _Normalisation):
                module.mean.copy_(torch.from_numpy(mean)[:, None, None])
                module.variance.copy_(torch.from_numpy(variance)[:, None, None])

    def train_epoch(
        self,
        inputs: np.ndarray,
        y_true: np.ndarray,
        sample_weight: np.ndarray,
        *,
        order: np.ndarray,
        learning_rate: float,
        seed: int,
        on_batch: Callable[[int], None],
    ) -> tuple[float, float]:
        torch.manual_seed(seed)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self.network.train()
        loss_sum = weight_sum = 0.0
        n_correct = 0
        size = self.architecture.batch_size
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            target = torch.from_numpy(y_true[batch].astype(np.float32))
            weight = torch.from_numpy(sample_weight[batch].astype(np.float32))
            logits = self._compute_logits(_to_tensor(inputs[batch]))
            loss = functional.binary_cross_entropy_with_logits(
                logits, target.expand_as(logits), weight.expand_as(logits)
            )
            if not math.isfinite(loss.item()):
                raise TrainingError(
                    "The training loss is no longer a finite number",
                    came=f"{loss.item()} after {start} images of the epoch",
                    remedy="the last good checkpoint is kept; train with a lower learning rate",
                )
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            loss_sum += loss.item() * len(batch)
            weight_sum += float(weight.sum())
            n_correct += int(((logits.mean(0) > 0) == (target > 0.5)).sum())
            on_batch(start + len(batch))
        return loss_sum / weight_sum, n_correct / len(order)

    def _compute_logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """(members, n) logits of (n, c, h, w) inputs."""
        return torch.stack([member(inputs)[2][:, 0] for member in _members(self.network)])

    @torch.no_grad()
    def predict_probability(self, inputs: np.ndarray) -> np.ndarray:
        self.network.eval()
        parts = [
            torch.sigmoid(self._compute_logits(_to_tensor(inputs[start : start + _PREDICT_BATCH])).mean(0))
            for start in range(0, len(inputs), _PREDICT_BATCH)
        ]
        return torch.cat(parts).numpy().astype(np.float64)

    def explain(self, images: np.ndarray) -> np.ndarray:
        self.network.eval()
        inputs = _to_tensor(self.embed(images))
        heats = []
        for member in _members(self.network):
            feature_map, _, logit = member(inputs)
            gradient = torch.autograd.grad(logit.sum(), feature_map)[0]
            heats.append(functional.relu((gradient.mean((2, 3), keepdim=True) * feature_map).sum(1)))
        return _normalise_heat(torch.stack(heats).mean(0)).detach().numpy()

    def save_weights(self, path: Path) -> None:
        with write_aside(path) as aside, open(aside, "wb") as file:
            torch.save(self.network.state_dict(), file)

    def load_weights(self, path: Path) -> None:
        self.network.load_state_dict(_load(path))

    def save_checkpoint(self, path: Path) -> None:
        # An open file: torch would judge the name by its suffix.
        with write_aside(path) as aside, open(aside, "wb") as file:
            torch.save(
                {"network": self.network.state_dict(), "optimizer": self._optimizer.state_dict()}, file
            )

    def load_checkpoint(self, path: Path) -> None:
        checkpoint = _load(path)
        self.network.load_state_dict(checkpoint["network"])
        self._optimizer.load_state_dict(checkpoint["optimizer"])

    def export_onnx(self, members: Sequence[PytorchCNN], path: Path) -> None:
        served = _Served(self._stem, [member.network for member in members]).eval()
        example = torch.zeros(2, *self.architecture.recipe.shape)
        with write_aside(path) as aside:
            torch.onnx.export(
                served,
                (example,),
                str(aside),
                dynamo=True,
                input_names=["images"],
                output_names=["probability", "heat", "features"],
                dynamic_shapes=({0: torch.export.Dim("n", min=1, max=4096)},),
                external_data=False,
                verbose=False,
            )
            _strip_traces(aside)
            shrink(aside)


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
        return [_Normalisation(n_channels)]
    if isinstance(layer, MaxPooling):
        return [nn.MaxPool2d(layer.size)]
    assert isinstance(layer, Dropout)
    return [nn.Dropout2d(layer.rate)]


def _freeze(layer: nn.Conv2d, arrays: dict[str, np.ndarray], name: str) -> nn.Conv2d:
    """Give a convolution the trunk's numbers, for good."""
    kernel = arrays[f"{name}/kernel"]
    # Depthwise kernels are (h, w, channels).
    kernel = kernel.transpose(2, 0, 1)[:, None] if kernel.ndim == 3 else kernel.transpose(3, 2, 0, 1)
    layer.weight = nn.Parameter(torch.from_numpy(kernel.copy()), requires_grad=False)
    layer.bias = nn.Parameter(torch.from_numpy(arrays[f"{name}/bias"].copy()), requires_grad=False)
    return layer


def _pad(values: torch.Tensor, kernel: int, stride: int) -> torch.Tensor:
    before, after = trunk.lopsided_padding(kernel, stride)
    return functional.pad(values, (before, after, before, after))


def _normalise_heat(heat: torch.Tensor) -> torch.Tensor:
    """Each (n, h, w) map divided by its maximum; a map without heat stays 0."""
    return heat / heat.amax((1, 2), keepdim=True).clamp(min=1e-6)


def _to_tensor(inputs: np.ndarray) -> torch.Tensor:
    """(n, h, w, c) images (uint8, divided by 255) or feature maps -> (n, c, h, w) float32, channels last."""
    values = inputs.astype(np.float32)
    if inputs.dtype == np.uint8:
        values /= np.float32(255)
    return torch.from_numpy(values).permute(0, 3, 1, 2)


def _strip_traces(path: Path) -> None:
    """Take the exporter's stack traces out of an ONNX file: they name folders of this machine."""
    model = onnx.load(path)
    graph = model.graph
    for entry in (
        model,
        graph,
        *graph.node,
        *graph.value_info,
        *graph.input,
        *graph.output,
        *graph.initializer,
    ):
        del entry.metadata_props[:]
        entry.doc_string = ""
    onnx.save(model, path)


def _load(path: Path) -> dict:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, _Unreadable) as error:
        raise ExperimentError(
            f"{path.name} cannot be read as PyTorch weights",
            came=type(error).__name__,
            remedy="take the file from the experiment's original folder",
        ) from error
