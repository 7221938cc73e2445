"""`fpga-ml celeste ...`: thin; the work is in fpga_ml/science/celeste."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from fpga_ml.errors import FpgaMlError, suggest

if TYPE_CHECKING:
    from fpga_ml.science.celeste.check import Check


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


@celeste.command("fit")
@click.argument("image", type=click.Path(path_type=Path))
@click.option(
    "--at",
    "places",
    type=(float, float),
    multiple=True,
    required=True,
    help="Column and row of a source, counted from 0; may be repeated.",
)
@click.option("--gain", type=float, required=True, help="Electrons per nanomaggie.")
@click.option("--sky", type=float, required=True, help="Sky background in electrons per pixel.")
@click.option(
    "--psf",
    "psf_path",
    type=click.Path(path_type=Path),
    help="JSON of Gaussians: weights, means, covariances; default: SDSS-like.",
)
@click.option(
    "--electrons-per-unit", type=float, default=1.0, show_default=True, help="Electrons per unit of the file's pixel values."
)
@click.option("--sky-subtracted", is_flag=True, help="The sky has been subtracted from the file.")
@click.option("--hdu", type=int, default=0, show_default=True)
@click.option(
    "--side", type=int, default=51, show_default=True, help="Side of the square patch around the first source, in pixels."
)
@click.option("--kernel", default="float64", show_default=True, help="float64, or a fixed-point preset: D14, D16, D18.")
@click.option("--json", "as_json", is_flag=True, help="Print one object on stdout and nothing else.")
def fit_command(
    image: Path,
    places: tuple[tuple[float, float], ...],
    gain: float,
    sky: float,
    psf_path: Path | None,
    electrons_per_unit: float,
    sky_subtracted: bool,
    hdu: int,
    side: int,
    kernel: str,
    as_json: bool,
) -> None:
    """Find star or galaxy, position, magnitude and shape of the sources at given places in a FITS IMAGE."""
    from fpga_ml.science.celeste import SDSS_PSF, Exposure, Float64, Position, fit
    from fpga_ml.science.celeste.catalogue import as_rows
    from fpga_ml.science.celeste.emulator import Emulator
    from fpga_ml.science.celeste.images import read_fits, read_psf

    exposure = Exposure(read_psf(psf_path) if psf_path else SDSS_PSF[2], gain)
    frame = read_fits(
        image, exposure, sky=sky, electrons_per_unit=electrons_per_unit, sky_subtracted=sky_subtracted, hdu=hdu
    )
    patch, column, row = frame.cut(*places[0], side)
    start = [Position(x - column, y - row) for x, y in places]
    found = fit(patch, exposure, start, evaluator=Float64() if kernel == "float64" else Emulator(kernel))
    rows = as_rows(found, column, row)
    if as_json:
        click.echo(json.dumps({"kernel": kernel, "sources": rows}, indent=2))
        return
    for one in rows:
        errors = one.pop("errors")
        text = [
            f"{name} {value:.4g} +- {errors[name]:.2g}" if name in errors else f"{name} {value}"
            for name, value in one.items()
        ]
        click.echo("  ".join(text))


@celeste.command()
@click.option("--sources", type=click.IntRange(min=1), default=40, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--preset", default="D16", show_default=True, help="Fixed-point design of the kernel: D14, D16, D18.")
@click.option("--json", "as_json", is_flag=True, help="Print one object on stdout and nothing else.")
def field(sources: int, seed: int, preset: str, as_json: bool) -> None:
    """Catalogue a synthetic field in five bands; mean absolute errors beside the published ones."""
    from fpga_ml.science.celeste.emulator import Emulator
    from fpga_ml.science.celeste.field import rounds, score

    with click.progressbar(length=rounds(sources), file=sys.stderr) as bar:
        found = score(Emulator(preset), sources, seed, done=bar.update)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
        return
    ours = {
        "ours, variational": found.variational,
        "ours, fit in r, float64": found.fit_exact,
        f"ours, fit in r, {preset}": found.fit_fixed,
    }
    columns = list(found.published["Stripe 82, VI"])
    table = Table("mean absolute error", *columns, "kind wrong", show_edge=False)
    for name, one in ours.items():
        table.add_row(name, *_cells(one.errors, columns), f"{one.misclassified} of {one.sources}")
    for name, errors in found.published.items():
        table.add_row(f"published: {name}", *_cells(errors, columns), "")
    Console(width=140).print(table)


def _cells(errors: dict[str, float], columns: list[str]) -> list[str]:
    return [f"{errors[name]:.3f}" if name in errors else "" for name in columns]
