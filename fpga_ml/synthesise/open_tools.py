"""Synthesis with open tools: Yosys counts, our delay model or nextpnr times."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpga_ml import progress
from fpga_ml.config import Effort
from fpga_ml.devices import DEVICES, MAPPED, PIPELINED, PLACED, Cells, DelayModel, Placer, Target
from fpga_ml.devices.pins import constraints, extension
from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.synthesise import shell
from fpga_ml.synthesise.naming import Owners
from fpga_ml.synthesise.result import ClockOrigin, Job, PathStep, Synthesis
from fpga_ml.tb.verilog import read_top
from fpga_ml.toolchain import nextpnr, yosys
from fpga_ml.toolchain.nextpnr import Placement
from fpga_ml.toolchain.yosys import Netlist
from fpga_ml.toolchain.yosys_timing import longest_path

SEED = 1
_KINDS = {"luts": "LUTs", "ffs": "flip-flops", "dsps": "DSPs", "brams": "block RAMs"}


def run(job: Job) -> Synthesis:
    """Up to the job's effort, or to Yosys' counts for a device that nextpnr does not know."""
    if job.device not in MAPPED:
        raise FpgaMlError(f"unknown device '{job.device}'", do=suggest(job.device, MAPPED))
    target, available = MAPPED[job.device], PLACED[job.device].available if job.device in PLACED else None
    placer = None if job.effort == "estimate" else PLACED.get(job.device)
    if placer is not None:
        nextpnr.nextpnr_version(placer.family)
    start = time.perf_counter()
    made = _mapped(job, target, in_shell=placer is not None)
    module = made.module
    cells = cells_of(target, made.cells)
    if available is not None:
        check_fits(cells, available, job.device, job.project)
    owners = Owners.of(module, job.top, job.layers)
    placed = None if placer is None else _placed(job, made, placer)
    timed = _timed(PIPELINED.get(job.device), module, owners, placed, job.effort)
    return Synthesis(
        tool="yosys" if placed is None else "yosys+nextpnr",
        version=made.version if placed is None else f"{made.version}, {placed.version}",
        device=job.device,
        effort="estimate" if placed is None else job.effort,
        cells=cells,
        available=available,
        fmax_mhz=timed.fmax_mhz,
        timing=timed.origin,
        latency_cycles=job.latency_cycles,
        interval_cycles=job.interval_cycles,
        critical_path=timed.path,
        seconds=time.perf_counter() - start,
        memory_mb=max(made.memory_mb, 0.0 if placed is None else placed.memory_mb),
        logs=tuple(str(f.relative_to(job.project)) for f in sorted(job.folder.glob(f"{job.effort}.*.log"))),
        layers=_by_layer(target, module, owners),
        notes=(*timed.notes, *DEVICES[job.device].notes),
    )


def left_s(deadline_s: float | None) -> float | None:
    """Of the time limit, for the next tool; the deadline by time.monotonic()."""
    return None if deadline_s is None else max(deadline_s - time.monotonic(), 0.01)


def _mapped(job: Job, target: Target, *, in_shell: bool) -> Netlist:
    """By Yosys; in a serial shell where it is to be placed."""
    files = list(job.rtl_files)
    if in_shell:
        around = job.folder / f"{shell.NAME}.sv"
        around.write_text(shell.shell_module(read_top(job.rtl_files, job.top)).text)
        files.append(around)
    progress.doing(f"{job.device}: Yosys")
    return yosys.netlist(
        files,
        job.top,
        target,
        left_s(job.deadline_s),
        job.folder,
        shell=shell.NAME if in_shell else None,
        log=job.folder / f"{job.effort}.yosys.log",
    )


def _placed(job: Job, made: Netlist, placer: Placer) -> Placement:
    return nextpnr.place_and_route(
        made.file,
        placer.family,
        placer.options,
        job.clock_ns,
        SEED,
        left_s(job.deadline_s),
        pins=shell_pins(placer, job.folder),
        route=job.effort == "route",
        log=job.folder / f"{job.effort}.nextpnr.log",
        on_line=lambda line: _tell(job, line),
    )


def shell_pins(placer: Placer, folder: Path) -> Path | None:
    """The file of constraints for the serial shell's ports; None where nextpnr may place them anywhere."""
    if not placer.pins:
        return None
    file = folder / f"pins.{extension(placer.family)}"
    file.write_text(constraints(placer.family, placer.pins))
    return file


def _tell(job: Job, line: str) -> None:
    """Progress: what nextpnr says it does, without its tables."""
    text = line.removeprefix("Info:").strip()
    if text and not text.startswith(("[", "|")):
        progress.doing(f"{job.device}: {text[:60]}")


def check_fits(needed: Cells, available: Cells, device: str, project: Path) -> None:
    """Before nextpnr looks for places that are not there. Raises FpgaMlError with what is too much."""
    for kind, name in _KINDS.items():
        takes, has = getattr(needed, kind), getattr(available, kind)
        if takes > has:
            raise FpgaMlError(
                f"the design takes {takes:,g} {name}, and {device} has {has:,}",
                where=str(project),
                do=(
                    "choose a larger device, share hardware (--interval-cycles, --max-luts, --reuse-factor), or prune the"
                    " model"
                ),
            )


def cells_of(target: Target, types: Mapping[str, int]) -> Cells:
    found = yosys.counts(target, types)
    luts = sum(yosys.luts_of(target, cell) * number for cell, number in types.items())
    return Cells(luts, int(found["ffs"]), math.ceil(found["dsps"]), found["brams"])


def _by_layer(target: Target, module: Mapping[str, Any], owners: Owners) -> dict[str, Cells]:
    """What of the design belongs to which layer; the shell around it is left out."""
    types: dict[str, dict[str, int]] = {name: {} for name in owners.layers}
    for name, layer in owners.by_cell.items():
        of_layer, kind = types.setdefault(layer, {}), yosys.type_of(module["cells"][name])
        of_layer[kind] = of_layer.get(kind, 0) + 1
    return {layer: cells_of(target, found) for layer, found in types.items()}


def path_of(placed: Placement, owners: Owners) -> tuple[PathStep, ...]:
    """nextpnr's longest path, named by layer."""
    return tuple(PathStep(owners.at(s.cell), f"{s.kind} {s.cell}", s.ns) for s in placed.path if s.ns > 0)


@dataclass(frozen=True)
class _Timed:
    """Clock, where it is from, what holds it back, and what is to be known of them."""

    fmax_mhz: float | None
    origin: ClockOrigin | None
    path: tuple[PathStep, ...]
    notes: tuple[str, ...] = ()


def _timed(
    delays: DelayModel | None, module: Mapping[str, Any], owners: Owners, placed: Placement | None, effort: Effort
) -> _Timed:
    if placed is None and delays is None:
        return _Timed(None, None, (), ("there is no delay model of this family, so an estimate has no clock",))
    if placed is not None and placed.path:
        return _Timed(1000 / placed.period_ns, "routed" if effort == "route" else "placed", path_of(placed, owners))
    if delays is None:
        assert placed is not None
        return _Timed(1000 / placed.period_ns, "placed", (), ("the clock is that of the placement, before routing",))
    path = longest_path(module, delays)
    modelled = tuple(PathStep(owners.at(name), name, ns) for name, ns in path.cells)
    if placed is None:
        note = f"timing by the delay model '{delays.name}', not by place and route"
        return _Timed(1000 / path.ns, "delay model", modelled, (note,))
    note = "the clock is that of the placement, before routing; the path is the delay model's"
    return _Timed(1000 / placed.period_ns, "placed", modelled, (note,))
