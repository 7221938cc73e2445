"""Half a step of a type that rounds goes into the bias of the sums before it, and the type cuts off.

To the nearest, ties up, is x + half cut off; and so it is behind a relu, for what the half lifts above zero is cut to zero.
So every element saves an adder, and the wait for it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from fpga_ml.layers.base import Layer
from fpga_ml.layers.elementwise import Relu, RequantiseEach
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.linear import Linear
from fpga_ml.numerics import FixedType
from fpga_ml.numerics.types import Rounding


def fold_rounding(graph: LayerGraph) -> LayerGraph:
    """Where only the rounding reads the sums, or their relu, neither is an output, and no type between loses anything."""
    steps = {layer.name: layer for layer in graph.layers}
    readers = Counter([name for layer in graph.layers for name in layer.reads] + list(graph.outputs))
    for rounding in graph.layers:
        if not isinstance(rounding, RequantiseEach) or not any(t and t.rounding is Rounding.RND for t in rounding.types):
            continue
        between = _before(rounding, graph, readers)
        linear = between[0] if between else None
        if isinstance(linear, Linear):
            steps |= {layer.name: layer for layer in _folded(linear, between[1:], rounding, graph[linear.reads[0]])}
    return graph.with_layers(tuple(steps.values()))


def _before(rounding: Layer, graph: LayerGraph, readers: Counter[str]) -> tuple[Layer, ...]:
    """The sums that are rounded, and the relu if there is one; nothing where something else reads them."""
    found: list[Layer] = []
    name = rounding.reads[0]
    while readers[name] == 1:
        found.insert(0, layer := graph[name])
        if not isinstance(layer, Relu) or layer.ceiling is not None or len(found) > 1:
            return tuple(found)
        name = layer.reads[0]
    return ()


def _folded(linear: Linear, relu: tuple[Layer, ...], rounding: RequantiseEach, source: Layer) -> list[Layer]:
    """The layers anew; none where nothing can be gained, or something would be lost."""
    data = source.result
    fraction = max(data.fraction + linear.weight_fraction, linear.bias_fraction)
    low, high, finest = _reach(linear, source, fraction)
    plain = linear.is_plain(data.fraction + linear.weight_fraction)
    exact = plain and all(_holds(t, low, high, fraction) for t in (linear.accum, linear.result))
    if not exact or not all(_holds(r.result, 0, max(high, 0), fraction) for r in relu):
        return []
    count = len(linear.bias)
    bias = linear.bias.astype(object) << fraction - linear.bias_fraction
    types, added = list(rounding.types), 0
    for channel in range(count):
        own = {rounding.types[k] for k in range(channel, rounding.size, count)} - {None}
        if len(own) != 1 or not (t := own.pop()) or t.rounding is not Rounding.RND or t.fraction >= finest[channel]:
            continue
        half = 1 << fraction - t.fraction - 1
        bias[channel] += half
        added = max(added, half)
        for k in range(channel, rounding.size, count):
            types[k] = types[k] and replace(t, rounding=Rounding.TRN)
    if not added:
        return []
    width = max(high + added, ~low).bit_length() + 1
    wide = FixedType(True, width, width - fraction)
    sums = replace(linear, bias=bias, bias_fraction=fraction, accum=wide, result=wide)
    return [sums, *(replace(r, result=wide) for r in relu), replace(rounding, types=tuple(types))]


def _reach(linear: Linear, source: Layer, fraction: int) -> tuple[int, int, list[int]]:
    """The least and the greatest of all sums, raw with `fraction`; of each channel, how many fraction bits it has."""
    index, (groups, _, each) = linear.index, linear.weights.shape
    types = source.types if isinstance(source, RequantiseEach) else (source.result,) * source.size
    bias = linear.bias.astype(object) << fraction - linear.bias_fraction
    low, high, finest = 0, 0, [_finest(int(v), fraction) for v in bias]
    for group in range(groups):
        weights = linear.weights[group].astype(object)
        for row in np.unique(index[:, group], axis=0):
            ends = np.zeros((2, each), object)
            for w, k in zip(weights, row, strict=True):
                t = types[k] if k >= 0 else None
                if t is None or not w.any():
                    continue
                scaled = w << fraction - linear.weight_fraction - t.fraction
                products = np.array([scaled * t.min_raw, scaled * t.max_raw])
                ends += np.array([products.min(0), products.max(0)])
                for m in np.flatnonzero(w):
                    channel = group * each + m
                    finest[channel] = max(finest[channel], _finest(int(scaled[m]), fraction))
            own = bias[group * each : (group + 1) * each]
            low, high = min(low, *(ends[0] + own)), max(high, *(ends[1] + own))
    return int(low), int(high), finest


def _finest(raw: int, fraction: int) -> int:
    """Fraction bits of a raw number; very few of zero."""
    return fraction - ((raw & -raw).bit_length() - 1) if raw else -(1 << 30)


def _holds(t: FixedType, low: int, high: int, fraction: int) -> bool:
    """Whether a type has all raw values from low to high with so many fraction bits."""
    shift = t.fraction - fraction
    return shift >= 0 and t.min_raw <= low << shift and high << shift <= t.max_raw
