"""How large a network's RTL will be, and how long it takes to make and to simulate, before any of it is made.

Rough on purpose: within a factor of two or three for networks of products with constants. The factors were measured
(docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from fpga_ml.config import Arch
from fpga_ml.errors import FpgaMlError
from fpga_ml.layers.base import Input, Layer
from fpga_ml.layers.elementwise import Products
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.linear import Linear
from fpga_ml.layers.normalise import Normalise
from fpga_ml.layers.recurrent import Bidirectional, Recurrent
from fpga_ml.layers.tables import Softmax, Table
from fpga_ml.machine import MOST_MINUTES, memory_bytes
from fpga_ml.numerics.types import Raw
from fpga_ml.passes.choose_reuse import Shareable, choose_reuse

MOST_LUTS = 4_000_000  # no device has more
_MOST_MEMORY = 0.8  # of the machine's
_LUTS_PER_DIGIT_BIT = 0.5  # a signed digit of a weight, times the bits of the data and _CARRIED: sums share terms
_CARRIED = 4
_LUTS_PER_SHARED_BIT = 4  # of the data, for a multiplier by weights from a memory
_LUTS_PER_BIT = 2  # of an element that is no sum of products
_LUTS_PER_NORMALISED_BIT = 16
_LUT_ADDRESS = 6  # bits
_SOLVE_S, _SOLVE_DIGITS, _SOLVE_POWER = 1.2, 2700, 1.77  # seconds for a matrix of so many digits; they grow with this power
_BLOCK_DIGITS = 11_000  # up to a block of layers/cmvm.py, beyond which they grow with the blocks
_BALANCED = 16  # turns, after which LUTs and cycles no longer change each other
_RTL_S, _COSIM_S = 4e-5, 4e-4  # a LUT
_SIMULATED_S = 60  # for its vectors, of which simulators get as many as they have the time for
_MEMORY_BYTES = 4000  # a LUT


@dataclass(frozen=True)
class Size:
    """products: with constants, that are computed at once; luts; seconds: to make and to simulate the RTL; memory_bytes: for
    that."""

    products: int
    luts: int
    seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class _Sums:
    """Sums of products as hardware. digits: signed binary digits of the weights of one instance that is lowered; instances:
    of it; rounds: in which one is used in turn, with its weights in a memory; bits: of the data."""

    digits: int
    products: int
    instances: int
    rounds: int
    bits: int

    @property
    def shared(self) -> bool:
        return self.rounds > 1


def size_of(graph: LayerGraph, arch: Arch, interval_cycles: int | None, *, simulated: bool) -> Size:
    """interval_cycles: between two inferences, None: by the layers' reuse factors; simulated:
    whether its co-simulation counts."""
    sums = _all_sums(graph, arch, interval_cycles)
    luts = _luts_of(graph, arch, sums)
    seconds = sum(_solve_s(s.digits) for s in sums if not s.shared)
    seconds += luts * _RTL_S + (_SIMULATED_S + luts * _COSIM_S) * simulated
    return Size(sum(s.products * s.instances for s in sums), int(luts), seconds, int(luts) * _MEMORY_BYTES)


def luts_of_layers(graph: LayerGraph, arch: Arch, interval_cycles: int | None) -> dict[str, float]:
    """LUTs of each layer, by its name."""
    widths = {layer.name: layer.result.width for layer in graph.layers}
    return {
        layer.name: sum(map(_luts, _sums(layer, widths, arch, interval_cycles))) + _others(layer, arch)
        for layer in graph.layers
    }


def luts_ratio(graph: LayerGraph, arch: Arch, interval_cycles: int | None, more_bits: int) -> float:
    """How many times as many LUTs it would be with so many bits more in all data and weights, or fewer.

    A weight of one bit more has a third of a signed digit more: so many digits are not zero in the form with the fewest
    (G. W. Reitwiesner, Binary Arithmetic, Advances in Computers 1, 1960).
    """
    sums = _all_sums(graph, arch, interval_cycles)
    changed = [replace(s, digits=max(0, s.digits + more_bits * s.products // 3), bits=s.bits + more_bits) for s in sums]
    now = _luts_of(graph, arch, sums)
    return _luts_of(graph, arch, changed, more_bits) / now if now else 1.0


def luts_a_cycle(graph: LayerGraph, arch: Arch, interval_cycles: int) -> float:
    """What an answer one cycle sooner may cost: all LUTs over all cycles, for then LUTs times cycles are the least.

    The cycles are those of an interval, in which a frame comes, and of the rounds of one layer behind the other. Nothing
    where a frame comes in one cycle: then the interval alone says how much is shared.
    """
    found = 0.0
    if all(arch.tokens_of(layer.shape) == 1 for layer in graph.layers):
        return found
    for _ in range(_BALANCED):
        sums = _all_sums(graph, arch, interval_cycles, found)
        cycles = interval_cycles + sum(s.rounds for s in sums)
        found = _luts_of(graph, arch, sums) / cycles
    return found


def shared_luts(layer: Shareable, bits: int) -> float:
    """LUTs of as many multipliers as there are products; bits: of the data."""
    if isinstance(layer, Products):
        return luts_at_once(layer, bits)
    return float(np.count_nonzero(layer.weights)) * bits * _LUTS_PER_SHARED_BIT


def luts_at_once(layer: Shareable, bits: int) -> float:
    """LUTs of sums of products whose hardware is not shared; bits: of the data."""
    if isinstance(layer, Products):
        return float(layer.index[0].size) * bits * bits
    return _luts(_one(replace(layer, reuse=1), bits, 1))


def products(layer: Layer) -> int:
    """With constants that are not zero, in one inference."""
    match layer:
        case Bidirectional():
            return products(layer.forward) + products(layer.backward)
        case Recurrent():
            return layer.steps * (products(layer.cell.inputs) + products(layer.cell.recurrent))
        case Linear():
            return len(layer.index) * int(np.count_nonzero(layer.weights))
    return 0


def check_size(graph: LayerGraph, arch: Arch, interval_cycles: int | None, *, simulated: bool, model: str) -> None:
    """Raise FpgaMlError for a network whose RTL would be too large, with what is estimated and what can be done."""
    size = size_of(graph, arch, interval_cycles, simulated=simulated)
    if _within(size):
        return
    gigabytes, minutes = size.memory_bytes / 1e9, size.seconds / 60
    raise FpgaMlError(
        f"the RTL would take about {_round(size.luts):,} LUTs, {_round(ceil(minutes)):,} minutes and {gigabytes:.1f} GB to"
        f" make: {_round(size.products):,} products at once",
        where=f"model '{model}'",
        do="; ".join([*_smaller(graph, arch, interval_cycles, simulated), "end with --until csim", *_forced(size)]),
    )


def _within(size: Size) -> bool:
    return size.luts <= MOST_LUTS and _held(size) and size.seconds <= MOST_MINUTES * 60


def _held(size: Size) -> bool:
    """Whether the machine has the memory."""
    return size.memory_bytes <= _MOST_MEMORY * memory_bytes()


def _forced(size: Size) -> list[str]:
    return ["or go on with --force"] if _held(size) else []


def _smaller(graph: LayerGraph, arch: Arch, interval_cycles: int | None, simulated: bool) -> Iterator[str]:
    """Settings with which it would not be too large."""
    if arch is not Arch.STREAM and any(len(layer.shape) > 1 for layer in graph.layers):
        interval = _interval(graph, Arch.STREAM, interval_cycles, simulated)
        if interval is not None:
            yield f"make it a stream with --arch stream{f' --interval-cycles {interval}' * bool(interval)}"
    interval = _interval(graph, arch, interval_cycles, simulated)
    if interval:
        yield f"share hardware with --interval-cycles {interval}"


def _interval(graph: LayerGraph, arch: Arch, asked: int | None, simulated: bool) -> int | None:
    """The shortest of some intervals that is enough, 0 for the one that was asked for; None where none is."""
    if _within(size_of(graph, arch, asked, simulated=simulated)):
        return 0
    pixels = max(arch.tokens_of(layer.shape) for layer in graph.layers)
    tried = (pixels * (1 << k) for k in range(21) if pixels * (1 << k) > (asked or 1))
    return next((n for n in tried if _within(size_of(graph, arch, n, simulated=simulated))), None)


def _luts_of(graph: LayerGraph, arch: Arch, sums: Sequence[_Sums], more_bits: int = 0) -> float:
    """more_bits: that the data have, beside what `sums` says of them."""
    return sum(map(_luts, sums)) + sum(_others(layer, arch, more_bits) for layer in graph.layers)


def _all_sums(graph: LayerGraph, arch: Arch, interval: int | None, a_cycle: float = 0.0) -> list[_Sums]:
    """a_cycle: as of `choose_reuse`."""
    widths = {layer.name: layer.result.width for layer in graph.layers}
    return [s for layer in graph.layers for s in _sums(layer, widths, arch, interval, a_cycle)]


def _sums(layer: Layer, widths: dict[str, int], arch: Arch, interval: int | None, a_cycle: float = 0.0) -> Iterator[_Sums]:
    if isinstance(layer, Bidirectional):
        for half in (layer.forward, layer.backward):
            yield from _sums(half, widths, arch, interval)
    if isinstance(layer, Recurrent):
        tokens = arch.tokens_of((layer.steps, 1))
        for part in (layer.cell.inputs, layer.cell.recurrent):
            shared = choose_reuse(part, interval, tokens) if tokens > 1 else part
            yield replace(_one(shared, layer.result.width, 1), instances=layer.steps // tokens)
    if isinstance(layer, Linear):
        tokens = arch.tokens_of((len(layer.index), 1))
        bits = max(widths.get(r, layer.result.width) for r in layer.reads or ("",))
        chosen = choose_reuse(layer, interval, tokens, luts=shared_luts(layer, bits), luts_a_cycle=a_cycle)
        yield _one(chosen, bits, tokens)


def _one(layer: Linear, bits: int, tokens: int) -> _Sums:
    """tokens: in which its result goes, one after the other."""
    at_once = len(layer.index) // tokens
    digits, products = _digits(layer.weights), int(np.count_nonzero(layer.weights))
    if at_once > 1:
        return _Sums(digits, products, ceil(at_once / layer.reuse), 1, bits)
    rounds = max(1, min(layer.reuse, products))
    return _Sums(ceil(digits / rounds), ceil(products / rounds), 1, rounds, bits)


def _digits(weights: Raw) -> int:
    """Of all weights in the form with the fewest signed binary digits."""
    if weights.dtype == object:
        return int(sum(bin(abs(int(w)) ^ 3 * abs(int(w))).count("1") for w in weights.flat))
    magnitude = np.abs(weights.astype(np.int64))
    return int(np.bitwise_count(magnitude ^ (3 * magnitude)).sum())


def _solve_s(digits: int) -> float:
    block = min(digits, _BLOCK_DIGITS)
    return float(digits / max(block, 1) * _SOLVE_S * (block / _SOLVE_DIGITS) ** _SOLVE_POWER)


def _luts(s: _Sums) -> float:
    if s.shared:
        return s.products * s.bits * _LUTS_PER_SHARED_BIT
    return s.instances * s.digits * (s.bits + _CARRIED) * _LUTS_PER_DIGIT_BIT


def _others(layer: Layer, arch: Arch, more_bits: int = 0) -> float:
    if isinstance(layer, (Input, Linear, Recurrent, Bidirectional)):
        return 0.0
    tokens = arch.tokens_of(layer.shape)
    if isinstance(layer, Normalise):
        at_once = layer.size // tokens if layer.by_token(tokens) else layer.size
        return float(at_once * (layer.result.width + more_bits) * _LUTS_PER_NORMALISED_BIT)
    tables = _tables(layer) // tokens if isinstance(layer, (Softmax, Table)) else 0
    return float(layer.size // tokens * (layer.result.width + more_bits) * _LUTS_PER_BIT) + tables


def _tables(layer: Softmax | Table) -> int:
    """LUTs of the tables that all elements of a layer read at once: a bit of 2**n entries takes 2**(n - 6)."""
    if isinstance(layer, Table):
        return layer.size * _entries(layer.table.width, layer.table_size)
    of_sums = layer.outer * layer.inner * _entries(layer.inverse.width, layer.inverse_size)
    return layer.size * _entries(layer.exp.width, layer.exp_size) + of_sums


def _entries(width: int, entries: int) -> int:
    return width * max(entries >> _LUT_ADDRESS, 1)


def _round(value: int) -> int:
    """Two digits, for no more are meant."""
    return int(float(f"{value:.1e}"))
