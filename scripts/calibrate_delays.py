"""Delay coefficients of ECP5 by place and route, as the entry for fpga_ml/schedule/devices.py.

Small designs, each one operation or a chain of one kind of operation between registers, go through our emitter, Yosys
(synth_ecp5) and nextpnr-ecp5 with several seeds; the median period of each is fitted (fpga_ml/schedule/fit.py).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from itertools import accumulate
from pathlib import Path

import numpy as np
from fpga_ml.rtl.layer import Layer, Tensor, emit_layer

from fpga_ml.ir.kernel import Builder, Kernel, Wire
from fpga_ml.numerics import FixedType
from fpga_ml.schedule import schedule
from fpga_ml.schedule.fit import Measurement, fit, period_ns, rounded
from fpga_ml.toolchain.nextpnr import place_and_route
from fpga_ml.toolchain.yosys import resources

GOAL_NS = 1.0  # faster than anything gets, so that the tools try
LUT_INPUTS = 4
TIMEOUT_S = 600
LONG_NS = 1000.0


def unsigned(width: int) -> FixedType:
    return FixedType(False, width, width)


def kernel(widths: list[int], made: Callable[[Builder, list[int]], int]) -> Kernel:
    b = Builder("dut")
    return b.build([made(b, [b.input(Wire.of(unsigned(w))) for w in widths])])


def chain(width: int, depth: int) -> Kernel:
    """Sum after sum, each of them an output too: else Yosys makes one sum of many operands, which a network's seldom are."""
    b = Builder("dut")
    x = [b.input(Wire.of(unsigned(width))) for _ in range(depth + 1)]
    return b.build(list(accumulate(x, b.add))[1:])


def table(bits: int) -> tuple[int, ...]:
    return tuple(int(v) for v in np.random.default_rng(bits).integers(0, 256, 1 << bits))


def kernels() -> Iterator[tuple[str, Kernel]]:
    """(step of the fit, operations in a row)."""
    yield from (("logic", kernel([n, 8, 8], lambda b, x: b.select(x[0], x[1], x[2]))) for n in (4, 8, 16, 24, 32))
    yield from (("adder", chain(w, d)) for w in (5, 8, 12, 16, 20, 24) for d in (1, 2, 3))
    yield from (("compare", kernel([w, w], lambda b, x: b.less(x[0], x[1]))) for w in (5, 8, 12, 16, 20, 24))
    yield from (
        ("multiply", kernel([a, c], lambda b, x: b.mul(x[0], x[1])))
        for a, c in ((4, 4), (6, 6), (8, 8), (12, 8), (12, 12), (16, 16), (18, 18))
    )
    yield from (("lookup", kernel([n], lambda b, x, n=n: b.lookup(x[0], table(n), 0, 0))) for n in (5, 6, 7, 8, 9, 10))


def registered(dut: Kernel) -> str:
    """The kernel as a module without registers, and a top with two ranks of them before it and two behind."""
    reads = Tensor("x", tuple(dut.values[k].wire.type for k in dut.inputs))
    writes = Tensor("y", tuple(dut.values[k].wire.type for k in dut.outputs))
    logic = emit_layer("dut", Layer(dut, (reads,), (writes,)), schedule(dut, LONG_NS))
    i, o = reads.width_bits - 1, writes.width_bits - 1
    return (
        logic
        + f"""
module top (input logic clk, input logic [{i}:0] x, output logic [{o}:0] y);
  logic [{i}:0] x1, x2;
  logic [{o}:0] made, y1;
  dut logic_ (.x(x2), .y(made));
  always_ff @(posedge clk) begin
    x1 <= x; x2 <= x1; y1 <= made; y <= y1;
  end
endmodule
"""
    )


def measured_ns(dut: Kernel, seeds: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "top.sv").write_text(registered(dut))
        resources([folder / "top.sv"], "top", "ecp5", TIMEOUT_S, folder)
        placed = [place_and_route(folder / "netlist.json", GOAL_NS, seed, TIMEOUT_S) for seed in range(1, seeds + 1)]
    return statistics.median(p.period_ns for p in placed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    found = []
    for step, dut in kernels():
        found.append(Measurement(step, dut, measured_ns(dut, arguments.seeds)))
        widths = " ".join(str(dut.values[k].wire.type.width) for k in dut.inputs)
        print(f"# {step} {widths}: {found[-1].period_ns:.2f} ns", flush=True)
    model = rounded(fit(found, "ECP5-6", LUT_INPUTS))
    print(f"# {date.today()}: python scripts/calibrate_delays.py --seeds {arguments.seeds}")
    print(model)
    for m in found:
        widths = " ".join(str(m.kernel.values[k].wire.type.width) for k in m.kernel.inputs)
        print(f"# {m.step} {widths}: measured {m.period_ns:.2f} ns, model {period_ns(m.kernel, model):.2f} ns")


if __name__ == "__main__":
    main()
