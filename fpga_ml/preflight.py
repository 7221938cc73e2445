"""What is checked before the long work of a build: that it was asked for rightly, and that this machine can do it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from fpga_ml.backends import OURS, can_compile
from fpga_ml.bridge.convertible import check_target
from fpga_ml.config import Arch, Config
from fpga_ml.devices import PLACED
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.load import Source
from fpga_ml.hls.project import check_writable
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.lowering.size import check_size, size_of
from fpga_ml.rtl.architecture import ARCHITECTURES
from fpga_ml.simulate.foreign import Foreign
from fpga_ml.simulate.prove import check_ports
from fpga_ml.stages import Stages
from fpga_ml.toolchain.needed import check_tools

_LONG_S = 150  # a build that takes longer says what could be left out


def check_kinds(data: Any, config: Any, rtl: Any, **paths: Any) -> None:
    """Raise for an argument of `compile` that is of another kind than any that it takes."""
    if config is not None and not isinstance(config, Config):
        what = f"config is of type {type(config).__name__}"
        raise FpgaMlError(what, do="give a fpga_ml.Config: Config(bits=8), or Config.read('fpga_ml.toml')")
    for name, value in paths.items():
        if value is not None and not isinstance(value, (str, Path)):
            raise FpgaMlError(f"{name} is of type {type(value).__name__}", do=f"give {name} as a path")
    if rtl is not None and not isinstance(rtl, (str, Path, Foreign)):
        raise FpgaMlError(f"rtl is of type {type(rtl).__name__}", do="give a folder of Verilog, or a Foreign of one")
    if callable(data):
        raise FpgaMlError(f"data are of type {type(data).__name__}", do="give arrays (N, ...), or a path to .npz")


def check_asked(source: Source, config: Config, rtl: Foreign | None, stages: Stages, target: Path) -> None:
    """Raise for what cannot be had on this machine, or not together, before any work."""
    check_target(config)
    _check_turns(config, rtl)
    check_writable(target)
    placers = [PLACED[d] for d in (*config.synth_devices, config.device) if d in PLACED and config.effort != "estimate"]
    check_tools(stages.running, config.simulators, {p.family for p in placers})
    if rtl is not None:
        top = source.identified(config).project_name
        outputs = [] if source.model is None else [math.prod(t.shape[1:]) for t in source.model.outputs]
        rtl.check(top, config.simulators if stages.runs("cosim") else (), len(source.inputs), outputs)


def _check_turns(config: Config, rtl: Path | str | Foreign | None) -> None:
    """Raise where sequences are to be interleaved, or frames marked, and what simulates or runs them knows no such thing."""
    if config.frame_last and config.arch is not Arch.STREAM:
        raise FpgaMlError(
            f"frame_last is set, but arch = '{config.arch}' has no frames of several beats",
            where=config.where("frame_last"),
            do="use --arch stream, or leave frame_last out",
        )
    if config.lanes > 1 and (config.arch is not Arch.STREAM or rtl is not None or config.interleave > 1):
        raise FpgaMlError(
            f"lanes = {config.lanes}, but only a stream of our own RTL takes several pixels at once, and not of sequences in"
            " turn",
            where=config.where("lanes"),
            do="use --arch stream, and leave interleave out; or leave lanes out",
        )
    if config.interleave == 1 or (config.arch is Arch.STREAM and rtl is None):
        return
    why = "RTL from elsewhere" if config.arch is Arch.STREAM else f"arch = '{config.arch}'"
    raise FpgaMlError(
        f"interleave = {config.interleave}, but {why} does not take sequences in turn, step by step",
        where=config.where("interleave"),
        do="use --arch stream and our own RTL, or leave interleave out",
    )


def check_layers(layers: LayerGraph, model: str, config: Config, given: Foreign | None, stages: Stages) -> None:
    """Raise for settings that do not suit the layers, before the long work; model: as the user calls it."""
    if stages.runs("rtl"):
        ARCHITECTURES[config.arch].check(layers, config.interval_cycles, config.interleave, config.lanes)
    if given is not None:
        check_ports(given, layers)
    if stages.runs("rtl") and not config.force:
        check_size(layers, config.arch, config.interval_cycles, simulated=stages.runs("cosim"), model=model)


def advice(layers: LayerGraph, config: Config, stages: Stages) -> str:
    """What a user may want to leave out of a long build; nothing of a short one."""
    simulated = stages.runs("cosim")
    size = size_of(layers, config.arch, config.interval_cycles, simulated=simulated)
    if not stages.runs("rtl") or size.seconds < _LONG_S:
        return ""
    minutes = f"about {size.seconds / 60:.0f} minutes" + " with its simulation" * simulated
    return f"the RTL, some {size.luts:,} LUTs, takes {minutes}; --until emulate leaves it out"


def stages_of(config: Config) -> Stages:
    """What was asked for, without what the backend's projects cannot have."""
    stages = Stages.of(config.stages)
    if config.backend not in OURS:
        stages = stages.without("emulate", f"the emulator follows the C++ of {' and '.join(OURS)} projects")
    if not can_compile(config.backend):
        stages = stages.without("csim", f"a {config.backend} project compiles only with its vendor's compiler")
    return stages
