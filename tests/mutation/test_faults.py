"""The faults that are planted: each kind makes the edit that it says, and what Yosys proves equal is equal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fpga_ml.devices import GENERIC
from fpga_ml.ir.kernel import Builder
from fpga_ml.ir.kernel.wire import Wire
from fpga_ml.ir.network import Channel, Map
from fpga_ml.numerics import FixedType, Interval
from fpga_ml.rtl.map import KernelModule, map_module
from fpga_ml.schedule.pipeline import schedule
from mutation.campaign import Trial, keep, kept
from mutation.equivalence import same_always, same_function, same_step
from mutation.faults import KINDS, drawn, faults_of

TEXT = """module small (
  input  logic clk,
  input  logic rst,
  input  logic start,
  input  logic signed [3:0] x,
  output logic done,
  output logic signed [5:0] y
);
  logic signed [4:0] sum_s0;
  logic signed [4:0] sum_s1;
  logic [2:0] square;
  logic valid_s1;
  logic [1:0] count;
  wire ready = start & ~valid_s1;
  always_comb begin
    sum_s0 = 5'(x) + 5'sd3;
    case (x[1:0])
      2'd0: square = 3'd0;
      2'd1: square = 3'd1;
      default: square = 3'd4;
    endcase
  end
  always_ff @(posedge clk) begin
    valid_s1 <= rst ? 1'd0 : start;
    count <= rst ? 2'd0 : (count == 2'd2) ? 2'd0 : count + 2'd1;
    sum_s1 <= sum_s0;
  end
  fifo #(.WIDTH(3), .DEPTH(4)) queue (.clk(clk), .rst(rst), .given({square[0], square[1]}));
  assign y = 6'(sum_s1);
  assign done = valid_s1 & ready;
endmodule
"""
EDITS = {  # a construct, and one of its faults
    "operator": ("5'(x) + 5'sd3", "5'(x) - 5'sd3"),
    "term": ("assign done = valid_s1 & ready;", "assign done = valid_s1;"),
    "register": ("sum_s1 <= sum_s0;", "sum_s1 <= sum_s1;"),
    "reset": ("valid_s1 <= rst ? 1'd0 : start;", "valid_s1 <= start;"),
    "depth": (".DEPTH(4)", ".DEPTH(3)"),
    "counter": ("count == 2'd2", "count == 2'd3"),
}


def test_every_kind_has_places() -> None:
    assert {f.kind for f in faults_of(TEXT)} == set(KINDS)


def test_no_fault_leaves_the_text_as_it_is() -> None:
    texts = [f.applied(TEXT) for f in faults_of(TEXT)]
    assert TEXT not in texts


@pytest.mark.parametrize("kind", EDITS)
def test_a_kind_makes_its_edit(kind: str) -> None:
    before, after = EDITS[kind]
    assert TEXT.count(before) == 1
    assert TEXT.replace(before, after) in {f.applied(TEXT) for f in faults_of(TEXT) if f.kind == kind}


def test_a_seed_draws_the_same_and_the_kinds_take_turns() -> None:
    texts = {"small.sv": TEXT}
    first = [fault for _, fault in drawn(texts, 3)]
    assert first == [fault for _, fault in drawn(texts, 3)]
    assert first != [fault for _, fault in drawn(texts, 4)]
    assert len({fault.kind for fault in first[: len(KINDS)]}) == len(KINDS)


SUM = (
    "module sum (input logic clk, input logic [3:0] a, b, output logic [4:0] y);\n  always_ff @(posedge clk) y <="
    " {};\nendmodule\n"
)


@pytest.mark.parametrize(
    ("other", "equal"), [("b + a", True), ("{1'b0, a} - (~{1'b0, b} + 5'd1)", True), ("a + (b | 4'd1)", False)]
)
def test_a_proof_tells_equal_from_unequal(tmp_path: Path, other: str, equal: bool) -> None:
    files = []
    for name, expression in (("gold", "a + b"), ("gate", other)):
        (tmp_path / name).mkdir()
        files.append(tmp_path / name / "sum.sv")
        files[-1].write_text(SUM.format(expression) if "{" not in expression else SUM.replace("{}", expression))
    assert same_step(files[:1], files[1:], "sum") is equal


COUNT = """module count (
  input  logic clk,
  input  logic rst,
  input  logic start,
  output logic x_ap_vld,
  output logic [1:0] x
);
  logic [1:0] left;
  logic busy;
  assign x_ap_vld = {valid};
  assign x = left;
  always_ff @(posedge clk) begin
    busy <= rst ? 1'b0 : start & ~busy;
    left <= {next};
  end
endmodule
"""


@pytest.mark.parametrize(
    ("changed", "equal"),
    [
        ({"next": "busy ? 2'd0 : 2'd1"}, True),  # another state, but not while it is valid
        ({"next": "busy ? 2'd0 : 2'd3"}, False),
        ({"valid": "1'b1"}, False),
    ],
)
def test_a_proof_looks_at_what_is_valid_in_all_cycles(tmp_path: Path, changed: dict[str, str], equal: bool) -> None:
    parts = {"valid": "busy", "next": "start ? 2'd1 : 2'd0"}
    files = []
    for name, own in (("gold", parts), ("gate", parts | changed)):
        (tmp_path / name).mkdir()
        files.append(tmp_path / name / "count.sv")
        files[-1].write_text(COUNT.replace("{valid}", own["valid"]).replace("{next}", own["next"]))
    assert not same_step(files[:1], files[1:], "count")
    assert same_always(files[:1], files[1:], "count") is equal


def test_trials_are_kept_but_for_a_line_cut_short(tmp_path: Path) -> None:
    trial = Trial("small", "term", "small.sv:3", "a & b", "a", "icarus", "y, cycle 3", 1.5)
    file = tmp_path / "trials.jsonl"
    for _ in range(2):
        keep(file, trial)
    file.write_text(file.read_text()[:-20])
    assert kept(file) == [trial]


def kernel(low: int) -> KernelModule:
    """A saturated sum of two numbers of 6 bits; the first is known to be within a range."""
    x = Channel("x", (FixedType.parse("ap_fixed<6,6>"),) * 2)
    b = Builder("sum")
    total = b.add(b.input(Wire(0, Interval(low, 31))), b.input(x.wires[1]))
    made = b.build([b.cast(total, FixedType.parse("ap_fixed<6,6,AP_TRN,AP_SAT>"))])
    y = Channel("y", tuple(made.values[k].wire.type for k in made.outputs))
    return map_module("sum", Map("sum", (x,), (y,), made), schedule(made, 1.0, GENERIC))


NARROWED = (r"x\[5:0\]", "{x[5], x[5] | x[4], x[3:0]}")  # the same from -16 up


@pytest.mark.parametrize(
    ("low", "change", "equal"),
    [
        (-16, NARROWED, True),
        (-17, NARROWED, False),
        (-16, (r"6'h20", "6'h30"), False),
        (-16, (r"(v\d+_s1) <= (\w+);", r"\1 <= ~\2;"), False),
    ],
)
def test_a_proof_of_a_kernel_knows_its_range(tmp_path: Path, low: int, change: tuple[str, str], equal: bool) -> None:
    module = kernel(low)
    assert module.latency_cycles > 0
    changed, times = re.subn(*change, module.text, count=1)
    assert times == 1
    for name, text in (("gold", module.text), ("gate", changed)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "sum.sv").write_text(text)
    assert same_function([tmp_path / "gold" / "sum.sv"], [tmp_path / "gate" / "sum.sv"], module) is equal
