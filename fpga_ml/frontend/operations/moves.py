"""Operations that only move elements, repeat them, leave some out or put zeros beside them: x[:, 1:], transpose, pad, ...

Each is asked where it puts the numbers 1, 2, ... in place of the values of two samples; 0 is a zero that it adds.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.operations.base import Operation, array_of, as_scalar, is_scalar, is_tensor
from fpga_ml.frontend.standins import Unknown

MOVES = frozenset(
    [
        *("BroadcastTo", "CropImages", "DepthToSpace", "Diag", "Diagonal", "ExpandDims", "ExtractPatches", "Flip"),
        *("Fliplr", "GetItem", "Moveaxis", "Pad", "PadImages", "Ravel", "Rearrange", "Repeat", "Reshape", "Roll", "Rot90"),
        *("Slice", "SpaceToDepth", "Split", "Squeeze", "Swapaxes", "Take", "Tile", "Transpose", "Tril", "Triu", "Unstack"),
        *("ArraySplit", "Hsplit", "Vsplit", "Dsplit", "Concatenate", "Stack", "Hstack", "Vstack", "Dstack", "Append"),
        *("ExtractSequences", "Unfold", "TakeAlongAxis"),
    ]
)
_JOINS = ("Concatenate", "Stack", "Hstack", "Vstack", "Dstack", "Append")


class Moved(Operation):
    keeps_shapes = False

    def results(self, *args: Any, **kwargs: Any) -> Any:
        if self.kind == "Pad" and (args[1:] or kwargs):
            return self._padded(args[0], [*args[1:], *kwargs.values()][0])
        tensors = [t for t in keras.tree.flatten([args, kwargs]) if is_tensor(t)]
        if not tensors:
            raise Unknown
        sizes = [int(np.prod(t.shape[1:])) for t in tensors]
        total, starts = sum(sizes), np.cumsum([0, *sizes])
        both = {}
        for t, start, size in zip(tensors, starts, sizes, strict=False):
            one = np.arange(start + 1, start + size + 1)
            shape = () if is_scalar(t) else tuple(t.shape[1:])
            both[id(t)] = np.stack([one, one + total]).reshape(2, *shape).astype(np.int32)

        def numbered(t: Any) -> Any:
            return keras.ops.convert_to_tensor(both[id(t)]) if is_tensor(t) else t

        moved = self._moved(keras.tree.map_structure(numbered, args), keras.tree.map_structure(numbered, kwargs))
        flat = keras.tree.flatten(moved)
        found = [self._found(k if len(flat) > 1 else None, m, tensors, total) for k, m in enumerate(flat)]
        return found if len(flat) > 1 or isinstance(moved, (list, tuple)) else found[0]

    def _padded(self, x: Any, number: Any) -> Any:
        """With a number in place of zeros."""
        made = self.results(x)
        outside = self._moved((np.ones((1, *x.shape[1:]), np.int32),), {})
        places = np.asarray(keras.ops.convert_to_numpy(outside))[0] == 0
        return made if number is None else self.affine("filled", made, 1.0, np.where(places, float(array_of(number)), 0.0))

    def _moved(self, args: Any, kwargs: Any) -> Any:
        """What the operation makes of arrays."""
        try:
            if self.kind == "Reshape":  # whose number of samples may be unknown, or a tensor
                return keras.ops.reshape(args[0], (-1, *self.layer.newshape[1:]))
            return self.layer.call(*args, **kwargs)
        except Exception as error:
            raise Unknown from error

    def _found(self, number: int | None, moved: Any, tensors: list[Any], total: int) -> Any:
        """number: of the result, where there are several."""
        places = np.asarray(keras.ops.convert_to_numpy(moved))
        if len(places) != 2 or not np.array_equal(places[1], np.where(places[0] == 0, 0, places[0] + total)):
            raise Unknown  # it moves values from sample to sample
        index, suffix = np.asarray(places[0]) - 1, "" if number is None else f"result{number + 1}"
        scalar = not index.shape
        index = index.reshape(1) if scalar else index
        if len(tensors) == 1:
            made = self.arranged(suffix, self._plain(tensors[0]), index)
        elif (axis := _joined(tensors, index)) is not None:
            made = self.part(suffix, lambda name: keras.layers.Concatenate(axis, name=name))(tensors)
        else:
            plain = [self._plain(t) for t in tensors]
            flat = [self.reshaped(f"{suffix}_flat{k}", t, (int(np.prod(t.shape[1:])),)) for k, t in enumerate(plain)]
            whole = self.part(f"{suffix}_joined", lambda name: keras.layers.Concatenate(name=name))(flat)
            made = self.arranged(suffix, whole, index)
        return as_scalar(made) if scalar else made

    def _plain(self, x: Any) -> Any:
        """One that stands for itself."""
        return self.part("same", lambda name: keras.layers.Reshape(tuple(x.shape[1:]), name=name))(x) if is_scalar(x) else x


def _joined(tensors: list[Any], index: np.ndarray) -> int | None:
    """The axis along which the tensors stand behind one another; None where they do not."""
    if any(is_scalar(t) for t in tensors) or len({len(t.shape) for t in tensors}) > 1:
        return None
    start, arrays = 0, []
    for t in tensors:
        size = int(np.prod(t.shape[1:]))
        arrays.append(np.arange(start, start + size).reshape(t.shape[1:]))
        start += size
    for axis in range(arrays[0].ndim):
        try:
            if np.array_equal(np.concatenate(arrays, axis), index):
                return axis + 1
        except ValueError:
            continue
    return None
