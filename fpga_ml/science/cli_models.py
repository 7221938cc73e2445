"""`fpga-ml models ...`: the trained networks under models/, their figures and their synthesis."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from fpga_ml.config import EFFORTS, Effort
from fpga_ml.progress import muted


@click.group(invoke_without_command=True)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default="models",
    help="Folder of trained models; default: models, as in a checkout.",
)
@click.pass_context
def models(ctx: click.Context, folder: Path) -> None:
    """List the trained models with their figures; train, evaluate or synthesise one."""
    ctx.obj = folder
    if ctx.invoked_subcommand is None:
        from fpga_ml.science.models import every

        names = ("model", "what it does", "figure", "float", "hardware")
        columns = [Column(n, overflow="fold", no_wrap=n in ("model", "figure")) for n in names]
        table = Table(*columns, show_edge=False, box=SIMPLE_HEAD)
        for model in every(folder):
            title = model.title.removeprefix(f"{model.folder.name}: ")
            table.add_row(*map(Text, (model.folder.name, title, *_main_figure(model.figures))))
        Console().print(table)


def _main_figure(figures: Mapping[str, Any]) -> tuple[str, str, str]:
    """(name, of the float model, of the hardware) of the first figure; of a model that was not evaluated, how to do that."""
    first, last = figures.get("float"), figures.get("emulator")
    if not last:
        return "not evaluated", "", ""
    name = next(iter(last))
    return name, f"{first[name]:.4g}" if first else "-", f"{last[name]:.4g}"


def _show_figures(figures: dict[str, Any]) -> None:
    """One line a stage, indented; the whole-model facts are left to --json."""
    for stage, row in figures.items():
        if isinstance(row, dict):
            click.echo(f"  {stage:10} " + "  ".join(f"{name} {value:.4g}" for name, value in row.items()))


@models.command(context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def train(root: Path, name: str, arguments: tuple[str, ...]) -> None:
    """Train the model NAME; ARGUMENTS go to its train.py (--data DIR, --seeds N, ...)."""
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"  # off elsewhere, for bits that repeat; a training is twice as fast with it
    with muted():
        from fpga_ml.science.models import named
        from fpga_ml.science.models import train as run
    run(named(root, name), arguments)


@models.command("eval")
@click.argument("name")
@click.option("--data", type=click.Path(path_type=Path), help="Samples; default: sample.npz in the model's folder.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Keep the project there.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON on stdout and nothing else.")
@click.option("--save", is_flag=True, help="Save the figures in the model's folder (figures.json, card.md).")
@click.option("--rtl", is_flag=True, help="Also simulate the RTL on every sample, in Verilator (takes minutes for images).")
@click.pass_obj
def evaluate(root: Path, name: str, data: Path | None, output: Path | None, as_json: bool, save: bool, rtl: bool) -> None:
    """Compute the figures of the model NAME for every stage: float, quantised, C-simulation, emulator, RTL."""
    with muted():
        import fpga_ml.pipeline  # noqa: F401
        from fpga_ml.science import models as known
    model = known.named(root, name)
    figures = known.evaluate(model, data=data, output=output, rtl=rtl)
    if save:
        known.save(model, figures)
    if as_json:
        click.echo(json.dumps(figures, indent=2))
    else:
        click.echo(f"{model.folder}: {figures['samples']} samples of {figures['data']}")
        _show_figures(figures)
    exact = (figures["bit_exact_vs_quantised_model"], figures["bit_exact_rtl_vs_csim"])
    if False in exact or figures["emulator_mismatches"]:
        sys.exit(1)


@models.command("synth")
@click.argument("name")
@click.option("--device", "devices", multiple=True, help="Device to synthesise for; may be repeated. Default: ecp5-85k.")
@click.option(
    "--effort", "efforts", multiple=True, type=click.Choice(EFFORTS), help="How far to run synthesis; may be repeated."
)
@click.option("--time-limit", type=float, help="Time limit in seconds per device.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Keep the project there.")
@click.option("--json", "as_json", is_flag=True, help="Print the rows on stdout and nothing else.")
@click.option("--save", is_flag=True, help="Save the figures in the model's folder (synthesis.json, card.md).")
@click.pass_obj
def models_synth(
    root: Path,
    name: str,
    devices: tuple[str, ...],
    efforts: tuple[Effort, ...],
    time_limit: float | None,
    output: Path | None,
    as_json: bool,
    save: bool,
) -> None:
    """Synthesise the model NAME with open tools, by its ecp5.toml where it has one."""
    with muted():
        import fpga_ml.pipeline  # noqa: F401
        from fpga_ml.science import models as known
        from fpga_ml.science import synthesis
    model = known.named(root, name)
    rows = synthesis.figures(
        model,
        devices=devices or ("ecp5-85k",),
        efforts=efforts or ("estimate",),
        time_limit_s=time_limit,
        output=output,
    )
    if save:
        synthesis.save(model, rows)
    click.echo(json.dumps(rows, indent=2) if as_json else synthesis.table(rows), nl=as_json)
