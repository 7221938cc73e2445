"""A loop as one module: it takes a token, and when its step is through, the state is the next one.

Between a token and the next one nothing overlaps: the step needs the state. What is written stays in registers of its own
until it is taken, so that the next step can begin; behind a frame's last token the state is cleared as a reset clears it, if
it is not kept. A first state that is given is loaded in a cycle of its own before a frame's first token.
"""

from __future__ import annotations

from fpga_ml.ir.network import Channel, Map
from fpga_ml.rtl.fold import CONTROL as FOLD_CONTROL
from fpga_ml.rtl.fold import READ as FOLD_READ
from fpga_ml.rtl.fold import WRITE as FOLD_WRITE
from fpga_ml.rtl.fold import fold_modules
from fpga_ml.rtl.holding import HoldingModule, counter
from fpga_ml.rtl.map import map_module
from fpga_ml.rtl.sv import Assign, Comment, Declare, Instance, Item, Module, Net, Port, Register, Registers, literal
from fpga_ml.schedule.units import Looped

FIRST = ("first", "first_valid", "first_ready")  # ports of the first state, where it is given


def loop_modules(name: str, step_name: str, fold_name: str, unit: Looped) -> list[Module]:
    """The modules of the step and of the fold, if there is one, and the loop's own last."""
    emission = _Looping(name, step_name, fold_name, unit)
    modules = [map_module(step_name, emission.step, unit.schedule)]
    if unit.process.fold is not None and unit.fold_schedule is not None:
        modules += fold_modules(fold_name, f"{fold_name}_step", unit.process.fold, unit.fold_schedule)
    return [*modules, emission.module()]


class _Looping(HoldingModule):
    def __init__(self, name: str, step_name: str, fold_name: str, unit: Looped) -> None:
        process = unit.process
        super().__init__(name, process.reads[0], process.writes[0])
        self.step_name, self.fold_name, self.unit, self.process = step_name, fold_name, unit, process
        self.state = Channel("state", process.state)
        self.following = Channel("following", process.state)
        self.shown = Channel("shown", process.writes[0].types)
        if process.fold is None:
            reads: tuple[Channel, ...] = (Channel("given", process.reads[0].types), self.state)
        else:
            products = Channel("products", process.fold.writes[0].types)
            reads = (Channel("token", process.reads[0].types), products, self.state)
        self.step = Map(f"{process.name} step", reads, (self.following, self.shown), process.both)

    def module(self) -> Module:
        items = [*self._control(), *self._folded(), *self._step(), *self._kept()]
        turn = self.unit.interval_cycles
        ports = self.ports()
        if self.process.first is not None:
            width = self.process.first.width_bits
            ports += (Port("input", FIRST[0], width), Port("input", FIRST[1]), Port("output", FIRST[2]))
        return Module(self.name, ports, items, f"Loop '{self.process.name}': a token every {turn} cycles.")

    def _control(self) -> list[Item]:
        """`done_s<n>`: a token was taken n cycles ago; with the last of them its step is through."""
        stages = [f"done_s{k}" for k in range(1, self.unit.latency_cycles + 1)]
        flights = tuple(Register(s, None, False, before) for s, before in zip(stages, ["step", *stages], strict=False))
        last = literal(self.read.tokens - 1, max((self.read.tokens - 1).bit_length(), 1))
        return [
            Comment("one token at a time"),
            Declare("valid", None, "logic"),
            Declare("busy", None),
            *self._loaded(),
            Net("free", None, False, f"~busy & (~valid | held_ready){' & loaded' * (self.process.first is not None)}"),
            Net("step", None, False, "free & given_valid"),
            Assign("given_ready", "free"),
            *([Registers("clk", flights, "rst")] if flights else []),
            Assign("busy", " | ".join(stages) or "1'b0"),
            Net("done", None, False, stages[-1] if stages else "step"),
            *counter("count", self.read.tokens, "done", reset=True),
            Net("last", None, False, f"count == {last}"),
            Declare("state", self.state.width_bits, "logic"),
        ]

    def _loaded(self) -> list[Item]:
        """Whether the frame's first state is there."""
        if self.process.first is None:
            return []
        _, there, ready = FIRST
        return [
            Declare("loaded", None, "logic"),
            Declare("ends", None),
            Net("load", None, False, f"~loaded & {there}"),
            Assign(ready, "~loaded"),
            Registers("clk", (Register("loaded", None, False, "(load | (loaded & ~ends))", True),), "rst"),
        ]

    def _folded(self) -> list[Item]:
        """The token waits for the products with the state."""
        fold = self.process.fold
        if fold is None:
            return []
        ends = ("clk", "rst", "step", f"state[{fold.reads[0].width_bits - 1}:0]", "products")
        ports = tuple(zip((*FOLD_CONTROL, FOLD_READ, FOLD_WRITE), ends, strict=True))
        width = self.read.width_bits
        return [
            Comment("the products with the state, in rounds"),
            Registers("clk", (Register("token", width, False, "step ? given : token"),)),
            Declare("products", fold.writes[0].width_bits),
            Instance(self.fold_name, "fold", ports),
        ]

    def _step(self) -> list[Item]:
        ports = [("clk", "clk")] if self.unit.schedule.register_bits else []
        ports += [(c.name, c.name) for c in (*self.step.reads, *self.step.writes)]
        return [
            Comment("the step"),
            Declare("following", self.following.width_bits),
            Declare("shown", self.shown.width_bits),
            Instance(self.step_name, "made", tuple(ports)),
        ]

    def _kept(self) -> list[Item]:
        width, shown = self.state.width_bits, self.shown.width_bits
        following = "done ? following : state"
        if self.process.first is not None:
            following = f"load ? {FIRST[0]} : {following}"
        elif not self.process.keeps:
            following = f"(done & last) ? ({literal(0, width)}) : {following}"
        offers = "done" if self.process.every else "(done & last)"
        return [
            Comment("what is kept and what is given"),
            *([Assign("ends", "done & last")] if self.process.first is not None else []),
            Registers(
                "clk",
                (
                    Register("state", width, False, f"({following})", True),
                    Register("valid", None, False, f"({offers} | (valid & ~held_ready))", True),
                ),
                "rst",
            ),
            Registers("clk", (Register("kept", shown, False, f"{offers} ? shown : kept"),)),
            Assign("held", "kept"),
            Assign("held_valid", "valid"),
        ]
