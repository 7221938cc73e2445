"""RTL from elsewhere: tops with the habits of vendors' tools pass as they are delivered, and their broken twins fail."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from test_cosim import reference

from fpga_ml.errors import FpgaMlError
from fpga_ml.layers.base import Input
from fpga_ml.layers.elementwise import Requantise
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.numerics import FixedType
from fpga_ml.simulate.cosim import MODES, CosimResult, Mode, Tensor, Vectors, cosim
from fpga_ml.simulate.foreign import Foreign, ports_given
from fpga_ml.tb.ports import Parallel, Stream, bind
from fpga_ml.tb.verilog import Direction, Port, Top, parse_top

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
    t = FixedType.parse("ap_fixed<8,4>")
    layers = [Input("fc", (), (3,), t), Requantise("logits", ("fc",), (3,), t)]
    graph = LayerGraph.of(layers, ["logits"], ports={"fc": "features", "logits": "layer5_out"})
    foreign = Foreign((), ports_given(["features=input_1", "layer5_out = out"]))
    assert [foreign.bound(graph).port(name) for name in ("fc", "logits")] == ["input_1", "out"]
    with pytest.raises(FpgaMlError, match=r"there is no port 'feature' \(did you mean 'features'\?\)"):
        Foreign((), {"feature": "x"}).bound(graph)
    with pytest.raises(FpgaMlError, match="'features' names no two ports"):
        ports_given(["features"])


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    (tmp_path / "top.v").write_text(TINY)
    with pytest.raises(FpgaMlError, match="'reset' cannot be left out"):
        Foreign.of(tmp_path, skip=["reset"])
    with pytest.raises(FpgaMlError, match="-1 vectors cannot be sent"):
        Foreign.of(tmp_path, flush=-1)
    left = Foreign.of(tmp_path, skip=["resets"], flush=2).not_asked(Stream)
    assert "padding of TDATA" in left[0]
    assert left[1:] == (
        "resets in mid-run (--skip resets)",
        "whether the last outputs come without 2 vectors more (--flush)",
    )
    assert "TDATA" not in Foreign.of(tmp_path).not_asked(Parallel)[0]


def shuffled(names: Sequence[str], theirs: Sequence[str]) -> str:
    """tiny.sv whose header has the second output first, under other names: `theirs` stands for `names`."""
    first, second = (f"    output logic signed [6:0] {n},\n" for n in names)
    text = TINY.replace(first, "").replace(second, second + first)
    for name, other in zip(names, theirs, strict=True):
        text = re.sub(rf"\b{name}(?=\b|_ap_vld)", other, text)
    return text


OUTPUTS = ("layer2_out_0", "layer2_out_1")


def test_numbers_say_which_output_it_is_whatever_the_order(tmp_path: Path) -> None:
    text = shuffled(OUTPUTS, ("y_0", "y_1"))
    assert text.index("y_1,") < text.index("y_0,")
    found = simulated(text, tmp_path, tiny_vectors("input_1", "layer2_out"), modes=ONE_MODE)
    assert found.passed, found.texts()
    swapped = simulated(shuffled(OUTPUTS, ("y_1", "y_0")), tmp_path, tiny_vectors("input_1", "layer2_out"), modes=ONE_MODE)
    assert not swapped.passed


def test_names_without_numbers_go_by_order(tmp_path: Path) -> None:
    found = simulated(shuffled(OUTPUTS, ("low", "high")), tmp_path, tiny_vectors("input_1", "layer2_out"), modes=ONE_MODE)
    assert not found.passed
    named = TINY.replace("layer2_out_0", "low").replace("layer2_out_1", "high")
    assert simulated(named, tmp_path, tiny_vectors("input_1", "layer2_out"), modes=ONE_MODE).passed


def top_with(*outputs: str) -> Top:
    control = [("ap_clk", "input"), ("ap_rst", "input"), ("ap_start", "input")]
    control += [(name, "output") for name in ("ap_done", "ap_ready", "ap_idle")]
    ports = [*(Port(n, cast(Direction, d), 1) for n, d in control), Port("x", "input", 6)]
    return Top("top", (*ports, *(Port(n, "output", 7) for n in outputs)))


def two_outputs(*elements: int) -> Vectors:
    x = Tensor.of("x", [[0]], width_bits=6, signed=True)
    return Vectors((x,), tuple(Tensor.of(f"t{k}", [[0] * n], width_bits=7, signed=True) for k, n in enumerate(elements)))


def test_a_group_of_numbers_goes_to_one_tensor() -> None:
    bound = bind(top_with("b_1", "b_0", "b_2", "a_1", "a_0"), two_outputs(3, 2))
    assert bound.data == {"x": ["x"], "t0": ["b_0", "b_1", "b_2"], "t1": ["a_0", "a_1"]}
    with pytest.raises(FpgaMlError, match="no group of numbered ports fits tensor 't0', which has 2 elements") as error:
        bind(top_with("b_1", "b_0", "b_2", "a_1", "a_0"), two_outputs(2, 3))
    assert "--port OURS=THEIRS" in str(error.value)


def test_inputs_go_by_number_too() -> None:
    text = (
        "module top (input ap_clk, ap_rst, ap_start, output ap_done, ap_ready, ap_idle,"
        " input [5:0] in_2, input [5:0] in_1, output [6:0] y); endmodule"
    )
    x = [Tensor.of(name, [[0]], width_bits=6, signed=True) for name in ("input_1", "input_2")]
    vectors = Vectors(tuple(x), (Tensor.of("y", [[0]], width_bits=7, signed=True),))
    assert bind(parse_top(text, "top"), vectors).data == {"input_1": ["in_1"], "input_2": ["in_2"], "y": ["y"]}


def test_a_top_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.v").write_text("module tinx (input a); inner #(.W(3)) u0 (.a(a)); endmodule\n")
    (tmp_path / "b.v").write_text(
        "module inner #(parameter W = 1) (input a); leaf l (a); endmodule\nmodule leaf(input a);\nendmodule\n"
    )
    with pytest.raises(FpgaMlError, match=r"no module 'myproject' in the RTL \(known: tinx\)") as error:
        Foreign.of(tmp_path).check("myproject", ())
    assert "--rtl-top" in str(error.value)
    with pytest.raises(FpgaMlError, match="no port 'ap_rst'") as error:
        Foreign.of(tmp_path, top="leaf").check("myproject", ())
    assert "--port" not in str(error.value)


def test_a_top_with_too_few_ports(tmp_path: Path) -> None:
    (tmp_path / "tiny.sv").write_text(TINY)
    Foreign.of(tmp_path).check("tiny", (), 1, [2])
    with pytest.raises(FpgaMlError, match="the top has 2 output data ports, but the model needs 5"):
        Foreign.of(tmp_path).check("tiny", (), 1, [2, 3])
    with pytest.raises(FpgaMlError, match="the top has 1 input data ports, but the model needs 2"):
        Foreign.of(tmp_path).check("tiny", (), 2)
    folder = tmp_path / "streams"
    folder.mkdir()
    (folder / "top.v").write_text((RTL / "element_streams.v").read_text())
    Foreign.of(folder).check("element_streams", (), 1, [4])
    with pytest.raises(FpgaMlError, match="the top has 1 output streams, but the model needs 2"):
        Foreign.of(folder).check("element_streams", (), 1, [4, 4])


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_verilog_that_a_simulator_cannot_read(tmp_path: Path, simulator: str) -> None:
    (tmp_path / "tiny.sv").write_text(TINY)
    Foreign.of(tmp_path, top="tiny").check("myproject", [simulator])
    (tmp_path / "tiny.sv").write_text(changed(TINY, ("    sum2 <= sum1;", "    sum2 <= sum1")))
    with pytest.raises(FpgaMlError, match=f"compiling 'tiny' with {simulator.capitalize()}"):
        Foreign.of(tmp_path, top="tiny").check("myproject", [simulator])
