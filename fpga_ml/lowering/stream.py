"""The stream architecture: a token is a pixel with all of its channels; line buffers give each layer its windows.

The kernels are those of the parallel architecture, each for one position. A tensor without pixels is one token.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from math import gcd

import numpy as np

from fpga_ml import progress
from fpga_ml.config import Arch
from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.kernel import Builder, Wire
from fpga_ml.ir.network import Axis, Channel, Collect, Loop, Map, Network, Process, Split, Window, verified
from fpga_ml.ir.network.fold import hull
from fpga_ml.ir.network.process import output_wires
from fpga_ml.layers.base import Input, Layer
from fpga_ml.layers.celeste import Exponents, PatchSums
from fpga_ml.layers.gather import Gather
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.linear import Linear
from fpga_ml.layers.pooling import AveragePool, MaxPool
from fpga_ml.layers.recurrent import Recurrent
from fpga_ml.lowering.accumulation import Accumulation, accumulation
from fpga_ml.lowering.folding import Folded
from fpga_ml.lowering.hardware import lowered, shareable, shared, smaller
from fpga_ml.lowering.made import Made
from fpga_ml.lowering.patches import corners, exponents, patch_sums
from fpga_ml.lowering.size import luts_a_cycle, shared_luts
from fpga_ml.lowering.windows import at_positions, flat, positions, sliding
from fpga_ml.numerics import FixedType
from fpga_ml.passes import BEFORE_STREAM, applied
from fpga_ml.passes.choose_reuse import Shareable, Shared, choose_reuse
from fpga_ml.passes.remove_padding import remove_padding

tokens_of = Arch.STREAM.tokens_of
_MOST_AT_ONCE = 4096  # elements of a result
_GATE_CYCLES = 16  # of a step besides its rounds: 9 to 11 at 5 ns in models/ (docs/benchmarks.md), more at a faster clock


def stream(
    graph: LayerGraph, interval_cycles: int | None = None, interleave: int = 1, lanes: int = 1, *, least: bool = False
) -> Network:
    """interval_cycles: what a frame may take, for which layers share hardware (None: by their own reuse factors), but not so
    much that the last answer comes late for little, unless the least hardware is asked for; interleave: sequences that come
    in turn, a time step of each, as one frame of the network (then interval_cycles is for each of them); lanes: pixels of a
    frame that come at once. Raises FpgaMlError for what `check_stream` refuses, and for what has no stream."""
    check_stream(graph, interval_cycles, interleave, lanes)
    graph = applied(BEFORE_STREAM, graph)
    a_cycle = 0.0 if least or interval_cycles is None else luts_a_cycle(graph, Arch.STREAM, interval_cycles)
    lowering = _Lowering(graph, interval_cycles, interleave, lanes, a_cycle)
    for layer in progress.each(graph.layers, "layers"):
        lowering.add(layer)
    inputs = tuple(lowering.made[layer.name].channel for layer in graph.inputs)
    outputs = tuple(lowering.made[name].channel.name for name in graph.outputs)
    return verified(Network(graph.name, inputs, outputs, tuple(lowering.processes), interleave))


def check_stream(graph: LayerGraph, interval_cycles: int | None, interleave: int = 1, lanes: int = 1) -> None:
    """Raise for an interval below the pixels of a frame, for interleaved samples of a network without a state, for layers
    whose lines of pixels have no turns, and for lanes that the layers do not have."""
    if interleave > 1:
        _check_interleaved(graph)
    if lanes > 1:
        _check_lanes(graph, lanes)
    pixels = most_pixels(graph, lanes)
    if interval_cycles is not None and interval_cycles < pixels:
        at_once = f"{lanes} pixels a cycle" if lanes > 1 else "one pixel a cycle"
        raise FpgaMlError(
            f"a frame of {pixels * lanes} pixels cannot pass in {interval_cycles} cycles, {at_once}",
            where=f"network '{graph.name}'",
            do=f"ask for an interval of at least {pixels} cycles",
        )


def _check_lanes(graph: LayerGraph, lanes: int) -> None:
    for given in graph.inputs:
        pixels = tokens_of(given.shape)
        if pixels > 1 and pixels % lanes:
            raise FpgaMlError(
                f"input '{given.name}' has {pixels} pixels, which are not a whole number of {lanes}",
                where=f"input '{given.name}'",
                do=f"choose lanes of {', '.join(str(n) for n in range(1, pixels + 1) if pixels % n == 0)}",
            )
    for layer in graph.layers:
        if isinstance(layer, (Recurrent, Exponents, PatchSums)):
            raise FpgaMlError(
                f"layer '{layer.name}' takes one pixel or time step after the other, and not {lanes} at once",
                where=f"layer '{layer.name}'",
                do="leave lanes out",
            )


def _check_interleaved(graph: LayerGraph) -> None:
    if not any(isinstance(layer, Recurrent) for layer in graph.layers):
        raise FpgaMlError(
            "there is no recurrent layer whose sequences could be interleaved",
            where=f"network '{graph.name}'",
            do="leave --interleave out: without a state a stream takes a beat a cycle anyway",
        )
    for layer in graph.layers:
        if layer.ordered:
            raise FpgaMlError(
                f"layer '{layer.name}' keeps its state from sample to sample, and of samples in turn none comes before"
                " another",
                where=f"layer '{layer.name}'",
                do="leave --interleave out, or the layer not stateful",
            )
        if len(layer.shape) > 2 or isinstance(layer, (Exponents, PatchSums)):
            raise FpgaMlError(
                f"layer '{layer.name}' works on images, {' x '.join(map(str, layer.shape))}, and only sequences of vectors "
                "can be interleaved",
                where=f"layer '{layer.name}'",
                do="leave --interleave out, or reshape before the network",
            )


def most_pixels(graph: LayerGraph, lanes: int = 1) -> int:
    """Of any tensor, in one of so many lanes: so many cycles a frame takes at least. Zeros around an image are none."""
    return max(_beats(layer.shape, lanes) for layer in remove_padding(graph).layers)


def _beats(shape: Sequence[int], lanes: int) -> int:
    """Tokens of a tensor, of which each holds as many pixels as there are lanes, or fewer where they do not divide it."""
    pixels = tokens_of(shape)
    return pixels // gcd(pixels, lanes)


@dataclass
class _Lowering:
    graph: LayerGraph
    interval_cycles: int | None
    interleave: int
    lanes: int = 1
    luts_a_cycle: float = 0.0
    made: dict[str, Made] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)

    def add(self, layer: Layer) -> None:
        match layer:
            case Input():
                tokens = _beats(layer.shape, self.lanes)
                types = (layer.result,) * (layer.size // tokens)
                channel = self._channel(self.graph.port(layer.name), types, tokens)
                self.made[layer.name] = Made(channel, channel.wires)
            case Gather():
                self._move(layer)
            case Linear() | MaxPool() | AveragePool():
                self._slide(layer)
            case Exponents():
                corner = self._collected(layer, corners(layer, self.made[layer.reads[0]], self.processes))
                self.made[layer.name] = exponents(layer, self.graph.port(layer.name), corner, self.processes)
            case PatchSums():
                read, leaves = self.made[layer.reads[0]], layer.name in self.graph.outputs
                self.made[layer.name] = patch_sums(layer, self.graph.port(layer.name), read, leaves, self.processes)
            case Recurrent():
                self._recur(layer)
            case _:
                self._each_token(layer)

    def _channel(self, name: str, types: tuple[FixedType, ...], pixels: int) -> Channel:
        return Channel(name, types, pixels * self.interleave)

    @property
    def _frame_cycles(self) -> int | None:
        """What a frame of the network may take, all interleaved sequences of it."""
        return None if self.interval_cycles is None else self.interval_cycles * self.interleave

    def _pixels(self, made: Made) -> int:
        """Of one sequence, where they are interleaved."""
        return made.channel.tokens // self.interleave

    def _each_token(self, layer: Layer) -> None:
        """A layer whose result's pixel n is made of its inputs' pixels n."""
        reads = [self.made[r] for r in layer.reads]
        tokens = _beats(layer.shape, self.lanes)
        if {self._pixels(r) for r in reads} != {tokens} or not layer.by_token(tokens):
            self._whole(layer)
            return
        one = layer.of_token(0, tokens)
        if all(_same(one, layer.of_token(n, tokens)) for n in range(1, tokens)):
            self._map(layer, one, reads)
        else:
            self._whole(layer)

    def _whole(self, layer: Layer) -> None:
        """All pixels at once, for what is not the same for each of them: as much hardware as in the parallel
        architecture."""
        if layer.size > _MOST_AT_ONCE:
            raise FpgaMlError(
                f"layer '{layer.name}' does not do the same for each pixel, and with {layer.size} elements is too large to "
                "do for all at once",
                where=f"layer '{layer.name}'",
                do="use --arch parallel, or another layer",
            )
        self._map(layer, layer, [self._collected(layer, self.made[r], k) for k, r in enumerate(layer.reads)])

    def _map(self, layer: Layer, one: Layer, reads: Sequence[Made], line: Window | None = None) -> None:
        """`one`, of a token, on each token of what is read; as rounds of a fold where it shares hardware.

        line: that makes the tokens.
        """
        one = shareable(one, reads)
        if isinstance(one, Shareable):
            one = self._reused(one, reads[0], line)
        reads, kernel = shared(one, reads, self.processes)
        wires = output_wires(kernel)
        tokens, beats = self._pixels(reads[0]), _beats(layer.shape, self.lanes)
        parts = beats // tokens
        if parts > 1:
            wires = _alike(wires, parts)
        types = (layer.result,) * len(wires) if layer.name in self.graph.outputs else tuple(w.type for w in wires)
        name = self.graph.port(layer.name) if beats == tokens else f"{layer.name}_{'whole' if parts else 'each'}"
        made = Made(self._channel(name, types, tokens), wires)
        self.processes.append(Map(layer.name, tuple(r.channel for r in reads), (made.channel,), kernel))
        if beats != tokens:
            made = self._split(layer, made, parts) if parts else self._joined(layer, made, beats)
        self.made[layer.name] = made

    def _reused(self, layer: Shared, read: Made, line: Window | None = None) -> Shared:
        """The layer with the rounds in which each token of what it reads is worked on."""
        frame, tokens, arriving = self._frame_cycles, read.channel.tokens, math.inf
        inputs = {self.graph.port(layer.name) for layer in self.graph.inputs}  # which wait for the layer
        if frame and line and line.reads[0].name not in inputs:
            pixels = line.reads[0].tokens
            arriving = frame * min(line.last, pixels - 1 - line.lag) / pixels
        luts = shared_luts(layer, max(w.type.width for w in read.wires))
        idle = line.lag if line else 0
        return choose_reuse(
            layer, frame, tokens, idle=idle, arriving_cycles=arriving, luts=luts, luts_a_cycle=self.luts_a_cycle
        )

    def _split(self, layer: Layer, whole: Made, parts: int) -> Made:
        """A token as pixels; of sequences that are interleaved, the tokens of all of them are needed first."""
        size, read = len(whole.wires) // parts, whole.channel
        if self.interleave > 1:
            read = Channel(f"{layer.name}_group", whole.channel.types * self.interleave)
            self.processes.append(Collect(f"{layer.name}_together", (whole.channel,), (read,)))
        channel = self._channel(self.graph.port(layer.name), whole.channel.types[:size], parts * self._pixels(whole))
        self.processes.append(Split(f"{layer.name}_split", (read,), (channel,), self.interleave))
        return Made(channel, whole.wires[:size])

    def _joined(self, layer: Layer, each: Made, beats: int) -> Made:
        """Pixels in a row as one: a reduction over channels makes an element of each, a tensor of them has fewer pixels."""
        per = self._pixels(each) // beats
        channel = self._channel(self.graph.port(layer.name), each.channel.types * per, beats)
        if beats == 1:
            self.processes.append(Collect(f"{layer.name}_collect", (each.channel,), (channel,), self.interleave))
        else:
            axes = self._axes(Axis(1, 1), Axis(per * beats, beats, taps=per, stride=per))
            size = len(each.channel.types)
            self.processes.append(Window(f"{layer.name}_window", (each.channel,), (channel,), *axes, (0,) * size))
        return Made(channel, each.wires * per)

    def _slide(self, layer: Linear | MaxPool | AveragePool) -> None:
        read, shape = self.made[layer.reads[0]], self.graph[layer.reads[0]].shape
        tokens, channels = self._pixels(read), len(read.channel.types)
        index = flat(layer)
        if tokens == 1 or positions(layer) == 1:
            found = accumulation(layer, read.wires, tokens) if tokens > 1 else None
            if found is None:
                self._map(layer, layer, [self._collected(layer, read)])
            else:
                self._accumulate(layer, found, read)
        elif (one := _of_one_token(layer, index, tokens, channels)) is not None:
            self._map(layer, one, [read])
        elif self.lanes > 1:
            raise FpgaMlError(
                f"layer '{layer.name}' reads windows of pixels, which take one pixel a cycle, not {self.lanes}",
                where=f"layer '{layer.name}'",
                do="leave lanes out",
            )
        else:
            image = (shape[0], shape[1]) if len(shape) == 3 else (1, shape[0])
            windows_of = sliding(layer, image, channels) if _fills(layer, read) else None
            if windows_of is None:
                self._whole(layer)
                return
            rows, columns = self._axes(windows_of.rows, windows_of.columns)
            outside = [t.min_raw if isinstance(layer, MaxPool) else 0 for t in read.channel.types]
            windows = Channel(
                f"{layer.name}_windows",
                read.channel.types * (rows.taps * columns.taps),
                rows.windows * columns.windows,
            )
            buffer = Window(f"{layer.name}_window", (read.channel,), (windows,), rows, columns, tuple(outside))
            self.processes.append(buffer)
            self._map(layer, windows_of.layer, [Made(windows, buffer.reach(read.wires)[0])], buffer)

    def _accumulate(self, layer: Layer, found: Accumulation, read: Made) -> None:
        """A frame's totals, token by token, and the result of them behind the last one."""
        tokens = self._pixels(read)
        terms = found.terms
        if isinstance(terms, Linear):
            terms = self._reused(terms, read)
        reads, kernel = shared(terms, [read], self.processes)
        wires = output_wires(kernel)
        each = self._channel(terms.name, tuple(w.type for w in wires), tokens)
        self.processes.append(Map(terms.name, tuple(r.channel for r in reads), (each,), kernel))
        state = found.state(wires, tokens)
        step = found.step(f"{layer.name}_step", wires, state)
        totals = self._channel(f"{layer.name}_totals", state[: len(wires)], 1)
        self.processes.append(Loop(totals.name, (each,), (totals,), step, state, interleaved=self.interleave))
        finish = found.result(layer.name, output_wires(step)[: len(wires)])
        made = output_wires(finish)
        types = (layer.result,) * len(made) if layer.name in self.graph.outputs else tuple(w.type for w in made)
        channel = self._channel(self.graph.port(layer.name), types, 1)
        self.processes.append(Map(layer.name, (totals,), (channel,), finish))
        self.made[layer.name] = Made(channel, made)

    def _axes(self, rows: Axis, columns: Axis) -> tuple[Axis, Axis]:
        """Of a window; interleaved sequences are side by side, an image whose lines are the time steps."""
        return (rows, columns) if self.interleave == 1 else (columns, Axis(self.interleave, self.interleave))

    def _recur(self, layer: Recurrent) -> None:
        """A token is a time step. What needs no state, the products with the data, comes before the loop."""
        read, cell, own = self.made[layer.reads[0]], layer.cell, f"{layer.name}_inputs"
        tokens = self._pixels(read)
        one = choose_reuse(replace(cell.inputs, name=own), self.interval_cycles, tokens)
        reads, kernel = shared(one, [read], self.processes)
        sums = self._channel(f"{layer.name}_sums", tuple(w.type for w in output_wires(kernel)), tokens)
        self.processes.append(Map(own, tuple(r.channel for r in reads), (sums,), kernel))
        b, kept = Builder(layer.name), (cell.state,) * cell.elements
        data = [b.input(w) for w in output_wires(kernel)]
        fold = self._folded_state(layer, tokens)
        products = [b.input(w) for w in fold.wires] if fold else []
        state = [b.input(Wire.of(t)) for t in kept]
        if fold:
            step = b.build(cell.lower_with(b, data, cell.first.finish(b, products), state))
        else:
            step = b.build(cell.lower(b, data, state))
        wires = output_wires(step)[: layer.shown]
        types = (layer.result,) * len(wires) if layer.name in self.graph.outputs else tuple(w.type for w in wires)
        made = self._channel(self.graph.port(layer.name), types, tokens if layer.sequences else 1)
        first = [self._first_state(layer, self.made[name]) for name in layer.reads[1:]]
        own_fold = fold.process if fold else None
        loop = Loop(layer.name, (sums, *first), (made,), step, kept, own_fold, layer.kept, self.interleave)
        self.processes.append(loop)
        self.made[layer.name] = Made(made, wires)

    def _first_state(self, layer: Recurrent, read: Made) -> Channel:
        """What is given as a state, as it is kept."""
        b, t = Builder(f"{layer.name}_first"), layer.cell.state
        read = self._collected(layer, read, 1)
        kernel = b.build([b.cast(b.input(w), t) for w in read.wires])
        channel = self._channel(f"{layer.name}_first", (t,) * layer.cell.elements, 1)
        self.processes.append(Map(channel.name, (read.channel,), (channel,), kernel))
        return channel

    def _folded_state(self, layer: Recurrent, tokens: int) -> Folded | None:
        """The products with the state as rounds, where that is smaller."""
        one = replace(layer.cell.first, name=f"{layer.name}_state")
        one = choose_reuse(one, self.interval_cycles, tokens, idle=tokens * _GATE_CYCLES)
        read = Channel(f"{layer.name}_kept", (layer.cell.state,) * layer.cell.units)
        made = smaller(one, [Made(read, read.wires)])
        return made if isinstance(made, Folded) else None

    def _collected(self, layer: Layer, read: Made, number: int = 0) -> Made:
        """All pixels as one token; number: of the read, where there are several."""
        pixels = self._pixels(read)
        if pixels == 1:
            return read
        name = f"{layer.name}_read{number}" if number else layer.name  # another layer may be called NAME_1
        whole = self._channel(f"{name}_frame", read.channel.types * pixels, 1)
        self.processes.append(Collect(f"{name}_collect", (read.channel,), (whole,), self.interleave))
        return Made(whole, read.wires * pixels)

    def _move(self, layer: Gather) -> None:
        reads = [self.made[r] for r in layer.reads]
        tokens = _beats(layer.shape, self.lanes)
        given = sum(len(r.wires) * self._pixels(r) for r in reads)
        if len(reads) == 1 and np.array_equal(layer.index, np.arange(given)):
            if tokens == 1:
                self._renamed(layer, self._collected(layer, reads[0]))
                return
            if tokens == self._pixels(reads[0]):
                self._renamed(layer, reads[0])
                return
        alike = {self._pixels(r) for r in reads} == {tokens}
        local = self._within_groups(layer, reads, tokens) if alike else None
        if local is not None:
            self._map(layer, replace(layer, shape=(len(local),), index=local), reads)
            return
        if len(reads) == 1 and (self._of_some_pixels(layer, reads[0]) or self._of_groups(layer, reads[0])):
            return
        self._whole(layer)

    def _of_groups(self, layer: Gather, read: Made) -> bool:
        """Pixels in a row of which the same number of the result's are made, as lines are by upsampling; False where a frame
        has one such group only. The smallest are taken, so that least is held."""
        most = gcd(self._pixels(read), _beats(layer.shape, self.lanes)) if self.interleave == 1 else 1
        for groups in (g for g in range(most, 1, -1) if most % g == 0 and layer.size // g <= _MOST_AT_ONCE):
            local = self._within_groups(layer, [read], groups)
            if local is not None:
                group = self._grouped(layer, read, groups)
                if not self._dealt(layer, read, group, local):
                    self._map(layer, replace(layer, shape=(len(local),), index=local), [group])
                return True
        return False

    def _dealt(self, layer: Gather, read: Made, group: Made, local: np.ndarray) -> bool:
        """The group's pixels one by one, each as often as it is needed; False where the result's pixels are no pixels of
        the group, or have other types."""
        size, tokens = len(read.channel.types), _beats(layer.shape, self.lanes)
        if layer.size != tokens * size or tokens == group.channel.tokens or not self._only_moves(layer, read):
            return False
        pixels = local.reshape(-1, size)
        places = pixels[:, 0] // size
        if (pixels != places[:, None] * size + np.arange(size)).any():
            return False
        channel = self._channel(self.graph.port(layer.name), read.channel.types, tokens)
        split = Split(f"{layer.name}_split", (group.channel,), (channel,), places=tuple(map(int, places)))
        self.processes.append(split)
        self.made[layer.name] = Made(channel, read.wires)
        return True

    def _only_moves(self, layer: Gather, read: Made) -> bool:
        """Whether no type, and no port, asks for other values than those that are read."""
        size = len(read.channel.types)
        kernel = lowered(replace(layer, shape=(size,), index=np.arange(size)), [read.wires])
        return layer.name not in self.graph.outputs and kernel.inputs == kernel.outputs

    def _grouped(self, layer: Layer, read: Made, groups: int) -> Made:
        """As many pixels in a row as one token as make so many groups of a frame."""
        pixels, size = self._pixels(read) // groups, len(read.channel.types)
        if pixels == 1:
            return read
        group = self._channel(f"{layer.name}_group", read.channel.types * pixels, groups)
        axis = Axis(pixels * groups, groups, taps=pixels, stride=pixels)
        window = Window(f"{layer.name}_window", (read.channel,), (group,), Axis(1, 1), axis, (0,) * size)
        self.processes.append(window)
        return Made(group, window.reach(read.wires)[0])

    def _of_some_pixels(self, layer: Gather, read: Made) -> bool:
        """What is made of each of some pixels, the others passed over: of rows and columns at even distances, as a crop or a
        slice takes them. False where it is not that."""
        shape, tokens, size = self.graph[layer.reads[0]].shape, _beats(layer.shape, self.lanes), len(read.channel.types)
        elements = layer.index.reshape(tokens, -1)
        pixels, local = elements[:, 0] // size, elements[0] % size
        if (elements != pixels[:, None] * size + local).any() or (elements < 0).any():
            return False
        if tokens == 1:
            axes = Axis(1, 1), Axis(self._pixels(read), 1, before=-int(pixels[0]))
        elif self.interleave == self.lanes == 1 and len(shape) in (2, 3) and math.prod(shape[:-1]) == self._pixels(read):
            columns = shape[-2]
            found = _evenly(pixels // columns, self._pixels(read) // columns), _evenly(pixels % columns, columns)
            if found[0] is None or found[1] is None:
                return False
            axes = found[0], found[1]
            if (Window("", (), (), *axes, ()).table.reshape(-1).tolist()) != pixels.tolist():
                return False
        else:
            return False
        some = self._channel(f"{layer.name}_pixels", read.channel.types, tokens)
        self.processes.append(Window(f"{layer.name}_window", (read.channel,), (some,), *self._axes(*axes), (0,) * size))
        self._map(layer, replace(layer, shape=(len(local),), index=local), [Made(some, read.wires)])
        return True

    def _renamed(self, layer: Gather, read: Made) -> None:
        """The same values; a process only where a type, or a port, asks for it."""
        self.made[layer.name] = read
        if not self._only_moves(layer, read):
            self._map(layer, replace(layer, shape=(len(read.wires),), index=np.arange(len(read.wires))), [read])

    def _within_groups(self, layer: Gather, reads: Sequence[Made], groups: int) -> np.ndarray | None:
        """The index of one group where group n of the result's pixels is made of the inputs' groups n: of joined channels,
        for one, where each pixel is a group."""
        if (layer.index < 0).any():
            return None
        widths = [len(r.channel.types) * (self._pixels(r) // groups) for r in reads]
        ends = np.cumsum([groups * w for w in widths])
        index = layer.index.reshape(groups, -1)
        source = np.searchsorted(ends, index, side="right")
        inside = index - np.concatenate([[0], ends])[source]
        width = np.array(widths)[source]
        local = np.concatenate([[0], np.cumsum(widths)])[source] + inside % width
        alike = (inside // width == np.arange(groups)[:, None]).all() and (local == local[0]).all()
        return np.asarray(local[0]) if alike else None


def _of_one_token(
    layer: Linear | MaxPool | AveragePool, index: np.ndarray, tokens: int, channels: int
) -> Linear | MaxPool | AveragePool | None:
    """The layer for the positions that one token has, where each of them reads that token alone; index: (positions,
    elements)."""
    if positions(layer) % tokens:
        return None
    whole = index.reshape(tokens, -1)
    local = whole % channels
    if (whole // channels != np.arange(tokens)[:, None]).any() or (local != local[0]).any():
        return None
    return at_positions(layer, local[0], positions(layer) // tokens)


def _evenly(places: np.ndarray, size: int) -> Axis | None:
    """One axis on which these places are windows of one pixel; None where their distances differ."""
    each = np.unique(places)
    strides = set(np.diff(each).tolist()) or {1}
    if len(strides) > 1:
        return None
    return Axis(size, len(each), stride=int(strides.pop()), before=-int(each[0]))


def _fills(layer: Linear | MaxPool | AveragePool, read: Made) -> bool:
    """Whether a value exists that can stand for all that lies outside the image."""
    if not (layer.index < 0).any() or isinstance(layer, Linear):
        return True
    if isinstance(layer, AveragePool):
        return layer.counts_padding
    return layer.padding * 2.0**-layer.padding_fraction <= min(w.interval.low * 2.0**-w.fraction for w in read.wires)


def _alike(wires: Sequence[Wire], parts: int) -> tuple[Wire, ...]:
    """Parts of equal size, in each of which element k can be what it can be in any: those are sent one after the other."""
    size = len(wires) // parts
    return tuple(hull([wires[p * size + k] for p in range(parts)]) for k in range(size)) * parts


def _same(a: Layer, b: Layer) -> bool:
    """Equal in every field, arrays by their values."""
    pairs = [(getattr(a, f.name), getattr(b, f.name)) for f in fields(a)]
    return all(np.array_equal(p, q) if isinstance(p, (np.ndarray, tuple)) else p == q for p, q in pairs)
