"""The CNN in Keras on TensorFlow: the only importer of tensorflow and keras."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf

from core.errors import ExperimentError, TrainingError
from core.files import write_aside
from core.models.architecture import Architecture, Augmentation, Convolution, Dropout, Layer, MaxPooling

_PREDICT_BATCH = 64


class _Fill(keras.layers.Layer):
    """Adds a constant per channel: what stands outside the picture becomes 0 and back again."""

    def __init__(self, values: Sequence[float]) -> None:
        super().__init__()
        self._values = tuple(values)

    def call(self, images: tf.Tensor) -> tf.Tensor:
        return images + keras.ops.convert_to_tensor(self._values, dtype=images.dtype)


class _GradCAM(keras.layers.Layer):
    """Heat map and probability of one network from its feature map, hidden layer and logit.

    Grad-CAM (Selvaraju et al., ICCV 2017) weighs feature k by the mean over positions of d logit / d A_k.
    For pooling -> dense W1 -> ReLU -> dense w2 the gradient of the pooled vector is ((h > 0) * w2) @ W1, so
    no automatic differentiation is needed.
    """

    def __init__(self, hidden: keras.layers.Dense, output: keras.layers.Dense, pooling: str) -> None:
        super().__init__()
        self._hidden, self._output, self._pooling = hidden, output, pooling

    def call(self, feature_map: tf.Tensor, hidden: tf.Tensor) -> tf.Tensor:
        ops = keras.ops
        _, height, width, n_features = feature_map.shape
        active = ops.cast(hidden > 0, hidden.dtype) * ops.transpose(self._output.kernel)
        # The mean over positions is taken of W1 itself: a constant, where the gradient would be large.
        kernel = self._hidden.kernel
        if self._pooling == "flatten":
            kernel = ops.mean(ops.reshape(kernel, (height * width, n_features, -1)), axis=0)
        else:
            kernel = (kernel[:n_features] + kernel[n_features:]) / (height * width)
        weights = ops.matmul(active, ops.transpose(kernel))
        heat = ops.relu(ops.sum(weights[:, None, None, :] * feature_map, axis=3))
        return _normalise_heat(heat)


class KerasCNN:
    """The CNN in Keras; see `core.models.contract.CNN` for what its methods promise."""

    framework = "keras"
    weights_suffix = ".keras"

    def __init__(self, architecture: Architecture, *, seed: int, n_threads: int = 1) -> None:
        _set_threads(n_threads)
        keras.utils.set_random_seed(seed)
        self.architecture = architecture
        self.network = _build_network(architecture)
        self.n_parameters = sum(math.prod(weight.shape) for weight in self.network.trainable_weights)
        images = keras.Input(architecture.recipe.shape)
        augmented = _augment(images, architecture.augmentation)
        self._training = keras.Model(images, self.network(augmented)[2])
        self._optimizer = keras.optimizers.AdamW(
            learning_rate=architecture.learning_rate, weight_decay=architecture.weight_decay, epsilon=1e-8
        )
        self._optimizer.build(self._training.trainable_variables)
        self._step = tf.function(self._train_batch, reduce_retracing=True)
        self._forward = tf.function(
            lambda images: self.network(images, training=False), reduce_retracing=True
        )

    def _train_batch(
        self, images: tf.Tensor, target: tf.Tensor, weight: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            logit = self._training(images, training=True)[:, 0]
            loss = tf.reduce_mean(
                weight * tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=logit)
            )
        variables = self._training.trainable_variables
        self._optimizer.apply(tape.gradient(loss, variables), variables)
        return loss, logit

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
                tf.constant(_to_input(images[batch])), tf.constant(target), tf.constant(weight)
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

    def predict_probability(self, images: np.ndarray) -> np.ndarray:
        parts = [
            # Not Model.predict: in a loop it grows in memory (keras-team/keras#13118).
            keras.ops.sigmoid(
                self._forward(tf.constant(_to_input(images[start : start + _PREDICT_BATCH])))[2]
            )
            for start in range(0, len(images), _PREDICT_BATCH)
        ]
        return np.concatenate([part.numpy()[:, 0] for part in parts]).astype(np.float64)

    def explain(self, images: np.ndarray) -> np.ndarray:
        # The feature map is an output, so the gradient is taken of the head alone.
        feature_map = tf.constant(self._forward(tf.constant(_to_input(images)))[0])
        head = self.network.get_layer("head")
        with tf.GradientTape() as tape:
            tape.watch(feature_map)
            logit = head(feature_map, training=False)[1]
        gradient = tape.gradient(logit, feature_map)
        heat = tf.nn.relu(tf.reduce_sum(tf.reduce_mean(gradient, (1, 2), keepdims=True) * feature_map, 3))
        return _normalise_heat(heat).numpy()

    def save_weights(self, path: Path) -> None:
        with write_aside(path) as aside:
            self.network.save(aside)

    def load_weights(self, path: Path) -> None:
        """Read our own weights file into this network's layers.

        Only the numbers are taken: the layers come from the architecture, never from the file, so a foreign
        file cannot bring code along.
        """
        try:
            self.network.load_weights(path)
        except (OSError, ValueError, KeyError, BadZipFile) as error:
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
        probabilities, heats, features = [], [], []
        for member in members:
            feature_map, hidden, logit = member.network(images, training=False)
            head = member.network.get_layer("head")
            layer = _GradCAM(head.get_layer("hidden"), head.get_layer("output"), self.architecture.pooling)
            heats.append(layer(feature_map, hidden))
            probabilities.append(keras.layers.Activation("sigmoid")(logit))
            features.append(hidden)
        mean = keras.layers.Average() if len(members) > 1 else (lambda parts: parts[0])
        join = keras.layers.Concatenate() if len(members) > 1 else (lambda parts: parts[0])
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

    def _seed_generators(self, seed: int) -> None:
        """Restart every random layer: what an epoch draws depends on its seed alone, resumed or not."""
        for index, variable in enumerate(self._training.non_trainable_variables):
            if "seed_generator_state" in variable.path:
                variable.assign(np.array([seed & 0x7FFFFFFF, index], dtype=np.uint32))


def _set_threads(n_threads: int) -> None:
    try:
        tf.config.threading.set_intra_op_parallelism_threads(n_threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        # TensorFlow fixes its threads at its first operation; a second network in the process keeps them.
        return


def _build_network(architecture: Architecture) -> keras.Model:
    images = keras.Input(architecture.recipe.shape)
    values = images
    for layer in architecture.features:
        values = _build_layer(layer, values)
    head = _build_head(architecture)
    hidden, logit = head(values)
    return keras.Model(images, [values, hidden, logit])


def _build_head(architecture: Architecture) -> keras.Model:
    feature_map = keras.Input(architecture.feature_shape)
    if architecture.pooling == "flatten":
        pooled = keras.layers.Flatten()(feature_map)
    else:
        average = keras.layers.GlobalAveragePooling2D()(feature_map)
        maximum = keras.layers.GlobalMaxPooling2D()(feature_map)
        pooled = keras.layers.Concatenate()([average, maximum])
    dropped = keras.layers.Dropout(architecture.dropout)(pooled)
    hidden = keras.layers.Dense(architecture.hidden, activation="relu", name="hidden")(dropped)
    dropped = keras.layers.Dropout(architecture.dropout)(hidden)
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
    if isinstance(layer, MaxPooling):
        return keras.layers.MaxPooling2D(layer.size)(values)
    assert isinstance(layer, Dropout)
    return keras.layers.Dropout(layer.rate)(values)


def _augment(images: tf.Tensor, augmentation: Augmentation) -> tf.Tensor:
    """Random change of (n, h, w, c) images in [0, 1], each its own."""
    n_channels = images.shape[-1]
    # The mirrored difference is 0.5 where nothing is: so are the corners that a turn brings in.
    fill = [0.0, 0.5] if n_channels == 2 else [0.0] * n_channels
    images = _Fill([-value for value in fill])(images)
    if augmentation.flip:
        images = keras.layers.RandomFlip("horizontal")(images)
    options = {"fill_mode": "constant", "fill_value": 0.0, "interpolation": "bilinear"}
    if augmentation.rotation_degrees:
        images = keras.layers.RandomRotation(augmentation.rotation_degrees / 360, **options)(images)
    if augmentation.translation:
        images = keras.layers.RandomTranslation(
            augmentation.translation, augmentation.translation, **options
        )(images)
    if augmentation.zoom:
        images = keras.layers.RandomZoom((-augmentation.zoom, augmentation.zoom), **options)(images)
    images = _Fill(fill)(images)
    if augmentation.contrast:
        images = keras.layers.RandomContrast(augmentation.contrast, value_range=(0, 1))(images)
    if augmentation.brightness:
        brightness = keras.layers.RandomBrightness(augmentation.brightness, value_range=(0, 1))
        if n_channels == 2:
            # Brightness cancels in the mirrored difference.
            images = keras.layers.Concatenate()([brightness(images[..., :1]), images[..., 1:]])
        else:
            images = brightness(images)
    return images


def _normalise_heat(heat: tf.Tensor) -> tf.Tensor:
    """Each (n, h, w) map divided by its maximum; a map without heat stays 0."""
    return heat / keras.ops.maximum(keras.ops.max(heat, axis=(1, 2), keepdims=True), 1e-6)


def _to_input(images: np.ndarray) -> np.ndarray:
    """(n, h, w, c) uint8 -> float32 in [0, 1]."""
    return images.astype(np.float32) / np.float32(255)
