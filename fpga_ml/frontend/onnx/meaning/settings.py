"""Settings of nodes, as several operations read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fpga_ml.frontend.onnx.graph import Node

Array = Any  # of NumPy
Operation = Callable[..., Any]  # of a node and its operands, None for one that is left out


def integer(a: Any) -> Array:
    return np.asarray(a).astype(np.int64)


def axes_of(node: Node, given: Any, rank: int) -> tuple[int, ...] | None:
    """Of a reduction or a squeeze: an attribute before some version, an input after it; None where it has none."""
    axes = node.attributes.get("axes") if given is None else integer(given).reshape(-1).tolist()
    return None if axes is None else tuple(int(a) % rank for a in axes)


def along(values: Array, axis: int, rank: int) -> Array:
    """A vector along an axis of a tensor of so many axes; one number as it is."""
    if np.size(values) == 1:
        return np.reshape(values, ())
    return np.reshape(values, [-1 if a == axis % rank else 1 for a in range(rank)])
