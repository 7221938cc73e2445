"""Tables of which an input meets only every so many entries, or several inputs one: the lowered kernel equals the layer."""

from __future__ import annotations

import numpy as np
import pytest
from ladder import kernels_equal
from numpy.testing import assert_equal

from fpga_ml.ir.kernel import Builder, Wire
from fpga_ml.layers.base import Input
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.tables import FUNCTIONS, Table
from fpga_ml.numerics import FixedType

ENTRY, RESULT = FixedType.parse("ap_fixed<18,8>"), FixedType.parse("ap_fixed<12,2>")


@pytest.mark.parametrize("fraction", [-1, 0, 2, 4, 6, 9])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_value_of_a_coarse_or_fine_type(function: str, fraction: int) -> None:
    given = FixedType(True, 8, 8 - fraction)
    x = np.arange(-128, 128)[:, None] * 2.0**-fraction
    layers = (Input("x", (), (1,), given), Table("y", ("x",), (1,), RESULT, function, 1024, ENTRY))
    kernels_equal(LayerGraph.of(layers, [layers[-1].name]), [x], 256)


@pytest.mark.parametrize("low", [-6, -5, 0, 3])
@pytest.mark.parametrize("fraction", [0, -1, -2])
def test_only_the_entries_that_are_met(low: int, fraction: int) -> None:
    """Numbers in steps of 1, 2 and 4, in a table that need not begin at one of them."""
    numbers = [n for n in range(low, low + 13) if n % (1 << -fraction) == 0]
    wire = Wire.of(FixedType(True, 4, 4 - fraction))
    b = Builder("table")
    x = b.min(b.max(b.input(wire), b.const(numbers[0], 0)), b.const(numbers[-1], 0))
    kernel = b.build([b.lookup(x, range(100, 113), low, 0)])
    raw = np.array(numbers) >> -fraction
    inside = raw[(raw >= -8) & (raw < 8)]
    assert_equal(kernel.evaluate(inside)[0], 100 + (inside << -fraction) - low)
