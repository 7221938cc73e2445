"""The Keras layers of frontend/tensors.py as hls4ml layers, whose C++ is ours: a function in the layer's configuration,
which nnet_tensors.h gives arrays or streams."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hls4ml.backends import get_backend
from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
from hls4ml.converters.keras_v3._base import KerasV3LayerHandler, registry
from hls4ml.model.layers import Layer, register_layer

from fpga_ml.bridge.own import WITH_OWN_CPP, add_source, check_backend, precision_of
from fpga_ml.bridge.patches import ADDED
from fpga_ml.frontend import tensors as keras_layers
from fpga_ml.frontend.layers import exact_type
from fpga_ml.numerics import FixedType

HEADER = Path(__file__).parent / "nnet_tensors.h"


class _Tensor(Layer):  # type: ignore[misc]
    """Of a shape, and where `result_type` is given of a type, that the Keras layer said."""

    def initialize(self) -> None:
        check_backend(self, WITH_OWN_CPP)
        given = self.get_attr("result_type")
        known = {} if given is None else {"precision": precision_of(given)}
        self.add_output_variable(list(self.get_attr("out_shape")), **known)


def is_ours(node: Any) -> bool:
    """Whether a node's C++ is in HEADER."""
    return isinstance(node, _Tensor)


class Quantise(_Tensor):
    """types: of each element, None for one that is always 0."""


class Lookup(_Tensor):
    """which: the table of each element; tables: of each the type of the values that it is of, and its entries."""


class Arrange(_Tensor):
    """places: of each element, -1 for 0."""


class Scale(_Tensor):
    """bits: what the value is multiplied by, as a power of two."""


class Reduce(_Tensor):
    """op: sum, max or min; terms: (elements, terms), which elements of the tensor each is made of; groups: channels of the
    tensor that stay apart."""


class Products(_Tensor):
    """first, second: (elements, terms), which elements of the two tensors are multiplied and summed."""


def _made_of(layer: Any, shapes: Sequence[tuple[int, ...]], out: tuple[int, ...]) -> tuple[type[_Tensor], dict[str, Any]]:
    """The hls4ml layer of a Keras layer, and its attributes."""
    every = [np.arange(math.prod(shape)).reshape(shape) for shape in shapes]
    match layer:
        case keras_layers.Quantise():
            types = list(layer.types(shapes[0]))
            return Quantise, {"types": types, "result_type": layer.type}
        case keras_layers.Lookup():
            which = np.broadcast_to(layer.which, shapes[0]).reshape(-1)
            entries = np.concatenate([np.asarray(t) for t in layer.tables])
            own = {"which": which, "first": layer.first, "fraction": layer.fraction, "tables": layer.tables}
            return Lookup, {**own, "result_type": exact_type(entries)}
        case keras_layers.Arrange():
            return Arrange, {"places": layer.index}
        case keras_layers.Scale():
            return Scale, {"bits": layer.bits}
        case keras_layers.Reduce():
            axes = tuple(a % (len(shapes[0]) + 1) - 1 for a in layer.axes)
            kept = [a for a in range(len(shapes[0])) if a not in axes]
            index = every[0].transpose([*kept, *axes]).reshape(math.prod(out), -1)
            groups = shapes[0][-1] if len(shapes[0]) - 1 in kept else 1
            return Reduce, {"op": layer.op, "terms": index, "groups": groups}
        case keras_layers.Einsum():
            first, second = terms_of(layer.equation, every)
            return Products, {"first": first, "second": second}
    raise AssertionError(f"{type(layer).__name__} is not one of the tensors' layers")


def terms_of(equation: str, every: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Of an einsum of two tensors, the batch first: (elements, terms) of which elements are multiplied; every: the numbers
    of the tensors' elements in their shapes."""
    read, out = equation.split("->")
    letters = [part[1:] for part in read.split(",")]
    sizes = {c: n for part, numbers in zip(letters, every, strict=True) for c, n in zip(part, numbers.shape, strict=True)}
    order = [*out[1:], *(c for c in sizes if c not in out)]
    found = []
    for part, numbers in zip(letters, every, strict=True):
        own = numbers.transpose([part.index(c) for c in order if c in part])
        shape = [sizes[c] if c in part else 1 for c in order]
        whole = np.broadcast_to(own.reshape(shape), [sizes[c] for c in order])
        found.append(whole.reshape(math.prod(sizes[c] for c in out[1:]), -1))
    return found


class TensorHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """Each layer's own settings as attributes."""

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> dict[str, Any]:
        out = tuple(int(n) for n in out_tensors[0].shape[1:])
        kind, own = _made_of(layer, [tuple(t.shape[1:]) for t in in_tensors], out)
        return {"class_name": kind.__name__, **own, "out_shape": out}


def _list(values: Any) -> str:
    return ", ".join(str(int(v)) for v in np.asarray(values).reshape(-1))


def _quantise(node: Any) -> list[str]:
    """Statements for as many elements as it takes until their types come again."""
    types = node.get_attr("types")
    period = next(p for p in range(1, len(types) + 1) if len(types) % p == 0 and types == types[:p] * (len(types) // p))
    body = [f"res[i + {k}] = {'0' if t is None else f'{_cpp(t)}(data[i + {k}])'};" for k, t in enumerate(types[:period])]
    return [*_loop(f"i = 0; i < {len(types)}; i += {period}", body)]


def _cpp(t: FixedType) -> str:
    """Modes and all: what ap_fixed<W, I> alone would say is spelled too."""
    return f"ap_{'' if t.signed else 'u'}fixed<{t.width}, {t.integer}, AP_{t.rounding.value}, AP_{t.overflow.value}>"


def _loop(head: str, body: Sequence[str]) -> list[str]:
    return [f"for (unsigned {head}) {{", "    #pragma HLS UNROLL", *(f"    {line}" for line in body), "}"]


def _lookup(node: Any) -> list[str]:
    """The bits of a value, without a sign, are its place in the table."""
    lines, result = [], node.get_attr("result_type")
    first, fraction = node.get_attr("first"), node.get_attr("fraction")
    for number, table in enumerate(node.get_attr("tables")):
        bits = max((len(table) - 1).bit_length(), 1)
        size = 1 << bits
        entries = {(first[number] + k) % size: float(v) for k, v in enumerate(table)}  # a symmetric type leaves one out
        values = ", ".join(repr(entries.get(k, 0.0)) for k in range(size))
        lines.append(f"static const {result.cpp()} table{number}[{size}] = {{{values}}};")
        lines.append(f"typedef ap_{'u' if first[number] >= 0 else ''}fixed<{bits}, {bits - fraction[number]}> of{number};")
    which = list(node.get_attr("which"))
    period = next(p for p in range(1, len(which) + 1) if len(which) % p == 0 and which == which[:p] * (len(which) // p))
    body = []
    for k, t in enumerate(which[:period]):
        body.append(f"{{ of{t} value = data[i + {k}]; res[i + {k}] = table{t}[value.range().to_uint()]; }}")
    return [*lines, *_loop(f"i = 0; i < {len(which)}; i += {period}", body)]


def _arrange(node: Any) -> list[str]:
    index = node.get_attr("places")
    line = "if (index[i] < 0) res[i] = 0; else res[i] = data[index[i]];"
    return [f"static const int index[{len(index)}] = {{{_list(index)}}};", *_loop(f"i = 0; i < {len(index)}; i++", [line])]


def _scale(node: Any) -> list[str]:
    bits = node.get_attr("bits")
    line = f"res[i] = data[i] * ap_ufixed<1, {bits + 1}>({2.0**bits!r});"
    return _loop("i = 0; i < n_in; i++", [line])


def _reduce(node: Any) -> list[str]:
    index, op = node.get_attr("terms"), node.get_attr("op")
    step = {
        "sum": "found += data[index[i * n_terms + k]];",
        "max": "if (data[index[i * n_terms + k]] > found) found = data[index[i * n_terms + k]];",
    }
    inner = ["res_T found = data[index[i * n_terms]];", *_loop("k = 1; k < n_terms; k++", [step[op]]), "res[i] = found;"]
    return [*_terms("index", index), *_loop("i = 0; i < n_out; i++", inner)]


def _terms(name: str, index: np.ndarray) -> list[str]:
    head = [f"static const unsigned n_terms = {index.shape[1]};"] if name in ("index", "first") else []
    return [*head, f"static const unsigned {name}[{index.size}] = {{{_list(index)}}};"]


def _products(node: Any) -> list[str]:
    first, second = node.get_attr("first"), node.get_attr("second")
    product = "sum += data1[first[i * n_terms + k]] * data2[second[i * n_terms + k]];"
    inner = ["res_T sum = 0;", *_loop("k = 0; k < n_terms; k++", [product]), "res[i] = sum;"]
    return [*_terms("first", first), *_terms("second", second), *_loop("i = 0; i < n_out; i++", inner)]


_FUNCTIONS: Mapping[type[_Tensor], Callable[[Any], list[str]]] = {
    Quantise: _quantise,
    Lookup: _lookup,
    Arrange: _arrange,
    Scale: _scale,
    Reduce: _reduce,
    Products: _products,
}


def _function(node: Any) -> Callable[[Any], list[str]]:
    """A node's class is derived from ours, by its backend."""
    return next(function for kind, function in _FUNCTIONS.items() if isinstance(node, kind))


class TensorConfig(LayerConfigTemplate):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(tuple(_FUNCTIONS))

    def format(self, node: Any) -> str:
        sizes = {"n_in": math.prod(node.get_input_variable().shape), "n_out": math.prod(node.get_output_variable().shape)}
        arguments = "class data_T, class res_T"
        given = "data_T *data"
        if isinstance(node, Products):
            sizes["n_in2"] = math.prod(node.get_input_variable(node.inputs[1]).shape)
            arguments, given = "class data1_T, class data2_T, class res_T", "data1_T *data1, data2_T *data2"
        lines = [f"static const unsigned {name} = {value};" for name, value in sizes.items()]
        lines += [f"template <{arguments}> static void of({given}, res_T *res) {{"]
        lines += [f"    {line}" for line in ("#pragma HLS PIPELINE", *_function(node)(node))]
        return "\n".join([f"struct config{node.index} {{", *(f"    {line}" for line in [*lines, "}"]), "};\n"])


class TensorFunction(FunctionCallTemplate):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(tuple(_FUNCTIONS), include_header=[f"nnet_utils/{HEADER.name}"])

    def format(self, node: Any) -> str:
        variables = [*(node.get_input_variable(name) for name in node.inputs), node.get_output_variable()]
        types = ", ".join([*(v.type.name for v in variables), f"config{node.index}"])
        function = "tensors" if isinstance(node, Products) else "tensor"
        return f"nnet::{function}<{types}>({', '.join(v.name for v in variables)});"


def _register() -> None:
    """With hls4ml; a Vitis project takes Vivado's templates."""
    for kind in _FUNCTIONS:
        register_layer(kind.__name__, kind)
    for layer in keras_layers.TENSORS:
        ADDED.add(registry, layer.__name__, TensorHandler())
    for template in (TensorConfig, TensorFunction):
        get_backend("Vivado").register_template(template)
    add_source(HEADER)


_register()
