"""What an hls4ml configuration says of our tables: on which arguments each layer's is chosen, and what a reader is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fpga_ml.bridge.tables import ANY, BACKENDS, ROLES, Reach, gate_table, table_of
from fpga_ml.config import Config
from fpga_ml.frontend.prepare import Prepared
from fpga_ml.frontend.recurrent import gate_reaches, gate_types, inner, is_recurrent
from fpga_ml.frontend.reference import Reference
from fpga_ml.layers.unary import CURVES

Section = dict[str, Any]


def table_settings(prepared: Prepared, config: Config) -> dict[str, Section]:
    """{layer: what its section gets} for every layer with functions that may have a table of ours; {} for backends whose C++
    has none."""
    if config.backend not in BACKENDS or prepared.calibrated is None or prepared.reference is None:
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
            section[key.replace("Range", "Result")] = t.cpp()
    return found


def _reaches(reference: Reference, x: Any) -> dict[str, Reach]:
    """Of the layers that are such a function."""
    flow = reference.flow
    asked = {key: reads[0] for key, reads in flow.order if flow.kinds[key] in CURVES and reads}
    values = reference.probe.select(list(asked.values()), x) if asked else {}
    found: dict[str, Reach] = {}
    for key, read in asked.items():
        name, (low, high) = key.split("#")[0], found.get(key.split("#")[0], (np.inf, -np.inf))
        found[name] = (min(low, float(values[read].min())), max(high, float(values[read].max())))
    return found


def apply(sections: Mapping[str, Section], found: Mapping[str, Section], config: Config) -> None:
    """Put the settings into hls4ml's sections; a layer for which the user chose a table keeps hls4ml's."""
    for name, section in sections.items():
        owners = [own for layer, own in config.layers.items() if name == layer or name.startswith(f"{layer}_")]
        if any(own.table_size is not None or "table" in own.precision for own in owners):
            continue
        has_table = "TableSize" in section and "ExpTableSize" not in section
        section |= found.get(name, {"TableRange": list(ANY)} if has_table else {})


def notes(graph: Any) -> list[str]:
    """What tables cost that no table is good enough for."""
    said = []
    for node in graph.get_layers():
        roles = [r for r in ROLES if node.get_attr(r)] if node.get_attr("recurrent_activation") else []
        tables = {r: gate_table(node, r) for r in roles} or {
            "activation": table_of(node) if node.get_attr("activation") else None
        }
        for role, table in tables.items():
            if table is not None and table.cost > 0.5:
                said.append(
                    f"layer '{node.name}': the table of {node.get_attr(role)} has {len(table.entries)} entries and costs up to "
                    f"{table.cost:.2g} steps of {table.result.cpp()}, where rounding costs 0.5: give the layer fewer bits"
                )
    return said
