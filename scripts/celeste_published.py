"""Published catalogues drawn again and catalogued by us: mean absolute errors and coverage beside theirs.

    python scripts/celeste_published.py ../shared/data/celeste {synthetic,s82} [-o FOLDER] [--workers N] [--kernel D16/D18]

The truths of Celeste.jl's synthetic images, or of Stripe 82's coadd, are drawn by GalSim as SDSS would see them (0.396 arc
seconds a pixel, 1.3 arc seconds of seeing, 900 electrons a nanomaggie and a sky of 600 electrons in every band), then
detected and catalogued as any survey is, with a prior fitted to all of the truths together. The published catalogues saw
other pixels of the same sources, for Stripe 82 real ones, and were told where to look. All rows are of the sources that we
found. Prints the tables of docs/celeste.md; FOLDER keeps images and catalogue.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
from fit_celeste_prior import PIXEL_ARCSEC, complete, prior_of, read
from scipy.spatial import cKDTree

from fpga_ml.science.celeste.population import COLOURS, MAGNITUDES, Prior, vectors_of
from fpga_ml.science.celeste.survey.region import images_in
from fpga_ml.science.celeste.survey.run import Settings, survey
from fpga_ml.science.celeste.survey.simulate import DEC, RA, Conditions, simulate

PUBLISHED = {"synthetic": {"VI": "vb", "MCMC": "mc"}, "s82": {"Photo": "photo", "VI": "vb", "MCMC": "mc"}}
SHAPE = {"de Vaucouleurs": "gal_frac_dev", "axis ratio": "gal_axis_ratio", "radius": "gal_radius_px"}
SDSS = Conditions(seeing=(1.3, 1.3))
Columns = dict[str, np.ndarray]


def published(path: Path) -> Columns:
    """Magnitudes and pixels; star: probability."""
    with path.open() as file:
        rows = list(csv.DictReader(file))

    def column(name: str) -> np.ndarray:
        return np.array([float(row[name]) if row.get(name) else np.nan for row in rows])

    flags = {"true": 1.0, "false": 0.0}
    found = {
        "ra": column("ra"),
        "dec": column("dec"),
        "star": np.array([flags[row["is_star"]] if row["is_star"] in flags else float(row["is_star"]) for row in rows]),
        "r": -MAGNITUDES * np.log(column("flux_r_nmgy")),
        "r_error": MAGNITUDES * column("log_flux_r_stderr"),
        **{name: column(f"color_{name.replace('-', '')}") for name in COLOURS},
        **{f"{name}_error": column(f"color_{name.replace('-', '')}_stderr") for name in COLOURS},
    }
    return found | {name: column(key) for name, key in SHAPE.items()}


def ours(path: Path) -> Columns:
    rows = parquet.read_table(path)
    found = {name: rows[name].to_numpy() for name in rows.column_names if name != "bands"}
    shapes = {"de Vaucouleurs": found["de_vaucouleurs"], "axis ratio": found["axis_ratio"]}
    light = {"star": 1 - found["galaxy"], "r": -MAGNITUDES * found["log_flux_r"], "r_error": found["mag_r_error"]}
    return found | shapes | light | {"radius": found["radius"] / PIXEL_ARCSEC}


def drawn(truths: Path, corner: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, Prior]:
    """(N, 12) sources for `simulate`, in the catalogue's order, and the prior of all of them."""
    parts, columns = {}, {}
    with truths.open() as file:
        rows = list(csv.DictReader(file))
    out = np.zeros((len(rows), 12))
    for star in (True, False):
        mine = [i for i, row in enumerate(rows) if (row["is_star"] == "true") == star]
        parts[star], columns[star] = mine, complete(read(truths, star), random)
    for star, mine in parts.items():
        size = 5 if star else 9
        out[mine, 2 : 2 + size], out[mine, 11] = vectors_of(columns[star])[:, :size], not star
    places = np.array([[float(row["ra"]), float(row["dec"])] for row in rows])
    out[:, :2] = (places - corner) * 3600
    return out, prior_of(columns[True], columns[False], random)


def table(truth: Columns, catalogues: dict[str, Columns]) -> None:
    names = ("position", "r", *COLOURS, *SHAPE)
    print("| mean absolute error | " + " | ".join(names) + " | stars missed | galaxies missed |")
    print("|---" * (len(names) + 3) + "|")
    galaxy = truth["star"] < 0.5
    for title, one in catalogues.items():
        away = np.hypot((one["ra"] - truth["ra"]) * np.cos(np.radians(truth["dec"])), one["dec"] - truth["dec"])
        errors = [np.nanmean(away) * 3600 / PIXEL_ARCSEC]
        errors += [np.nanmean(np.abs(one[name] - truth[name])) for name in ("r", *COLOURS)]
        errors += [np.nanmean(np.abs(one[name] - truth[name])[galaxy]) for name in SHAPE]
        wrong = [float((one["star"] < 0.5)[~galaxy].mean()), float((one["star"] > 0.5)[galaxy].mean())]
        print(
            f"| {title} | " + " | ".join(f"{e:.3f}" for e in errors) + " | " + " | ".join(f"{w:.1%}" for w in wrong) + " |"
        )
    print("\n| within one claimed standard deviation | " + " | ".join(("r", *COLOURS)) + " |\n|---|---|---|---|---|---|")
    for title, one in catalogues.items():
        if "r_error" in one and np.isfinite(one["r_error"]).any():
            pulls = [(one[name] - truth[name]) / one[f"{name}_error"] for name in ("r", *COLOURS)]
            shares = [np.nanmean(np.where(np.isfinite(pull), np.abs(pull) < 1, np.nan)) for pull in pulls]
            print(f"| {title} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("which", choices=PUBLISHED)
    parser.add_argument("-o", "--out", type=Path)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--kernel", default="float64")
    a = parser.parse_args()
    out, truths = a.out or Path("build") / "celeste" / a.which, a.data / f"{a.which}_truth.csv"
    truth = published(truths)
    corner = np.array([truth["ra"].min(), truth["dec"].min()]) - 20 / 3600
    sources, prior = drawn(truths, corner, np.random.default_rng(1))
    if not (out / "images" / "truth.parquet").exists():
        simulate(out / "images", sources, 1, SDSS)
    prior.save(out / "prior.json")
    survey(images_in(out / "images"), out, Settings(prior=str(out / "prior.json"), kernel=a.kernel), workers=a.workers)
    mine = ours(out / "catalogue.parquet")
    there = np.stack([RA + sources[:, 0] / 3600, DEC + sources[:, 1] / 3600], axis=1) * 3600
    distance, which = cKDTree(np.stack([mine["ra"], mine["dec"]], axis=1) * 3600).query(there)
    found = distance < 1
    matched = {name: values[which] for name, values in mine.items()}
    matched["ra"], matched["dec"] = matched["ra"] - RA + corner[0], matched["dec"] - DEC + corner[1]
    others = {title: published(a.data / f"{a.which}_{name}.csv") for title, name in PUBLISHED[a.which].items()}
    every = {"ours": matched, **others}
    print(
        f"{len(truth['ra'])} sources, {int(found.sum())} found, {len(mine['ra']) - len(set(which[found]))} without a truth\n"
    )
    table({n: v[found] for n, v in truth.items()}, {t: {n: v[found] for n, v in c.items()} for t, c in every.items()})


if __name__ == "__main__":
    main()
