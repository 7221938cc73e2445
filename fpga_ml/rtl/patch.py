"""Quadratic forms and moments over a patch of pixels, added up along rows and columns."""

from __future__ import annotations

from fpga_ml.ir.kernel import Wire
from fpga_ml.ir.network import Moments, Quadratic
from fpga_ml.ir.network.quadratic import DIFFERENCES
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.holding import HoldingModule, counter
from fpga_ml.rtl.map import element, packed
from fpga_ml.rtl.sv import Assign, Comment, Declare, Item, Module, Net, Register, Registers, literal


class QuadraticModule(HoldingModule):
    """`at`, `dx`: of this pixel; `row`, `row_dx`, `row_dy`: of the row's first pixel."""

    def __init__(self, name: str, process: Quadratic) -> None:
        super().__init__(name, process.reads[0], process.writes[0])
        self.process = process

    def module(self) -> Module:
        rows, columns = self.process.rows, self.process.columns
        values = [item for k, t in enumerate(self.write.types) for item in self._form(k, t)]
        items: list[Item] = [
            Comment("the pixel that is offered"),
            Declare("valid", None, "logic"),
            Net("moves", None, False, "valid & held_ready"),
            Net("row_ends", None, False, _is("x", columns - 1, columns)),
            Net("ends", None, False, f"row_ends & {_is('y', rows - 1, rows)}"),
            Net("free", None, False, "~valid | (held_ready & ends)"),
            Net("load", None, False, "free & given_valid"),
            Assign("given_ready", "free"),
            Assign("held_valid", "valid"),
            Registers("clk", (Register("valid", None, False, "(load | (valid & ~(held_ready & ends)))", True),), "rst"),
            *counter("x", columns, "moves", reset=True),
            *counter("y", rows, "(moves & row_ends)", reset=True),
            *values,
            Assign("held", packed([f"at_{k}" for k in range(len(self.write.types))])),
        ]
        return Module(self.name, self.ports(), items, f"{len(self.write.types)} quadratic forms of {rows}x{columns} pixels.")

    def _form(self, k: int, t: FixedType) -> list[Item]:
        width, names = t.width, ("value", "x", "y", "xx", "xy", "yy")
        given = [f"given_{name}_{k}" for name in names]
        nets = []
        for n, name in enumerate(given):
            place = DIFFERENCES * k + n
            own = self.read.types[place]
            bits = element("given", self.read.lows[place], own, Wire(t.fraction, Wire.of(t).interval))
            nets.append(Net(name, width, False, bits))
        value, x, y, xx, xy, yy = given
        down = f"(row_{k} + row_dy_{k})"
        aside = f"(row_dx_{k} + xy_{k})"
        row_ends = "(moves & row_ends)"
        following = {
            f"at_{k}": f"load ? {value} : {row_ends} ? {down} : moves ? at_{k} + dx_{k} : at_{k}",
            f"dx_{k}": f"load ? {x} : {row_ends} ? {aside} : moves ? dx_{k} + xx_{k} : dx_{k}",
            f"row_{k}": f"load ? {value} : {row_ends} ? {down} : row_{k}",
            f"row_dx_{k}": f"load ? {x} : {row_ends} ? {aside} : row_dx_{k}",
            f"row_dy_{k}": f"load ? {y} : {row_ends} ? row_dy_{k} + yy_{k} : row_dy_{k}",
            **{f"{name}_{k}": f"load ? {new} : {name}_{k}" for name, new in (("xx", xx), ("xy", xy), ("yy", yy))},
        }
        return [
            Comment(f"form {k}"),
            *nets,
            *(Declare(name, width, "logic") for name in following),
            Registers("clk", tuple(Register(name, width, False, new, True) for name, new in following.items())),
        ]


class MomentsModule(HoldingModule):
    """`row_i`: sums of a row so far; `sum_i_j`: of the rows that have ended, to which a row is added in the cycle behind its
    last pixel. In that cycle a pixel of the next frame may be taken already."""

    def __init__(self, name: str, process: Moments) -> None:
        super().__init__(name, process.reads[0], process.writes[0])
        self.process = process

    def module(self) -> Module:
        rows, columns = self.process.rows, self.process.columns
        step = "(free & given_valid)"
        elements = [item for k in range(len(self.read.types)) for item in self._element(k)]
        sums = [self._sum(k, *place) for k in range(len(self.read.types)) for place in self.process.places]
        items: list[Item] = [
            *self.free(),
            Assign("given_ready", "free"),
            Assign("held_valid", "valid"),
            Net("step", None, False, step),
            *counter("x", columns, "step", reset=True),
            Net("row_ends", None, False, f"step & {_is('x', columns - 1, columns)}"),
            *counter("y", rows, "row_ends", reset=True),
            Net("row_begins", None, False, _is("x", 0, columns)),
            Registers("clk", (Register("first_row", None, False, _is("y", 0, rows)),)),
            Declare("row_done", None, "logic"),
            Declare("done", None, "logic"),
            Registers(
                "clk",
                (
                    Register("row_done", None, False, "row_ends", True),
                    Register("done", None, False, f"(row_ends & {_is('y', rows - 1, rows)})", True),
                    Register("valid", None, False, "(done | (valid & ~held_ready))", True),
                ),
                "rst",
            ),
            *elements,
            Assign("held", packed(sums)),
        ]
        what = f"Moments of order {self.process.order} over {rows}x{columns} pixels."
        return Module(self.name, self.ports(), items, what)

    def _sum(self, k: int, i: int, j: int) -> str:
        return f"sum_{k}_{i}_{j}"

    def _element(self, k: int) -> list[Item]:
        read, wire = self.read.types[k], self.read.wires[k]
        found: list[Item] = [Comment(f"element {k}")]
        in_row = self.process.in_row(wire)
        row = []
        for i, w in enumerate(in_row):
            name, width = f"row_{k}_{i}", w.type.width
            so_far = f"(row_begins ? {literal(0, width)} : {name})"
            added = self._new(k, read, w.type) if i == 0 else _cut(f"row_{k}_{i - 1}", in_row[i - 1].type, width)
            if i > 0:
                added = f"(row_begins ? {literal(0, width)} : {added})"
            found.append(Declare(name, width, "logic"))
            row.append(Register(name, width, False, f"step ? {so_far} + {added} : {name}", True))
        columns = []
        for n, (i, j) in enumerate(self.process.places):
            name, t = self._sum(k, i, j), self.write.types[len(self.process.places) * k + n]
            so_far = f"(first_row ? {literal(0, t.width)} : {name})"
            if j == 0:
                added = _cut(f"row_{k}_{i}", in_row[i].type, t.width)
            else:
                before = self.write.types[len(self.process.places) * k + self.process.places.index((i, j - 1))]
                added = f"(first_row ? {literal(0, t.width)} : {_cut(self._sum(k, i, j - 1), before, t.width)})"
            found.append(Declare(name, t.width, "logic"))
            columns.append(Register(name, t.width, False, f"row_done ? {so_far} + {added} : {name}", True))
        return [*found, Registers("clk", tuple(row)), Registers("clk", tuple(columns))]

    def _new(self, k: int, read: FixedType, target: FixedType) -> str:
        return element("given", self.read.lows[k], read, Wire.of(target))


def _is(count: str, value: int, values: int) -> str:
    """Whether a counter of so many values has this one."""
    return f"({count} == {literal(value, max((values - 1).bit_length(), 1))})"


def _cut(name: str, t: FixedType, width: int) -> str:
    """A signal of type t with so many bits."""
    if width <= t.width:
        return f"{name}[{width - 1}:0]"
    return f"{width}'($signed({name}))" if t.signed else f"{width}'({name})"
