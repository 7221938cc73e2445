"""Fitting delay coefficients: a known model is found again, no measurement is above the fit, none is below zero."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import pytest

from fpga_ml.config import Config
from fpga_ml.devices import GENERIC, PIPELINED, DelayModel
from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.kernel import Builder, Kernel, Wire
from fpga_ml.numerics import FixedType
from fpga_ml.schedule.fit import COEFFICIENTS, Measurement, fit, period_ns, rounded

TRUTH = DelayModel("truth", 0.9, 0.75, 4, 1.1, 0.03, 1.2, 0.02, 4.0, 0.05, 0.4)


def operation(name: str, *widths: int, table: tuple[int, ...] = ()) -> Kernel:
    b = Builder(name)
    x = [b.input(Wire.of(FixedType(False, w, w))) for w in widths]
    return b.build([b.lookup(x[0], table, 0, 0) if table else getattr(b, name)(*x)])


def chain(depth: int, width: int) -> Kernel:
    b = Builder("chain")
    t = FixedType(False, width, width)
    return b.build([reduce(b.add, [b.input(Wire.of(t)) for _ in range(depth + 1)])])


def kernels() -> list[tuple[str, Kernel]]:
    return [
        *(("logic", operation("select", n, 8, 8)) for n in (4, 9, 30)),
        *(("adder", chain(1, w)) for w in (6, 12, 20)),
        *(("chain", chain(2, w)) for w in (6, 12, 20)),
        *(("compare", operation("less", w, w)) for w in (6, 12, 20)),
        *(("multiply", operation("mul", w, w)) for w in (4, 8, 16)),
        *(("lookup", operation("lookup", n, table=tuple(range(1 << n)))) for n in (5, 7, 9)),
    ]


def test_a_known_model_is_found_again() -> None:
    found = fit([Measurement(step, k, period_ns(k, TRUTH)) for step, k in kernels()], "truth", 4)
    for coefficient in COEFFICIENTS:
        assert getattr(found, coefficient) == pytest.approx(getattr(TRUTH, coefficient)), coefficient


def test_no_measurement_is_above_the_fit() -> None:
    measured = [
        Measurement(step, k, period_ns(k, TRUTH) * (1.2 if number % 2 else 0.9))
        for number, (step, k) in enumerate(kernels())
    ]
    found = rounded(fit(measured, "noisy", 4), 2)
    for m in measured:
        assert period_ns(m.kernel, found) >= m.period_ns - 1e-9


def test_what_gets_faster_with_width_is_taken_as_flat() -> None:
    falling = replace(TRUTH, adder_per_bit_ns=-0.01)
    found = fit([Measurement(step, k, period_ns(k, falling)) for step, k in kernels()], "falling", 4)
    assert found.adder_per_bit_ns == 0
    for step, kernel in kernels():
        assert period_ns(kernel, found) >= period_ns(kernel, falling) - 1e-9, step


def test_sums_that_ripple_side_by_side() -> None:
    """Where a chain of sums takes hardly longer than one, an adder is what it is alone, and logic tells the rest."""
    slow = replace(TRUTH, adder_per_bit_ns=0.2)
    alone = {"chain": [chain(1, w) for w in (6, 12, 20)]}
    rippling = []
    for step, k in kernels():
        timed = alone[step].pop(0) if step in alone else k
        rippling.append(Measurement(step, k, period_ns(timed, slow)))
    found = fit(rippling, "rippling", 4)
    assert found.register_ns == pytest.approx(TRUTH.register_ns)
    assert (found.adder_base_ns, found.adder_per_bit_ns) == pytest.approx((TRUTH.adder_base_ns, 0.2))


def test_coefficients_are_rounded_up() -> None:
    assert rounded(replace(TRUTH, lut_ns=0.7501), 2).lut_ns == 0.76
    assert rounded(TRUTH, 2) == TRUTH


def test_devices() -> None:
    assert PIPELINED["generic-16nm"] is GENERIC
    assert PIPELINED["ecp5-85k"].lut_inputs == 4
    with pytest.raises(FpgaMlError, match="unknown device 'ecp5-85'") as error:
        Config().replace(device="ecp5-85")
    assert "ecp5-85k" in str(error.value)
