"""`fpga-ml synth`: a project's RTL through one tool for one device, and the result into its report.json."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.report import document
from fpga_ml.synthesise import open_tools
from fpga_ml.synthesise.result import Effort, Job, Synthesis

Run = Callable[[Job], Synthesis]

# What stands behind --tool. A tool checks its device before it works, and raises FpgaMlError with its own last error.
TOOLS: Mapping[str, Run] = {"open": open_tools.run}


def synthesise(
    project: Path,
    *,
    tool: str = "open",
    device: str,
    effort: Effort = "estimate",
    time_limit_s: float | None = None,
    watch: Callable[[str], None] = lambda _what: None,
) -> Synthesis:
    """Run the tool, put the result into the project's report.json (in the place of an earlier one of the same tool, device and effort) and
    give it. Netlists and logs stay in project/synth/DEVICE. Raises FpgaMlError for a folder without RTL, an unknown or missing
    tool, a device that is unknown or too small, a tool that fails, and a time limit that is over."""
    if tool not in TOOLS:
        raise FpgaMlError(f"unknown tool '{tool}'", do=suggest(tool, TOOLS))
    report = document.read(project)
    found = TOOLS[tool](_job(project, report, device, effort, time_limit_s, watch))
    others = [s for s in report["synth"] if (s["tool"], s["device"], s["effort"]) != found.key]
    document.write(report | {"synth": [*others, found.as_json()]}, project / "report.json")
    return found


def device_of(project: Path) -> str:
    """The device for whose delays the project's RTL was pipelined, as one that can be synthesised for."""
    device: str = document.read(project)["config"]["device"]
    return {"generic-16nm": "xcup"}.get(device, device)


def _job(
    project: Path,
    report: Mapping[str, Any],
    device: str,
    effort: Effort,
    time_limit_s: float | None,
    watch: Callable[[str], None],
) -> Job:
    rtl = report["rtl"]
    if rtl is None:
        raise FpgaMlError(
            f"there is no RTL to synthesise: {report['stages']['rtl']}",
            where=str(project),
            do="compile the model up to --until rtl or further",
        )
    folder = project / "synth" / device
    folder.mkdir(parents=True, exist_ok=True)
    return Job(
        project=project,
        rtl_files=tuple(project / name for name in rtl["files"]),
        top=report["config"]["project_name"],
        clock_ns=rtl["clock_ns"],
        latency_cycles=rtl["latency_cycles"],
        interval_cycles=rtl["interval_cycles"],
        layers=tuple(layer["name"] for layer in rtl["layers"]),
        device=device,
        effort=effort,
        folder=folder,
        deadline_s=None if time_limit_s is None else time.monotonic() + time_limit_s,
        watch=watch,
    )
