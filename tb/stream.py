"""AXI4-Stream ports: sources that offer beats, sinks that take them, and what has to come out.

Vectors are sent in order, each input at its own pace; outputs come in the order of the vectors. Rules checked: a valid beat
stays as it is until it is taken and does not wait for TREADY, TVALID and TREADY are 0 or 1, and nothing comes that nothing
asked for. With a guaranteed timing, as our own RTL has, also: the padding of each element, ap_ready, ap_done and ap_idle in
every cycle, no frame begins without ap_start, latency and interval.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from .cosim_types import Guarantee, Mode, ModeResult, Vectors
from .drivers import pack
from .ports import Beats, Stream
from .scoreboard import FLUSH, Mismatches, raw_of

# Cycles in a row in which an end holds back, in random gaps; LONG ones drain buffers.
_GAPS = (1, 1, 1, 2, 2, 3)
_LONG = (10, 200)
# Frames for which a sink takes nothing, so that every buffer before it fills up; frames between two such times; most cycles.
_STALLS = (4, 12)
_BETWEEN = (6, 24)
_STALLED = 5000
BROKEN = -1  # in place of a vector: a frame of a wrong length, whose outputs do not matter


class _Pace:
    """When an end of a stream is ready: always, or with random pauses. frame_cycles: the guaranteed interval, 0 without
    one."""

    def __init__(self, seed: str, *, gaps: bool, frame_cycles: int = 0) -> None:
        self._random, self._gaps, self._left, self._frame_cycles = random.Random(seed), gaps, 0, frame_cycles
        self._frames = self._random.randint(1, 3)  # until the next stall

    def frame(self) -> bool:
        """A frame ends. Whether a sink waits, in the next one, for a valid beat before it is ready."""
        self._frames -= 1
        if self._gaps and self._frames == 0:
            self._left = min(self._random.randint(*_STALLS) * self._frame_cycles, _STALLED)
            self._frames = self._random.randint(*_BETWEEN)
        return self._gaps and self._random.random() < 0.5

    def goes(self) -> bool:
        if not self._gaps:
            return True
        if self._left == 0 and self._random.random() < 0.3:
            self._left = self._random.randint(*_LONG) if self._random.random() < 0.01 else self._random.choice(_GAPS)
        self._left = max(0, self._left - 1)
        return self._left == 0


class StreamScoreboard:
    """Which vectors are under way, and what has come of them at each output."""

    def __init__(
        self, mode: Mode, vectors: Vectors, ports: Stream, seed: int, guarantee: Guarantee | None, flush: int
    ) -> None:
        self.mode: Mode = mode
        self.guarantee = guarantee
        self._flush, self._flushes = flush, flush
        self._breaks = mode == "random_gaps" and ports.marked and not vectors.ordered
        self.ordered = vectors.ordered
        self._random = random.Random(seed)
        self.vectors = len(vectors)
        self.queue = deque(range(len(vectors)))
        self.found = Mismatches(mode)
        rows = {t.name: t.values for t in vectors.outputs}
        self._expected = [rows[b.tensor] for b in ports.outputs]
        self._outputs = ports.outputs
        self._sent: list[int] = []
        self._done = [0] * len(ports.outputs)
        self._taken = [0] * len(ports.inputs)
        self._began: list[int] = []
        self._ended: list[int] = []
        self.completed = 0
        self.accepted = 0
        self.dones = self.readies = 0
        self.latency_cycles: int | None = None
        self.interval_cycles: int | None = None

    @property
    def pending(self) -> bool:
        return any(v != FLUSH for v in self._sent[len(self._ended) :])

    def has(self, place: int) -> bool:
        """Whether there is a vector to send as number `place`."""
        return place < len(self._sent) or bool(self.queue)

    def vector(self, place: int) -> int | None:
        """What is sent as number `place` since the last reset: a vector, or a frame in its place; None if there is no
        more."""
        if place == len(self._sent) and self.queue:
            broken = self._breaks and self._random.random() < 0.3
            self._sent.append(BROKEN if broken else self.queue.popleft())
        elif place == len(self._sent) and self._flushes:
            self._flushes -= 1
            self._sent.append(FLUSH)
        return self._sent[place] if place < len(self._sent) else None

    def begins(self, place: int, cycle: int) -> None:
        """The first beat of a vector is taken, at one of the inputs."""
        if place == len(self._began):
            self._began.append(cycle)
            self.accepted += 1

    def taken(self, k: int) -> None:
        """The last beat of a frame is taken at input k."""
        self._taken[k] += 1

    @property
    def under_way(self) -> int:
        """Frames that have begun and that an input has not ended, or for which ap_done has not been high."""
        return max(self.unended, len(self._began) - self.dones)

    @property
    def unended(self) -> int:
        """Frames that have begun and that an input has not ended; their outputs may be complete."""
        return len(self._began) - min(self._taken)

    def timing(self, ready: bool, done: bool, cycle: int) -> None:
        """ap_ready and ap_done, which are high for a frame in the cycle in which the last of all inputs has taken it, the
        last of all outputs has given it. A frame of a wrong length is taken at another time."""
        if not self._breaks:
            self.found.level("ap_ready", ready, min(self._taken) > self.readies, cycle)
        self.found.level("ap_done", done, min(self._done) > self.dones, cycle)
        self.readies += ready

    def beat(self, k: int, place: int, number: int, bits: str, cycle: int) -> None:
        """A beat of output k that was taken."""
        port = self._outputs[k]
        if place >= len(self._began):
            self._wrong(k, None, port.at(number), cycle, None, f"{bits} (bits)")
            return
        vector = self._sent[place]
        for e in range(port.elements if vector >= 0 else 0):
            row = self._expected[k][vector]
            top = len(bits) - e * port.slot_bits
            own, padding = bits[top - port.width_bits : top], bits[top - port.slot_bits : top - port.width_bits]
            got = raw_of(own, signed=port.signed)
            self.found.x_values += got is None
            if self.guarantee and got is not None and padding.strip(own[0] if port.signed else "0"):
                self.found.fault(port.port.data, cycle, f"padding of element {e} is {padding} before {own}")
            want = row[port.at(number) + e]
            if got != want:
                told = f"{own} (bits)" if got is None else str(got)
                self._wrong(k, vector, port.at(number) + e, cycle, want, told)
        if number == port.count - 1:
            self._done[k] = place + 1
            if min(self._done) > len(self._ended):
                self._completes(place, cycle)

    def _completes(self, place: int, cycle: int) -> None:
        self.completed += self._sent[place] >= 0
        latency = cycle - self._began[place]
        if self.latency_cycles is None:
            self.latency_cycles = latency
        if self._ended:
            self.interval_cycles = max(self.interval_cycles or 0, cycle - self._ended[-1])
        if self.guarantee and self.mode != "random_gaps":
            self._kept(self.guarantee, latency, cycle)
        self._ended.append(cycle)

    def _kept(self, guarantee: Guarantee, latency: int, cycle: int) -> None:
        """The latency of the first frame since a reset, and the interval of the others, where nothing holds them back. A
        frame that no other follows may be sooner: of a window larger than the image, the last rows need not wait for pixels
        of the next one."""
        sooner = len(self._began) == 1 and latency < guarantee.latency_cycles
        if not self._ended and latency != guarantee.latency_cycles and not sooner:
            what = f"the first frame took {latency} cycles, guaranteed are {guarantee.latency_cycles}"
            self.found.fault("latency", cycle, what)
        if self._ended and cycle - self._ended[-1] > guarantee.interval_cycles:
            what = f"{cycle - self._ended[-1]} cycles between two frames, guaranteed are {guarantee.interval_cycles}"
            self.found.fault("interval", cycle, what)

    def reset(self) -> list[int]:
        """Forget what is under way and give its vectors, of a top that is to begin anew all: nothing of them may come."""
        lost = [v for v in self._sent[len(self._ended) :] if v >= 0]
        self._flushes = self._flush
        self._sent, self._began, self._ended = [], [], []
        self._done, self._taken = [0] * len(self._done), [0] * len(self._taken)
        self.dones = self.readies = 0
        if self.ordered:
            self.queue, self.completed = deque(), 0
            return list(range(self.vectors))
        return lost

    def done(self, error: str | None, cycle: int) -> None:
        """A pulse of ap_done; error: the level of ap_frame_error, where there is one."""
        broken = self.dones < len(self._sent) and self._sent[self.dones] == BROKEN
        if error is not None and error != str(int(broken)):
            self.found.fault(
                "ap_frame_error", cycle, f"is {error} for a frame {'of a wrong' if broken else 'of the right'} length"
            )
        self.dones += 1

    def finish(self, cycle: int) -> None:
        """The end: what still misses is a mismatch."""
        for place in range(len(self._ended), len(self._sent)):
            vector = self._sent[place]
            for k, done in enumerate(self._done):
                if done <= place and vector != FLUSH:
                    first = self._outputs[k].first
                    expected = None if vector == BROKEN else self._expected[k][vector][first]
                    self._wrong(k, vector, first, cycle, expected, "nothing")
        if self.queue:
            self.found.fault("ap_ready", cycle, f"{len(self.queue)} vectors were never sent: no beat is taken any more")
        if self.dones != len(self._ended) and not self.pending and not self._flush:
            self.found.fault("ap_done", cycle, f"{self.dones} pulses for {len(self._ended)} frames")
        if self.guarantee and self.readies != len(self._ended) and not self.pending:
            self.found.fault("ap_ready", cycle, f"{self.readies} pulses for {len(self._ended)} frames")

    def _wrong(self, k: int, vector: int | None, element: int, cycle: int, expected: int | None, got: str) -> None:
        port = self._outputs[k]
        self.found.add(vector, port.tensor, element, port.port.data, cycle, expected, got)


class BeatSource:
    """Offers the beats of one input."""

    def __init__(
        self, dut: Any, k: int, beats: Beats, rows: tuple[tuple[int, ...], ...], board: StreamScoreboard, pace: _Pace
    ) -> None:
        self._k, port = k, beats.port
        self._data, self._valid, self._ready = (getattr(dut, n) for n in (port.data, port.valid, port.ready))
        self._last = getattr(dut, port.last) if port.last else None
        self._beats, self._rows, self._board, self._pace = beats, rows, board, pace
        self._name, self._random = port.ready, random.Random(port.data)
        self._length = beats.count
        self.stalls = 0
        self.restart()

    def restart(self) -> None:
        self._place, self._number, self._holding = 0, 0, False

    @property
    def begins(self) -> bool:
        """Whether a frame is to begin here: only then ap_start has to be high."""
        return self._number == 0 and self._board.has(self._place)

    def present(self, cycle: int, *, paused: bool) -> None:
        """While paused (a reset) nothing is sent; with a guaranteed timing, TVALID is then random."""
        if self._holding and not paused:
            return
        vector = None if paused else self._board.vector(self._place)
        if vector is None or not self._pace.goes():
            self.stalls += vector is not None
            self._valid.value = self._random.getrandbits(1) if paused and self._board.guarantee else 0
            self._data.value = self._random.getrandbits(self._beats.port.width_bits)
            return
        if self._number == 0:
            self._length = self._wrong_length() if vector == BROKEN else self._beats.count
        if vector == BROKEN:
            self._data.value = self._random.getrandbits(self._beats.port.width_bits)
        else:
            begin = self._beats.at(self._number)
            row = self._rows[0 if vector == FLUSH else vector]
            self._data.value = pack(row[begin : begin + self._beats.elements], self._beats.slot_bits)
        if self._last is not None:
            self._last.value = int(self._number == self._length - 1)
        self._valid.value = 1
        self._holding = True

    def _wrong_length(self) -> int:
        count = self._beats.count
        return int(self._random.choice([*range(1, count), count + 1, count + 2, count + 5]))

    def observe(self, cycle: int, *, start: bool) -> None:
        """start: the level of ap_start."""
        level = str(self._ready.value)
        if level not in "01" and (self._holding or self._board.guarantee):
            self._board.found.fault(self._name, cycle, f"is {level}")
        if level == "1" and self._board.guarantee and self._number == 0 and not start:
            self._board.found.fault(self._name, cycle, "high at the beginning of a frame without ap_start")
        if level == "1" and self._holding:
            if self._number == 0:
                self._board.begins(self._place, cycle)
            self._holding = False
            self._number += 1
            if self._number == self._length:
                self._place, self._number = self._place + 1, 0
                self._board.taken(self._k)


class BeatSink:
    """Takes the beats of one output."""

    def __init__(self, dut: Any, k: int, beats: Beats, board: StreamScoreboard, pace: _Pace) -> None:
        port = beats.port
        self._data, self._valid, self._ready = (getattr(dut, n) for n in (port.data, port.valid, port.ready))
        self._k, self._beats, self._board, self._pace = k, beats, board, pace
        self.stalls = 0
        self.restart()

    def restart(self) -> None:
        self._place, self._number = 0, 0
        self._waiting: str | None = None
        self._open, self._waits = False, self._pace.frame()

    def present(self, cycle: int, *, paused: bool) -> None:
        """A sink that waits is ready only when it has seen a valid beat: a top must not wait for TREADY first."""
        self._open = not paused and (not self._waits or self._waiting is not None) and self._pace.goes()
        self.stalls += not self._open and not paused
        self._ready.value = int(self._open)

    def observe(self, cycle: int) -> None:
        port, level = self._beats.port, str(self._valid.value)
        if level not in "01":
            self._board.found.fault(port.valid, cycle, f"is {level}")
            return
        bits = str(self._data.value) if level == "1" else None
        if self._waiting is not None and bits != self._waiting:
            signal, what = (
                (port.valid, "falls before the beat is taken") if bits is None else (port.data, "changes before it is taken")
            )
            self._board.found.fault(signal, cycle, what)
        self._waiting = None if self._open else bits
        if bits is not None and self._open:
            self._board.beat(self._k, self._place, self._number, bits, cycle)
            self._number += 1
            if self._number == self._beats.count:
                self._place, self._number, self._waits = self._place + 1, 0, self._pace.frame()


class ChannelProbe:
    """When the first vector's tokens of an inner channel are made: a channel's signals are then all high."""

    def __init__(self, dut: Any, signals: Sequence[str], tokens: int) -> None:
        self._signals = [getattr(dut, name) for name in signals]
        self._tokens, self.first, self.last = tokens, -1, -1
        self._seen = 0

    def observe(self, cycle: int) -> None:
        if self._seen < self._tokens and all(str(s.value) == "1" for s in self._signals):
            self.first = cycle if self._seen == 0 else self.first
            self.last = cycle
            self._seen += 1

    @property
    def complete(self) -> bool:
        return self._seen == self._tokens


class StreamSide:
    """All of a stream top's interface. ap_start is high as long as there is something to send; with gaps and a guaranteed
    timing it is random, and a frame that has begun is taken to its end without it."""

    def __init__(
        self,
        dut: Any,
        ports: Stream,
        vectors: Vectors,
        mode: Mode,
        seed: int,
        probes: Mapping[str, tuple[Sequence[str], int]],
        guarantee: Guarantee | None,
        flush: int,
    ) -> None:
        gaps, control = mode == "random_gaps", ports.control
        self.board = StreamScoreboard(mode, vectors, ports, seed, guarantee, flush)
        rows = {t.name: t.values for t in vectors.inputs}
        self._sources = [
            BeatSource(dut, k, b, rows[b.tensor], self.board, _Pace(f"{seed} {b.port.data}", gaps=gaps))
            for k, b in enumerate(ports.inputs)
        ]
        self._sinks = [
            BeatSink(
                dut,
                k,
                b,
                self.board,
                _Pace(f"{seed} {b.port.data}", gaps=gaps, frame_cycles=guarantee.interval_cycles if guarantee else 0),
            )
            for k, b in enumerate(ports.outputs)
        ]
        self._start, self._signals = getattr(dut, control.start), (control.ready, control.done, control.idle)
        self._handles = [getattr(dut, n) for n in self._signals]
        self._gaps = gaps and guarantee is not None
        self._random, self._pace = random.Random(f"{seed} noise"), _Pace(f"{seed} start", gaps=self._gaps)
        self._begins, self._held = False, True
        self._error = getattr(dut, ports.frame_error) if ports.frame_error else None
        self._probes = {n: ChannelProbe(dut, *given) for n, given in probes.items()} if mode == "back_to_back" else {}
        self._begin: int | None = None
        self._started = False
        self.paused = self.armed = self.idle = False

    @property
    def _ends(self) -> list[BeatSource | BeatSink]:
        return [*self._sources, *self._sinks]

    @property
    def stalls(self) -> int:
        return sum(end.stalls for end in self._ends)

    @property
    def unsent(self) -> int:
        return len(self.board.queue) + self.board.unended

    def present(self, cycle: int) -> None:
        for end in self._ends:
            end.present(cycle, paused=self.paused)
        if self.paused:
            self._started = self.board.guarantee is not None and bool(self._random.getrandbits(1))
        else:
            self._started = self._starts()
        self._start.value = int(self._started)

    def _starts(self) -> bool:
        """Whether ap_start is high. With gaps and a guaranteed timing it is low now and then, and for half of the frames
        from the cycle in which all inputs have begun them."""
        begins = any(source.begins for source in self._sources)
        if begins and not self._begins:
            self._held = not self._gaps or bool(self._random.getrandbits(1))
        self._begins = begins
        wanted = bool(self.board.queue) or self.board.pending
        return wanted and (begins or self._held) and self._pace.goes()

    def observe(self, cycle: int) -> None:
        if not self.armed or self.paused:
            return
        under_way = self.board.under_way
        for source in self._sources:
            source.observe(cycle, start=self._started)
        for sink in self._sinks:
            sink.observe(cycle)
        if self._begin is None and self.board.accepted:
            self._begin = cycle
        for probe in self._probes.values():
            probe.observe(cycle)
        self._control(cycle, under_way)

    def _control(self, cycle: int, under_way: int) -> None:
        """under_way: frames at the beginning of the cycle."""
        levels = [str(h.value) for h in self._handles]
        for name, level in zip(self._signals, levels, strict=True):
            if level not in "01":
                self.board.found.fault(name, cycle, f"is {level}")
        ready, done, self.idle = (level == "1" for level in levels)
        if self.board.guarantee:
            self.board.timing(ready, done, cycle)
            self.board.found.level("ap_idle", self.idle, not self._started and not under_way, cycle)
        if done:
            self.board.done(None if self._error is None else str(self._error.value), cycle)

    def reset(self) -> list[int]:
        """The vectors that are lost; they are sent again, after the others."""
        lost = self.board.reset()
        self.board.queue.extend(lost)
        for end in self._ends:
            end.restart()
        return lost

    def result(self, *, resets: int, discarded: int, cycles: int) -> ModeResult:
        board = self.board
        board.finish(cycles)
        return board.found.result(
            vectors=board.vectors,
            completed=board.completed,
            latency_cycles=board.latency_cycles,
            interval_cycles=board.interval_cycles if board.mode == "back_to_back" else None,
            stalls=self.stalls,
            resets=resets,
            discarded=discarded,
            cycles=cycles,
            timeline={
                n: (p.first - (self._begin or 0), p.last - (self._begin or 0)) for n, p in self._probes.items() if p.complete
            },
        )
