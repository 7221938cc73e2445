"""What is known of sources before one is seen: how many are galaxies, and how brightness, colours and shapes go together.

Each kind is a mixture of normal distributions in the parameters that the fit has (`posterior.NAMES`, without the place):
log flux in r (nanomaggies), the four colours as logs of the flux ratios g/u, r/g, i/r and z/i; of galaxies also the logit of
the de Vaucouleurs share, the log of the size (arc seconds, geometric mean of the half-light ellipse's axes), and the stretch
(2), whose length is -log of the axis ratio and whose direction is twice the major axis's angle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.special import logit, logsumexp

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.ascent import Point
from fpga_ml.science.celeste.evaluator import Floats

BANDS = ("u", "g", "r", "i", "z")
COLOURS = ("u-g", "g-r", "r-i", "i-z")
FROM_COLOURS: Floats = np.array(
    [[-1.0, -1.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0]]
)
"""(5, 4) log flux of a band less that of r, from the four colours: logs of the flux ratios g/u, r/g, i/r and z/i."""
MAGNITUDES = 2.5 / np.log(10)
"""Magnitudes of a factor of e."""
COMMON = ("log_flux", *COLOURS)
SHAPE = ("logit_de_vaucouleurs", "log_size", "stretch_1", "stretch_2")
_FILE = Path(__file__).parent / "stripe82_prior.json"


@dataclass(frozen=True)
class Population:
    """Stars, or galaxies: weights (M,), means (M, D), covariances (M, D, D)."""

    weights: Floats
    means: Floats
    covariances: Floats

    @cached_property
    def _precisions(self) -> Floats:
        found: Floats = np.asarray(np.linalg.inv(self.covariances), dtype=np.float64)
        return found

    @cached_property
    def _constants(self) -> Floats:
        found: Floats = np.log(self.weights) - np.linalg.slogdet(2 * np.pi * self.covariances)[1] / 2
        return found

    @property
    def terms(self) -> list[tuple[float, Floats, Floats]]:
        """Of each: log density at its middle, weight included, mean (D,), precision (D, D)."""
        return list(zip(self._constants.tolist(), self.means, self._precisions, strict=True))

    def values(self, vectors: Floats) -> Floats:
        """(N,) log densities at vectors (N, D)."""
        away = vectors[:, None] - self.means
        distance = np.einsum("nmi,mij,nmj->nm", away, self._precisions, away, optimize=True)
        found: Floats = logsumexp(self._constants - distance / 2, axis=1)
        return found

    def slopes(self, vector: Floats) -> Point:
        """Log density, gradient (D,), and the terms' precision (D, D), weighted with their shares."""
        away = vector - self.means
        pull = np.einsum("mij,mj->mi", self._precisions, away)
        each = self._constants - np.einsum("mi,mi->m", away, pull) / 2
        total = logsumexp(each)
        shares = np.exp(each - total)
        return Point(float(total), -shares @ pull, np.einsum("m,mij->ij", shares, self._precisions))

    def draw(self, number: int, random: np.random.Generator) -> Floats:
        """(N, D)."""
        which = random.choice(len(self.weights), number, p=self.weights)
        factors = np.linalg.cholesky(self.covariances)
        drawn: Floats = self.means[which] + np.einsum(
            "nij,nj->ni", factors[which], random.normal(size=(number, self.means.shape[1]))
        )
        return drawn

    @classmethod
    def fitted(cls, vectors: Floats, terms: int, seed: int = 0) -> Population:
        """By expectation maximisation (scikit-learn)."""
        from sklearn.mixture import GaussianMixture

        found = GaussianMixture(terms, reg_covar=1e-3, n_init=5, random_state=seed).fit(vectors)
        return cls(found.weights_, found.means_, found.covariances_)


@dataclass(frozen=True)
class Prior:
    """galaxy: probability that a source is one."""

    galaxy: float
    star: Population
    galaxies: Population

    def of(self, kind: int) -> Population:
        """kind: 0 star, 1 galaxy."""
        return self.galaxies if kind else self.star

    @classmethod
    def load(cls, path: Path | str = _FILE) -> Prior:
        """From JSON, as `save` writes it. By default of Stripe 82 (scripts/fit_celeste_prior.py)."""
        try:
            given = json.loads(Path(path).read_text())
            star, galaxies = (
                Population(*(np.array(given[kind][name]) for name in ("weights", "means", "covariances")))
                for kind in ("star", "galaxies")
            )
            return cls(float(given["galaxy"]), star, galaxies)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FpgaMlError(
                f"cannot read a prior: {error!r}", where=str(path), do="give JSON as Prior.save writes it"
            ) from None

    def save(self, path: Path | str) -> None:
        def written(one: Population) -> dict[str, object]:
            return {name: np.round(value, 5).tolist() for name, value in vars(one).items() if not name.startswith("_")}

        text = {"galaxy": round(self.galaxy, 5), "star": written(self.star), "galaxies": written(self.galaxies)}
        Path(path).write_text(json.dumps(text) + "\n")

    @classmethod
    def fitted(cls, stars: Floats, galaxies: Floats, terms: tuple[int, int] = (3, 3)) -> Prior:
        """From a catalogue's vectors (N, 5) and (N, 9). Galaxies are given no direction on the sky: each counts in 16 of
        them."""
        turns = np.arange(16) * np.pi / 8
        stretch = galaxies[:, -2] + 1j * galaxies[:, -1]
        turned = [
            np.column_stack([galaxies[:, :-2], (stretch * np.exp(1j * turn)).real, (stretch * np.exp(1j * turn)).imag])
            for turn in turns
        ]
        share = len(galaxies) / (len(stars) + len(galaxies))
        return cls(share, Population.fitted(stars, terms[0]), Population.fitted(np.concatenate(turned), terms[1]))


def vectors_of(rows: Mapping[str, Floats]) -> Floats:
    """(N, 9) of a catalogue's columns flux_r (nanomaggies), the four colours (log flux ratios), de_vaucouleurs, axis_ratio,
    angle (radians), radius (arc seconds, along the major axis)."""
    ratio = np.clip(rows["axis_ratio"], 0.05, 0.999)
    length, angle = -np.log(ratio), 2 * rows["angle"]
    columns = [
        np.log(rows["flux_r"]),
        *(rows[name] for name in COLOURS),
        logit(np.clip(rows["de_vaucouleurs"], 0.02, 0.98)),
        np.log(np.maximum(rows["radius"], 0.05)) - length / 2,
        length * np.cos(angle),
        length * np.sin(angle),
    ]
    return np.stack(columns, axis=-1)
