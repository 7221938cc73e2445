"""The pipeline, read aloud: a model and its data in, a proven project out."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from fpga_ml.bridge.convert import Graph, convert
from fpga_ml.bridge.convertible import check_model
from fpga_ml.bridge.read_graph import read_graph
from fpga_ml.config import Config, Effort
from fpga_ml.devices import PIPELINED
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.load import Source, load
from fpga_ml.frontend.prepare import Prepared, prepare, samples_of
from fpga_ml.frontend.work import check_samples
from fpga_ml.hls.csim import CSim
from fpga_ml.hls.project import build_csim, csim_of, fresh_folder, write_project, write_vectors
from fpga_ml.ir.network import Network
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.naming import Naming, folder_name
from fpga_ml.numerics.types import Raw
from fpga_ml.preflight import advice, check_asked, check_kinds, check_layers, stages_of
from fpga_ml.progress import STAGES, Watcher, stage, watching
from fpga_ml.project import Project
from fpga_ml.report import document
from fpga_ml.report.assemble import Build, assemble
from fpga_ml.report.typed import BuildReport
from fpga_ml.rtl.architecture import ARCHITECTURES
from fpga_ml.samples import Samples
from fpga_ml.simulate.compare import Check, check_csim
from fpga_ml.simulate.cosim import CosimResult, Vectors
from fpga_ml.simulate.emulate import Emulation, check_emulator
from fpga_ml.simulate.foreign import Foreign
from fpga_ml.simulate.prove import Bench, default_vectors, proof_inputs, raw_inputs
from fpga_ml.simulate.travel import write_tests
from fpga_ml.sizing import configured, fastest_clock_ns, is_limited, network_of
from fpga_ml.software.build import SOURCES, seal
from fpga_ml.software.library import write_parts
from fpga_ml.stages import Stages
from fpga_ml.synthesise.project import synthesise
from fpga_ml.toolchain.run import beside

Array = npt.NDArray[np.float64]
# Besides those of every build: {stage that is asked for: its parts}. C-simulation and the emulator run beside the stages
# from `lower` to `build rtl`.
_PARTS = {
    "csim": ("build csim", "csim", "tests"),
    "emulate": ("emulate",),
    "rtl": ("lower", "rtl"),
    "cosim": ("build rtl", "cosim"),
    "synth": ("synth",),
}


def compile(
    model: Any,
    *,
    weights: Path | str | None = None,
    data: Any = None,
    config: Config | None = None,
    output: Path | str | None = None,
    rtl: Path | str | Foreign | None = None,
    progress: bool | Watcher = True,
    **settings: Any,
) -> Project:
    """Build a trained model: an HLS project and SystemVerilog, both compared with the model bit for bit.

    Parameters
    ----------
    model
        A Keras model; a path to one (.keras, .h5, .json with `weights`); an onnx.ModelProto, or a path to one (.onnx); or a
        folder under models/.
    weights
        The weights (.h5) of a model that is given as .json.
    data
        Samples to choose types on and to simulate: an array (N, ...), a dict of arrays by the names of the inputs, or a path
        to .npz. `y` holds labels (N, ...), `class_names` one text a class. None: the folder's own, else random numbers.
    config
        Settings; by default the folder's fpga_ml.toml.
    output
        The project's folder; by default hls_projects/NAME.
    rtl
        A folder of Verilog to simulate in place of ours, such as a vendor's `syn/verilog`; a Foreign where its ports or its
        behaviour differ.
    progress
        Whether to show how far the build is, on a terminal or in a notebook; or a Watcher that shows it.
    **settings
        Fields of Config, in place of the configuration's: `compile(model, data=x, bits=8, arch="stream")`.

    Returns
    -------
    Project
        Also where a stage could not run, or found a difference: its report says why.

    Raises
    ------
    FpgaMlError
        For what cannot be built. The folder stays as it was; where there was none and C-simulation had ended, it keeps the
        HLS project. So it does when the build is interrupted.
    """
    check_kinds(data, config, rtl, weights=weights, output=output)
    Config().replace(**settings)  # raises for a wrong one before the model is read
    with watching(progress) as watcher:
        return _compiled(model, weights, data, config, output, rtl, settings, _Clock(watcher))


def _compiled(
    model: Any,
    weights: Path | str | None,
    data: Any,
    config: Config | None,
    output: Path | str | None,
    rtl: Path | str | Foreign | None,
    settings: Mapping[str, Any],
    clock: _Clock,
) -> Project:
    with clock.stage("load"):
        source = load(model, Path(weights) if weights is not None else None)
        config = configured(source, config, settings)
        given = rtl if rtl is None or isinstance(rtl, Foreign) else Foreign.of(rtl)
        stages = stages_of(config)
        clock.plan(stages, config)
        check_asked(source, config, given, stages, target := _target(output, source))
        with source.names.errors():
            check_model(source.model)
            samples = samples_of(source, data, config.seed).first(config.vectors)
            if source.model is not None and not config.force:
                check_samples(source.model, len(samples))
    with source.names.errors():
        return _built(source, samples, config, target, given, stages, clock)


def _target(output: Path | str | None, source: Source) -> Path:
    return Path(output) if output is not None else Path("hls_projects") / folder_name(source.name)


def _built(
    source: Source,
    samples: Samples,
    asked: Config,
    target: Path,
    given: Foreign | None,
    stages: Stages,
    clock: _Clock,
) -> Project:
    """Under identifiers; asked: the configuration with the user's names; given: RTL in place of our own."""
    config = source.identified(asked)
    with clock.stage("quantise"):
        prepared = prepare(source, samples, config)
    failure: BaseException | None = None
    with fresh_folder(target) as folder:
        written = _written(source, samples, prepared, config, folder, target, given, stages, clock)
        with beside(partial(_simulated, written, source, folder, clock)) as software:
            try:
                hardware = _hardware(written, software.result, source.names, folder, given, clock)
            except (FpgaMlError, KeyboardInterrupt) as error:
                if target.exists() or (isinstance(error, KeyboardInterrupt) and not software.done()):
                    raise
                if software.result().check is None:
                    raise
                hardware, failure = _without_rtl(error, folder, target, written.stages)
            made = software.result()
        build = made.build(source, asked, given, hardware, clock.timings_s)
        report = assemble(build)
        document.write(report, folder / "report.json")
    if failure is not None:
        raise failure
    if hardware.stages.runs("synth"):
        report = _synthesised(target, config, clock)
    simulator = csim_of(made.graph, target) if made.check is not None else None
    return Project(
        target,
        cast(BuildReport, report),
        source.inputs,
        simulator,
        made.layers,
        prepared.x,
        build.outputs,
        hardware.bench,
        prepared.calibrated.input_types if prepared.calibrated else (),
        tuple(tuple(t.shape[1:]) for t in source.model.outputs) if source.model is not None else (),
    )


@dataclass(frozen=True)
class _Software:
    """What is there before the RTL: the HLS project, what C-simulation and the emulator said of it, None where they did not
    run.

    stages: what can run, as far as is known; config: with the clock that was found; layers: None where the emulator is not
    to run; network: where that search has lowered it already.
    """

    stages: Stages
    config: Config
    samples: Samples
    prepared: Prepared
    graph: Graph
    layers: LayerGraph | None
    network: Network | None
    csim: CSim | None = None
    check: Check | None = None
    emulation: Emulation | None = None

    def build(
        self,
        source: Source,
        asked: Config,
        given: Foreign | None,
        hardware: _Hardware,
        timings_s: dict[str, float],
    ) -> Build:
        """As the report takes it."""
        rtl = None if hardware.bench is None else hardware.bench.rtl
        told, seen = asked.replace(clock_ns=self.config.clock_ns), (self.check, self.emulation)
        return Build(
            source,
            self.samples,
            self.prepared,
            self.graph,
            *seen,
            rtl,
            hardware.runs,
            told,
            hardware.stages,
            timings_s,
            given,
            self.layers,
        )


@dataclass(frozen=True)
class _Hardware:
    """The RTL with what simulates it, None without, what its simulations found, and which stages ran in the end."""

    bench: Bench | None
    runs: tuple[CosimResult, ...]
    stages: Stages


def _written(
    source: Source,
    samples: Samples,
    prepared: Prepared,
    config: Config,
    folder: Path,
    target: Path,
    given: Foreign | None,
    stages: Stages,
    clock: _Clock,
) -> _Software:
    """The HLS project in `folder`."""
    with clock.stage("convert"):
        graph = convert(source, prepared, config, folder)
        layers, stages = _readable(graph, stages)
    if source.model is None:
        samples = samples.labelled([shape for _, _, shape in graph.outputs], decides=False)
    if layers is not None:
        check_layers(layers, source.name, config, given, stages)
        clock.say(advice(layers, config, stages))
    network = None
    if config.auto_clock or is_limited(config):
        network, stages = _lowered(layers, config, stages, clock)
    if config.auto_clock:
        with clock.stage("clock"):
            config = _clocked(network, graph, config, stages)
    with clock.stage("write"):
        write_project(graph, folder, target, config.backend)
        _tell(source.names, *folder.rglob(f"{config.project_name}.cpp"))
    return _Software(stages, config, samples, prepared, graph, layers, network)


def _simulated(made: _Software, source: Source, folder: Path, clock: _Clock) -> _Software:
    """With C-simulation and the emulator, as far as they are to run."""
    config, graph, prepared = made.config, made.graph, made.prepared
    if made.stages.runs("csim"):
        with clock.stage("build csim"):
            csim = build_csim(graph, folder, config.backend)
        with clock.stage("csim"):
            check = check_csim(csim, graph, prepared, decides=source.decides, jobs=config.jobs)
        made = replace(made, csim=csim, check=check)
    write_vectors(folder, graph, prepared.x, _expected(made.check, prepared))
    if made.layers is not None and made.check is not None:
        with clock.stage("emulate"):
            emulation = check_emulator(made.layers, prepared.x, made.check.outputs, made.check.raw)
        made = replace(made, emulation=emulation)
    return made


def _hardware(
    made: _Software,
    simulated: Callable[[], _Software],
    names: Naming,
    folder: Path,
    given: Foreign | None,
    clock: _Clock,
) -> _Hardware:
    """The RTL in `folder`, and the tests that travel with the project. simulated: waits for C-simulation, which takes its
    time beside all that does not need it."""
    config, layers = made.config, made.layers
    network, stages = made.network, made.stages
    if network is None:
        network, stages = _lowered(layers, config, stages, clock)
    bench: Bench | None = None
    runs: tuple[CosimResult, ...] = ()
    proven: Vectors | None = None
    if network is not None and layers is not None:
        with clock.stage("rtl"):
            arch, device = ARCHITECTURES[config.arch], PIPELINED[config.device]
            own = arch.emit(network, config.clock_ns, device, frame_last=config.frame_last)
            own.write(_made(folder / "rtl"))
            write_parts(network, [layer.result for layer in layers.inputs], _made(folder / SOURCES))
            _tell(names, folder / "rtl" / f"{own.top}.sv")
            bench = Bench(own, layers, config.seed, config.simulators, given, network)
    if bench is not None and stages.runs("cosim"):
        with clock.stage("build rtl"):
            count = config.cosim_vectors or default_vectors(bench.rtl)
            asked = proof_inputs(bench, raw_inputs(bench.graph, [a[:count] for a in made.prepared.x]))
            bench.compile(folder, asked.vectors)
        csim = simulated().csim
        assert csim is not None  # nothing is co-simulated without it: see stages.py
        with clock.stage("cosim"):
            proven = asked.answered(csim.run_raw(asked.x, jobs=config.jobs))
            runs = bench.simulate(folder, proven)
    if (csim := simulated().csim) is not None:
        with clock.stage("tests"):
            rtl = None if bench is None else bench.rtl
            write_tests(folder, config.project_name, config.backend, made.graph, csim, made.prepared.x, layers, rtl, proven)
    if bench is not None:
        seal(folder)
    return _Hardware(bench, runs, stages)


def _without_rtl(
    error: FpgaMlError | KeyboardInterrupt, folder: Path, target: Path, stages: Stages
) -> tuple[_Hardware, BaseException]:
    """Where there was no project before, what had finished is kept: the HLS project and its C-simulation. The second result
    is the error to raise."""
    why = error.what if isinstance(error, FpgaMlError) else "interrupted"
    for name in ("rtl", "sim", "tests", SOURCES):
        shutil.rmtree(folder / name, ignore_errors=True)
    kept = f"'{target}' holds the HLS project and its C-simulation"
    nothing = _Hardware(None, (), stages.without("rtl", why))
    if isinstance(error, FpgaMlError):
        return nothing, FpgaMlError(error.what, where=error.where, do="; ".join(filter(None, (error.do, kept))))
    return nothing, KeyboardInterrupt(kept)


def _tell(names: Naming, *files: Path) -> None:
    """At the head of C++ or SystemVerilog: what identifiers are called by the user."""
    for file in files:
        file.write_text(names.told() + file.read_text())


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _readable(graph: Graph, stages: Stages) -> tuple[LayerGraph | None, Stages]:
    """The graph as typed layers where the emulator is to run; None where it is not, with the reason in the stages."""
    if not stages.runs("emulate"):
        return None, stages
    try:
        return read_graph(graph.hls), stages
    except FpgaMlError as error:
        return None, stages.without("emulate", error.what)


def _lowered(layers: LayerGraph | None, config: Config, stages: Stages, clock: _Clock) -> tuple[Network | None, Stages]:
    """The network that becomes RTL; None where RTL is not to be made or cannot be, with the reason in the stages."""
    if layers is None or not stages.runs("rtl"):
        return None, stages
    try:
        with clock.stage("lower"):
            return network_of(layers, config), stages
    except FpgaMlError as error:
        if is_limited(config) or config.lanes > 1:
            raise  # what was asked for cannot be had
        return None, stages.without("rtl", error.what)


def _clocked(network: Network | None, graph: Graph, config: Config, stages: Stages) -> Config:
    """With the clock of the lowest latency, which the HLS project gets too."""
    if network is None:
        raise FpgaMlError(f"no clock can be searched without RTL: {stages.text('rtl')}", do="give --clock-ns a number")
    found = config.replace(clock_ns=fastest_clock_ns(network, config))
    graph.set_clock(found.clock_ns)
    return found


def _synthesised(folder: Path, config: Config, clock: _Clock) -> dict[str, Any]:
    """The report with what synthesis found; where that fails the project stays, and its report says why."""
    try:
        with clock.stage("synth"):
            for device in config.synth_devices or (None,):
                synthesise(
                    folder,
                    device=device,
                    effort=cast(Effort, config.effort),
                    time_limit_s=config.time_limit_s,
                )
    except FpgaMlError as error:
        report = document.read(folder)
        document.write(report | {"stages": report["stages"] | {"synth": error.what}}, folder / "report.json")
        raise
    report = document.read(folder) | {"timings_s": clock.timings_s}
    document.write(report, folder / "report.json")
    return report


def _expected(check: Check | None, prepared: Prepared) -> tuple[Array | Raw, ...]:
    """What the testbench demands: C-simulation's outputs, raw where a double does not hold them; without it the quantised
    model's, where the two are the same."""
    if check is not None:
        return tuple(y if raw is None else raw for y, raw in zip(check.outputs, check.raw, strict=True))
    reference = prepared.reference
    return () if reference is None or reference.flow.behind else reference.quantised_outputs


@dataclass
class _Clock:
    """Tells the watcher which stage runs and keeps how long each took."""

    watcher: Watcher | None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        with stage(self.watcher, name):
            yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)

    def say(self, text: str) -> None:
        if self.watcher and text:
            self.watcher.say(text)

    def plan(self, stages: Stages, config: Config) -> None:
        """Tell which stages will run."""
        if self.watcher:
            asked = {"load", "quantise", "convert", "write", *(("clock",) if config.auto_clock else ())}
            asked.update(*(parts for stage, parts in _PARTS.items() if stages.runs(stage)))
            self.watcher.plan([name for name in STAGES if name in asked])

    @property
    def timings_s(self) -> dict[str, float]:
        """Of each stage that ran; of those that run side by side each has its own."""
        return {name: self.seconds[name] for name in STAGES if name in self.seconds}
