"""`fpga-ml board`: shell, pins and bitstream of a project, into PROJECT/board/NAME."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fpga_ml.board.boards import BoardKind, board_named
from fpga_ml.board.host import DEFAULT_BAUD
from fpga_ml.board.project import interface_of
from fpga_ml.board.shell import TOP, Line, shell_files
from fpga_ml.errors import FpgaMlError
from fpga_ml.report import document
from fpga_ml.synthesise.result import Cells, Synthesis
from fpga_ml.toolchain.ecp5_bitstream import Routed, bitstream
from fpga_ml.toolchain.yosys import resources

_NO_LIMIT_S = 1e6


@dataclass(frozen=True)
class Sources:
    """files: of the project and of the shell, the top last; pins: the LPF file; folder: of the shell and of the bitstream."""

    board: BoardKind
    folder: Path
    files: tuple[Path, ...]
    pins: Path


@dataclass(frozen=True)
class Built:
    """file: the bitstream; load: how to load it; result: what place and route said, as in report.json."""

    file: Path
    load: str
    result: Synthesis


def write_sources(project: Path, board: str, *, baud: int = DEFAULT_BAUD) -> Sources:
    """The shell and the pins. Raises FpgaMlError for an unknown board, a baud rate that its clock cannot make, and a project without
    RTL or with names of the shell's."""
    kind, face, report = board_named(board), interface_of(project), document.read(project)
    line = Line.of(kind.clock_mhz, baud)
    own = tuple(project / name for name in report["rtl"]["files"])
    made = shell_files(face, line, [file.stem for file in own], kind.high)
    folder = project / "board" / kind.name
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {**made, f"{kind.name}.lpf": kind.lpf}.items():
        (folder / name).write_text(text)
    return Sources(kind, folder, own + tuple(folder / name for name in made), folder / f"{kind.name}.lpf")


def build(
    project: Path,
    board: str,
    *,
    baud: int = DEFAULT_BAUD,
    time_limit_s: float | None = None,
    watch: Callable[[str], None] = lambda _what: None,
) -> Built:
    """The bitstream, and its figures into report.json. Raises FpgaMlError as `write_sources`, and with the tool's own last error
    where one is missing or fails, the design does not fit, misses the board's clock, or the time limit is over."""
    start = time.monotonic()
    sources = write_sources(project, board, baud=baud)
    end = None if time_limit_s is None else start + time_limit_s
    watch("Yosys")
    resources(sources.files, TOP, "ecp5", _left(end) or _NO_LIMIT_S, sources.folder)
    watch("nextpnr")
    kind, name = sources.board, f"{document.read(project)['config']['project_name']}_{board}"
    routed = bitstream(sources.folder / "netlist.json", sources.pins, kind.options, kind.clock_mhz, name, _left(end))
    result = _result(project, kind, routed, time.monotonic() - start)
    report = document.read(project)
    others = [s for s in report["synth"] if (s["tool"], s["device"], s["effort"]) != result.key]
    document.write(report | {"synth": [*others, result.as_json()]}, project / "report.json")
    return Built(routed.bitstream, kind.load.format(file=routed.bitstream), result)


def _left(end: float | None) -> float | None:
    """Seconds; raises where there are none."""
    if end is None:
        return None
    left = end - time.monotonic()
    if left <= 0:
        raise FpgaMlError("no time left for place and route", where="--time-limit", do="allow more time")
    return left


def _result(project: Path, kind: BoardKind, routed: Routed, seconds: float) -> Synthesis:
    rtl = document.read(project)["rtl"]
    return Synthesis(
        tool="nextpnr",
        version=routed.version,
        device=kind.name,
        effort="route",
        cells=_cells(routed, 0),
        available=_cells(routed, 1),
        fmax_mhz=routed.fmax_mhz,
        timing="routed",
        latency_cycles=rtl["latency_cycles"],
        interval_cycles=rtl["interval_cycles"],
        critical_path=(),
        seconds=seconds,
        memory_mb=None,
        logs=(str(routed.log.relative_to(project)),),
        notes=(f"with the shell, as a bitstream; on the board the clock is {kind.clock_mhz:g} MHz",),
    )


def _cells(routed: Routed, place: int) -> Cells:
    counts = {kind: pair[place] for kind, pair in routed.used.items()}
    return Cells(*(counts.get(kind, 0) for kind in ("TRELLIS_COMB", "TRELLIS_FF", "MULT18X18D", "DP16KD")))
