"""Functions of one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from fpga_ml.bridge.readers.registry import (
    common_of,
    data_type,
    is_xnor,
    raw_of,
    reads,
    type_of,
    unsupported,
)
from fpga_ml.bridge.rounders import thresholds_of
from fpga_ml.bridge.tables import table_of
from fpga_ml.frontend.layers import exact_type
from fpga_ml.layers import elementwise, tables
from fpga_ml.layers.base import Layer
from fpga_ml.layers.unary import Unary


@reads("BatchNormalizationQuantizedTanh")
def _quantized_tanh(node: Any) -> Layer:
    common = common_of(node)
    t, size = data_type(node), int(np.prod(common["shape"]))
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
    common = common_of(node)
    thresholds = np.tile(np.array([-1, 1]), (int(np.prod(common["shape"])), 1))
    t = data_type(node)
    halved = replace(t, integer=t.integer - 1)  # the C++ compares 2 * x, in the type of x, with -1 and 1
    return elementwise.Steps(
        **common, thresholds=thresholds, fraction=1, inclusive=(False, False), values=(-1, 0, 1), through=halved
    )


@reads("Steps")
def _steps(node: Any) -> Layer:
    common = common_of(node)
    reached, t = thresholds_of(node)
    values = common["result"].raw(np.asarray(node.get_attr("values"), np.float64))
    return elementwise.Steps(
        **common,
        thresholds=np.tile(np.array(reached, np.int64), (int(np.prod(common["shape"])), 1)),
        fraction=t.fraction,
        inclusive=(True,) * len(reached),
        values=tuple(int(v) for v in values),
        values_fraction=common["result"].fraction,
    )


@reads("Bounded")
def _bounded(node: Any) -> Layer:
    common, slope = common_of(node), np.array([float(node.get_attr("slope"))])
    t, result = exact_type(slope), common["result"]
    low, high = (int(v) for v in result.raw(np.array([float(node.get_attr(n)) for n in ("low", "high")])))
    size = int(np.prod(common["shape"]))
    return elementwise.Bounded(
        **common, slope=np.full(size, int(t.raw(slope)[0])), slope_fraction=t.fraction, low=low, high=high
    )


@reads("Activation")
def _activation(node: Any) -> Layer:
    name, common, table = node.get_attr("activation").lower(), common_of(node), table_of(node)
    if table is not None:
        return Unary(**common, table=table)
    simple: dict[str, Callable[[], Layer]] = {
        "linear": lambda: elementwise.Requantise(**common),
        "relu": lambda: elementwise.Relu(**common),
        "relu6": lambda: elementwise.Relu(**common, ceiling=6),
        "relu1": lambda: elementwise.Relu(**common, ceiling=1),
        "binary_tanh": lambda: elementwise.Steps(
            **common,
            thresholds=np.zeros((int(np.prod(common["shape"])), 1), np.int64),
            fraction=0,
            inclusive=(True,),
            values=(0, 1) if is_xnor(node.get_output_variable()) else (-1, 1),
        ),
    }
    if name in simple:
        return simple[name]()
    if name in tables.BENDS:
        return _bent(node, name, 1, 0)
    if name in tables.FUNCTIONS:
        return tables.Table(
            **common, function=name, table_size=int(node.get_attr("table_size")), table=type_of(node.types["table_t"])
        )
    others = ", ".join(sorted((*simple, *tables.FUNCTIONS)))
    raise unsupported(node, f"activation '{name}' of layer '{node.name}' has no RTL yet", f"or use one of {others}")


def read(node: Any) -> Layer:
    """An activation, with or without a parameter."""
    return _parametrized(node) if node.class_name == "ParametrizedActivation" else _activation(node)


@reads("HardActivation")
def _hard(node: Any) -> Layer:
    slope_t, shift_t = (type_of(node.types[f"{n}_t"]) for n in ("slope", "shift"))
    slope, shift = (int(t.raw(np.array(float(node.get_attr(n))))) for n, t in (("slope", slope_t), ("shift", shift_t)))
    return elementwise.HardSigmoid(**common_of(node), slope=slope, slope_fraction=slope_t.fraction, shift=shift,
                                   shift_fraction=shift_t.fraction, symmetric="tanh" in node.get_attr("activation"))  # fmt: skip


@reads("ParametrizedActivation")
def _parametrized(node: Any) -> Layer:
    common, kind = common_of(node), node._get_act_function_name()
    t = type_of(node.types["param_t"])
    value = int(t.raw(np.array(float(node.get_attr("activ_param", 1.0)))))
    size = int(np.prod(common["shape"]))
    if kind == "leaky_relu":
        return elementwise.Slope(**common, slope=np.full(size, value), slope_fraction=t.fraction)
    if kind == "thresholded_relu":
        if value == 0:
            return elementwise.Relu(**common)
        return elementwise.Threshold(**common, threshold=value, fraction=t.fraction)
    table = table_of(node)
    if table is not None:
        return Unary(**common, table=table)
    if kind == "elu":
        return _bent(node, "elu", value, t.fraction)
    raise unsupported(node, f"activation '{kind}' of layer '{node.name}' has no RTL yet", "")


def _bent(node: Any, name: str, alpha: int, fraction: int) -> Layer:
    table, size = type_of(node.types["table_t"]), int(node.get_attr("table_size"))
    bend, streamed = tables.BENDS[name], node.model.config.get_config_value("IOType") == "io_stream"
    # nnet_activation_stream.h: selu has its slope in the type of the data
    held = data_type(node) if streamed and name == "selu" else bend.held
    slope = int(held.raw(np.array(bend.slope)))
    return tables.Bent(**common_of(node), function=name, table_size=size, table=table, alpha=alpha, alpha_fraction=fraction,
                       slope=slope, slope_fraction=held.fraction)  # fmt: skip


@reads("PReLU")
def _prelu(node: Any) -> Layer:
    slope, fraction, _ = raw_of(node.weights["param"])
    return elementwise.Slope(**common_of(node), slope=slope.reshape(-1), slope_fraction=fraction)
