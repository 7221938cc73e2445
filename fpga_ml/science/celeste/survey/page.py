"""One page that shows a catalogue: its images with model and residual, its sources, and how it compares with a truth."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from fpga_ml import __version__
from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.population import COLOURS
from fpga_ml.science.celeste.survey import charts, pictures
from fpga_ml.science.celeste.survey.catalogue import COLUMNS
from fpga_ml.science.celeste.survey.field import Image, read_field
from fpga_ml.science.celeste.survey.measure import Quality
from fpga_ml.science.celeste.survey.render import within
from fpga_ml.science.celeste.survey.score import (
    ALLOWED,
    COVERAGE,
    MATCH_ARCSEC,
    Columns,
    Score,
    columns,
    matches,
    score,
    unflagged,
)

MOST_ROWS = 100
"""Sources in the table, brightest first."""
_CHI_SQUARE: tuple[float, ...] = tuple(np.round(np.arange(0.5, 2.01, 0.05), 2).tolist())
_PULL_NAMES = {
    "east": "Place, east",
    "north": "Place, north",
    "log_flux_r": "Flux in r",
    **{name: f"Colour {name}" for name in COLOURS},
    "de_vaucouleurs": "Share of de Vaucouleurs",
    "axis_ratio": "Axis ratio",
    "position_angle": "Position angle",
    "radius": "Half-light radius",
}


def write_page(catalogue: Path, images: Path, out: Path, truth: Path | None = None, field: str | None = None) -> Path:
    """catalogue, truth: parquet; images: the survey's folder; field: how the name of one of its images begins."""
    given = read_table(catalogue)
    rows = columns(given, tuple(name for name in COLUMNS if name != "bands"))
    real = read_table(truth) if truth else None
    found = score(given, real) if truth else None
    missed = _missed(rows, columns(real)) if truth else None
    html = render(rows, read_field(images, rows, field), found, catalogue.name, missed)
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        out.write_text(html, encoding="utf-8")
    except OSError as error:
        raise FpgaMlError(f"cannot write the page: {error}", where=str(out), do="give another file with -o") from None
    return out


def _missed(rows: Columns, truth: Columns) -> Columns:
    """Rows of the truth that the catalogue lacks."""
    lacking = matches(truth["ra"], truth["dec"], rows["ra"], rows["dec"]) < 0
    return {name: truth[name][lacking] for name in ("ra", "dec")}


def read_table(path: Path) -> Any:
    """A pyarrow table of a parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    try:
        return parquet.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise FpgaMlError(f"cannot be read: {error}", where=str(path), do="give a parquet file") from None


def render(rows: Columns, images: Sequence[Image], found: Score | None, name: str, missed: Columns | None = None) -> str:
    """rows: (N,) arrays of `catalogue.COLUMNS`; images: of one field; name: what to call the catalogue; missed: ra and dec,
    degrees, of true sources that it lacks."""
    reference = next((image for image in images if image.band == "r"), images[0])
    here = np.nonzero(within(reference.frame, rows["ra"], rows["dec"]))[0]
    here = here[np.argsort(rows["mag_r"][here], kind="stable")]
    inside = {key: values[here] for key, values in rows.items()}
    numbers = [i + 1 if i < MOST_ROWS else None for i in range(len(here))]
    page = _environment().get_template("survey.html.j2")
    return page.render(
        name=name,
        version=__version__,
        tiles=_tiles(rows, len(here), found),
        marks={key: words for key, (words, _) in pictures.MARKS.items()},
        overview=_overview(reference, inside, numbers, missed),
        reference=reference,
        bands=[_band(image, rows) for image in images],
        limit=pictures.RESIDUAL_SIGMA,
        sources=[_source(inside, i) for i in range(min(len(here), MOST_ROWS))],
        colours=COLOURS,
        more=max(len(here) - MOST_ROWS, 0),
        here=len(here),
        total=len(rows["ra"]),
        flags=_flags(rows["flags"]),
        clean=int((rows["flags"] == 0).sum()),
        chi_square=_chi_square(rows["chi_square"]),
        magnitudes=_magnitudes(rows["mag_r"]),
        score=found,
        pulls=_pulls(found),
        shares=_shares(found),
        names=_PULL_NAMES,
        allowed=pictures.words(int(ALLOWED)),
        coverage=COVERAGE,
        within=MATCH_ARCSEC,
    )


def _tiles(rows: Columns, here: int, found: Score | None) -> list[tuple[str, str, str]]:
    """Name, figure, and what is written below it."""
    number, galaxies = len(rows["ra"]), int((rows["galaxy"] > 0.5).sum())
    flagged = int((~unflagged(rows["flags"])).sum())
    chi = rows["chi_square"][np.isfinite(rows["chi_square"])]
    tiles = [
        ("Sources", str(number), f"{here} of them in the field below"),
        ("Stars and galaxies", f"{number - galaxies} + {galaxies}", "by the more probable kind"),
        ("Flagged", str(flagged), f"not counting {pictures.words(int(ALLOWED)).replace(', ', ' and ')}"),
        ("Chi square", f"{np.median(chi):.2f}" if len(chi) else "none", "a degree of freedom, median"),
    ]
    if found is not None:
        tiles += [
            ("Found", f"{found.matched} of {found.true}", "true sources"),
            ("False", str(found.sources - found.matched), f"of {found.sources} in the catalogue"),
        ]
    return tiles


def _overview(image: Image, rows: Columns, numbers: Sequence[int | None], missed: Columns | None) -> Markup:
    over = pictures.overlay(image.frame, rows, numbers) + pictures.compass(image.frame)
    if missed is not None:
        over += pictures.crosses(image.frame, missed["ra"], missed["dec"])
    return pictures.picture(f"The field in {image.band}", pictures.panels(image)["image"], image.frame, over, group="group")


def _band(image: Image, rows: Columns) -> dict[str, Any]:
    """What the page says of one image."""
    shown = pictures.panels(image)
    near = within(image.frame, rows["ra"], rows["dec"])
    inside = {key: values[near] for key, values in rows.items()}
    over = pictures.overlay(image.frame, inside, [None] * int(near.sum()))
    pull = image.residual[np.isfinite(image.residual)]
    return {
        "band": image.band,
        "file": image.path.name,
        "panels": {
            name: pictures.picture(f"{image.band}, {name}", uri, image.frame, over if name == "image" else Markup(""))
            for name, uri in shown.items()
        },
        "pixel": image.pixel_arcsec,
        "seeing": image.seeing,
        "sky": float(np.median(image.frame.background)),
        "gain": float(np.mean(image.frame.gain)),
        "masked": 100 * float(image.frame.masked.mean()),
        "mean": float(pull.mean()),
        "deviation": float(pull.std()),
        "large": int((np.abs(pull) > pictures.RESIDUAL_SIGMA).sum()),
        "pixels": len(pull),
        "notes": image.frame.notes,
    }


def _source(rows: Columns, i: int) -> dict[str, Any]:
    """A row of the table."""
    one = {name: values[i] for name, values in rows.items()}
    galaxy = bool(one["galaxy"] > 0.5)
    return {
        "number": i + 1,
        "ra": f"{one['ra']:.6f}",
        "dec": f"{one['dec']:+.6f}",
        "magnitudes": [_measured(one, name) for name in ("mag_r", *COLOURS)],
        "galaxy": f"{one['galaxy']:.2f}",
        "shape": [_measured(one, "radius"), f"{one['axis_ratio']:.2f}"] if galaxy else ["", ""],
        "chi_square": f"{one['chi_square']:.2f}",
        "mark": pictures.mark_of(int(one["flags"])),
        "flags": pictures.words(int(one["flags"])),
    }


def _measured(one: dict[str, Any], name: str) -> str:
    value, error = float(one[name]), float(one[f"{name}_error"])
    digits = int(np.clip(np.ceil(1 - np.log10(error)), 1, 3)) if 0 < error < np.inf else 2
    return f"{value:.{digits}f} \N{PLUS-MINUS SIGN} {error:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _flags(flags: Any) -> list[tuple[str, int]]:
    return [(pictures.words(int(flag)), int(((flags & int(flag)) > 0).sum())) for flag in Quality]


def _chi_square(values: Any) -> Markup:
    kept = np.clip(values[np.isfinite(values)], _CHI_SQUARE[0], _CHI_SQUARE[-1] - 1e-9)
    counts, _ = np.histogram(kept, _CHI_SQUARE)
    title = "Chi square a degree of freedom"
    return charts.histogram("chi-square", title, [int(n) for n in counts], _CHI_SQUARE, title.lower())


def _magnitudes(values: Any) -> Markup:
    if not len(values):
        return Markup("")
    edges = np.arange(np.floor(values.min() * 2), np.floor(values.max() * 2) + 2) / 2
    counts, _ = np.histogram(values, edges)
    return charts.histogram("magnitudes", "Magnitudes in r", [int(n) for n in counts], edges.tolist(), "r, mag")


def _pulls(found: Score | None) -> dict[str, Markup]:
    if found is None:
        return {}
    return {
        name: charts.pulls(f"pull-{name}", f"Pulls: {_PULL_NAMES[name]}", one)
        for name, one in found.pulls.items()
        if one.number
    }


def _shares(found: Score | None) -> list[tuple[str, str, Markup]]:
    """Title, what it says, and the plot."""
    if found is None:
        return []
    plots = [
        ("Completeness", "True sources that were found.", found.completeness, "true r, mag", "share found"),
        ("Purity", "Sources of the catalogue that are true.", found.purity, "catalogue's r, mag", "share true"),
        (
            "Star or galaxy",
            "True galaxies among sources that were given such a probability. The line is where points lie if it is right.",
            found.galaxy,
            "probability of a galaxy, mean of a bin",
            "share of galaxies",
        ),
    ]
    return [
        (title, about, charts.shares(f"share-{i}", title, bins, label, quantity))
        for i, (title, about, bins, label, quantity) in enumerate(plots)
        if bins
    ]


@cache
def _environment() -> jinja2.Environment:
    loaders = [jinja2.PackageLoader(one, "templates") for one in ("fpga_ml.science.celeste.survey", "fpga_ml.report")]
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
