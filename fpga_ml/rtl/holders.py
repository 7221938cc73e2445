"""Line buffers, collections and splits: modules that take a token when they are free and hold one until it is taken.

`given_ready` says that a token can be taken; `held_valid` that one is held, and `held_ready` that it is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

from fpga_ml.ir.network import Axis, Collect, Holder, Moments, Quadratic, Split, Window
from fpga_ml.rtl.holding import HoldingModule, counter
from fpga_ml.rtl.map import packed
from fpga_ml.rtl.patch import MomentsModule, QuadraticModule
from fpga_ml.rtl.sv import Assign, Comb, Comment, Declare, Item, Memory, Module, Net, Register, Registers, Rom, literal


@dataclass(frozen=True)
class HolderModule(Module):
    """The module of a process that holds its result; its ports are `holding.PORTS`."""

    process: Holder = field(kw_only=True)


def holder_module(name: str, process: Holder) -> HolderModule:
    made = _module(name, process)
    return HolderModule(made.name, made.ports, made.items, made.comment, process=process)


def _module(name: str, process: Holder) -> Module:
    match process:
        case Window():
            return _Line(name, process).module()
        case Collect():
            return _Gathering(name, process).module()
        case Split():
            return _Splitting(name, process).module()
        case Quadratic():
            return QuadraticModule(name, process).module()
        case Moments():
            return MomentsModule(name, process).module()


class _Gathering(HoldingModule):
    def __init__(self, name: str, process: Collect) -> None:
        super().__init__(name, process.reads[0], process.writes[0])
        self.sequences = process.interleaved

    def module(self) -> Module:
        bits, many = self.read.width_bits, self.sequences
        own = self.read.tokens // many
        kept = (own - 1) * many + 1
        width = max((self.read.tokens - 1).bit_length(), 1)
        step = "(free & given_valid)"
        shifted = f"{{given, whole[{kept * bits - 1}:{bits}]}}" if kept > 1 else "given"
        last = f"count >= {literal(self.read.tokens - many, width)}" if own > 1 else "1'b1"
        tokens = [f"whole[{(t * many + 1) * bits - 1}:{t * many * bits}]" for t in range(own)]
        items: list[Item] = [
            *self.free(),
            *self.counted(step),
            *self.stepping("given_valid", f"({last})"),
            Comment("the tokens from a sequence's first one on, the last one on top"),
            Declare("whole", kept * bits, "logic"),
            Registers("clk", (Register("whole", kept * bits, False, f"{step} ? {shifted} : whole", True),)),
            Assign("held", "whole" if many == 1 else packed(tokens)),
        ]
        turns = f", of {many} sequences in turn" * (many > 1)
        return Module(self.name, self.ports(), items, f"The {own} tokens of a sequence as one{turns}.")


class _Splitting(HoldingModule):
    def __init__(self, name: str, process: Split) -> None:
        super().__init__(name, process.reads[0], process.writes[0])
        self.sequences, self.parts, self.places = process.interleaved, process.parts, process.places

    def module(self) -> Module:
        bits, tokens = self.write.width_bits, self.parts
        if self.places:
            return self._chosen()
        own = tokens // self.sequences
        places = [s * own + t for t in range(own) for s in range(self.sequences)]
        ordered = "given" if self.sequences == 1 else packed([f"given[{(p + 1) * bits - 1}:{p * bits}]" for p in places])
        valid, taken, there = "held_valid", "held_ready", "given_valid"
        moved = f"{{{bits}'d0, whole[{tokens * bits - 1}:{bits}]}}" if tokens > 1 else "whole"
        following = f"(free & {there}) ? {ordered} : ({valid} & {taken}) ? {moved} : whole"
        items: list[Item] = [
            *self._left(),
            Declare("whole", tokens * bits, "logic"),
            Registers("clk", (Register("whole", tokens * bits, False, following, True),)),
            Assign("held", f"whole[{bits - 1}:0]"),
        ]
        return Module(self.name, self.ports(), items, f"A token as {tokens}.")

    def _left(self) -> list[Item]:
        width = self.parts.bit_length()
        zero, one, every = literal(0, width), literal(1, width), literal(self.parts, width)
        valid, taken, there = "held_valid", "held_ready", "given_valid"
        left = f"((free & {there}) ? {every} : ({valid} & {taken}) ? left - {one} : left)"
        return [
            Comment("tokens left, the one that is offered included"),
            Declare("left", width, "logic"),
            Net("free", None, False, f"(left == {zero}) | ((left == {one}) & {taken})"),
            Assign(valid, f"left != {zero}"),
            Assign("given_ready", "free"),
            Registers("clk", (Register("left", width, False, left, True),), "rst"),
        ]

    def _chosen(self) -> Module:
        """A part may be written several times, and in any order."""
        bits, width, whole = self.write.width_bits, self.parts.bit_length(), self.read.width_bits
        place = max(self.places).bit_length() or 1
        cases = tuple((literal(self.parts - k, width), literal(p, place)) for k, p in enumerate(self.places))
        items: list[Item] = [
            *self._left(),
            Registers("clk", (Register("whole", whole, False, "(free & given_valid) ? given : whole"),)),
            Rom("rom", place, False, "left", cases[:-1], cases[-1][1], "the part that each token is"),
            Assign("held", f"whole[rom * {literal(bits, whole.bit_length())} +: {bits}]"),
        ]
        return Module(self.name, self.ports(), items, f"A token as {self.parts}, each a part of it.")


class _Line(HoldingModule):
    """Positions are those of a window's first pixel, `before` pixels further than the image's first one."""

    def __init__(self, name: str, process: Window) -> None:
        super().__init__(name, process.reads[0], process.writes[0])
        self.window, self.rows, self.columns = process, process.rows, process.columns
        self.bits = self.read.width_bits

    def module(self) -> Module:
        r, c = self.rows, self.columns
        items = [*self._control(), *self._place(), *self._lines(), *self._columns(), *self._taps()]
        what = f"{r.taps}x{c.taps} windows of a {r.size}x{c.size} image, stride {r.stride}x{c.stride}."
        return Module(self.name, self.ports(), items, what)

    def _control(self) -> list[Item]:
        width = max((self.read.tokens - 1).bit_length(), 1)
        there = "given_valid"
        return [
            Comment("a pixel is taken; behind the last one of a frame, steps without one bring out the last windows"),
            *self.free(),
            Declare("placed", None, "logic"),
            *self.counted(f"(free & {there})"),
            Net("flush", None, False, f"placed & (count == {literal(0, width)}) & ~{there}"),
            Net("step", None, False, f"free & ({there} | flush)"),
            Net("begins", None, False, f"{there} & (count == {literal(self.window.lag, width)})"),
        ]

    def _place(self) -> list[Item]:
        """Where the window is of which this step brings the last pixel; `on` from the first to the last one."""
        items: list[Item] = [
            Comment("the place of the window that a step completes"),
            Net("on", None, False, "placed | begins"),
        ]
        for axis, at in ((self.columns, "x"), (self.rows, "y")):
            width = _width(axis)
            items += [
                Declare(f"next_{at}", width, "logic"),
                Net(at, width, False, f"begins ? {literal(0, width)} : next_{at}"),
                *self._phase(axis, at),
            ]
        (h, w), (ends_y, ends_x) = (_width(self.rows), _width(self.columns)), (self._last("y"), self._last("x"))
        row_ends = f"(x == {literal(self.columns.size - 1, w)})"
        last = f"({ends_y} & {ends_x})"
        over = f"{row_ends} ? {literal(0, w)} : x + {literal(1, w)}"
        down = f"{row_ends} ? y + {literal(1, h)} : y"
        go = "step & on"
        items += [
            Net("offers", None, False, f"on & {self._is_window('y')} & {self._is_window('x')}"),
            Registers(
                "clk",
                (
                    Register("next_x", w, False, f"({go}) ? ({over}) : next_x", True),
                    Register("next_y", h, False, f"({go}) ? ({down}) : next_y", True),
                ),
            ),
            Registers("clk", (Register("placed", None, False, f"(step ? on & ~{last} : placed)", True),), "rst"),
            *self.stepping("(given_valid | flush)", "offers"),
        ]
        return items

    def _phase(self, axis: Axis, at: str) -> list[Item]:
        """Of strides that are no power of two: the place modulo the stride."""
        if axis.stride & (axis.stride - 1) == 0:
            return []
        width = (axis.stride - 1).bit_length()
        zero, one = literal(0, width), literal(1, width)
        ends = f"x == {literal(self.columns.size - 1, _width(self.columns))}"
        following = f"(phase_{at} == {literal(axis.stride - 1, width)}) ? {zero} : phase_{at} + {one}"
        move = f"({ends}) ? {zero} : ({following})" if at == "x" else f"({ends}) ? ({following}) : phase_y"
        return [
            Declare(f"next_phase_{at}", width, "logic"),
            Net(f"phase_{at}", width, False, f"begins ? {zero} : next_phase_{at}"),
            Registers(
                "clk", (Register(f"next_phase_{at}", width, False, f"(step & on) ? ({move}) : next_phase_{at}", True),)
            ),
        ]

    def _axis(self, at: str) -> Axis:
        return self.rows if at == "y" else self.columns

    def _is_window(self, at: str) -> str:
        axis = self._axis(at)
        width, stride = _width(axis), axis.stride
        inside = f"({at} <= {literal((axis.windows - 1) * stride, width)})"
        if stride == 1:
            return inside
        if stride & (stride - 1) == 0:
            bits = min(stride.bit_length() - 1, width)
            return f"({inside} & ({at}[{bits - 1}:0] == {literal(0, bits)}))"
        return f"({inside} & (phase_{at} == {literal(0, (stride - 1).bit_length())}))"

    def _last(self, at: str) -> str:
        axis = self._axis(at)
        return f"({at} == {literal((axis.windows - 1) * axis.stride, _width(axis))})"

    def _lines(self) -> list[Item]:
        """The column that a step adds, the newest row lowest: this pixel and those above it, from a memory of whole
        lines."""
        above = (self.rows.reach - 1) * self.bits
        if above == 0:
            return [Net("column", self.bits, False, "given")]
        return [
            Comment("lines above, a column a word"),
            *counter("place", self.columns.size, "step", reset=True),
            Declare("column", above + self.bits),
            Memory("lines", above, self.columns.size, "place", f"column[{above - 1}:0]", "step"),
            Assign("column", "{lines[place], given}"),
        ]

    def _columns(self) -> list[Item]:
        """The newest column lowest."""
        height, kept = self.rows.reach * self.bits, self.columns.reach
        shifted = f"{{columns[{(kept - 1) * height - 1}:0], column}}" if kept > 1 else "column"
        return [
            Comment("columns"),
            Registers("clk", (Register("columns", kept * height, False, f"step ? {shifted} : columns"),)),
        ]

    def _taps(self) -> list[Item]:
        """What lies outside the image is replaced; which taps do is known when the window is made."""
        items: list[Item] = [Comment("taps")]
        flags = []
        for axis, at in ((self.rows, "y"), (self.columns, "x")):
            flags += [
                Register(f"{at}{k}_in", None, False, f"step ? {self._inside(axis, at, k)} : {at}{k}_in")
                for k in range(axis.taps)
                if self._inside(axis, at, k) != "1'b1"
            ]
        items += [Registers("clk", tuple(flags))] if flags else []
        fill = packed([literal(raw, t.width) for raw, t in zip(self.window.fill, self.read.types, strict=True)])
        nets, names = [], []
        for i, j in product(range(self.rows.taps), range(self.columns.taps)):
            back = self.columns.reach - 1 - j * self.columns.step
            up = self.rows.reach - 1 - i * self.rows.step
            low = (back * self.rows.reach + up) * self.bits
            pixel = f"columns[{low + self.bits - 1}:{low}]"
            known = {f.name for f in flags}
            inside = " & ".join(n for n in (f"y{i}_in", f"x{j}_in") if n in known)
            names.append(f"tap_{i}_{j}")
            nets.append(Net(names[-1], self.bits, False, f"({inside}) ? {pixel} : {fill}" if inside else pixel))
        return [*items, Comb([*nets, Assign("held", packed(names))])]

    def _inside(self, axis: Axis, at: str, k: int) -> str:
        """Whether tap k of the window here is within the image."""
        width, offset = _width(axis), k * axis.step - axis.before
        low, high = max(0, -offset), min((axis.windows - 1) * axis.stride, axis.size - 1 - offset)
        tests = [f"({at} >= {literal(low, width)})"] if low else []
        tests += [f"({at} <= {literal(high, width)})"] if high < (axis.windows - 1) * axis.stride else []
        if high < low:
            return "1'b0"
        return " & ".join(tests) or "1'b1"


def _width(axis: Axis) -> int:
    """Bits of a place in one direction."""
    return max(axis.size.bit_length(), 1)
