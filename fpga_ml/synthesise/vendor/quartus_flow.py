"""Our RTL through Quartus, its ports as virtual pins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fpga_ml.devices import Cells
from fpga_ml.synthesise.result import Job, Synthesis
from fpga_ml.synthesise.vendor.flow import Flow, lines, quoted
from fpga_ml.synthesise.vendor.quartus import read_fit, read_speed
from fpga_ml.toolchain import quartus
from fpga_ml.toolchain.batch import Batch

_SCRIPT, _CLOCK, _OUTPUT = "quartus.tcl", "clock.sdc", "output_files"


def _reports(job: Job) -> tuple[Path, ...]:
    folder = FLOW.folder(job) / _OUTPUT
    return folder / f"{job.top}.fit.rpt", folder / f"{job.top}.sta.rpt"


def _write(job: Job) -> Batch:
    folder = FLOW.folder(job)
    (folder / _CLOCK).write_text(f"create_clock -name ap_clk -period {job.clock_ns:.3f} [get_ports ap_clk]\n")
    here = Path("..") / ".." / ".."
    sources = [
        f"set_global_assignment -name SYSTEMVERILOG_FILE {quoted(here / f.relative_to(job.project))}" for f in job.rtl_files
    ]
    text = lines(
        f"# Written by fpga_ml: '{job.top}' with virtual pins, up to timing analysis.",
        f"# Run: quartus_sh -t {_SCRIPT}",
        "cd [file dirname [file normalize [info script]]]",
        "load_package device",
        "load_package flow",
        f"project_new -overwrite -revision {job.top} {job.top}",
        f"set_global_assignment -name FAMILY [lindex [get_part_info -family {quoted(job.device)}] 0]",
        f"set_global_assignment -name DEVICE {quoted(job.device)}",
        f"set_global_assignment -name TOP_LEVEL_ENTITY {job.top}",
        f"set_global_assignment -name PROJECT_OUTPUT_DIRECTORY {_OUTPUT}",
        f"set_global_assignment -name SDC_FILE {_CLOCK}",
        sources,
        "set_instance_assignment -name VIRTUAL_PIN ON -to *",
        "set_instance_assignment -name VIRTUAL_PIN OFF -to ap_clk",
        "export_assignments",
        "# The Pro edition calls synthesis `syn`, Standard and Lite call it `map`.",
        'execute_module -tool [expr {[string match "*Pro*" $::quartus(version)] ? "syn" : "map"}]',
        "execute_module -tool fit",
        "execute_module -tool sta",
        "project_close",
    )
    (folder / _SCRIPT).write_text(text)
    return quartus.batch(_SCRIPT, folder)


def _read(job: Job) -> Synthesis:
    fit_report, sta_report = _reports(job)
    fit, speed = read_fit(fit_report), read_speed(sta_report)
    aluts = f", {fit.used['luts']:,} ALUTs" if "luts" in fit.used else ""
    return Synthesis(
        tool="quartus",
        version=fit.version,
        device=job.device,
        effort="route",
        cells=_cells(fit.used),
        available=_cells(fit.available),
        fmax_mhz=speed.fmax_mhz,
        timing="routed",
        latency_cycles=job.latency_cycles,
        interval_cycles=job.interval_cycles,
        critical_path=(),
        seconds=0.0,
        memory_mb=None,
        logs=tuple(str(report.relative_to(job.project)) for report in (fit_report, sta_report)),
        notes=(f"LUTs are ALMs{aluts}; Fmax in the corner {speed.corner}; ports are virtual pins",),
    )


def _cells(by_kind: Mapping[str, int]) -> Cells:
    return Cells(*(by_kind.get(kind, 0) for kind in ("alms", "ffs", "dsps", "brams")))


FLOW = Flow("quartus", ("route",), _write, _reports, _read)
