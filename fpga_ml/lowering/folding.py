"""Sharing hardware: how a layer's sums of products are spread over rounds (reuse factor).

A layer with several positions (a convolution) keeps its weights as constants and walks over the positions. A layer with
one walks over its inputs, the weights in a ROM, and accumulates; over its outputs besides where there are more rounds
than inputs. One of several groups (a depthwise convolution) walks over these, and over their inputs where there are more
rounds than groups. Sums of products of two tensors walk over the sums, and over their terms where there are more rounds
than sums. All are exact whatever the order of the sums is: where it matters, a sum stays in one round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.ir.area import area_of, kernel_area, only_luts
from fpga_ml.ir.kernel import Builder, Kernel, Wire
from fpga_ml.ir.network import Channel, Fold
from fpga_ml.ir.network.fold import ZERO, hull
from fpga_ml.layers.elementwise import Products
from fpga_ml.layers.linear import Linear
from fpga_ml.lowering.made import Made
from fpga_ml.numerics import FixedType, Interval
from fpga_ml.numerics.interval import type_of
from fpga_ml.passes.choose_reuse import Shareable

_Table = npt.NDArray[Any]


@dataclass(frozen=True)
class Folded:
    """process writes elements that can be `wires`; finish: the kernel that makes the layer's result of them."""

    process: Fold
    wires: tuple[Wire, ...]
    finish: Kernel

    @property
    def luts(self) -> int:
        """With multipliers and memories counted as LUTs."""
        return only_luts(area_of(self.process) + kernel_area(self.finish), [*self.process.kernels, self.finish])


def folded(layer: Shareable, reads: Sequence[Made]) -> Folded | None:
    """The layer in at most `layer.reuse` rounds; None where it takes one round, or the order of its sums matters."""
    if layer.reuse == 1:
        return None
    if isinstance(layer, Products):
        return _of_products(layer, reads)
    (read,) = reads
    positions, groups, inputs = layer.index.shape
    if positions * inputs == 1:
        return None
    if positions > 1:
        return _over_positions(layer, read)
    if not layer.is_plain(max(w.fraction for w in read.wires) + layer.weight_fraction):
        return None
    return _over_inputs(layer, read) if groups == 1 else _over_groups(layer, read)


def _over_positions(layer: Linear, read: Made) -> Folded:
    positions, groups, inputs = layer.index.shape
    together = ceil(positions / layer.reuse)
    rounds = ceil(positions / together)
    walk = np.full((rounds * together, groups * inputs), -1)
    walk[:positions] = layer.index.reshape(positions, -1)
    walk = walk.reshape(rounds, -1)
    local = np.arange(walk.shape[1]).reshape(together, groups, inputs)
    outputs = layer.size // positions
    one = replace(layer, index=local, shape=(together, outputs), reuse=1)
    b = Builder(f"{layer.name}_step")
    step = b.build(one.lower(b, [b.input(w) for w in _columns(walk, read.wires)]))
    process = _fold(layer, [read], step, walk, np.zeros((rounds, 0), np.int64), (), 1, layer.size)
    made = process.reach(read.wires)[0]
    finish = Builder(layer.name)
    return Folded(process, made, finish.build([finish.input(w) for w in made]))


def _over_inputs(layer: Linear, read: Made) -> Folded:
    """An input whose weights are all zero takes no round."""
    used = np.flatnonzero(layer.weights[0].any(axis=1))
    used = used if len(used) else np.zeros(1, np.int64)
    inputs, outputs = len(used), layer.weights.shape[2]
    each = ceil(inputs / layer.reuse)
    rounds = ceil(inputs / each)
    groups = min(outputs, max(1, layer.reuse // rounds))
    together = ceil(outputs / groups)
    groups = ceil(outputs / together)
    index = np.full(rounds * each, -1)
    index[:inputs] = layer.index[0, 0, used]
    weights = np.zeros((rounds * each, groups * together), layer.weights.dtype)
    weights[:inputs, :outputs] = layer.weights[0, used]
    walk = np.tile(index.reshape(rounds, each), (groups, 1))
    words = weights.reshape(rounds, each, groups, together).transpose(2, 0, 1, 3).reshape(groups * rounds, -1)
    return _summed(layer, read, walk, words, (1, each, together), rounds)


def _over_groups(layer: Linear, read: Made) -> Folded:
    """Some groups in each round, each with all its inputs; or one, with some of them."""
    groups, inputs, outputs = layer.weights.shape
    together = ceil(groups / layer.reuse)
    turns = ceil(groups / together)
    each = ceil(inputs / max(1, layer.reuse // turns))
    rounds = ceil(inputs / each)
    index = np.full((turns * together, rounds * each), -1)
    index[:groups, :inputs] = layer.index[0]
    weights = np.zeros((*index.shape, outputs), layer.weights.dtype)
    weights[:groups, :inputs] = layer.weights
    walk = index.reshape(turns, together, rounds, each).swapaxes(1, 2).reshape(turns * rounds, -1)
    words = weights.reshape(turns, together, rounds, each, outputs).swapaxes(1, 2).reshape(turns * rounds, -1)
    return _summed(layer, read, walk, words, (together, each, outputs), rounds)


def _summed(layer: Linear, read: Made, walk: _Table, words: _Table, shape: tuple[int, int, int], accumulated: int) -> Folded:
    """Products of what a round reads with its words, summed over that many rounds; shape: groups, inputs and outputs of a
    round."""
    reach = [Interval(int(low), int(high)) for low, high in zip(words.min(0), words.max(0), strict=True)]
    b = Builder(f"{layer.name}_step")
    groups, inputs, outputs = shape
    data = np.array([b.input(w) for w in _columns(walk, read.wires)]).reshape(groups, inputs)
    factors = np.array([b.input(Wire(layer.weight_fraction, i)) for i in reach]).reshape(shape)
    step = b.build(
        [
            b.tree(b.add, [b.mul(int(data[g, k]), int(factors[g, k, m])) for k in range(inputs)])
            for g in range(groups)
            for m in range(outputs)
        ]
    )
    types = tuple(type_of(i, layer.weight_fraction) for i in reach)
    process = _fold(layer, [read], step, walk, words, types, accumulated, len(layer.bias))
    made = process.reach(read.wires)[0]
    finish = Builder(layer.name)
    return Folded(process, made, finish.build(layer.finish(finish, [finish.input(w) for w in made])))


def _of_products(layer: Products, reads: Sequence[Made]) -> Folded | None:
    """The smallest of some ways to spread the sums, in which many operands stay where they are from round to round."""
    reads = list({r.channel.name: r for r in reads}.values()) if len(reads) > 1 else reads
    at = layer.index[0], layer.index[1] + (len(reads[0].wires) if len(reads) > 1 else 0)
    ways: list[Folded] = []
    for order, in_row in (_by_rank(*at), _by_rank(*at[::-1])):
        together = ceil(len(order) / layer.reuse)
        whole = ceil(together / in_row) * in_row if together > in_row else _divisor(in_row, together)
        ways += (w for n in {together, whole} if (w := _in_rounds_of(n, layer, at, order, reads)))
    return min(ways, key=lambda way: way.luts, default=None)


def _in_rounds_of(
    together: int, layer: Products, at: tuple[_Table, _Table], order: _Table, reads: Sequence[Made]
) -> Folded | None:
    """So many sums at once, in this order, each with all its terms; or one, with some of them. None where that is all.

    at: which elements of all that is read the operands are."""
    (sums, terms), wires = at[0].shape, [w for r in reads for w in r.wires]
    turns = ceil(sums / together)
    fraction = sum(max(wires[k].fraction for k in np.unique(index)) for index in at)
    each = ceil(terms / max(1, layer.reuse // turns)) if layer.is_plain(fraction) else terms
    rounds = ceil(terms / each)
    if turns * rounds == 1:
        return None
    index = np.full((turns * together, rounds * each, 2), -1)
    index[:sums, :terms] = np.stack(at, axis=-1)[order]
    walk = index.reshape(turns, together, rounds, each * 2).swapaxes(1, 2).reshape(turns * rounds, -1)
    walk, places = np.unique(walk, axis=1, return_inverse=True)
    first, second = np.moveaxis(places.reshape(together, each, 2), -1, 0)
    b = Builder(f"{layer.name}_step")
    data = [b.input(w) for w in _columns(walk, wires)]
    if rounds == 1:
        results = replace(layer, index=(first, second), shape=(together,), reuse=1).lower(b, data, data)
    else:
        results = [
            b.tree(b.add, [b.mul(data[i], data[j]) for i, j in zip(*row, strict=True)])
            for row in zip(first, second, strict=True)
        ]
    process = _fold(layer, reads, b.build(results), walk, np.zeros((len(walk), 0), np.int64), (), rounds, sums)
    made = process.reach(*(r.wires for r in reads))[0]
    finish = Builder(layer.name)
    given = [finish.input(w) for w in made]
    in_place = [given[k] for k in np.argsort(order)]
    return Folded(process, made, finish.build(in_place if rounds == 1 else layer.finish(finish, in_place)))


def _by_rank(first: _Table, second: _Table) -> tuple[_Table, int]:
    """Sums in an order in which those with the same second operands come as often as there are first ones for them, each
    time after the same number of sums; and this number.

    first, second (sums, terms): of a matrix product its rows, one after the other, each with all columns.
    """
    (a, b) = (np.unique(index, axis=0, return_inverse=True)[1].reshape(-1) for index in (first, second))
    by_second = np.lexsort((a, b))
    begins = np.searchsorted(b[by_second], np.arange(b.max() + 1))
    rank = np.empty_like(a)
    rank[by_second] = np.arange(len(a)) - begins[b[by_second]]
    return np.lexsort((b, rank)), len(begins)


def _divisor(number: int, least: int) -> int:
    """The least divisor that is no less."""
    return next(n for n in range(least, number + 1) if number % n == 0)


def _fold(
    layer: Shareable,
    reads: Sequence[Made],
    step: Kernel,
    walk: _Table,
    words: _Table,
    word_types: tuple[FixedType, ...],
    accumulated: int,
    written: int,
) -> Fold:
    """The process, writing as many elements of what its rounds give as asked, each as wide as its values."""
    rows, rom = (tuple(tuple(int(v) for v in row) for row in table) for table in (walk, words))
    channels = tuple(r.channel for r in reads)
    sums = Channel(f"{layer.name}_sums", channels[0].types[:1] * written, channels[0].tokens)
    fold = Fold(f"{layer.name}_fold", channels, (sums,), step, rows, rom, word_types, accumulated)
    types = tuple(w.type for w in fold.reach(*(c.wires for c in channels))[0])
    return fold.writing(replace(sums, types=types))


def _columns(walk: _Table, wires: Sequence[Wire]) -> list[Wire]:
    """What each place of the walk can be, over all rounds."""
    return [hull([wires[k] if k >= 0 else ZERO for k in column]) for column in walk.T]
