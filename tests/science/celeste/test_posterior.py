"""A source in all its images at once: parameters, prior, posterior, and the kernel in their place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.stats import multivariate_normal

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste import SDSS_PSF, Float64
from fpga_ml.science.celeste.emulator import Emulator
from fpga_ml.science.celeste.evaluator import Floats
from fpga_ml.science.celeste.parameters import STAR, ellipses
from fpga_ml.science.celeste.pixels import Pixels
from fpga_ml.science.celeste.population import Prior, vectors_of
from fpga_ml.science.celeste.posterior import NAMES, Likelihood, Posterior, View, infer
from fpga_ml.science.celeste.through_kernel import ThroughKernel

PRIOR = Prior.load()
SIDE, SKY, GAIN = 27, 600.0, 900.0
TURNED = np.array([[-2.4, 0.3], [0.2, 2.6]])  # pixels an arc second: east to the left, and a little rotated
BLUE, BRIGHT = np.array([1.2, 0.5, 0.2, 0.1]), np.log(8.0)
GALAXY = np.array([0.05, -0.1, BRIGHT, *BLUE, -0.3, -0.4, 0.3, -0.4])


def views_of(vector: Floats, seed: int, scale: Floats = TURNED, bands: tuple[int, ...] = (0, 1, 2, 3, 4)) -> list[View]:
    """Images with noise."""
    random, sky = np.random.default_rng(seed), np.full((SIDE, SIDE), SKY)
    found = []
    for band in bands:
        empty = Pixels(sky, sky, np.ones(sky.shape, bool))
        view = View(empty, band, GAIN, SDSS_PSF[2], scale, random.uniform(-0.5, 0.5, 2))
        counts = random.poisson(view.light(vector) + SKY).astype(float)
        found.append(replace(view, pixels=Pixels(counts, sky, empty.used)))
    return found


def test_ellipses_are_exponentials() -> None:
    for size, s1, s2 in ((0.3, 0.8, -0.5), (-1.0, 1e-5, 2e-5), (0.0, 0.0, 0.0), (0.5, -2.0, 1.0)):
        known = np.exp(2 * size) * expm(np.array([[s1, s2], [s2, -s1]]))
        np.testing.assert_allclose(ellipses(np.array([size, s1, s2])), known, rtol=1e-9)


@pytest.mark.parametrize("vector", [GALAXY, GALAXY[:STAR], np.r_[GALAXY[:-2], 0.0, 0.0], np.r_[GALAXY[:-2], 1e-3, 5e-3]])
def test_jacobian_is_differences(vector: Floats) -> None:
    view = views_of(GALAXY, 1)[1]
    step = 1e-6
    moves = step * np.eye(len(vector))
    known = (view.numbers(vector + moves) - view.numbers(vector - moves)).T / (2 * step)
    np.testing.assert_allclose(view.jacobian(vector), known, atol=1e-6)


def test_flux_of_a_band_is_by_its_colours() -> None:
    """u-g and g-r are 1.2 and 0.5 in natural logarithms: u is exp(-1.7) of r."""
    numbers = [view.numbers(GALAXY) for view in views_of(GALAXY, 1)]
    fluxes = np.exp([one[2] for one in numbers]) / GAIN / 8.0
    np.testing.assert_allclose(fluxes, np.exp([-1.7, -0.5, 0.0, 0.2, 0.3]))


def test_population_is_a_mixture() -> None:
    some = PRIOR.galaxies.draw(20, np.random.default_rng(3))
    terms = zip(PRIOR.galaxies.weights, PRIOR.galaxies.means, PRIOR.galaxies.covariances, strict=True)
    known = np.log(sum(w * multivariate_normal(m, c).pdf(some) for w, m, c in terms))
    np.testing.assert_allclose(PRIOR.galaxies.values(some), known)
    step = 1e-6
    moves = step * np.eye(some.shape[1])
    slope = (PRIOR.galaxies.values(some[0] + moves) - PRIOR.galaxies.values(some[0] - moves)) / (2 * step)
    np.testing.assert_allclose(PRIOR.galaxies.slopes(some[0]).gradient, slope, rtol=1e-5, atol=1e-6)


def test_vectors_of_a_catalogue() -> None:
    """A galaxy of 2.0 arc seconds, axis ratio 1/4, along y: its ellipse has 4 along yy, 1/4 along xx."""
    one = {name: np.array([0.1]) for name in ("u-g", "g-r", "r-i", "i-z")}
    shape = {"de_vaucouleurs": 0.5, "axis_ratio": 0.25, "angle": np.pi / 2, "radius": 2.0, "flux_r": 3.0}
    vector = vectors_of({**one, **{name: np.array([value]) for name, value in shape.items()}})[0]
    np.testing.assert_allclose(ellipses(vector[-3:]), [[0.25, 0], [0, 4]], atol=1e-12)
    assert vector[5] == 0
    assert vector[0] == np.log(3)


def test_a_prior_is_kept_and_read(tmp_path) -> None:  # type: ignore[no-untyped-def]
    PRIOR.save(tmp_path / "prior.json")
    again = Prior.load(tmp_path / "prior.json")
    np.testing.assert_allclose(again.galaxies.covariances, PRIOR.galaxies.covariances, atol=1e-5)
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(FpgaMlError, match="cannot read a prior"):
        Prior.load(tmp_path / "bad.json")


def found_of(vector: Floats, seed: int) -> Posterior:
    start = np.r_[np.zeros(2), vector[2:STAR] + 0.2, 0.0, -0.7, 0.1, 0.1]
    return infer(Likelihood(views_of(vector, seed)), PRIOR, [start], 1.5)


def test_draws_from_the_prior_are_calibrated() -> None:
    """Sources of the prior, in noise: the truth lies where the posterior says, and the kinds have their probabilities."""
    random = np.random.default_rng(11)
    pulls, kinds, odds = [], [], []
    while len(pulls) < 40:
        kind = int(random.random() < 0.5)
        drawn = PRIOR.of(kind).draw(1, random)[0]
        if drawn[0] < 0.5:
            continue
        vector = np.concatenate([random.uniform(-0.2, 0.2, 2), drawn])
        found = found_of(vector, len(pulls))
        mean, spread = found.common()
        pulls.append((mean - vector[:STAR]) / spread)
        kinds.append(kind)
        odds.append(found.galaxy)
    pulled = np.array(pulls)
    assert 0.75 < pulled.std() < 1.25
    assert 0.6 < (np.abs(pulled) < 1).mean() < 0.8
    wrong = np.abs(np.array(kinds) - odds)
    assert wrong.sum() == pytest.approx((2 * np.array(odds) * (1 - np.array(odds))).sum(), abs=3)
    assert (wrong > 0.5).sum() <= 4


@pytest.mark.parametrize("bands", [(1, 3), (2, 3), (1,)], ids=["g and i", "r and i", "g"])
def test_bands_that_are_missing_leave_their_colours_to_the_prior(bands: tuple[int, ...]) -> None:
    """All of it: the errors hold the truth, though the prior has several middles."""
    random, pulls = np.random.default_rng(13), []
    for seed in range(16):
        every = PRIOR.of(seed % 2).draw(50, random)
        vector = np.concatenate([random.uniform(-0.2, 0.2, 2), every[every[:, 0] > 1][0]])
        start = np.r_[np.zeros(2), vector[2:STAR] + 0.1, 0.0, -0.7, 0.1, 0.1]
        found = infer(Likelihood(views_of(vector, seed, bands=bands)), PRIOR, [start], 1.5)
        mean, spread = found.common()
        pulls.append((mean - vector[:STAR]) / spread)
        assert not found.likely.few
    assert np.abs(pulls).max() < 5
    assert np.sqrt(np.mean(np.square(pulls), axis=0)).max() < 1.8


def test_the_kernel_in_its_place_changes_nothing() -> None:
    """Exact kernel: the same gradient. D16 for the climb and D18 for the draws: everything within 2 % of its error."""
    views = views_of(GALAXY, 6)[1:4]
    exact, same = Likelihood(views), ThroughKernel(views, Float64(), Float64())
    (value, gradient, _), (again, by_kernel, _) = exact.slopes(GALAXY) or (), same.slopes(GALAXY) or ()  # type: ignore[misc]
    assert again == pytest.approx(value, abs=1e-4)
    np.testing.assert_allclose(by_kernel, gradient, rtol=1e-5, atol=1e-3)
    fixed = ThroughKernel(views, Emulator("D16"), Emulator("D18"))
    one, other = (infer(given, PRIOR, [GALAXY], 1.5) for given in (exact, fixed))
    (mean, spread), (moved, wider) = one.common(), other.common()
    assert np.abs((moved - mean) / spread).max() < 0.02
    np.testing.assert_allclose(wider, spread, rtol=0.02)
    assert other.galaxy == pytest.approx(one.galaxy, abs=0.01)


def test_names() -> None:
    assert len(NAMES) == 11
    assert NAMES[:STAR] == ("x", "y", "log_flux", "u-g", "g-r", "r-i", "i-z")
