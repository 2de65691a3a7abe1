"""The answers of a network's members in PyTorch, computed at once where their layers allow it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from core.models.pytorch_layers import FixedNormalisation, Member, Mirror, list_members, pool_evidence


def answer(network: nn.Module, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return the logits (members, n) of inputs (n, c, h, w), and the evidence (members, n, h, w) or None."""
    members = list_members(network)
    if len(members) > 1 and members[0].pooling == "evidence" and _can_join(members[0].features):
        return _answer_jointly(members, inputs)
    answers = [member(inputs) for member in members]
    evidence = None if answers[0][3] is None else torch.stack([one[3] for one in answers])
    return torch.stack([one[2][:, 0] for one in answers]), evidence


def _can_join(features: nn.Sequential) -> bool:
    """Return whether `_answer_jointly` knows every layer."""
    known = (FixedNormalisation, Mirror, nn.BatchNorm2d, nn.ReLU, nn.Dropout2d)
    return all(
        isinstance(layer, known) or (isinstance(layer, nn.Conv2d) and layer.stride == (1, 1))
        for layer in features
    )


def _answer_jointly(members: list[Member], inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute all members at once, with their channels side by side: about twice as fast as one by one.

    Each member still has its own dropout. The first layers have the same input for all members, so that it is
    not copied: their dropout is applied to the weights of the next convolution.
    """
    values, n_members, is_joined = inputs, len(members), False
    # Until the first convolution: the channels that each member keeps.
    kept = inputs.new_ones(len(inputs), n_members, 1, inputs.shape[1])
    for layers in zip(*(member.features for member in members), strict=True):
        first: Any = layers[0]
        if isinstance(first, nn.Conv2d):
            weight, bias = (_join(layers, name) for name in ("weight", "bias"))
            if first.kernel_size == (1, 1) and not is_joined:
                # One matrix for each input.
                matrices = (weight.view(1, n_members, -1, values.shape[1]) * kept).flatten(1, 2)
                rows = values.permute(0, 2, 3, 1).flatten(1, 2) @ matrices.transpose(1, 2)
                rows = rows if bias is None else rows + bias
                values = rows.unflatten(1, values.shape[2:]).permute(0, 3, 1, 2)
            else:
                if not is_joined:
                    values = (values[:, None] * kept.transpose(2, 3)[..., None]).flatten(1, 2)
                groups = n_members * first.groups
                values = functional.conv2d(values, weight, bias, padding=first.padding, groups=groups)
            is_joined = True
        elif isinstance(first, nn.BatchNorm2d):
            values = _normalise_jointly(layers, values)
        elif isinstance(first, Mirror | FixedNormalisation) and is_joined:
            parts = zip(layers, values.chunk(n_members, dim=1), strict=True)
            values = torch.cat([layer(part) for layer, part in parts], dim=1)
        elif isinstance(first, Mirror):
            values, kept = first(values), torch.cat([kept, kept], dim=3)
        elif isinstance(first, nn.Dropout2d) and not is_joined:
            kept = functional.dropout(kept, first.p, first.training)
        else:
            values = first(values)
    weight, bias = (_join([member.output for member in members], name) for name in ("weight", "bias"))
    dropped = members[0].dropout(values)
    evidence = functional.conv2d(dropped, weight[..., None, None], bias, groups=n_members).transpose(0, 1)
    return pool_evidence(evidence.flatten(2), members[0].strongest), evidence


def _normalise_jointly(layers: Sequence[Any], values: torch.Tensor) -> torch.Tensor:
    """Apply the members' batch normalizations to their channels, and update their means and variances."""
    first = layers[0]
    names = ("running_mean", "running_var", "weight", "bias")
    mean, variance, weight, bias = (_join(layers, name) for name in names)
    normalised = functional.batch_norm(
        values, mean, variance, weight, bias, first.training, first.momentum or 0.0, first.eps
    )
    if first.training:
        sizes = mean.chunk(len(layers)), variance.chunk(len(layers))
        for layer, own_mean, own_variance in zip(layers, *sizes, strict=True):
            layer.running_mean.copy_(own_mean)
            layer.running_var.copy_(own_variance)
            layer.num_batches_tracked += 1
    return normalised


def _join(layers: Sequence[nn.Module], name: str) -> Any:
    """Return the values of this name of all layers, one after the other; None if there are none."""
    values = [getattr(layer, name) for layer in layers]
    return None if values[0] is None else torch.cat(values)
