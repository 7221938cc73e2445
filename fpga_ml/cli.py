"""The command line: thin; every command is a few calls of the Python API."""

from __future__ import annotations

import json
import os
import signal
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from fpga_ml import __version__
from fpga_ml.config import CONFIG_FILE, EFFORTS, STAGES, Arch, Config, Effort
from fpga_ml.devices import PIPELINED
from fpga_ml.errors import FpgaMlError
from fpga_ml.progress import muted, stage, watching

if TYPE_CHECKING:
    from fpga_ml.simulate.foreign import Foreign

# TensorFlow greets on stderr unless told not to, before it is imported; there is no GPU to look for.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

_INTERRUPTED = 130
_MODELS = Path("models")


class _Group(click.Group):
    """Turns an error into one message and an exit code; a traceback only with --debug. A kill is an interruption like
    Ctrl-C."""

    def invoke(self, ctx: click.Context) -> Any:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        debug = bool(ctx.params.get("debug"))
        if not debug:
            warnings.simplefilter("ignore")
        try:
            return super().invoke(ctx)
        except FpgaMlError as error:
            if debug:
                raise
            Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {error}", markup=False)
            sys.exit(1)
        except KeyboardInterrupt as stop:
            kept = str(stop) or "the previous project is untouched"
            Console(stderr=True, soft_wrap=True).print(f"interrupted; {kept}", markup=False, highlight=False)
            os._exit(_INTERRUPTED)  # at once: TensorFlow takes its time to end


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
def main(debug: bool) -> None:
    """Trained neural networks as FPGA logic that answers in nanoseconds."""


_PATH = click.Path(path_type=Path)
# What is built, and for what device.
_DESIGN = (
    click.argument("model", type=_PATH),
    click.option("--weights", type=_PATH, help="Weights file (.h5) of a model given as .json."),
    click.option("--data", type=_PATH, help="Samples: an .npz with x (or one array per input) and optionally labels y."),
    click.option("--config", "config_path", type=_PATH, help="Settings file; default: fpga_ml.toml in the model's folder."),
    click.option(
        "--arch",
        type=click.Choice([str(arch) for arch in Arch]),
        help="parallel: all inputs in one clock cycle. stream: one pixel or time step per transfer.",
    ),
    click.option("--clock-ns", help="Clock period in ns; auto: the period that gives the RTL the lowest latency."),
    click.option("--device", type=click.Choice(list(PIPELINED)), help="Target device; its delay model sets the pipelining."),
    click.option("--bits", type=int, help="Bits of weights and activations that have no quantizer."),
    click.option(
        "--saturate",
        is_flag=True,
        default=None,
        help="Let rare values saturate where that makes the rounding error of a type smaller.",
    ),
    click.option("--reuse-factor", type=int, help="How many products share one multiplier (hls4ml's ReuseFactor)."),
    click.option("--interval-cycles", type=int, help="Most cycles between two inferences, in which layers share hardware."),
    click.option(
        "--interleave", type=int, help="Number of sequences that a recurrent stream processes in turn, step by step."
    ),
    click.option("--lanes", type=int, help="Pixels or particles of a stream that pass in one clock cycle."),
    click.option(
        "--frame-last",
        is_flag=True,
        default=None,
        help="Streams have TLAST, and frames of a wrong length are flagged.",
    ),
    click.option("--max-luts", type=int, help="Limit on estimated LUTs; layers share hardware to meet it."),
    click.option("--max-dsps", type=int, help="Limit on multipliers; layers share hardware to meet it."),
    click.option("--strategy", help="hls4ml strategy: latency, resource, resource_unrolled or distributed_arithmetic."),
    click.option("--vectors", type=int, help="Samples for calibration and C-simulation."),
    click.option("--force", is_flag=True, default=None, help="Build even if the estimated size or time is too large."),
)
# Besides, of every building command.
_BUILD = (
    click.option("-o", "--output", type=_PATH, help="Project folder to write; default: hls_projects/NAME."),
    click.option("--backend", help="hls4ml backend: Vitis, Vivado, Quartus, oneAPI, Catapult, Libero."),
    click.option("--part", help="FPGA part number for the HLS project, as the vendor writes it."),
    click.option(
        "--simulator", "simulators", multiple=True, help="Simulator of the RTL, verilator or icarus; default: both."
    ),
    click.option(
        "--synth-device",
        "synth_devices",
        multiple=True,
        help="With --until synth: device to synthesise for, if not --device.",
    ),
    click.option("--effort", type=click.Choice(EFFORTS), help="How far to run synthesis: estimate, place or route."),
    click.option("--time-limit", "time_limit_s", type=float, help="Time limit for synthesis, in seconds per device."),
    click.option("--jobs", type=int, help="Threads for C-simulation; 0: one per core."),
    click.option("-v", "--verbose", is_flag=True, help="Print tables of metrics and types, and every check."),
    click.option("--json", "as_json", is_flag=True, help="Print report.json on stdout and nothing else."),
)


def _options(*groups: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    def decorated(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return decorated


@main.command("compile")
@_options(_DESIGN, _BUILD)
@click.option("--until", type=click.Choice(STAGES), help="Last stage to run.")
def compile_command(**options: Any) -> None:
    """Build MODEL: a .keras, .h5, .onnx or .json file, or a folder under models/."""
    _build(**options)


@main.command()
@_options(_DESIGN, _BUILD)
def convert(**options: Any) -> None:
    """Write the HLS project of MODEL without simulating it."""
    _build(**options, until="convert")


@main.command()
@_options(_DESIGN, _BUILD)
def csim(**options: Any) -> None:
    """Build MODEL up to C-simulation and compare it with the model."""
    _build(**options, until="csim")


def _build(
    model: Path,
    weights: Path | None,
    data: Path | None,
    config_path: Path | None,
    output: Path | None,
    as_json: bool,
    verbose: bool = False,
    rtl: Foreign | None = None,
    **settings: Any,
) -> None:
    settings |= {name: settings.get(name) or None for name in ("simulators", "synth_devices")}
    settings |= _clock(settings.get("clock_ns"))
    config = _config_of(model, config_path).replace(**settings)
    with muted():
        from fpga_ml.explore.hint import hint
        from fpga_ml.pipeline import compile
    from fpga_ml.report.brief import show_brief
    from fpga_ml.report.summary import show

    project = compile(model, weights=weights, data=data, config=config, output=output, rtl=rtl)
    if as_json:
        click.echo(json.dumps(project.report, indent=2))
    else:
        show_brief(project.report, Console(), project.folder / "report.html")
        if verbose:
            show(project.report, Console())
        if rtl is None and (line := hint(model, data, config, project.report["timings_s"])):
            Console().print(line, soft_wrap=True, markup=False, highlight=False)
    if config.until is not None:
        _check_ran(project.report["stages"], config.stages)
    if not project.agrees:
        sys.exit(1)


def _config_of(model: Path, given: Path | None) -> Config:
    """The user's settings, or those in the model's folder; an error of them comes before Keras is imported."""
    own = model / CONFIG_FILE
    path = given or (own if own.exists() else None)
    return Config.read(path) if path else Config()


def _check_ran(states: Mapping[str, str], asked: Sequence[str]) -> None:
    """Raise for a stage that was asked for and did not run."""
    for name in asked:
        if states[name] != "ran":
            raise FpgaMlError(
                f"stage '{name}' was asked for and did not run: {states[name]}",
                do="ask for fewer stages (--until), or change what stands in its way; the project holds the others",
            )


def _clock(text: str | None) -> dict[str, Any]:
    """Settings of --clock-ns: a number, or `auto`."""
    if text is None or text == "auto":
        return {"clock_ns": None, "auto_clock": text and True}
    try:
        return {"clock_ns": float(text), "auto_clock": False}
    except ValueError:
        raise FpgaMlError(f"--clock-ns {text} is no number", do="give a clock period in ns, or auto") from None


@main.command()
@_options(_DESIGN)
@click.option("--rtl", type=click.Path(path_type=Path), metavar="FOLDER", help="A new folder for the RTL, not proved.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON on stdout and nothing else.")
def estimate(
    model: Path,
    weights: Path | None,
    data: Path | None,
    config_path: Path | None,
    rtl: Path | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Estimate what MODEL takes as hardware, without building it."""
    settings |= _clock(settings.get("clock_ns"))
    config = _config_of(model, config_path).replace(**settings)
    with muted():
        from fpga_ml.sizing import estimate as estimated
    from fpga_ml.report.brief import show_estimate

    found = estimated(model, weights=weights, data=data, config=config, rtl=rtl)
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2))
    else:
        show_estimate(found.as_json(), Console())


@main.command()
@_options(_DESIGN, _BUILD)
def emulate(**options: Any) -> None:
    """Build MODEL up to the emulator and compare it with C-simulation."""
    _build(**options, until="emulate")


@main.command()
@_options(_DESIGN, _BUILD)
def rtl(**options: Any) -> None:
    """Build MODEL up to SystemVerilog."""
    _build(**options, until="rtl")


@main.command()
@_options(_DESIGN, _BUILD)
@click.option("--rtl", type=click.Path(path_type=Path), help="Verilog to simulate instead of ours (a vendor's syn/verilog).")
@click.option("--rtl-top", default="", metavar="NAME", help="With --rtl: its top module; default: the project's name.")
@click.option(
    "--port",
    "ports",
    multiple=True,
    metavar="OURS=THEIRS",
    help="With --rtl: the name of a port in that RTL; may be repeated.",
)
@click.option("--skip", multiple=True, type=click.Choice(("resets", "idle")), help="With --rtl: a check to leave out.")
@click.option(
    "--flush",
    default=0,
    metavar="N",
    help="With --rtl: send N more vectors, for pipelines that output a frame only when the next one comes.",
)
def cosim(rtl: Path | None, rtl_top: str, ports: tuple[str, ...], skip: tuple[str, ...], flush: int, **options: Any) -> None:
    """Build MODEL up to RTL simulation: Verilator and Icarus against C-simulation."""
    from fpga_ml.simulate.foreign import Foreign, ports_given

    if rtl is None and (rtl_top or ports or skip or flush):
        raise FpgaMlError(
            "--rtl-top, --port, --skip and --flush are for RTL from elsewhere", do="give its folder with --rtl"
        )
    foreign = None if rtl is None else Foreign.of(rtl, ports_given(ports), skip, flush, rtl_top)
    _build(**options, until="cosim", rtl=foreign)


@main.command()
@click.argument("project", type=click.Path(path_type=Path))
@click.option(
    "--tool", default="open", help="open (Yosys and nextpnr; default), vivado, quartus, or vitis: the HLS project."
)
@click.option(
    "--device",
    "devices",
    multiple=True,
    help="Device to synthesise for; may be repeated. Default: the device of the project.",
)
@click.option(
    "--effort",
    type=click.Choice(EFFORTS),
    help="How far to run synthesis; default: estimate, or route for vivado and quartus.",
)
@click.option("--steps", help="With --tool vitis: steps to run, of csim,synth,cosim,export,vsynth; default: the first four.")
@click.option(
    "--only",
    type=click.Choice(("scripts", "reports")),
    help="scripts: write the vendor tool's scripts. reports: read the reports of a run that you started.",
)
@click.option("--time-limit", type=float, help="Time limit in seconds per device.")
@click.option("--json", "as_json", is_flag=True, help="Print the results, as in report.json, on stdout and nothing else.")
def synth(
    project: Path,
    tool: str,
    devices: tuple[str, ...],
    effort: Effort | None,
    steps: str | None,
    only: str | None,
    time_limit: float | None,
    as_json: bool,
) -> None:
    """Synthesise the RTL of a PROJECT folder; results go into its report.json."""
    with muted():
        from fpga_ml.synthesise.project import synthesise, write_scripts
    from fpga_ml.report.summary import synthesis

    asked = tuple(steps.split(",")) if steps else ()
    if only == "scripts":
        for device in devices or (None,):
            click.echo(write_scripts(project, tool=tool, device=device, effort=effort, steps=asked))
        return
    with watching(True) as watcher, stage(watcher, "synth"):
        run = partial(synthesise, time_limit_s=time_limit, only_reports=only == "reports")
        rows = [
            run(project, tool=tool, device=device, effort=effort, steps=asked).as_json() for device in devices or (None,)
        ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        click.echo("\n".join(synthesis(rows)))


@main.command()
@click.argument("project", type=click.Path(path_type=Path))
@click.option("--board", default="ulx3s-85f", help="Board; default: ulx3s-85f.")
@click.option("--line", default="uart", help="Connection to the host, uart or spi; default: uart.")
@click.option("--baud", type=click.IntRange(1), default=1_000_000, help="Baud rate of the UART; default: 1,000,000.")
@click.option("--only", type=click.Choice(("sources",)), help="Write the sources and pin constraints, but no bitstream.")
@click.option("--time-limit", type=float, help="Time limit in seconds.")
def board(project: Path, board: str, line: str, baud: int, only: str | None, time_limit: float | None) -> None:
    """Put the RTL of a PROJECT folder into a bitstream, behind a line that fpga_ml.board talks to."""
    from fpga_ml.board.build import build, write_sources
    from fpga_ml.report.summary import synthesis

    if only == "sources":
        click.echo(write_sources(project, board, line=line, baud=baud).folder)
        return
    with watching(True) as watcher, stage(watcher, "bitstream"):
        built = build(project, board, line=line, baud=baud, time_limit_s=time_limit)
    console = Console()
    console.print("\n".join(synthesis([built.result.as_json()])), soft_wrap=True, highlight=False, markup=False)
    console.print(f"  bitstream: {built.file}\n  to load it: {built.load}", soft_wrap=True, markup=False)


@main.command()
@click.argument("project", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="NAME.so, or a folder; default: the folder NAME_vVERSION."
)
@click.option("--name", help="Of the model, with which all symbols begin; default: its own.")
@click.option("--version", default="1", help="Version, in all symbols too; default: 1.")
@click.option("--march", help="Least processor, as the compiler's -march: x86-64-v3, native; default: any.")
def emulator(project: Path, output: Path | None, name: str | None, version: str, march: str | None) -> None:
    """Make the network of a PROJECT folder a C++ library that needs nothing else, with a certificate."""
    with muted():
        from fpga_ml.software.build import build_library
    with watching(True) as watcher, stage(watcher, "library"):
        built = build_library(project, output, name=name, version=version, march=march)
    told = f"{built.library}: {built.vectors:,} vectors are equal in every bit: {', '.join(built.agreed)}"
    Console().print(f"{told}\n  certificate: {built.certificate}", soft_wrap=True, highlight=False, markup=False)


@main.command()
@click.argument("certificate", type=click.Path(path_type=Path))
@click.option("--project", type=click.Path(path_type=Path), help="The project's folder, where it has moved.")
@click.option("--quick", is_flag=True, help="Check files and library, and do not run C-simulation and RTL again.")
def verify(certificate: Path, project: Path | None, quick: bool) -> None:
    """Check a CERTIFICATE again: files, library, C-simulation and RTL."""
    with muted():
        from fpga_ml.software.build import verify as check
    with watching(True) as watcher, stage(watcher, "verify"):
        wrong = check(certificate, project=project, simulate=not quick)
    if wrong:
        raise FpgaMlError("; ".join(wrong), where=str(certificate), do="build the project and its library again")
    click.echo(f"{certificate}: holds")


@main.command()
@click.argument("projects", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="HTML file; default: beside the (first) report.json.")
@click.option("-v", "--verbose", is_flag=True, help="Of one project: print tables of metrics and types, and every check.")
@click.option("--json", "as_json", is_flag=True, help="Print report.json, or the comparison, and write no HTML.")
def report(projects: tuple[Path, ...], output: Path | None, verbose: bool, as_json: bool) -> None:
    """Show the report of a project folder, or a search, and write its page again; of two, put them side by side."""
    from fpga_ml.report.show import show_one, show_two

    if len(projects) > 2:
        raise FpgaMlError(f"{len(projects)} projects given", do="give one project to show, or two to compare")
    of_searches = [(project / "search.json").exists() for project in projects]
    if any(of_searches) and not all(of_searches):
        raise FpgaMlError("one of the folders is a search, the other is not", do="give two projects, or two searches")
    if all(of_searches):
        with muted():
            from fpga_ml.explore.show import show_folders
        show_folders(projects, output=output, as_json=as_json)
        return
    if len(projects) == 1:
        show_one(*projects, output=output, as_json=as_json, verbose=verbose)
    else:
        show_two(*projects, output=output, as_json=as_json)


@main.command()
@click.option("--layers", is_flag=True, help="List what becomes of every layer and option, and the operations that convert.")
@click.option("--install", type=click.Choice(("hgq2",)), help="Install HGQ2, for models with its layers.")
def doctor(layers: bool, install: str | None) -> None:
    """List the tools that are there, and what is missing for what and how to get it."""
    from rich.table import Column, Table
    from rich.text import Text

    from fpga_ml.toolchain import beside, cache, hgq2
    from fpga_ml.toolchain.find import find_all

    if install is not None:
        click.echo(hgq2.install())
        return
    if layers:
        with muted():
            from fpga_ml.activations import CONVERTIBLE
            from fpga_ml.frontend.operations.table import supported_operations
            from fpga_ml.frontend.support.table import rows
        for name, verdict, said in rows():
            click.echo(f"{name:26}  {verdict:18}  {said.replace('`', '')}".rstrip())
        for kind, names in (("activations", sorted(CONVERTIBLE)), ("operations of keras.ops", supported_operations())):
            click.echo(f"\n{kind} that convert: {', '.join(names)}")
        return
    every, console = find_all(), Console()
    table = Table(*(Column(name, overflow="fold") for name in ("tool", "needed for", "version", "where")), show_edge=False)
    for found in every:
        if found.present:
            elsewhere = not found.tool.package or found.path == str(beside.folder())
            where = found.path if elsewhere else "this environment"
            table.add_row(*map(Text, (found.tool.name, found.tool.needed_for, found.version, where)))
    console.print(table)
    for found in every:
        if not found.present:
            told = f": {found.tool.name}, for {found.tool.needed_for}; to get it: {found.tool.get}"
            console.print(Text.assemble(("missing", "yellow"), told))
    console.print(Text(cache.described()))


@main.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Samples with labels: an .npz with x and y.")
@click.option("--train", type=click.Path(path_type=Path), help="Samples with labels to train each trial on; default: none.")
@click.option("--epochs", type=int, default=5, show_default=True, help="With --train: epochs of each trial.")
@click.option("--hgq", is_flag=True, help="With --train: HGQ2 trains the width of each weight; a trial is a level of this.")
@click.option("--objective", help="auc, accuracy, mse, width or module:function; default: auc of classes, mse of targets.")
@click.option("--cost", "costs", default="luts,latency_ns", show_default=True, help="Costs of the front, with commas.")
@click.option("--trials", type=int, default=40, show_default=True, help="Number of trials, earlier runs included.")
@click.option(
    "--time",
    "time_s",
    type=float,
    metavar="SECONDS",
    help="Ask for no more trials after so many seconds.",
)
@click.option(
    "--trial-limit", "trial_limit_s", type=float, default=600, show_default=True, help="Seconds that one trial may take."
)
@click.option("--prove", type=int, metavar="N", help="Points of the front to build and simulate; default: all.")
@click.option("--workers", type=int, default=0, help="Local processes; default: one per core.")
@click.option("--dask", metavar="ADDRESS", help="Dask scheduler whose workers compute the trials; they see the same files.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the trials.")
@click.option("--sampler", default="nsga2", show_default=True, help="Optuna's sampler: nsga2 or tpe.")
@click.option("--generation", type=int, default=8, show_default=True, help="Trials that are asked for at a time.")
@click.option("--marks", type=click.Path(path_type=Path), help="JSON list of published points to show beside.")
@click.option("--config", "config_path", type=click.Path(path_type=Path), help="Settings file, as of compile.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder of the search; default: searches/NAME.")
@click.option("--arch", type=click.Choice([str(arch) for arch in Arch]), help="Architecture of the RTL.")
@click.option("--device", type=click.Choice(list(PIPELINED)), help="Target device.")
@click.option("--clock-ns", type=float, help="Clock period in ns.")
@click.option("--interval-cycles", type=int, help="Clock cycles between two inferences.")
@click.option("--json", "as_json", is_flag=True, help="Print search.json on stdout and nothing else.")
def search(model: Path, config_path: Path | None, costs: str, marks: Path | None, as_json: bool, **options: Any) -> None:
    """Search the bits of a float MODEL: a front of quality against LUTs and latency, every point proved."""
    config = _config_of(model, config_path)
    with muted():
        from fpga_ml.explore.search import search
    from fpga_ml.explore.show import read_marks, show

    asked = [name.strip() for name in costs.split(",")]
    found = search(model, costs=asked, marks=read_marks(marks), config=config, **options)
    if as_json:
        click.echo(json.dumps(found.found, indent=2))
    else:
        show(found, Console())
    if not found.agrees:
        sys.exit(1)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path), default=".")
def new(folder: Path) -> None:
    """Write a commented fpga_ml.toml into FOLDER (default: this one), with every setting."""
    target = folder / CONFIG_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write((Path(__file__).parent / "new.toml").read_text(encoding="utf-8"))
    except FileExistsError:
        raise FpgaMlError("there is a file already", where=str(target), do="remove it, or choose another folder") from None
    except OSError as error:
        raise FpgaMlError(f"cannot write: {error.strerror}", where=str(target), do="choose another folder") from None
    click.echo(f"{target}: all settings, commented out; use it with fpga-ml compile MODEL --config {target}")


@main.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the completion script of SHELL: eval "$(fpga-ml completion bash)"."""
    from click.shell_completion import get_completion_class

    script = get_completion_class(shell)
    assert script is not None  # each of the choices has one
    click.echo(script(main, {}, "fpga-ml", "_FPGA_ML_COMPLETE").source())


@main.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Project folder; default hls_projects/jet_cnn.")
def demo(output: Path | None) -> None:
    """Take the jet CNN on real jets through the pipeline."""
    _build(_MODELS / "jet_cnn", weights=None, data=None, config_path=None, output=output, as_json=False)
