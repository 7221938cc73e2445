"""`fpga-ml synth`: a project's RTL, or its HLS project, through one tool for one device, and the result into its
report.json."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpga_ml.config import EFFORTS, Effort
from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.report import document
from fpga_ml.synthesise import open_tools
from fpga_ml.synthesise.result import Job, Synthesis
from fpga_ml.synthesise.vendor import hls_flow, quartus_flow, vivado_flow
from fpga_ml.synthesise.vendor.flow import Flow
from fpga_ml.synthesise.vendor.hls_flow import part_of

_DEVICE = re.compile(r"[A-Za-z0-9][\w+-]*(\.[\w+-]+)*", re.ASCII)
Run = Callable[[Job], Synthesis]
Report = Mapping[str, Any]


@dataclass(frozen=True)
class Tool:
    """run: checks the device before it works, and raises FpgaMlError with the tool's own last error. efforts: the default
    first; device: the default for a project; rtl: whether it takes our RTL; flow: of a tool whose scripts can be run
    elsewhere."""

    run: Run
    efforts: tuple[Effort, ...]
    device: Callable[[Path, Report], str]
    rtl: bool = True
    flow: Flow | None = None


def _vendor(flow: Flow, device: Callable[[Path, Report], str], *, rtl: bool = True) -> Tool:
    return Tool(flow.run, flow.efforts, device, rtl, flow)


def _pipelined_for(_project: Path, report: Report) -> str:
    """The device for whose delays the project's RTL was pipelined, as one that can be synthesised for."""
    device: str = report["config"]["device"]
    return {"generic-16nm": "xcup"}.get(device, device)


def _part(project: Path, report: Report) -> str:
    return report["config"]["part"] or part_of(project)


def _no_part(_project: Path, _report: Report) -> str:
    raise FpgaMlError("no device is given", do="give Quartus' name of one: --device 10AX115N2F45E1SG, for one")


# What stands behind --tool.
TOOLS: Mapping[str, Tool] = {
    "open": Tool(open_tools.run, EFFORTS, _pipelined_for),
    "vivado": _vendor(vivado_flow.FLOW, _part),
    "vitis": _vendor(hls_flow.FLOW, _part, rtl=False),
    "quartus": _vendor(quartus_flow.FLOW, _no_part),
}


def synthesise(
    project: Path,
    *,
    tool: str = "open",
    device: str | None = None,
    effort: Effort | None = None,
    steps: Sequence[str] = (),
    time_limit_s: float | None = None,
    only_reports: bool = False,
) -> Synthesis:
    """Run the tool, put the result into the project's report.json (in the place of an earlier one of the same tool, device
    and effort) and give it. Netlists and logs stay in project/synth/DEVICE. device, effort: None for the tool's default;
    steps: of an HLS tool; only_reports: read what a vendor's tool left that was run by hand. Raises FpgaMlError for a folder
    without RTL, an unknown or missing tool, a device that is unknown or too small, a tool that fails, and a time limit that
    is over."""
    asked, report = _tool(tool), document.read(project)
    with document.consistent(project):
        job = _job(asked, project, report, device, effort, steps, time_limit_s)
    made = _flow(tool).collect(job) if only_reports else asked.run(job)
    found = made.told(document.names_of(report)).asked_for(job.clock_ns)
    others = [s for s in report["synth"] if (s["tool"], s["device"], s["effort"]) != found.key]
    document.write(report | {"synth": [*others, found.as_json()]}, project / "report.json")
    return found


def write_scripts(
    project: Path, *, tool: str, device: str | None = None, effort: Effort | None = None, steps: Sequence[str] = ()
) -> str:
    """The scripts of a vendor's tool, which need not be on this machine. Gives the command line that runs them."""
    job = _job(_tool(tool), project, document.read(project), device, effort, steps, None)
    return _flow(tool).scripts(job).by_hand


def _tool(name: str) -> Tool:
    if name not in TOOLS:
        raise FpgaMlError(f"unknown tool '{name}'", do=suggest(name, TOOLS))
    return TOOLS[name]


def _flow(name: str) -> Flow:
    flow = TOOLS[name].flow
    if flow is None:
        raise FpgaMlError(f"--tool {name} has no scripts to run elsewhere", where="--only", do="leave out --only")
    return flow


def _job(
    tool: Tool,
    project: Path,
    report: Report,
    device: str | None,
    effort: Effort | None,
    steps: Sequence[str],
    time_limit_s: float | None,
) -> Job:
    rtl = report["rtl"]
    if rtl is None and tool.rtl:
        raise FpgaMlError(
            f"there is no RTL to synthesise: {report['stages']['rtl']}",
            where=str(project),
            do="compile the model up to --until rtl or further",
        )
    if steps and tool.rtl:
        raise FpgaMlError("only an HLS tool has steps", where="--steps", do="leave them out, or use --tool vitis")
    device = device or tool.device(project, report)
    if _DEVICE.fullmatch(device) is None:
        raise FpgaMlError(f"'{device}' is no name of a device", where="--device", do="write the part number of one")
    job = Job(
        project=project,
        rtl_files=document.rtl_files(project, report) if rtl else (),
        top=document.top_of(report),
        clock_ns=rtl["clock_ns"] if rtl else report["config"]["clock_ns"],
        latency_cycles=rtl["latency_cycles"] if rtl else None,
        interval_cycles=rtl["interval_cycles"] if rtl else None,
        layers=tuple(map(document.identifier_of, rtl["layers"])) if rtl else (),
        device=device,
        effort=effort or tool.efforts[0],
        steps=tuple(steps),
        folder=project / "synth" / device,
        deadline_s=None if time_limit_s is None else time.monotonic() + time_limit_s,
    )
    job.folder.mkdir(parents=True, exist_ok=True)
    return job
