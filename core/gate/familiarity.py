"""How familiar a slice is to the networks of an experiment: unlike what they learned from, or a copy of it.

Both are measured against the data set that the networks were made from and kept with the experiment
(familiarity.safetensors). No picture can be drawn from what is kept.

**Distance.** A network gives a probability for anything; its features tell whether it has seen the like. In
each fold the features of the fold's own network, of its training slices, span a space: their first principal
components, each with its variance. A slice's distance is the root mean square of its coordinates there, by
their standard deviations (Hotelling's T), plus that of what the components leave over, by the usual
remainder (Q); the mean over folds and frameworks, near 2 for slices like those of training (Jackson and
Mudholkar, Technometrics 1979, 21(3):341-349). The limits are those of slices that the fold's network had not
seen: of the data set's held-out slices one in 200 lies beyond `limit`, none beyond `farthest`.

**Copies.** A picture that looks the same as one of the data set's, once prepared, is no test of networks that
were made from it. Compared are perceptual hashes of the networks' input images, so that another size,
margin, place or file format changes little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import ExperimentError
from core.imaging import HASH_BITS, count_differing_bits, hash_picture

if TYPE_CHECKING:
    import pandas as pd

FAMILIARITY_FILE = "familiarity.safetensors"
N_COMPONENTS = 16
HELD_OUT_BEYOND_LIMIT = 0.005

# A perceptual hash of 16 x 16 bits. Between framed slices of different patients of the published set 18 bits
# or more differ, for one slice in 600 fewer than 24; between a slice and its copy in another size or format
# usually fewer than 10.
COPY_BITS = 22

_FORM = "familiarity/1"


@dataclass(frozen=True, eq=False)
class Space:
    """The features of one fold's network over its training slices.

    Attributes:
        mean, scale: (d,) of each feature; scale above 0.
        axes: (d, k) orthonormal principal components of the standardised features.
        spread: (k,) standard deviations along them.
        remainder: root mean square of what the components leave over.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    axes: NDArray[np.float32]
    spread: NDArray[np.float32]
    remainder: float

    @classmethod
    def fit(cls, features: NDArray[np.float32]) -> Space:
        """The space that (n, d) features of training slices span; features that never vary count nothing."""
        mean, scale = features.mean(axis=0), features.std(axis=0)
        scale = np.where(scale > 0, scale, np.inf).astype(np.float32)
        standard = (features - mean) / scale
        _, values, axes = np.linalg.svd(standard, full_matrices=False)
        k = min(N_COMPONENTS, max(1, int((values > 1e-6 * values[0]).sum())))
        spread = np.maximum(values[:k] / np.sqrt(len(features)), 1e-6)
        left = standard - standard @ axes[:k].T @ axes[:k]
        remainder = float(np.sqrt(np.mean(left**2)))
        # Where the components hold everything, rounding alone is left: it counts nothing.
        return cls(mean, scale, axes[:k].T, spread, remainder if remainder > 1e-4 else np.inf)

    def distances(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n,) distances of (n, d) features; see this module's head."""
        standard = (features - self.mean) / self.scale
        places = standard @ self.axes
        left = standard - places @ self.axes.T
        within = np.sqrt(np.mean((places / self.spread) ** 2, axis=1))
        return np.asarray(within + np.sqrt(np.mean(left**2, axis=1)) / self.remainder, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Familiarity:
    """What the networks of an experiment are familiar with.

    Attributes:
        spaces: framework -> one space for each fold.
        limit: of the data set's held-out slices one in 200 has a greater distance.
        farthest: the greatest distance of any held-out slice.
        hashes: (n, 32) uint8 perceptual hashes of the slices that the networks were made from, each once.
    """

    spaces: Mapping[str, tuple[Space, ...]]
    limit: float
    farthest: float
    hashes: NDArray[np.uint8]

    def distances(self, features: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
        """(n,) distances of slices by their served features, framework -> (n, d) float32.

        Raises:
            ExperimentError: the features are not those of the experiment's networks.
        """
        parts = []
        for framework, spaces in self.spaces.items():
            for fold, space in enumerate(spaces):
                own = part_of_fold(features[framework], fold, len(spaces))
                if own.shape[1] != len(space.mean):
                    raise ExperimentError(
                        f"{FAMILIARITY_FILE} does not fit the {framework} network",
                        found=f"{own.shape[1]} features of a fold, {len(space.mean)} in the file",
                        remedy="measure anew with: python -m core features NAME",
                    )
                parts.append(space.distances(own))
        return np.asarray(np.mean(parts, axis=0), dtype=np.float64)

    def is_copy(self, image: NDArray[np.float32]) -> bool:
        """Whether an input image (see `hash_image`) looks the same as one the networks were made from."""
        differing = count_differing_bits(hash_image(image), self.hashes)
        return bool(differing.size and differing.min() <= COPY_BITS)


def part_of_fold(features: np.ndarray, fold: int, n_folds: int) -> np.ndarray:
    """The (n, d / n_folds) features of the network of one fold out of the (n, d) served ones.

    Raises:
        ExperimentError: d is no multiple of the number of folds.
    """
    if features.shape[1] % n_folds:
        raise ExperimentError(
            "The served features cannot be parted into those of the folds",
            found=f"{features.shape[1]} features, {n_folds} folds",
            remedy="train the experiment again",
        )
    width = features.shape[1] // n_folds
    return features[:, fold * width : (fold + 1) * width]


def hash_image(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The (32,) uint8 perceptual hash of an input image, (h, w, c) in [0, 1], see core.imaging."""
    return hash_picture(image[..., 0])


def fit_familiarity(
    slices: pd.DataFrame, served: Mapping[str, NDArray[np.float32]], hashes: NDArray[np.uint8]
) -> Familiarity:
    """Learn it from a data set's slices.

    Args:
        slices: the experiment's `slices()`, with the part of each in fold_0, fold_1, ...
        served: framework -> (n, d) float32 served features of the slices, in that order.
        hashes: (n, 32) uint8, see `hash_image`.
    """
    n_folds = sum(column.startswith("fold_") for column in slices.columns)
    spaces: dict[str, tuple[Space, ...]] = {}
    held_out = []
    parts = [slices[f"fold_{fold}"].to_numpy() for fold in range(n_folds)]
    for framework, features in served.items():
        own = [part_of_fold(features, fold, n_folds) for fold in range(n_folds)]
        spaces[framework] = tuple(Space.fit(own[fold][parts[fold] == "train"]) for fold in range(n_folds))
        tested = [
            spaces[framework][fold].distances(own[fold][parts[fold] == "test"]) for fold in range(n_folds)
        ]
        held_out.append(np.concatenate(tested))
    distances = np.mean(held_out, axis=0)
    limit = float(np.quantile(distances, 1 - HELD_OUT_BEYOND_LIMIT))
    taught = np.any([part != "test" for part in parts], axis=0)
    return Familiarity(spaces, limit, float(distances.max()), np.unique(hashes[taught], axis=0))


def pack_familiarity(familiarity: Familiarity) -> bytes:
    """The bytes of familiarity.safetensors: numbers only, no code."""
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
                f"{key}.spread": np.append(space.spread, np.float32(space.remainder)),
            }
    return save(tensors, metadata={"form": _FORM})


def unpack_familiarity(data: bytes, frameworks: Sequence[str], n_folds: int) -> Familiarity:
    """What `pack_familiarity` packed of an experiment with these frameworks and folds.

    Raises:
        ValueError: it is damaged, or not of this experiment's networks.
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
    except (SafetensorError, KeyError, TypeError) as error:
        raise ValueError("is not in the form of this program") from error
    if hashes.dtype != np.uint8 or hashes.shape[1:] != (HASH_BITS // 8,) or not 0 < limit <= farthest:
        raise ValueError("holds no usable hashes or limits")
    return Familiarity(spaces, limit, farthest, hashes)


def _to_space(tensors: Mapping[str, NDArray], key: str) -> Space:
    mean, scale, axes = (tensors[f"{key}.{part}"].astype(np.float32) for part in ("mean", "scale", "axes"))
    spread = tensors[f"{key}.spread"].astype(np.float32)
    usable = axes.shape == (len(mean), len(spread) - 1) and scale.shape == mean.shape
    if not usable or not np.isfinite(axes).all() or not (spread > 0).all() or not (scale > 0).all():
        raise ValueError("holds a space of features that makes no sense")
    return Space(mean, scale, axes, spread[:-1], float(spread[-1]))
