"""Draws the waveforms of docs/vendor.md as Icarus sees them, into docs/vendor/: no line of them is drawn by hand.

A small testbench drives each top and prints its ports once a cycle, half a cycle before the rising edge.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import wavedrom

from fpga_ml.ir.kernel import Builder
from fpga_ml.ir.network import Axis, Channel, Map, Network, Window
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.network import emit_network, emit_stream

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Port:
    """valid: the port that says when the value means something; None for one that always does; base: d or h."""

    name: str
    width_bits: int
    driven: bool
    valid: str | None = None
    base: str = "d"


@dataclass(frozen=True)
class Drawing:
    """drive: what the testbench does at the falling edges, Verilog, `cycle` counts them; groups: what is shown, by side."""

    name: str
    title: str
    top: str
    files: dict[str, str]
    reset: str
    groups: tuple[tuple[str, tuple[Port, ...]], ...]
    drive: str
    cycles: int


def sums() -> dict[str, str]:
    """y_0 = x[0] * x[1] + x[2], at a clock that makes it a pipeline."""
    t, wide = FixedType.parse("ap_ufixed<4,4>"), FixedType.parse("ap_ufixed<9,9>")
    x, y = Channel("x", (t,) * 3), Channel("y", (wide,))
    b = Builder("sums")
    first, second, third = (b.input(w) for w in x.wires)
    kernel = b.build([b.add(b.mul(first, second), third)])
    return dict(emit_network(Network("net", (x,), ("y",), (Map("sums", (x,), (y,), kernel),)), 1.6).files)


def neighbours() -> dict[str, str]:
    """The sums of neighbours of a series of four."""
    t, wide = FixedType.parse("ap_fixed<8,8>"), FixedType.parse("ap_fixed<9,9>")
    x, pairs, y = Channel("x", (t,), 4), Channel("pairs", (t,) * 2, 3), Channel("y", (wide,), 3)
    b = Builder("sum")
    kernel = b.build([b.add(*(b.input(w) for w in pairs.wires))])
    line = Window("line", (x,), (pairs,), Axis(1, 1), Axis(4, 3, 2), (0,))
    return dict(emit_stream(Network("net", (x,), ("y",), (line, Map("sum", (pairs,), (y,), kernel))), 5.0).files)


CONTROL = (Port("ap_start", 1, True), Port("ap_ready", 1, False), Port("ap_done", 1, False), Port("ap_idle", 1, False))
OUT = (Port("y_0", 9, False, "y_0_ap_vld"), Port("y_0_ap_vld", 1, False))
IN = (Port("x", 12, True, "x_ap_vld", "h"), Port("x_ap_vld", 1, True))
AXIS_IN = (Port("x_TDATA", 8, True, "x_TVALID"), Port("x_TVALID", 1, True), Port("x_TREADY", 1, False))
AXIS_OUT = (Port("y_TDATA", 16, False, "y_TVALID"), Port("y_TVALID", 1, False), Port("y_TREADY", 1, True))


def drawings() -> tuple[Drawing, ...]:
    parallel = (("control", CONTROL), ("in", IN), ("out", OUT))
    stream = (("control", CONTROL), ("in", AXIS_IN), ("out", AXIS_OUT))
    start = "ap_start = cycle >= 2 && cycle != 4 && cycle < 7; x_ap_vld = ap_start; x = {4'd1, 4'd3, 4'(cycle)};"
    return (
        Drawing(
            "parallel", "io_parallel: a new input each cycle", "net", sums(), "ap_rst = cycle < 1;", parallel, start, 13
        ),
        Drawing(
            "stream",
            "io_stream: frames of four beats in, three out, with back-pressure",
            "net",
            neighbours(),
            "ap_rst_n = cycle >= 1;",
            stream,
            "ap_start = cycle >= 1; x_TVALID = cycle >= 2 && cycle != 4; x_TDATA = 8'(10 * sent); y_TREADY = !(cycle >= 9 &&"
            " cycle < 12);",
            20,
        ),
    )


def testbench(d: Drawing) -> str:
    ports = [p for _, group in d.groups for p in group]
    reset = d.reset.split()[0]
    logic = [f"  logic [{p.width_bits - 1}:0] {p.name};" for p in ports]
    shown, spaces = ", ".join(p.name for p in ports), " ".join(f"%0{p.base}" for p in ports)
    connected = ", ".join(f".{name}({name})" for name in ("ap_clk", reset, *(p.name for p in ports)))
    body = f"""
module bench;
  logic ap_clk = 0, {reset};
  integer cycle = 0, sent = 1;
{chr(10).join(logic)}
  {d.top} dut ({connected});
  always #1 ap_clk = ~ap_clk;
  always @(negedge ap_clk) begin
    {d.reset} {d.drive}
    #0.5 if (cycle >= 1) $display("{spaces}", {shown});
    cycle = cycle + 1;
    if (cycle > {d.cycles}) $finish;
  end
"""
    if d.name == "stream":
        body += "  always @(posedge ap_clk) if (x_TVALID & x_TREADY) sent = sent + 1;\n"
    return body + "endmodule\n"


def simulated(d: Drawing, folder: Path) -> list[list[str]]:
    """One row a cycle, one value a port."""
    files = d.files | {"bench.sv": testbench(d)}
    for name, text in files.items():
        (folder / name).write_text("`timescale 1ns/1ps\n" + text)
    build = ["iverilog", "-g2012", "-s", "bench", "-o", "bench.vvp", *files]
    subprocess.run(build, cwd=folder, check=True, capture_output=True)
    said = subprocess.run(["vvp", "-n", "bench.vvp"], cwd=folder, check=True, capture_output=True, text=True).stdout
    return [line.split() for line in said.splitlines() if "finish" not in line]


def wave(values: Sequence[str], valid: Sequence[str] | None, width_bits: int) -> dict[str, object]:
    """WaveDrom's letters: a value that stays is a dot; one that means nothing, an x."""
    letters, data, before = "", list[str](), ""
    for k, value in enumerate(values):
        means = value if valid is None or valid[k] == "1" else "x"
        if means == before:
            letters += "."
        elif means == "x" or width_bits == 1:
            letters += means
        else:
            letters += "="
            data.append(means)
        before = means
    return {"wave": letters, "data": data}


def drawn(d: Drawing, rows: Sequence[Sequence[str]]) -> str:
    """SVG."""
    names = [p.name for _, group in d.groups for p in group]
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    lanes: list[object] = [{"name": "ap_clk", "wave": "p" + "." * (len(rows) - 1)}]
    for side, group in d.groups:
        waves = [
            {"name": p.name, **wave(columns[p.name], columns[p.valid] if p.valid else None, p.width_bits)} for p in group
        ]
        lanes += [{}, [side, *waves]]
    drawing = {"signal": lanes, "head": {"text": d.title, "tick": 0}}
    svg = str(wavedrom.WaveDrom().render_waveform(0, drawing).tostring())
    return svg.replace("<svg ", '<svg style="background:white" ', 1)


def waveforms() -> dict[str, str]:
    """SVG by file name."""
    found = {}
    for d in drawings():
        with tempfile.TemporaryDirectory() as folder:
            found[f"{d.name}.svg"] = drawn(d, simulated(d, Path(folder)))
    return found


if __name__ == "__main__":
    for name, text in waveforms().items():
        (ROOT / "docs" / "vendor" / name).write_text(text + "\n")
