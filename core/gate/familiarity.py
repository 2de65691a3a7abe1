"""Measure how a slice relates to an experiment's training data: its distance, and whether it is a copy.

The distance is for comparing data sets (`core.validation`); the gate judges by core.gate.head_ct. Both use
reference values stored with the experiment (familiarity.safetensors), from which no picture can be
reconstructed.

**Distance.** For each fold, a principal component analysis is fitted to the features of the fold's network on
its training slices. A slice's distance is the root mean square of its component scores, in standard
deviations (Hotelling's T), plus its root mean square residual, divided by that of training (Q), averaged over
folds and frameworks (Jackson and Mudholkar, Technometrics 1979, 21(3):341-349). It is near 2 for slices like
those of training. The limits come from slices that the fold's network did not train on: one in 200 of the
held-out slices is beyond `limit`, none beyond `farthest`.

**Copies.** A copy of a training slice is no fair test of the networks. Perceptual hashes of the networks'
input images are compared; these change little with size, margin, position or file format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import ExperimentError
from core.gate.head_ct import HeadCt
from core.imaging import HASH_BITS, count_differing_bits, hash_picture

if TYPE_CHECKING:
    import pandas as pd

FAMILIARITY_FILE = "familiarity.safetensors"
N_COMPONENTS = 16
HELD_OUT_BEYOND_LIMIT = 0.005

# Largest difference of a copy, in bits of a 16 x 16 hash. Framed slices of different patients of the
# published set differ in 18 bits or more (fewer than 24 for one slice in 600), copies in another size or
# format usually in fewer than 10.
COPY_BITS = 22

_FORM = "familiarity/1"
_HEAD_CT = "head_ct."


@dataclass(frozen=True, eq=False)
class Space:
    """The features of one fold's network over its training slices.

    Attributes:
        mean, scale: (d,) mean and standard deviation of each feature; scale is above 0.
        axes: (d, k) orthonormal principal components of the standardised features.
        spread: (k,) standard deviation along each component.
        residual: root mean square residual of the training slices.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    axes: NDArray[np.float32]
    spread: NDArray[np.float32]
    residual: float

    @classmethod
    def fit(cls, features: NDArray[np.float32]) -> Space:
        """Fit the space to (n, d) features of training slices; constant features are ignored."""
        mean, scale = features.mean(axis=0), features.std(axis=0)
        scale = np.where(scale > 0, scale, np.inf).astype(np.float32)
        standard = (features - mean) / scale
        _, values, axes = np.linalg.svd(standard, full_matrices=False)
        k = min(N_COMPONENTS, max(1, int((values > 1e-6 * values[0]).sum())))
        spread = np.maximum(values[:k] / np.sqrt(len(features)), 1e-6)
        residuals = standard - standard @ axes[:k].T @ axes[:k]
        residual = float(np.sqrt(np.mean(residuals**2)))
        # A residual that is only rounding error is ignored.
        return cls(mean, scale, axes[:k].T, spread, residual if residual > 1e-4 else np.inf)

    def distances(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the (n,) distances of (n, d) features; see the module's docstring."""
        standard = (features - self.mean) / self.scale
        places = standard @ self.axes
        residuals = standard - places @ self.axes.T
        within = np.sqrt(np.mean((places / self.spread) ** 2, axis=1))
        return np.asarray(within + np.sqrt(np.mean(residuals**2, axis=1)) / self.residual, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Familiarity:
    """Reference values of an experiment's training data.

    Attributes:
        spaces: framework -> one space for each fold.
        limit: distance exceeded by one in 200 of the held-out slices.
        farthest: greatest distance of any held-out slice.
        hashes: (n, 32) uint8 perceptual hashes of the slices used for training or validation, each once.
        head_ct: tells head CT from other images; None if it was not fitted.
    """

    spaces: Mapping[str, tuple[Space, ...]]
    limit: float
    farthest: float
    hashes: NDArray[np.uint8]
    head_ct: HeadCt | None = None

    def distances(self, features: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
        """Return the (n,) distances of slices from their served features.

        Args:
            features: framework -> (n, d) float32.

        Raises:
            ExperimentError: the features are not from the experiment's networks.
        """
        parts = []
        for framework, spaces in self.spaces.items():
            for fold, space in enumerate(spaces):
                own = select_fold_features(features[framework], fold, len(spaces))
                if own.shape[1] != len(space.mean):
                    raise ExperimentError(
                        f"{FAMILIARITY_FILE} does not fit the {framework} network",
                        found=f"{own.shape[1]} features of a fold, {len(space.mean)} in the file",
                        remedy="run, with the experiment's name: stroke-ct features NAME",
                    )
                parts.append(space.distances(own))
        return np.asarray(np.mean(parts, axis=0), dtype=np.float64)

    def is_copy(self, image: NDArray[np.float32]) -> bool:
        """Return whether an input image (h, w, c) in [0, 1] is a copy of a training or validation slice."""
        differing = count_differing_bits(hash_image(image), self.hashes)
        return bool(differing.size and differing.min() <= COPY_BITS)


def select_fold_features(features: np.ndarray, fold: int, n_folds: int) -> np.ndarray:
    """Select one fold's (n, d / n_folds) features from the (n, d) served features.

    Raises:
        ExperimentError: d is not a multiple of the number of folds.
    """
    if features.shape[1] % n_folds:
        raise ExperimentError(
            "The number of an ONNX network's features is not a multiple of the number of folds",
            found=f"{features.shape[1]} features, {n_folds} folds",
            remedy="train the experiment again",
        )
    width = features.shape[1] // n_folds
    return features[:, fold * width : (fold + 1) * width]


def hash_image(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the (32,) uint8 perceptual hash of an input image, (h, w, c) in [0, 1]."""
    return hash_picture(image[..., 0])


def fit_familiarity(
    slices: pd.DataFrame, served: Mapping[str, NDArray[np.float32]], hashes: NDArray[np.uint8]
) -> Familiarity:
    """Fit the reference values to a data set's slices.

    Args:
        slices: the experiment's `slices()`; columns fold_0, fold_1, ... hold "train", "validation" or "test".
        served: framework -> (n, d) float32 served features of the slices, in the same order.
        hashes: (n, 32) uint8, see `hash_image`.
    """
    n_folds = sum(column.startswith("fold_") for column in slices.columns)
    spaces: dict[str, tuple[Space, ...]] = {}
    held_out = []
    parts = [slices[f"fold_{fold}"].to_numpy() for fold in range(n_folds)]
    for framework, features in served.items():
        own = [select_fold_features(features, fold, n_folds) for fold in range(n_folds)]
        spaces[framework] = tuple(Space.fit(own[fold][parts[fold] == "train"]) for fold in range(n_folds))
        tested = [
            spaces[framework][fold].distances(own[fold][parts[fold] == "test"]) for fold in range(n_folds)
        ]
        held_out.append(np.concatenate(tested))
    distances = np.mean(held_out, axis=0)
    limit = float(np.quantile(distances, 1 - HELD_OUT_BEYOND_LIMIT))
    developed_on = np.any([part != "test" for part in parts], axis=0)
    return Familiarity(spaces, limit, float(distances.max()), np.unique(hashes[developed_on], axis=0))


def pack_familiarity(familiarity: Familiarity) -> bytes:
    """Return the bytes of familiarity.safetensors."""
    from safetensors.numpy import save

    limits = np.array([familiarity.limit, familiarity.farthest])
    tensors: dict[str, NDArray] = {"hashes": familiarity.hashes, "limits": limits}
    for framework, spaces in familiarity.spaces.items():
        for fold, space in enumerate(spaces):
            key = f"{framework}.{fold}"
            tensors |= {
                f"{key}.mean": space.mean,
                f"{key}.scale": space.scale,
                f"{key}.axes": np.ascontiguousarray(space.axes, np.float16),
                f"{key}.spread": np.append(space.spread, np.float32(space.residual)),
            }
    if familiarity.head_ct is not None:
        for framework, weights in familiarity.head_ct.weights.items():
            tensors[_HEAD_CT + framework] = weights
    return save(tensors, metadata={"form": _FORM})


def unpack_familiarity(data: bytes, frameworks: Sequence[str], n_folds: int) -> Familiarity:
    """Read the bytes from `pack_familiarity` for an experiment with these frameworks and folds.

    Raises:
        ValueError: the data is damaged or belongs to other networks.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(data)
        limit, farthest = map(float, tensors["limits"])
        spaces = {
            framework: tuple(_to_space(tensors, f"{framework}.{fold}") for fold in range(n_folds))
            for framework in frameworks
        }
        hashes = tensors["hashes"]
        # Experiments without this fit are judged by their pictures alone.
        learned = {framework: tensors.get(_HEAD_CT + framework) for framework in frameworks}
    except (SafetensorError, KeyError, TypeError) as error:
        raise ValueError("has another format") from error
    if hashes.dtype != np.uint8 or hashes.shape[1:] != (HASH_BITS // 8,) or not 0 < limit <= farthest:
        raise ValueError("contains no usable hashes or limits")
    return Familiarity(spaces, limit, farthest, hashes, _to_head_ct(learned))


def _to_head_ct(weights: Mapping[str, NDArray | None]) -> HeadCt | None:
    found = {name: one.astype(np.float32) for name, one in weights.items() if one is not None}
    if not found:
        return None
    if len(found) < len(weights) or not all(
        np.isfinite(one).all() and one.ndim == 1 for one in found.values()
    ):
        raise ValueError("contains invalid weights of the gate")
    return HeadCt(found)


def _to_space(tensors: Mapping[str, NDArray], key: str) -> Space:
    mean, scale, axes = (tensors[f"{key}.{part}"].astype(np.float32) for part in ("mean", "scale", "axes"))
    spread = tensors[f"{key}.spread"].astype(np.float32)
    usable = axes.shape == (len(mean), len(spread) - 1) and scale.shape == mean.shape
    if not usable or not np.isfinite(axes).all() or not (spread > 0).all() or not (scale > 0).all():
        raise ValueError("contains invalid reference features")
    return Space(mean, scale, axes, spread[:-1], float(spread[-1]))
