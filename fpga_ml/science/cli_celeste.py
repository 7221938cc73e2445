"""`fpga-ml celeste ...`: thin; the work is in fpga_ml/science/celeste."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import Progress as RichProgress
from rich.table import Table

from fpga_ml.errors import FpgaMlError, suggest

if TYPE_CHECKING:
    from fpga_ml.science.celeste.check import Check
    from fpga_ml.science.celeste.frames import Options


@click.group()
def celeste() -> None:
    """Sources in telescope images, through the pixel-likelihood kernel."""


@celeste.command()
@click.option("--preset", default="D16", show_default=True, help="Fixed-point design of the kernel: D14, D16, D18.")
@click.option(
    "--realisations", type=click.IntRange(min=1), default=20, show_default=True, help="Noise realisations of each scene."
)
@click.option("--scene", "names", multiple=True, help="Scene to test, as named in the table; may be repeated. Default: all.")
@click.option("--limit", type=float, help="Fail if a parameter's bias is larger, in statistical errors.")
@click.option("--json", "as_json", is_flag=True, help="Print one object on stdout and nothing else.")
def check(preset: str, realisations: int, names: tuple[str, ...], limit: float | None, as_json: bool) -> None:
    """Is fixed point good enough: bias of every parameter, in units of its statistical error, and decisions that change."""
    from fpga_ml.celeste_design import Design
    from fpga_ml.science.celeste import check as science
    from fpga_ml.science.celeste.emulator import Emulator
    from fpga_ml.science.celeste.simulate import SCENES, UNCLEAR

    kernel = Emulator(Design.of(preset))
    for name in names:
        if name not in SCENES:
            raise FpgaMlError(f"unknown scene '{name}'", do=suggest(name, SCENES))
    scenes, unclear = ({name: SCENES[name] for name in names}, {}) if names else (SCENES, UNCLEAR)
    with click.progressbar(length=science.patches(realisations, scenes, unclear), file=sys.stderr) as bar:
        found = science.check(kernel, preset, realisations=realisations, scenes=scenes, unclear=unclear, done=bar.update)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
    else:
        _show(found, Console())
    if limit is not None and found.max_bias_sigma > limit:
        sys.exit(1)


def _show(found: Check, console: Console) -> None:
    scenes = Table("scene", "largest bias, % of sigma", "of", "rms, %", "value bias, %", "log L error", show_edge=False)
    for name, one in found.scenes.items():
        parameter, worst = max(one.bias.items(), key=lambda item: item[1].max)
        value = max(bias.max for bias in one.value_bias.values())
        figures = (
            f"{100 * worst.max:.2f}",
            parameter,
            f"{100 * worst.rms:.2f}",
            f"{100 * value:.2f}",
            f"{one.value_error:.3f}",
        )
        scenes.add_row(name, *figures)
    decisions = Table("star or galaxy", "asked", "galaxies", "changed", "log odds error", show_edge=False)
    for name, answer in found.decisions.items():
        decisions.add_row(name, str(answer.asked), str(answer.galaxies), str(answer.changed), f"{answer.odds_error:.3f}")
    console.print(scenes)
    console.print(decisions)
    console.print(
        f"{found.preset}: max_bias_sigma {found.max_bias_sigma:.4f}, value bias {found.max_value_bias_sigma:.4f} sigma, "
        f"log-likelihood error {found.max_value_error:.3f}, {found.decisions_changed} decisions changed"
    )


_IMAGE = (
    click.option(
        "--units", help="Of the file's values, where the header has no BUNIT: electron, adu, nanomaggy, electron/s, Jy ..."
    ),
    click.option("--electrons-per-unit", type=float, help="Electrons per unit of the file's pixel values."),
    click.option("--gain", type=float, help="Electrons per nanomaggie."),
    click.option("--zero-point", type=float, help="AB magnitude of one unit of the file."),
    click.option("--adu-gain", type=float, help="Electrons per ADU, where the header has no GAIN."),
    click.option("--exposure-time", type=float, help="Seconds, for a file of rates whose header has no EXPTIME."),
    click.option("--sky", help="Sky background in electrons per pixel, or 'auto': estimated. Default: auto."),
    click.option("--sky-subtracted", is_flag=True, help="The sky has been subtracted from the file."),
    click.option("--read-noise", type=float, help="Read-out noise in electrons; default: the header's."),
    click.option(
        "--saturate", type=float, help="Level from which pixels are saturated, in the file's units; default: the header's."
    ),
    click.option("--mask", help="File, or HDU of the image's file, whose pixels other than 0 are bad; fpM, DECam's ood."),
    click.option("--mask-bits", type=int, help="Bits of the mask that are bad. Default: all."),
    click.option("--mask-zeros", is_flag=True, help="Pixels of exactly 0 are dead."),
    click.option("--ivar", help="File, or HDU of the image's file, with the inverse variance."),
    click.option(
        "--ivar-with-sources/--ivar-without-sources",
        default=None,
        help="Whether it contains the Poisson noise of sources. Default: bright pixels tell.",
    ),
    click.option("--cosmics", is_flag=True, help="Look for cosmic rays, and leave out what they hit."),
    click.option(
        "--psf", "psf_path", help="PSF: JSON of Gaussians, PSFEx, psField, or an image. Default: SDSS-like, 3.3 px wide."
    ),
    click.option("--psf-terms", type=click.IntRange(1, 6), help="Gaussians of the PSF. Default: 2 to 4, as are needed."),
    click.option("--band", help="Name of the band; default: the header's FILTER."),
    click.option("--hdu", help="Number or name of the image's HDU. Default: the first that is an image."),
)
"""What may be said of an image that its header does not say."""


def _of_images(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_IMAGE):
        command = option(command)
    return command


@celeste.command("fit")
@click.argument("image", type=click.Path(path_type=Path))
@click.option(
    "--at",
    "places",
    type=(float, float),
    multiple=True,
    help="Column and row of a source, counted from 0; may be repeated.",
)
@click.option(
    "--at-sky",
    "sky_places",
    type=(float, float),
    multiple=True,
    help="Right ascension and declination of a source, degrees; may be repeated.",
)
@_of_images
@click.option(
    "--side", type=int, default=51, show_default=True, help="Side of the square patch around the first source, in pixels."
)
@click.option("--kernel", default="float64", show_default=True, help="float64, or a fixed-point preset: D14, D16, D18.")
@click.option("--json", "as_json", is_flag=True, help="Print one object on stdout and nothing else.")
def fit_command(
    image: Path,
    places: tuple[tuple[float, float], ...],
    sky_places: tuple[tuple[float, float], ...],
    side: int,
    kernel: str,
    as_json: bool,
    **given: Any,
) -> None:
    """Find star or galaxy, position, magnitude and shape of the sources at given places in a FITS IMAGE.

    Units, gain, noise, saturation and coordinates are those of the header where it has them; what it lacks is asked for.
    """
    from fpga_ml.science.celeste import Float64, Position, fit
    from fpga_ml.science.celeste.catalogue import as_rows, quality_of
    from fpga_ml.science.celeste.emulator import Emulator
    from fpga_ml.science.celeste.frames import read_frame

    if not places and not sky_places:
        raise FpgaMlError("there is no source to fit", do="give --at COLUMN ROW or --at-sky RA DEC")
    frame = read_frame(image, _options(given))
    places += tuple(frame.from_sky(*one) for one in sky_places)
    patch, column, row = frame.cut(*places[0], side)
    start = [Position(x - column, y - row) for x, y in places]
    evaluator = Float64() if kernel == "float64" else Emulator(kernel)
    found = fit(patch, frame.exposure(column, row), start, evaluator=evaluator)
    rows = as_rows(found, column, row, frame)
    if as_json:
        result = {"kernel": kernel, "sources": rows, **quality_of(found), "notes": list(frame.notes)}
        click.echo(json.dumps(result, indent=2))
        return
    for one in rows:
        click.echo(_line(one))
    if found.quality is not None:
        told = " The model does not describe the pixels; errors are enlarged." if found.quality.poor else ""
        told += " The pixels have less noise than their counts should: is the gain right?" if found.quality.quiet else ""
        click.echo(f"chi square {found.quality.chi_square:.3g} a degree of freedom.{told}")
    for note in frame.notes:
        click.echo(f"note: {note}")


def _line(row: dict[str, Any]) -> str:
    errors, flags = row.pop("errors"), row.pop("flags")
    text = []
    for name, value in row.items():
        number = f"{value:.6f}" if name in ("ra", "dec") else f"{value:.4g}" if isinstance(value, float) else str(value)
        text.append(f"{name} {number}" + (f" +- {errors[name]:.2g}" if name in errors else ""))
    return "  ".join([*text, *(["flags: " + ", ".join(flags)] if flags else [])])


def _options(given: dict[str, Any]) -> Options:
    """What the command line says of a file."""
    from fpga_ml.science.celeste.frames import Given, Options
    from fpga_ml.science.celeste.frames.fits_files import number_or_name

    units = ("units", "electrons_per_unit", "gain", "zero_point", "adu_gain", "exposure_time")
    sky = given["sky"]
    if sky not in (None, "auto"):
        try:
            sky = float(sky)
        except ValueError:
            raise FpgaMlError(f"--sky is '{sky}'", do="give electrons a pixel, or auto") from None
    rest = {name: value for name, value in given.items() if name not in (*units, "sky", "hdu", "psf_path")}
    return Options(
        hdu=None if given["hdu"] is None else number_or_name(given["hdu"]),
        given=Given(**{name: given[name] for name in units}),
        sky=sky,
        psf=given["psf_path"],
        **rest,
    )


@celeste.command("simulate")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--square-degrees", type=float, default=0.01, show_default=True, help="Area, rounded to whole fields.")
@click.option(
    "--field", "field_px", type=click.IntRange(min=128), default=1024, show_default=True, help="Side of a field, pixels."
)
@click.option("--density", type=float, default=20_000.0, show_default=True, help="Sources a square degree.")
@click.option(
    "--seeing",
    type=(float, float),
    default=(1.1, 1.6),
    show_default=True,
    help="Least and most FWHM of an image, in arc seconds.",
)
@click.option("--seed", type=int, default=1, show_default=True)
def simulate_command(
    folder: Path, square_degrees: float, field_px: int, density: float, seeing: tuple[float, float], seed: int
) -> None:
    """Write a simulated survey in five bands into FOLDER: FITS images, their PSFs, and truth.parquet."""
    import numpy as np

    from fpga_ml.science.celeste.population import Prior
    from fpga_ml.science.celeste.survey.simulate import Conditions, draw, simulate

    conditions = Conditions(field_px=field_px, density=density, seeing=seeing)
    with click.progressbar(length=1, file=sys.stderr) as bar:

        def started(total: int) -> Callable[[int], None]:
            bar.length = total
            return bar.update

        sources = draw(Prior.load(), square_degrees, conditions, np.random.default_rng(seed))
        simulate(folder, sources, seed, conditions, started)


@celeste.command("survey")
@click.argument("images", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder of the catalogue.")
@click.option("--workers", type=click.IntRange(min=0), default=0, help="Local processes; 0: one a core.", show_default=True)
@click.option("--dask", help="Address of a Dask scheduler in place of local processes.")
@click.option("--threshold", type=float, default=4.5, show_default=True, help="Of the detection, in standard deviations.")
@click.option("--tile", "tile_arcmin", type=float, default=3.0, show_default=True, help="Side of a tile, arc minutes.")
@click.option("--prior", type=click.Path(path_type=Path), help="JSON of a prior; default: that of Stripe 82.")
@click.option(
    "--kernel",
    default="float64",
    show_default=True,
    help="float64, or presets of the fixed-point kernel for climbs and for draws: D16/D18 (by the emulator: slow).",
)
@_of_images
def survey_command(
    images: tuple[Path, ...],
    out: Path,
    workers: int,
    dask: str | None,
    threshold: float,
    tile_arcmin: float,
    prior: Path | None,
    kernel: str,
    **given: Any,
) -> None:
    """Catalogue IMAGES, FITS files or folders of them: detect, fit all bands at once, write catalogue.parquet and .fits.

    What an earlier, interrupted call has finished is not done again.
    """
    from fpga_ml.science.celeste.survey.region import images_in
    from fpga_ml.science.celeste.survey.run import Progress, Settings, survey

    for path in images:
        if not path.exists():
            raise FpgaMlError("there is no such file or folder", where=str(path), do="give FITS images, or folders of them")
    found = [one for path in images for one in (images_in(path) if path.is_dir() else [path])]
    known = str(prior.resolve()) if prior else None
    settings = Settings(tile_arcmin, threshold=threshold, prior=known, kernel=kernel, images=_options(given))
    with RichProgress(*RichProgress.get_default_columns(), console=Console(stderr=True)) as shown:
        line = shown.add_task("", total=None)

        def told(now: Progress) -> None:
            area = f": {now.sources} sources, {now.square_arcmin:.1f} square arc minutes" if now.sources else ""
            shown.update(line, description=now.stage + area, completed=now.done, total=now.total)

        catalogue = survey(found, out, settings, workers=workers, dask=dask, told=told)
    click.echo(catalogue)


@celeste.command()
@click.argument("catalogue", type=click.Path(path_type=Path))
@click.option(
    "--images", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder of the survey's images."
)
@click.option("--truth", type=click.Path(path_type=Path), help="Parquet file of true sources, to compare with.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True)
@click.option("--field", "name", help="How the file name of an image begins, whose field is shown. Default: the first one.")
def report(catalogue: Path, images: Path, truth: Path | None, output: Path, name: str | None) -> None:
    """Show a CATALOGUE (parquet) as a page: image, model and residual of a field, sources, and how far they are true."""
    from fpga_ml.science.celeste.survey.page import write_page

    click.echo(f"wrote {write_page(catalogue, images, output, truth, name)}")
