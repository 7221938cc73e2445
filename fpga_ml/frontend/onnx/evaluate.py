"""What an ONNX graph computes, in double precision: node by node, as ONNX and QONNX define the operations.

onnxruntime sums in single precision, which passes 24 bits; so this is the reference. One sample at a time: the batch is 1.
Integers stay integers. A constant that a Quant made keeps the scale that it was made with.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import erf, ndtr

from fpga_ml.frontend.onnx.graph import Graph, Node

Array = np.ndarray
Operation = Callable[..., Any]
_SELU, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


@dataclass(frozen=True)
class Folded:
    """A graph whose constants are known: nodes that compute on data; constants: all others' results, by name; scales: of those
    that a Quant made, its scale at each element; shapes: of every tensor, the batch of 1 included."""

    graph: Graph
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    scales: Mapping[str, Array] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def evaluate(self, x: Sequence[Array], wanted: Sequence[str] = ()) -> list[Array]:
        """The outputs, or the tensors of these names, of samples: one array (N, ...) an input."""
        names = list(wanted or self.graph.outputs)
        found: list[list[Array]] = [[] for _ in names]
        for sample in zip(*x, strict=True):
            known = dict(self.constants)
            known |= {n: np.asarray(v, np.float64)[None] for (n, _), v in zip(self.graph.inputs, sample, strict=True)}
            for node in self.nodes:
                known.update(computed(node, known))
            for kept, name in zip(found, names, strict=True):
                kept.append(np.asarray(known[name], np.float64))
        return [np.concatenate([np.atleast_1d(a) for a in kept]) for kept in found]


def folded(graph: Graph) -> Folded:
    """The graph with all that does not depend on its inputs computed."""
    constants, scales = dict(graph.constants), {}
    known: dict[str, Array] = dict(constants) | {n: np.zeros((1, *shape)) for n, shape in graph.inputs}
    nodes = []
    for node in graph.nodes:
        if node.op not in OPERATIONS:
            raise node.refused("is not an operation that converts", f"use one of {', '.join(sorted(OPERATIONS))}")
        made = computed(node, known)
        known.update(made)
        if not (node.op in ("Shape", "Size") or all(not n or n in constants for n in node.inputs)):
            nodes.append(node)
            continue
        constants.update(made)
        if node.op in ("Quant", "IntQuant", "BipolarQuant", "DequantizeLinear"):
            value = made[node.outputs[0]]
            shape = (1, -1) if node.op == "DequantizeLinear" else ()
            scales[node.outputs[0]] = np.broadcast_to(_by_axis(node, constants, value) if shape else known[node.inputs[1]], value.shape)
        elif node.op in MOVES and node.inputs[0] in scales:
            moved = {**known, node.inputs[0]: scales[node.inputs[0]]}
            scales |= {n: a for n, a in computed(node, moved).items() if a.shape == constants[n].shape}
    return Folded(graph, tuple(nodes), constants, scales, {n: np.shape(a) for n, a in known.items()})


def _by_axis(node: Node, known: Mapping[str, Array], value: Array) -> Array:
    return along(known[node.inputs[1]], node.attributes.get("axis", 1), value.ndim)


def computed(node: Node, known: Mapping[str, Array]) -> dict[str, Array]:
    """The node's results by name."""
    given = [known[n] if n else None for n in node.inputs]
    try:
        with np.errstate(all="ignore"):
            made = OPERATIONS[node.op](node, *given)
    except (ValueError, IndexError, TypeError, KeyError) as error:
        raise node.refused(f"does not fit what it reads: {error}", "check the file with onnx.checker.check_model") from error
    results = made if isinstance(made, (list, tuple)) else [made]
    return {n: np.asarray(a) for n, a in zip(node.outputs, results, strict=False) if n}


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


# Operations that move values and do nothing else.


def _reshape(node: Node, x: Array, shape: Array | None = None) -> Array:
    sizes = [int(n) for n in (node.attributes["shape"] if shape is None else integer(shape))]
    if not node.attributes.get("allowzero", 0):
        sizes = [x.shape[k] if n == 0 else n for k, n in enumerate(sizes)]
    return x.reshape(sizes)


def _flatten(node: Node, x: Array) -> Array:
    axis = node.attributes.get("axis", 1) % (x.ndim + 1)
    return x.reshape(math.prod(x.shape[:axis]), -1)


def _transpose(node: Node, x: Array) -> Array:
    return x.transpose(node.attributes.get("perm", range(x.ndim)[::-1]))


def _squeeze(node: Node, x: Array, axes: Array | None = None) -> Array:
    return np.squeeze(x, axes_of(node, axes, x.ndim))


def _unsqueeze(node: Node, x: Array, axes: Array | None = None) -> Array:
    given = node.attributes["axes"] if axes is None else integer(axes).reshape(-1)
    return np.expand_dims(x, tuple(int(a) for a in given))


def _slice(node: Node, x: Array, *given: Array | None) -> Array:
    own = [node.attributes.get(k) for k in ("starts", "ends", "axes")]
    starts, ends, axes, steps = [*(given or own), None, None][:4]
    starts, ends = integer(starts).tolist(), integer(ends).tolist()
    axes = list(range(len(starts))) if axes is None else integer(axes).tolist()
    steps = [1] * len(starts) if steps is None else integer(steps).tolist()
    key = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = x.shape[axis]
        start, end = (n + size if n < 0 else n for n in (start, end))
        if step > 0:
            key[axis] = slice(min(max(start, 0), size), min(max(end, 0), size), step)
        else:
            stop = min(max(end, -1), size - 1)
            key[axis] = slice(min(max(start, 0), size - 1), None if stop < 0 else stop, step)
    return x[tuple(key)]


def _split(node: Node, x: Array, sizes: Array | None = None) -> list[Array]:
    axis, given = node.attributes.get("axis", 0), node.attributes.get("split") if sizes is None else integer(sizes)
    if given is None:
        parts, size = node.attributes.get("num_outputs", len(node.outputs)), x.shape[axis]
        each = -(-size // parts)
        given = [min(each, size - k * each) for k in range(parts)]
    return np.split(x, np.cumsum(given)[:-1], axis)


def _gather(node: Node, x: Array, index: Array) -> Array:
    return np.take(x, integer(index), node.attributes.get("axis", 0))


def _pad(node: Node, x: Array, pads: Array | None = None, value: Array | None = None, axes: Array | None = None) -> Array:
    given = node.attributes.get("pads", node.attributes.get("paddings")) if pads is None else integer(pads).tolist()
    mode, fill = node.attributes.get("mode", "constant"), node.attributes.get("value", 0.0) if value is None else value
    which = range(x.ndim) if axes is None else [int(a) % x.ndim for a in integer(axes)]
    half, width = len(given) // 2, [(0, 0)] * x.ndim
    for k, axis in enumerate(which):
        width[axis] = (given[k], given[k + half])
    x = x[tuple(slice(max(-a, 0), x.shape[k] - max(-b, 0)) for k, (a, b) in enumerate(width))]
    width = [(max(a, 0), max(b, 0)) for a, b in width]
    if mode == "constant":
        return np.pad(x, width, constant_values=np.reshape(fill, ()))
    return np.pad(x, width, mode={"reflect": "reflect", "edge": "edge", "wrap": "wrap"}[mode])


def _expand(node: Node, x: Array, shape: Array) -> Array:
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(integer(shape).tolist())))


def _tile(node: Node, x: Array, times: Array) -> Array:
    return np.tile(x, tuple(integer(times).tolist()))


def _depth_to_space(node: Node, x: Array) -> Array:
    n, c, h, w = x.shape
    b = node.attributes["blocksize"]
    if node.attributes.get("mode", "DCR") == "DCR":
        return x.reshape(n, b, b, c // b**2, h, w).transpose(0, 3, 4, 1, 5, 2).reshape(n, c // b**2, h * b, w * b)
    return x.reshape(n, c // b**2, b, b, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c // b**2, h * b, w * b)


def _space_to_depth(node: Node, x: Array) -> Array:
    n, c, h, w = x.shape
    b = node.attributes["blocksize"]
    return x.reshape(n, c, h // b, b, w // b, b).transpose(0, 3, 5, 1, 2, 4).reshape(n, c * b**2, h // b, w // b)


def _resize(node: Node, x: Array, *given: Array | None) -> Array:
    """By whole factors, to the nearest: each value is repeated."""
    scales, sizes = ([*given, None, None, None][k] for k in (1, 2)) if node.op == "Resize" else ([*given, None][0], None)
    if scales is None and "scales" in node.attributes:
        scales = np.array(node.attributes["scales"])
    factors = np.divide(integer(sizes), x.shape) if sizes is not None and np.size(sizes) else np.asarray(scales)
    if node.attributes.get("mode", "nearest") != "nearest" or (factors != np.rint(factors)).any() or (factors < 1).any():
        raise node.refused("resizes by interpolation, or by parts of a pixel", "use mode 'nearest' and whole factors")
    for axis, times in enumerate(factors):
        x = np.repeat(x, int(times), axis)
    return x


MOVES: dict[str, Operation] = {
    "Identity": lambda _, x: x,
    "Dropout": lambda _, x, *__: x,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Slice": _slice,
    "Split": _split,
    "Gather": _gather,
    "Pad": _pad,
    "Expand": _expand,
    "Tile": _tile,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "Resize": _resize,
    "Upsample": _resize,
}

# Windows: convolutions and poolings of any number of axes.


@dataclass(frozen=True)
class Window:
    """Of a convolution or pooling over the last axes; pads: (before, behind) of each axis."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    out: tuple[int, ...]

    def taken(self, at: Sequence[int]) -> tuple[Any, ...]:
        """What the element of the window at this place meets, of a padded tensor."""
        steps = zip(at, self.strides, self.dilations, self.out, strict=True)
        return (..., *(slice(k * d, k * d + (n - 1) * s + 1, s) for k, s, d, n in steps))

    def padded(self, x: Array, value: float) -> Array:
        """So wide that every window fits."""
        spans = [(n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(self.out, self.strides, self.size, self.dilations, strict=True)]
        sizes = x.shape[-len(self.size) :]
        more = [max(span - size - a, 0) for span, size, (a, _) in zip(spans, sizes, self.pads, strict=True)]
        width = [(0, 0)] * (x.ndim - len(self.size)) + [(a, b) for (a, _), b in zip(self.pads, more, strict=True)]
        return np.pad(x, width, constant_values=value)

    def places(self) -> Iterable[tuple[int, ...]]:
        return itertools.product(*map(range, self.size))


def window_of(node: Node, shape: Sequence[int], size: Sequence[int]) -> Window:
    """shape: of the axes that the window moves over."""
    own, rank = node.attributes, len(size)
    strides, dilations = (tuple(own.get(k) or [1] * rank) for k in ("strides", "dilations"))
    flat = list(own.get("pads") or [0] * 2 * rank)
    pads = list(zip(flat[:rank], flat[rank:], strict=True))
    spans = [(k - 1) * d + 1 for k, d in zip(size, dilations, strict=True)]
    auto = own.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        out = [-(-n // s) for n, s in zip(shape, strides, strict=True)]
        total = [max((o - 1) * s + span - n, 0) for o, s, span, n in zip(out, strides, spans, shape, strict=True)]
        pads = [(t // 2, t - t // 2) if auto == "SAME_UPPER" else (t - t // 2, t // 2) for t in total]
    elif auto == "VALID":
        pads = [(0, 0)] * rank
    up, out = bool(own.get("ceil_mode", 0)), []
    for n, (a, b), span, s in zip(shape, pads, spans, strides, strict=True):
        room = n + a + b - span
        count = (-(-room // s) if up else room // s) + 1
        out.append(count - (up and (count - 1) * s >= n + a))  # no window begins behind the data and what is before them
    return Window(tuple(size), strides, dilations, tuple(pads), tuple(out))


def _conv(node: Node, x: Array, w: Array, bias: Array | None = None) -> Array:
    window, groups = window_of(node, x.shape[2:], w.shape[2:]), node.attributes.get("group", 1)
    padded = window.padded(x, 0.0)
    each, n = w.shape[1], w.shape[0] // groups
    found = np.zeros((x.shape[0], w.shape[0], *window.out))
    for g in range(groups):
        for at in window.places():
            part = padded[:, g * each : (g + 1) * each][window.taken(at)]
            found[:, g * n : (g + 1) * n] += np.moveaxis(np.tensordot(w[(slice(g * n, (g + 1) * n), slice(None), *at)], part, (1, 1)), 0, 1)
    return found if bias is None else found + along(bias, 1, found.ndim)


def _max_pool(node: Node, x: Array) -> Array:
    window = window_of(node, x.shape[2:], node.attributes["kernel_shape"])
    padded = window.padded(x, -np.inf)
    return np.max([padded[window.taken(at)] for at in window.places()], axis=0)


def _average_pool(node: Node, x: Array) -> Array:
    window = window_of(node, x.shape[2:], node.attributes["kernel_shape"])
    return sum(window.padded(x, 0.0)[window.taken(at)] for at in window.places()) / counts_of(node, window, x.shape[2:])


def counts_of(node: Node, window: Window, shape: Sequence[int]) -> Array:
    """How many values an average pooling divides by, at each place."""
    ones = np.ones(shape)
    if node.attributes.get("count_include_pad", 0):
        ones = np.pad(ones, window.pads, constant_values=1.0)
        window = Window(window.size, window.strides, window.dilations, ((0, 0),) * len(shape), window.out)
    return np.asarray(sum(window.padded(ones, 0.0)[window.taken(at)] for at in window.places()))


# Sums of products.


def _gemm(node: Node, a: Array, b: Array, c: Array | None = None) -> Array:
    own = node.attributes
    a, b = a.T if own.get("transA") else a, b.T if own.get("transB") else b
    found = own.get("alpha", 1.0) * (a @ b)
    return found if c is None else found + own.get("beta", 1.0) * c


def _batch_norm(node: Node, x: Array, scale: Array, bias: Array, mean: Array, variance: Array) -> Array:
    scale, bias, mean, variance = (along(v, 1, x.ndim) for v in (scale, bias, mean, variance))
    return (x - mean) / np.sqrt(variance + node.attributes.get("epsilon", 1e-5)) * scale + bias


def _layer_norm(node: Node, x: Array, scale: Array, bias: Array | None = None) -> Array:
    axes = tuple(range(node.attributes.get("axis", -1) % x.ndim, x.ndim))
    apart = x - x.mean(axes, keepdims=True)
    found = apart / np.sqrt((apart**2).mean(axes, keepdims=True) + node.attributes.get("epsilon", 1e-5)) * scale
    return found if bias is None else found + bias


def _softmax(node: Node, x: Array) -> Array:
    axis = node.attributes.get("axis", -1 if node.opset >= 13 else 1) % x.ndim
    over = (axis,) if node.opset >= 13 else tuple(range(axis, x.ndim))
    e = np.exp(x - x.max(over, keepdims=True))
    return e / e.sum(over, keepdims=True)


def _reduction(function: Callable[..., Array]) -> Operation:
    def reduce(node: Node, x: Array, axes: Array | None = None) -> Array:
        over = axes_of(node, axes, x.ndim)
        if over is None and node.attributes.get("noop_with_empty_axes"):
            return x
        return function(x, axis=over, keepdims=bool(node.attributes.get("keepdims", 1)))

    return reduce


# QONNX: A. Pappalardo et al., arXiv:2206.07527; the order of clipping and rounding is qonnx's.


ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    **dict.fromkeys(("ROUND", "HALF_EVEN"), np.rint),
    "FLOOR": np.floor,
    "CEIL": np.ceil,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    **dict.fromkeys(("DOWN", "ROUND_TO_ZERO"), np.fix),
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
}


def reach_of(bits: Any, signed: bool, narrow: bool) -> tuple[Any, Any]:
    """The least and the greatest whole number of a Quant."""
    if signed:
        return -(2.0 ** (bits - 1)) + narrow, 2.0 ** (bits - 1) - 1
    return 0.0 * bits, 2.0**bits - 1 - narrow


def rounding_of(node: Node, default: str) -> Callable[[Array], Array]:
    mode = node.attributes.get("rounding_mode", default).upper()
    if mode not in ROUNDINGS:
        raise node.refused(f"has rounding_mode '{mode}'", f"use one of {', '.join(ROUNDINGS)}")
    return ROUNDINGS[mode]


def _quant(node: Node, x: Array, scale: Array, zero: Array, bits: Array) -> Array:
    signed, narrow = bool(node.attributes.get("signed", 1)), bool(node.attributes.get("narrow", 0))
    y = x / scale + zero
    if signed and np.all(bits == 1):
        y = np.where(y >= 0, 1.0, -1.0)
    else:
        y = rounding_of(node, "ROUND")(y.clip(*reach_of(bits, signed, narrow)))
    return (y - zero) * scale


def _bipolar(node: Node, x: Array, scale: Array) -> Array:
    return np.where(x >= 0, 1.0, -1.0) * scale


def _trunc(node: Node, x: Array, scale: Array, zero: Array, bits: Array, *given: Array) -> Array:
    whole, cut = np.rint(x / scale + zero), rounding_of(node, "FLOOR")
    if len(given) == 1:  # version 1
        return (cut(whole / 2.0 ** (bits - given[0])) - zero) * scale
    out_scale, out_bits = given
    step = 2.0 ** np.rint(np.log2(out_scale / scale))
    ends = reach_of(out_bits, bool(node.attributes.get("signed", 1)), bool(node.attributes.get("narrow", 0)))
    return (cut((whole / step).clip(*ends)) - zero / step) * out_scale


def _quantize(node: Node, x: Array, scale: Array, zero: Array | None = None) -> Array:
    zero = np.zeros((), np.uint8) if zero is None else np.asarray(zero)
    axis, ends = node.attributes.get("axis", 1), np.iinfo(zero.dtype)
    y = np.rint(x / along(scale, axis, x.ndim)) + along(zero, axis, x.ndim)
    return y.clip(ends.min, ends.max)


def _dequantize(node: Node, x: Array, scale: Array, zero: Array | None = None) -> Array:
    axis, x = node.attributes.get("axis", 1), x.astype(np.float64)
    return (x - (0.0 if zero is None else along(zero.astype(np.float64), axis, x.ndim))) * along(scale, axis, x.ndim)


def _clip(node: Node, x: Array, low: Array | None = None, high: Array | None = None) -> Array:
    low = node.attributes.get("min", -np.inf) if low is None else low
    high = node.attributes.get("max", np.inf) if high is None else high
    return np.minimum(np.maximum(x, low), high)


def _elu(x: Array, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def _gelu(node: Node, x: Array) -> Array:
    if node.attributes.get("approximate", "none") == "tanh":
        return 0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)))
    return x * ndtr(x)


def _value(function: Callable[..., Array], *parameters: tuple[str, float]) -> Operation:
    """Of each value; parameters: attributes with their defaults."""
    return lambda node, x: function(x, *(node.attributes.get(k, v) for k, v in parameters))


def _sigmoid(x: Array) -> Array:
    return np.exp(-np.logaddexp(0.0, -x))


FUNCTIONS: dict[str, Operation] = {
    "Relu": _value(lambda x: np.maximum(x, 0.0)),
    "Sigmoid": _value(_sigmoid),
    "Tanh": _value(np.tanh),
    "Softplus": _value(lambda x: np.logaddexp(0.0, x)),
    "Softsign": _value(lambda x: x / (1.0 + np.abs(x))),
    "Elu": _value(_elu, ("alpha", 1.0)),
    "Selu": _value(lambda x, a, g: g * _elu(x, a), ("alpha", _SELU_ALPHA), ("gamma", _SELU)),
    "Celu": _value(lambda x, a: np.maximum(x, 0.0) + a * np.expm1(np.minimum(x, 0.0) / a), ("alpha", 1.0)),
    "LeakyRelu": _value(lambda x, a: np.where(x > 0, x, a * x), ("alpha", 0.01)),
    "HardSigmoid": _value(lambda x, a, b: (a * x + b).clip(0.0, 1.0), ("alpha", 0.2), ("beta", 0.5)),
    "HardSwish": _value(lambda x: x * (x / 6.0 + 0.5).clip(0.0, 1.0)),
    "ThresholdedRelu": _value(lambda x, a: np.where(x > a, x, 0.0), ("alpha", 1.0)),
    "Mish": _value(lambda x: x * np.tanh(np.logaddexp(0.0, x))),
    "Gelu": _gelu,
    "Exp": _value(np.exp),
    "Log": _value(np.log),
    "Sqrt": _value(np.sqrt),
    "Abs": _value(np.abs),
    "Sign": _value(np.sign),
    "Reciprocal": _value(lambda x: 1.0 / x),
    "Erf": _value(erf),
    "Sin": _value(np.sin),
    "Cos": _value(np.cos),
    "Sinh": _value(np.sinh),
    "Cosh": _value(np.cosh),
    "Asin": _value(np.arcsin),
    "Acos": _value(np.arccos),
    "Atan": _value(np.arctan),
    "Asinh": _value(np.arcsinh),
}

_TYPES = {1: np.float64, 11: np.float64, 10: np.float64, 16: np.float64, 9: np.bool_}  # of TensorProto; others are whole


def _cast(node: Node, x: Array) -> Array:
    to = node.attributes["to"]
    return x.astype(_TYPES.get(to, np.int64))


def _constant(node: Node) -> Any:
    (value,) = node.attributes.values()
    return np.asarray(value, np.float64) if isinstance(value, (float, list)) and np.asarray(value).dtype.kind == "f" else value


def _all(function: Callable[[Array, Array], Array]) -> Operation:
    def of(node: Node, *x: Array) -> Array:
        found = x[0]
        for other in x[1:]:
            found = function(found, other)
        return found

    return of


OPERATIONS: dict[str, Operation] = {
    **MOVES,
    **FUNCTIONS,
    "Conv": _conv,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalMaxPool": lambda _, x: x.max(tuple(range(2, x.ndim)), keepdims=True),
    "GlobalAveragePool": lambda _, x: x.mean(tuple(range(2, x.ndim)), keepdims=True),
    "Gemm": _gemm,
    "MatMul": lambda _, a, b: a @ b,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "Softmax": _softmax,
    "ReduceSum": _reduction(np.sum),
    "ReduceMean": _reduction(np.mean),
    "ReduceMax": _reduction(np.max),
    "ReduceMin": _reduction(np.min),
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
    "Clip": _clip,
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
    "Quant": _quant,
    "IntQuant": _quant,
    "BipolarQuant": _bipolar,
    "Trunc": _trunc,
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
}
