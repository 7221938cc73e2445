"""How true a catalogue's errors are: pulls, coverage, probabilities, and errors beside the Cramer-Rao bound.

    python scripts/celeste_calibration.py [--sources 2000] [-o FOLDER] [--workers N]

Sources of Stripe 82's prior in images of 1.0 to 1.8 arc seconds of seeing, drawn by GalSim, catalogued as any survey, and
compared with their truth as `fpga-ml celeste report` does. The bound is the inverse of the Fisher information of the pixels
at the truth, without a prior, of sources without a neighbour within 8 arc seconds. "Alone" are true sources without another
within 3 arc seconds. Prints the tables of docs/celeste.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
from pyarrow import Table
from scipy.spatial import cKDTree

from fpga_ml.science.celeste.frames.psf_images import read_json
from fpga_ml.science.celeste.parameters import STAR
from fpga_ml.science.celeste.pixels import Pixels
from fpga_ml.science.celeste.population import BANDS, Prior
from fpga_ml.science.celeste.posterior import Likelihood, View
from fpga_ml.science.celeste.survey.region import images_in
from fpga_ml.science.celeste.survey.run import survey
from fpga_ml.science.celeste.survey.score import Score, matches, score, unflagged
from fpga_ml.science.celeste.survey.simulate import DEC, PIXEL_ARCSEC, RA, Conditions, draw, simulate

CONDITIONS = Conditions(seeing=(1.0, 1.8))
ALONE_ARCSEC, CLOSE_ARCSEC, SIDE = 8.0, 3.0, 61


def bound(vector: np.ndarray, images: Path, wide: int) -> float:
    """The Cramer-Rao bound of log flux in r, of a true source (12,), in the images of its field. wide: fields in a row."""
    column, row = (vector[:2] // CONDITIONS.step_arcsec).astype(int)
    sky = np.full((SIDE, SIDE), CONDITIONS.sky)
    pixels = Pixels(sky, sky, np.ones(sky.shape, bool))
    views = []
    for band, name in enumerate(BANDS):
        psf = read_json(images / f"field_{row * wide + column:04d}_{name}.psf.json").psf
        views.append(View(pixels, band, CONDITIONS.gain, psf, np.eye(2) / PIXEL_ARCSEC, np.zeros(2)))
    found = Likelihood(views).slopes(np.concatenate([np.zeros(2), vector[2 : 11 if vector[11] else STAR]]))
    assert found is not None
    return float(np.linalg.inv(found[2])[2, 2] ** 0.5)


def without_neighbours(catalogue: Table, truth: Table, arcsec: float) -> Score:
    """The comparison of the true sources that have no other within so many arc seconds."""
    places = np.stack([truth["ra"].to_numpy(), truth["dec"].to_numpy()], axis=1) * 3600
    alone = cKDTree(places).query(places, k=2)[0][:, 1] > arcsec
    which = matches(*(table[name].to_numpy() for table in (catalogue, truth) for name in ("ra", "dec")))
    return score(catalogue.filter((which >= 0) & alone[which]), truth.filter(alone))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, default=2000)
    parser.add_argument("-o", "--out", type=Path, default=Path("build") / "celeste" / "calibration")
    parser.add_argument("--workers", type=int, default=0)
    a = parser.parse_args()
    sources = draw(Prior.load(), a.sources / CONDITIONS.density, CONDITIONS, np.random.default_rng(1))
    if not (a.out / "images" / "truth.parquet").exists():
        simulate(a.out / "images", sources, 1, CONDITIONS)
    catalogue = parquet.read_table(survey(images_in(a.out / "images"), a.out, workers=a.workers))
    truth = parquet.read_table(a.out / "images" / "truth.parquet")
    found = score(catalogue, truth)
    print(
        f"{found.true} true sources, {found.sources} catalogued, {found.matched} matched, {found.flagged} of these flagged\n"
    )
    alone = without_neighbours(catalogue, truth, CLOSE_ARCSEC)
    print("| | sources | mean pull | standard deviation | within 1 sigma | within 2 sigma | alone: sources | ", end="")
    print("standard deviation | within 1 sigma |\n|---|---|---|---|---|---|---|---|---|")
    for name, one in found.pulls.items():
        other = alone.pulls[name]
        cells = f"{one.number} | {one.mean:+.2f} | {one.deviation:.2f} | {one.within_1:.1%} | {one.within_2:.1%}"
        print(f"| {name} | {cells} | {other.number} | {other.deviation:.2f} | {other.within_1:.1%} |")
    print("\n| probability of a galaxy | sources | mean probability | galaxies |\n|---|---|---|---|")
    for share in found.galaxy:
        if share.number:
            low, high = share.interval
            cells = f"{share.expected:.1%} | {share.value:.1%} ({low:.1%} to {high:.1%})"
            print(f"| {share.low:.2f} to {share.high:.2f} | {share.number} | {cells} |")
    print("\n| r | completeness | purity |\n|---|---|---|")
    purity = {share.low: share for share in found.purity}
    for share in found.completeness:
        if not share.number:
            continue
        other = purity.get(share.low)
        print(f"| {share.low:.1f} to {share.high:.1f} | {share.value:.1%} of {share.number} | ", end="")
        print(f"{other.value:.1%} of {other.number} |" if other and other.number else "|")
    rows = {name: catalogue[name].to_numpy() for name in ("ra", "dec", "flags", "log_flux_r_error")}
    ra, dec = RA + sources[:, 0] / 3600, DEC + sources[:, 1] / 3600
    which = matches(rows["ra"], rows["dec"], ra, dec)
    places = sources[:, :2]
    apart = np.sort(np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1)), axis=1)[:, 1]
    good = (which >= 0) & unflagged(rows["flags"])
    good[good] = apart[which[good]] > ALONE_ARCSEC
    wide = max(1, round(float(np.ceil(places[:, 0].max() / CONDITIONS.step_arcsec))))
    images = a.out / "images"
    ratio = [rows["log_flux_r_error"][i] / bound(sources[which[i]], images, wide) for i in np.nonzero(good)[0]]
    print(f"\nerror of log flux in r over its bound, {len(ratio)} isolated sources: median {np.median(ratio):.3f}")


if __name__ == "__main__":
    main()
