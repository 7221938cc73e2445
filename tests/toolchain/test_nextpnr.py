"""Place and route: a tiny design, and whether the calibrated delay model tells the clock that a network reaches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpga_ml.devices import MAPPED, PIPELINED, PLACED, Cells
from fpga_ml.errors import FpgaMlError
from fpga_ml.layers.base import Input, Layer
from fpga_ml.layers.elementwise import Relu
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.linear import Linear
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.architecture import PARALLEL
from fpga_ml.synthesise.open_tools import shell_pins
from fpga_ml.synthesise.shell import NAME, shell_module
from fpga_ml.tb.verilog import read_top
from fpga_ml.toolchain.nextpnr import cells_placed, place_and_route
from fpga_ml.toolchain.run import Command, Ran
from fpga_ml.toolchain.yosys import netlist

FIXED = FixedType.parse
ECP5 = ("--85k", "--package", "CABGA381")
# A network pipelined for a clock reaches it but for the first factor, of routing that single operations do not see
# (measured: 1.07 to 1.26 for 6 to 14 ns), and it is not faster by more than the second, which would be registers for
# nothing.
TOO_SLOW, TOO_FAST = 1.4, 1.5

COUNTER = """
module counter(input clk, output reg [7:0] y);
  always @(posedge clk) y <= y + 1;
endmodule
"""


def test_clock_of_a_counter(tmp_path: Path) -> None:
    (tmp_path / "counter.sv").write_text(COUNTER)
    made = netlist([tmp_path / "counter.sv"], "counter", "ecp5", 120, tmp_path)
    routed = place_and_route(made.file, "ecp5", ECP5, 2.0, seed=1, timeout_s=600)
    placed = place_and_route(made.file, "ecp5", ECP5, 2.0, seed=2, timeout_s=600, route=False)
    assert 0.5 < placed.period_ns < 10
    assert 0.5 < routed.period_ns < 10
    assert routed.version
    assert routed.used["TRELLIS_FF"] == (8, 83640)
    assert routed.memory_mb > 50
    assert sum(step.ns for step in routed.path) == pytest.approx(routed.period_ns, abs=0.01)
    assert placed.path == ()


COMPARISON = """
module less(input logic clk, input logic [15:0] a, input logic [15:0] b, output logic y);
  assign y = a < b;
endmodule
"""


@pytest.mark.parametrize(
    ("device", "shortest_ns"),
    # A carry chain and a LUT, with the ways to them: nextpnr leaves out what it has no times of, such as a small LUT.
    [("gw2a-18c", 2.0), pytest.param("gw5a-25a", 2.0, marks=pytest.mark.slow), ("gatemate-a1", 3.0)],
)
def test_a_comparison_on_gowin_and_gatemate(tmp_path: Path, device: str, shortest_ns: float) -> None:
    """In the serial shell: nothing else has a pin."""
    target, placer = MAPPED[device], PLACED[device]
    files = [tmp_path / "less.sv", tmp_path / "shell.sv"]
    files[0].write_text(COMPARISON)
    files[1].write_text(shell_module(read_top(files[:1], "less")).text)
    made = netlist(files, "less", target, 120, tmp_path, shell=NAME)
    pins = shell_pins(placer, tmp_path)
    placed = place_and_route(made.file, placer.family, placer.options, 5.0, 1, 300, pins=pins, route=False)
    assert 1 < placed.period_ns < 20
    assert placed.path == ()
    routed = place_and_route(made.file, placer.family, placer.options, 5.0, 1, 300, pins=pins, routed=tmp_path / "routed")
    assert shortest_ns < routed.period_ns < 20
    assert sum(step.ns for step in routed.path) == pytest.approx(routed.period_ns, abs=0.01)
    assert routed.path[-1].cell.startswith("kept")
    assert cells_placed(placer.family, routed.used).ffs == 34
    assert (tmp_path / "routed").stat().st_size > 1000


def test_a_routed_design_has_no_placed_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tool is played: it says a clock of the placement, and after routing finds no path."""

    def played(command: Command, **options: Any) -> Ran:
        words = list(command.arguments)
        (tmp_path / words[words.index("--report") + 1]).write_text('{"fmax": {}, "critical_paths": [], "utilization": {}}')
        return Ran("Info: Max frequency for clock 'clk': 938.00 MHz (PASS at 200.00 MHz)\n", 1.0)

    monkeypatch.setattr("fpga_ml.toolchain.nextpnr.run", played)
    file = tmp_path / "netlist.json"
    assert place_and_route(file, "ecp5", ECP5, 5.0, 1, 1, route=False).period_ns == pytest.approx(1000 / 938)
    with pytest.raises(FpgaMlError, match="no path between registers to time"):
        place_and_route(file, "ecp5", ECP5, 5.0, 1, 1)


def test_what_nextpnr_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tool is played."""
    told: list[str] = []

    def played(command: Command, **options: Any) -> Ran:
        told[:] = command.arguments
        (tmp_path / "report_1.json").write_text(
            '{"fmax": {"clk": {"achieved": 100}}, "critical_paths": [], "utilization": {}}'
        )
        return Ran("", 1.0)

    monkeypatch.setattr("fpga_ml.toolchain.nextpnr.run", played)
    file = tmp_path / "netlist.json"
    file.write_text('{"modules": {}}')
    for device, words in (
        ("gw2a-18c", "--vopt family=GW2A-18C --json netlist_himbaechel-gowin.json"),
        ("gw2a-18c", "--vopt cst=pins.cst --write it.json"),
        ("gatemate-a1", "--vopt ccf=pins.ccf --vopt out=it.json"),
        ("gatemate-a1", "--vopt allow-unconstrained"),
        ("gatemate-a1", "--device CCGM1A1 --vopt no-bridges"),
        ("nexus-40k", "--pdc pins.pdc"),
    ):
        placer = PLACED[device]
        pins = shell_pins(placer, tmp_path)
        place_and_route(file, placer.family, placer.options, 5.0, 1, 1, pins=pins, routed=tmp_path / "it.json")
        for group in words.split(" --"):
            assert group.removeprefix("--") in " ".join(told), (device, group)
    assert shell_pins(PLACED["ecp5-25k"], tmp_path) is None
    assert (tmp_path / "pins.cst").read_text() == 'IO_LOC "clk" H11;\nIO_LOC "serial_in" T13;\nIO_LOC "serial_out" M11;\n'
    assert (tmp_path / "pins.ccf").read_text() == 'Net "clk" Loc = "IO_SB_A8";\n'


def test_what_is_counted_of_a_placement() -> None:
    gowin = {"LUT4": (100, 20736), "ALU": (10, 15552), "RAM16SDP4": (2, 648), "DFF": (7, 15552), "MULT9X9": (3, 96)}
    assert cells_placed("himbaechel-gowin", gowin) == Cells(126, 7, 2, 0)
    gatemate = {"CPE_LT": (100, 40960), "CPE_ADDF2": (4, 0), "CPE_MULT": (9, 0), "CPE_FF": (8, 40960), "RAM_HALF": (3, 64)}
    assert cells_placed("himbaechel-gatemate", gatemate) == Cells(126, 8, 0, 3)


def test_a_design_without_registers_has_no_clock(tmp_path: Path) -> None:
    (tmp_path / "wire.sv").write_text("module wire_(input a, b, output y); assign y = a & b; endmodule")
    made = netlist([tmp_path / "wire.sv"], "wire_", "ecp5", 120, tmp_path)
    with pytest.raises(FpgaMlError, match="no path between registers to time"):
        place_and_route(made.file, "ecp5", ECP5, 2.0, seed=1, timeout_s=600)


def test_a_design_that_is_too_large_says_so(tmp_path: Path) -> None:
    """nextpnr's own last error, and its log stays."""
    (tmp_path / "wide.sv").write_text(
        "module wide(input clk, input d, output q); reg [499:0] r; always @(posedge clk) r <= {r[498:0], d};"
        " assign q = r[499]; endmodule"
    )
    made = netlist([tmp_path / "wide.sv"], "wide", "ice40-hx", 120, tmp_path)
    with pytest.raises(FpgaMlError, match=r"nextpnr-ice40 .*failed with exit code .*\n.*ERROR: .*ICESTORM_LC"):
        place_and_route(made.file, "ice40", ("--lp384", "--package", "qn32"), 2.0, seed=1, timeout_s=600)
    assert "ERROR" in (tmp_path / "nextpnr_1.log").read_text()


def dense(name: str, reads: str, inputs: int, outputs: int, seed: int) -> Linear:
    rng = np.random.default_rng(seed)
    index = np.arange(inputs)[None, None, :]
    weights = rng.integers(-31, 32, (1, inputs, outputs))
    bias = rng.integers(-31, 32, outputs)
    wide = FIXED("ap_fixed<24,10>")
    return Linear(name, (reads,), (outputs,), wide, index, weights, 5, bias, 5, wide)


def network() -> list[Layer]:
    """16-8-4, 6-bit weights and values."""
    relu = FIXED("ap_ufixed<6,2,AP_RND_CONV,AP_SAT>")
    return [
        Input("x", (), (16,), FIXED("ap_fixed<6,2>")),
        dense("fc1", "x", 16, 8, 1),
        Relu("relu1", ("fc1",), (8,), relu),
        dense("logits", "relu1", 8, 4, 2),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("clock_ns", [6.0, 10.0])
def test_the_calibrated_model_tells_the_clock_of_a_network(tmp_path: Path, clock_ns: float) -> None:
    graph = LayerGraph.of(network(), ["logits"], "net", {"logits": "y"})
    rtl = PARALLEL.build(graph, clock_ns, PIPELINED["ecp5-85k"])
    files = rtl.write(tmp_path)
    (tmp_path / "shell.sv").write_text(shell_module(read_top(files, "net")).text)
    made = netlist([*files, tmp_path / "shell.sv"], "net", "ecp5", 600, tmp_path, shell=NAME)
    placed = place_and_route(made.file, "ecp5", ECP5, clock_ns, seed=1, timeout_s=600)
    assert clock_ns / TOO_FAST <= placed.period_ns <= clock_ns * TOO_SLOW
