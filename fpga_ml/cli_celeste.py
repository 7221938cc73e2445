"""`fpga-ml celeste ...`: thin; the work is in fpga_ml/celeste."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from fpga_ml.errors import FpgaMlError, suggest

if TYPE_CHECKING:
    from fpga_ml.celeste.check import Check


@click.group()
def celeste() -> None:
    """Sources in telescope images, through the pixel-likelihood kernel."""


@celeste.command()
@click.option("--preset", default="D16", show_default=True, help="Fixed-point design of the kernel: D14, D16, D18.")
@click.option("--realisations", type=click.IntRange(min=1), default=20, show_default=True, help="Noises for each scene.")
@click.option("--scene", "names", multiple=True, help="Only this scene, as the table names it; again for more.")
@click.option("--limit", type=float, help="Fail if a parameter's bias is larger, in statistical errors.")
@click.option("--json", "as_json", is_flag=True, help="Print one object on stdout and nothing else.")
def check(preset: str, realisations: int, names: tuple[str, ...], limit: float | None, as_json: bool) -> None:
    """Is fixed point good enough: bias of every parameter, in units of its statistical error, and decisions that change."""
    from fpga_ml.celeste import check as science
    from fpga_ml.celeste.design import Design
    from fpga_ml.celeste.emulator import Emulator
    from fpga_ml.celeste.simulate import SCENES, UNCLEAR

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
