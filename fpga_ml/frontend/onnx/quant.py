"""Roundings of ONNX and QONNX: Quant, BipolarQuant, Trunc, QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.layers import Steps
from fpga_ml.frontend.onnx.build import Builder, becomes
from fpga_ml.frontend.onnx.graph import Node
from fpga_ml.frontend.onnx.meaning.roundings import ROUNDINGS, reach_of
from fpga_ml.frontend.onnx.meaning.settings import Array, along
from fpga_ml.frontend.onnx.steps import fewest_bits
from fpga_ml.frontend.onnx.values import Constant, Reach, Value, stored
from fpga_ml.frontend.rewrites.values import rounded_to_fit
from fpga_ml.frontend.tensors import Lookup, Quantise

_MODES = {
    **dict.fromkeys(("ROUND", "HALF_EVEN"), "RND_CONV"),
    "FLOOR": "TRN",
    **dict.fromkeys(("DOWN", "ROUND_TO_ZERO"), "TRN_ZERO"),
    "HALF_UP": "RND_INF",
    "HALF_DOWN": "RND_ZERO",
}
_MOST_BITS = 32
_MOST_ENTRIES = 1 << 12  # of the tables of a node: C++ compilers take their time
_MOST_STEPS = 1 << 16  # of a rounding whose factor is searched


@becomes("Quant", "IntQuant")
def quant(b: Builder, node: Node, x: list[Any]) -> Value:
    value, *settings = x
    scale, zero, bits = _settings(node, settings, value)
    width, mode = _whole(node, bits), _mode(node, "ROUND")
    signed, narrow = bool(node.attributes.get("signed", 1)), bool(node.attributes.get("narrow", 0))
    if signed and width == 1:
        return _signs(b, value, scale)
    return rounded(b, node, value, scale, zero, reach_of(float(width), signed, narrow), mode)


@becomes("QuantizeLinear")
def quantize(b: Builder, node: Node, x: list[Any]) -> Value:
    """Its result is the whole number itself."""
    value, scale, *rest = x
    if not all(isinstance(c, Constant) for c in (scale, *rest)):
        raise node.refused("has a scale or a zero point that depends on data", "quantise with constants")
    kind = rest[0].values if rest else np.zeros((), np.uint8)
    axis, rank = node.attributes.get("axis", 1), len(value.shape)
    by_axis, zero = (np.broadcast_to(along(v, axis, rank), value.shape) for v in (scale.values, kind.astype(float)))
    ends = np.iinfo(kind.dtype)
    found = rounded(b, node, value, by_axis, zero, (float(ends.min), float(ends.max)), "RND_CONV")
    return replace(found, scale=found.scale / by_axis, shift=zero)


@becomes("DequantizeLinear")
def dequantize(b: Builder, node: Node, x: list[Any]) -> Value:
    value, scale, *rest = x
    axis, rank = node.attributes.get("axis", 1), len(value.shape)
    by = along(scale.values, axis, rank)
    zero = along(rest[0].values.astype(float), axis, rank) if rest and rest[0] is not None else np.zeros(())
    by, zero = (np.broadcast_to(v, value.shape) for v in (by, zero))
    return b.bent(value).scaled(by, -zero * by)


@becomes("BipolarQuant")
def bipolar(b: Builder, node: Node, x: list[Any]) -> Value:
    value, scale = x
    return _signs(b, value, _settings(node, [scale, scale, scale], value)[0])


@becomes("Trunc")
def trunc(b: Builder, node: Node, x: list[Any]) -> Value:
    """To whole numbers, and of these some low bits off."""
    value, *settings = x
    scale, zero, bits, *more = _settings(node, settings, value)
    value, mode = b.bent(value), _mode(node, "FLOOR")
    whole = _numbers(b, node, value, scale, zero)
    if len(more) == 1:
        cut, out_scale, ends = int(_whole(node, bits) - _whole(node, more[0])), scale, None
        shift = -zero * scale
    else:
        out_scale, out_bits = more
        cuts = np.rint(np.log2(out_scale / scale))
        if (cuts != cuts.flat[0]).any():
            raise node.refused("cuts off another number of bits by channel", "use one output scale")
        cut = int(cuts.flat[0])
        signed, narrow = bool(node.attributes.get("signed", 1)), bool(node.attributes.get("narrow", 0))
        ends = reach_of(float(_whole(node, out_bits)), signed, narrow)
        shift = -zero / 2.0**cut * out_scale
    reach = whole.reach
    if ends is None:
        ends = (np.floor(reach.low / 2.0**cut), np.ceil(reach.high / 2.0**cut))
        size = int(max(ends[1], -ends[0])).bit_length()
        ends = (-(2.0**size), 2.0**size - 1)
    made = _quantised(b, node, whole, ends, -cut, mode)
    return replace(made, scale=np.broadcast_to(out_scale / 2.0**cut, made.shape), shift=shift)


def _numbers(b: Builder, node: Node, value: Value, scale: Array, zero: Array) -> Value:
    """The whole numbers round(value / scale + zero), stored."""
    by, offset = value.scale / scale, value.shift / scale + zero
    if value.exact and (by == 1).all() and (offset == np.rint(offset)).all() and value.reach.fraction <= 0:
        return b.affine(value, by, offset)
    largest = np.abs(by).max() * max(abs(value.reach.low), abs(value.reach.high)) + np.abs(offset).max()
    size = min(int(largest).bit_length() + 1, _MOST_BITS) if value.reach.known else _MOST_BITS
    found = rounded(b, node, value, scale, zero, (-(2.0**size), 2.0**size - 1), "RND_CONV")
    return b.affine(found, found.scale / scale, zero)


def _settings(node: Node, given: list[Any], value: Any) -> list[Array]:
    """At each element of the value."""
    if not isinstance(value, Value) or not all(isinstance(c, Constant) for c in given):
        raise node.refused("has a scale, a zero point or a width that depends on data", "quantise with constants")
    try:
        return [np.broadcast_to(np.asarray(c.values, np.float64), value.shape) for c in given]
    except ValueError:
        raise node.refused("has a setting of another shape than its input", "give one number, or one a channel") from None


def _whole(node: Node, bits: Array) -> int:
    width = float(bits.flat[0])
    if (bits != width).any() or not width.is_integer() or not 1 <= width <= _MOST_BITS:
        raise node.refused(f"has {np.unique(bits)} bits", f"use one whole number of bits, at most {_MOST_BITS}")
    return int(width)


def _mode(node: Node, default: str) -> str:
    mode = node.attributes.get("rounding_mode", default).upper()
    if mode not in _MODES:
        raise node.refused(f"has rounding_mode '{mode}', which does not become hardware", f"use one of {', '.join(_MODES)}")
    return _MODES[mode]


def rounded(b: Builder, node: Node, value: Value, scale: Array, zero: Array, ends: tuple[float, float], mode: str) -> Value:
    """(round(value / scale + zero), held between the ends, - zero) * scale."""
    if (scale <= 0).any():
        raise node.refused("has a scale that is not above 0", "train it again")
    if value.curve is not None and value.exact and _entries(value, scale) <= _MOST_ENTRIES:
        return _tabulated(b, value, value.curve.of, scale, zero, _rule(mode, ends))
    value = b.plain(value) if value.curve is not None else value
    by, offset = value.scale / scale, value.shift / scale + zero
    if not offset.any() and (by == by.flat[0]).all() and abs(np.frexp(by.flat[0])[0]) == 0.5 and by.flat[0] > 0:
        made = _quantised(b, node, value, ends, int(np.log2(by.flat[0])), mode)
        made = replace(made, scale=value.scale, shift=np.zeros_like(value.shift), relu=False)
    else:
        rule = _rule(mode, ends)
        found = _fewest(b, value, scale, zero, rule, _steps(ends))
        if found is None and value.exact and not value.relu and _entries(value, scale) <= _MOST_ENTRIES:
            return _tabulated(b, value, lambda x: x, scale, zero, rule)
        whole = _placed(b, value, by, offset, found)
        made = _quantised(b, node, whole, ends, 0, mode)
        if zero.any():
            made = b.affine(made, np.ones_like(zero), -zero)
        made = replace(made, scale=scale, shift=np.zeros_like(scale))
    return b.relu(made) if value.relu and made.reach.low < 0 else made


def _entries(value: Value, scale: Array) -> float:
    """Of all tables of what is stored: one for each way in which it is scaled."""
    ways = np.unique(np.stack([a.reshape(-1) for a in (value.scale, value.shift, scale)]), axis=1).shape[1]
    return value.reach.count * int(ways)


def _tabulated(
    b: Builder, value: Value, curve: Callable[[Array], Array], scale: Array, zero: Array, rule: Callable[[Array], Array]
) -> Value:
    """A table of a function and the rounding behind it, for every number that is stored."""
    given: Value
    given, *settings = b.by_channel(value, value.scale, value.shift, scale, zero)
    reach, kinds = value.reach, np.stack(settings, 1)
    rows, which = np.unique(kinds, axis=0, return_inverse=True)
    low, high = (round(np.ldexp(end, reach.fraction)) for end in (reach.low, reach.high))
    size = max(high, -low - 1, 1).bit_length()
    first, last = -(1 << size) if low < 0 else 0, (1 << size) - 1  # of a type: a table has an entry for each of its values
    s = np.arange(first, last + 1).clip(low, high) * 2.0**-reach.fraction
    with np.errstate(all="ignore"):
        tables = [rule(curve(s * by + shift) / step + z) - z for by, shift, step, z in rows]
    if not np.isfinite(tables).all():
        raise FpgaMlError(
            f"node '{b.layer}' rounds a function that has no finite value at some of the numbers that its input can have",
            where=f"node '{b.layer}'",
            do="keep its argument where the function is finite",
        )
    shape = tuple(given.tensor.shape[1:])
    fractions, places = [reach.fraction] * len(rows), np.broadcast_to(which.reshape(-1), shape)
    layer = Lookup(places, [first] * len(rows), fractions, tables, name=b.named())
    made = Reach.counted(int(np.min(tables)), int(np.max(tables)), 0)
    return replace(stored(layer(given.tensor), given.index, made, True), scale=scale)


def _quantised(b: Builder, node: Node, value: Value, ends: tuple[float, float], fraction: int, mode: str) -> Value:
    """What is stored, rounded to so many fraction bits and held between the ends, in units of the last bit."""
    low, high = int(ends[0]), int(ends[1])
    signed, size = low < 0, max(high, -low - 1).bit_length()
    symmetric = signed and low == -high
    top = high == 2**size - 1
    if not top or (signed and low not in (-high, -high - 1)):
        high = 2**size - 1  # a narrow unsigned type: cut off behind
    overflow = "SAT_SYM" if symmetric else "SAT"
    made = Quantise(signed, size - fraction, fraction, mode, overflow, name=b.named())
    lsb = 2.0**-fraction
    tensor, reach = made(value.tensor), Reach.counted(low, high, fraction)
    found = replace(value, tensor=tensor, reach=reach, exact=True)
    return found if top else _below(b, found, ends[1] * lsb)


def _below(b: Builder, value: Value, high: float) -> Value:
    """min(x, high) as high - relu(high - x), of what is stored."""
    ones = np.ones(value.shape)
    turned = b.relu(b.affine(value, -ones, high * ones))
    return b.affine(turned, -ones, high * ones)


Found = tuple[Array, Array]


def _fewest(
    b: Builder, value: Value, scale: Array, zero: Array, rule: Callable[[Array], Array], steps: Array | None
) -> Found | None:
    """Factors and offsets by channel that give every step of the rule of value / scale + zero."""
    if steps is None or not value.exact:
        return None
    _, own, shift, scale, zero = b.by_channel(value, value.scale, value.shift, scale, zero)

    def true(s: Array) -> Array:
        return (s * own + shift) / scale + zero

    return fewest_bits(true, own / scale, shift / scale + zero, steps, rule, value.reach)


def _placed(b: Builder, value: Value, by: Array, offset: Array, found: Found | None) -> Value:
    """by * stored + offset, stored: with the factors and offsets that were found, else in single precision."""
    placed: Value
    placed, by, offset = b.by_channel(value, by, offset)
    if found is None:
        found = rounded_to_fit(by), rounded_to_fit(offset)
        b.rounded[b.layer] = None
    reach = b.reach_of(placed.reach, *found)
    return replace(placed, tensor=b.on_channels(placed, *found), reach=reach)


def held(b: Builder, node: Node, value: Value, low: float, high: float) -> Value | None:
    """A value between two ends that are the ends of a type of what is stored; None where they are not."""
    scale, shift = float(value.scale.flat[0]), float(value.shift.flat[0])
    plain = value.exact and value.reach.known and not value.relu and value.curve is None
    if not plain or scale <= 0 or (value.scale != scale).any() or (value.shift != shift).any():
        return None
    fraction = value.reach.fraction
    inner = (max((low - shift) / scale, value.reach.low), min((high - shift) / scale, value.reach.high))
    ends = (float(np.ldexp(inner[0], fraction)), float(np.ldexp(inner[1], fraction)))
    is_type = np.log2(ends[1] + 1).is_integer() and ends[0] in (0.0, -ends[1], -ends[1] - 1) if ends[1] >= 0 else False
    return _quantised(b, node, value, ends, fraction, "TRN") if is_type else None


def _rule(mode: str, ends: tuple[float, float]) -> Callable[[Array], Array]:
    cut = next(ROUNDINGS[name] for name, own in _MODES.items() if own == mode)
    return lambda y: cut(y).clip(*ends)


def _steps(ends: tuple[float, float]) -> Array | None:
    """Where a rounding to whole numbers may step."""
    if ends[1] - ends[0] > _MOST_STEPS:
        return None
    return np.arange(ends[0] - 1, ends[1] + 1.5, 0.5)


def _signs(b: Builder, value: Value, scale: Array) -> Value:
    """-1 below zero and 1 elsewhere, times the scale."""
    value = b.bent(value)
    if value.shift.any() or (value.scale <= 0).any():
        zero = np.zeros(value.shape)
        found = _fewest(b, value, zero + 1, zero, lambda y: y >= 0, np.zeros(1))
        value = _placed(b, value, value.scale, value.shift, found)
    layer = Steps([0.0], [True], [-1.0, 1.0], name=b.named())
    made = replace(value, tensor=layer(value.tensor), reach=Reach(-1.0, 1.0, 0, support=np.array([-1.0, 1.0])), exact=True)
    return replace(made, scale=scale, shift=np.zeros_like(scale))
