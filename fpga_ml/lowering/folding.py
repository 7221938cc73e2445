"""Sharing hardware: how a layer's sums of products are spread over rounds (reuse factor).

A layer with several positions (a convolution) keeps its weights as constants and walks over the positions. A layer with
one walks over its inputs, the weights in a ROM, and accumulates; over its outputs besides where there are more rounds
than inputs. One of several groups (a depthwise convolution) walks over these, and over their inputs where there are more
rounds than groups. All are exact whatever the order of the sums is: where it matters, the layer is not folded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from fpga_ml.ir.kernel import Builder, Kernel, Wire
from fpga_ml.ir.network import Channel, Fold
from fpga_ml.ir.network.fold import ZERO, hull
from fpga_ml.layers.linear import Linear
from fpga_ml.numerics import FixedType, Interval
from fpga_ml.numerics.interval import type_of


@dataclass(frozen=True)
class Folded:
    """process writes elements that can be `wires`; finish: the kernel that makes the layer's result of them."""

    process: Fold
    wires: tuple[Wire, ...]
    finish: Kernel


def folded(layer: Linear, read: Channel, wires: Sequence[Wire]) -> Folded | None:
    """The layer in at most `layer.reuse` rounds; None where it takes one round, or the order of its sums matters.

    read, wires: the channel it reads and what its elements can be.
    """
    positions, groups, inputs = layer.index.shape
    if layer.reuse == 1 or positions * inputs == 1:
        return None
    if positions > 1:
        return _over_positions(layer, read, wires)
    if not layer.is_plain(max(w.fraction for w in wires) + layer.weight_fraction):
        return None
    return _over_inputs(layer, read, wires) if groups == 1 else _over_groups(layer, read, wires)


def _over_positions(layer: Linear, read: Channel, wires: Sequence[Wire]) -> Folded:
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
    step = b.build(one.lower(b, [b.input(w) for w in _columns(walk, wires)]))
    process = _fold(layer, read, step, walk, np.zeros((rounds, 0), np.int64), (), 1, layer.size)
    made = process.reach(tuple(wires))[0]
    finish = Builder(layer.name)
    return Folded(process, made, finish.build([finish.input(w) for w in made]))


def _over_inputs(layer: Linear, read: Channel, wires: Sequence[Wire]) -> Folded:
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
    return _summed(layer, read, wires, walk, words, (1, each, together), rounds)


def _over_groups(layer: Linear, read: Channel, wires: Sequence[Wire]) -> Folded:
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
    return _summed(layer, read, wires, walk, words, (together, each, outputs), rounds)


def _summed(
    layer: Linear,
    read: Channel,
    wires: Sequence[Wire],
    walk: np.ndarray,
    words: np.ndarray,
    shape: tuple[int, int, int],
    accumulated: int,
) -> Folded:
    """Products of what a round reads with its words, summed over that many rounds; shape: groups, inputs and outputs of a
    round."""
    reach = [Interval(int(low), int(high)) for low, high in zip(words.min(0), words.max(0), strict=True)]
    b = Builder(f"{layer.name}_step")
    groups, inputs, outputs = shape
    data = np.array([b.input(w) for w in _columns(walk, wires)]).reshape(groups, inputs)
    factors = np.array([b.input(Wire(layer.weight_fraction, i)) for i in reach]).reshape(shape)
    step = b.build(
        [
            b.tree(b.add, [b.mul(int(data[g, k]), int(factors[g, k, m])) for k in range(inputs)])
            for g in range(groups)
            for m in range(outputs)
        ]
    )
    types = tuple(type_of(i, layer.weight_fraction) for i in reach)
    process = _fold(layer, read, step, walk, words, types, accumulated, len(layer.bias))
    made = process.reach(tuple(wires))[0]
    finish = Builder(layer.name)
    return Folded(process, made, finish.build(layer.finish(finish, [finish.input(w) for w in made])))


def _fold(
    layer: Linear,
    read: Channel,
    step: Kernel,
    walk: np.ndarray,
    words: np.ndarray,
    word_types: tuple[FixedType, ...],
    accumulated: int,
    written: int,
) -> Fold:
    """The process, writing as many elements of what its rounds give as asked, each as wide as its values."""
    rows, rom = (tuple(tuple(int(v) for v in row) for row in table) for table in (walk, words))
    sums = Channel(f"{layer.name}_sums", (read.types[0],) * written, read.tokens)
    fold = Fold(f"{layer.name}_fold", (read,), (sums,), step, rows, rom, word_types, accumulated)
    types = tuple(w.type for w in fold.reach(read.wires)[0])
    return fold.writing(replace(sums, types=types))


def _columns(walk: np.ndarray, wires: Sequence[Wire]) -> list[Wire]:
    """What each place of the walk can be, over all rounds."""
    return [hull([wires[k] if k >= 0 else ZERO for k in column]) for column in walk.T]
