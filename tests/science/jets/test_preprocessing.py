"""From particles to what the first layer receives: each step's invariant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_equal

from fpga_ml.science.jets.constituents import Constituents, mass, polar
from fpga_ml.science.jets.features import Features
from fpga_ml.science.jets.images import Standardise, pixelate, stack_channels
from fpga_ml.science.jets.observables import c2_d2, correlations, distances, five_class, girth, ptd, tau21


def jet(n: int = 30, spread: float = 0.1, seed: int = 1) -> Constituents:
    random = np.random.default_rng(seed)
    eta, phi = random.normal(0.0, spread, (2, n))
    return Constituents(random.exponential(5.0, n), 1.0 + eta, phi, random.random(n) < 0.6)


def test_centred_has_its_centroid_at_zero() -> None:
    seen = jet().around(0.9, 3.0).centred()
    assert_allclose((seen.z @ seen.eta, seen.z @ seen.phi), 0.0, atol=1e-12)
    assert seen.z.sum() == pytest.approx(1.0)


def test_around_wraps_the_azimuth() -> None:
    split = Constituents(np.ones(2), np.zeros(2), np.array([3.1, -3.1]), np.ones(2, bool))
    assert_allclose(split.around(0.0, np.pi).phi, [3.1 - np.pi, np.pi - 3.1], atol=1e-12)


def test_image_is_jointly_normalised_and_cropped() -> None:
    seen = jet(200, 0.2).centred()
    fractions, counts = pixelate(seen, 0.4)
    assert fractions.sum() == pytest.approx(1.0, abs=1e-6)
    inside = (np.abs(seen.eta) < 0.4) & (np.abs(seen.phi) < 0.4)
    assert counts.sum() == np.count_nonzero(inside & seen.charged)
    assert inside.sum() < 200  # some were cropped
    charged = seen.pt[inside & seen.charged].sum() / seen.pt[inside].sum()
    assert fractions[..., 0].sum() == pytest.approx(charged, abs=1e-6)
    assert stack_channels(fractions[None], counts[None]).shape == (1, 33, 33, 3)


def test_centroid_of_the_image_is_its_middle() -> None:
    seen = jet(100, 0.05).centred()
    total = pixelate(seen, 0.4)[0].sum(-1)
    middles = (np.arange(33) + 0.5) / 33 * 0.8 - 0.4
    assert_allclose((total.sum(1) @ middles, total.sum(0) @ middles), 0.0, atol=0.4 / 33)


def test_one_particle_lands_in_the_middle_pixel() -> None:
    one = Constituents(np.array([7.0]), np.zeros(1), np.zeros(1), np.array([False]))
    fractions, counts = pixelate(one, 0.4)
    assert_equal(np.argwhere(fractions), [[16, 16, 1]])
    assert (fractions[16, 16, 1], counts.sum()) == (1.0, 0)


def test_rotation_takes_an_angle_to_the_axis() -> None:
    one = Constituents(np.ones(1), np.array([0.3]), np.array([0.4]), np.ones(1, bool)).rotated(np.arctan2(0.4, 0.3))
    assert_allclose((one.eta[0], one.phi[0]), (0.5, 0.0), atol=1e-12)


def test_saturated_pixels_are_counted() -> None:
    images = np.zeros((4, 33, 33, 3), np.float32)
    images[0, 5, 5, 0] = 1.0
    prepare = Standardise.fit(np.zeros((4, 33, 33, 3), np.float32) + np.float32(0.0), r=1e-2)
    assert prepare.saturated(images) == 1  # 1 / r = 100 does not fit ap_fixed<8,5>
    assert prepare.decode(prepare.codes(images)).max() == 15.875


def test_features_by_hand(tmp_path: Path) -> None:
    values = np.array([[1.0, 2.0], [np.e**2, 4.0]])
    prepare = Features.fit(values, np.array([True, False]))
    assert_allclose((prepare.mean, prepare.sigma), ([1.0, 3.0], [1.0, 1.0]), rtol=1e-6)
    assert_allclose(prepare.real(values), [[-1.0, -1.0], [1.0, 1.0]], rtol=1e-6)
    assert_equal(prepare.values(np.array([[np.e, 3.0 + 0.76 / 64]])), [[0.0, 1 / 64]])
    far = np.array([[1.0, 50.0]])
    assert (prepare.saturated(far), prepare.values(far)[0, 1]) == (1, 8.0 - 1 / 64)
    prepare.save(tmp_path / "f.npz")
    assert_equal(Features.load(tmp_path / "f.npz").values(far), prepare.values(far))


def three() -> Constituents:
    """z = .5, .3, .2 at distances .3 (1-2), .4 (1-3), .5 (2-3)."""
    return Constituents(np.array([5.0, 3.0, 2.0]), np.array([0.0, 0.3, 0.0]), np.array([0.0, 0.0, 0.4]), np.ones(3, bool))


def test_correlations_by_hand() -> None:
    j = three()
    found = correlations(j.z, distances(j), 1.0)
    assert found.e2 == pytest.approx(0.15 * 0.3 + 0.10 * 0.4 + 0.06 * 0.5)
    assert found.e3 == pytest.approx(0.03 * 0.3 * 0.4 * 0.5)
    assert found.v1 == pytest.approx(0.03 * 0.3)
    assert found.v2 == pytest.approx(0.03 * 0.3 * 0.4)
    e2 = found.e2
    assert c2_d2(j, 1.0) == (pytest.approx(found.e3 / e2**2), pytest.approx(found.e3 / e2**3))


def test_correlations_are_sums_over_triples() -> None:
    from itertools import combinations

    j = jet(9)
    theta, z = distances(j), j.z
    found = correlations(z, theta, 2.0)
    e3 = v1 = v2 = 0.0
    for a, b, c in combinations(range(9), 3):
        sides = sorted((theta[a, b], theta[a, c], theta[b, c]))
        weight = z[a] * z[b] * z[c]
        e3, v1 = e3 + weight * np.prod(sides) ** 2, v1 + weight * sides[0] ** 2
        v2 += weight * (sides[0] * sides[1]) ** 2
    assert_allclose((found.e3, found.v1, found.v2), (e3, v1, v2), rtol=1e-12)


def test_shapes_by_hand() -> None:
    j = three()
    assert girth(j) == pytest.approx(0.3 * 0.3 + 0.2 * 0.4)
    assert ptd(j) == pytest.approx(np.sqrt(0.25 + 0.09 + 0.04))
    assert tau21(j, np.array([[0.0, 0.0], [0.3, 0.0]])) == pytest.approx(0.2 * 0.4 / 0.17)
    features = five_class(j, 80.4, 31)
    assert features[0] == pytest.approx(sum(z * np.log(z) for z in (0.5, 0.3, 0.2)))
    assert features[1] == pytest.approx(0.15 + 0.10 + 0.06)
    assert (features[14], features[15]) == (80.4, 31)


def test_momenta() -> None:
    p = np.array([[3.0, 4.0, 0.0, 13.0], [-3.0, -4.0, 0.0, 13.0]])
    assert mass(p) == pytest.approx(26.0)
    pt, eta, phi = polar(p)
    assert_allclose(np.stack([pt, eta, phi]), [[5, 5], [0, 0], [np.arctan2(4, 3), np.arctan2(-4, -3)]])
