"""Functions of one value in an hls4ml graph, by tables of ours (nnet_table.h) in place of hls4ml's.

hls4ml's tables of sigmoid, tanh, softplus, softsign, elu and selu span ranges that its C++ fixes, in 1024 entries of
`ap_fixed<18,8>`: behind them a tensor of 16 bits is right to 8. A layer whose section of the configuration has `TableRange`,
the arguments that it meets on the data, gets a table that costs no more than the rounding of its result. A function that
hls4ml does not have (silu, log) always gets one: its node is an Activation like any other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from hls4ml.backends.template import Template
from hls4ml.model.optimizer.optimizer import optimizer_map
from hls4ml.model.types import FixedPrecisionType, IntegerPrecisionType

from fpga_ml.activations import CURVES, FUNCTIONS, ONLY_OURS, curve
from fpga_ml.bridge.own import add_source
from fpga_ml.bridge.patches import MENDED
from fpga_ml.layers.unary import UnaryTable
from fpga_ml.numerics import FixedType
from fpga_ml.passes.choose_table import choose

HEADER = Path(__file__).parent / "nnet_table.h"
INCLUDE = f"nnet_utils/{HEADER.name}"
Reach = tuple[float, float]
ANY: Reach = (-np.inf, np.inf)
KINDS = ("Activation", "ParametrizedActivation")  # of nodes
# Of a recurrent layer's activations: the key of the configuration, and what hls4ml's templates add to the names of each.
ROLES: Mapping[str, tuple[str, str]] = {
    "activation": ("TableRange", ""),
    "recurrent_activation": ("TableRangeRecurrent", "_recr"),
}


@lru_cache(maxsize=256)
def _chosen(function: str, parameters: tuple[float, ...], given: FixedType, result: FixedType, reach: Reach) -> UnaryTable:
    return choose(curve(function, *parameters), given, result, reach, FUNCTIONS[function].walls)


def _reach(node: Any, key: str) -> Reach | None:
    """As the configuration has it; None where the layer is to keep hls4ml's table."""
    found = node.model.config.get_layer_config_value(node, key)
    return None if found is None else (float(found[0]), float(found[1]))


def types_of(node: Any) -> tuple[FixedType, FixedType] | None:
    """Of what an activation reads and of its result; None where one of them is no fixed-point type."""
    precisions = [v.type.precision for v in (node.get_input_variable(), node.get_output_variable())]
    if not all(isinstance(p, (FixedPrecisionType, IntegerPrecisionType)) for p in precisions):
        return None
    return FixedType.parse(str(precisions[0])), FixedType.parse(str(precisions[1]))


def table_of(node: Any) -> UnaryTable | None:
    """Of an activation that has one of ours."""
    function, reach = str(node.get_attr("activation")).lower(), _reach(node, "TableRange")
    types = types_of(node) if node.class_name in KINDS and function in CURVES else None
    if reach is None and function in ONLY_OURS:
        reach = ANY
    if reach is None or types is None:
        return None
    return _chosen(function, parameters_of(node), *types, reach)


def parameters_of(node: Any) -> tuple[float, ...]:
    """Of an activation's function, behind its argument."""
    given = node.get_attr("activ_param")
    return tuple(node.get_attr("parameters") or ()) if given is None else (float(given),)


def gate_table(node: Any, role: str) -> UnaryTable | None:
    """Of an activation inside a recurrent cell, from the sums' type to the type that the configuration has for it."""
    key, _ = ROLES.get(role, ("", ""))  # a direction of hls4ml's Bidirectional keeps hls4ml's
    function, reach = str(node.get_attr(role)).lower(), _reach(node, key)
    if reach is None or function not in CURVES:
        return None
    result = FixedType.parse(str(node.model.config.get_layer_config_value(node, key.replace("Range", "Result"))))
    parameters = (float(node.get_attr(f"{role}_slope", 1.0)),) if function.startswith("hard_") else ()
    return _chosen(function, parameters, FixedType.parse(str(node.types["accum_t"].precision)), result, reach)


def members(t: UnaryTable) -> str:
    """What a table's configuration has besides hls4ml's."""
    rise = max(abs(v) for v in t.rises).bit_length() + 1
    numbers = {"place_bits": t.place.width, "fine": t.fine, "value_bits": t.value.width, "rise_bits": rise}
    types = {"place_t": t.place, "value_t": t.value, "result_t": t.result}
    least, most = t.ends
    return (
        "".join(f"    typedef {kind.cpp()} {name};\n" for name, kind in types.items())
        + "".join(f"    static const int {name} = {value};\n" for name, value in numbers.items())
        + f"    static const long long least = {least}LL;\n    static const long long most = {most}LL;\n"
        + cpp_array("entry", t.entries)
        + (cpp_array("rise", t.rises) if t.fine else "    static int rise(unsigned) { return 0; }\n")
    )


def cpp_array(name: str, values: tuple[int, ...]) -> str:
    """A function that gives the number of a place."""
    kind = "int" if max(abs(v) for v in values).bit_length() < 32 else "long long"
    lines = [", ".join(str(v) for v in values[k : k + 16]) for k in range(0, len(values), 16)]
    held = ",\n            ".join(lines)
    return (
        f"    static {kind} {name}(unsigned step) {{\n"
        f"        static const {kind} values[{len(values)}] = {{\n            {held}}};\n"
        "        return values[step];\n    }\n"
    )


def _inserted(text: str, struct: str, table: UnaryTable) -> str:
    """The text of configurations, one of them with a table's members."""
    end = text.index("};", text.index(f"struct {struct} "))
    return text[:end] + members(table) + text[end:]


def with_gates(node: Any, text: str) -> str:
    """The configuration of a recurrent layer with our tables of its activations."""
    for role, (_, suffix) in ROLES.items():
        table = gate_table(node, role) if node.get_attr(role) else None
        if table is not None:
            function = node.get_attr(role)
            text = _inserted(text, f"{function}_config{node.index}{suffix}", table)
            text = text.replace(f"using activation{suffix} = nnet::activation::{function}<",
                                f"using activation{suffix} = nnet::activation::table<")  # fmt: skip
    return text


class TableConfig(Template):  # type: ignore[misc]
    """hls4ml's configuration of an activation; with the members of our table where it has one."""

    def __init__(self, theirs: Any) -> None:
        super().__init__(theirs.name, theirs.layer_class, theirs.attribute_name)
        self.theirs = theirs

    def format(self, node: Any) -> str:
        text, table = str(self.theirs.format(node)), table_of(node)
        return text if table is None else _inserted(text, f"{node.get_attr('activation')}_config{node.index}", table)


class TableFunction(TableConfig):
    """hls4ml's call of an activation's function; of ours where it has our table."""

    def transform(self, model: Any, node: Any) -> bool:
        changed: bool = self.theirs.transform(model, node)
        if table_of(node) is not None:
            call = re.sub(r"nnet::\w+<", "nnet::table<", node.get_attr("function_cpp"), count=1)
            if node.class_name == "ParametrizedActivation":
                i, o = node.get_input_variable(), node.get_output_variable()
                config = f"{node.get_attr('activation')}_config{node.index}"
                call = f"nnet::table<{i.type.name}, {o.type.name}, {config}>({i.name}, {o.name});"
            node.set_attr("function_cpp", call)
            node.set_attr("include_header", [*node.get_attr("include_header"), INCLUDE])
        return changed


for _backend in ("vivado", "vitis"):  # Vitis has its own copies of Vivado's templates, OpenRTL takes Vivado's
    for _layers in ("activation_unarylut", "parametrizedactivation_prelu"):
        _key = f"{_backend}:{_layers}_config_template"
        MENDED.add(optimizer_map, _key, TableConfig(optimizer_map[_key]))
    _key = f"{_backend}:parametrizedactivation_function_template"
    MENDED.add(optimizer_map, _key, TableFunction(optimizer_map[_key]))
add_source(HEADER)
