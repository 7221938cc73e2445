"""What a model takes as hardware, from the plan of its RTL: no C++, no simulator, no synthesis."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fpga_ml.bridge.convert import convert
from fpga_ml.bridge.convertible import check_model
from fpga_ml.bridge.read_graph import read_graph
from fpga_ml.config import Config
from fpga_ml.devices import PIPELINED
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.load import Source, load
from fpga_ml.frontend.prepare import Prepared, prepare, samples_of
from fpga_ml.hls.project import fresh_folder
from fpga_ml.ir.area import Area
from fpga_ml.ir.network import Network, verified
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.lowering.size import MOST_LUTS, check_size, size_of
from fpga_ml.preflight import stages_of
from fpga_ml.rtl.architecture import ARCHITECTURES, Rtl
from fpga_ml.samples import Samples
from fpga_ml.schedule.auto import clock_of_least_latency_ns
from fpga_ml.schedule.fitting import Budget, fitting

_BACKEND = "choose the backend Vitis or Vivado, or leave it out"
COSTS = ("luts", "ffs", "dsps", "rom_bits", "memory_bits", "latency_cycles", "latency_ns", "interval_cycles")


@dataclass(frozen=True)
class Estimate:
    """costs: {name: value} as COSTS; stages: of the RTL, by name, the same as far as they have it; clock_ns: the clock
    period, which is the one of the least latency where that was asked for; data_given: whether types follow from data, or
    from random numbers; notes: what a user should know."""

    model: str
    device: str
    clock_ns: float
    costs: Mapping[str, float]
    stages: Mapping[str, Mapping[str, float]]
    data_given: bool
    notes: tuple[str, ...]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def estimate(
    model: Any,
    *,
    weights: Path | str | None = None,
    data: Any = None,
    config: Config | None = None,
    rtl: Path | str | None = None,
    **settings: Any,
) -> Estimate:
    """What a trained model takes as hardware: LUTs, flip-flops, multipliers, memory, cycles.

    The model goes the way of a build up to its RTL, but nothing is compiled or simulated. The figures are those of
    a build with the same settings and data; docs/benchmarks.md compares them with Yosys.

    Parameters
    ----------
    model, weights, data
        As `fpga_ml.compile` takes them. Types of a float model follow from the data.
    config, settings
        As `fpga_ml.compile` takes them; settings of simulators and tools are not used.
    rtl
        A new folder for the SystemVerilog that a build writes. Nothing has proved it.

    Returns
    -------
    Estimate

    Raises
    ------
    FpgaMlError
        For a model that has no RTL, one whose RTL would be too large (unless `force`), settings that cannot be met, and a
        folder that is there.
    """
    began = time.perf_counter()
    folder = None if rtl is None else _new(Path(rtl))
    source = load(model, Path(weights) if weights is not None else None)
    config = configured(source, config, settings)
    stages = stages_of(config.replace(until="rtl"))
    if not stages.runs("rtl"):
        raise FpgaMlError(f"nothing to estimate: {stages.text('emulate')}", where=f"backend '{config.backend}'", do=_BACKEND)
    with source.names.errors():
        check_model(source.model)
        samples = samples_of(source, data, config.seed).first(config.vectors)
    _, layers = typed(source, config, samples)
    config, made = planned(layers, config, source.name)
    if folder:
        with fresh_folder(folder) as new:
            made.write(new)
    by_stage = {
        stage.name: {
            **_area(stage.area),
            "latency_cycles": stage.latency_cycles,
            "interval_cycles": stage.interval_cycles,
        }
        for stage in made.stages
    }
    return Estimate(
        model=source.name,
        device=str(config.device),
        clock_ns=config.clock_ns,
        costs=costs_of(made, config.clock_ns),
        stages=by_stage,
        data_given=samples.measured,
        notes=tuple(made.notes(config.interval_cycles)),
        seconds=round(time.perf_counter() - began, 2),
    )


def _new(folder: Path) -> Path:
    if folder.exists():
        raise FpgaMlError(f"'{folder}' is there already", where="--rtl", do="name a new folder")
    return folder


def configured(source: Source, config: Config | None, settings: Mapping[str, Any]) -> Config:
    """The user's configuration, or the one in the model's folder, with settings in their place."""
    if config is not None and not isinstance(config, Config):
        raise FpgaMlError(f"config is a {type(config).__name__}", do="give a fpga_ml.Config, such as Config.read(path)")
    return (config or (Config.read(source.config) if source.config else Config())).replace(**settings)


def typed(source: Source, config: Config, samples: Samples) -> tuple[Prepared, LayerGraph]:
    """The model as layers with types, as a build makes them; under identifiers."""
    with source.names.errors(), tempfile.TemporaryDirectory() as scratch:
        identified = source.identified(config)
        prepared = prepare(source, samples, identified)
        graph = convert(source, prepared, identified, Path(scratch))
        return prepared, read_graph(graph.hls)


def network_of(layers: LayerGraph, config: Config) -> Network:
    """The network that becomes RTL, within the limits that the configuration sets."""
    arch, budget = ARCHITECTURES[config.arch], Budget(config.max_luts, config.max_dsps)
    ask = partial(arch.lower, layers, interleave=config.interleave, lanes=config.lanes)
    if not is_limited(config):
        return ask(config.interval_cycles)
    shortest = config.interval_cycles or arch.shortest_interval(layers, config.lanes)
    try:
        interval, least = fitting(partial(ask, least=True), shortest, budget)
    except FpgaMlError:
        if size_of(layers, config.arch, None, simulated=False).luts > (config.max_luts or MOST_LUTS):
            raise
        at_once = ask(None)  # has no multipliers by constants
        if budget.holds(at_once):
            return at_once
        raise
    sooner = ask(interval)
    return sooner if budget.holds(sooner) else least


def is_limited(config: Config) -> bool:
    """Whether LUTs or multipliers have a limit."""
    return (config.max_luts, config.max_dsps) != (None, None)


def fastest_clock_ns(network: Network, config: Config) -> float:
    """The clock period of the least latency."""
    arch, known, device = ARCHITECTURES[config.arch], verified(network), PIPELINED[config.device]
    return clock_of_least_latency_ns(lambda ns: arch.latency_cycles(known, ns, device))


def planned(layers: LayerGraph, config: Config, model: str) -> tuple[Config, Rtl]:
    """The RTL of typed layers, and the configuration with the clock that was found. Raises FpgaMlError for RTL that is too
    large to be made."""
    arch = ARCHITECTURES[config.arch]
    arch.check(layers, config.interval_cycles, config.interleave, config.lanes)
    if not config.force:
        check_size(layers, config.arch, config.interval_cycles, simulated=False, model=model)
    network = network_of(layers, config)
    if config.auto_clock:
        config = config.replace(clock_ns=fastest_clock_ns(network, config))
    return config, arch.emit(network, config.clock_ns, PIPELINED[config.device], frame_last=config.frame_last)


def costs_of(rtl: Rtl, clock_ns: float) -> dict[str, float]:
    """{name: value} as COSTS."""
    return {
        **_area(rtl.area),
        "ffs": rtl.register_bits,
        "latency_cycles": rtl.latency_cycles,
        "latency_ns": round(rtl.latency_cycles * clock_ns, 3),
        "interval_cycles": rtl.interval_cycles,
    }


def _area(area: Area) -> dict[str, float]:
    return {
        "luts": area.luts,
        "dsps": area.multipliers,
        "rom_bits": area.rom_bits,
        "memory_bits": area.memory_bits,
    }
