"""The CNN in PyTorch: the only importer of torch and torchvision."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional
from torchvision.transforms import v2

from core.errors import ExperimentError, TrainingError
from core.files import write_aside
from core.models.architecture import Architecture, Augmentation, Convolution, Dropout, Layer, MaxPooling

_PREDICT_BATCH = 64
# What torch.load(weights_only=True) raises for a file that holds more than numbers.
_Unreadable = torch.serialization.pickle.UnpicklingError


class _Network(nn.Module):
    """The layers of an architecture. Takes (n, c, h, w); gives feature map, hidden layer and logit."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        n_channels = architecture.recipe.shape[2]
        for layer in architecture.features:
            layers += _build_layer(layer, n_channels)
            if isinstance(layer, Convolution):
                n_channels = layer.filters
        self.features = nn.Sequential(*layers)
        height, width, n_features = architecture.feature_shape
        self.pooling = architecture.pooling
        n_pooled = height * width * n_features if self.pooling == "flatten" else 2 * n_features
        self.dropout = nn.Dropout(architecture.dropout)
        self.hidden = nn.Linear(n_pooled, architecture.hidden)
        self.output = nn.Linear(architecture.hidden, 1)
        for module in self.modules():
            # Keras's defaults, so that both frameworks start alike.
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        feature_map = self.features(images)
        if self.pooling == "flatten":
            pooled = feature_map.flatten(1)
        else:
            pooled = torch.cat([feature_map.mean((2, 3)), feature_map.amax((2, 3))], dim=1)
        hidden = functional.relu(self.hidden(self.dropout(pooled)))
        return feature_map, hidden, self.output(self.dropout(hidden))


class _Served(nn.Module):
    """The mean of several networks with its Grad-CAM, for export. Takes (n, h, w, c).

    Grad-CAM (Selvaraju et al., ICCV 2017) weighs feature k by the mean over positions of d logit / d A_k.
    For pooling -> dense W1 -> ReLU -> dense w2 the gradient of the pooled vector is ((h > 0) * w2) @ W1, so
    no automatic differentiation is needed.
    """

    def __init__(self, networks: Sequence[_Network]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        images = images.permute(0, 3, 1, 2)
        probabilities, heats, features = [], [], []
        for network in self.networks:
            assert isinstance(network, _Network)
            feature_map, hidden, logit = network(images)
            n_features, height, width = feature_map.shape[1:]
            # The mean over positions is taken of W1 itself: a constant, where the gradient would be large.
            kernel = network.hidden.weight
            if network.pooling == "flatten":
                kernel = kernel.reshape(-1, n_features, height * width).mean(2)
            else:
                kernel = (kernel[:, :n_features] + kernel[:, n_features:]) / (height * width)
            weights = ((hidden > 0).to(hidden.dtype) * network.output.weight) @ kernel
            heat = functional.relu((weights[:, :, None, None] * feature_map).sum(1))
            heats.append(_normalise_heat(heat))
            probabilities.append(torch.sigmoid(logit))
            features.append(hidden)
        return (
            torch.stack(probabilities).mean(0),
            torch.stack(heats).mean(0),
            torch.cat(features, dim=1),
        )


class PytorchCNN:
    """The CNN in PyTorch; see `core.models.contract.CNN` for what its methods promise."""

    framework = "pytorch"
    weights_suffix = ".pt"

    def __init__(self, architecture: Architecture, *, seed: int, n_threads: int = 1) -> None:
        torch.set_num_threads(n_threads)
        torch.manual_seed(seed)
        self.architecture = architecture
        self.network = _Network(architecture).to(memory_format=torch.channels_last)
        self.n_parameters = sum(parameter.numel() for parameter in self.network.parameters())
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=architecture.learning_rate,
            weight_decay=architecture.weight_decay,
        )
        self._augment = _build_augmentation(architecture.augmentation, architecture.recipe.shape[2])

    def train_epoch(
        self,
        images: np.ndarray,
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
            inputs = torch.stack([self._augment(image) for image in _to_tensor(images[batch])])
            target = torch.from_numpy(y_true[batch].astype(np.float32))
            weight = torch.from_numpy(sample_weight[batch].astype(np.float32))
            logit = self.network(inputs.contiguous(memory_format=torch.channels_last))[2][:, 0]
            loss = functional.binary_cross_entropy_with_logits(logit, target, weight)
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
            n_correct += int(((logit > 0) == (target > 0.5)).sum())
            on_batch(start + len(batch))
        return loss_sum / weight_sum, n_correct / len(order)

    @torch.no_grad()
    def predict_probability(self, images: np.ndarray) -> np.ndarray:
        self.network.eval()
        parts = [
            torch.sigmoid(self.network(_to_tensor(images[start : start + _PREDICT_BATCH]))[2][:, 0])
            for start in range(0, len(images), _PREDICT_BATCH)
        ]
        return torch.cat(parts).numpy().astype(np.float64)

    def explain(self, images: np.ndarray) -> np.ndarray:
        self.network.eval()
        feature_map, _, logit = self.network(_to_tensor(images))
        gradient = torch.autograd.grad(logit.sum(), feature_map)[0]
        heat = functional.relu((gradient.mean((2, 3), keepdim=True) * feature_map).sum(1))
        return _normalise_heat(heat).detach().numpy()

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
        served = _Served([member.network for member in members]).eval()
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
        normalisation = [nn.BatchNorm2d(layer.filters, eps=1e-3)] if layer.normalise else []
        return [convolution, *normalisation, nn.ReLU()]
    if isinstance(layer, MaxPooling):
        return [nn.MaxPool2d(layer.size)]
    assert isinstance(layer, Dropout)
    return [nn.Dropout(layer.rate)]


def _build_augmentation(
    augmentation: Augmentation, n_channels: int
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Random change of one image (c, h, w) in [0, 1]."""
    # The mirrored difference is 0.5 where nothing is: so are the corners that a turn brings in.
    fill = torch.tensor([0.0, 0.5] if n_channels == 2 else [0.0] * n_channels)[:, None, None]
    geometry = v2.Compose(
        [
            v2.RandomHorizontalFlip(0.5 if augmentation.flip else 0.0),
            v2.RandomAffine(
                degrees=augmentation.rotation_degrees,
                translate=(augmentation.translation, augmentation.translation),
                scale=(1 - augmentation.zoom, 1 + augmentation.zoom),
                interpolation=v2.InterpolationMode.BILINEAR,
            ),
        ]
    )

    def augment(image: torch.Tensor) -> torch.Tensor:
        image = geometry(image - fill) + fill
        if augmentation.contrast:
            factor = 1 + augmentation.contrast * (2 * torch.rand(()) - 1)
            mean = image.mean((1, 2), keepdim=True)
            image = mean + factor * (image - mean)
        if augmentation.brightness:
            shift = augmentation.brightness * (2 * torch.rand(()) - 1)
            # Brightness cancels in the mirrored difference.
            image = torch.stack([image[0] + shift, image[1]]) if n_channels == 2 else image + shift
        return image.clamp(0, 1)

    return augment


def _normalise_heat(heat: torch.Tensor) -> torch.Tensor:
    """Each (n, h, w) map divided by its maximum; a map without heat stays 0."""
    return heat / heat.amax((1, 2), keepdim=True).clamp(min=1e-6)


def _to_tensor(images: np.ndarray) -> torch.Tensor:
    """(n, h, w, c) uint8 -> (n, c, h, w) float32 in [0, 1], stored channels last."""
    return torch.from_numpy(images.astype(np.float32) / np.float32(255)).permute(0, 3, 1, 2)


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
