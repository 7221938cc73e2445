"""Writes fpga_ml/science/celeste/stripe82_prior.json: stars and galaxies of SDSS's Stripe 82 as mixtures of normal
distributions.

    python scripts/fit_celeste_prior.py CATALOGUE.csv

CATALOGUE: s82_truth.csv as the Celeste.jl project publishes it (columns is_star, flux_r_nmgy, color_* in magnitudes, gal_*;
radii in pixels of 0.396 arc seconds).
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
from scipy.special import expit, logit

from fpga_ml.science.celeste.parameters import STAR
from fpga_ml.science.celeste.population import COLOURS, MAGNITUDES, Prior, vectors_of

PIXEL_ARCSEC = 0.396
HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "fpga_ml" / "science" / "celeste" / "stripe82_prior.json"


def read(path: Path, stars: bool) -> dict[str, np.ndarray]:
    """The columns of `vectors_of`, of one kind."""
    with path.open() as file:
        rows = [row for row in csv.DictReader(file) if (row["is_star"] == "true") == stars]

    def column(name: str, missing: float = np.nan) -> np.ndarray:
        return np.array([float(row[name]) if row[name] else missing for row in rows])

    return {
        "flux_r": column("flux_r_nmgy"),
        **{name: column(f"color_{name.replace('-', '')}") / MAGNITUDES for name in COLOURS},
        "de_vaucouleurs": column("gal_frac_dev", 0.5),
        "axis_ratio": column("gal_axis_ratio", 1.0),
        "angle": np.radians(column("gal_angle_deg", 0.0)),
        "radius": PIXEL_ARCSEC * column("gal_radius_px", 1.0),
    }


def complete(rows: dict[str, np.ndarray], random: np.random.Generator) -> dict[str, np.ndarray]:
    """With a colour for every source: one that is missing is drawn around the median of the others."""
    out = dict(rows)
    for name in COLOURS:
        known = np.isfinite(rows[name])
        middle, spread = np.median(rows[name][known]), np.subtract(*np.percentile(rows[name][known], [75, 25])) / 1.35
        out[name] = np.where(known, rows[name], random.normal(middle, spread, len(known)))
    return out


def prior_of(stars: dict[str, np.ndarray], galaxies: dict[str, np.ndarray], random: np.random.Generator) -> Prior:
    """Of complete columns. Colours are cut off at -2 and 4: beyond, a band saw nothing. Shares of exactly 0 or 1, at which
    the survey's own fit stops, are spread over what such a fit can mean."""
    vectors = []
    for rows in (stars, galaxies):
        logits = logit(np.clip(rows["de_vaucouleurs"], 1e-3, 1 - 1e-3))
        spread = np.sign(logits) * np.abs(random.normal(2.5, 0.8, len(logits)))
        shares = expit(np.where(np.abs(logits) > 3, spread, logits))
        colours = {name: np.clip(rows[name], -2.0, 4.0) for name in COLOURS}
        vectors.append(vectors_of({**rows, **colours, "de_vaucouleurs": shares}))
    return Prior.fitted(vectors[0][:, : STAR - 2], vectors[1])


def main() -> None:
    random = np.random.default_rng(1)
    stars, galaxies = (complete(read(Path(sys.argv[1]), kind), random) for kind in (True, False))
    prior_of(stars, galaxies, random).save(OUT)


if __name__ == "__main__":
    main()
