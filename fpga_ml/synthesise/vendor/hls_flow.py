"""The HLS project through Vitis HLS or Vivado HLS: hls4ml's own build_prj.tcl, which runs where the project lies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from fpga_ml.devices import Cells
from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.synthesise.result import Job, Synthesis
from fpga_ml.synthesise.vendor.flow import Flow
from fpga_ml.synthesise.vendor.hls import read_cosim, read_csynth
from fpga_ml.toolchain import vitis
from fpga_ml.toolchain.batch import Batch

STEPS = ("csim", "synth", "cosim", "export", "vsynth")
DEFAULT_STEPS = ("csim", "synth", "cosim", "export")
_SCRIPT, _OPTIONS = "build_prj.tcl", "build_opt.tcl"


def part_of(project: Path) -> str:
    """The part that the HLS project is for."""
    found = re.search(r'^set part "([^"]+)"', _settings(project), re.MULTILINE)
    if found is None:
        raise FpgaMlError("project.tcl names no part", where=str(project / "project.tcl"), do="compile the model again")
    return found[1]


def _settings(project: Path) -> str:
    file = project / "project.tcl"
    if not file.exists():
        raise FpgaMlError(
            "there is no HLS project for Vitis HLS or Vivado HLS",
            where=str(project),
            do="compile with --backend Vitis or Vivado",
        )
    return file.read_text()


def _steps(job: Job) -> tuple[str, ...]:
    for step in job.steps:
        if step not in STEPS:
            raise FpgaMlError(f"unknown step '{step}'", where="--steps", do=suggest(step, STEPS))
    return tuple(job.steps) or DEFAULT_STEPS


def _report_folder(job: Job) -> Path:
    return job.project / f"{job.top}_prj" / "solution1"


def _reports(job: Job) -> tuple[Path, ...]:
    """Those of the steps that are run, that of C synthesis first."""
    steps, folder = _steps(job), _report_folder(job)
    made = (
        ("synth", folder / "syn" / "report" / f"{job.top}_csynth.xml"),
        ("cosim", folder / "sim" / "report" / f"{job.top}_cosim.rpt"),
    )
    return tuple(file for step, file in made if step in steps)


def _write(job: Job) -> Batch:
    part = part_of(job.project)
    if job.device != part:
        raise FpgaMlError(
            f"the HLS project is for {part}, not for {job.device}", where="--device", do=f"compile with --part {job.device}"
        )
    steps = _steps(job)
    if "synth" not in steps:
        raise FpgaMlError("without the step synth there is nothing to report", where="--steps", do="add synth to the steps")
    options = {"reset": 1} | {name: int(name in steps) for name in STEPS} | {"validation": 0, "fifo_opt": 0}
    if re.search(r'^set backend "vivado"', _settings(job.project), re.MULTILINE):
        return vitis.batch_vivado_hls(_SCRIPT, job.project, options)
    body = "".join(f"    {name:<10} {value}\n" for name, value in options.items())
    (job.project / _OPTIONS).write_text(f"array set opt {{\n{body}}}\n")
    return vitis.batch(_SCRIPT, job.project)


def _read(job: Job) -> Synthesis:
    found = _reports(job)
    csynth, cosim = read_csynth(found[0]), read_cosim(found[1]) if len(found) > 1 else None
    if cosim is not None and cosim.status.lower() != "pass":
        raise FpgaMlError(
            f"C/RTL co-simulation says '{cosim.status}'",
            where=str(found[1]),
            do="see the log: our testbench names what differs",
        )
    proven = "C/RTL co-simulation was not run" if cosim is None else "C/RTL co-simulation passed"
    seen = None if cosim is None else cosim.latency_cycles
    return Synthesis(
        tool="vitis",
        version=csynth.version,
        device=job.device,
        effort="estimate",
        cells=_cells(csynth.used),
        available=_cells(csynth.available),
        fmax_mhz=1000 / csynth.estimated_ns,
        timing="hls estimate",
        latency_cycles=csynth.latency_cycles if seen is None else seen,
        interval_cycles=csynth.interval_cycles,
        critical_path=(),
        seconds=0.0,
        memory_mb=None,
        logs=tuple(str(file.relative_to(job.project)) for file in found),
        notes=("of the HLS project: estimates of C synthesis, before logic synthesis", proven),
    )


def _cells(by_kind: Mapping[str, int]) -> Cells:
    luts, ffs, dsps, halves = (by_kind.get(kind, 0) for kind in ("luts", "ffs", "dsps", "brams_18k"))
    return Cells(luts, ffs, dsps, halves / 2)


FLOW = Flow("vitis", ("estimate",), _write, _reports, _read)
