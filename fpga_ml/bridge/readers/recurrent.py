"""Recurrent layers of the hls4ml graph as typed layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from fpga_ml.bridge.readers.registry import (
    common_of,
    is_xnor,
    product_of,
    raw_of,
    reads,
    reuse_of,
    type_of,
    unsupported,
)
from fpga_ml.bridge.tables import gate_table
from fpga_ml.bridge.walk import kind_of
from fpga_ml.ir.kernel import Wire
from fpga_ml.ir.network.channel import holds
from fpga_ml.layers import elementwise, tables
from fpga_ml.layers.base import Layer
from fpga_ml.layers.gather import Gather
from fpga_ml.layers.linear import Linear
from fpga_ml.layers.recurrent import Bidirectional, Cell, GruCell, LstmCell, Recurrent, SimpleCell
from fpga_ml.layers.unary import Unary
from fpga_ml.numerics import FixedType


@reads("SimpleRNN", "LSTM", "GRU")
def _recurrent(node: Any) -> Layer:
    steps = int(node.get_input_variable().shape[0])
    return Recurrent(**common_of(node), cell=_cell(node), steps=steps, sequences=bool(node.get_attr("return_sequences")))


@reads("Walk")
def _walk(node: Any) -> Layer:
    cell = _cell(node)
    steps, whole = int(node.get_input_variable().shape[0]), int(node.get_attr("out_shape")[-1]) > cell.units
    sequences, kept = bool(node.get_attr("return_sequences")), bool(node.get_attr("stateful"))
    return Recurrent(**common_of(node), cell=cell, steps=steps, sequences=sequences, whole=whole, kept=kept)


@reads("Pick")
def _pick(node: Any) -> Layer:
    given, shape = node.get_input_variable().shape, tuple(int(n) for n in node.get_output_variable().shape)
    index = np.arange(int(np.prod(given))).reshape(*(int(n) for n in given))
    first = int(node.get_attr("first"))
    some = index[..., first : first + shape[-1]]
    if node.get_attr("reversed"):
        some = some[::-1]
    return Gather(**common_of(node), index=(some if some.shape == shape else some[-1]).reshape(-1))


@reads("Bidirectional")
def _bidirectional(node: Any) -> Layer:
    common, sequences = common_of(node), bool(node.get_attr("return_sequences"))
    data = node.get_input_variable()
    ways = []
    for way in ("forward_", "backward_"):
        cell = _cell(node, way)
        shape = (*common["shape"][:-1], cell.units)
        ways.append(Recurrent(**{**common, "shape": shape}, cell=cell, steps=int(data.shape[0]), sequences=sequences))
    return Bidirectional(**common, forward=ways[0], backward=ways[1], given=type_of(data.type))


def _cell(node: Any, way: str = "") -> Cell:
    """way: the prefix of what belongs to one direction."""
    accum, state = type_of(node.types["accum_t"]), type_of(node.get_output_variable().type)
    data = node.get_input_variable()
    if is_xnor(data):
        raise unsupported(node, f"layer '{node.name}' reads values of one bit (xnor), which our RTL does not", "")
    inputs = _products(node, f"{way}weight", f"{way}bias", type_of(data.type), accum)
    recurrent = _products(node, f"{way}recurrent_weight", f"{way}recurrent_bias", state, accum)
    kind = node.get_attr(f"{way}class_name") if way else kind_of(node)
    activation = _activation(node, f"{way}activation", accum)
    if kind == "SimpleRNN":
        return SimpleCell(inputs, recurrent, activation, state)
    gate = _activation(node, f"{way}recurrent_activation", accum)
    if kind == "LSTM":
        return LstmCell(inputs, recurrent, activation, state, gate)
    before = node.get_attr(f"{way}apply_reset_gate") == "before"
    return GruCell(inputs, recurrent, activation, state, gate, before)


def _products(node: Any, weight: str, bias: str, data: FixedType, accum: FixedType) -> Linear:
    """A dense layer of a vector, in accum."""
    variable = node.weights[weight]
    raw, fraction, _ = raw_of(variable)
    weights = raw.T if node.get_attr("_weights_transposed") else raw
    starts, bias_fraction, _ = raw_of(node.weights[bias])
    product = product_of(variable, data)
    if product is not None and product.fraction >= data.fraction + fraction:
        product = None  # loses nothing
    return Linear(
        name=f"{node.name}_{weight}",
        reads=(),
        shape=(weights.shape[1],),
        result=accum,
        index=np.arange(weights.shape[0]).reshape(1, 1, -1),
        weights=weights[None],
        weight_fraction=fraction,
        bias=starts.reshape(-1),
        bias_fraction=bias_fraction,
        accum=accum,
        product=product,
        reuse=reuse_of(node),
    )


def _activation(node: Any, role: str, accum: FixedType) -> Layer:
    """From accum to accum; where accum holds all that a table has, the table's type says the same."""
    function = node.get_attr(role).lower()
    common: dict[str, Any] = {"name": f"{node.name}_{role}", "reads": (), "shape": (), "result": accum}
    if function == "linear":
        return elementwise.Requantise(**common)
    if function == "relu":
        return elementwise.Relu(**common)
    own = gate_table(node, role)
    if own is not None:
        if holds(accum, Wire.of(own.result)):
            common["result"] = own.result
        return Unary(**common, table=own)
    if function in ("sigmoid", "tanh"):
        size, table = int(node.get_attr("table_size")), type_of(node.types["table_t"])
        if holds(accum, Wire.of(table)):
            common["result"] = table
        return tables.Table(**common, function=function, table_size=size, table=table)
    raise unsupported(node, f"{role} '{function}' of layer '{node.name}' has no RTL yet", "")
