"""Which bits to try first, from what each tensor's rounding costs in noise and saves in LUTs when it is alone.

Rounding errors of different tensors are nearly independent, so their powers in the outputs add up. The LUTs of a layer go
with the product of the widths that it reads: each tensor's width changes them by a factor. So a few measurements for each
tensor tell about all assignments of bits, and the best are found by exchange: from the widest, one bit at a time is given
up where it saves the most LUTs for the noise that it adds (marginal analysis: B. Fox, Operations Research 14, 1966).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fpga_ml.explore.knobs import Knob, Params
from fpga_ml.explore.trial import Noise

MEASURED = (2, 3, 4, 6, 8)  # bits
_LEAST = 1e-30


@dataclass(frozen=True)
class Alone:
    """Of one knob: added[b], noise with b bits beyond that of the widest; factors[b], {layer: its LUTs to those of the
    widest}."""

    added: Mapping[int, float]
    factors: Mapping[int, Mapping[str, float]]


def measurements(knobs: Sequence[Knob]) -> list[Params]:
    """The assignments to measure: all knobs at their widest, then each alone at fewer bits."""
    widest = {k.name: k.high for k in knobs}
    return [widest, *({**widest, k.name: b} for k in knobs for b in measured(k))]


def measured(knob: Knob) -> list[int]:
    return [b for b in MEASURED if knob.low <= b < knob.high]


def alone(knobs: Sequence[Knob], found: Sequence[Noise]) -> list[Alone]:
    """found: in the order of `measurements`."""
    widest, rest = found[0], iter(found[1:])
    return [_alone(knob, widest, [next(rest) for _ in measured(knob)]) for knob in knobs]


def _alone(knob: Knob, widest: Noise, found: Sequence[Noise]) -> Alone:
    bits = measured(knob)
    added = {b: max(one.power - widest.power, _LEAST) for b, one in zip(bits, found, strict=True)}
    factors = {b: _factors(one, widest) for b, one in zip(bits, found, strict=True)} | {knob.high: _factors(widest, widest)}
    known = sorted(factors)
    every = {}
    for b in knob.choices:
        every[b] = {layer: float(np.interp(b, known, [factors[k][layer] for k in known])) for layer in widest.luts}
    return Alone({b: _between(b, added, knob.high) for b in knob.choices}, every)


def _factors(one: Noise, widest: Noise) -> dict[str, float]:
    return {layer: one.luts[layer] / luts if luts else 1.0 for layer, luts in widest.luts.items()}


def _between(b: int, added: Mapping[int, float], high: int) -> float:
    """Of b bits. Noise falls by a factor of four a bit, less what the widest makes itself; the factor before that is
    interpolated by its logarithm, and beyond those that were measured it is that of the last."""
    known = sorted(added)
    if not known or b == high:
        return _LEAST * (b < high)
    factors = [math.log(added[k] / (4.0**-k - 4.0**-high)) for k in known]
    return math.exp(float(np.interp(b, known, factors))) * (4.0**-b - 4.0**-high)


@dataclass(frozen=True)
class Step:
    """An assignment on the way down: its noise beyond the widest's, and its LUTs, by estimate."""

    params: Params
    noise: float
    luts: float


def exchange(knobs: Sequence[Knob], each: Sequence[Alone], luts: Mapping[str, float]) -> list[Step]:
    """From the widest assignment to the narrowest, a bit a step. luts: of each layer with the widest."""
    bits = [k.high for k in knobs]
    steps = [_step(knobs, each, luts, bits)]
    while any(b > k.low for b, k in zip(bits, knobs, strict=True)):
        now = steps[-1]
        tried = []
        for i, knob in enumerate(knobs):
            if bits[i] > knob.low:
                fewer = [b - (i == j) for j, b in enumerate(bits)]
                tried.append((_step(knobs, each, luts, fewer), fewer))
        best, bits = max(tried, key=lambda pair: (now.luts - pair[0].luts) / max(pair[0].noise - now.noise, _LEAST))
        steps.append(best)
    return steps


def _step(knobs: Sequence[Knob], each: Sequence[Alone], luts: Mapping[str, float], bits: Sequence[int]) -> Step:
    total = sum(
        of_layer * math.prod(one.factors[b][layer] for one, b in zip(each, bits, strict=True))
        for layer, of_layer in luts.items()
    )
    noise = sum(one.added[b] for one, b in zip(each, bits, strict=True))
    return Step({k.name: b for k, b in zip(knobs, bits, strict=True)}, noise, total)


def spread(steps: Sequence[Step], count: int) -> list[Params]:
    """So many assignments of the way, about equally far from each other in the logarithm of the LUTs."""
    logs = np.log([max(step.luts, 1.0) for step in steps])
    wanted = np.linspace(logs[0], logs[-1], count)
    chosen = sorted({int(np.abs(logs - w).argmin()) for w in wanted})
    return [steps[i].params for i in chosen]
