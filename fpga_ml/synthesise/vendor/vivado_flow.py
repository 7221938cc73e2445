"""Our RTL through Vivado, out of context: no pads, registers to registers timed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fpga_ml.devices import Cells
from fpga_ml.synthesise.result import ClockOrigin, Job, PathStep, Synthesis
from fpga_ml.synthesise.vendor.flow import Flow, layer_at, lines, quoted
from fpga_ml.synthesise.vendor.vivado import read_timing, read_utilisation
from fpga_ml.toolchain import vivado
from fpga_ml.toolchain.batch import Batch

_SCRIPT, _CLOCK = "vivado.tcl", "clock.xdc"
_TIMING: dict[str, ClockOrigin] = {"estimate": "synthesised", "place": "placed", "route": "routed"}
_STEPS: dict[str, tuple[str, ...]] = {
    "estimate": (),
    "place": ("opt_design", "place_design"),
    "route": ("opt_design", "place_design", "phys_opt_design", "route_design"),
}


def _reports(job: Job) -> tuple[Path, ...]:
    folder = FLOW.folder(job)
    return folder / f"utilisation_{job.effort}.rpt", folder / f"timing_{job.effort}.rpt"


def _write(job: Job) -> Batch:
    folder = FLOW.folder(job)
    utilisation, timing = _reports(job)
    (folder / _CLOCK).write_text(f"create_clock -name ap_clk -period {job.clock_ns:.3f} [get_ports ap_clk]\n")
    sources = [f"read_verilog -sv [list [file join $here {quoted(f.relative_to(job.project))}]]" for f in job.rtl_files]
    text = lines(
        f"# Written by fpga_ml: '{job.top}' out of context, effort {job.effort}.",
        f"# Run: vivado -mode batch -source {_SCRIPT}",
        "set out [file dirname [file normalize [info script]]]",
        "set here [file normalize [file join $out .. .. ..]]",
        f"create_project -in_memory -part {quoted(job.device)}",
        sources,
        f"read_xdc -mode out_of_context [list [file join $out {_CLOCK}]]",
        f"synth_design -top {job.top} -part {quoted(job.device)} -mode out_of_context",
        _STEPS[job.effort],
        f"write_checkpoint -force [file join $out {job.top}_{job.effort}.dcp]",
        f"report_utilization -file [file join $out {utilisation.name}]",
        f"report_utilization -hierarchical -file [file join $out layers_{job.effort}.rpt]",
        f"report_timing_summary -file [file join $out {timing.name}]",
    )
    (folder / _SCRIPT).write_text(text)
    return vivado.batch(_SCRIPT, folder)


def _read(job: Job) -> Synthesis:
    utilisation, timing = _reports(job)
    used, speed = read_utilisation(utilisation), read_timing(timing)
    path = [
        PathStep(layer_at(end, job.layers), end, delay)
        for end, delay in ((speed.source, 0.0), (speed.destination, speed.delay_ns or 0.0))
    ]
    return Synthesis(
        tool="vivado",
        version=used.version,
        device=job.device,
        effort=job.effort,
        cells=_cells(used.used),
        available=_cells(used.available),
        fmax_mhz=speed.fmax_mhz,
        timing=_TIMING[job.effort],
        latency_cycles=job.latency_cycles,
        interval_cycles=job.interval_cycles,
        critical_path=tuple(step for step in path if step.what),
        seconds=0.0,
        memory_mb=None,
        logs=tuple(str(report.relative_to(job.project)) for report in (utilisation, timing)),
        notes=("out of context: paths to and from the ports are not timed",),
    )


def _cells(by_kind: Mapping[str, float]) -> Cells:
    luts, ffs, dsps = (int(by_kind.get(kind, 0)) for kind in ("luts", "ffs", "dsps"))
    return Cells(luts, ffs, dsps, by_kind.get("brams", 0.0))


FLOW = Flow("vivado", ("route", "place", "estimate"), _write, _reports, _read)
