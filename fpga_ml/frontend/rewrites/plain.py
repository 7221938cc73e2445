"""Layers that are others with other arguments: a step on the input, a padding, a reshape, or nothing at all."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.layers import Steps
from fpga_ml.frontend.rebuild import Call, copy_layer
from fpga_ml.frontend.standins import Composed, replaced

L = keras.layers


def plain_layers(model: Any) -> Any:
    """The model with such layers as those that they are; the model itself where there is none."""
    return replaced(model, _of)


def _of(c: Call) -> Composed | None:
    layer, kind = c.layer, type(c.layer).__name__
    if kind.startswith("Global"):
        return _Pooled(layer) if layer.keepdims else None
    if kind == "Softmax":
        return _Softmax(layer) if isinstance(layer.axis, (tuple, list)) else None
    made = _KINDS.get(kind)
    return None if made is None else made(layer)


class _Nothing(Composed):
    """What acts in training only."""

    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        return x


class _Repeated(Composed):
    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        one = self.part("step", lambda name: L.Reshape((1, x.shape[-1]), name=name))(x)
        return self.part("", lambda name: L.UpSampling1D(self.layer.n, name=name))(one)


class _CentreCropped(Composed):
    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        layer = self.layer
        first = layer.data_format == "channels_first"
        sizes = x.shape[2:] if first else x.shape[-3:-1]
        over = [have - want for have, want in zip(sizes, (layer.height, layer.width), strict=True)]
        if min(over) < 0:
            raise self.refused("enlarges an image that is smaller than what it crops to", "use a Resizing layer")
        cropping = tuple((n // 2, n - n // 2) for n in over)
        return self.part("", lambda name: L.Cropping2D(cropping, layer.data_format, name=name))(x)


class _Pooled(Composed):
    """A global pooling that keeps the axes over which it pools."""

    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        shape = tuple(self.layer.compute_output_shape(x.shape)[1:])
        pooled = self.part("", lambda name: copy_layer(self.layer, changes={"keepdims": False, "name": name}))(x)
        return self.part("kept", lambda name: L.Reshape(shape, name=name))(pooled)


class _Softmax(Composed):
    """Over several axes, which become the last one."""

    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        rank = len(x.shape)
        axes = sorted(a % rank for a in self.layer.axis)
        others = [n for n in range(1, rank) if n not in axes]
        order = [*others, *axes]
        shape = tuple(x.shape[n] for n in others)
        turned = self.part("turned", lambda name: L.Permute(order, name=name))(x)
        flat = self.part("flat", lambda name: L.Reshape((*shape, math.prod(x.shape[n] for n in axes)), name=name))(turned)
        made = self.part("", lambda name: L.Softmax(name=name))(flat)
        whole = self.part("shaped", lambda name: L.Reshape(tuple(turned.shape[1:]), name=name))(made)
        return self.part("placed", lambda name: L.Permute([1 + order.index(n) for n in range(1, rank)], name=name))(whole)


class _Rescaled(Composed):
    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        return self.affine("", x, _number(self.layer.scale), _number(self.layer.offset))


class _Normalised(Composed):
    """(x - mean) / max(sqrt(variance), epsilon), or its inverse."""

    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        layer = self.layer
        found = (keras.ops.convert_to_numpy(v) for v in (layer.mean, layer.variance))
        mean, variance = (np.asarray(v, np.float64)[0] for v in found)
        with np.errstate(invalid="ignore"):  # of a variance below zero, which is refused below
            size = np.maximum(np.sqrt(variance), keras.backend.epsilon())
        return self.affine("", x, size, mean) if layer.invert else self.affine("", x, 1 / size, -mean / size)


class _Encoded(Composed):
    """Whole numbers as vectors of 0 and 1, or of counts: an Embedding of the unit vectors."""

    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        layer, n = self.layer, self.layer.num_tokens
        suffix = "" if layer.output_mode == "one_hot" else "each"
        made = self.part(suffix, lambda name: L.Embedding(n, n, name=name), [np.eye(n)])(x)
        if layer.output_mode == "one_hot":
            shape = tuple(layer.compute_output_shape(x.shape)[1:])
            same = tuple(made.shape[1:]) == shape
            return made if same else self.part("shape", lambda name: L.Reshape(shape, name=name))(made)
        return self.reduced("", made, "max" if layer.output_mode == "multi_hot" else "sum", [1], False)


class _Binned(Composed):
    """The number of the bin: a staircase."""

    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        layer = self.layer
        if not layer.bin_boundaries:
            raise self.refused("has no boundaries", "call its adapt(data), or give it bin_boundaries")
        ends = [float(b) for b in layer.bin_boundaries]
        values = [float(k) for k in range(len(ends) + 1)]
        return self.part("", lambda name: Steps(ends, [True] * len(ends), values, name=name))(x)


def _number(value: Any) -> np.ndarray:
    return np.asarray(value, np.float32).astype(np.float64)


_KINDS: dict[str, type[Composed]] = {
    **dict.fromkeys(("Identity", "GaussianNoise", "ActivityRegularization"), _Nothing),
    "RepeatVector": _Repeated,
    "CenterCrop": _CentreCropped,
    "Rescaling": _Rescaled,
    "Normalization": _Normalised,
    "CategoryEncoding": _Encoded,
    "Discretization": _Binned,
}
