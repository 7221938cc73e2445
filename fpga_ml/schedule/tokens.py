"""When each token moves: the cycles of a stream network, exactly as its RTL does them, without the values.

Frames follow one another at the inputs as fast as they are taken, and every output is taken at once. What moves in a cycle
depends on registers only, so that the order in which units are looked at does not matter. Blocking reads and writes make
the network determinate: if it runs dry here, no stall at its ends can lock it, and none can make it lose a token.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from fpga_ml.ir.network import Collect, Holder, Moments, Network, Quadratic, Split, Window
from fpga_ml.schedule.units import Buffer, Looped, Segment, Unit


@dataclass(frozen=True)
class Trace:
    """first, last: by channel, the cycles in which the first frame's first and last token are made (taken, of what a line
    buffer hands over), counted from the one that takes the frame's first pixel; high_water: of each
    buffer; refused: which buffers let something wait; complete: whether all frames came through."""

    complete: bool
    latency_cycles: int
    interval_cycles: int
    first: dict[str, int]
    last: dict[str, int]
    high_water: tuple[int, ...]
    refused: tuple[bool, ...]

    def as_good_as(self, other: Trace) -> bool:
        """Whether all frames came, as soon and as often."""
        soon = self.latency_cycles <= other.latency_cycles and self.interval_cycles <= other.interval_cycles
        return self.complete and soon


def run(network: Network, units: Sequence[Unit], buffers: Sequence[Buffer], *, elastic: bool = False) -> Trace:
    """Until some frames are through, or nothing moves any more.

    elastic: not as the RTL does it, but as no RTL could do better. Every stage of a pipeline holds its token until there is
    room before it, so that a token takes a place in a FIFO only when it is made.
    """
    return _Run(network, units, buffers, elastic=elastic).trace()


@dataclass(eq=False)
class _Fifo:
    """held: tokens there and on their way; ready: those that can be read; refused: whether there was no room for one that
    could come. Two of them are two, however much alike."""

    depth: int
    held: int = 0
    ready: int = 0
    high_water: int = 0
    refused: bool = False

    @property
    def room(self) -> bool:
        """Asked for only when there is a token to come."""
        self.refused |= self.held >= self.depth
        return self.held < self.depth

    def reserve(self) -> None:
        self.held += 1
        self.high_water = max(self.high_water, self.held)

    def pop(self) -> None:
        self.held -= 1
        self.ready -= 1


@dataclass
class _Port:
    """A channel as its writer sees it: buffers before its readers, or a token that is held until the one reader takes it."""

    name: str
    tokens: int
    fifos: list[_Fifo] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    offered: bool = False

    @property
    def room(self) -> bool:
        return all(f.room for f in self.fifos)

    def put(self, cycle: int) -> None:
        """A token that had no place until now."""
        for f in self.fifos:
            f.reserve()
        self.push(cycle)

    def push(self, cycle: int) -> None:
        self.times.append(cycle)
        for f in self.fifos:
            f.ready += 1


class _Run:
    def __init__(self, network: Network, units: Sequence[Unit], buffers: Sequence[Buffer], *, elastic: bool) -> None:
        self.network, self.elastic = network, elastic
        # Enough for what is under way at once to fill and to come through.
        under_way = 4 * len(units) + sum(map(_latency, units))
        self.frames = 3 + 2 * under_way // network.interval_cycles
        self.fifos = [_Fifo(b.depth) for b in buffers]
        self.ports = {name: _Port(name, c.tokens) for name, c in network.channels.items()}
        self.before: dict[tuple[str, str], _Fifo] = {}
        for b, fifo in zip(buffers, self.fifos, strict=True):
            self.ports[b.channel.name].fifos.append(fifo)
            self.before[b.channel.name, b.reader] = fifo
        self.sources = [_Source(self.ports[c.name], c.tokens * self.frames) for c in network.inputs]
        self.sinks = [self.before[name, ""] for name in network.outputs]
        self.out = [self.ports[name] for name in network.outputs]
        self.pipes = [_pipe(self, u) for u in units if isinstance(u, (Segment, Looped))]
        self.loops = [p for p in self.pipes if isinstance(p, _Looping)]
        self.holding = [p for p in self.pipes if p.holds]
        self.standing = [p for p in self.pipes if isinstance(p, _Standing)]
        self.still: list[_Standing] = []  # of these, those that stood still in the last cycle
        self.holders = [_holder(self, u) for u in units if not isinstance(u, (Segment, Looped))]
        self.pushes: dict[int, list[_Port]] = {}

    def trace(self) -> Trace:
        cycle: int | None = 0
        taken = [0] * len(self.sinks)
        goal = [port.tokens * self.frames for port in self.out]
        while taken != goal and cycle is not None:
            cycle = cycle + 1 if self._cycle(cycle, taken) else self._skip(cycle)
        return self._result(taken == goal)

    def _skip(self, cycle: int) -> int | None:
        """The next cycle in which something can happen, after one in which nothing did; None if there is none."""
        moving = [pipe for pipe in self.pipes if pipe not in self.still]
        due = min([*self.pushes, *(at for pipe in moving for at in pipe.due() if at > cycle)], default=None)
        if due is not None:
            for pipe in self.still:
                pipe.stood += due - cycle - 1
        return due

    def _cycle(self, cycle: int, taken: list[int]) -> bool:
        """Whether anything changed but the time."""
        arriving = [f for f in self.sinks if f.ready]
        fired = [p for p in self.pipes if p.can_fire(cycle)]
        for holder in self.holders:
            holder.look(fired)
        stepped = [h for h in self.holders if h.can_step()]
        given = [s for s in self.sources if s.left and s.port.room]
        leaving = [p for p in self.holding if p.comes_out(cycle)]
        self.still = [p for p in self.standing if not p.has_room(cycle)]
        for k, f in enumerate(self.sinks):
            if f in arriving:
                f.pop()
                taken[k] += 1
        for pipe in leaving:
            pipe.give(cycle)
        for pipe in fired:
            pipe.fire(cycle)
        loaded = [loop for loop in self.loops if loop.load(cycle)]
        handed = [holder for holder in self.holders if holder.hand_over(cycle)]
        for holder in stepped:
            holder.step(cycle)
        for source in given:
            source.give(cycle)
        for pipe in self.still:
            pipe.stood += 1
        pushed = self.pushes.pop(cycle, [])
        for port in pushed:
            port.push(cycle)
        return bool(arriving or fired or loaded or handed or stepped or given or pushed or leaving)

    def _result(self, complete: bool) -> Trace:
        filled = tuple(f.high_water for f in self.fifos), tuple(f.refused for f in self.fifos)
        if not complete:
            return Trace(False, 0, 0, {}, {}, *filled)
        first = {name: p.times[0] for name, p in self.ports.items() if p.times}
        last = {name: p.times[p.tokens - 1] for name, p in self.ports.items() if len(p.times) >= p.tokens}
        ends = [max(p.times[p.tokens * (k + 1) - 1] for p in self.out) for k in range(self.frames)]
        interval = max(b - a for a, b in pairwise(ends))
        return Trace(True, ends[0] + 1, interval, first, last, *filled)


def _latency(unit: Unit) -> int:
    """From a token to what is made of it, of what is pipelined."""
    if isinstance(unit, Segment):
        return unit.plan.latency_cycles
    return unit.latency_cycles if isinstance(unit, Looped) else 0


@dataclass
class _Source:
    port: _Port
    left: int

    def give(self, cycle: int) -> None:
        self.left -= 1
        self.port.put(cycle)


class _Pipe:
    """A segment: takes a token of each read when all are there, its buffers have room and its interval is over.

    holds: as many tokens as can wait within it, 0 where each has reserved a place in the FIFOs; under_way: those that are
    within, with the cycles in which they are made at the soonest, and where they go.
    """

    def __init__(self, run: _Run, unit: Segment | Looped, latency_cycles: int, interval_cycles: int) -> None:
        self.run, self.name, self.latency, self.interval = run, unit.name, latency_cycles, interval_cycles
        self.reads = [(run.before.get((c.name, unit.name)), run.ports[c.name]) for c in unit.reads]
        self.writes = [run.ports[c.name] for c in unit.writes]
        self.next = 0
        self.holds = latency_cycles if run.elastic else 0
        self.under_way: deque[tuple[int, list[_Port]]] = deque()

    def given(self) -> list[_Port]:
        """To which the next token gives one."""
        return self.writes

    def can_fire(self, cycle: int) -> bool:
        there = all(fifo.ready > 0 if fifo else port.offered for fifo, port in self.reads)
        return there and cycle >= self.next and self.has_room(cycle)

    def has_room(self, cycle: int) -> bool:
        """For what one more token gives."""
        if self.holds:
            return len(self.under_way) < self.holds or self.comes_out(cycle)
        return all(port.room for port in self.given())

    def comes_out(self, cycle: int) -> bool:
        """Whether the first of those within is made and has a place."""
        return self.made(cycle) and all(port.room for port in self.under_way[0][1])

    def made(self, cycle: int) -> bool:
        """Whether the first of those within is."""
        return bool(self.under_way) and self.under_way[0][0] <= self.clock(cycle)

    def clock(self, cycle: int) -> int:
        """The cycles in which what is within moved on."""
        return cycle

    def due(self) -> Iterator[int]:
        """Cycles in which this can do what it could not do before, though nothing else happens."""
        yield self.next
        if self.under_way:
            yield self.under_way[0][0] - self.clock(0)

    def give(self, cycle: int) -> None:
        for port in self.under_way.popleft()[1]:
            port.put(cycle)

    def fire(self, cycle: int) -> None:
        self.next = cycle + self.interval
        for fifo, _ in self.reads:
            if fifo:
                fifo.pop()
        given = self.given()
        if self.holds:
            self.under_way.append((self.clock(cycle) + self.latency, given))
            return
        for port in given:
            for fifo in port.fifos:
                fifo.reserve()
        self.run.pushes.setdefault(cycle + self.latency, []).extend(given)


class _Standing(_Pipe):
    """A segment that stands still, all of it, while what comes out has no room. stood: for how many cycles so far."""

    def __init__(self, run: _Run, unit: Segment) -> None:
        super().__init__(run, unit, unit.plan.latency_cycles, unit.plan.interval_cycles)
        self.holds, self.stood = unit.plan.latency_cycles, 0

    def has_room(self, cycle: int) -> bool:
        return self.comes_out(cycle) or not self.made(cycle)

    def clock(self, cycle: int) -> int:
        return cycle - self.stood


class _Looping(_Pipe):
    """A pipe that takes a token when its state stands before the step: a first one, or what the last token of its sequence
    made.

    taken, loaded: tokens so far, and those whose states have come before the step; back: the cycles in which states are
    through; leaves: the cycle in which the one before the step goes into it, behind the rounds of a fold.
    """

    def __init__(self, run: _Run, unit: Looped) -> None:
        super().__init__(run, unit, unit.latency_cycles, unit.spacing_cycles)
        self.process, self.fold, self.reads = unit.process, unit.fold_cycles, self.reads[:1]
        first = unit.process.first
        self.first = None if first is None else run.before[first.name, unit.name]
        self.taken, self.loaded, self.present, self.leaves = 0, 0, False, -1
        self.back: deque[int] = deque()

    def _last(self) -> bool:
        """Whether the next token is the last one of its sequence."""
        tokens = self.process.reads[0].tokens
        return self.taken % tokens >= tokens - self.process.interleaved

    def given(self) -> list[_Port]:
        return self.writes if self.process.every or self._last() else []

    def can_fire(self, cycle: int) -> bool:
        return self.present and super().can_fire(cycle)

    def fire(self, cycle: int) -> None:
        super().fire(cycle)
        if self.process.keeps or not self._last():
            self.back.append(cycle + self.latency)
        self.taken, self.leaves = self.taken + 1, cycle + self.fold

    def due(self) -> Iterator[int]:
        yield from super().due()
        yield self.leaves
        if self.back:
            yield self.back[0]

    def load(self, cycle: int) -> bool:
        """Whether a state comes before the step."""
        self.present = self.present and self.leaves != cycle
        if self.present:
            return False
        tokens = self.process.reads[0].tokens
        fresh = (self.loaded if self.process.keeps else self.loaded % tokens) < self.process.interleaved
        if fresh and self.first is not None:
            self.present = self.first.ready > 0
            if self.present:
                self.first.pop()
        elif fresh:
            self.present = True
        elif self.back and self.back[0] <= cycle:
            self.back.popleft()
            self.present = True
        self.loaded += self.present
        return self.present


class _Holder:
    """A unit that offers a token until it is taken, and goes on with its input only then.

    there, taken: in a cycle, whether an input token is there and whether the offered one is taken, as registers say it at
    its beginning; what comes or gets room in the cycle counts in the next one.
    """

    there = taken = False

    def __init__(self, run: _Run, unit: Holder) -> None:
        self.run, self.unit = run, unit
        self.fifo = run.before.get((unit.reads[0].name, unit.name))
        self.read, self.port = run.ports[unit.reads[0].name], run.ports[unit.writes[0].name]

    def look(self, fired: Sequence[_Pipe]) -> None:
        self.there = self.fifo.ready > 0 if self.fifo else False
        reader = any(port is self.port for pipe in fired for fifo, port in pipe.reads if fifo is None)
        self.taken = self.port.offered and (self.port.room if self.port.fifos else reader)

    def can_step(self) -> bool:
        return (not self.port.offered or self.taken) and (self.there or self.can_flush())

    def can_flush(self) -> bool:
        return False

    def hand_over(self, cycle: int) -> bool:
        """Whether anything changes by it."""
        if self.taken:
            self.port.offered = False
            self.port.put(cycle)
        return self.taken

    def step(self, cycle: int) -> None:
        raise NotImplementedError

    def _offer(self) -> None:
        self.port.offered = True


class _Gathering(_Holder):
    def __init__(self, run: _Run, unit: Collect | Moments) -> None:
        super().__init__(run, unit)
        self.tokens, self.results, self.count = unit.reads[0].tokens, unit.writes[0].tokens, 0

    def step(self, cycle: int) -> None:
        assert self.fifo is not None
        self.fifo.pop()
        if self.count >= self.tokens - self.results:
            self._offer()
        self.count = (self.count + 1) % self.tokens


class _Summing(_Gathering):
    """A frame's last pixel is added up in the cycle behind its step, and its sums are offered only then."""

    due = False

    def hand_over(self, cycle: int) -> bool:
        handed, due = super().hand_over(cycle), self.due
        self.port.offered |= due
        self.due = False
        return handed or due

    def _offer(self) -> None:
        self.due = True


class _Splitting(_Holder):
    """left: tokens of the one that was taken, the offered one included."""

    def __init__(self, run: _Run, unit: Split | Quadratic) -> None:
        super().__init__(run, unit)
        self.tokens, self.left = unit.interval_cycles, 0

    def can_step(self) -> bool:
        return self.taken if self.left > 1 else super().can_step()

    def step(self, cycle: int) -> None:
        if self.left > 1:
            self.left -= 1
        else:
            assert self.fifo is not None
            self.fifo.pop()
            self.left = self.tokens
        self._offer()

    def hand_over(self, cycle: int) -> bool:
        if self.taken and self.left == 1:
            self.left = 0
        return super().hand_over(cycle)


class _Line(_Holder):
    """count: pixels of the frame so far; place: where the windows are, None before the first and after the last one."""

    def __init__(self, run: _Run, unit: Window) -> None:
        super().__init__(run, unit)
        self.window, self.count = unit, 0
        self.place: int | None = None

    def can_flush(self) -> bool:
        return self.place is not None and self.count == 0

    def step(self, cycle: int) -> None:
        w = self.window
        if self.there:
            assert self.fifo is not None
            self.fifo.pop()
            if self.count == w.lag:
                self.place = 0
            self.count = (self.count + 1) % w.reads[0].tokens
        elif self.place is None:
            return
        if self.place is None:
            return
        y, x = divmod(self.place, w.columns.size)
        if _begins(y, w.rows.stride, w.rows.windows) and _begins(x, w.columns.stride, w.columns.windows):
            self._offer()
        self.place = None if self.place == w.last else self.place + 1


def _begins(at: int, stride: int, windows: int) -> bool:
    """Whether a window begins here, in one direction."""
    return at % stride == 0 and at // stride < windows


def _pipe(run: _Run, unit: Segment | Looped) -> _Pipe:
    if isinstance(unit, Looped):
        return _Looping(run, unit)
    if unit.stands and not run.elastic:
        return _Standing(run, unit)
    return _Pipe(run, unit, unit.plan.latency_cycles, unit.plan.interval_cycles)


def _holder(run: _Run, unit: Holder) -> _Holder:
    match unit:
        case Window():
            return _Line(run, unit)
        case Collect():
            return _Gathering(run, unit)
        case Moments():
            return _Summing(run, unit)
        case Split() | Quadratic():
            return _Splitting(run, unit)
