"""What an hls4ml configuration says of our tables: on which arguments each layer's is chosen, and what a reader is told of
it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from fpga_ml.activations import CURVES, Curve, curve
from fpga_ml.backends import OURS
from fpga_ml.bridge.readers.activations import read
from fpga_ml.bridge.recurrent import function_name
from fpga_ml.bridge.tables import ANY, KINDS, ROLES, Reach, gate_table, parameters_of, table_of, types_of
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.prepare import Prepared
from fpga_ml.frontend.recurrent import gate_reaches, gate_types, inner, is_recurrent
from fpga_ml.frontend.reference import Reference
from fpga_ml.layers.base import Layer, Tensor
from fpga_ml.layers.tables import FUNCTIONS, Table
from fpga_ml.numerics import FixedType
from fpga_ml.passes.choose_table import MOST_COST

Section = dict[str, Any]
_POINTS = 4097
_ONLY_OURS = "TablesOnlyOurs"  # keys of a section whose functions hls4ml has no table of


def table_settings(prepared: Prepared, config: Config) -> dict[str, Section]:
    """{layer: what its section gets} for every layer with functions that may have a table of ours."""
    if prepared.calibrated is None or prepared.reference is None:
        return {}
    found: dict[str, Section] = {
        name: {"TableRange": list(reach)} for name, reach in _reaches(prepared.reference, prepared.x).items()
    }
    seen = gate_reaches(prepared.calibrated.model, prepared.x)
    for layer in (k for k in prepared.calibrated.model.layers if is_recurrent(k)):
        section = found.setdefault(layer.name, {})
        for role, t in gate_types(inner(layer)).items():
            key, _ = ROLES[role]
            section[key] = list(seen.get(layer.name, {}).get(role, ANY))
            section[_result_key(key)] = t.cpp()
            if function_name(inner(layer), role).startswith("hard_"):
                section[_ONLY_OURS] = [*section.get(_ONLY_OURS, ()), key, _result_key(key)]
    return found


def _reaches(reference: Reference, x: Any) -> dict[str, Reach]:
    """Of the layers that are such a function."""
    flow = reference.flow
    asked = {key: reads[0] for key, reads in flow.order if flow.kinds[key] in CURVES and reads}
    values = reference.probe.select(list(asked.values()), x) if asked else {}
    found: dict[str, Reach] = {}
    for key, before in asked.items():
        name, (low, high) = key.split("#")[0], found.get(key.split("#")[0], (np.inf, -np.inf))
        found[name] = (min(low, float(values[before].min())), max(high, float(values[before].max())))
    return found


def apply(sections: Mapping[str, Section], found: Mapping[str, Section], config: Config) -> None:
    """Put the settings into hls4ml's sections; a layer for which the user chose a table keeps hls4ml's, and so do backends
    whose C++ is not ours."""
    if config.backend not in OURS:
        _check_hard(found, config)
        return
    for name, section in sections.items():
        owners = [own for layer, own in config.layers.items() if name == layer or name.startswith(f"{layer}_")]
        has_table = "TableSize" in section and "ExpTableSize" not in section
        chosen = found.get(name, {"TableRange": list(ANY)} if has_table else {})
        if any(own.table_size is not None or "table" in own.precision for own in owners):
            chosen = {key: value for key, value in chosen.items() if key in chosen.get(_ONLY_OURS, ())}
        section |= chosen


def _check_hard(found: Mapping[str, Section], config: Config) -> None:
    """Raises FpgaMlError for a recurrent layer with a hard activation, of which only our tables have one in a cell."""
    for name in (n for n, section in found.items() if _ONLY_OURS in section):
        raise FpgaMlError(
            f"layer '{name}' has a hard (piecewise linear) activation, which {config.backend}'s C++ of a cell does not",
            where=f"layer '{name}'",
            do=f"use --backend {' or '.join(OURS)}, or sigmoid and tanh",
        )


def _result_key(key: str) -> str:
    return key.replace("Range", "Result")


def exact(graph: Any) -> frozenset[str]:
    """Layers whose table is the function itself, rounded."""
    made = {n.name: table_of(n) for n in graph.get_layers() if n.class_name in KINDS}
    return frozenset(name for name, table in made.items() if table is not None and table.cost == 0)


def notes(graph: Any, reaches: Mapping[str, Section]) -> list[str]:
    """What tables cost that cost more than rounding: the best that there are of ours, and those of hls4ml that are kept."""
    said = []
    for node in graph.get_layers():
        for role in ROLES:
            found = _cost(node, role, reaches.get(node.name, {}))
            if found is not None and found[0] > MOST_COST:
                cost, result, remedy = found
                said.append(
                    f"layer '{node.name}': the table of {node.get_attr(role)} costs up to {cost:.2g} steps of"
                    f" {result.cpp()}, where rounding costs 0.5: {remedy}"
                )
    return said


def _cost(node: Any, role: str, section: Section) -> tuple[float, FixedType, str] | None:
    """(what the table of a layer adds to the rounding, its result, what to do); None where the layer has no such table."""
    in_cell = node.get_attr("recurrent_activation") is not None or node.class_name in ("SimpleRNN", "LSTM", "GRU")
    if not in_cell and (role != "activation" or node.class_name not in KINDS):
        return None
    table = gate_table(node, role) if in_cell else table_of(node)
    if table is not None:
        return table.cost, table.result, "give the layer fewer bits"
    key, _ = ROLES[role]
    function, reach = str(node.get_attr(role)).lower(), tuple(section.get(key, ANY))
    if function not in CURVES or not np.isfinite(reach).all() or "table_t" not in node.types:
        return None
    types = _gate_types(node, section[_result_key(key)]) if in_cell else types_of(node)
    if types is None or (in_cell and function not in FUNCTIONS):
        return None
    layer = _gate(node, function, types[1]) if in_cell else replace(read(node), shape=(1,))
    f = curve(function, *parameters_of(node))
    ours = node.model.config.backend.name in OURS
    remedy = "leave out its table_size and table type" if ours else "use --backend Vitis, or a larger table_size"
    return _measured(layer, f, *types, (reach[0], reach[1])), types[1], remedy


def _gate_types(node: Any, result: str) -> tuple[FixedType, FixedType]:
    return FixedType.parse(str(node.types["accum_t"].precision)), FixedType.parse(result)


def _gate(node: Any, function: str, result: FixedType) -> Layer:
    """hls4ml's table of an activation inside a cell."""
    size, table = int(node.get_attr("table_size")), FixedType.parse(str(node.types["table_t"].precision))
    return Table(node.name, (), (1,), result, function, size, table)


def _measured(layer: Layer, f: Curve, given: FixedType, result: FixedType, reach: Reach) -> float:
    """How far a layer is from its function on the data's range, less the rounding, in steps of the result."""
    x = given.raw(np.linspace(*reach, _POINTS))
    got = result.real(layer.evaluate(Tensor(x[:, None], given)).raw[:, 0])
    return float(np.abs(got - f(given.real(x)).clip(result.min, result.max)).max() / result.lsb) - 0.5
