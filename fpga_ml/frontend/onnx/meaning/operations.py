"""Every operation by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fpga_ml.frontend.onnx.graph import Node
from fpga_ml.frontend.onnx.meaning.functions import FUNCTIONS, clip
from fpga_ml.frontend.onnx.meaning.moves import MOVES
from fpga_ml.frontend.onnx.meaning.roundings import ROUND
from fpga_ml.frontend.onnx.meaning.settings import Array, Operation, integer
from fpga_ml.frontend.onnx.meaning.sums import SUMS, reduction
from fpga_ml.frontend.onnx.meaning.windows import WINDOWS

INSTEAD = "see docs/onnx.md for those that do; torch.onnx.export(..., dynamo=False) writes simpler ones"
_TYPES = {1: np.float64, 11: np.float64, 10: np.float64, 16: np.float64, 9: np.bool_}  # of TensorProto; others are whole


def _cast(node: Node, x: Array) -> Array:
    to = node.attributes["to"]
    return x.astype(_TYPES.get(to, np.int64))


def _constant(node: Node) -> Any:
    (value,) = node.attributes.values()
    return (
        np.asarray(value, np.float64) if isinstance(value, (float, list)) and np.asarray(value).dtype.kind == "f" else value
    )


def _all(function: Callable[[Array, Array], Array]) -> Operation:
    def of(node: Node, *x: Array) -> Array:
        found = x[0]
        for other in x[1:]:
            found = function(found, other)
        return found

    return of


# Which exporters compute settings with; of data they do not convert.
OF_CONSTANTS: dict[str, Operation] = {
    "Ceil": lambda _, x: np.ceil(x),
    "Floor": lambda _, x: np.floor(x),
    "Round": lambda _, x: np.rint(x),
    "Mod": lambda node, a, b: np.fmod(a, b) if node.attributes.get("fmod", 0) else np.mod(a, b),
    "Equal": lambda _, a, b: np.equal(a, b),
    "Greater": lambda _, a, b: np.greater(a, b),
    "GreaterOrEqual": lambda _, a, b: np.greater_equal(a, b),
    "Less": lambda _, a, b: np.less(a, b),
    "LessOrEqual": lambda _, a, b: np.less_equal(a, b),
    "Not": lambda _, a: np.logical_not(a),
    "And": lambda _, a, b: np.logical_and(a, b),
    "Or": lambda _, a, b: np.logical_or(a, b),
    "Where": lambda _, which, a, b: np.where(which, a, b),
    "ReduceProd": reduction(np.prod),
}
OPERATIONS: dict[str, Operation] = {
    **MOVES,
    **WINDOWS,
    **SUMS,
    **FUNCTIONS,
    **ROUND,
    "Add": lambda _, a, b: a + b,
    "Sub": lambda _, a, b: a - b,
    "Mul": lambda _, a, b: a * b,
    "Div": lambda _, a, b: a // b if a.dtype.kind == b.dtype.kind == "i" else a / b,
    "Neg": lambda _, x: -x,
    "Pow": lambda _, x, y: x**y,
    "Sum": _all(np.add),
    "Mean": lambda node, *x: _all(np.add)(node, *x) / len(x),
    "Max": _all(np.maximum),
    "Min": _all(np.minimum),
    "Clip": clip,
    "PRelu": lambda _, x, slope: np.where(x > 0, x, slope * x),
    "Concat": lambda node, *x: np.concatenate(x, node.attributes["axis"]),
    "Constant": _constant,
    "ConstantOfShape": lambda node, shape: np.full(
        tuple(integer(shape)), np.reshape(node.attributes.get("value", np.zeros(1)), ())
    ),
    "Cast": _cast,
    "Shape": lambda node, x: np.array(x.shape[node.attributes.get("start", 0) : node.attributes.get("end", None)], np.int64),
    "Size": lambda _, x: np.array(x.size, np.int64),
    "Range": lambda _, a, b, step: np.arange(a, b, step),
    **OF_CONSTANTS,
}


def computed(node: Node, known: Mapping[str, Array]) -> dict[str, Array]:
    """The node's results by name."""
    for name in (n for n in node.inputs if n and n not in known):
        raise node.refused(f"reads '{name}', which nothing before it makes", "check the file with onnx.checker.check_model")
    if node.op not in OPERATIONS:
        raise node.refused("is not an operation that converts", INSTEAD)
    given = [known[n] if n else None for n in node.inputs]
    try:
        with np.errstate(all="ignore"):
            made = OPERATIONS[node.op](node, *given)
    except (ValueError, IndexError, TypeError, KeyError) as error:
        raise node.refused(f"does not fit what it reads: {error}", "check the file with onnx.checker.check_model") from error
    results = made if isinstance(made, (list, tuple)) else [made]
    return {n: np.asarray(a) for n, a in zip(node.outputs, results, strict=False) if n}
