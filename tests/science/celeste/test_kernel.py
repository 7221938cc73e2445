"""The fixed-point kernel: against exact fractions, its lowered form, and double precision."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from numpy.testing import assert_equal
from scipy.special import kl_div

from fpga_ml.celeste_design import MOMENTS, OVERFLOW, PRESETS, VALUE, Design, Entries, Table, chi, offsets
from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.kernel import Wire, verify
from fpga_ml.layers.base import Layer, Tensor
from fpga_ml.lowering.hardware import lowered
from fpga_ml.science.celeste.emulator import Emulator, graph_of
from fpga_ml.science.celeste.evaluator import Float64, Floats

from .scenes import codes, galaxy, near, patch, star

COARSE = Design(9, 7, Table(3, 8, interpolated=False), 3, Table(3, 6), 7, Table(4, 5, interpolated=False), 5, rate_integer=9,
                residual_integer=3, constant_integer=7, slope_integer=4, curvature_integer=1)  # fmt: skip
DESIGNS = {**PRESETS, "coarse": COARSE}


def half_up(x: Fraction, fraction: int) -> Fraction:
    return Fraction(floor(x * 2**fraction + Fraction(1, 2)), 2**fraction)


def table(entries: Entries, kind: Table, at: Fraction) -> Fraction:
    """at: 1 stands for 2**index_bits entries."""
    place = at * 2**kind.index_bits
    value = Fraction(int(entries.values[floor(place)]))
    if entries.slopes is not None:
        value += half_up(int(entries.slopes[floor(place)]) * (place - floor(place)), 0)
    return value / 2**kind.fraction


def octave(x: Fraction) -> int:
    """Of its leading one."""
    n = x.numerator.bit_length() - x.denominator.bit_length()
    return n if Fraction(2) ** n <= x else n - 1


def reference(d: Design, exponents: list[Fraction], count: Fraction, background: Fraction) -> list[Fraction] | None:
    """t G_k, -(count - E) t chi(t); None where something is out of its range. In fractions, from the text of the design."""
    largest = Fraction(d.rate.max_raw, 2**d.rate_fraction)
    components = []
    for exact in exponents:
        q = half_up(exact, d.exponent_fraction)
        if q >= d.rate_integer:
            return None
        mantissa = table(d.exp_entries, d.exp, q - floor(q))
        tiny = q < d.lowest_exponent
        components.append(Fraction(0) if tiny else half_up(mantissa * Fraction(2) ** floor(q), d.rate_fraction))
    rate = background + sum(components)
    if not 0 < rate <= largest or max(count, background) == largest:
        return None
    scale = Fraction(2) ** octave(rate)
    cut = Fraction(floor((rate / scale - 1) * 2**d.mantissa_bits), 2**d.mantissa_bits)
    inverse = table(d.reciprocal_entries, d.reciprocal, cut) / scale
    ratio = max(1 + half_up((count - rate) * inverse, d.residual_fraction), Fraction(0))
    if ratio >= 2**d.residual_integer - Fraction(1, 2**d.residual_fraction):
        return None
    t, s = ratio - 1, max(octave(ratio) - 1, 0) if ratio else 0
    within = Fraction(floor(ratio / 2**s * 2**d.residual_fraction), 2**d.residual_fraction)
    deviance = half_up((count - rate) * t, d.rate_fraction) * table(d.chi_entries, d.chi, (within + 2 * s) / 4)
    return [*(half_up(t * g, d.product_fraction) for g in components), -half_up(deviance, d.deviance_fraction)]


def terms_of(name: str, components: int) -> dict[str, Layer]:
    return {layer.name: layer for layer in graph_of(DESIGNS[name], (1, 1), components).layers}


def pixels_at_random(d: Design, components: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Exponents (n, components), of which half lead to rates within the range, and pixels (n, 3)."""
    rng, t = np.random.default_rng(3), d.exponent(1, 1)
    exponents = rng.integers(t.min_raw, t.max_raw, (n, components), endpoint=True)
    usual = rng.uniform(d.lowest_exponent - 2, d.rate_integer + 0.5, (n // 2, components))
    exponents[: n // 2] = usual * 2**t.fraction
    _, pixels = codes(d, (1, 1), components, n)
    return exponents, pixels.reshape(n, 3)


@pytest.mark.parametrize("name", DESIGNS)
def test_terms_equal_fractions(name: str) -> None:
    d, components, n = DESIGNS[name], 3, 600
    exponents, pixels = pixels_at_random(d, components, n)
    layers = terms_of(name, components)
    found = layers["terms"].evaluate(Tensor(exponents, layers["exponents"].result), Tensor(pixels, d.rate))
    ends = 0
    for q, (*pixel, mask), got in zip(exponents, pixels, found.raw, strict=True):
        if floor(Fraction(int(mask), 2**d.rate_fraction)) % 2 == 1:
            assert_equal(got, 0)
            continue
        fractions = [Fraction(int(v), 2**d.coefficient_fraction) for v in q]
        want = reference(d, fractions, *(Fraction(int(v), 2**d.rate_fraction) for v in pixel))
        assert got[-1] == (want is None) << found.type.fraction
        ends += want is None
        if want is not None:
            assert_equal([Fraction(int(v), 2**found.type.fraction) for v in got[:-1]], want)
    assert 100 < ends < 500


@pytest.mark.parametrize("name", DESIGNS)
def test_lowered_terms_equal_evaluate(name: str) -> None:
    """Wherever a value is, in range or not."""
    d, components = DESIGNS[name], 3
    layers = terms_of(name, components)
    terms, given = layers["terms"], layers["exponents"].result
    exponents, pixels = pixels_at_random(d, components, 20000)
    kernel = lowered(terms, [[Wire.of(given)] * components, [Wire.of(d.rate)] * 3])
    assert verify(kernel) == []
    found = kernel.evaluate(*exponents.T, *pixels.T)
    wires = [kernel.values[k].wire for k in kernel.outputs]
    aligned = [raw << (terms.result.fraction - w.fraction) for raw, w in zip(found, wires, strict=True)]
    assert_equal(np.stack(aligned, axis=1), terms.evaluate(Tensor(exponents, given), Tensor(pixels, d.rate)).raw)


@pytest.mark.parametrize("name", DESIGNS)
def test_sums_equal_integers_of_any_size(name: str) -> None:
    """Exponents and sums of whole patches, from Python's integers."""
    d, shape = DESIGNS[name], (4, 5)
    coefficients, pixels = codes(d, shape, 2, 6)
    known = Emulator(d).raw(coefficients, pixels)
    monomials = offsets(shape).astype(object)
    for frame, given in enumerate(coefficients.astype(object)):
        outside = [any(abs(c) >= bound for c, bound in zip(row, d.bounds, strict=True)) for row in given]
        largest = known["exponents"].type.max_raw
        want = [[largest if bad else int(m @ row) for row, bad in zip(given, outside, strict=True)] for m in monomials]
        assert_equal(known["exponents"].raw[frame].reshape(20, 2), want)
        assert all(v < largest for row in want for v, bad in zip(row, outside, strict=True) if not bad)
        terms = known["terms"].raw[frame].reshape(20, 4).astype(object)
        moments, fraction = known[MOMENTS], known["terms"].type.fraction
        for got, column in zip(moments.raw[frame].reshape(2, 6), terms.T, strict=False):
            assert_equal(
                list(got),
                [half_up(Fraction(int(v), 2 ** (fraction - moments.type.fraction)), 0) for v in column @ monomials],
            )
        cut = fraction - known[VALUE].type.fraction
        assert known[VALUE].raw[frame] == half_up(Fraction(int(terms[:, 2].sum()), 2**cut), 0)
        assert known[OVERFLOW].raw[frame] == int(terms[:, 3].sum()) >> fraction


# Largest errors of log L and of a moment of all light, in units of its statistical error sqrt(sum (G m)^2 / E).
LIMITS = {"D14": (6.0, 0.03), "D16": (0.2, 0.005), "D18": (0.03, 0.002)}


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("source", [star(1800), star(26000), galaxy(9000), np.concatenate([star(3000), galaxy(20000)])])
def test_presets_are_near_double_precision(name: str, source: Floats) -> None:
    given, scene = near(source), patch(source)
    found, exact = Emulator(name)(given, scene), Float64()(given, scene)
    components = np.exp2(offsets((51, 51)) @ given.T)
    rate = scene.background.reshape(-1) + components.sum(1)
    sigma = np.sqrt((components.sum(1) ** 2 / rate) @ offsets((51, 51)) ** 2)
    error = (found.moments - exact.moments).sum(axis=0) / sigma
    assert not found.overflow
    assert abs(found.value - exact.value) < LIMITS[name][0]
    assert np.abs(error).max() < LIMITS[name][1]


OUT_OF_RANGE = {
    "source": lambda c, p: (c + np.eye(1, 6) * 12, p),
    "rate": lambda c, p: (np.concatenate([c] * 40) + np.eye(1, 6) * 1.6, p),
    "constant": lambda c, p: (c - np.eye(1, 6) * 3000, p),
    "slope": lambda c, p: (c + np.eye(1, 6, 1) * 200, p),
    "curvature": lambda c, p: (c - np.eye(1, 6, 4) * 9, p),
    "count": lambda c, p: (
        c,
        type(p)(p.counts + 200_000 * (np.arange(p.counts.size).reshape(p.counts.shape) == 7), p.background, p.mask),
    ),
    "background": lambda c, p: (c, type(p)(p.counts, p.background + 1.4e5)),
    "no_light": lambda c, p: (c - np.eye(1, 6) * 100, type(p)(p.counts, p.background * 1e-9)),
    "residual": lambda c, p: (c - np.eye(1, 6) * 100, type(p)(p.counts, p.background / 1e4)),
}


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("what", OUT_OF_RANGE)
def test_nothing_leaves_its_range_unnoticed(name: str, what: str) -> None:
    source = star(26000)
    assert not Emulator(name)(source, patch(source)).overflow
    assert Emulator(name)(*OUT_OF_RANGE[what](source, patch(source))).overflow


def test_a_component_without_light_adds_nothing() -> None:
    source, dark = star(1800), np.array([[-np.inf, 0, 0, 0, 0, 0], [-np.inf, 1, 1, -1, 0, -1]])
    scene = patch(source)
    found, alone = Emulator("D16")(np.concatenate([source, dark]), scene), Emulator("D16")(source, scene)
    assert (found.value, found.overflow) == (alone.value, False)
    assert_equal(found.moments, np.concatenate([alone.moments, np.zeros((2, 6))]))


def test_tables_have_no_mean_error() -> None:
    """What would bias a fit: over the whole range, and no entry further off than a chord is."""
    d = PRESETS["D16"]
    z = np.arange(1 << d.exponent_fraction)
    exp = d.exp_entries.at(z, d.exponent_fraction - d.exp.index_bits) / 2**16 - np.exp2(z / len(z))
    z = np.arange(1 << d.mantissa_bits)
    inverse = d.reciprocal_entries.at(z, d.mantissa_bits - d.reciprocal.index_bits) / 2**14 - 1 / (1 + z / len(z))
    u = np.arange(1 << 14, 4 << 16)
    bend = d.chi_entries.at(u, d.chi_remainder_bits) / 2**14 - chi(u / 2**16 - 1)
    for error, mean, largest in ((exp, 2e-6, 4e-5), (inverse, 2e-5, 2e-4), (bend, 2e-5, 6e-4)):
        assert abs(error.mean()) < mean
        assert np.abs(error).max() < largest


def test_chi_is_the_deviance() -> None:
    """count log(count / E) - count + E, by another function, on both sides of where the series takes over."""
    ratio = 1 + np.array([-1.0, -0.5, -0.011, -0.009, 0.002, 0.009, 0.011, 3.0, 100.0])
    rate = 600.0
    deviance = kl_div(ratio * rate, rate)
    np.testing.assert_allclose(rate * (ratio - 1) ** 2 * chi(ratio - 1), deviance, rtol=1e-9)


def test_designs_that_cannot_be() -> None:
    with pytest.raises(FpgaMlError, match=r"unknown design 'D15'.*"):
        Design.of("D15")
    with pytest.raises(FpgaMlError, match="exponent_fraction = 4 addresses fewer entries"):
        Design.of({**PRESETS["D16"].as_dict(), "exponent_fraction": 4})
    with pytest.raises(FpgaMlError, match="more than 64 bits"):
        Design.of({**PRESETS["D18"].as_dict(), "rate_fraction": 24})
    with pytest.raises(FpgaMlError, match="more than 64 bits"):
        Design.of({**PRESETS["D14"].as_dict(), "rate_integer": 24})
    with pytest.raises(FpgaMlError, match="coefficients need more fraction bits"):
        Design.of({**PRESETS["D16"].as_dict(), "coefficient_fraction": 14})
    with pytest.raises(FpgaMlError, match="sums over the patch need 70 bits"):
        PRESETS["D18"].result(VALUE, 400, 401)
    assert Design.of(PRESETS["D18"].as_dict()) == Design.of("D18")
