"""Networks: the text is the golden, the verifier tells every fault at once, the interpreter is exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.testing import assert_equal

from fpga_ml.ir.kernel import Builder, Wire
from fpga_ml.ir.network import Channel, Fold, Map, Network, verify
from fpga_ml.numerics import FixedType

X, W, Y = (FixedType.parse(t) for t in ("ap_fixed<4,2>", "ap_fixed<3,1>", "ap_fixed<9,5>"))

GOLDEN = """\
network net(x) -> y
  channel x: [ap_fixed<4,2> x 4]
  channel sums: [ap_fixed<9,5>]
  channel y: [ap_fixed<9,5>]
  fold dot(x) -> sums  2 rounds of 2 elements, 2 added up, ROM 2 x 6 bits
  map positive(sums) -> y

kernel step(4) -> 1
  %0 = input[0: ap_fixed<4,2>]() : f2 -8..7
  %1 = input[1: ap_fixed<4,2>]() : f2 -8..7
  %2 = input[2: ap_fixed<3,1>]() : f2 -4..3
  %3 = input[3: ap_fixed<3,1>]() : f2 -4..3
  %4 = mul(%0, %2) : f4 -28..32
  %5 = mul(%1, %3) : f4 -28..32
  %6 = add(%4, %5) : f4 -56..64
  return %6

kernel positive(1) -> 1
  %0 = input[0: ap_fixed<9,5>]() : f4 -256..255
  %1 = const[0p0]() : f0 0..0
  %2 = max(%0, %1) : f4 0..255
  return %2
"""


def network() -> Network:
    """max(0, x . (1, -2, 3, -4) / 4)."""
    b = Builder("step")
    x, w = [b.input(Wire.of(X)) for _ in range(2)], [b.input(Wire.of(W)) for _ in range(2)]
    step = b.build([b.add(b.mul(x[0], w[0]), b.mul(x[1], w[1]))])
    last = Builder("positive")
    positive = last.build([last.max(last.input(Wire.of(Y)), last.const(0, 0))])
    given, sums, y = Channel("x", (X,) * 4), Channel("sums", (Y,)), Channel("y", (Y,))
    dot = Fold("dot", (given,), (sums,), step, ((0, 1), (2, 3)), ((1, -2), (3, -4)), (W, W), 2)
    return Network("net", (given,), ("y",), (dot, Map("positive", (sums,), (y,), positive)))


def test_text() -> None:
    assert network().text() == GOLDEN


def test_evaluates_exactly() -> None:
    x = np.random.default_rng(3).integers(X.min_raw, X.max_raw + 1, (50, 1, 4))
    assert_equal(network().evaluate({"x": x})["y"][:, 0, 0], np.maximum(x[:, 0] @ [1, -2, 3, -4], 0))


def test_every_fault_is_told_at_once() -> None:
    good = network()
    assert verify(good) == []
    dot, positive = good.processes
    assert isinstance(dot, Fold)
    narrow = replace(dot, writes=(Channel("sums", (X,)),))
    beyond = replace(dot, walk=((0, 1), (2, 4)))
    unmade = replace(positive, reads=(Channel("sum", (Y,)),))
    faults = verify(replace(good, processes=(narrow, unmade), outputs=("y", "z")))
    assert faults == [
        "dot: gives -74..76 with 4 fraction bits, not all of which ap_fixed<4,2> holds ('sums', element 0)",
        "positive: reads 'sum', which nothing before it makes (did you mean 'sums'?)",
        "net: gives 'z', which nothing makes",
    ]
    assert verify(replace(good, processes=(beyond, positive))) == ["dot: walks over elements that the 4 of 'x' do not have"]
    twice = verify(replace(good, processes=(dot, positive, positive)))
    assert twice == ["positive: writes 'y', which is made already"]
    finer = replace(good.inputs[0], types=(FixedType.parse("ap_fixed<5,3>"),) * 4)
    assert "dot: reads 'x' as x: [ap_fixed<4,2> x 4], it is made as x: [ap_fixed<5,3> x 4]" in verify(
        replace(good, inputs=(finer,))
    )
