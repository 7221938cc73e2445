"""Each kernel's module on its own: faults at edges that no vector at the network's inputs reaches are found there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L
from zoo import quick

import fpga_ml
from fpga_ml.devices import GENERIC
from fpga_ml.ir.kernel import Builder
from fpga_ml.ir.network import Channel, Map
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.map import map_module
from fpga_ml.schedule.pipeline import schedule
from fpga_ml.simulate.alone import module_faults
from fpga_ml.simulate.kernels import kernel_bench

WIDE, NARROW = FixedType.parse("ap_fixed<12,6>"), FixedType.parse("ap_fixed<6,4,AP_RND_CONV,AP_SAT>")


def module(clock_ns: float, *, stands: bool = False) -> Any:
    """Rounded and saturated sums of three numbers, the last of them from the first two as well."""
    x, y = Channel("x", (WIDE,) * 2), Channel("z", (WIDE,))
    b = Builder("sums")
    first, second, third = (b.input(w) for c in (x, y) for w in c.wires)
    total = b.add(b.add(first, b.scale(second, 1)), third)
    kernel = b.build([b.cast(total, NARROW), b.max(total, first)])
    wires = [kernel.values[k].wire for k in kernel.outputs]
    process = Map("sums", (x, y), (Channel("made", tuple(w.type for w in wires)),), kernel)
    return map_module("sums", process, schedule(kernel, clock_ns, GENERIC), stands=stands)


def simulated(made: Any, folder: Path, *change: str) -> list[str]:
    text = made.text
    if change:
        assert re.search(change[0], text), change[0]
        text = re.sub(change[0], change[1], text, count=1)
    (folder / "sums.sv").write_text(text)
    return module_faults([kernel_bench(made, seed=1)], [folder / "sums.sv"])


@pytest.mark.parametrize("stands", [False, True])
@pytest.mark.parametrize("clock_ns", [20.0, 2.5, 1.6])
def test_right_kernels_pass(clock_ns: float, stands: bool, tmp_path: Path) -> None:
    """Without registers, with one stage, with several."""
    assert simulated(module(clock_ns, stands=stands), tmp_path) == []


@pytest.mark.parametrize("stage", [0, 1])
def test_a_register_that_does_not_stand_still_is_found(stage: int, tmp_path: Path) -> None:
    made = module(1.6, stands=True)
    stages = [match.start() for match in re.finditer(r"if \(go\)", made.text)]
    assert len(stages) > stage
    kept = rf"(?s)(.{{{stages[stage]}}})if \(go\) "
    assert simulated(made, tmp_path, kept, r"\1")


FAULTS = {
    "a sum": (r" \+ ", " - "),
    "a carry": (r" & \(\(\|", " & ~((|"),
    "a saturation": (r"6'd31", "6'd15"),
    "the other saturation": (r"6'h20", "6'h30"),
    "an operand": (r"x\[11:0\]", "{x[11:1], 1'b0}"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_values(fault: str, tmp_path: Path) -> None:
    assert re.fullmatch(
        r"kernel 'sums' on its own is wrong \d+ times, first in token \d+",
        *simulated(module(20.0), tmp_path, *FAULTS[fault]),
    )


def test_a_missing_register(tmp_path: Path) -> None:
    """Values are right, a cycle too early."""
    made = module(1.6)
    assert made.latency_cycles > 0
    name = re.findall(r"(\w+_s1) <= \w+;", made.text)[0]
    found = simulated(
        made,
        tmp_path,
        rf"always_ff @\(posedge clk\) begin\s+{name} <= (\w+);",
        rf"always_comb {name} = \1;\nalways_ff @(posedge clk) begin",
    )
    assert found


CELLS: dict[str, Callable[[], Any]] = {"lstm": lambda: L.LSTM(3), "gru": lambda: L.GRU(3)}


@pytest.mark.parametrize("cell", CELLS)
def test_a_gate_that_no_sequence_drives_to_its_end(cell: str, tmp_path: Path) -> None:
    """Small weights keep all sums far from their ends; the module of a step is compared there all the same."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4, 2), name="x"), CELLS[cell](), L.Dense(2, name="out")], name="net")
    x = np.random.default_rng(0).normal(0, 0.1, (30, 4, 2))
    project = fpga_ml.compile(model, data=x, config=quick(bits=8, until="rtl", arch="stream"), output=tmp_path / "p")
    assert project.bench is not None
    assert len(project.bench.rtl.kernels) >= 3
    assert project.bench.module_faults(project.folder) == []
    file = next(f for f in (project.folder / "rtl").iterdir() if f.name.endswith("_out.sv"))
    text = file.read_text()
    ends = [*re.finditer(r"\? 8'(h80|d127) :", text)]
    assert ends
    for end in ends:
        file.write_text(f"{text[: end.start()]}? 8'd5 :{text[end.end() :]}")
        assert project.bench.module_faults(project.folder)
