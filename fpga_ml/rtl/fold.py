"""A fold as one module: a token is taken, and its rows pass the step one after the other, each with its word of the ROM.

Cycle 0: `start`. Cycles 1 to `rounds`: rows and words at the step. `step_latency` later the sums come out; those of one
group are added up, and what the groups give is kept until the next token's first group is through.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fpga_ml.ir.kernel import Wire
from fpga_ml.ir.network import Channel, Fold, Map
from fpga_ml.ir.network.process import output_wires
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.map import element, map_module, packed
from fpga_ml.rtl.signal import Signal
from fpga_ml.rtl.sv import (
    Assign,
    Comb,
    Comment,
    Computed,
    Declare,
    Instance,
    Item,
    Module,
    Net,
    Port,
    Register,
    Registers,
    Rom,
    literal,
)
from fpga_ml.schedule.pipeline import Schedule

CONTROL = ("clk", "rst", "start")
READ, WRITE = "token", "result"


def read_ports(process: Fold) -> tuple[str, ...]:
    """One for each channel that it reads."""
    return (READ,) if len(process.reads) == 1 else tuple(f"{READ}_{k}" for k in range(len(process.reads)))


def fold_modules(name: str, step_name: str, process: Fold, schedule: Schedule) -> tuple[Module, Module]:
    """The step's module and the fold's own; schedule: of the step."""
    emission = _Emission(name, step_name, process, schedule)
    return map_module(step_name, emission.step, schedule), emission.module()


class _Emission:
    def __init__(self, name: str, step_name: str, process: Fold, schedule: Schedule) -> None:
        self.name, self.step_name, self.process, self.schedule = name, step_name, process, schedule
        self.read, self.write = Channel(READ, process.read_types), process.writes[0]
        self.row = Channel("row", process.data_types)
        self.word = Channel("word", process.word_types)
        self.made = Channel("sums", tuple(w.type for w in output_wires(process.step)))
        self.totals = Channel("totals", tuple(w.type for w in process.sums))
        reads = (self.row, self.word) if process.word_types else (self.row,)
        self.step = Map(f"{process.name} step", reads, (self.made,), process.step)
        self.adds = process.accumulated > 1

    def module(self) -> Module:
        items = [*self._token(), *self._walk(), *self._words(), *self._step(), *self._totals(), *self._kept()]
        ports = [Port("input", p) for p in CONTROL]
        given = zip(read_ports(self.process), self.process.reads, strict=True)
        ports += [Port("input", name, c.width_bits) for name, c in given]
        ports += [Port("output", WRITE, self.write.width_bits)]
        rounds = f"{self.process.rounds} rounds of {len(self.row.types)} elements"
        return Module(self.name, tuple(ports), items, f"Fold '{self.process.name}': {rounds}.")

    def _token(self) -> list[Item]:
        """What is read, side by side."""
        names = read_ports(self.process)
        return [Net(READ, self.read.width_bits, False, packed(names))] if len(names) > 1 else []

    def _walk(self) -> list[Item]:
        """Rows that the walk has before it repeats itself, the one at the step lowest; they rotate. Places whose elements
        come again sooner have fewer rows."""
        periods = sorted(set(self.process.periods))
        items: list[Item] = [Comment("the rows of a token")]
        for period in periods:
            places = [j for j, n in enumerate(self.process.periods) if n == period]
            items += self._rotating(period, places, f"_{period}" if len(periods) > 1 else "")
        if len(periods) == 1:
            return items
        parts = [Net(f"place_{j}", t.width, False, f"row_{n}[{low + t.width - 1}:{low}]") for j, n, low, t in self._places()]
        return [*items, Comb([*parts, Net("row", self.row.width_bits, False, packed([p.name for p in parts]))])]

    def _rotating(self, period: int, places: Sequence[int], suffix: str) -> list[Item]:
        """Places of the rows, so many rounds of them."""
        types = [self.row.types[j] for j in places]
        width, rows = sum(t.width for t in types), f"rows{suffix}"
        names = [f"row{suffix}_{r}" for r in range(period)]
        packs = [self._packed([row[j] for j in places], types) for row in self.process.walk[:period]]
        total = period * width
        rotated = f"{{{rows}[{width - 1}:0], {rows}[{total - 1}:{width}]}}" if period > 1 else rows
        return [
            Comb([Net(name, width, False, text) for name, text in zip(names, packs, strict=True)]),
            Registers("clk", (Register(rows, total, False, f"start ? {packed(names)} : {rotated}"),)),
            Net(f"row{suffix}", width, False, f"{rows}[{width - 1}:0]"),
        ]

    def _packed(self, elements: Sequence[int], types: Sequence[FixedType]) -> str:
        return packed(
            [_as(READ, self.read, k, t) if k >= 0 else literal(0, t.width) for k, t in zip(elements, types, strict=True)]
        )

    def _places(self) -> Iterator[tuple[int, int, int, FixedType]]:
        """Of each place of a row its number, its period, and its lowest bit among the places of this period."""
        above = dict.fromkeys(self.process.periods, 0)
        for j, (period, t) in enumerate(zip(self.process.periods, self.row.types, strict=True)):
            yield j, period, above[period], t
            above[period] += t.width

    def _words(self) -> list[Item]:
        """The round, and with the row of each its word: whether it is a group's first or last round, and constants."""
        process, width = self.process, max((self.process.rounds - 1).bit_length(), 1)
        zero, one = literal(0, width), literal(1, width)
        last = f"round == {literal(process.rounds - 1, width)}"
        bits = 2 + self.word.width_bits
        cases = tuple((literal(r, width), f"{bits}'h{self._content(r):x}") for r in range(process.rounds))
        stages = self.schedule.latency_cycles + self.adds
        places = {"first": 0, "last": 1} if self.adds else {"last": 1}
        # Between tokens sums begin anew, which nobody sees.
        begun = {flag: f"rom[{k}]" if flag == "first" else f"busy & rom[{k}]" for flag, k in places.items()}
        flags = [Register(f"{flag}_s0", None, False, text) for flag, text in begun.items()]
        flags += [Register(f"{f}_s{s}", None, False, f"{f}_s{s - 1}") for f in places for s in range(1, stages + 1)]
        items: list[Item] = [
            Comment("rounds"),
            Declare("round", width, "logic"),
            Net("busy", None, False, f"start | (round != {zero})"),
            Registers(
                "clk", (Register("round", width, False, f"(~busy | ({last})) ? {zero} : round + {one}", True),), "rst"
            ),
            Rom("rom", bits, False, "round", cases, f"{bits}'h0", "the group's last round, its first, constants"),
            Registers("clk", tuple(flags)),
        ]
        if self.word.width_bits:
            items.append(Registers("clk", (Register("word", self.word.width_bits, False, f"rom[{bits - 1}:2]"),)))
        return items

    def _content(self, r: int) -> int:
        """Two flags, and the constants above them."""
        slices = zip(self.process.words[r], self.word.slices(), strict=True)
        constants = sum((raw & ((1 << t.width) - 1)) << low for raw, (_, low, t) in slices)
        place = r % self.process.accumulated
        return constants << 2 | (place == self.process.accumulated - 1) << 1 | (place == 0)

    def _step(self) -> list[Item]:
        ports = [("clk", "clk")] if self.schedule.register_bits else []
        ports += [(c.name, c.name) for c in (*self.step.reads, self.made)]
        return [Comment("the step"), Declare("sums", self.made.width_bits), Instance(self.step_name, "step", tuple(ports))]

    def _totals(self) -> list[Item]:
        """Sums of a group so far; a first round begins anew. A group of one round is its sum."""
        if not self.adds:
            parts = [_as("sums", self.made, k, t) for k, _, t in self.totals.slices()]
            return [Net("totals", self.totals.width_bits, False, packed(parts))]
        first = f"first_s{self.schedule.latency_cycles + 1}"
        items: list[Item] = [
            Comment("sums of the rounds"),
            Registers("clk", (Register("sums_r", self.made.width_bits, False, "sums"),)),
        ]
        names, width = [], self.totals.width_bits
        items.append(Declare("total", width, "logic"))
        for k, low, t in self.totals.slices():
            now = _as("sums_r", self.made, k, t)
            so_far = f"({first} ? {literal(0, t.width)} : total[{low + t.width - 1}:{low}])"
            items.append(Net(f"total_{k}", t.width, False, f"{so_far} + {now}"))
            names.append(f"total_{k}")
        items.append(Net("totals", width, False, packed(names)))
        return [*items, Registers("clk", (Register("total", width, False, "totals", True),))]

    def _kept(self) -> list[Item]:
        """What the groups gave, the first one's lowest."""
        last = f"last_s{self.schedule.latency_cycles + self.adds}"
        width, groups = self.totals.width_bits, self.process.groups
        shifted = f"{{totals, kept[{groups * width - 1}:{width}]}}" if groups > 1 else "totals"
        kept = Registers("clk", (Register("kept", groups * width, False, f"{last} ? {shifted} : kept"),))
        return [Comment("results"), kept, *self._outputs()]

    def _outputs(self) -> list[Item]:
        group = Channel("kept", self.totals.types * self.process.groups)
        items: list[Computed] = []
        for (k, low, own), t in zip(group.slices(), self.write.types, strict=False):
            part = Signal(f"kept_{k}", own.width, own.signed)
            items.append(Net(part.name, own.width, own.signed, f"kept[{low + own.width - 1}:{low}]"))
            items.append(Net(f"result_{k}", t.width, t.signed, part.bits(t.width, t.fraction - own.fraction)))
        results = [f"result_{k}" for k in range(len(self.write.types))]
        return [Comb([*items, Assign(WRITE, packed(results))])]


def _as(port: str, channel: Channel, k: int, target: FixedType) -> str:
    """Element k of a packed token, in the bits of another type that holds it."""
    return element(port, channel.lows[k], channel.types[k], Wire.of(target))
