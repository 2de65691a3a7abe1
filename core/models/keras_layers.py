"""The layers of a network in Keras: frozen ones, trained ones, and Grad-CAM in closed form."""

from __future__ import annotations

import math

import keras
import tensorflow as tf

from core.models.architecture import SHARPNESS, Architecture
from core.models.backbone import Backbone
from core.models.layers import (
    Convolution,
    Dropout,
    Layer,
    MaxPooling,
    MirroredDifference,
    Normalisation,
    SeparableConvolution,
)


class _SoftMaximum(keras.layers.Layer):
    """Soft maximum log(mean(exp(s x))) / s over the positions of local logits: (n, h, w, c) -> (n, c)."""

    def call(self, evidence: tf.Tensor) -> tf.Tensor:
        return soften_maximum(evidence)


class _Strongest(keras.layers.Layer):
    """Mean of the `count` highest of the positions of local logits: (n, h, w, c) -> (n, c)."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    def call(self, evidence: tf.Tensor) -> tf.Tensor:
        return average_strongest(evidence, self._count)


class MapEvidence(keras.layers.Layer):
    """The probability of each position (n, h, w), from the local logits (n, h, w, 1) of several members."""

    def call(self, evidence: list[tf.Tensor]) -> tf.Tensor:
        return keras.ops.sigmoid(sum(evidence) / len(evidence))[..., 0]


class Mirror(keras.layers.Layer):
    """Joins (n, h, w, c) with its difference from its left-right mirror image: (n, h, w, 2 c)."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return keras.ops.concatenate([inputs, inputs - inputs[:, :, ::-1]], axis=3)


class GradCAM(keras.layers.Layer):
    """Grad-CAM (n, h, w) of one member, not yet normalized, from its feature map and vector.

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
            # Average W1 itself over the positions: it is constant, and the full gradient would be large.
            kernel = self._head.get_layer("hidden").kernel
            kernel = ops.mean(ops.reshape(kernel, (height * width, n_features, -1)), axis=0)
            weights = ops.matmul(ops.cast(vector > 0, vector.dtype) * weights, ops.transpose(kernel))
        else:
            weights = weights / (height * width)
        return ops.relu(ops.sum(weights[:, None, None, :] * feature_map, axis=3))


class NormaliseHeat(keras.layers.Layer):
    """The mean of several (n, h, w) maps, divided by its maximum; a map without heat stays 0."""

    def call(self, heats: list[tf.Tensor]) -> tf.Tensor:
        return normalise_heat(sum(heats) / len(heats))


def build_backbone(backbone: Backbone, shape: tuple[int, int, int]) -> keras.Model:
    """Return the frozen layers of a backbone: gray (n, h, w, 1) in [0, 1] -> feature map."""
    arrays = backbone.read()
    relu6 = keras.layers.ReLU(6)
    frozen: list[tuple[keras.layers.Layer, str]] = []

    def convolve(layer: keras.layers.Layer, name: str, values: tf.Tensor) -> tf.Tensor:
        frozen.append((layer, name))
        return layer(values)

    images = keras.Input(shape)
    stem = keras.layers.Conv2D(backbone.n_stem, 3, 2, padding="same")
    values = relu6(convolve(stem, "stem", keras.layers.Rescaling(2.0, -1.0)(images)))
    taps = []
    for index, block in enumerate(backbone.blocks):
        wide = values
        if block.expansion > 1:
            expand = keras.layers.Conv2D(block.n_in * block.expansion, 1)
            wide = relu6(convolve(expand, f"{index}/expand", wide))
        depthwise = keras.layers.DepthwiseConv2D(block.kernel, block.stride, padding="same")
        wide = relu6(convolve(depthwise, f"{index}/depthwise", wide))
        projected = convolve(keras.layers.Conv2D(block.n_out, 1), f"{index}/project", wide)
        values = keras.layers.Add()([values, projected]) if block.is_residual else projected
        if index in backbone.taps:
            taps.append(values)
    pooled = [
        keras.layers.MaxPooling2D(size)(tap) if size > 1 else tap
        for tap, size in zip(taps, backbone.poolings, strict=True)
    ]
    joined = keras.layers.Concatenate()(pooled) if len(pooled) > 1 else pooled[0]
    for layer, name in frozen:
        kernel = arrays[f"{name}/kernel"]
        layer.set_weights([kernel[..., None] if kernel.ndim == 3 else kernel, arrays[f"{name}/bias"]])
        layer.trainable = False
    return keras.Model(images, joined)


def build_member(architecture: Architecture) -> keras.Model:
    """Return the trained layers: inputs -> feature map, vector and logit; with an evidence map, that too."""
    inputs = keras.Input(architecture.input_shape)
    values = inputs
    for layer in architecture.trained_layers:
        values = _build_layer(layer, values)
    return keras.Model(inputs, [values, *_build_head(architecture)(values)])


def join_members(members: list[keras.Model], architecture: Architecture) -> keras.Model:
    """Return one model that holds all members, for saving and for its variables."""
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
        pool = _Strongest(architecture.strongest) if architecture.strongest else _SoftMaximum()
        return keras.Model(feature_map, [vector, pool(local), local], name="head")
    dropped = keras.layers.Dropout(dropout)(keras.layers.Flatten()(feature_map))
    hidden = keras.layers.Dense(architecture.hidden, activation="relu", name="hidden")(dropped)
    dropped = keras.layers.Dropout(dropout)(hidden)
    return keras.Model(feature_map, [hidden, keras.layers.Dense(1, name="output")(dropped)], name="head")


def _build_layer(layer: Layer, values: tf.Tensor) -> tf.Tensor:
    if isinstance(layer, Convolution):
        padding = "same"
        if layer.stride > 1:
            # Keras's own padding of a strided convolution is asymmetric; PyTorch's is not.
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
        # Frozen: it uses the mean and variance from `adapt`, in training too.
        return keras.layers.BatchNormalization(
            epsilon=1e-3, center=False, scale=False, trainable=False, name="normalisation"
        )(values)
    if isinstance(layer, MirroredDifference):
        return Mirror()(values)
    if isinstance(layer, MaxPooling):
        return keras.layers.MaxPooling2D(layer.size)(values)
    assert isinstance(layer, Dropout)
    return keras.layers.SpatialDropout2D(layer.rate)(values)


def soften_maximum(evidence: tf.Tensor) -> tf.Tensor:
    _, height, width, _ = evidence.shape
    total = keras.ops.logsumexp(SHARPNESS * evidence, axis=(1, 2))
    return (total - math.log(height * width)) / SHARPNESS


def average_strongest(evidence: tf.Tensor, count: int) -> tf.Tensor:
    _, height, width, n_maps = evidence.shape
    rows = keras.ops.transpose(keras.ops.reshape(evidence, (-1, height * width, n_maps)), (0, 2, 1))
    return keras.ops.mean(keras.ops.top_k(rows, min(count, height * width))[0], axis=-1)


def normalise_heat(heat: tf.Tensor) -> tf.Tensor:
    """Return each (n, h, w) map divided by its maximum; a map without heat stays 0."""
    return heat / keras.ops.maximum(keras.ops.max(heat, axis=(1, 2), keepdims=True), 1e-6)
