"""Images of another size: interpolation is a sum of few pixels by constant weights, and so is an adaptive mean.

Enlarged by a whole factor, each phase of the result is a convolution of three pixels (as in transposed.py); to another size,
each axis is multiplied by a matrix. Both are found by asking the layer about unit vectors, so they hold for each kind of
interpolation, and for images that are cropped or framed before. What copies pixels is an arrangement of them.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.rebuild import Call, copy_layer
from fpga_ml.frontend.standins import Composed, replaced
from fpga_ml.frontend.tensors import Reduce, numbers

_GRID = 2**20  # float32 weights of an interpolation are rounded to a part of this


def plain_resampling(model: Any) -> Any:
    """The model with such layers as plain ones; the model itself where there is none."""
    return replaced(model, _of)


def _of(c: Call) -> Composed | None:
    kind = type(c.layer).__name__
    if kind == "UpSampling2D" and c.layer.interpolation != "nearest":
        return _Interpolated(c.layer)
    if kind == "Resizing":
        return _Interpolated(c.layer)
    if kind.startswith("AdaptiveAveragePooling") and not kind.endswith("3D"):
        return _Mean(c.layer)
    if kind.startswith("AdaptiveMaxPooling") and not kind.endswith("3D"):
        return _Largest(c.layer)
    return None


class _ByAxis(Composed):
    """Sums of the pixels of each axis by constant weights."""

    def multiplied(self, x: Any, matrices: list[np.ndarray], suffix: str = "") -> Any:
        """matrices: (old size, new size) of each axis."""
        letters = "abc"[: len(matrices)]
        axes = [k for k, m in enumerate(matrices) if not np.array_equal(m, np.eye(*m.shape))]
        for k in axes:
            out = letters.replace(letters[k], "z")
            equation, shape = f"n{letters}d,{letters[k]}z->n{out}d", [*x.shape[1:]]
            shape[k] = matrices[k].shape[1]
            x = self._dense(suffix if k == axes[-1] else f"axis{k + 1}", x, equation, shape, matrices[k])
        return x

    def _dense(self, suffix: str, x: Any, equation: str, shape: list[int], matrix: np.ndarray) -> Any:
        return self.part(suffix, lambda name: keras.layers.EinsumDense(equation, shape, name=name), [matrix])(x)


class _Interpolated(_ByAxis):
    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        layer = self.layer
        if not (getattr(layer, "crop_to_aspect_ratio", False) or getattr(layer, "pad_to_aspect_ratio", False)):
            return self._resized(x, layer, "")
        frame = _made(layer, np.zeros((1, *x.shape[1:-1], 1)))[0]  # of what is put around the image
        suffix = "image" if frame.any() else ""
        inside = self._resized(x, copy_layer(layer, changes={"fill_value": 0.0}), suffix, framed=True)
        return self.affine("", inside, 1.0, frame) if suffix else inside

    def _resized(self, x: Any, layer: Any, suffix: str, framed: bool = False) -> Any:
        """framed: whether something may be put around the image, or taken off."""
        height, width, _ = x.shape[1:]
        if layer.interpolation == "nearest":
            index = _made(layer, numbers(x.shape[1:])[None] + 1.0)[0].astype(np.int64) - 1
            times = [new // old for new, old in zip(index.shape, x.shape[1:], strict=True)]
            repeated = numbers(x.shape[1:]).repeat(times[0] or 1, 0).repeat(times[1] or 1, 1)
            if np.array_equal(repeated, index):
                return self.part(suffix, lambda name: keras.layers.UpSampling2D(times[:2], name=name))(x)
            return self.arranged(suffix, x, index)
        rows, columns = _matrix(layer, height, 0, width), _matrix(layer, width, 1, height)
        factors = [m.shape[1] // m.shape[0] for m in (rows, columns)]
        whole = all(m.shape[1] == f * m.shape[0] for m, f in zip((rows, columns), factors, strict=True))
        if layer.interpolation != "bilinear" or not whole or factors == [1, 1] or framed:
            inside = _made(layer, np.ones((1, height, width, 1))).max() if framed else 1.0  # of both together
            return self.multiplied(x, [rows, columns / inside], suffix)
        return self._by_phase(x, factors)

    def _by_phase(self, x: Any, factors: list[int]) -> Any:
        """Between the pixels of an image whose rim is repeated once."""
        height, width, channels = x.shape[1:]
        rim = self.arranged("rim", x, np.pad(numbers(x.shape[1:]), [(1, 1), (1, 1), (0, 0)], mode="edge"))
        phases = [_phases(f) for f in factors]
        kernel = np.einsum("ra,sb->abrs", *phases).reshape(3, 3, -1)
        times = kernel.shape[-1]
        each = np.broadcast_to(kernel[:, :, None], (3, 3, channels, times)).reshape(3, 3, -1, 1)
        many = self.arranged("repeated", rim, numbers(rim.shape[1:]).repeat(times, axis=-1))
        made = self.part("", lambda name: keras.layers.DepthwiseConv2D(3, use_bias=False, name=name), [each])(many)
        apart = numbers(made.shape[1:]).reshape(height, width, channels, *factors).transpose(0, 3, 1, 4, 2)
        return self.arranged("placed", made, apart.reshape(height * factors[0], width * factors[1], channels))


def _phases(factor: int) -> np.ndarray:
    """(factor, 3): weights of a pixel and its neighbours, pixels being squares with their values in the middle."""
    at = (np.arange(factor) + 0.5) / factor - 0.5
    return np.stack([np.maximum(-at, 0.0), 1 - np.abs(at), np.maximum(at, 0.0)], axis=1)


def _matrix(layer: Any, size: int, axis: int, other: int) -> np.ndarray:
    """(old, new): what each row, or column, becomes; the other axis is the same everywhere."""
    units = np.eye(size)
    images = np.broadcast_to(
        units[:, :, None] if axis == 0 else units[:, None, :], (size, *((size, other)[:: 1 - 2 * axis]))
    )
    made = _made(layer, images[..., None])[..., 0]
    at = made.sum(axis=(0, axis + 1)).argmax()  # inside the image
    found: np.ndarray = np.rint(made.take(at, axis=2 - axis) * _GRID) / _GRID
    return found


def _made(layer: Any, images: np.ndarray) -> np.ndarray:
    """What the layer makes of them."""
    return np.asarray(keras.ops.convert_to_numpy(layer(images.astype(np.float32))), np.float64)


class _Windows(_ByAxis):
    """The windows of adaptive pooling: from floor(k old / new) to before ceil((k + 1) old / new)."""

    def windows(self, x: Any) -> list[list[range]]:
        sizes = tuple(self.layer.compute_output_shape(x.shape)[1:-1])
        return [
            [range(k * old // new, -(-(k + 1) * old // new)) for k in range(new)]
            for old, new in zip(x.shape[1:-1], sizes, strict=True)
        ]


class _Mean(_Windows):
    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        matrices = []
        for windows, size in zip(self.windows(x), x.shape[1:-1], strict=True):
            matrix = np.zeros((size, len(windows)))
            for k, w in enumerate(windows):
                matrix[w.start : w.stop, k] = 1 / len(w)
            matrices.append(matrix)
        return self.multiplied(x, matrices)


class _Largest(_Windows):
    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        for axis, windows in enumerate(self.windows(x), 1):
            most = max(map(len, windows))
            places = np.array([[*w, *[w[-1]] * (most - len(w))] for w in windows])  # a value twice is as large
            each = self.arranged(f"windows{axis}", x, numbers(x.shape[1:]).take(places, axis=axis - 1))
            suffix = "" if axis == len(x.shape) - 2 else f"axis{axis}"
            x = self.part(suffix, lambda name, a=axis: Reduce("max", [a + 1], name=name))(each)  # type: ignore[misc]
        return x
