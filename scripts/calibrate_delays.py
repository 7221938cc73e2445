"""Delay coefficients of a device by place and route, as the entry for fpga_ml/devices/delays.py.

Small designs, each one operation or a chain of one kind of operation between registers, go through our emitter, the serial
shell, Yosys and nextpnr with several seeds; the median period of each is fitted (fpga_ml/schedule/fit.py).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from itertools import accumulate
from pathlib import Path

import numpy as np

from fpga_ml.devices import MAPPED, PIPELINED, PLACED
from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.kernel import Builder, Kernel, Wire
from fpga_ml.ir.network import Channel, Map, Network
from fpga_ml.numerics import FixedType
from fpga_ml.rtl import emit_network
from fpga_ml.schedule.fit import Measurement, fit, period_ns, rounded
from fpga_ml.synthesise.open_tools import shell_pins
from fpga_ml.synthesise.shell import NAME, shell_module
from fpga_ml.tb.verilog import read_top
from fpga_ml.toolchain.nextpnr import place_and_route
from fpga_ml.toolchain.yosys import netlist

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
    yield from (("adder" if d == 1 else "chain", chain(w, d)) for w in (5, 8, 12, 16, 20, 24) for d in (1, 2, 3))
    yield from (("compare", kernel([w, w], lambda b, x: b.less(x[0], x[1]))) for w in (5, 8, 12, 16, 20, 24))
    yield from (
        ("multiply", kernel([a, c], lambda b, x: b.mul(x[0], x[1])))
        for a, c in ((4, 4), (6, 6), (8, 8), (12, 8), (12, 12), (16, 16), (18, 18))
    )
    yield from (("lookup", kernel([n], lambda b, x, n=n: b.lookup(x[0], table(n), 0, 0))) for n in (5, 6, 7, 8, 9, 10))


def measured_ns(dut: Kernel, device: str, seeds: int) -> float:
    """The kernel without registers of its own, between those of the serial shell."""
    reads = Channel("x", tuple(dut.values[k].wire.type for k in dut.inputs))
    writes = Channel("y", tuple(dut.values[k].wire.type for k in dut.outputs))
    rtl = emit_network(Network("dut_top", (reads,), ("y",), (Map("dut", (reads,), (writes,), dut),)), LONG_NS)
    target, placer = MAPPED[device], PLACED[device]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = rtl.write(folder)
        (folder / "shell.sv").write_text(shell_module(read_top(files, rtl.top)).text)
        made = netlist([*files, folder / "shell.sv"], rtl.top, target, TIMEOUT_S, folder, shell=NAME)
        pins = shell_pins(placer, folder)
        placed = [
            place_and_route(made.file, placer.family, placer.options, GOAL_NS, seed, TIMEOUT_S, pins=pins)
            for seed in range(1, seeds + 1)
        ]
    return statistics.median(p.period_ns for p in placed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=PLACED, default="ecp5-85k")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--products", choices=PLACED, help="measure products on this device: for one whose DSPs have no times"
    )
    arguments = parser.parse_args()
    name = PIPELINED[arguments.device].name if arguments.device in PIPELINED else arguments.device
    found = []
    for step, dut in kernels():
        widths = " ".join(str(dut.values[k].wire.type.width) for k in dut.inputs)
        try:
            device = (arguments.products if step == "multiply" else None) or arguments.device
            found.append(Measurement(step, dut, measured_ns(dut, device, arguments.seeds)))
        except FpgaMlError as error:
            print(f"# {step} {widths}: left out, {error.what.splitlines()[-1].strip()}", flush=True)
            continue
        print(f"# {step} {widths}: {found[-1].period_ns:.2f} ns", flush=True)
    model = rounded(fit(found, name, LUT_INPUTS))
    print(f"# {date.today()}: python scripts/calibrate_delays.py {' '.join(sys.argv[1:])}")
    print(model)
    for m in found:
        widths = " ".join(str(m.kernel.values[k].wire.type.width) for k in m.kernel.inputs)
        print(f"# {m.step} {widths}: measured {m.period_ns:.2f} ns, model {period_ns(m.kernel, model):.2f} ns")


if __name__ == "__main__":
    main()
