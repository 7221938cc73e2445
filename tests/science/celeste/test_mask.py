"""Masked pixels: in every road a patch is what its other pixels add up to, whatever the masked ones hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_equal

from fpga_ml.celeste_design import BACKGROUND, COUNT, MASK, MOMENTS, OUTPUTS, OVERFLOW, PRESETS, VALUE, Design, Entries
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.celeste import kernel_model
from fpga_ml.rtl.architecture import STREAM
from fpga_ml.science.celeste.benchmark import _kernels
from fpga_ml.science.celeste.emulator import COEFFICIENTS, PIXELS, Emulator, graph_of, inputs_of
from fpga_ml.science.celeste.evaluator import Float64, Patch
from fpga_ml.simulate.prove import prove, vectors_of

from .scenes import codes, galaxy, gaussian, near, patch, star
from .test_hls import config
from .test_keras import outputs
from .test_kernel import COARSE, DESIGNS

SHAPE = (4, 5)


def looked_up(entries: Entries, address: int, rest_bits: int) -> int:
    value, rest = int(entries.values[address >> rest_bits]), address & ((1 << rest_bits) - 1)
    if entries.slopes is None or not rest_bits:
        return value
    return value + ((int(entries.slopes[address >> rest_bits]) * rest + (1 << rest_bits - 1)) >> rest_bits)


def half_up(x: int, bits: int) -> int:
    return (x + (1 << bits - 1)) >> bits if bits > 0 else x << -bits


def pixel_of(d: Design, exponents: list[int], count: int, background: int) -> tuple[list[int], int] | None:
    """Products and deviance of a pixel that counts, raw, in Python's integers; None if something is out of its range."""
    light = []
    for exact in exponents:
        q = half_up(exact, d.coefficient_fraction - d.exponent_fraction)
        if q >= d.rate_integer << d.exponent_fraction:
            return None
        whole, part = q >> d.exponent_fraction, q & ((1 << d.exponent_fraction) - 1)
        mantissa = looked_up(d.exp_entries, part, d.exponent_fraction - d.exp.index_bits)
        light.append(half_up(mantissa, d.exp.fraction - d.rate_fraction - whole) if whole >= d.lowest_exponent else 0)
    rate, largest = background + sum(light), (1 << d.rate_bits) - 1
    if not 0 < rate <= largest or largest in (count, background):
        return None
    shift = d.rate_bits - rate.bit_length()
    below = (rate << shift) - (1 << d.rate_bits - 1)
    inverse = looked_up(
        d.reciprocal_entries, below >> d.rate_bits - 1 - d.mantissa_bits, d.mantissa_bits - d.reciprocal.index_bits
    )
    t = half_up((count - rate << shift) * inverse, d.rate_bits - 1 + d.reciprocal.fraction - d.residual_fraction)
    ratio = max(t + (1 << d.residual_fraction), 0)
    if ratio >= (1 << d.residual_integer + d.residual_fraction) - 1:
        return None
    t = ratio - (1 << d.residual_fraction)
    octave = max(ratio.bit_length() - d.residual_fraction - 2, 0)
    chi = looked_up(d.chi_entries, (ratio >> octave) + (octave << d.residual_fraction + 1), d.chi_remainder_bits)
    deviance = half_up((count - rate) * t, d.residual_fraction) * chi
    bits = d.residual_fraction + d.rate_fraction - d.product_fraction
    return [half_up(t * g, bits) for g in light], half_up(deviance, d.rate_fraction + d.chi.fraction - d.deviance_fraction)


def sums_of(
    d: Design, coefficients: np.ndarray, pixels: np.ndarray, masked: np.ndarray
) -> dict[str, np.ndarray | int] | None:
    """Value, moments and overflow of a patch, raw, added up over the pixels that are not masked alone; None if the overflow
    is above 0 (then only it has a meaning, and it is not of interest here)."""
    rows, columns = masked.shape
    value, moments = 0, [[0] * 6 for _ in coefficients]
    for row, column in zip(*np.nonzero(~masked), strict=True):
        x, y = int(column) - columns // 2, int(row) - rows // 2
        weights = [1, x, y, x * x, x * y, y * y]
        exponents = [sum(int(c) * w for c, w in zip(one, weights, strict=True)) for one in coefficients]
        found = pixel_of(d, exponents, int(pixels[row, column, COUNT]), int(pixels[row, column, BACKGROUND]))
        if found is None:
            return None
        value -= found[1]
        moments = [[m + p * w for m, w in zip(old, weights, strict=True)] for old, p in zip(moments, found[0], strict=True)]
    cuts = [d.fraction_of(name) - d.result(name, rows, columns).fraction for name in (VALUE, MOMENTS)]
    return {
        VALUE: half_up(value, cuts[0]),
        MOMENTS: np.array([[half_up(m, cuts[1]) for m in one] for one in moments]).reshape(-1),
        OVERFLOW: 0,
    }


def _at(*places: tuple[int, int]) -> np.ndarray:
    found = np.zeros(SHAPE, dtype=np.bool_)
    for row, column in places:
        found[row, column] = True
    return found


MASKS = {
    "none": _at(),
    "corners": _at((0, 0), (0, 4), (3, 0), (3, 4)),
    "first pixel of a row": _at((2, 0)),
    "last pixel of a row": _at((1, 4)),
    "a row": _at(*((2, x) for x in range(5))),
    "first and last row": _at(*((y, x) for y in (0, 3) for x in range(5))),
    "a column": _at(*((y, 3) for y in range(4))),
    "all but one": ~_at((1, 2)),
    "all": ~_at(),
    **{f"random {seed}": np.random.default_rng(seed).random(SHAPE) < 0.4 for seed in range(3)},
}
CONTENTS: dict[str, Callable[[Design], tuple[int, int]]] = {
    "zeros": lambda d: (0, 0),
    "largest": lambda d: (d.rate.max_raw, d.rate.max_raw),
    "no background": lambda d: (d.rate.max_raw >> 1, 0),
    "no count": lambda d: (0, d.rate.max_raw - 1),
}


def masked_codes(d: Design, components: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, np.ndarray | int]]]:
    """Coefficients, pixels, masks and what each patch must give: every mask with every content, the mask's other bits set
    in some, in patches whose other pixels are in range. The last patches have more light than the rate holds, in masked
    pixels only."""
    unit, rng = 1 << d.rate_fraction, np.random.default_rng(5)
    kinds = [(mask, content) for mask in MASKS.values() for content in CONTENTS.values()]
    coefficients, pixels = (values[-len(kinds) :] for values in codes(d, SHAPE, components, 2 * len(kinds)))
    pixels = pixels.copy()
    for frame, (mask, content) in enumerate(kinds):
        pixels[frame, mask, :MASK] = content(d)
        others = rng.integers(0, d.rate.max_raw, SHAPE, endpoint=True) if frame % 3 else np.zeros(SHAPE, dtype=np.int64)
        pixels[frame, ..., MASK] = others & ~unit | unit * mask
    bright = np.zeros((1, components, 6), dtype=np.int64)
    bright[..., 0] = -40 << d.coefficient_fraction - 1
    steep = (d.slope_integer - 1, d.rate_integer + 2)
    bright[0, 0, :2] = [steep[1] << d.coefficient_fraction, 1 << d.coefficient_fraction + steep[0]]  # from column 2 on
    too_bright = np.zeros(SHAPE, dtype=np.bool_)
    too_bright[:, 2:] = True
    last = pixels[-1:].copy()
    last[..., MASK] = unit * too_bright
    last[..., :MASK] = d.rate.max_raw >> 2, d.rate.max_raw >> 3
    coefficients, pixels = np.concatenate([coefficients, bright]), np.concatenate([pixels, last])
    masks = np.array([mask for mask, _ in kinds] + [too_bright])
    found = [sums_of(d, *given) for given in zip(coefficients, pixels, masks, strict=True)]
    assert None not in found
    return coefficients, pixels, masks, [one for one in found if one is not None]


@pytest.mark.parametrize("name", DESIGNS)
def test_a_patch_is_the_sum_of_its_other_pixels(name: str) -> None:
    """In the emulator, and in Keras."""
    d = DESIGNS[name]
    coefficients, pixels, masks, want = masked_codes(d, 2)
    known = Emulator(d).raw(coefficients, pixels)
    keras = outputs(kernel_model(d, SHAPE, 2), [d.coefficient.real(coefficients), d.rate.real(pixels)])
    for output in OUTPUTS:
        assert_equal(known[output].raw, np.array([np.reshape(one[output], -1) for one in want]))
        assert_equal(keras[output].reshape(len(want), -1), known[output].type.real(known[output].raw))
    terms = known["terms"].raw.reshape(*masks.shape, 4)
    assert_equal(terms[masks], 0)
    assert np.mean(np.any(terms[~masks] != 0, axis=-1)) > 0.6
    pixels[-1, ..., MASK] = 0
    assert Emulator(d).raw(coefficients[-1:], pixels[-1:])[OVERFLOW].raw.item() == 12


@pytest.mark.parametrize("name", DESIGNS)
def test_only_the_units_bit_masks(name: str) -> None:
    """Each bit of the mask alone."""
    d = DESIGNS[name]
    coefficients, pixels = (values[-1:].repeat(d.rate_bits, axis=0) for values in codes(d, SHAPE, 2, 8))
    pixels = pixels.copy()
    pixels[..., MASK] = 0
    plain = Emulator(d).raw(coefficients[:1], pixels[:1])
    pixels[..., MASK] = (1 << np.arange(d.rate_bits))[:, None, None]
    known = Emulator(d).raw(coefficients, pixels)
    keras = outputs(kernel_model(d, SHAPE, 2), [d.coefficient.real(coefficients), d.rate.real(pixels)])
    for output in OUTPUTS:
        want = plain[output].raw.repeat(d.rate_bits, axis=0)
        want[d.rate_fraction] = 0
        assert_equal(known[output].raw, want)
        assert_equal(keras[output].reshape(want.shape), known[output].type.real(want))


@pytest.mark.parametrize("name", PRESETS)
def test_coefficients_out_of_range_count_the_other_pixels(name: str) -> None:
    d = DESIGNS[name]
    coefficients, pixels, masks, _ = masked_codes(d, 2)
    coefficients = coefficients.copy()
    coefficients[:, 1, 3] = d.bounds[3]
    found = Emulator(d).raw(coefficients, pixels)[OVERFLOW].raw[:, 0]
    assert_equal(found, (~masks).sum(axis=(1, 2)))


def test_network_equals_layers() -> None:
    coefficients, pixels, _, want = masked_codes(COARSE, 2)
    network = STREAM.lower(graph_of(COARSE, SHAPE, 2))
    found = network.evaluate({COEFFICIENTS: coefficients, PIXELS: pixels.reshape(len(pixels), -1, 3)})
    for output in OUTPUTS:
        assert_equal(found[output].reshape(len(want), -1), np.array([np.reshape(one[output], -1) for one in want]))


def test_simulators_agree(tmp_path: Path) -> None:
    """With what the other pixels add up to, with gaps, stalls and resets."""
    coefficients, pixels, _, want = masked_codes(COARSE, 2)
    graph = graph_of(COARSE, SHAPE, 2)
    rtl = STREAM.build(graph, 5.0)
    heads = [np.array([np.reshape(one[output], -1) for one in want]) for output in OUTPUTS]
    for run in prove(rtl.write(tmp_path), rtl, vectors_of(graph, [coefficients, pixels], heads), tmp_path, 1):
        assert run.texts() == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["coarse", "D16"])
def test_csim_agrees(name: str, tmp_path: Path) -> None:
    import fpga_ml

    d = DESIGNS[name]
    coefficients, pixels, _, want = masked_codes(d, 2)
    data = {"coefficients": d.coefficient.real(coefficients), "pixels": d.rate.real(pixels)}
    settings = config(d, until="csim", vectors=len(want))
    project = fpga_ml.compile(kernel_model(d, SHAPE, 2), data=data, config=settings, output=tmp_path / "p")
    for output, found in zip(OUTPUTS, project.outputs["csim"], strict=True):
        t = d.result(output, *SHAPE)
        assert_equal(found.reshape(len(want), -1), [t.real(np.reshape(one[output], -1)) for one in want])


def some_bad(shape: tuple[int, int] = (51, 51), seed: int = 3) -> np.ndarray:
    mask = np.random.default_rng(seed).random(shape) < 0.1
    mask[0], mask[:, shape[1] // 3], mask[shape[0] // 2, shape[1] // 2 :] = True, True, True
    return mask


@pytest.mark.parametrize("hole", [np.nan, np.inf, -1e9, 1e9])
def test_double_precision_leaves_masked_pixels_out(hole: float) -> None:
    """Whatever they hold, in counts and background; from the sums over the others."""
    source, mask = near(star(26000)), some_bad()
    whole = patch(source)
    scene = Patch(np.where(mask, hole, whole.counts), np.where(mask, hole, whole.background), mask)
    value, moments = 0.0, np.zeros((2, 6))
    for row, column in zip(*np.nonzero(~mask), strict=True):
        x, y = column - 25, row - 25
        monomials = np.array([1, x, y, x * x, x * y, y * y])
        light = 2.0 ** (source @ monomials)
        count, rate = whole.counts[row, column], whole.background[row, column] + light.sum()
        value += count * np.log(rate / count) - rate + count
        moments += (count / rate - 1) * np.outer(light, monomials)
    found = Float64()(source, scene)
    assert found.value == pytest.approx(value, rel=1e-10)
    np.testing.assert_allclose(found.moments, moments, rtol=1e-8, atol=1e-6)
    filled = Emulator("D16")(source, replace(whole, mask=mask))
    given = Emulator("D16")(source, scene)
    assert (given.value, given.overflow) == (filled.value, False)
    assert_equal(given.moments, filled.moments)
    assert abs(given.value - found.value) < 0.2


def test_masked_light_beyond_the_range_is_no_overflow() -> None:
    """The core of a star that is too bright for the preset."""
    source = star(2_000_000)
    scene = patch(source)
    assert Emulator("D16")(source, scene).overflow
    light = scene.counts - scene.background
    found, exact = (kernel(source, replace(scene, mask=light > 50_000)) for kernel in (Emulator("D16"), Float64()))
    assert not found.overflow
    assert found.value == pytest.approx(exact.value, abs=1.0)


def test_what_the_kernel_is_given() -> None:
    mask = some_bad((5, 7))
    scene = Patch(np.where(mask, np.nan, 3.25), np.where(mask, -np.inf, 2.5), mask)
    assert_equal(inputs_of(star(10), scene)[PIXELS], np.where(mask[..., None], [0, 0, 1], [3.25, 2.5, 0]))


def test_counts_are_real_numbers() -> None:
    """Rounded to the rate's type, half-way cases to even."""
    d, source = Design.of("D16"), star(300)
    lsb, background = d.rate.lsb, np.full((3, 5), 100.0)
    counts = 100 + lsb * np.array([0.5, 1.5, 2.25, 2.75, 3.5] * 3).reshape(3, 5)
    rounded = 100 + lsb * np.array([0, 2, 2, 3, 4] * 3).reshape(3, 5)
    found, want = (Emulator(d)(source, Patch(one, background)) for one in (counts, rounded))
    assert (found.value, found.overflow) == (want.value, False)
    assert_equal(found.moments, want.moments)
    whole = Patch(np.full((3, 5), 7), background)
    assert whole.counts.dtype == np.float64


def test_counts_below_zero() -> None:
    """Exactly: x log E - E, and the moments as ever. In fixed point only with a pedestal."""
    source, background = np.array([gaussian(60, (0.2, -0.3), 2.0)]), np.full((3, 4), 20.0)
    counts = np.array([[-3.5, 0.0, 5.0, 9.0], [20.0, -0.25, 41.0, 30.0], [-60.0, 10.0, 2.0, 1.0]])
    mask = counts == -60
    scene = Patch(counts, background, mask)
    y, x = np.mgrid[-1:2, -2:2]
    monomials = np.stack([x**0, x, y, x * x, x * y, y * y], axis=-1)[~mask]
    light = np.exp2(monomials @ source[0])
    count, rate = counts[~mask], 20 + light
    value = np.sum(count * np.log(rate) - rate) - np.sum([c * np.log(c) - c for c in count if c > 0])
    found = Float64()(source, scene)
    assert found.value == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(found.moments[0], ((count / rate - 1) * light) @ monomials, rtol=1e-9)
    model = kernel_model(None, (3, 4), 1)
    pixels = np.stack([counts, background, mask], axis=-1)
    assert outputs(model, [source[None], pixels[None]])[VALUE].item() == pytest.approx(value, rel=1e-12)
    with pytest.raises(FpgaMlError, match="2 pixels of the patch have counts below 0") as told:
        Emulator("D16")(source, scene)
    assert told.value.do == "add a pedestal: patch.lifted()"
    lifted = scene.lifted()
    assert_equal(lifted.counts[~mask], counts[~mask] + 3.5)
    assert_equal(lifted.background[~mask], background[~mask] + 3.5)
    assert_equal(lifted.mask, mask)
    assert lifted.lifted() is lifted
    given, exact = Emulator("D18")(source, lifted), Float64()(source, lifted)
    assert not given.overflow
    assert given.value == pytest.approx(exact.value, abs=0.1)


def test_every_baseline_leaves_masked_pixels_out(tmp_path: Path) -> None:
    table = np.concatenate([near(star(3000)), near(galaxy(20000))])
    mask, whole = some_bad(), patch(table)
    scene = Patch(np.where(mask, np.nan, whole.counts), np.where(mask, np.inf, whole.background), mask)
    exact = Float64()(table, scene)
    for name, kernel in _kernels(table, scene, tmp_path):
        value, moments = kernel(True)
        assert moments is not None
        assert value == pytest.approx(exact.value, rel=1e-5), name
        np.testing.assert_allclose(moments, exact.moments, rtol=1e-3, atol=1e-3 * np.abs(exact.moments).max(axis=0).min())
