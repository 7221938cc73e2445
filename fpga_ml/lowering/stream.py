"""The stream architecture: a token is a pixel with all of its channels; line buffers give each layer its windows.

The kernels are those of the parallel architecture, each for one position. A tensor without pixels is one token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from math import prod

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.network import Channel, Collect, Map, Network, Process, Window, verified
from fpga_ml.layers.base import Input, Layer
from fpga_ml.layers.gather import Gather
from fpga_ml.layers.linear import Linear
from fpga_ml.layers.pooling import AveragePool, MaxPool
from fpga_ml.lowering.folding import folded
from fpga_ml.lowering.parallel import Made, checked, lowered
from fpga_ml.lowering.windows import at_position, flat, positions, sliding


def stream(layers: Sequence[Layer], ports: Mapping[str, str], heads: Sequence[str], top: str) -> Network:
    """ports: {layer: port name} of inputs and outputs; heads: output layers. Raises FpgaMlError for what has no stream."""
    lowering = _Lowering(ports, tuple(heads))
    for layer in _without_padding(layers):
        lowering.add(layer)
    inputs = tuple(lowering.made[layer.name].channel for layer in layers if isinstance(layer, Input))
    outputs = tuple(lowering.made[h].channel.name for h in heads)
    return verified(Network(top, inputs, outputs, tuple(lowering.processes)))


def tokens_of(shape: Sequence[int]) -> int:
    """Pixels of a tensor, channels last; a vector is one."""
    return prod(shape[:-1])


@dataclass
class _Lowering:
    ports: Mapping[str, str]
    heads: tuple[str, ...]
    made: dict[str, Made] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)

    def add(self, layer: Layer) -> None:
        self.shapes[layer.name] = layer.shape
        match layer:
            case Input():
                channel = Channel(self._name(layer), (layer.result,) * layer.shape[-1], tokens_of(layer.shape))
                self.made[layer.name] = Made(channel, channel.wires)
            case Gather():
                self._move(layer)
            case Linear() | MaxPool() | AveragePool():
                self._slide(layer)
            case _:
                self._each_token(layer)

    def _name(self, layer: Layer) -> str:
        return self.ports.get(layer.name, layer.name)

    def _each_token(self, layer: Layer) -> None:
        """A layer whose result's pixel n is made of its inputs' pixels n."""
        reads = [self.made[r] for r in layer.reads]
        tokens = tokens_of(layer.shape)
        if {r.channel.tokens for r in reads} != {tokens} or getattr(layer, "inner", 1) != 1:
            raise _no_stream(layer, "joins tensors of different numbers of pixels, or goes over pixels")
        one = layer.of_token(0, tokens)
        if not all(_same(one, layer.of_token(n, tokens)) for n in range(1, tokens)):
            raise _no_stream(layer, "differs from pixel to pixel")
        self._map(layer, one, reads)

    def _map(self, layer: Layer, one: Layer, reads: Sequence[Made]) -> None:
        """`one`, of a token, on each token of what is read; as rounds of a fold where it shares hardware."""
        fold = folded(one, reads[0].channel, reads[0].wires) if isinstance(one, Linear) else None
        if fold is not None:
            self.processes.append(fold.process)
            reads = [Made(fold.process.writes[0], fold.wires)]
        kernel = checked(fold.finish if fold else lowered(one, [r.wires for r in reads]))
        wires = tuple(kernel.values[k].wire for k in kernel.outputs)
        types = (layer.result,) * len(wires) if layer.name in self.heads else tuple(w.type for w in wires)
        made = Made(Channel(self._name(layer), types, reads[0].channel.tokens), wires)
        self.processes.append(Map(layer.name, tuple(r.channel for r in reads), (made.channel,), kernel))
        self.made[layer.name] = made

    def _slide(self, layer: Linear | MaxPool | AveragePool) -> None:
        read, shape = self.made[layer.reads[0]], self.shapes[layer.reads[0]]
        tokens, channels = read.channel.tokens, len(read.channel.types)
        index = flat(layer)
        if tokens == 1 or positions(layer) == 1:
            if positions(layer) > 1:
                raise _no_stream(layer, "makes pixels of a vector")
            self._map(layer, layer, [self._collected(layer, read)])
        elif positions(layer) == tokens and (index // channels == np.arange(tokens)[:, None]).all():
            self._map(layer, at_position(layer, index[0]), [read])
        else:
            image = (shape[0], shape[1]) if len(shape) == 3 else (1, shape[0])
            found = sliding(layer, image, channels)
            outside = [t.min_raw if isinstance(layer, MaxPool) else 0 for t in read.channel.types]
            self._check_border(layer, read)
            windows = Channel(
                f"{layer.name}_windows",
                read.channel.types * (found.rows.taps * found.columns.taps),
                found.rows.windows * found.columns.windows,
            )
            buffer = Window(f"{layer.name}_window", (read.channel,), (windows,), found.rows, found.columns, tuple(outside))
            self.processes.append(buffer)
            self._map(layer, found.layer, [Made(windows, buffer.reach(read.wires)[0])])

    def _check_border(self, layer: Linear | MaxPool | AveragePool, read: Made) -> None:
        """Raises where what lies outside the image is more than a value that changes nothing."""
        if not (layer.index < 0).any() or isinstance(layer, Linear):
            return
        if isinstance(layer, AveragePool) and not layer.counts_padding:
            raise _no_stream(layer, "divides by another number at the border")
        least = min(w.interval.low * 2.0**-w.fraction for w in read.wires)
        if isinstance(layer, MaxPool) and layer.padding * 2.0**-layer.padding_fraction > least:
            raise _no_stream(layer, "pads with a value that may be the largest")

    def _collected(self, layer: Layer, read: Made) -> Made:
        """All pixels as one token."""
        if read.channel.tokens == 1:
            return read
        whole = Channel(f"{layer.name}_whole", read.channel.types * read.channel.tokens)
        self.processes.append(Collect(f"{layer.name}_collect", (read.channel,), (whole,)))
        return Made(whole, read.wires * read.channel.tokens)

    def _move(self, layer: Gather) -> None:
        reads = [self.made[r] for r in layer.reads]
        tokens = tokens_of(layer.shape)
        if len(reads) == 1 and np.array_equal(layer.index, np.arange(layer.size)):
            if tokens == 1:
                self._renamed(layer, self._collected(layer, reads[0]))
                return
            if tokens == reads[0].channel.tokens:
                self._renamed(layer, reads[0])
                return
        if all(r.channel.tokens == tokens for r in reads):
            self._within_pixels(layer, reads)
            return
        raise _no_stream(layer, "moves values from pixel to pixel")

    def _renamed(self, layer: Gather, read: Made) -> None:
        """The same values; a process only where a type, or a port, asks for it."""
        self.made[layer.name] = read
        one = replace(layer, shape=(len(read.channel.types),), index=np.arange(len(read.channel.types)))
        kernel = lowered(one, [read.wires])
        if layer.name in self.heads or kernel.inputs != kernel.outputs:
            self._map(layer, one, [read])

    def _within_pixels(self, layer: Gather, reads: Sequence[Made]) -> None:
        """Pixel n of the result is made of the inputs' pixels n: a concatenation of channels, a permutation of them."""
        tokens, widths = tokens_of(layer.shape), [len(r.channel.types) for r in reads]
        ends = np.cumsum([tokens * w for w in widths])
        index = layer.index.reshape(tokens, -1)
        source = np.searchsorted(ends, index, side="right")
        inside = index - np.concatenate([[0], ends])[source]
        width = np.array(widths)[source]
        local = np.concatenate([[0], np.cumsum(widths)])[source] + inside % width
        if (inside // width != np.arange(tokens)[:, None]).any() or (local != local[0]).any() or (index < 0).any():
            raise _no_stream(layer, "moves values from pixel to pixel")
        self._map(layer, replace(layer, shape=(local.shape[1],), index=local[0]), reads)


def _without_padding(layers: Sequence[Layer]) -> list[Layer]:
    """Zeros around an image are made by the line buffer of the convolution that reads them."""
    results = {layer.name: layer.result for layer in layers}
    padded = {
        g.name: g
        for g in layers
        if isinstance(g, Gather) and len(g.reads) == 1 and (g.index < 0).any() and g.result == results[g.reads[0]]
    }
    found: list[Layer] = []
    for layer in layers:
        if isinstance(layer, Linear) and layer.reads[0] in padded:
            source = padded[layer.reads[0]]
            index = np.where(layer.index < 0, -1, source.index[layer.index])
            found.append(replace(layer, reads=source.reads, index=index))
        else:
            found.append(layer)
    read = {r for layer in found for r in layer.reads}
    return [layer for layer in found if layer.name not in padded or layer.name in read]


def _same(a: Layer, b: Layer) -> bool:
    """Equal in every field, arrays by their values."""
    pairs = [(getattr(a, f.name), getattr(b, f.name)) for f in fields(a)]
    return all(np.array_equal(p, q) if isinstance(p, (np.ndarray, tuple)) else p == q for p, q in pairs)


def _no_stream(layer: Layer, why: str) -> FpgaMlError:
    return FpgaMlError(
        f"layer '{layer.name}' {why}: it has no stream yet", where=f"layer '{layer.name}'", do="use --arch parallel"
    )
