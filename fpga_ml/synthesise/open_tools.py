"""Synthesis with open tools: Yosys."""

from __future__ import annotations

import time

from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.synthesise.result import Cells, Job, Synthesis
from fpga_ml.toolchain.yosys import Target, resources

_TARGETS: dict[str, Target] = {"xcup": "xcup", "ecp5-85k": "ecp5"}
_NO_LIMIT_S = 1e6


def run(job: Job) -> Synthesis:
    """Cells by Yosys and the longest path by our delay model."""
    if job.device not in _TARGETS:
        raise FpgaMlError(f"unknown device '{job.device}'", do=suggest(job.device, _TARGETS))
    job.watch("Yosys")
    left = _NO_LIMIT_S if job.deadline_s is None else job.deadline_s - time.monotonic()
    found = resources(job.rtl_files, job.top, _TARGETS[job.device], left, job.folder)
    return Synthesis(
        tool="yosys",
        version=found.version,
        device=job.device,
        effort="estimate",
        cells=Cells(found.luts, found.ffs, found.dsps, found.brams),
        available=None,
        fmax_mhz=1000 / found.path_ns,
        timing="delay model",
        latency_cycles=job.latency_cycles,
        interval_cycles=job.interval_cycles,
        critical_path=(),
        seconds=found.seconds,
        memory_mb=None,
        logs=(),
    )
