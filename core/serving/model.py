"""The served form of both CNNs: an ONNX file with probability, heat map and features as outputs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as onnxruntime_errors

from core.errors import ExperimentError
from core.serving.members import expose_members
from core.system import count_cores

# Larger batches are no faster on a CPU and take more memory (32: 436 MB at the peak, 8: 241 MB).
BATCH_SIZE = 8
INPUT = "images"
OUTPUTS = ("probability", "heat", "features")

# ONNX Runtime has no common base class for its errors.
_RUNTIME_ERRORS = (
    onnxruntime_errors.EPFail,
    onnxruntime_errors.EngineError,
    onnxruntime_errors.Fail,
    onnxruntime_errors.InvalidArgument,
    onnxruntime_errors.InvalidGraph,
    onnxruntime_errors.InvalidProtobuf,
    onnxruntime_errors.NoModel,
    onnxruntime_errors.NoSuchFile,
    onnxruntime_errors.NotFound,
    onnxruntime_errors.NotImplemented,
    onnxruntime_errors.RuntimeException,
)


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
        path: a self-contained .onnx file, with the input "images" (n, h, w, c) float32 and the outputs
            "probability" (n,) or (n, 1), "heat" (n, h', w') and "features" (n, d).
        n_threads: threads of one call; None: one per core, at most 4.

    Raises:
        ExperimentError: the file cannot be loaded or does not have this form.
    """

    def __init__(self, path: Path, *, n_threads: int | None = None) -> None:
        self.path = Path(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = n_threads or min(count_cores(), 4)
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Waiting threads sleep: two networks share the cores, and spinning threads would block each other.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # The arena never returns the memory of the largest batch, and a dashboard runs for days.
        options.enable_cpu_mem_arena = False
        try:
            self._session = onnxruntime.InferenceSession(
                self._find_source(), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except (*_RUNTIME_ERRORS, OSError) as error:
            raise ExperimentError(
                f"The network {self._title} cannot be loaded",
                found=_first_line(error),
                remedy="get the experiment again, or train it again",
            ) from error
        self.input_shape = self._read_input_shape()

    def predict(self, images: np.ndarray) -> Served:
        """Return the network's outputs for n images, computed in batches to bound the memory.

        Args:
            images: (n, h, w, c) float32 in [0, 1] from `core.imaging.prepare_many`; n >= 1.

        Raises:
            ExperimentError: the images are not of this form, or the network's outputs are invalid.
        """
        return self._predict(images, OUTPUTS)

    def _predict(self, images: np.ndarray, outputs: tuple[str, str, str]) -> Served:
        self._check_images(images)
        parts = [
            self._run(np.ascontiguousarray(images[start : start + BATCH_SIZE]), outputs)
            for start in range(0, len(images), BATCH_SIZE)
        ]
        if len(parts) == 1:
            return parts[0]
        return Served(*(np.concatenate(values) for values in zip(*parts, strict=True)))

    def _find_source(self) -> Path | bytes:
        """Return the file, or the bytes to load in its place."""
        return self.path

    @property
    def _title(self) -> str:
        return f"{self.path.parent.name}/{self.path.name}"

    def _read_input_shape(self) -> tuple[int, int, int]:
        inputs = {value.name: value for value in self._session.get_inputs()}
        outputs = [value.name for value in self._session.get_outputs()]
        shape = inputs[INPUT].shape if list(inputs) == [INPUT] else []
        sizes = tuple(size for size in shape[1:] if isinstance(size, int))
        if (
            len(shape) != 4
            or len(sizes) != 3
            or isinstance(shape[0], int)
            or inputs[INPUT].type != "tensor(float)"
            or not set(OUTPUTS) <= set(outputs)
        ):
            listed = ", ".join(f"{value.name} {value.shape}" for value in inputs.values())
            raise ExperimentError(
                f'The network {self._title} does not have the input "{INPUT}" (n, h, w, c) float32 and the '
                f"outputs {', '.join(OUTPUTS)}",
                found=f"inputs {listed}; outputs {', '.join(outputs)}",
            )
        return sizes[0], sizes[1], sizes[2]

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

    def _run(self, images: np.ndarray, outputs: tuple[str, str, str]) -> Served:
        try:
            probability, heat, features = self._session.run(list(outputs), {INPUT: images})
        except _RUNTIME_ERRORS as error:
            raise ExperimentError(
                f"The network {self._title} could not be run",
                found=_first_line(error),
                remedy="get the experiment again, or train it again",
            ) from error
        n = len(images)
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
        served = self._predict(images, (*self._members[member], OUTPUTS[2]))
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


def _first_line(error: BaseException) -> str:
    """Return the first line of ONNX Runtime's message, at most 200 characters."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
