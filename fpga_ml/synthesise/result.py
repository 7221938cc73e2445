"""What every synthesis tool is asked, and what every one answers: an entry of report.json's `synth`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fpga_ml.config import Effort
from fpga_ml.devices import Cells
from fpga_ml.naming import Naming

# Where a clock comes from: our delay model on the netlist, a vendor's on its own, a placement before routing, the routed
# design, or what an HLS tool says before any synthesis.
ClockOrigin = Literal["delay model", "synthesised", "placed", "routed", "hls estimate"]
SHELL = ""  # the layer of what belongs to no layer: the top's control, FIFOs


@dataclass(frozen=True)
class Job:
    """One run of a tool. project: the folder; rtl_files: the top last, none for an HLS tool; clock_ns: asked for;
    latency_cycles and interval_cycles: of the RTL, None without; layers: names in the order of the data; device: as the user
    wrote it; steps: of an HLS tool, () for its default; folder: the run's own, for netlists and logs, project/synth/DEVICE,
    exists; deadline_s: of time.monotonic, None without a limit."""

    project: Path
    rtl_files: tuple[Path, ...]
    top: str
    clock_ns: float
    latency_cycles: int | None
    interval_cycles: int | None
    layers: tuple[str, ...]
    device: str
    effort: Effort
    steps: tuple[str, ...]
    folder: Path
    deadline_s: float | None


@dataclass(frozen=True)
class PathStep:
    """A piece of a path: the layer it lies in ('' for the top's own logic), what it is in the tool's words, how long it
    takes."""

    layer: str
    what: str
    delay_ns: float


@dataclass(frozen=True)
class Synthesis:
    """effort: the most that was done; cells: of the whole design, layers: of it by layer ('' is the top's own logic; empty
    where the tool does not say); available: of the device, None where no device of the family is meant; fmax_mhz: with where
    it comes from in `timing`, None where the tool gives none; latency_cycles, interval_cycles: None where an HLS tool cannot
    tell; critical_path: from register to register; latency_ns: at fmax_mhz; memory_mb: the most that a process of the tool
    held; logs: relative to the project's folder; notes: what a reader has to know of these numbers."""

    tool: str
    version: str
    device: str
    effort: Effort
    cells: Cells
    available: Cells | None
    fmax_mhz: float | None
    timing: ClockOrigin | None
    latency_cycles: int | None
    interval_cycles: int | None
    critical_path: tuple[PathStep, ...]
    seconds: float
    memory_mb: float | None
    logs: tuple[str, ...]
    layers: Mapping[str, Cells] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def latency_ns(self) -> float | None:
        if self.fmax_mhz is None or self.latency_cycles is None:
            return None
        return self.latency_cycles * 1000 / self.fmax_mhz

    @property
    def key(self) -> tuple[str, str, str]:
        """A later run with the same key takes the place of this one."""
        return self.tool, self.device, self.effort

    def told(self, names: Naming) -> Synthesis:
        """With the users' names of layers."""
        path = tuple(PathStep(names.shown(s.layer), names.shown(s.what), s.delay_ns) for s in self.critical_path)
        return dataclasses.replace(self, critical_path=path, layers={names.shown(k): v for k, v in self.layers.items()})

    def asked_for(self, clock_ns: float) -> Synthesis:
        """With a note where it is slower than the clock that it was made for."""
        if self.fmax_mhz is None or self.fmax_mhz * clock_ns >= 1000:
            return self
        missed = (
            f"{1000 / self.fmax_mhz:.1f} ns a cycle, slower than the {clock_ns:g} ns that the RTL is pipelined for: run it"
            " slower, or compile it for a shorter --clock-ns, which takes more cycles"
        )
        return dataclasses.replace(self, notes=(*self.notes, missed))

    def as_json(self) -> dict[str, Any]:
        """As report/schema.json has it."""
        return {
            "tool": self.tool,
            "version": self.version,
            "device": self.device,
            "effort": self.effort,
            **dataclasses.asdict(self.cells),
            "available": None if self.available is None else dataclasses.asdict(self.available),
            "fmax_mhz": _rounded(self.fmax_mhz, 2),
            "timing": self.timing,
            "latency_cycles": self.latency_cycles,
            "interval_cycles": self.interval_cycles,
            "latency_ns": _rounded(self.latency_ns, 2),
            "critical_path": [{**dataclasses.asdict(s), "delay_ns": round(s.delay_ns, 3)} for s in self.critical_path],
            "layers": [{"layer": name, **dataclasses.asdict(cells)} for name, cells in self.layers.items()],
            "seconds": round(self.seconds, 1),
            "memory_mb": _rounded(self.memory_mb, 0),
            "logs": list(self.logs),
            "notes": list(self.notes),
        }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
