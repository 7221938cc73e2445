"""Normalisation in whole numbers: evaluate and lower against a reference of rational numbers, and against the formula."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from ladder import kernels_equal

from fpga_ml.errors import FpgaMlError
from fpga_ml.layers.base import Input, Tensor
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.normalise import Normalise
from fpga_ml.normalisation import Normalisation
from fpga_ml.numerics import FixedType, Overflow, Rounding

KINDS = {"mean": (True, True), "rms": (False, False), "rms_scaling": (False, True)}
MEMBERS = (1, 2, 3, 5, 16, 63)
WIDTHS = (4, 6, 8, 12, 16)


def rounded(width: int, integer: int, signed: bool = True) -> FixedType:
    return FixedType(signed, width, integer, Rounding.RND_CONV, Overflow.SAT)


def form(kind: str, members: int, width: int, data: FixedType, rng: np.random.Generator, epsilon: float) -> Normalisation:
    """Types as they are chosen for a layer, and some that its values do not fit."""
    gamma, beta = (rounded(width, int(rng.integers(-1, 3))) if rng.integers(3) else None for _ in "gb")
    result = rounded(width, int(rng.integers(1, 5)))
    return Normalisation(data, result, members, epsilon, *KINDS[kind], gamma, beta)


def layer(f: Normalisation, groups: int, rng: np.random.Generator) -> Normalise:
    size = groups * f.members
    weights = [
        default if t is None else rng.integers(t.min_raw, t.max_raw + 1, size)
        for t, default in ((f.gamma, np.ones(size, np.int64)), (f.beta, np.zeros(size, np.int64)))
    ]
    index = rng.permutation(size).reshape(groups, f.members)
    return Normalise("norm", ("x",), (size,), f.result, f, index, *weights)


def data(f: Normalisation, size: int, rng: np.random.Generator, count: int = 40) -> np.ndarray:
    """Random, almost constant, constant, zero and extreme values."""
    low, high = f.data.min_raw, f.data.max_raw
    rows = [rng.integers(low, high + 1, (count, size))]
    centre = rng.integers(low, high + 1, (count, 1))
    rows.append((centre + rng.integers(-1, 2, (count, size))).clip(low, high))
    rows.append(np.where(rng.random((count, size)) < 1 / size, high, centre))
    rows.append(np.repeat([[low], [0], [high], [1]], size, 1).clip(low, high))
    rows.append(rng.choice([low, high], (count, size)))
    return np.concatenate(rows)


def wanted(n: Normalise, row: np.ndarray) -> list[float]:
    """The formula in real numbers, held at the ends of the result's type."""
    f, out = n.form, [0.0] * n.size
    for group in n.index:
        x = [Fraction(int(row[i])) / Fraction(2) ** f.data.fraction for i in group]
        mean = sum(x) / len(x)
        variance = sum((v - (mean if f.variance else 0)) ** 2 for v in x) / len(x) + Fraction(f.epsilon)
        for i, v in zip(group, x, strict=True):
            d = v - (mean if f.mean else 0)
            scaled = math.copysign(math.sqrt(d * d / variance), d) if d else 0.0
            value = scaled * int(n.gamma[i]) * f.factor.lsb + int(n.beta[i]) * f.offset.lsb
            out[i] = min(max(value, f.result.min), f.result.max)
    return out


def by_hand(n: Normalise, row: np.ndarray) -> list[int]:
    """The form of normalisation.py, value by value in Python's integers."""
    f, out = n.form, [0] * n.size
    for group in n.index:
        x = [int(row[i]) for i in group]
        total = sum(x)
        w = (f.members * sum(v * v for v in x) - (total**2 if f.variance else 0)) * 2**f.guard + f.epsilon_raw
        s = 0
        while s < 2**f.stages - 1 and w < 2 ** (f.width - 2):
            w, s = 4 * w, s + 1
        place = max(math.floor(Fraction(w) * Fraction(2) ** (f.place_bits - f.width)), 2 ** (f.place_bits - 2))
        step, part = divmod(place - 2 ** (f.place_bits - 2), 2**f.fine)
        line = f.entries[step] + Fraction(f.entries[step + 1] - f.entries[step]) * part / 2**f.fine
        inverse = math.floor(line / 4 + Fraction(1, 2))
        for i, v in zip(group, x, strict=True):
            d = f.members * v - (total if f.mean else 0)
            scaled = Fraction(math.floor(Fraction(d * inverse) * Fraction(2) ** (f.up - f.down + s)))
            value = scaled * int(n.gamma[i]) / Fraction(2) ** (f.scaled.fraction + f.factor.fraction)
            value += int(n.beta[i]) / Fraction(2) ** f.offset.fraction
            out[i] = min(max(round(value * Fraction(2) ** f.result.fraction), f.result.min_raw), f.result.max_raw)
    return out


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("members", MEMBERS)
@pytest.mark.parametrize("kind", KINDS)
def test_is_the_form_and_less_than_one_unit_from_the_formula(kind: str, members: int, width: int) -> None:
    rng = np.random.default_rng([members, width, len(kind)])
    for epsilon in (1e-3, 1e-6, 0.5, 0.0):
        if kind == "rms_scaling" and epsilon < 1e-4:
            continue
        t = rounded(width, int(rng.integers(0, 6)), bool(rng.integers(2)))
        f = form(kind, members, width, t, rng, epsilon)
        f.check("here")
        n = layer(f, 2, rng)
        x = data(f, n.size, rng, 10)
        got = n.evaluate(Tensor(x, t)).raw
        for row, values in zip(x, got, strict=True):
            assert values.tolist() == by_hand(n, row)
            if epsilon:
                off = np.abs(values * f.result.lsb - wanted(n, row)) / f.result.lsb
                assert off.max() < 1, (row, off)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_kernel(kind: str, width: int) -> None:
    rng = np.random.default_rng(width)
    for members, epsilon in ((1, 1e-3), (2, 0.25), (3, 1e-3), (8, 1e-3), (8, 0.0)):
        if kind == "rms_scaling" and not epsilon:
            continue
        t = rounded(width, 2)
        n = layer(form(kind, members, width, t, rng, epsilon), 2, rng)
        graph = LayerGraph.of([Input("x", (), (n.size,), t), n], ["norm"])
        x = data(n.form, n.size, rng)
        kernels_equal(graph, [t.real(x)], len(x))


def test_other_data_are_rounded_first() -> None:
    rng = np.random.default_rng(3)
    n = layer(form("mean", 4, 8, rounded(8, 2), rng, 1e-3), 1, rng)
    fine = FixedType(True, 14, 4)
    graph = LayerGraph.of([Input("x", (), (4,), fine), n], ["norm"])
    x = fine.real(rng.integers(fine.min_raw, fine.max_raw, (60, 4)))
    kernels_equal(graph, [x], len(x))
    (a, b) = (n.evaluate(Tensor(t.raw(x), t)).raw for t in (fine, n.form.data))
    assert (a == b).all()


def test_configuration_returns() -> None:
    f = form("rms", 5, 8, rounded(8, 2), np.random.default_rng(1), 1e-6)
    assert Normalisation.of(f.as_dict()) == f


def test_too_wide_is_refused() -> None:
    f = Normalisation(rounded(24, 4), rounded(24, 4), 1024, 1e-3, True, True)
    with pytest.raises(FpgaMlError, match="needs numbers of 69 bits; they have at most 62"):
        f.check("layer 'norm'")
    with pytest.raises(FpgaMlError, match="divides by zero"):
        Normalisation(rounded(8, 4), rounded(8, 4), 4, 0.0, False, True).check("layer 'norm'")


def test_tokens() -> None:
    f = Normalisation(rounded(8, 2), rounded(8, 2), 4, 1e-3, True, True)
    ones, grid = np.ones(24, np.int64), np.arange(24)
    channels = Normalise("n", ("x",), (6, 4), f.result, f, grid.reshape(6, 4), ones, ones)
    assert channels.by_token(6)
    assert not channels.by_token(12)
    one = channels.of_token(3, 6)
    assert isinstance(one, Normalise)
    assert one.index.tolist() == [[0, 1, 2, 3]]
    across = Normalise("n", ("x",), (4, 6), f.result, f, grid.reshape(4, 6).T, ones, ones)
    assert not across.by_token(4)
    assert across.by_token(1)
    groups = Normalise("n", ("x",), (3, 8), f.result, f, grid.reshape(6, 4), ones, ones)
    assert groups.by_token(3)
    assert Normalise("n", ("x",), (6, 4), f.result, f, grid.reshape(6, 4) % 23, ones, ones).faults(
        Input("x", (), (24,), f.data)
    )
