"""Delay coefficients from place and route: measured clock periods of small designs, fitted step by step.

A delay is linear in the coefficients, so what a design says about each of them is asked of the delay model itself, with that
coefficient at 1 and the others at 0: the model's structure is written once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.devices import DelayModel
from fpga_ml.ir.kernel import Kernel
from fpga_ml.schedule.delay import delay_ns

Array = npt.NDArray[np.float64]

_EPSILON_NS = 1e-6

COEFFICIENTS = tuple(f.name for f in fields(DelayModel) if f.name.endswith("_ns"))

# (kinds of measurement, the coefficients they give): each step takes what was fitted before as known, and its first
# coefficient is the one that is raised to the envelope. What a period loses besides operations is learnt from chains of
# adders: a register behind a register tells too little, for its net is as short as they come.
_Order = Sequence[tuple[tuple[str, ...], tuple[str, ...]]]
_OTHERS: _Order = (
    (("compare",), ("compare_base_ns", "compare_per_bit_ns")),
    (("multiply",), ("multiply_base_ns", "multiply_per_bit_ns")),
    (("lookup",), ("lookup_per_address_bit_ns",)),
)
_ADDERS_FIRST: _Order = (
    (("adder", "chain"), ("register_ns", "adder_base_ns", "adder_per_bit_ns")),
    (("logic",), ("lut_ns",)),
    *_OTHERS,
)
# Where a carry chain is slow, sums that follow one another ripple side by side: together they take much less than one by
# one, and a fit of both says that an adder takes no time at all. Then logic tells what a period loses, and an adder is what
# it is alone.
_LOGIC_FIRST: _Order = (
    (("logic",), ("register_ns", "lut_ns")),
    (("adder",), ("adder_base_ns", "adder_per_bit_ns")),
    *_OTHERS,
)


@dataclass(frozen=True)
class Measurement:
    """step: which coefficients it is to give (logic, adder, chain of adders, compare, multiply, lookup); kernel: operations
    one after the other, all on the longest path."""

    step: str
    kernel: Kernel
    period_ns: float


def period_ns(kernel: Kernel, model: DelayModel) -> float:
    """From register to register through all operations of the kernel."""
    delays = [delay_ns(model, v, kernel.wires(n)) for n, v in enumerate(kernel.values)]
    return model.register_ns + sum(delays)


def fit(measurements: Sequence[Measurement], name: str, lut_inputs: int) -> DelayModel:
    """Least squares, then no design of a step is slower than the model says: coefficients in ns, none below 0."""
    found = _fit(measurements, name, lut_inputs, _ADDERS_FIRST)
    return found if found.adder_base_ns > 0 else _fit(measurements, name, lut_inputs, _LOGIC_FIRST)


def _fit(measurements: Sequence[Measurement], name: str, lut_inputs: int, order: _Order) -> DelayModel:
    nothing = _with(DelayModel(name, lut_inputs=lut_inputs), dict.fromkeys(COEFFICIENTS, 0.0))
    model = nothing
    for kinds, coefficients in order:
        own = [m for m in measurements if m.step in kinds]
        units = [_with(nothing, {c: 1.0}) for c in coefficients]
        rows = np.array([[period_ns(m.kernel, unit) for unit in units] for m in own])
        left = np.array([m.period_ns - period_ns(m.kernel, model) for m in own])
        found = _not_negative(rows, left)
        found[0] += max(float(np.max((left - rows @ found) / rows[:, 0])), 0.0)
        model = _with(model, dict(zip(coefficients, (float(v) for v in found), strict=True)))
    return model


def _with(model: DelayModel, coefficients: Mapping[str, float]) -> DelayModel:
    return replace(model, **dict[str, Any](coefficients))


def _not_negative(rows: Array, left: Array) -> Array:
    """Least squares; coefficients that would be below 0 are left out."""
    kept = list(range(rows.shape[1]))
    while kept:
        found = np.linalg.lstsq(rows[:, kept], left, rcond=None)[0]
        if (found >= 0).all():
            break
        kept = [k for k, value in zip(kept, found, strict=True) if value > 0]
    result = np.zeros(rows.shape[1])
    result[kept] = found if kept else 0.0
    return result


def rounded(model: DelayModel, digits: int = 3) -> DelayModel:
    """Coefficients rounded up, for a table to be read."""
    scale = 10**digits
    ups = {c: float(np.ceil(getattr(model, c) * scale - _EPSILON_NS) / scale) + 0.0 for c in COEFFICIENTS}
    return _with(model, ups)
