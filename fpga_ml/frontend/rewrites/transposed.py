"""Transposed convolutions: for stride s, a convolution of s filters for each one, whose results are put side by side.

y[s q + r] is a sum over x[q + d] of the weights w[r + p - s d], p being the padding before the first element; so for each
phase r it is a plain convolution of x (W. Shi et al., arXiv:1609.07009).
"""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.kernels import spread
from fpga_ml.frontend.quantizers import quantised, signed_quantizer
from fpga_ml.frontend.rebuild import weight_quantizers
from fpga_ml.frontend.rewrites.kernels import convolution
from fpga_ml.frontend.rewrites.values import fixed_for
from fpga_ml.frontend.standins import Composed, by_class
from fpga_ml.frontend.tensors import numbers

_KINDS = ("Conv1DTranspose", "Conv2DTranspose", "QConv2DTranspose")


def plain_transposed(model: Any) -> Any:
    """The model with such layers as convolutions; the model itself where there is none."""
    return by_class(model, dict.fromkeys(_KINDS, _Transposed))


class _Transposed(Composed):
    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        layer, axes = self.layer, len(self.layer.kernel_size)
        kernel, options = self._kernel()
        shape = tuple(layer.compute_output_shape(x.shape)[1:])
        sides = [
            _Side(n, k, s, out, layer.padding == "same")
            for n, k, s, out in zip(x.shape[1:-1], kernel.shape, layer.strides, shape[:-1], strict=False)
        ]
        around = [(side.before, side.after) for side in sides]
        if any(map(any, around)):
            pad = keras.layers.ZeroPadding1D if axes == 1 else keras.layers.ZeroPadding2D
            own: Any = around[0] if axes == 1 else tuple(around)
            x = self.part("padded", lambda name: pad(own, name=name))(x)
        phases = list(itertools.product(*(range(side.stride) for side in sides)))
        taps = [[side.taps(r) for side, r in zip(sides, phase, strict=True)] for phase in phases]
        # (..., filters, channels) of the transposed kernel: (..., channels, phases, filters) of the plain one
        by_phase = np.stack([_taken(kernel, t) for t in taps], axis=-1)
        plain = np.moveaxis(by_phase, (-3, -2, -1), (-1, -3, -2))
        weights = [plain.reshape(*plain.shape[:-2], -1)]
        if layer.use_bias:
            weights.append(np.tile(np.asarray(layer.bias), len(phases)))
        kind = convolution(axes, is_quantised=bool(options))
        options |= {"activation": layer.activation, "use_bias": layer.use_bias}
        size = plain.shape[:axes]
        made = self.part("", lambda name: kind(weights[0].shape[-1], size, name=name, **options), weights)(x)
        return self.arranged("placed", made, self._places(made, sides, shape))

    def _kernel(self) -> tuple[np.ndarray, dict[str, Any]]:
        """With zeros between its values, for the dilation; and the quantizers of a QKeras layer."""
        layer, where = self.layer, f"layer '{self.name}'"
        kernel, quantizers = np.asarray(layer.kernel, np.float64), weight_quantizers(layer)
        options: dict[str, Any] = {}
        if quantizers:
            own = quantizers.get("kernel_quantizer")
            if own is not None:
                kernel = np.asarray(quantised(own, kernel), np.float64)
                options["kernel_quantizer"] = signed_quantizer(fixed_for(kernel, where), where)
            options["bias_quantizer"] = quantizers.get("bias_quantizer")
        rates = layer.dilation_rate if isinstance(layer.dilation_rate, (tuple, list)) else [layer.dilation_rate]
        return spread(kernel, rates), options

    def _places(self, made: Any, sides: list[_Side], shape: tuple[int, ...]) -> np.ndarray:
        """Of each element of the result, its number in what the convolution makes: (..., phases, filters)."""
        strides = [side.stride for side in sides]
        apart = numbers(made.shape[1:]).reshape(*made.shape[1:-1], *strides, shape[-1])
        axes = len(sides)
        order = [n for pair in zip(range(axes), range(axes, 2 * axes), strict=True) for n in pair]
        whole = apart.transpose(*order, 2 * axes)
        sizes = [n * s for n, s in zip(made.shape[1:-1], strides, strict=True)]
        return whole.reshape(*sizes, shape[-1])[tuple(slice(0, n) for n in shape[:-1])]


class _Side:
    """Of one axis: before, after: zeros around the input."""

    def __init__(self, size: int, kernel: int, stride: int, out: int, same: bool) -> None:
        self.stride, self.kernel = stride, kernel
        self.padding = max((size - 1) * stride + kernel - out, 0) // 2 if same else 0
        self.first = -((kernel - 1 - self.padding) // stride)  # the least d
        self.last = (stride - 1 + self.padding) // stride
        self.before = max(0, -self.first)
        rows = -(-out // stride)
        self.after = max(0, rows - 1 + self.last - (size - 1))
        self.first = -self.before

    def taps(self, phase: int) -> list[int]:
        """Of each element that is read, the number of its weight, -1 for none."""
        found = [phase + self.padding - self.stride * d for d in range(self.first, self.last + 1)]
        return [n if 0 <= n < self.kernel else -1 for n in found]


def _taken(kernel: np.ndarray, taps: list[list[int]]) -> np.ndarray:
    """Weights of these numbers along the first axes, 0 for -1."""
    for axis, numbers_of in enumerate(taps):
        zero = np.zeros_like(kernel.take([0], axis=axis))
        kernel = np.concatenate([kernel, zero], axis=axis).take(numbers_of, axis=axis)
    return kernel
