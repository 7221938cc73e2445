"""Line buffers and the like on their own: faults that show only where they wait, or are reset, at a certain place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fpga_ml.ir.network import Axis, Channel, Collect, Moments, Quadratic, Split, Window
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.holders import holder_module
from fpga_ml.simulate.alone import module_faults
from fpga_ml.simulate.holders import holder_bench

PIXEL, WIDE = FixedType.parse("ap_fixed<5,2>"), FixedType.parse("ap_fixed<12,9>")
SIGNLESS, VERY_WIDE = FixedType.parse("ap_ufixed<3,3>"), FixedType.parse("ap_fixed<80,40>")


def window(rows: Axis, columns: Axis) -> Window:
    pixel = (PIXEL, SIGNLESS)
    tokens, made = rows.size * columns.size, rows.windows * columns.windows
    return Window(
        "line",
        (Channel("x", pixel, tokens),),
        (Channel("y", pixel * (rows.taps * columns.taps), made),),
        rows,
        columns,
        (0, 0),
    )


HOLDERS: dict[str, Any] = {
    "padded windows": window(Axis(5, 5, 3, before=1), Axis(6, 6, 3, before=1)),
    "windows with a stride": window(Axis(6, 3, 2, stride=2), Axis(7, 3, 2, stride=2)),
    "windows with a stride of 3": window(Axis(7, 2, 3, stride=3, before=1), Axis(8, 3, 3, stride=3, before=1)),
    "dilated windows": window(Axis(1, 1), Axis(9, 9, 3, before=2, step=2)),
    "collect": Collect("line", (Channel("x", (PIXEL, VERY_WIDE), 5),), (Channel("y", (PIXEL, VERY_WIDE) * 5),)),
    "collect two in turn": Collect("line", (Channel("x", (PIXEL,), 6),), (Channel("y", (PIXEL,) * 3, 2),), 2),
    "collect one": Collect("line", (Channel("x", (PIXEL,)),), (Channel("y", (PIXEL,)),)),
    "split": Split("line", (Channel("x", (PIXEL, WIDE) * 4),), (Channel("y", (PIXEL, WIDE), 4),)),
    "split several": Split("line", (Channel("x", (PIXEL,) * 3, 4),), (Channel("y", (PIXEL,), 12),)),
    "split again and again": Split(
        "line", (Channel("x", (PIXEL, WIDE) * 3, 2),), (Channel("y", (PIXEL, WIDE), 10),), places=(0, 0, 2, 1, 0)
    ),
    "split two in turn": Split("line", (Channel("x", (PIXEL,) * 6),), (Channel("y", (PIXEL,), 6),), 2),
    "sums": Moments(
        "line", (Channel("x", (PIXEL, WIDE), 12),), (Channel("y", (FixedType.parse("ap_fixed<24,21>"),) * 12),), 3, 4, 2
    ),
    "forms": Quadratic("line", (Channel("x", (PIXEL,) * 12),), (Channel("y", (WIDE,) * 2, 12),), 3, 4),
}


def simulated(name: str, folder: Path, *change: str) -> list[str]:
    assert HOLDERS[name].faults() == []
    module = holder_module("line", HOLDERS[name])
    text = module.text
    if change:
        assert re.search(change[0], text), change[0]
        text = re.sub(change[0], change[1], text, count=1)
    (folder / "line.sv").write_text(text)
    return module_faults([holder_bench(module, seed=1)], [folder / "line.sv"])


@pytest.mark.parametrize("name", HOLDERS)
def test_right_modules_pass(name: str, tmp_path: Path) -> None:
    assert simulated(name, tmp_path) == []


FAULTS = {
    "a window is lost where the next pixel has none": ("padded windows", r"\(free & (\(given_valid \| flush\))\)", r"(\1)"),
    "a tap changes while a window waits": ("padded windows", r"(x2_in <= )step \? (\(.*\)) : x2_in", r"\1\2"),
    "a line is left out": ("windows with a stride", r"place == 3'd6", "place == 3'd5"),
    "a phase that a frame does not begin anew": (
        "windows with a stride of 3",
        r"begins \? 2'd0 : next_phase_x",
        "next_phase_x",
    ),
    "a counter that a reset forgets": ("collect", r"count <= rst \? 3'd0 : (.*);", r"count <= \1;"),
    "tokens in the wrong order": ("collect two in turn", r"\{given, whole\[\d+:\d+\]\}", r"{whole[19:0], given}"),
    "a cycle more a token": ("split", r"left - 3'd1", "((left == 3'd1) ? 3'd5 : (left == 3'd5) ? 3'd0 : left - 3'd1)"),
    "a part in another's place": ("split again and again", "3'd3: rom = 2'd2", "3'd3: rom = 2'd1"),
    "taken without room": ("sums", r"step = \(free & given_valid\)", "step = given_valid"),
    "done where a reset comes": ("sums", r"done <= rst \? 1'd0 : \(row_ends", "done <= (row_ends"),
    "valid is X after a reset": ("forms", r"rst \? 1'd0 : ", "rst ? 1'dx : "),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults(fault: str, tmp_path: Path) -> None:
    found = simulated(FAULTS[fault][0], tmp_path, *FAULTS[fault][1:])
    assert re.fullmatch(r"'line' on its own is wrong \d+ times, first in cycle \d+", *found)
