"""RTL from elsewhere: tops with the habits of vendors' tools pass as they are delivered, and their broken twins fail."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from test_cosim import reference

from fpga_ml.errors import FpgaMlError
from fpga_ml.simulate.cosim import MODES, CosimResult, Mode, Tensor, Vectors, cosim
from fpga_ml.simulate.foreign import Foreign, ports_given

RTL = Path(__file__).parent / "rtl"
TINY = (RTL / "tiny.sv").read_text()
ONE_MODE: list[Mode] = ["back_to_back"]


def tiny_vectors(*names: str, count: int = 24) -> Vectors:
    """What tiny.sv computes, under the names of an input and an output."""
    x = np.random.default_rng(3).integers(-32, 32, (count, 4)).tolist()
    x[0] = [-32, 31, -32, 31]
    y = [reference(row) for row in x]
    return Vectors(
        (Tensor.of(names[0], x, width_bits=6, signed=True),), (Tensor.of(names[1], y, width_bits=7, signed=True),)
    )


def simulated(
    text: str, folder: Path, vectors: Vectors, top: str = "tiny", modes: Sequence[Mode] = MODES, **habits: int
) -> CosimResult:
    file = folder / "top.sv"
    file.write_text(text)
    return cosim([file], top, vectors, folder, "icarus", modes, patience_cycles=200, **habits)


def changed(text: str, *edits: tuple[str, str]) -> str:
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    return text


# A top's habit: how tiny.sv gets it, and what is then asked of it, or given to it.
STALLS = [
    ("    end else begin\n      valid1 <=", "    end else if (ap_start & input_1_ap_vld) begin\n      valid1 <="),
    (
        "  always_ff @(posedge ap_clk) begin\n    sum1",
        "  always_ff @(posedge ap_clk) if (ap_start & input_1_ap_vld) begin\n    sum1",
    ),
    ("assign layer2_out_0_ap_vld = valid3;", "assign layer2_out_0_ap_vld = valid3 & ap_start & input_1_ap_vld;"),
    ("assign layer2_out_1_ap_vld = valid3;", "assign layer2_out_1_ap_vld = valid3 & ap_start & input_1_ap_vld;"),
    ("assign ap_done = valid3;", "assign ap_done = valid3 & ap_start & input_1_ap_vld;"),
]
REMEMBERS = [
    ("logic valid1, valid2, valid3;", "logic valid1 = 0, valid2 = 0, valid3 = 0;"),
    ("      valid2 <= 1'b0;\n", "      valid2 <= valid1;\n"),
    ("      valid3 <= 1'b0;\n", "      valid3 <= valid2;\n"),
]
NEVER_IDLE = [("assign ap_idle = ~(", "assign ap_idle = 1'b0 & ~(")]
NO_RESETS: list[Mode] = ["back_to_back", "random_gaps"]
HABITS = {
    "the last outputs leave with what comes next": (STALLS, MODES, {"flush": 3}),
    "a reset leaves what is under way": (REMEMBERS, NO_RESETS, {}),
    "never idle": (NEVER_IDLE, MODES, {"idle": 0}),
}


@pytest.mark.parametrize("habit", HABITS)
def test_a_habit_that_is_allowed_for(tmp_path: Path, habit: str) -> None:
    edits, modes, asked = HABITS[habit]
    found = simulated(changed(TINY, *edits), tmp_path, tiny_vectors("input_1", "layer2_out"), modes=modes, **asked)
    assert found.passed, found.texts()


@pytest.mark.parametrize("habit", HABITS)
def test_it_fails_where_it_is_not(tmp_path: Path, habit: str) -> None:
    edits, _, _ = HABITS[habit]
    modes: list[Mode] = ["reset_mid_run" if edits is REMEMBERS else "back_to_back"]
    vectors = tiny_vectors("input_1", "layer2_out", count=60)
    assert not simulated(changed(TINY, *edits), tmp_path, vectors, modes=modes).passed


@pytest.mark.parametrize("habit", HABITS)
def test_a_broken_twin_fails_all_the_same(tmp_path: Path, habit: str) -> None:
    edits, _, asked = HABITS[habit]
    broken = changed(TINY, *edits, ("7'sd63", "7'sd62"))
    assert not simulated(broken, tmp_path, tiny_vectors("input_1", "layer2_out", count=200), modes=ONE_MODE, **asked).passed


def streamed(frames: int = 10) -> Vectors:
    x = np.random.default_rng(2).integers(-32, 32, (frames, 4, 2))
    return Vectors(
        (Tensor.of("x", x, width_bits=6, signed=True),),
        (Tensor.of("y", x.sum(2, keepdims=True), width_bits=7, signed=True),),
    )


@pytest.mark.parametrize("broken", [(), [("x_V_data_1_V_TDATA[5:0])", "x_V_data_1_V_TDATA[4:0])")]])
def test_a_stream_an_element(tmp_path: Path, broken: Sequence[tuple[str, str]]) -> None:
    text = changed((RTL / "element_streams.v").read_text(), *broken)
    found = simulated(text, tmp_path, streamed(), "element_streams")
    assert found.passed is not bool(broken), found.texts()
    if not broken:
        assert found.interval_cycles == 4


def test_streams_for_some_elements_only(tmp_path: Path) -> None:
    text = (RTL / "element_streams.v").read_text().replace("x_V_data_1_V", "x_V_data_2_V")
    with pytest.raises(FpgaMlError, match="2 streams carry tensor 'x', a beat of which has 2 elements"):
        simulated(text, tmp_path, streamed(), "element_streams")


@pytest.mark.parametrize("broken", [(), [("<= 3 * x2", "<= 5 * x2")]])
def test_other_names_in_the_same_order(tmp_path: Path, broken: Sequence[tuple[str, str]]) -> None:
    found = simulated(changed(TINY, *broken), tmp_path, tiny_vectors("x", "y"), modes=ONE_MODE)
    assert found.passed is not bool(broken), found.texts()


def test_other_names_of_another_width(tmp_path: Path) -> None:
    vectors = Vectors(
        (Tensor.of("x", [[1, 2, 3]], width_bits=6, signed=True),), (Tensor.of("y", [[3, 1]], width_bits=7, signed=True),)
    )
    with pytest.raises(FpgaMlError, match="port 'input_1' is 24 bits wide, but tensor 'x' needs 3 x 6 bits") as error:
        simulated(TINY, tmp_path, vectors)
    assert "--port OURS=THEIRS" in str(error.value)


def test_more_outputs_than_ports(tmp_path: Path) -> None:
    vectors = tiny_vectors("input_1", "layer9_out")
    three = Tensor.of("layer9_out", [[0, 0, 0]] * len(vectors), width_bits=7, signed=True)
    with pytest.raises(FpgaMlError, match=r"no output port 'layer9_out_0' \(did you mean 'layer2_out_0'\?\)"):
        simulated(TINY, tmp_path, Vectors(vectors.inputs, (three,)))


def test_fifo_ports_of_a_wrapped_core(tmp_path: Path) -> None:
    ports = "input [7:0] x_V_data_0_V_dout, input x_V_data_0_V_empty_n, output x_V_data_0_V_read"
    text = f"module core (input ap_clk, input ap_rst, input ap_start, output ap_done, {ports});\nendmodule\n"
    with pytest.raises(FpgaMlError, match="is a FIFO's port: this is the core inside a wrapper, such as 'core_axi'"):
        simulated(text, tmp_path, streamed(), "core")


def test_ports_by_name() -> None:
    foreign = Foreign((), ports_given(["features=input_1", "layer5_out = out"]))
    assert foreign.names({"fc": "features", "logits": "layer5_out"}) == {"fc": "input_1", "logits": "out"}
    with pytest.raises(FpgaMlError, match=r"there is no port 'feature' \(did you mean 'features'\?\)"):
        Foreign((), {"feature": "x"}).names({"fc": "features"})
    with pytest.raises(FpgaMlError, match="'features' names no two ports"):
        ports_given(["features"])


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    (tmp_path / "top.v").write_text(TINY)
    with pytest.raises(FpgaMlError, match="'reset' cannot be left out"):
        Foreign.of(tmp_path, skip=["reset"])
    with pytest.raises(FpgaMlError, match="-1 vectors cannot be sent"):
        Foreign.of(tmp_path, flush=-1)
    assert Foreign.of(tmp_path, skip=["resets"], flush=2).not_asked[1:] == (
        "resets in mid-run (--skip resets)",
        "whether the last outputs come without 2 vectors more (--flush)",
    )
