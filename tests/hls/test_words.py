"""Values wider than a double cross as 32-bit words, and come back whole."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fpga_ml.hls.words import DOUBLE_BITS, CppPort
from fpga_ml.numerics import FixedType


@given(st.data(), st.booleans(), st.integers(DOUBLE_BITS + 1, 128), st.integers(-20, 158))
def test_wide_values_come_back(data: st.DataObject, signed: bool, width: int, integer: int) -> None:
    t = FixedType(signed, width, integer)
    raws = [t.min_raw, t.max_raw, 0, 1, *data.draw(st.lists(st.integers(t.min_raw, t.max_raw), min_size=2, max_size=2))]
    port, raw = CppPort((3,), t, wide=True), np.array(raws, t.kind).reshape(2, 3)
    crossed = port.crossed(raw)
    assert crossed.shape == (2, *port.crossing) == (2, 3, -(-width // 32))
    assert crossed.dtype == np.float64
    words = [[raw >> 32 * k & 0xFFFFFFFF for k in range(port.words)] for raw in (r & (1 << width) - 1 for r in raws)]
    assert crossed.reshape(6, -1).tolist() == words
    assert port.raw(crossed).tolist() == raw.tolist()
    assert port.real(crossed).tolist() == t.real(raw).tolist()


def test_narrow_values_cross_as_doubles() -> None:
    port = CppPort((2,), FixedType.parse("ap_fixed<53,20>"), wide=False)
    raw = np.array([[-(2**52), 2**52 - 1]])
    assert port.crossing == (2,)
    assert port.crossed(raw).tolist() == [[-(2.0**19), (2**52 - 1) * 2.0**-33]]
    assert port.raw(port.crossed(raw)).tolist() == raw.tolist()
