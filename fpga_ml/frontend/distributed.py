"""TimeDistributed: one layer at each time step, as layers that take all steps at once.

A layer that does the same at every place is itself; one of one dimension is that of two dimensions with windows one step
high. Frames that a convolution or a pooling reads are laid below one another, so far apart that no window of interest reads
two of them. Any other layer is there once for each step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import qkeras

from fpga_ml.frontend.rebuild import as_functional, copy_layer
from fpga_ml.frontend.standins import StandIn
from fpga_ml.frontend.tensors import numbers

# Layers that do the same at every place before the last axis.
_POINTWISE = frozenset(
    [
        *("Dense", "QDense", "Activation", "QActivation", "ReLU", "LeakyReLU", "ELU", "Softmax", "Embedding"),
        *("BatchNormalization", "QBatchNormalization", "LayerNormalization", "RMSNormalization", "UnitNormalization"),
        *("Dropout", "GaussianDropout", "AlphaDropout", "SpatialDropout1D", "SpatialDropout2D", "Identity"),
        *("GaussianNoise", "ActivityRegularization", "QAdaptiveActivation", "QScaleShift", "QDenseBatchnorm", "Rescaling"),
    ]
)
_MERGES = frozenset({"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"})
# Of one dimension -> (of two, the arguments that get a first entry, and which).
_FLAT: dict[str, tuple[Any, dict[str, Any]]] = {
    **{
        name: (kind, {"kernel_size": 1, "strides": 1, "dilation_rate": 1})
        for name, kind in {
            "Conv1D": keras.layers.Conv2D,
            "QConv1D": qkeras.QConv2D,
            "DepthwiseConv1D": keras.layers.DepthwiseConv2D,
            "SeparableConv1D": keras.layers.SeparableConv2D,
            "QSeparableConv1D": qkeras.QSeparableConv2D,
        }.items()
    },
    "MaxPooling1D": (keras.layers.MaxPooling2D, {"pool_size": 1, "strides": 1}),
    "AveragePooling1D": (keras.layers.AveragePooling2D, {"pool_size": 1, "strides": 1}),
    "UpSampling1D": (keras.layers.UpSampling2D, {"size": 1}),
    "ZeroPadding1D": (keras.layers.ZeroPadding2D, {"padding": (0, 0)}),
    "Cropping1D": (keras.layers.Cropping2D, {"cropping": (0, 0)}),
}
_READERS = 6  # of a tensor whose steps are taken one by one
_CONVOLUTIONS = frozenset(
    [
        *("Conv2D", "QConv2D", "DepthwiseConv2D", "QDepthwiseConv2D", "SeparableConv2D", "QSeparableConv2D"),
        *("QConv2DBatchnorm", "QDepthwiseConv2DBatchnorm"),
    ]
)
_POOLINGS = frozenset({"MaxPooling2D", "AveragePooling2D", "QAveragePooling2D"})
_POOLED = {"Max": keras.layers.MaxPooling2D, "Average": keras.layers.AveragePooling2D}


class Distributed(StandIn):
    """Of a TimeDistributed layer; the steps are the first axis behind the batch."""

    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        return self.over_steps(self.layer.layer, "", x)

    def over_steps(self, inner: Any, suffix: str, x: Any) -> Any:
        """The layer at each step of a tensor, or of several."""
        if isinstance(inner, keras.Model):
            return self.model(inner, suffix, x)
        if not isinstance(inner, keras.layers.Layer):
            raise self.refused(
                f"applies a model with the bare operation '{inner.name}' to each step",
                "use the layer of the same meaning (keras.layers.Add for +, Concatenate, Reshape, ...)",
            )
        kind, one = type(inner).__name__, not isinstance(x, (list, tuple))
        if kind in _MERGES:
            return self.named(inner, suffix)(x)
        if kind == "Concatenate":
            rank = len(x[0].shape)
            return self.named(inner, suffix, axis=inner.axis + (0 <= inner.axis < rank))(x)
        if one and kind in _POINTWISE:
            return self.named(inner, suffix, **_axis(inner))(x)
        last = getattr(inner, "data_format", "channels_last") != "channels_first"
        even = "onv" not in kind or kind in ("Conv1D", "QConv1D") or inner.strides == (1,)  # of depthwise ones in TensorFlow
        if one and kind in _FLAT and last and even:
            return self.flat(inner, suffix, x)
        if one and kind in _CONVOLUTIONS | _POOLINGS and last and (inner.padding == "valid" or kind in _CONVOLUTIONS):
            return self.stacked(inner, suffix, x)
        if one and kind.startswith("Global") and "Pooling" in kind and last:
            return self.over_all(inner, suffix, x)
        if one and kind in ("Flatten", "Reshape", "Permute", "RepeatVector", "ZeroPadding2D", "Cropping2D", "UpSampling2D"):
            return self.moved(inner, suffix, x)
        return self.each(inner, suffix, x)

    def model(self, inner: Any, suffix: str, x: Any) -> Any:
        """A model within, layer by layer."""
        functional = as_functional(inner)

        def follow(layer: Any) -> Callable[..., Any]:
            own = f"{suffix}_{layer.name}" if suffix else layer.name
            return lambda first, *rest, **given: self.over_steps(layer, own, first)

        found = functional._run_through_graph([x], operation_fn=follow)
        if isinstance(found, (list, tuple)):
            (found,) = found
        return found

    def named(self, inner: Any, suffix: str, **changes: Any) -> Any:
        """The layer under a name, its weights with it."""
        name = f"{self.name}_{suffix}" if suffix else self.name
        return self.once(name, lambda n: copy_layer(inner, changes={**changes, "name": n}), inner.get_weights())

    def flat(self, inner: Any, suffix: str, x: Any) -> Any:
        """Steps are rows, and windows one row high."""
        kind, arguments = _FLAT[type(inner).__name__]
        config = {k: v for k, v in inner.get_config().items() if k != "name"}
        config |= {k: (first, *np.atleast_1d(config[k]).tolist()) for k, first in arguments.items() if first == 1}
        config |= {k: (first, _pair(getattr(inner, k))) for k, first in arguments.items() if first != 1}
        if config.get("padding") == "causal":
            before = (inner.kernel_size[0] - 1) * inner.dilation_rate[0]
            pad = ((0, 0), (before, 0))
            x = self.part(f"{suffix}_before".strip("_"), lambda n: keras.layers.ZeroPadding2D(pad, name=n))(x)
            config["padding"] = "valid"
        weights = [w[None] if w.ndim > 1 else w for w in inner.get_weights()]
        return self.part(suffix, lambda n: kind.from_config(config | {"name": n}), weights)(x)

    def stacked(self, inner: Any, suffix: str, x: Any) -> Any:
        """Frames below one another, a whole number of strides apart, in one image."""
        own = "_".join([suffix] * bool(suffix))
        steps, height, width, _ = x.shape[1:]
        size = inner.pool_size if hasattr(inner, "pool_size") else inner.kernel_size
        dilation = getattr(inner, "dilation_rate", (1, 1))
        window = [(k - 1) * d + 1 for k, d in zip(size, dilation, strict=True)]
        pads = [
            _padding(n, k, s) if inner.padding == "same" else (0, 0)
            for n, k, s in zip((height, width), window, inner.strides, strict=True)
        ]
        every = np.pad(numbers(x.shape[1:]), [(0, 0), *pads, (0, 0)], constant_values=-1)
        rows = (every.shape[1] - window[0]) // inner.strides[0] + 1
        apart = -(-every.shape[1] // inner.strides[0])  # frames, in strides
        below = apart * inner.strides[0] - every.shape[1]
        every = np.pad(every, [(0, 0), (0, below), (0, 0), (0, 0)], constant_values=-1)
        image = self.arranged(f"{own}_frames".strip("_"), x, every.reshape(-1, *every.shape[2:]))
        made = self.named(inner, suffix, padding="valid")(image)
        places = numbers(made.shape[1:])
        taken = np.stack([places[t * apart : t * apart + rows] for t in range(steps)])
        return self.arranged(f"{own}_steps".strip("_"), made, taken)

    def over_all(self, inner: Any, suffix: str, x: Any) -> Any:
        """All positions of a step."""
        steps, *positions, channels = x.shape[1:]
        count, own = math.prod(positions), f"{suffix}_" * bool(suffix)
        function = "Max" if "Max" in type(inner).__name__ else "Average"
        x = self.reshaped(f"{own}positions", x, (steps, count, channels))
        if type(inner).__name__.startswith("Q"):
            made = qkeras.QAveragePooling2D
            options = {"average_quantizer": inner.average_quantizer_internal, "activation": inner.activation}
        else:
            made, options = _POOLED[function], {}
        x = self.part(f"{own}pooled", lambda n: made((1, count), name=n, **options))(x)
        shape = (steps, *(1 for _ in positions), channels) if inner.keepdims else (steps, channels)
        return self.reshaped(suffix, x, shape)

    def moved(self, inner: Any, suffix: str, x: Any) -> Any:
        """A layer that moves values, by where it moves their numbers; -1 where it puts zeros."""
        steps, shape = x.shape[1], tuple(x.shape[2:])
        from_one = (numbers((1, *shape)) + 1).astype(np.float32)
        if from_one.size >= 2**24:
            return self.each(inner, suffix, x)
        once = np.rint(keras.ops.convert_to_numpy(copy_layer(inner)(from_one))[0]).astype(int) - 1
        index = np.stack([np.where(once < 0, -1, once + t * from_one.size) for t in range(steps)])
        return self.arranged(suffix, x, index)

    def each(self, inner: Any, suffix: str, x: Any) -> Any:
        """A copy of the layer for each step: a recurrent one that is called twice does not convert."""
        several, own = list(x) if isinstance(x, (list, tuple)) else [x], f"{suffix}_" * bool(suffix)
        steps = several[0].shape[1]
        apart = [self.cut(f"{own}step" if k == 0 else f"{own}other{k}_step", t, 0) for k, t in enumerate(several)]
        parts = []
        for t, of_step in enumerate(zip(*apart, strict=True)):
            layer = self.named(inner, f"{own}at{t}")
            parts.append(layer(list(of_step) if len(of_step) > 1 else of_step[0]))
        shape = (steps, *parts[0].shape[1:])
        flat = [self.reshaped(f"{own}flat{t}", p, (math.prod(shape[1:]),)) for t, p in enumerate(parts)]
        joined = self.part(f"{own}joined", lambda n: keras.layers.Concatenate(name=n))(flat) if steps > 1 else flat[0]
        return self.reshaped(f"{own}steps", joined, shape)

    def cut(self, own: str, x: Any, first: int) -> list[Any]:
        """A tensor's steps, of which the first one has this number. hls4ml copies a stream to a few readers only."""
        steps = x.shape[1]
        if steps == 1:
            return [self.reshaped(f"{own}{first}", x, x.shape[2:])]
        size, found = -(-steps // _READERS), []
        every = numbers(x.shape[1:])
        for at in range(0, steps, size):
            block = every[at : at + size] if size > 1 else every[at]
            name = f"{own}{first + at}" + f"_and_{len(block) - 1}" * (size > 1)
            taken = self.arranged(name, x, block)
            found += self.cut(own, taken, first + at) if size > 1 else [taken]
        return found


def _axis(inner: Any) -> dict[str, Any]:
    """The axes of a layer, counted with the steps before them."""
    axis = getattr(inner, "axis", None)
    if axis is None:
        return {}
    moved = [int(a) + (int(a) > 0) for a in np.atleast_1d(axis)]
    return {"axis": moved if isinstance(axis, (list, tuple)) else moved[0]}


def _pair(sizes: Any) -> tuple[int, int]:
    first, second = (sizes, sizes) if isinstance(sizes, int) else sizes
    return int(first), int(second)


def _padding(length: int, window: int, stride: int) -> tuple[int, int]:
    """Zeros before and behind that padding = 'same' is."""
    total = max((-(-length // stride) - 1) * stride + window - length, 0)
    return total // 2, total - total // 2
