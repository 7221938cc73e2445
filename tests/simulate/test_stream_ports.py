"""The testbench on stream tops with the port names of vendors' tools, and on tops that break the stream's rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lint import lint

from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.kernel import Builder
from fpga_ml.ir.network import Axis, Channel, Map, Moments, Network, Window
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.network import Rtl, emit_stream
from fpga_ml.simulate.cosim import MODES, CosimResult, Guarantee, Mode, Tensor, Vectors, cosim
from fpga_ml.simulate.prove import SIMULATORS

PIXEL = FixedType.parse("ap_fixed<5,5>")


def sums(*, frame_last: bool = False) -> Rtl:
    """The sum of each two neighbours of a series of six."""
    x, pairs = Channel("x", (PIXEL,), 6), Channel("pairs", (PIXEL,) * 2, 5)
    b = Builder("sum")
    kernel = b.build([b.add(*(b.input(w) for w in pairs.wires))])
    y = Channel("y", (FixedType.parse("ap_fixed<6,6>"),), 5)
    line = Window("line", (x,), (pairs,), Axis(1, 1), Axis(6, 5, 2), (0,))
    network = Network("sums", (x,), ("y",), (line, Map("sum", (pairs,), (y,), kernel)))
    return emit_stream(network, 5.0, frame_last=frame_last)


def vectors(frames: int = 8) -> Vectors:
    x = np.random.default_rng(1).integers(-16, 16, (frames, 6, 1))
    y = x[:, 1:] + x[:, :-1]
    return Vectors((Tensor.of("x", x, width_bits=5, signed=True),), (Tensor.of("y", y, width_bits=6, signed=True),))


def simulated(rtl: Rtl, folder: Path, *changes: tuple[str, str], modes: Sequence[Mode] = MODES) -> CosimResult:
    """The RTL with some text replaced, each everywhere it stands, under Icarus."""
    texts = dict(rtl.files)
    for old, new in changes:
        assert any(re.search(old, text) for text in texts.values()), old
        texts = {name: re.sub(old, new, text) for name, text in texts.items()}
    files = replace(rtl, files=texts).write(folder)
    return cosim(
        files, "sums", vectors(), folder, "icarus", modes, guarantee=Guarantee(rtl.latency_cycles, rtl.interval_cycles)
    )


@pytest.mark.parametrize("names", [r"\1_\2", r"\1_V_\2", r"\1_V_V_\2", r"\1_V_data_V_\2"])
def test_old_and_new_names_of_vitis(names: str, tmp_path: Path) -> None:
    change = (r"\b([xy])_(TDATA|TVALID|TREADY)\b", names)
    found = simulated(sums(), tmp_path, change)
    assert found.passed, found.texts()


FAULTS = {
    "a beat is lost": (r"assign x_TREADY = ", "assign x_TREADY = 1'b1 | "),
    "valid falls again": (r"assign y_TVALID = ", "assign y_TVALID = ap_clk & "),
    "data change": (r"assign y_TDATA = ", "assign y_TDATA = {8{~y_TREADY}} ^ "),
    "done comes twice": (r"assign ap_done = ", "assign ap_done = y_TVALID | "),
    "never idle": (r"assign ap_idle = ", "assign ap_idle = 1'b0 & "),
    "idle with ap_start": (r"assign ap_idle = ~ap_start & ", "assign ap_idle = "),
    "idle under way": (r"assign ap_idle = ~ap_start & .*;", "assign ap_idle = ~ap_start;"),
    "valid waits for ready": (r"assign y_TVALID = ", "assign y_TVALID = y_TREADY & "),
    "taken without ap_start": (r"\| ap_start;", "| 1'b1;"),
    "ready is early": (r"assign ap_ready = .*;", "assign ap_ready = x_begins & x_taken;"),
    "ready is late": (
        r"assign ap_ready = (.*);",
        r"logic ar;\n always_ff @(posedge ap_clk) ar <= ap_rst_n & (\1);\n assign ap_ready = ar;",
    ),
    "zeros before a negative value": (r"assign y_TDATA = .*;", "assign y_TDATA = {2'b0, y_to_out_element_0};"),
    "rarely taken": (
        r"assign x_TREADY = ",
        "logic lazy;\n always_ff @(posedge ap_clk) lazy <= ap_rst_n & ~lazy;\n assign x_TREADY = lazy & ",
    ),
    "stopped without ap_start": (r"assign x_TREADY = ", "assign x_TREADY = ap_start & "),
    "stopped at the output without ap_start": (
        r"assign y_TVALID = (.*);",
        r"assign y_TVALID = (\1) & (ap_start | flight == 0);",
    ),
    "a FIFO of one place in place of two": (r"\.WIDTH\(5\), \.DEPTH\(2\)", ".WIDTH(5), .DEPTH(1)"),
    "stuck from one reset to the next": (
        r"assign x_TREADY = ([\s\S]*)endmodule",
        (
            r"logic stuck;\n assign x_TREADY = ~stuck & \1 always_ff @(posedge ap_clk) stuck <= rst ? flight != 0 :"
            r" stuck;\nendmodule"
        ),
    ),
}
KEPT = {"held": "COUNT'(reserve)", "ready": "COUNT'(push)", "tail": "PLACE'(push)", "head": "PLACE'(pop)"}
FAULTS |= {
    f"a FIFO's {name} counts on in a reset": (rf"{name} <= \w+'\(0\);", f"{name} <= {counts};")
    for name, counts in KEPT.items()
}
IN_MODE: dict[str, Mode] = {
    "rarely taken": "back_to_back",
    "a FIFO of one place in place of two": "back_to_back",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_broken_rules_are_found(fault: str, tmp_path: Path) -> None:
    assert not simulated(
        sums(), tmp_path, FAULTS[fault], modes=[IN_MODE.get(fault, "reset_mid_run" if "reset" in fault else "random_gaps")]
    ).passed


def test_all_buffers_fill_up_however_long_a_frame_is(tmp_path: Path) -> None:
    """Sums over 16x16 pixels: only after some frames that no sink takes does a pixel come that has to wait."""
    x = Channel("x", (PIXEL,), 256)
    wide = FixedType.parse("ap_fixed<13,13>")
    network = Network("sums", (x,), ("y",), (Moments("sum", (x,), (Channel("y", (wide,)),), 16, 16, 0),))
    rtl = emit_stream(network, 5.0)
    pixels = np.random.default_rng(1).integers(-16, 16, (60, 256, 1))
    total = Tensor.of("y", pixels.sum(axis=1, keepdims=True), width_bits=13, signed=True)
    given = Vectors((Tensor.of("x", pixels, width_bits=5, signed=True),), (total,))
    text = rtl.files["sums_sum.sv"]
    guarantee = Guarantee(rtl.latency_cycles, rtl.interval_cycles)
    for step in ("(free & given_valid)", "given_valid"):
        changed = replace(rtl, files=dict(rtl.files) | {"sums_sum.sv": text.replace("(free & given_valid)", step)})
        files = changed.write(tmp_path)
        found = cosim(files, "sums", given, tmp_path, "icarus", ["random_gaps"], guarantee=guarantee)
        assert found.passed is (changed.files == rtl.files)


def test_a_port_of_another_width(tmp_path: Path) -> None:
    rtl = sums()
    wrong = Tensor.of("x", np.zeros((2, 6, 1), np.int64), width_bits=9, signed=True)
    given, files = replace(vectors(2), inputs=(wrong,)), rtl.write(tmp_path)
    with pytest.raises(FpgaMlError, match=r"port 'x_TDATA' is 8 bits wide, but a beat of tensor 'x' has 1 elements of 16"):
        cosim(files, "sums", given, tmp_path, "icarus")


def test_frames_of_a_wrong_length_are_flagged(tmp_path: Path) -> None:
    """With random gaps, a third of the frames are cut short or too long: only their own outputs are lost."""
    (tmp_path / "lint").mkdir()
    lint(sums(frame_last=True), tmp_path / "lint")
    for simulator in SIMULATORS:
        folder = tmp_path / simulator
        folder.mkdir()
        found = cosim(sums(frame_last=True).write(folder), "sums", vectors(60), folder, simulator)
        assert found.passed, found.texts()


LENGTH_FAULTS = {
    "no flag": (r"assign ap_frame_error = ", "assign ap_frame_error = 1'b0 & "),
    "no filling": (r"(\w+_fills) <= (.*?)\(\(", r"\1 <= \2(1'b0 & ("),
    "no dropping": (r"(\w+_drops) <= (.*?)\(\(", r"\1 <= \2(1'b0 & ("),
}


@pytest.mark.parametrize("fault", LENGTH_FAULTS)
def test_a_wrong_length_that_is_not_handled_is_found(fault: str, tmp_path: Path) -> None:
    assert not simulated(sums(frame_last=True), tmp_path, LENGTH_FAULTS[fault]).passed
