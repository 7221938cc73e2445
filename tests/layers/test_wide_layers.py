"""Layers on types up to 128 bits wide and with binary points far outside them: what a loop over exact fractions gives is
what `evaluate` and the lowered kernel give."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from fpga_ml.ir.kernel import Builder, Wire, verify
from fpga_ml.layers.base import Layer, Tensor
from fpga_ml.layers.elementwise import HardSigmoid, Merge, Products, Relu, Slope, Steps, Threshold
from fpga_ml.layers.gather import Gather
from fpga_ml.layers.linear import Affine, Linear
from fpga_ml.layers.pooling import AveragePool, MaxPool
from fpga_ml.layers.tables import Bent, Embedding, Softmax, Table
from fpga_ml.numerics import FixedType, Overflow, Rounding, cast_raw

SAMPLES = 12
# width, integer bits: products of 32 x 32 bits, sums of them, both ends, and binary points from -20 to +30 bits away.
TYPES = [(32, 16), (65, 33), (73, 41), (128, 64), (64, 0), (8, -12), (16, 46), (24, 24), (33, -20), (70, 100)]
RESULTS = ["ap_fixed<32,16>", "ap_fixed<73,30,AP_RND_CONV,AP_SAT>", "ap_ufixed<128,60,AP_RND,AP_SAT>", "ap_fixed<12,40>"]


def value(raw: int, fraction: int) -> Fraction:
    return Fraction(raw) / Fraction(2) ** fraction


def cast(exact: Fraction, t: FixedType) -> Fraction:
    """To a type, by Python's integers: every fraction here has a power of two below."""
    bits = exact.denominator.bit_length() - 1
    return value(cast_raw(exact.numerator, bits, t), t.fraction)


def draw(rng: random.Random, t: FixedType, elements: int) -> np.ndarray:
    """Anywhere, near zero and at both ends."""
    raws = [rng.choice([rng.randint(t.min_raw, t.max_raw), t.min_raw, t.max_raw, 0, 1]) for _ in range(SAMPLES * elements)]
    return np.array(raws, t.kind).reshape(SAMPLES, elements)


def check(layer: Layer, reads: Sequence[tuple[FixedType, int]], meaning: object, seed: int = 1) -> None:
    """meaning: the exact results of one sample from its exact inputs, a list for each tensor, before they are assigned."""
    rng = random.Random(seed)
    x = [draw(rng, t, elements) for t, elements in reads]
    want = []
    for row in zip(*x, strict=True):
        exact = [[value(raw, t.fraction) for raw in one.tolist()] for one, (t, _) in zip(row, reads, strict=True)]
        want.append([cast(v, layer.result) for v in meaning(*exact)])  # type: ignore[operator]
    found = layer.evaluate(*(Tensor(one, t) for one, (t, _) in zip(x, reads, strict=True)))
    assert found.raw.dtype == layer.result.kind
    assert [[value(raw, layer.result.fraction) for raw in row] for row in found.raw.tolist()] == want
    b = Builder(layer.name)
    numbers = [[b.input(Wire.of(t)) for _ in range(elements)] for t, elements in reads]
    kernel = b.build(layer.lower(b, *numbers))
    assert verify(kernel) == []
    for sample in range(SAMPLES):
        raws = kernel.evaluate(*(one[sample].tolist()[k] for one in x for k in range(one.shape[1])))
        assert [value(r, kernel.values[n].wire.fraction) for r, n in zip(raws, kernel.outputs, strict=True)] == want[sample]


def types() -> list[FixedType]:
    rng = random.Random(7)
    modes = [(r, o) for r in Rounding for o in Overflow]
    return [FixedType(rng.random() < 0.7, width, integer, *rng.choice(modes)) for width, integer in TYPES]


every = pytest.mark.parametrize("t", types(), ids=str)
results = pytest.mark.parametrize("result", RESULTS)


def weights(rng: random.Random, bits: int, *shape: int) -> np.ndarray:
    numbers = [rng.randint(-(1 << bits - 1), (1 << bits - 1) - 1) for _ in range(int(np.prod(shape)))]
    return np.array(numbers, np.int64 if bits <= 64 else object).reshape(shape)


@pytest.mark.parametrize("bits", [6, 32, 64, 80])
@pytest.mark.parametrize("accum", ["exact", "wraps", "rounds"])
@every
def test_sums_of_products(t: FixedType, accum: str, bits: int) -> None:
    """A convolution over three pixels of two channels, padded (Linear)."""
    rng, fraction = random.Random(bits), bits - 3
    w, bias = weights(rng, bits, 1, 4, 3), weights(rng, 20, 3)
    full = t.width + bits + 3
    exact = FixedType(True, full + 10, full + 10 - t.fraction - fraction)
    sums = {
        "exact": exact,
        "wraps": FixedType(True, full - 7, full - 7 - t.fraction - fraction),
        "rounds": FixedType(True, full - 9, full - 4 - t.fraction - fraction, Rounding.RND_CONV, Overflow.SAT),
    }[accum]
    index = np.array([[[-1, -1, 0, 1]], [[0, 1, 2, 3]], [[2, 3, 4, 5]]])
    bias_fraction = t.fraction + fraction - 4

    def meaning(x: list[Fraction]) -> list[Fraction]:
        out = []
        for row in index[:, 0].tolist():
            for m in range(3):
                total = cast(value(int(bias[m]), bias_fraction), sums)
                for k, place in enumerate(row):
                    product = value(int(w[0, k, m]), fraction) * (x[place] if place >= 0 else 0)
                    total = cast(total + cast(product, sums), sums)
                out.append(total)
        return out

    result = FixedType(True, 100, 100 - t.fraction, Rounding.RND, Overflow.SAT)
    check(Linear("conv", ("x",), (3, 3), result, index, w, fraction, bias, bias_fraction, sums), [(t, 6)], meaning)


@results
@every
def test_normalisation(t: FixedType, result: str) -> None:
    """32-bit scales and biases (Affine): sums of 65 to 73 bits in hls4ml's suite."""
    rng = random.Random(3)
    scale, bias = weights(rng, 32, 4), weights(rng, 32, 4)
    layer = Affine("bn", ("x",), (4,), FixedType.parse(result), scale, 16, bias, 16)
    both = list(zip(scale.tolist(), bias.tolist(), strict=True))
    check(layer, [(t, 4)], lambda x: [v * value(s, 16) + value(b, 16) for v, (s, b) in zip(x, both, strict=True)])


@results
@pytest.mark.parametrize("op", ["add", "subtract", "multiply", "average", "maximum", "minimum"])
def test_two_tensors(op: str, result: str) -> None:
    operations = {
        "add": lambda a, c: a + c,
        "subtract": lambda a, c: a - c,
        "multiply": lambda a, c: a * c,
        "average": lambda a, c: (a + c) / 2,
        "maximum": max,
        "minimum": min,
    }
    index = np.arange(3)
    for k, (a, c) in enumerate(zip(types(), types()[3:] + types()[:3], strict=True)):
        layer = Merge("merge", ("a", "b"), (3,), FixedType.parse(result), op, (index, index))
        check(layer, [(a, 3), (c, 3)], lambda p, q: [operations[op](u, v) for u, v in zip(p, q, strict=True)], seed=k)


@every
def test_scalar_product(t: FixedType) -> None:
    accum = FixedType(True, 90, 40, Rounding.RND, Overflow.SAT)

    def meaning(a: list[Fraction], c: list[Fraction]) -> list[Fraction]:
        total = Fraction(0)
        for p, q in zip(a, c, strict=True):
            total = cast(total + cast(p * q, accum), accum)
        return [total]

    index = np.arange(3).reshape(1, 3)
    check(Products("dot", ("a", "b"), (1,), FixedType.parse(RESULTS[1]), (index, index), accum), [(t, 3), (t, 3)], meaning)


@results
@every
def test_activations(t: FixedType, result: str) -> None:
    r, names = FixedType.parse(result), ("act", ("x",), (2,))
    check(Relu(*names, r), [(t, 2)], lambda x: [max(v, Fraction(0)) for v in x])
    for ceiling in (1, 6):
        check(
            Relu(*names, r, ceiling), [(t, 2)], lambda x, top=ceiling: [min(max(v, Fraction(0)), Fraction(top)) for v in x]
        )
    for fraction in (-9, 20):
        slope = np.array([-77, 12345])
        scaled = [value(77, fraction) * -1, value(12345, fraction)]
        layer = Slope(*names, r, slope, fraction)
        # Both arms are assigned, then one is chosen.
        check(layer, [(t, 2)], lambda x, s=scaled: [v if v > 0 else v * k for v, k in zip(x, s, strict=True)])
        limit = Threshold(*names, r, 99, fraction)
        check(limit, [(t, 2)], lambda x, f=fraction: [v if v > value(99, f) else Fraction(0) for v in x])
        steps = Steps(*names, r, np.array([[-5, 5], [-3, 3]]), fraction, (True, False), (-1, 0, 3))
        check(
            steps,
            [(t, 2)],
            lambda x, f=fraction: [
                Fraction(3 if v > value(a, f) else 0 if v >= value(-a, f) else -1) for v, a in zip(x, (5, 3), strict=True)
            ],
        )
    line = HardSigmoid(*names, r, 13, 6, 1, 1, symmetric=False)
    check(line, [(t, 2)], lambda x: [min(max(v * value(13, 6) + value(1, 1), Fraction(0)), Fraction(1)) for v in x])


@pytest.mark.parametrize("count", [3, 4])
@every
def test_pooling(t: FixedType, count: int) -> None:
    index, result = np.arange(count)[None], FixedType.parse(RESULTS[1])
    accum = FixedType(t.signed, t.width + 2, t.integer + 2)
    check(MaxPool("pool", ("x",), (1,), result, index, accum, 0, t.fraction), [(t, count)], lambda x: [max(x)])
    positive, accum = replace(t, signed=False), replace(accum, signed=False)
    mean = AveragePool("pool", ("x",), (1,), result, index, accum)
    # A quotient is cut off at the accumulator's last bit.
    check(mean, [(positive, count)], lambda x: [math.floor(sum(x) / count / unit(t)) * unit(t)])


def unit(t: FixedType) -> Fraction:
    return value(1, t.fraction)


@every
def test_tables(t: FixedType) -> None:
    """The entry of the address that the value, cut off towards zero, has in the table."""
    r, entry = FixedType.parse(RESULTS[1]), FixedType.parse("ap_fixed<70,4,AP_RND>")
    layer = Table("table", ("x",), (3,), r, "sigmoid", 1024, entry)

    def looked_up(v: Fraction) -> Fraction:
        place = min(max(math.trunc(v * 64), -512), 511) + 512
        return value(layer.entries[place], entry.fraction)

    check(layer, [(t, 3)], lambda x: [looked_up(v) for v in x])
    bent = Bent("elu", ("x",), (3,), r, "elu", 1024, entry, 3, 40, 1, 0)

    def curve(v: Fraction) -> Fraction:
        place = min(math.trunc(max(-v, Fraction(0)) * 128), 1023)
        return v if v >= 0 else value(bent.entries[place], entry.fraction) * value(3, 40)

    check(bent, [(t, 3)], lambda x: [curve(v) for v in x])
    rows = weights(random.Random(5), 70, 6, 2)
    found = Embedding("rows", ("x",), (3, 2), r, rows, 50)

    def row(v: Fraction) -> list[Fraction]:
        held = min(max(v, Fraction(0)), Fraction(5))
        return [value(int(rows.reshape(-1)[math.floor(held * 2 + column)]), 50) for column in range(2)]

    check(found, [(t, 3)], lambda x: [one for v in x for one in row(v)])


@pytest.mark.parametrize("t", types()[:5], ids=str)
def test_softmax(t: FixedType) -> None:
    """As nnet_activation.h sums and looks up, on logits wider than int64."""
    difference, exp = FixedType(False, 70, 4, overflow=Overflow.SAT), FixedType.parse("ap_ufixed<66,1,AP_RND,AP_SAT>")
    total, inverse = FixedType.parse("ap_ufixed<72,4>"), FixedType.parse("ap_ufixed<68,1,AP_RND,AP_SAT>")
    layer = Softmax(
        "softmax",
        ("x",),
        (4,),
        FixedType.parse(RESULTS[1]),
        difference,
        exp,
        inverse,
        total,
        total,
        exp_size=256,
        inverse_size=512,
    )

    def meaning(x: list[Fraction]) -> list[Fraction]:
        places = [cast(max(x) - v, difference) * 2**difference.fraction // 2 ** (70 - 8) for v in x]
        terms = [cast(value(layer.exp_entries[int(p)], exp.fraction), total) for p in places]
        pairs = [cast(terms[0] + terms[1], total), cast(terms[2] + terms[3], total)]
        place = cast(pairs[0] + pairs[1], total) * 2**total.fraction // 2 ** (72 - 9)
        one_over = value(layer.inverse_entries[int(place)], inverse.fraction)
        return [term * one_over for term in terms]

    check(layer, [(t, 4)], meaning)


@results
def test_joined_tensors(result: str) -> None:
    given = types()
    layer = Gather(
        "joined", tuple(map(str, range(len(given)))), (len(given) + 1,), FixedType.parse(result), np.arange(-1, len(given))
    )
    check(layer, [(t, 1) for t in given], lambda *x: [Fraction(0), *(one[0] for one in x)])
