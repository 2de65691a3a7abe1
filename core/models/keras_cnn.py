"""The CNN in Keras on TensorFlow."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf

from core.errors import ExperimentError
from core.models.architecture import Architecture
from core.models.backbone import Backbone
from core.models.base import BaseCNN, scale
from core.models.contract import CellTargets
from core.models.keras_joint import answer
from core.models.keras_layers import (
    GradCAM,
    MapEvidence,
    NormaliseHeat,
    build_backbone,
    build_member,
    join_members,
    normalise_heat,
)
from core.serving import INPUT, MAPS, name_backbone, name_members, shrink
from core.system import write_aside


class KerasCNN(BaseCNN):
    """The CNN in Keras; see `core.models.contract.CNN` for its methods."""

    framework = "keras"
    embed_batch = 8

    def __init__(self, architecture: Architecture, *, seed: int, n_threads: int = 1) -> None:
        _set_threads(n_threads)
        keras.utils.set_random_seed(seed)
        self.architecture = architecture
        self._members = [build_member(architecture) for _ in range(architecture.members)]
        self.network = join_members(self._members, architecture)
        self.n_parameters = sum(math.prod(weight.shape) for weight in self.network.trainable_weights)
        backbone = architecture.backbone
        self._embed = _compile_backbone(backbone, architecture.recipe.shape) if backbone else None
        self._optimizer = keras.optimizers.AdamW(
            learning_rate=architecture.learning_rate, weight_decay=architecture.weight_decay, epsilon=1e-8
        )
        self._optimizer.build(self.network.trainable_variables)
        self._step = tf.function(self._take_step, reduce_retracing=True)
        self._forward = tf.function(
            lambda inputs: tf.reduce_mean(self._answer(inputs, training=False)[0], axis=0),
            reduce_retracing=True,
        )

    def _answer(self, inputs: tf.Tensor, *, training: bool) -> tuple[tf.Tensor, tf.Tensor | None]:
        return answer(self._members, inputs, self.architecture, training=training)

    def _embed_batch(self, images: np.ndarray) -> np.ndarray:
        assert self._embed is not None
        maps: np.ndarray = self._embed(tf.constant(images)).numpy()
        return maps

    def _set_normalisation(self, mean: np.ndarray, variance: np.ndarray) -> None:
        for member in self._members:
            for layer in member.layers:
                if layer.name == "normalisation":
                    layer.moving_mean.assign(mean)
                    layer.moving_variance.assign(variance)

    def _take_step(
        self, inputs: tf.Tensor, target: tf.Tensor, weight: tf.Tensor, cells: CellTargets | None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            logits, evidence = self._answer(inputs, training=True)
            loss = tf.reduce_mean(
                weight
                * tf.nn.sigmoid_cross_entropy_with_logits(
                    labels=tf.broadcast_to(target, tf.shape(logits)), logits=logits
                )
            )
            cell_loss = tf.zeros(())
            if cells is not None and evidence is not None:
                cell_loss = self._measure_cells(evidence, cells, weight)
            total = self.architecture.slice_weight * loss + cell_loss
        variables = self.network.trainable_variables
        self._optimizer.apply(tape.gradient(total, variables), variables)
        return loss, cell_loss, tf.reduce_mean(logits, axis=0)

    def _measure_cells(self, evidence: tf.Tensor, cells: CellTargets, weight: tf.Tensor) -> tf.Tensor:
        """Return the weighted loss of the known cells of evidence (members, n, h, w)."""
        known = weight[:, None, None] * cells.known
        each = tf.nn.weighted_cross_entropy_with_logits(
            labels=tf.broadcast_to(cells.lesion, tf.shape(evidence)),
            logits=evidence,
            pos_weight=self.architecture.cell_positive_weight,
        )
        # A batch may have no known cell.
        mean = tf.math.divide_no_nan(tf.reduce_sum(each * known), tf.reduce_sum(known) * len(self._members))
        return self.architecture.cell_weight * mean

    def _start_epoch(self, *, learning_rate: float, seed: int) -> None:
        self._optimizer.learning_rate.assign(learning_rate)
        # Seed every random layer again, so that an epoch depends only on its seed, even after a resume.
        for index, variable in enumerate(self.network.non_trainable_variables):
            if "seed_generator_state" in variable.path:
                variable.assign(np.array([seed & 0x7FFFFFFF, index], dtype=np.uint32))

    def _train_batch(
        self, inputs: np.ndarray, target: np.ndarray, weight: np.ndarray, cells: CellTargets | None
    ) -> tuple[float, float, np.ndarray]:
        own = None if cells is None else CellTargets(*map(tf.constant, cells))
        step = self._step(tf.constant(inputs), tf.constant(target), tf.constant(weight), own)
        loss, cell_loss, logits = step
        return float(loss), float(cell_loss), logits.numpy()

    def _predict_batch(self, inputs: np.ndarray) -> np.ndarray:
        # Not Model.predict: called in a loop, its memory grows (keras-team/keras#13118).
        probability: np.ndarray = keras.ops.sigmoid(self._forward(tf.constant(inputs))).numpy()
        return probability

    def explain(self, images: np.ndarray) -> np.ndarray:
        inputs = tf.constant(scale(self.embed(images)))
        if self.architecture.strongest:
            evidence = self._answer(inputs, training=False)[1]
            return keras.ops.sigmoid(tf.reduce_mean(evidence, axis=0)).numpy()
        heats = []
        for member in self._members:
            # The gradient with respect to the feature map needs the head alone.
            feature_map = tf.constant(member(inputs, training=False)[0])
            head = member.get_layer("head")
            with tf.GradientTape() as tape:
                tape.watch(feature_map)
                logit = head(feature_map, training=False)[1]
            gradient = tape.gradient(logit, feature_map)
            heats.append(
                tf.nn.relu(tf.reduce_sum(tf.reduce_mean(gradient, (1, 2), keepdims=True) * feature_map, 3))
            )
        return normalise_heat(sum(heats) / len(heats)).numpy()

    def save_weights(self, path: Path) -> None:
        with write_aside(path) as aside:
            self.network.save(aside)
            _compress(aside)

    def load_weights(self, path: Path) -> None:
        """Read weights that `save_weights` wrote into this network's layers.

        The layers come from the architecture, never from the file, so a foreign file cannot bring in code.
        """
        try:
            self.network.load_weights(path)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ExperimentError(
                f"{path.name} cannot be read as Keras weights",
                found=type(error).__name__,
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
        shape, backbone = self.architecture.input_shape, self.architecture.backbone
        inputs = keras.Input(shape, name=MAPS if backbone else INPUT)
        pooling = self.architecture.pooling
        probabilities, heats, features = [], [], []
        for cnn in members:
            answers = [(member, *member(inputs, training=False)) for member in cnn._members]
            logits = [one[3] for one in answers]
            logit = keras.layers.Average()(logits) if len(logits) > 1 else logits[0]
            probabilities.append(keras.layers.Activation("sigmoid")(logit))
            if self.architecture.strongest:
                heats.append(MapEvidence()([one[4] for one in answers]))
            else:
                maps = [GradCAM(one[0].get_layer("head"), pooling)(one[1], one[2]) for one in answers]
                heats.append(NormaliseHeat()(maps))
            features += [one[2] for one in answers]
        mean = keras.layers.Average() if len(members) > 1 else (lambda parts: parts[0])
        join = keras.layers.Concatenate() if len(features) > 1 else (lambda parts: parts[0])
        outputs = {"probability": mean(probabilities), "heat": mean(heats), "features": join(features)}
        for names, probability, heat in zip(name_members(len(members)), probabilities, heats, strict=True):
            outputs |= {names.probability: probability, names.heat: heat} if len(members) > 1 else {}
        served = keras.Model(inputs, outputs)
        signature = [tf.TensorSpec((None, *shape), tf.float32, name=inputs.name)]
        with write_aside(path) as aside:
            # Name the outputs: the graph may change the dictionary's order.
            import tf2onnx

            tf2onnx.convert.from_function(
                tf.function(
                    lambda inputs: {
                        name: tf.identity(value, name=name)
                        for name, value in served(inputs, training=False).items()
                    }
                ),
                input_signature=signature,
                opset=17,
                output_path=str(aside),
            )
            shrink(aside)
            if backbone:
                name_backbone(aside, backbone.name, self.architecture.recipe.shape)


@cache
def _compile_backbone(backbone: Backbone, shape: tuple[int, int, int]) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return the frozen layers as a function, built once for all networks: it takes seconds."""
    compiled: Callable[[tf.Tensor], tf.Tensor] = tf.function(
        build_backbone(backbone, shape), reduce_retracing=True
    )
    return compiled


def _compress(path: Path) -> None:
    """Compress a .keras file, a zip that Keras stores uncompressed; about half of it is not weights."""
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
        # TensorFlow fixes its threads at its first operation; a second network in the process uses the same.
        return
