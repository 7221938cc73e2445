"""A loop as one module: it takes a token when its sequence's state is there, and when the step is through, the next state
is.

One state stands before the step; where sequences are interleaved, the others wait in a FIFO behind it, in the order in which
their tokens come, or are under way in the step. A sequence's first state is zero, or as it is given, and what its last token
makes is dropped, if it is not kept. Places for what is written are reserved with the token, as a segment does.
"""

from __future__ import annotations

from fpga_ml.ir.network import Channel, Map
from fpga_ml.rtl.fold import CONTROL as FOLD_CONTROL
from fpga_ml.rtl.fold import READ as FOLD_READ
from fpga_ml.rtl.fold import WRITE as FOLD_WRITE
from fpga_ml.rtl.fold import fold_modules
from fpga_ml.rtl.holding import counter
from fpga_ml.rtl.map import map_module
from fpga_ml.rtl.sv import Assign, Comment, Declare, Instance, Item, Module, Net, Port, Register, Registers, literal
from fpga_ml.schedule.units import Looped

PORTS = ("clk", "rst", "given", "given_valid", "given_ready", "room", "reserve", "push", "made")
FIRST = ("first", "first_valid", "first_ready")  # of the first state, where it is given


def loop_modules(name: str, step_name: str, fold_name: str, fifo: str, unit: Looped) -> list[Module]:
    """The modules of the step and of the fold, if there is one, and the loop's own last; fifo: that of
    primitives/fifo.sv."""
    emission = _Looping(name, step_name, fold_name, fifo, unit)
    modules: list[Module] = [map_module(step_name, emission.step, unit.schedule)]
    if unit.process.fold is not None and unit.fold_schedule is not None:
        modules += fold_modules(fold_name, f"{fold_name}_step", unit.process.fold, unit.fold_schedule)
    return [*modules, emission.module()]


class _Looping:
    """present: the next token's state stands before the step, fresh: the one to follow is a first one; enter: a token goes
    into the step; done: it is through, and returns a state."""

    def __init__(self, name: str, step_name: str, fold_name: str, fifo: str, unit: Looped) -> None:
        process = unit.process
        self.name, self.read, self.write, self.fifo = name, process.reads[0], process.writes[0], fifo
        self.step_name, self.fold_name, self.unit, self.process = step_name, fold_name, unit, process
        self.state = Channel("state", process.state)
        self.following = Channel("following", process.state)
        self.shown = Channel("made", process.writes[0].types)
        if process.fold is None:
            reads: tuple[Channel, ...] = (Channel("given", process.reads[0].types), self.state)
        else:
            products = Channel("products", process.fold.writes[0].types)
            reads = (Channel("token", process.reads[0].types), products, self.state)
        self.step = Map(f"{process.name} step", reads, (self.following, self.shown), process.both)

    def module(self) -> Module:
        items = [*self._control(), *self._folded(), *self._step(), *self._kept()]
        many, turn = self.process.interleaved, self.unit.round_cycles
        what = f"Loop '{self.process.name}': " + (f"{many} sequences, a token of each" if many > 1 else "a token")
        return Module(self.name, self._ports(), items, f"{what} every {turn} cycles.")

    def _ports(self) -> tuple[Port, ...]:
        widths = {"given": self.read.width_bits, "made": self.write.width_bits}
        outputs = ("given_ready", "reserve", "push", "made", "first_ready")
        first = self.process.first
        widths |= {"first": first.width_bits} if first is not None else {}
        names = (*PORTS, *FIRST) if first is not None else PORTS
        return tuple(Port("output" if p in outputs else "input", p, widths.get(p)) for p in names)

    def _control(self) -> list[Item]:
        """`done_s<n>`: a token was taken n cycles ago; with the last of them its step is through."""
        stages = [f"done_s{k}" for k in range(1, self.unit.latency_cycles + 1)]
        flights = tuple(Register(s, None, False, before) for s, before in zip(stages, ["step", *stages], strict=False))
        folding = stages[: self.unit.fold_cycles]
        return [
            Comment("a token is taken where its state is there, and a place for what it gives"),
            Declare("present", None, "logic"),
            Net("step", None, False, "given_ready & given_valid"),
            *([Registers("clk", flights, "rst")] if flights else []),
            Net("enter", None, False, folding[-1] if folding else "step"),
            Net("done", None, False, stages[-1] if stages else "step"),
            *(self._ends("begun", "step", "gives") if not self.process.every else [Net("gives", None, False, "1'b1")]),
            *self._ends("count", "done", "last"),
            Assign("given_ready", " & ".join(["present", *(f"~{s}" for s in folding), "(room | ~gives)"])),
            Assign("reserve", "step & gives"),
            Assign("push", "done" if self.process.every else "done & last"),
            Declare("state", self.state.width_bits, "logic"),
        ]

    def _ends(self, count: str, when: str, name: str) -> list[Item]:
        """Whether a token is a sequence's last one, of those that are taken or of those that are through."""
        if self.read.tokens == self.process.interleaved:
            return [Net(name, None, False, "1'b1")]
        from_here = literal(self.read.tokens - self.process.interleaved, (self.read.tokens - 1).bit_length())
        return [*counter(count, self.read.tokens, when, reset=True), Net(name, None, False, f"{count} >= {from_here}")]

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
            Instance(self.step_name, "stages", tuple(ports)),
        ]

    def _kept(self) -> list[Item]:
        many, width = self.process.interleaved > 1, self.state.width_bits
        first, there = (FIRST[0], FIRST[1]) if self.process.first is not None else (literal(0, width), "1'b1")
        back = "others_valid | returns" if many else "returns"
        following = f"fresh ? {first} : others_valid ? other : following" if many else f"fresh ? {first} : following"
        return [
            Comment("the state before the step"),
            Net("returns", None, False, "done" if self.process.keeps else "done & ~last"),
            Net("empty", None, False, "~present | enter"),
            Declare("load", None),
            *self._fresh(),
            *(self._others() if many else []),
            Assign("load", f"empty & (fresh ? {there} : ({back}))"),
            *([Assign(FIRST[2], "empty & fresh")] if self.process.first is not None else []),
            Registers("clk", (Register("present", None, False, "(load | ~empty)", True),), "rst"),
            Registers("clk", (Register("state", width, False, f"load ? ({following}) : state", True),)),
        ]

    def _fresh(self) -> list[Item]:
        """Whether the state that comes next is a sequence's first one; of a state that is kept only the very first one
        is."""
        if self.process.keeps:
            return [
                Declare("started", None, "logic"),
                Registers("clk", (Register("started", None, False, "(started | load)", True),), "rst"),
                Net("fresh", None, False, "~started"),
            ]
        if self.read.tokens == self.process.interleaved:
            return [Net("fresh", None, False, "1'b1")]
        up_to = literal(self.process.interleaved, (self.read.tokens - 1).bit_length())
        return [*counter("loads", self.read.tokens, "load", reset=True), Net("fresh", None, False, f"loads < {up_to}")]

    def _others(self) -> list[Item]:
        """A state that comes back when none is there before the step, and none waits, does not wait either."""
        width = self.state.width_bits
        ports = {
            "clk": "clk",
            "rst": "rst",
            "room": "others_room",
            "reserve": "waits",
            "push": "waits",
            "given": "following",
        }
        ports |= {"valid": "others_valid", "pop": "load & ~fresh & others_valid", "first": "other"}
        return [
            *(Declare(name, None) for name in ("others_room", "others_valid")),
            Declare("other", width),
            Net("waits", None, False, "returns & (~empty | fresh | others_valid)"),
            Instance(self.fifo, "others", tuple(ports.items()), (("WIDTH", width), ("DEPTH", self.process.interleaved - 1))),
        ]
