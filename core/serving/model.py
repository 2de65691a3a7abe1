"""The served form of both CNNs: an ONNX file with probability, heat map and features as outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from core.errors import ExperimentError
from core.serving.backbone import INPUT, MAPS, load_backbone
from core.serving.members import expose_members
from core.serving.session import RUNTIME_ERRORS, open_session, quote_first_line
from core.system import count_cores

# Larger batches are no faster on a CPU and take more memory (32: 436 MB at the peak, 8: 241 MB).
BATCH_SIZE = 8
# Of a network on a backbone: which one, and the shape of an image.
BACKBONE_PROPERTY, SHAPE_PROPERTY = "backbone", "image_shape"
K = TypeVar("K")
OUTPUTS = ("probability", "heat", "features")


class Served(NamedTuple):
    """A network's outputs for n images.

    Attributes:
        probability: (n,) float32 in [0, 1], of the positive class.
        heat: (n, h', w') float32 in [0, 1]: where the evidence for the positive class is. It covers the
            whole input image, at a lower resolution.
        features: (n, d) float32: the activations before the last layer.
    """

    probability: np.ndarray
    heat: np.ndarray
    features: np.ndarray


class ServedModel:
    """A network in ONNX Runtime, on the CPU. One object may be used from several threads.

    Args:
        path: an .onnx file with the input "images" (n, h, w, c) float32, or "maps" (n, h', w', d) of the
            backbone that its properties name, and the outputs "probability" (n,) or (n, 1), "heat"
            (n, h', w') and "features" (n, d).
        n_threads: threads of one call; None: one per core, at most 4.

    Raises:
        ExperimentError: the file cannot be loaded or does not have this form.
    """

    def __init__(self, path: Path, *, n_threads: int | None = None) -> None:
        self.path = Path(path)
        n_threads = n_threads or min(count_cores(), 4)
        try:
            self._session = open_session(self._find_source(), n_threads)
        except (*RUNTIME_ERRORS, OSError) as error:
            raise ExperimentError(
                f"The network {self._title} cannot be loaded",
                found=quote_first_line(error),
                remedy="get the experiment again, or train it again",
            ) from error
        self._backbone_name, self.input_shape = self._read_input()
        self._backbone = load_backbone(self._backbone_name, n_threads) if self._backbone_name else None

    def predict(self, images: np.ndarray) -> Served:
        """Return the network's outputs for n images, computed in batches to bound the memory.

        Args:
            images: (n, h, w, c) float32 in [0, 1] from `core.imaging.prepare_many`; n >= 1.

        Raises:
            ExperimentError: the images are not of this form, or the network's outputs are invalid.
        """
        return predict_together({"": self}, images)[""]

    def _find_source(self) -> Path | bytes:
        """Return the file, or the bytes to load in its place."""
        return self.path

    @property
    def _title(self) -> str:
        return f"{self.path.parent.name}/{self.path.name}"

    def _read_input(self) -> tuple[str, tuple[int, int, int]]:
        """Return the name of the backbone, "" for none, and the shape of an image."""
        inputs = {value.name: value for value in self._session.get_inputs()}
        outputs = [value.name for value in self._session.get_outputs()]
        (name,) = inputs if len(inputs) == 1 else ("",)
        properties = self._session.get_modelmeta().custom_metadata_map if name == MAPS else {}
        shape = inputs[name].shape if name in (INPUT, MAPS) else []
        sizes: Sequence[object] = shape[1:]
        if name == MAPS:
            sizes = [int(size) for size in properties.get(SHAPE_PROPERTY, "").split() if size.isdecimal()]
        whole = [size for size in sizes if isinstance(size, int) and size > 0]
        if (
            len(shape) != 4
            or len(whole) != 3
            or isinstance(shape[0], int)
            or inputs[name].type != "tensor(float)"
            or not set(OUTPUTS) <= set(outputs)
        ):
            listed = ", ".join(f"{value.name} {value.shape}" for value in inputs.values())
            raise ExperimentError(
                f'The network {self._title} does not have the input "{INPUT}" (n, h, w, c) float32, or '
                f'"{MAPS}" of a backbone, and the outputs {", ".join(OUTPUTS)}',
                found=f"inputs {listed}; outputs {', '.join(outputs)}",
            )
        return properties.get(BACKBONE_PROPERTY, ""), (whole[0], whole[1], whole[2])

    def _check_images(self, images: np.ndarray) -> None:
        expected = ", ".join(str(size) for size in self.input_shape)
        remedy = "prepare slices with the preprocessing of the same experiment"
        if not isinstance(images, np.ndarray) or images.dtype != np.float32:
            found = str(images.dtype) if isinstance(images, np.ndarray) else type(images).__name__
            raise ExperimentError(
                f"The network {self._title} needs float32 arrays", found=found, remedy=remedy
            )
        if images.shape[1:] != self.input_shape or len(images) == 0:
            raise ExperimentError(
                f"The network {self._title} needs images of shape (n, {expected}), n at least 1",
                found=str(images.shape),
                remedy=remedy,
            )
        low, high = float(images.min()), float(images.max())
        # NaN and infinity fail this comparison too.
        if not (low >= 0 and high <= 1):
            raise ExperimentError(
                f"The network {self._title} needs values between 0 and 1",
                found=f"{low:g} to {high:g}",
                remedy=remedy,
            )

    def _answer(self, inputs: np.ndarray, member: int | None) -> Served:
        """Return the outputs for a batch; `member` is for `MemberModel`."""
        return self._run(inputs, OUTPUTS)

    def _run(self, inputs: np.ndarray, outputs: tuple[str, str, str]) -> Served:
        """Return these outputs for a batch of images, or of the backbone's maps of them."""
        try:
            probability, heat, features = self._session.run(
                list(outputs), {MAPS if self._backbone else INPUT: inputs}
            )
        except RUNTIME_ERRORS as error:
            raise ExperimentError(
                f"The network {self._title} could not be run",
                found=quote_first_line(error),
                remedy="get the experiment again, or train it again",
            ) from error
        n = len(inputs)
        if (
            probability.size != n
            or heat.ndim != 3
            or features.ndim != 2
            or not len(heat) == len(features) == n
        ):
            raise ExperimentError(
                f"The network {self._title} did not return n probabilities, heat maps and features",
                found=f"{probability.shape}, {heat.shape}, {features.shape} for n = {n}",
            )
        probability = probability.reshape(n)
        whole = np.isfinite(heat).all() and np.isfinite(features).all()
        if not (whole and (probability >= 0).all() and (probability <= 1).all()):
            raise ExperimentError(
                f"The network {self._title} returned values that are not probabilities or not finite",
                remedy="its weights are damaged: train it again",
            )
        return Served(
            probability.astype(np.float32, copy=False),
            np.clip(heat, 0, 1).astype(np.float32, copy=False),
            features.astype(np.float32, copy=False),
        )


class MemberModel(ServedModel):
    """The single networks of a served mean, one per fold; otherwise as `ServedModel`.

    Args:
        path, n_threads: see `ServedModel`.
        n_members: the number of networks in the file; 1: the served network itself.

    Raises:
        ExperimentError: see `ServedModel`; or the file's networks cannot be told apart.
    """

    def __init__(self, path: Path, n_members: int, *, n_threads: int | None = None) -> None:
        self._n_members = n_members
        super().__init__(path, n_threads=n_threads)

    def predict_member(self, images: np.ndarray, member: int) -> Served:
        """Return the outputs of one network, with its own features; see `predict`.

        Args:
            member: the number of its fold, from 0.
        """
        return predict_together({"": self}, images, member=member)[""]

    def _answer(self, inputs: np.ndarray, member: int | None) -> Served:
        if member is None:
            return super()._answer(inputs, member)
        served = self._run(inputs, (*self._members[member], OUTPUTS[2]))
        width = served.features.shape[1] // self._n_members
        return served._replace(features=served.features[:, member * width : (member + 1) * width])

    def _find_source(self) -> bytes:
        model = self.path.read_bytes()
        try:
            exposed, self._members = expose_members(model, self._n_members)
        except ValueError as error:
            raise ExperimentError(
                f"The networks in {self._title} cannot be told apart",
                found=f"{error}; {self._n_members} networks are expected",
                remedy="train the experiment again",
            ) from error
        return exposed


def predict_together(
    models: Mapping[K, ServedModel], images: np.ndarray, *, member: int | None = None
) -> dict[K, Served]:
    """Return the outputs of several networks for n images; a backbone that they share runs once.

    Args:
        models: the networks by any name, for images of one shape.
        images: see `ServedModel.predict`. Errors too.
        member: answer by this network of each mean, as `MemberModel.predict_member` does.
    """
    for model in models.values():
        model._check_images(images)
    backbones = {model._backbone_name: model._backbone for model in models.values() if model._backbone}
    parts: dict[K, list[Served]] = {name: [] for name in models}
    for batch in _split(images):
        inputs = {name: backbone.embed(batch) for name, backbone in backbones.items()}
        for name, model in models.items():
            parts[name].append(model._answer(inputs.get(model._backbone_name, batch), member))
    return {name: _join(own) for name, own in parts.items()}


def _split(images: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(images), BATCH_SIZE):
        yield np.ascontiguousarray(images[start : start + BATCH_SIZE])


def _join(parts: Sequence[Served]) -> Served:
    if len(parts) == 1:
        return parts[0]
    return Served(*(np.concatenate(values) for values in zip(*parts, strict=True)))
