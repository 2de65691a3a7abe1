"""The CNN in Keras on TensorFlow: the only importer of tensorflow and keras."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf

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

_PREDICT_BATCH, _EMBED_BATCH = 64, 8


class _SoftMaximum(keras.layers.Layer):
    """log(mean(exp(s x))) / s of the local logits (n, h, w, 1): (n, 1)."""

    def call(self, evidence: tf.Tensor) -> tf.Tensor:
        _, height, width, _ = evidence.shape
        total = keras.ops.logsumexp(SHARPNESS * evidence, axis=(1, 2))
        return (total - math.log(height * width)) / SHARPNESS


class _GradCAM(keras.layers.Layer):
    """Grad-CAM (n, h, w) of one member, not yet normalised, from its feature map and vector.

    Grad-CAM (Selvaraju et al., ICCV 2017) weighs feature k by the mean over positions of d logit / d A_k.
    For Flatten -> dense W1 -> ReLU -> dense w2 the gradient of the flat vector is ((h > 0) * w2) @ W1. For
    the soft maximum of local logits A . w the gradients at all positions sum to w. So no automatic
    differentiation is needed.
    """

    def __init__(self, head: keras.Model, pooling: str) -> None:
        super().__init__()
        self._head, self._pooling = head, pooling

    def call(self, feature_map: tf.Tensor, vector: tf.Tensor) -> tf.Tensor:
        ops = keras.ops
        _, height, width, n_features = feature_map.shape
        weights = ops.transpose(self._head.get_layer("output").kernel)
        if self._pooling == "flatten":
            # The mean over positions is taken of W1 itself: a constant, where the gradient would be large.
            kernel = self._head.get_layer("hidden").kernel
            kernel = ops.mean(ops.reshape(kernel, (height * width, n_features, -1)), axis=0)
            weights = ops.matmul(ops.cast(vector > 0, vector.dtype) * weights, ops.transpose(kernel))
        else:
            weights = weights / (height * width)
        return ops.relu(ops.sum(weights[:, None, None, :] * feature_map, axis=3))


class _NormaliseHeat(keras.layers.Layer):
    """The mean of several (n, h, w) maps, divided by its maximum; a map without heat stays 0."""

    def call(self, heats: list[tf.Tensor]) -> tf.Tensor:
        return _normalise_heat(sum(heats) / len(heats))


class KerasCNN:
    """The CNN in Keras; see `core.models.contract.CNN` for what its methods promise."""

    framework = "keras"
    weights_suffix = ".keras"

    def __init__(self, architecture: Architecture, *, seed: int, n_threads: int = 1) -> None:
        _set_threads(n_threads)
        keras.utils.set_random_seed(seed)
        self.architecture = architecture
        self._members = [_build_member(architecture) for _ in range(architecture.members)]
        self.network = _join(self._members, architecture)
        self.n_parameters = sum(math.prod(weight.shape) for weight in self.network.trainable_weights)
        self._trunk = _build_trunk(architecture) if architecture.has_trunk else None
        self._embed = tf.function(self._trunk, reduce_retracing=True) if self._trunk else None
        self._optimizer = keras.optimizers.AdamW(
            learning_rate=architecture.learning_rate, weight_decay=architecture.weight_decay, epsilon=1e-8
        )
        self._optimizer.build(self.network.trainable_variables)
        self._step = tf.function(self._train_batch, reduce_retracing=True)
        self._forward = tf.function(
            lambda inputs: tf.reduce_mean(self._compute_logits(inputs, training=False), axis=0),
            reduce_retracing=True,
        )

    def _compute_logits(self, inputs: tf.Tensor, *, training: bool) -> tf.Tensor:
        """(members, n) logits."""
        return tf.stack([member(inputs, training=training)[2][:, 0] for member in self._members])

    def embed(self, images: np.ndarray) -> np.ndarray:
        if self._embed is None:
            return images
        maps = np.empty((len(images), *self.architecture.input_shape), np.float32)
        for start in range(0, len(images), _EMBED_BATCH):
            part = _to_input(images[start : start + _EMBED_BATCH])
            maps[start : start + len(part)] = self._embed(tf.constant(part)).numpy()
        return maps

    def adapt(self, inputs: np.ndarray) -> None:
        mean = inputs.mean((0, 1, 2), dtype=np.float64).astype(np.float32)
        variance = inputs.var((0, 1, 2), dtype=np.float64).astype(np.float32)
        for member in self._members:
            for layer in member.layers:
                if layer.name == "normalisation":
                    layer.moving_mean.assign(mean)
                    layer.moving_variance.assign(variance)

    def _train_batch(
        self, inputs: tf.Tensor, target: tf.Tensor, weight: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = self._compute_logits(inputs, training=True)
            loss = tf.reduce_mean(
                weight
                * tf.nn.sigmoid_cross_entropy_with_logits(
                    labels=tf.broadcast_to(target, tf.shape(logits)), logits=logits
                )
            )
        variables = self.network.trainable_variables
        self._optimizer.apply(tape.gradient(loss, variables), variables)
        return loss, tf.reduce_mean(logits, axis=0)

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
        self._seed_generators(seed)
        self._optimizer.learning_rate.assign(learning_rate)
        loss_sum = weight_sum = 0.0
        n_correct = 0
        size = self.architecture.batch_size
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            target = y_true[batch].astype(np.float32)
            weight = sample_weight[batch].astype(np.float32)
            loss, logit = self._step(
                tf.constant(_to_input(inputs[batch])), tf.constant(target), tf.constant(weight)
            )
            value = float(loss)
            if not math.isfinite(value):
                raise TrainingError(
                    "The training loss is no longer a finite number",
                    came=f"{value} after {start} images of the epoch",
                    remedy="the last good checkpoint is kept; train with a lower learning rate",
                )
            loss_sum += value * len(batch)
            weight_sum += float(weight.sum())
            n_correct += int(((logit.numpy() > 0) == (target > 0.5)).sum())
            on_batch(start + len(batch))
        return loss_sum / weight_sum, n_correct / len(order)

    def predict_probability(self, inputs: np.ndarray) -> np.ndarray:
        parts = [
            # Not Model.predict: in a loop it grows in memory (keras-team/keras#13118).
            keras.ops.sigmoid(self._forward(tf.constant(_to_input(inputs[start : start + _PREDICT_BATCH]))))
            for start in range(0, len(inputs), _PREDICT_BATCH)
        ]
        return np.concatenate([part.numpy() for part in parts]).astype(np.float64)

    def explain(self, images: np.ndarray) -> np.ndarray:
        inputs = tf.constant(_to_input(self.embed(images)))
        heats = []
        for member in self._members:
            # The feature map is an output, so the gradient is taken of the head alone.
            feature_map = tf.constant(member(inputs, training=False)[0])
            head = member.get_layer("head")
            with tf.GradientTape() as tape:
                tape.watch(feature_map)
                logit = head(feature_map, training=False)[1]
            gradient = tape.gradient(logit, feature_map)
            heats.append(
                tf.nn.relu(tf.reduce_sum(tf.reduce_mean(gradient, (1, 2), keepdims=True) * feature_map, 3))
            )
        return _normalise_heat(sum(heats) / len(heats)).numpy()

    def save_weights(self, path: Path) -> None:
        with write_aside(path) as aside:
            self.network.save(aside)
            _compress(aside)

    def load_weights(self, path: Path) -> None:
        """Read our own weights file into this network's layers.

        Only the numbers are taken: the layers come from the architecture, never from the file, so a foreign
        file cannot bring code along.
        """
        try:
            self.network.load_weights(path)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ExperimentError(
                f"{path.name} cannot be read as Keras weights",
                came=type(error).__name__,
                remedy="take the file from the experiment's original folder",
            ) from error

    def save_checkpoint(self, path: Path) -> None:
        arrays = {f"network_{i}": weight.numpy() for i, weight in enumerate(self.network.weights)}
        arrays |= {f"optimizer_{i}": value.numpy() for i, value in enumerate(self._optimizer.variables)}
        with write_aside(path) as aside, open(aside, "wb") as file:
            np.savez(file, **arrays)

    def load_checkpoint(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as arrays:
            for i, weight in enumerate(self.network.weights):
                weight.assign(arrays[f"network_{i}"])
            for i, value in enumerate(self._optimizer.variables):
                value.assign(arrays[f"optimizer_{i}"])

    def export_onnx(self, members: Sequence[KerasCNN], path: Path) -> None:
        images = keras.Input(self.architecture.recipe.shape, name="images")
        inputs = self._trunk(images) if self._trunk else images
        pooling = self.architecture.pooling
        probabilities, heats, features = [], [], []
        for cnn in members:
            answers = [(member, *member(inputs, training=False)) for member in cnn._members]
            logits = [answer[3] for answer in answers]
            logit = keras.layers.Average()(logits) if len(logits) > 1 else logits[0]
            probabilities.append(keras.layers.Activation("sigmoid")(logit))
            heats.append(
                _NormaliseHeat()(
                    [
                        _GradCAM(member.get_layer("head"), pooling)(maps, vector)
                        for member, maps, vector, _ in answers
                    ]
                )
            )
            features += [answer[2] for answer in answers]
        mean = keras.layers.Average() if len(members) > 1 else (lambda parts: parts[0])
        join = keras.layers.Concatenate() if len(features) > 1 else (lambda parts: parts[0])
        served = keras.Model(
            images,
            {"probability": mean(probabilities), "heat": mean(heats), "features": join(features)},
        )
        signature = [tf.TensorSpec((None, *self.architecture.recipe.shape), tf.float32, name="images")]
        with write_aside(path) as aside:
            # Outputs by name: a dictionary's order is not the graph's.
            import tf2onnx

            tf2onnx.convert.from_function(
                tf.function(
                    lambda images: {
                        name: tf.identity(value, name=name)
                        for name, value in served(images, training=False).items()
                    }
                ),
                input_signature=signature,
                opset=17,
                output_path=str(aside),
            )
            shrink(aside)

    def _seed_generators(self, seed: int) -> None:
        """Restart every random layer: what an epoch draws depends on its seed alone, resumed or not."""
        for index, variable in enumerate(self.network.non_trainable_variables):
            if "seed_generator_state" in variable.path:
                variable.assign(np.array([seed & 0x7FFFFFFF, index], dtype=np.uint32))


def _compress(path: Path) -> None:
    """Deflate a .keras file, a zip that Keras stores uncompressed: about half of it is form, not numbers."""
    with zipfile.ZipFile(path) as stored:
        parts = [(name, stored.read(name)) for name in stored.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as compressed:
        for name, data in parts:
            compressed.writestr(name, data)


def _set_threads(n_threads: int) -> None:
    try:
        tf.config.threading.set_intra_op_parallelism_threads(n_threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        # TensorFlow fixes its threads at its first operation; a second network in the process keeps them.
        return


def _build_trunk(architecture: Architecture) -> keras.Model:
    """The frozen layers of `core.models.trunk`: gray (n, h, w, 1) in [0, 1] -> feature map."""
    arrays = trunk.read_trunk()
    relu6 = keras.layers.ReLU(6)
    frozen: list[tuple[keras.layers.Layer, str]] = []

    def convolve(layer: keras.layers.Layer, name: str, values: tf.Tensor) -> tf.Tensor:
        frozen.append((layer, name))
        return layer(values)

    images = keras.Input(architecture.recipe.shape)
    stem = keras.layers.Conv2D(trunk.N_STEM, 3, 2, padding="same")
    values = relu6(convolve(stem, "stem", keras.layers.Rescaling(2.0, -1.0)(images)))
    taps = []
    for index, block in enumerate(trunk.BLOCKS):
        wide = values
        if block.expansion > 1:
            expand = keras.layers.Conv2D(block.n_in * block.expansion, 1)
            wide = relu6(convolve(expand, f"{index}/expand", wide))
        depthwise = keras.layers.DepthwiseConv2D(block.kernel, block.stride, padding="same")
        wide = relu6(convolve(depthwise, f"{index}/depthwise", wide))
        projected = convolve(keras.layers.Conv2D(block.n_out, 1), f"{index}/project", wide)
        values = keras.layers.Add()([values, projected]) if block.is_residual else projected
        if index in trunk.TAPS:
            taps.append(values)
    joined = keras.layers.Concatenate()([keras.layers.MaxPooling2D(2)(taps[0]), *taps[1:]])
    for layer, name in frozen:
        kernel = arrays[f"{name}/kernel"]
        layer.set_weights([kernel[..., None] if kernel.ndim == 3 else kernel, arrays[f"{name}/bias"]])
        layer.trainable = False
    return keras.Model(images, joined)


def _build_member(architecture: Architecture) -> keras.Model:
    """The trained layers: inputs -> feature map, vector and logit."""
    inputs = keras.Input(architecture.input_shape)
    values = inputs
    for layer in architecture.trained_layers:
        values = _build_layer(layer, values)
    vector, logit = _build_head(architecture)(values)
    return keras.Model(inputs, [values, vector, logit])


def _join(members: list[keras.Model], architecture: Architecture) -> keras.Model:
    """One model that holds all members, for saving and for its variables."""
    if len(members) == 1:
        return members[0]
    inputs = keras.Input(architecture.input_shape)
    return keras.Model(inputs, [member(inputs)[2] for member in members])


def _build_head(architecture: Architecture) -> keras.Model:
    feature_map = keras.Input(architecture.feature_shape)
    dropout = architecture.dropout
    if architecture.pooling == "evidence":
        local = keras.layers.Dense(1, name="output")(keras.layers.Dropout(dropout)(feature_map))
        vector = keras.layers.GlobalMaxPooling2D()(feature_map)
        return keras.Model(feature_map, [vector, _SoftMaximum()(local)], name="head")
    dropped = keras.layers.Dropout(dropout)(keras.layers.Flatten()(feature_map))
    hidden = keras.layers.Dense(architecture.hidden, activation="relu", name="hidden")(dropped)
    dropped = keras.layers.Dropout(dropout)(hidden)
    return keras.Model(feature_map, [hidden, keras.layers.Dense(1, name="output")(dropped)], name="head")


def _build_layer(layer: Layer, values: tf.Tensor) -> tf.Tensor:
    if isinstance(layer, Convolution):
        padding = "same"
        if layer.stride > 1:
            # Keras's own padding of a strided convolution is lopsided; PyTorch's is not.
            values = keras.layers.ZeroPadding2D(layer.kernel // 2)(values)
            padding = "valid"
        values = keras.layers.Conv2D(
            layer.filters, layer.kernel, layer.stride, padding=padding, use_bias=not layer.normalise
        )(values)
        if layer.normalise:
            # PyTorch's momentum of 0.1 is Keras's 0.9.
            values = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-3)(values)
        return keras.layers.ReLU()(values)
    if isinstance(layer, SeparableConvolution):
        values = keras.layers.DepthwiseConv2D(layer.kernel, padding="same", use_bias=False)(values)
        values = keras.layers.Conv2D(layer.filters, 1, use_bias=False)(values)
        values = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-3)(values)
        return keras.layers.ReLU()(values)
    if isinstance(layer, Normalisation):
        # Frozen, it takes the mean and variance that `adapt` sets, in training too.
        return keras.layers.BatchNormalization(
            epsilon=1e-3, center=False, scale=False, trainable=False, name="normalisation"
        )(values)
    if isinstance(layer, MaxPooling):
        return keras.layers.MaxPooling2D(layer.size)(values)
    assert isinstance(layer, Dropout)
    return keras.layers.SpatialDropout2D(layer.rate)(values)


def _normalise_heat(heat: tf.Tensor) -> tf.Tensor:
    """Each (n, h, w) map divided by its maximum; a map without heat stays 0."""
    return heat / keras.ops.maximum(keras.ops.max(heat, axis=(1, 2), keepdims=True), 1e-6)


def _to_input(inputs: np.ndarray) -> np.ndarray:
    """Images (uint8, divided by 255) or feature maps, as float32."""
    values = inputs.astype(np.float32)
    return values / np.float32(255) if inputs.dtype == np.uint8 else values
