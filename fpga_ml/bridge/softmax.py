"""Softmax tables that do not flip decisions.

hls4ml's `stable` softmax (nnet_activation.h: softmax_stable) forms d = max - x in inp_norm_t, looks exp(-d) up by the
top bits of d, sums, looks 1/sum up, and multiplies. Its default tables flip the argmax of real classifiers (hls4ml
issue 1512) because d loses bits and exp is coarse. Here d keeps all its bits as the table's index, and the table grows
until no decision on the calibration data flips.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.backends import OURS
from fpga_ml.config import Config
from fpga_ml.frontend.reference import Reference
from fpga_ml.numerics import FixedType, Overflow, Rounding

_VALUE_FRACTION_BITS = 17
_MAX_TABLE_BITS = 16
_MAX_RANGE_BITS = 4  # exp(-16) is below the table's least bit


@dataclass(frozen=True)
class SoftmaxTables:
    """Types of one softmax: of the difference to the maximum, table entries, the sum, and the result."""

    difference: FixedType
    exp: FixedType
    total: FixedType
    inverse: FixedType
    result: FixedType
    inverse_bits: int
    flips: int

    @property
    def exp_size(self) -> int:
        return 1 << self.difference.width

    @property
    def inverse_size(self) -> int:
        return 1 << self.inverse_bits


def tables_for(
    model: Any, reference: Reference, x: Sequence[npt.NDArray[np.float64]], config: Config
) -> dict[str, SoftmaxTables]:
    """{layer: tables} for every softmax of a Keras model whose settings the user left to us, from what it sees on the data
    x.

    Only hls4ml's AMD backends take the types of tables one by one.
    """
    if config.backend not in OURS:
        return {}
    read = {key: reads[0] for key, reads in reference.flow.order if reference.flow.kinds[key] == "softmax"}
    free = {k: r for k, r in read.items() if not (own := config.layer(k.split("#")[0])).softmax and not own.precision}
    if not free:
        return {}
    logits = reference.probe.select(list(free.values()), x)
    found = {}
    for key, r in free.items():
        layer = model.get_layer(key.split("#")[0])
        rows = np.moveaxis(logits[r], getattr(layer, "axis", -1), -1)
        found[layer.name] = choose(rows.reshape(-1, rows.shape[-1]), config.softmax_table_bits)
    return found


def choose(logits: npt.NDArray[np.float64], table_bits: int) -> SoftmaxTables:
    """Tables for logits (N, classes) in at least 2**table_bits entries; the smallest that flip no argmax, else the
    largest tried."""
    reach = float((logits.max(-1, keepdims=True) - logits).max())
    range_bits = min(max(math.ceil(math.log2(reach)) if reach > 1 else 0, 1), _MAX_RANGE_BITS)
    found = None
    for bits in range(table_bits, max(table_bits, _MAX_TABLE_BITS) + 1):
        tables = _tables(bits, range_bits, logits.shape[-1])
        flips = int(np.count_nonzero(evaluate(logits, tables).argmax(-1) != logits.argmax(-1)))
        found = _tables(bits, range_bits, logits.shape[-1], flips)
        if not flips:
            break
    assert found is not None
    return found


def _tables(bits: int, range_bits: int, classes: int, flips: int = 0) -> SoftmaxTables:
    growth = math.ceil(math.log2(classes)) if classes > 1 else 0

    def unsigned(integer: int, fraction: int) -> FixedType:
        return FixedType(False, integer + fraction, integer, Rounding.RND, Overflow.SAT)

    value = unsigned(1, _VALUE_FRACTION_BITS)
    total = unsigned(1 + growth, _VALUE_FRACTION_BITS)
    return SoftmaxTables(unsigned(range_bits, bits - range_bits), value, total, value, value, min(bits, 12), flips)


def evaluate(logits: npt.NDArray[np.float64], t: SoftmaxTables) -> npt.NDArray[np.float64]:
    """What the C++ computes from exact logits (N, classes)."""
    d = t.difference.quantise(logits.max(-1, keepdims=True) - logits)
    e = t.exp.quantise(np.exp(-d.astype(np.float32)).astype(np.float64))
    total = t.total.quantise(e.sum(-1, keepdims=True))
    index = t.total.raw(total) >> (t.total.width - t.inverse_bits)
    centre = np.ldexp(index.astype(np.float64), t.total.integer - t.inverse_bits)
    inverse = t.inverse.quantise((np.float32(1) / centre.astype(np.float32)).astype(np.float64))
    return t.result.quantise(e * inverse)
