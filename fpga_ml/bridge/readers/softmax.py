"""The four softmaxes of hls4ml."""

from __future__ import annotations

from typing import Any

import numpy as np

from fpga_ml.bridge.readers.registry import (
    common_of,
    data_type,
    reads,
    type_of,
)
from fpga_ml.layers import softmax, tables
from fpga_ml.layers.base import Layer
from fpga_ml.numerics import FixedType


@reads("Softmax")
def _softmax(node: Any) -> Layer:
    outer, inner = (int(node.get_attr(f"n_{side}", 1)) for side in ("outer", "inner"))
    if node.get_attr("implementation") == "stable":
        return _stable_softmax(node, outer, inner)
    common = common_of(node)
    if outer * inner == 1:
        return _other_softmax(node, common)
    one = _other_softmax(node, {**common, "shape": (int(np.prod(common["shape"])) // (outer * inner),)})
    return softmax.OverAxis(**common, slice=one, outer=outer, inner=inner)


def _table_sizes(node: Any) -> tuple[int, int]:
    """Entries of the tables of the exponential and of one over the sum."""
    size = int(node.get_attr("table_size"))
    return int(node.get_attr("exp_table_size", size)), int(node.get_attr("inv_table_size", size))


def _scale(node: Any) -> float:
    """What the logits are multiplied by in the table of the exponential (an HGQ2 softmax of an attention has one)."""
    return float(node.get_attr("exp_scale", 1.0))


def _table_types(node: Any) -> dict[str, Any]:
    names = {"exp": "exp_table_t", "inverse": "inv_table_t", "total": "inv_inp_t", "accum": "accum_t"}
    return {ours: type_of(node.types[theirs]) for ours, theirs in names.items()}


def _other_softmax(node: Any, common: dict[str, Any]) -> Layer:
    """Along the whole tensor."""
    kind, t = node.get_attr("implementation"), data_type(node)
    if kind == "argmax":
        return softmax.ArgmaxSoftmax(**common)
    exp_size, inverse_size = _table_sizes(node)
    if kind == "legacy":
        return softmax.LegacySoftmax(**common, exp_size=exp_size, inverse_size=inverse_size)
    return softmax.LatencySoftmax(**common, **_table_types(node), logits=t, exp_size=exp_size, inverse_size=inverse_size,
                                  scale=_scale(node))  # fmt: skip


def _stable_softmax(node: Any, outer: int, inner: int) -> Layer:
    t, (exp_size, inverse_size) = data_type(node), _table_sizes(node)
    norm = node.types.get("inp_norm_t")
    if norm is None:  # as hls4ml's template chooses it (core_templates.py: SoftmaxConfigTemplate)
        difference = FixedType(False, t.width - t.signed, t.integer - t.signed)
        exp_size = min(inverse_size, 1 << difference.width) if t.signed else exp_size
    else:
        difference = type_of(norm)
    sizes: dict[str, Any] = {"exp_size": exp_size, "inverse_size": inverse_size, "outer": outer, "inner": inner}
    sizes["scale"] = _scale(node)
    return tables.Softmax(**common_of(node), **_table_types(node), difference=difference, **sizes)
