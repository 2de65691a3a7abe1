"""The CNN in PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional

from core.errors import ExperimentError
from core.models.architecture import Architecture
from core.models.backbone import Backbone
from core.models.base import BaseCNN, scale
from core.models.contract import CellTargets
from core.models.pytorch_joint import answer
from core.models.pytorch_layers import (
    Ensemble,
    FixedNormalisation,
    FrozenLayers,
    Member,
    list_members,
)
from core.serving import INPUT, MAPS, name_backbone, name_members, shrink
from core.system import write_aside

# What torch.load(weights_only=True) raises for a file that holds more than numbers.
_Unreadable = torch.serialization.pickle.UnpicklingError


class _Served(nn.Module):
    """The mean of several networks with its Grad-CAM, and each network's own, for export.

    The input is (n, h, w, c): images, or maps of the backbone.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, batch: torch.Tensor) -> tuple[torch.Tensor, ...]:
        inputs = batch.permute(0, 3, 1, 2)
        probabilities, heats, vectors = [], [], []
        for network in self.networks:
            answers = [(member, *member(inputs)) for member in list_members(network)]
            probabilities.append(torch.sigmoid(torch.stack([one[3] for one in answers]).mean(0)))
            if answers[0][0].strongest:
                heats.append(torch.sigmoid(torch.stack([one[4] for one in answers]).mean(0)))
            else:
                heat = torch.stack([member.explain(maps, vector) for member, maps, vector, *_ in answers])
                heats.append(_normalise_heat(heat.mean(0)))
            vectors += [one[2] for one in answers]
        means = torch.stack(probabilities).mean(0), torch.stack(heats).mean(0), torch.cat(vectors, dim=1)
        if len(heats) == 1:
            return means
        return *means, *(value for pair in zip(probabilities, heats, strict=True) for value in pair)


class PytorchCNN(BaseCNN):
    """The CNN in PyTorch; see `core.models.contract.CNN` for its methods."""

    framework = "pytorch"
    # The layers of one image fit into the processor's cache: 1.7 times faster than eight images per call.
    embed_batch = 1

    def __init__(self, architecture: Architecture, *, seed: int, n_threads: int = 1) -> None:
        torch.set_num_threads(n_threads)
        torch.manual_seed(seed)
        self.architecture = architecture
        network = Ensemble(architecture) if architecture.members > 1 else Member(architecture)
        self.network = network.to(memory_format=torch.channels_last)
        backbone = architecture.backbone
        stem = FrozenLayers(backbone).eval() if backbone else nn.Identity()
        self._stem = stem.to(memory_format=torch.channels_last)
        self.n_parameters = sum(parameter.numel() for parameter in self.network.parameters())
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=architecture.learning_rate,
            weight_decay=architecture.weight_decay,
        )

    @torch.no_grad()
    def _embed_batch(self, images: np.ndarray) -> np.ndarray:
        maps = self._stem(_to_tensor(images).contiguous(memory_format=torch.channels_last))
        return maps.permute(0, 2, 3, 1).numpy()

    def _set_normalisation(self, mean: np.ndarray, variance: np.ndarray) -> None:
        for module in self.network.modules():
            if isinstance(module, FixedNormalisation):
                module.mean.copy_(torch.from_numpy(mean)[:, None, None])
                module.variance.copy_(torch.from_numpy(variance)[:, None, None])

    def _start_epoch(self, *, learning_rate: float, seed: int) -> None:
        torch.manual_seed(seed)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self.network.train()

    def _train_batch(
        self, inputs: np.ndarray, target: np.ndarray, weight: np.ndarray, cells: CellTargets | None
    ) -> tuple[float, float, np.ndarray]:
        logits, evidence = answer(self.network, _to_tensor(inputs))
        loss = functional.binary_cross_entropy_with_logits(
            logits,
            torch.from_numpy(target).expand_as(logits),
            torch.from_numpy(weight).expand_as(logits),
        )
        cell_loss = loss.new_zeros(())
        if cells is not None and evidence is not None:
            cell_loss = self._measure_cells(evidence, cells, torch.from_numpy(weight))
        self._optimizer.zero_grad()
        (self.architecture.slice_weight * loss + cell_loss).backward()
        self._optimizer.step()
        return loss.item(), cell_loss.item(), logits.detach().mean(0).numpy()

    def _measure_cells(
        self, evidence: torch.Tensor, cells: CellTargets, weight: torch.Tensor
    ) -> torch.Tensor:
        """Return the weighted loss of the known cells of evidence (members, n, h, w)."""
        known = weight[:, None, None] * torch.from_numpy(cells.known)
        each = functional.binary_cross_entropy_with_logits(
            evidence,
            torch.from_numpy(cells.lesion).expand_as(evidence),
            pos_weight=evidence.new_tensor(self.architecture.cell_positive_weight),
            reduction="none",
        )
        # A batch may have no known cell.
        total = known.sum().clamp(min=torch.finfo(known.dtype).tiny) * len(evidence)
        return self.architecture.cell_weight * (each * known).sum() / total

    @torch.no_grad()
    def _predict_batch(self, inputs: np.ndarray) -> np.ndarray:
        self.network.eval()
        return torch.sigmoid(answer(self.network, _to_tensor(inputs))[0].mean(0)).numpy()

    def explain(self, images: np.ndarray) -> np.ndarray:
        self.network.eval()
        inputs = _to_tensor(scale(self.embed(images)))
        if self.architecture.strongest:
            with torch.no_grad():
                evidence = answer(self.network, inputs)[1]
            assert evidence is not None
            return torch.sigmoid(evidence.mean(0)).numpy()
        heats = []
        for member in list_members(self.network):
            feature_map, _, logit, _ = member(inputs)
            gradient = torch.autograd.grad(logit.sum(), feature_map)[0]
            heats.append(functional.relu((gradient.mean((2, 3), keepdim=True) * feature_map).sum(1)))
        return _normalise_heat(torch.stack(heats).mean(0)).detach().numpy()

    def save_weights(self, path: Path) -> None:
        with write_aside(path) as aside, open(aside, "wb") as file:
            torch.save(self.network.state_dict(), file)

    def load_weights(self, path: Path) -> None:
        self.network.load_state_dict(_load(path))

    def save_checkpoint(self, path: Path) -> None:
        # Pass an open file: with a path, torch decides by its suffix.
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
        named = [name for member in name_members(len(members)) for name in member]
        backbone = self.architecture.backbone
        with write_aside(path) as aside:
            _export(
                served,
                torch.zeros(2, *self.architecture.input_shape),
                aside,
                MAPS if backbone else INPUT,
                ["probability", "heat", "features", *(named if len(members) > 1 else [])],
            )
            if backbone:
                name_backbone(aside, backbone.name, self.architecture.recipe.shape)


class _Channels(nn.Module):
    """Frozen layers with channels last: (n, h, w, 1) -> (n, h', w', d)."""

    def __init__(self, layers: FrozenLayers) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers(images.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def export_backbone(backbone: Backbone, path: Path) -> None:
    """Write a backbone as an ONNX file for images of any size that its stride divides; see core.serving.

    Args:
        backbone: from core.models.backbone.
        path: it is overwritten.
    """
    sides = {1 + axis: backbone.stride * torch.export.Dim(f"side_{axis}", min=1, max=256) for axis in (0, 1)}
    served = _Channels(FrozenLayers(backbone)).eval()
    with write_aside(path) as aside:
        _export(
            served, torch.zeros(2, 4 * backbone.stride, 6 * backbone.stride, 1), aside, INPUT, [MAPS], sides
        )


def _export(
    module: nn.Module,
    example: torch.Tensor,
    path: Path,
    name: str,
    outputs: list[str],
    sizes: dict[int, Any] | None = None,
) -> None:
    """Write a module as an ONNX file for any number of inputs, and of the given sizes of their axes."""
    torch.onnx.export(
        module,
        (example,),
        str(path),
        dynamo=True,
        input_names=[name],
        output_names=outputs,
        dynamic_shapes=({0: torch.export.Dim("n", min=1, max=4096), **(sizes or {})},),
        external_data=False,
        verbose=False,
    )
    _strip_traces(path)
    shrink(path)


def _to_tensor(batch: np.ndarray) -> torch.Tensor:
    """Return (n, h, w, c) float32 as a tensor (n, c, h, w), channels last in memory."""
    return torch.from_numpy(batch).permute(0, 3, 1, 2)


def _normalise_heat(heat: torch.Tensor) -> torch.Tensor:
    """Return each (n, h, w) map divided by its maximum; a map without heat stays 0."""
    return heat / heat.amax((1, 2), keepdim=True).clamp(min=1e-6)


def _strip_traces(path: Path) -> None:
    """Remove the exporter's stack traces from an ONNX file: they name folders of this machine."""
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
            found=type(error).__name__,
            remedy="take the file from the experiment's original folder",
        ) from error
