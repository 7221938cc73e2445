"""The exchange of bits, against all assignments."""

from __future__ import annotations

from itertools import product

import pytest

from fpga_ml.explore.exchange import Step, alone, exchange, measured, measurements, spread
from fpga_ml.explore.knobs import Knob
from fpga_ml.explore.trial import Noise

KNOBS = [Knob("a", "a", "weights", 2, 8), Knob("b", "b", "weights", 2, 8), Knob("c", "c", "results", 2, 8)]
# Noise of a knob is SCALES * 4**-bits; a layer's LUTs are GROWTH * bits, and only its own knob changes them.
SCALES, GROWTH = {"a": 1.0, "b": 100.0, "c": 0.01}, {"a": 50.0, "b": 10.0, "c": 3.0}


def noise_of(params: dict[str, int]) -> Noise:
    power = sum(SCALES[name] * 4.0**-bits for name, bits in params.items())
    return Noise(power, {name: GROWTH[name] * bits for name, bits in params.items()})


def steps() -> list[Step]:
    found = [noise_of(dict(p)) for p in measurements(KNOBS)]
    return exchange(KNOBS, alone(KNOBS, found), found[0].luts)


def test_what_is_measured() -> None:
    asked = measurements(KNOBS)
    assert asked[0] == {"a": 8, "b": 8, "c": 8}
    assert len(asked) == 1 + sum(len(measured(k)) for k in KNOBS)
    assert all(sum(bits != 8 for bits in p.values()) == 1 for p in asked[1:])


def test_estimates_are_those_of_the_model() -> None:
    """Noise adds up, and LUTs are linear in bits: both are known between the bits that were measured."""
    widest = noise_of({k.name: k.high for k in KNOBS}).power
    for step in steps():
        real = noise_of(dict(step.params))
        assert step.luts == pytest.approx(sum(real.luts.values()))
        assert step.noise == pytest.approx(real.power - widest, rel=1e-9, abs=1e-12)


def test_no_assignment_beats_those_of_the_way() -> None:
    every = [noise_of(dict(zip("abc", bits, strict=True))) for bits in product(range(2, 9), repeat=3)]
    for step in steps():
        mine = noise_of(dict(step.params))
        quieter = [other for other in every if other.power < mine.power * (1 - 1e-9)]
        assert all(sum(other.luts.values()) > sum(mine.luts.values()) - 1e-9 for other in quieter)


def test_the_way_goes_from_the_widest_to_the_narrowest_a_bit_a_step() -> None:
    way = [sum(step.params.values()) for step in steps()]
    assert way == list(range(24, 5, -1))


def test_spread_has_both_ends() -> None:
    way = steps()
    chosen = spread(way, 5)
    assert chosen[0] == way[0].params
    assert chosen[-1] == way[-1].params
    assert 2 <= len(chosen) <= 5


def test_noise_that_saturates_is_no_negative_noise() -> None:
    """A tensor whose rounding happens to help has no noise, and its bits go first."""
    asked = measurements(KNOBS)
    found = [noise_of(dict(p)) for p in asked]
    helped = [Noise(one.power - (p["c"] < 8), one.luts) for p, one in zip(asked, found, strict=True)]
    first = exchange(KNOBS, alone(KNOBS, helped), found[0].luts)[1:4]
    assert [step.params["c"] for step in first] == [7, 6, 5]
