"""The hls4ml graph as typed layers: no strings, no attributes beyond this point.

Every type that the C++ would use (accumulator, product, table, result) is carried exactly; weights become raw integers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from hls4ml.model.types import ExponentPrecisionType, XnorPrecisionType

from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.layers import elementwise, softmax, tables
from fpga_ml.layers.base import Input, Layer
from fpga_ml.layers.celeste import Exponents, PatchSums, PixelTerms
from fpga_ml.layers.gather import Gather, Reordered
from fpga_ml.layers.linear import Affine, Linear
from fpga_ml.layers.pooling import AveragePool, MaxPool
from fpga_ml.numerics import FixedType, Overflow, cast_raw

if TYPE_CHECKING:
    from fpga_ml.bridge.convert import Graph

Index = npt.NDArray[np.int64]
Reader = Callable[[Any], Layer]
EMULATED = ("Vitis", "Vivado")  # the C++ that the layers' meanings follow
READERS: dict[str, Reader] = {}


def reads(*classes: str) -> Callable[[Reader], Reader]:
    """Registers what reads hls4ml layers of these classes; a second one for a class is an error."""

    def register(reader: Reader) -> Reader:
        for name in classes:
            if name in READERS:
                raise ValueError(f"{name} is read already")
            READERS[name] = reader
        return reader

    return register


def read_graph(graph: Graph) -> tuple[Layer, ...]:
    """Typed layers in the order of data. Raises FpgaMlError for the first layer that our RTL does not have yet."""
    return read_layers(graph.hls)


def read_layers(model: Any) -> tuple[Layer, ...]:
    """As `read_graph`, of an hls4ml ModelGraph."""
    return tuple(_read(node) for node in model.get_layers())


def _read(node: Any) -> Layer:
    reader = READERS.get(node.class_name)
    if reader is None:
        raise _unsupported(
            node, f"layer '{node.name}' ({node.class_name}) has no RTL yet", suggest(node.class_name, READERS)
        )
    return reader(node)


def _unsupported(node: Any, what: str, do: str) -> FpgaMlError:
    return FpgaMlError(what, where=f"layer '{node.name}'", do=f"stop at C-simulation (--until csim) {do}".strip())


def _type(named: Any) -> FixedType:
    return FixedType.parse(str(named.precision))


def _common(node: Any) -> dict[str, Any]:
    sources = {out: n.name for n in node.model.get_layers() for out in n.outputs}
    return {
        "name": node.name,
        "reads": tuple(sources[t] for t in node.inputs if t in sources),
        "shape": tuple(int(d) for d in node.get_output_variable().shape),
        "result": _type(node.get_output_variable().type),
    }


def _raw(variable: Any) -> tuple[npt.NDArray[np.int64], int, FixedType | None]:
    """(raw values, fraction bits, type) of weights; the type is None where a bit stands for a sign or an exponent."""
    precision, data = variable.type.precision, np.asarray(variable.data, np.float64)
    if isinstance(precision, XnorPrecisionType):
        return (2 * data - 1).astype(np.int64), 0, None
    if isinstance(precision, ExponentPrecisionType):
        exponents = np.rint(np.log2(np.abs(data))).astype(np.int64)
        fraction = max(0, -int(exponents.min()))
        return (np.where(data < 0, -1, 1) << (exponents + fraction)).astype(np.int64), fraction, None
    t = FixedType.parse(str(precision))
    return t.raw(data), t.fraction, t


def _bias(node: Any) -> tuple[npt.NDArray[np.int64], int]:
    """(raw values, fraction bits); what is a sign in a weight of one bit is the bit itself in a bias."""
    variable = node.weights["bias"]
    if _is_xnor(variable):
        return np.asarray(variable.data).astype(np.int64), 0
    raw, fraction, _ = _raw(variable)
    return raw, fraction


def _product(node: Any, variable: Any) -> FixedType | None:
    """The type that a product with a power of two passes through (nnet_mult.h: weight_exponential)."""
    precision = variable.type.precision
    if not isinstance(precision, ExponentPrecisionType):
        return None
    width = precision.width + _type(node.get_input_variable().type).width
    return FixedType(True, 2 * width, width)


@reads("Input")
def _input(node: Any) -> Layer:
    return Input(**{**_common(node), "reads": ()})


def _linear(
    node: Any,
    index: Index,
    weights: npt.NDArray[np.int64],
    fraction: int,
    product: FixedType | None,
    bias: npt.NDArray[np.int64] | None = None,
) -> Layer:
    """weights (G, K, M); bias raw in the order of the sums, where it is not the variable as it stands."""
    own_bias, bias_fraction = _bias(node)
    bias = own_bias.reshape(-1) if bias is None else bias
    if product is not None and product.fraction >= _type(node.get_input_variable().type).fraction + fraction:
        product = None  # loses nothing
    accum = _type(node.types["accum_t"])
    layer = Linear(**_common(node), index=index, weights=weights, weight_fraction=fraction, bias=bias,
                   bias_fraction=bias_fraction, accum=accum, product=product,
                   reuse=int(node.get_attr("reuse_factor") or 1))  # fmt: skip
    return _of_signs(node, layer) if _reads_signs(node, "weight") else layer


def _is_xnor(variable: Any) -> bool:
    return isinstance(variable.type.precision, XnorPrecisionType)


def _reads_signs(node: Any, weight: str) -> bool:
    """True where a product takes the bits of its data for -1 and +1 (the backend's product_type)."""
    powers = isinstance(node.weights[weight].type.precision, ExponentPrecisionType)
    return _is_xnor(node.get_input_variable()) and not powers


def _of_signs(node: Any, layer: Linear) -> Layer:
    """A Linear whose data are bits for signs, as one of the bits themselves (nnet_mult.h).

    By a bit 0 a weight w counts as -w, by 1 as w (data_binary): sum(2 w bit) - sum(w); so does padding, which is a bit 0.
    Where weights are bits as well (both_binary), the C++ counts the products that are +1, in accum, and makes 2 * count
    - n of the count in an integer type: the bias counts twice, and half of it is cut off.
    """
    accum, k = layer.accum, layer.weights.shape[1]
    if accum.overflow is not Overflow.WRAP or accum.fraction < layer.weight_fraction:
        raise _unsupported(node, f"layer '{node.name}' sums values of one bit in {accum.cpp()}, which loses bits", "")
    start = np.array([cast_raw(int(v), layer.bias_fraction, accum) for v in layer.bias], np.int64)
    if not _is_xnor(node.weights["weight"]):
        total = (layer.weights.sum(axis=1) << (accum.fraction - layer.weight_fraction)).reshape(-1)
        return replace(layer, weight_fraction=layer.weight_fraction - 1, bias=start - total, bias_fraction=accum.fraction)
    bits = _ceil_log2(k) + 2
    halves = (2 * start % (1 << accum.fraction)).any()
    if bits > accum.integer + 1 or halves or node.class_name.startswith("Depthwise"):
        raise _unsupported(
            node, f"layer '{node.name}' counts {k} products of one bit in {accum.cpp()}, which has no RTL", ""
        )
    twice = (2 * start >> accum.fraction) + (2 * (layer.weights < 0).sum(axis=1) - k).reshape(-1)
    integer = FixedType(True, bits, bits)
    return replace(layer, weight_fraction=-1, bias=twice, bias_fraction=0, accum=integer)


def _ceil_log2(n: int) -> int:
    """nnet_helpers.h: ceillog2, which is 1 for 1."""
    return max((n - 1).bit_length(), 1)


@reads("Dense")
def _dense(node: Any) -> Layer:
    weights, fraction, _ = _raw(node.weights["weight"])
    if node.get_attr("_weights_transposed"):
        weights = weights.T
    index = np.arange(weights.shape[0]).reshape(1, 1, -1)
    return _linear(node, index, weights[None], fraction, _product(node, node.weights["weight"]))


def _windows(node: Any, prefix: str = "filt") -> Index:
    """(pixels, window) numbers of the input pixels under each window, -1 in the padding."""
    a = node.get_attr
    two = len(node.get_input_variable().shape) == 3
    width = a("in_width") if a("in_width") is not None else a("n_in")
    out_width = a("out_width") if a("out_width") is not None else a("n_out")
    rows = (
        [(a("in_height"), a("out_height"), a(f"{prefix}_height"), a("stride_height"), a("pad_top"))]
        if two
        else [(1, 1, 1, 1, 0)]
    )
    columns = (width, out_width, a(f"{prefix}_width"), a("stride_width"), a("pad_left"))

    def axis(size: int, out: int, window: int, stride: int, pad: int) -> Index:
        at = np.arange(out)[:, None] * stride - pad + np.arange(window)
        return np.where((at >= 0) & (at < size), at, -1)

    y, x = axis(*rows[0]), axis(*columns)
    both = y[:, None, :, None] * int(width) + x[None, :, None, :]
    both = np.where((y[:, None, :, None] < 0) | (x[None, :, None, :] < 0), -1, both)
    return both.reshape(y.shape[0] * x.shape[0], -1)


def _channels(pixels: Index, channels: int) -> Index:
    """(..., channels) element numbers of pixels, channels last."""
    return np.where(pixels[..., None] < 0, -1, pixels[..., None] * channels + np.arange(channels))


def _kernel(node: Any) -> tuple[npt.NDArray[np.int64], int]:
    """Weights (window, channels, filters), whatever the strategy did to their order."""
    weights, fraction, _ = _raw(node.weights["weight"])
    if node.get_attr("_weights_transposed"):
        weights = np.moveaxis(weights, 0, -1)
    return weights.reshape(-1, weights.shape[-2], weights.shape[-1]), fraction


@reads("Conv1D", "Conv2D", "PointwiseConv1D", "PointwiseConv2D")
def _convolution(node: Any) -> Layer:
    weights, fraction = _kernel(node)
    channels = int(node.get_attr("n_chan"))
    index = _channels(_windows(node), channels)
    flat = index.reshape(len(index), 1, -1)
    return _linear(node, flat, weights.reshape(1, -1, weights.shape[-1]), fraction, _product(node, node.weights["weight"]))


@reads("DepthwiseConv1D", "DepthwiseConv2D")
def _depthwise(node: Any) -> Layer:
    weights, fraction = _kernel(node)
    index = np.moveaxis(_channels(_windows(node), int(node.get_attr("n_chan"))), -1, 1)
    return _linear(node, index, np.moveaxis(weights, 1, 0), fraction, _product(node, node.weights["weight"]))


@reads("BatchNormalization", "ApplyAlpha")
def _affine(node: Any) -> Layer:
    common = _common(node)
    size = int(np.prod(common["shape"]))
    (scale, scale_fraction, _), (bias, bias_fraction) = _raw(node.weights["scale"]), _bias(node)
    scale, bias = (np.resize(v.reshape(-1), size) for v in (scale, bias))
    product = _product(node, node.weights["scale"])
    if _reads_signs(node, "scale"):
        common_fraction = max(scale_fraction, bias_fraction)
        bias = (bias << (common_fraction - bias_fraction)) - (scale << (common_fraction - scale_fraction))
        scale, bias_fraction = 2 * scale, common_fraction
    return Affine(
        **common, scale=scale, scale_fraction=scale_fraction, bias=bias, bias_fraction=bias_fraction, product=product
    )


@reads("BatchNormalizationQuantizedTanh")
def _quantized_tanh(node: Any) -> Layer:
    common = _common(node)
    t, size = _type(node.get_input_variable().type), int(np.prod(common["shape"]))
    binary = node.get_attr("quantize") == 2
    rows = [
        np.resize(t.raw(np.asarray(node.weights[name].data, np.float64)).reshape(-1), size)
        for name in (("threshold",) if binary else ("threshold_lo", "threshold_hi"))
    ]
    inclusive, values = ((True,), (0, 1)) if binary else ((False, False), (-1, 0, 1))
    return elementwise.Steps(
        **common, thresholds=np.stack(rows, axis=1), fraction=t.fraction, inclusive=inclusive, values=values
    )


@reads("TernaryTanh")
def _ternary_tanh(node: Any) -> Layer:
    common = _common(node)
    thresholds = np.tile(np.array([-1, 1]), (int(np.prod(common["shape"])), 1))
    t = _type(node.get_input_variable().type)
    halved = replace(t, integer=t.integer - 1)  # the C++ compares 2 * x, in the type of x, with -1 and 1
    return elementwise.Steps(
        **common, thresholds=thresholds, fraction=1, inclusive=(False, False), values=(-1, 0, 1), through=halved
    )


def _pool(node: Any, pixels: Index) -> Layer:
    channels = int(node.get_attr("n_filt"))
    index = np.moveaxis(_channels(pixels, channels), -1, 1).reshape(len(pixels) * channels, -1)
    accum, t = _type(node.types["accum_t"]), _type(node.get_input_variable().type)
    if node.get_attr("pool_op").lower() == "average":
        counts = bool(node.get_attr("count_pad"))
        return AveragePool(**_common(node), index=index, accum=accum, counts_padding=counts)
    highest_bit = t.min_raw if t.signed else 1 << (t.width - 1)
    return MaxPool(**_common(node), index=index, accum=accum, padding=highest_bit, padding_fraction=t.fraction)


@reads("Pooling1D", "Pooling2D")
def _pooling(node: Any) -> Layer:
    return _pool(node, _windows(node, "pool"))


@reads("GlobalPooling1D", "GlobalPooling2D")
def _global_pooling(node: Any) -> Layer:
    elements = int(np.prod(node.get_input_variable().shape))
    return _pool(node, np.arange(elements // int(node.get_attr("n_filt")))[None])


@reads("Activation")
def _activation(node: Any) -> Layer:
    name, common = node.get_attr("activation").lower(), _common(node)
    simple: dict[str, Callable[[], Layer]] = {
        "linear": lambda: elementwise.Linear(**common),
        "relu": lambda: elementwise.Relu(**common),
        "relu6": lambda: elementwise.Relu(**common, ceiling=6),
        "relu1": lambda: elementwise.Relu(**common, ceiling=1),
        "binary_tanh": lambda: elementwise.Steps(
            **common,
            thresholds=np.zeros((int(np.prod(common["shape"])), 1), np.int64),
            fraction=0,
            inclusive=(True,),
            values=(0, 1) if _is_xnor(node.get_output_variable()) else (-1, 1),
        ),
    }
    if name in simple:
        return simple[name]()
    if name in tables.BENDS:
        return _bent(node, name, 1, 0)
    if name in tables.FUNCTIONS:
        return tables.Table(
            **common, function=name, table_size=int(node.get_attr("table_size")), table=_type(node.types["table_t"])
        )
    raise _unsupported(
        node, f"activation '{name}' of layer '{node.name}' has no RTL yet", suggest(name, [*simple, *tables.FUNCTIONS])
    )


@reads("HardActivation")
def _hard(node: Any) -> Layer:
    slope_t, shift_t = (_type(node.types[f"{n}_t"]) for n in ("slope", "shift"))
    slope, shift = (int(t.raw(np.array(float(node.get_attr(n))))) for n, t in (("slope", slope_t), ("shift", shift_t)))
    return elementwise.HardSigmoid(**_common(node), slope=slope, slope_fraction=slope_t.fraction, shift=shift,
                                   shift_fraction=shift_t.fraction, symmetric="tanh" in node.get_attr("activation"))  # fmt: skip


@reads("ParametrizedActivation")
def _parametrized(node: Any) -> Layer:
    common, kind = _common(node), node._get_act_function_name()
    t = _type(node.types["param_t"])
    value = int(t.raw(np.array(float(node.get_attr("activ_param", 1.0)))))
    size = int(np.prod(common["shape"]))
    if kind == "leaky_relu":
        return elementwise.Slope(**common, slope=np.full(size, value), slope_fraction=t.fraction)
    if kind == "thresholded_relu":
        return elementwise.Threshold(**common, threshold=value, fraction=t.fraction)
    if kind == "elu":
        return _bent(node, "elu", value, t.fraction)
    raise _unsupported(node, f"activation '{kind}' of layer '{node.name}' has no RTL yet", "")


def _bent(node: Any, name: str, alpha: int, fraction: int) -> Layer:
    table, size = _type(node.types["table_t"]), int(node.get_attr("table_size"))
    bend, streamed = tables.BENDS[name], node.model.config.get_config_value("IOType") == "io_stream"
    # nnet_activation_stream.h: selu has its slope in the type of the data
    held = _type(node.get_input_variable().type) if streamed and name == "selu" else bend.held
    slope = int(held.raw(np.array(bend.slope)))
    return tables.Bent(**_common(node), function=name, table_size=size, table=table, alpha=alpha, alpha_fraction=fraction,
                       slope=slope, slope_fraction=held.fraction)  # fmt: skip


@reads("EinsumDense")
def _einsum_dense(node: Any) -> Layer:
    """nnet_einsum_dense.h: the input transposed to (in place, free, contracted), a dense layer for each of the first two
    with the weights of the first, the result transposed.

    Every dense layer has its own bias; positions share a group where theirs are the same.
    """
    inplace, free, inside, outputs = (
        int(node.get_attr(f"n_{n}")) for n in ("inplace", "free_data", "contract", "free_kernel")
    )
    shape = tuple(node.get_input_variable().shape)
    elements = np.arange(int(np.prod(shape))).reshape(shape).transpose(node.get_attr("inp_tpose_idxs"))
    index = np.moveaxis(elements.reshape(inplace, free, inside), 1, 0)  # (position, group, contracted)
    raw, fraction, _ = _raw(node.weights["weight"])
    weights = raw.reshape(inplace, inside, outputs)
    bias = np.moveaxis(_bias(node)[0].reshape(inplace, free, outputs), 1, 0)
    sums = np.arange(bias.size).reshape(free, inplace, outputs)  # the order in which Linear gives them
    if (bias == bias[:1]).all():
        bias = bias[0]
    else:
        index, weights = index.reshape(1, free * inplace, inside), np.tile(weights, (free, 1, 1))
    order = np.moveaxis(sums, 1, 0).reshape(node.get_attr("out_interpert_shape")).transpose(node.get_attr("out_tpose_idxs"))
    layer = _linear(node, index, weights, fraction, _product(node, node.weights["weight"]), bias.reshape(-1))
    if np.array_equal(order.reshape(-1), np.arange(order.size)):
        return layer
    return Reordered(**_common(node), inner=layer, order=order.reshape(-1))


@reads("PReLU")
def _prelu(node: Any) -> Layer:
    slope, fraction, _ = _raw(node.weights["param"])
    return elementwise.Slope(**_common(node), slope=slope.reshape(-1), slope_fraction=fraction)


@reads("Softmax")
def _softmax(node: Any) -> Layer:
    outer, inner = (int(node.get_attr(f"n_{side}", 1)) for side in ("outer", "inner"))
    if node.get_attr("implementation") == "stable":
        return _stable_softmax(node, outer, inner)
    common = _common(node)
    if outer * inner == 1:
        return _other_softmax(node, common)
    one = _other_softmax(node, {**common, "shape": (int(np.prod(common["shape"])) // (outer * inner),)})
    return softmax.OverAxis(**common, slice=one, outer=outer, inner=inner)


def _table_sizes(node: Any) -> tuple[int, int]:
    """Entries of the tables of the exponential and of one over the sum."""
    size = int(node.get_attr("table_size"))
    return int(node.get_attr("exp_table_size", size)), int(node.get_attr("inv_table_size", size))


def _table_types(node: Any) -> dict[str, Any]:
    names = {"exp": "exp_table_t", "inverse": "inv_table_t", "total": "inv_inp_t", "accum": "accum_t"}
    return {ours: _type(node.types[theirs]) for ours, theirs in names.items()}


def _other_softmax(node: Any, common: dict[str, Any]) -> Layer:
    """Along the whole tensor."""
    kind, t = node.get_attr("implementation"), _type(node.get_input_variable().type)
    if kind == "argmax":
        return softmax.ArgmaxSoftmax(**common)
    exp_size, inverse_size = _table_sizes(node)
    if kind == "legacy":
        return softmax.LegacySoftmax(**common, exp_size=exp_size, inverse_size=inverse_size)
    return softmax.LatencySoftmax(**common, **_table_types(node), logits=t, exp_size=exp_size, inverse_size=inverse_size)


def _stable_softmax(node: Any, outer: int, inner: int) -> Layer:
    t, (exp_size, inverse_size) = _type(node.get_input_variable().type), _table_sizes(node)
    norm = node.types.get("inp_norm_t")
    if norm is None:  # as hls4ml's template chooses it (core_templates.py: SoftmaxConfigTemplate)
        difference = FixedType(False, t.width - t.signed, t.integer - t.signed)
        exp_size = min(inverse_size, 1 << difference.width) if t.signed else exp_size
    else:
        difference = _type(norm)
    sizes: dict[str, Any] = {"exp_size": exp_size, "inverse_size": inverse_size, "outer": outer, "inner": inner}
    return tables.Softmax(**_common(node), **_table_types(node), difference=difference, **sizes)


@reads("Embedding")
def _embedding(node: Any) -> Layer:
    rows, fraction, _ = _raw(node.weights["embeddings"])
    return tables.Embedding(**_common(node), rows=rows.reshape(-1, int(node.get_attr("n_out"))), fraction=fraction)


@reads("Merge")
def _merge(node: Any) -> Layer:
    common, op = _common(node), node.get_attr("op").lower()
    sizes = [int(np.prod(node.model.output_vars[t].shape)) for t in node.inputs]
    index = [np.arange(int(np.prod(common["shape"]))) % size for size in sizes]  # the smaller one repeats as a whole
    return elementwise.Merge(**common, op=op, index=(index[0], index[1]))


@reads("Dot")
def _dot(node: Any) -> Layer:
    if any(_is_xnor(node.model.output_vars[t]) for t in node.inputs):
        raise _unsupported(node, f"layer '{node.name}' multiplies values of one bit (xnor), which our RTL does not", "")
    return elementwise.Dot(**_common(node), accum=_type(node.types["accum_t"]))


@reads("Concatenate")
def _concatenate(node: Any) -> Layer:
    shapes = [tuple(node.model.output_vars[t].shape) for t in node.inputs]
    starts = np.cumsum([0, *(int(np.prod(s)) for s in shapes)])
    parts = [start + np.arange(int(np.prod(s))).reshape(s) for s, start in zip(shapes, starts, strict=False)]
    axis = int(node.get_attr("axis"))
    return Gather(**_common(node), index=np.concatenate(parts, axis=axis - 1 if axis > 0 else axis).reshape(-1))


@reads("Clone")
def _clone(node: Any) -> Layer:
    """A stream read twice: in meaning, the value itself."""
    return elementwise.Linear(**_common(node))


@reads("Reshape", "Repack")
def _reshape(node: Any) -> Layer:
    return Gather(**_common(node), index=np.arange(int(np.prod(node.get_output_variable().shape))))


@reads("Transpose")
def _transpose(node: Any) -> Layer:
    shape = tuple(node.get_input_variable().shape)
    index = np.arange(int(np.prod(shape))).reshape(shape).transpose([int(p) for p in node.get_attr("perm")])
    return Gather(**_common(node), index=index.reshape(-1))


def _image(node: Any) -> Index:
    """Element numbers (height, width, channels) of the input; height 1 for a series."""
    height = int(node.get_attr("in_height") or 1)
    return np.arange(height * int(node.get_attr("in_width")) * int(node.get_attr("n_chan"))).reshape(
        height, int(node.get_attr("in_width")), -1
    )


def _sides(node: Any, prefix: str) -> Sequence[tuple[int, int]]:
    names = (("top", "bottom"), ("left", "right"))
    return [tuple(int(node.get_attr(f"{prefix}_{n}") or 0) for n in pair) for pair in names]  # type: ignore[misc]


@reads("ZeroPadding1D", "ZeroPadding2D")
def _padding(node: Any) -> Layer:
    padded = np.pad(_image(node), [*_sides(node, "pad"), (0, 0)], constant_values=-1)
    return Gather(**_common(node), index=padded.reshape(-1))


@reads("Cropping1D", "Cropping2D")
def _cropping(node: Any) -> Layer:
    (top, bottom), (left, right) = _sides(node, "crop")
    image = _image(node)
    return Gather(**_common(node), index=image[top : image.shape[0] - bottom, left : image.shape[1] - right].reshape(-1))


@reads("Resize")
def _resize(node: Any) -> Layer:
    image = _image(node)
    rows = int(node.get_attr("out_height") or 1) // image.shape[0] if image.shape[0] > 1 else 1
    columns = int(node.get_attr("out_width")) // image.shape[1]
    return Gather(**_common(node), index=image.repeat(rows, 0).repeat(columns, 1).reshape(-1))


@reads("CelesteExponents")
def _exponents(node: Any) -> Layer:
    return Exponents(**_common(node), design=node.design)


@reads("CelesteTerms")
def _pixel_terms(node: Any) -> Layer:
    return PixelTerms(**_common(node), design=node.design)


@reads("CelesteSums")
def _patch_sums(node: Any) -> Layer:
    first, count = node.chosen
    return PatchSums(**_common(node), first=first, count=count, moments=node.moments, patch=node.patch)


import fpga_ml.bridge.read_recurrent  # noqa: E402, F401  (registers its readers)
