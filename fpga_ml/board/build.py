"""`fpga-ml board`: shell, pins and bitstream of a project, into PROJECT/board/LABEL."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpga_ml import progress
from fpga_ml.board.lines import line_for
from fpga_ml.board.links import DEFAULT_BAUD
from fpga_ml.board.project import interface_of
from fpga_ml.board.shell import TOP, shell_files
from fpga_ml.devices import DEVICES, MAPPED, PLACED
from fpga_ml.devices.boards import DEFAULT_LINE, BoardKind, board_named
from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.report import document
from fpga_ml.synthesise.naming import Owners
from fpga_ml.synthesise.open_tools import SEED, cells_of, check_fits, left_s, path_of
from fpga_ml.synthesise.result import Synthesis
from fpga_ml.toolchain import nextpnr, pack, yosys
from fpga_ml.toolchain.batch import shell_word

_YOSYS_LOG, _NEXTPNR_LOG = "yosys.log", "nextpnr.log"


@dataclass(frozen=True)
class Sources:
    """label: of board and line; files: of the project and of the shell, the top last; pins: the file of constraints; folder:
    of the shell and of the bitstream."""

    board: BoardKind
    label: str
    folder: Path
    files: tuple[Path, ...]
    pins: Path


@dataclass(frozen=True)
class Built:
    """file: the bitstream; load: how to load it; result: what place and route said, as in report.json."""

    file: Path
    load: str
    result: Synthesis


def write_sources(project: Path, board: str, *, line: str = DEFAULT_LINE, baud: int = DEFAULT_BAUD) -> Sources:
    """The shell and the pins. Raises FpgaMlError for an unknown board or line, a baud rate that its clock cannot make, and a
    project without RTL or with names of the shell's."""
    kind = board_named(board)
    if line not in kind.lines:
        raise FpgaMlError(f"{kind.name} has no line '{line}'", where="--line", do=suggest(line, kind.lines))
    face, report, label = interface_of(project), document.read(project), kind.label(line)
    own = document.rtl_files(project, report)
    made = shell_files(face, line_for(line, kind.clock_mhz, baud), kind.leds, [file.stem for file in own], kind.high)
    folder = project / "board" / label
    folder.mkdir(parents=True, exist_ok=True)
    pins = folder / kind.file_name(line)
    for name, text in {**made, pins.name: kind.constraints(line)}.items():
        (folder / name).write_text(text)
    return Sources(kind, label, folder, own + tuple(folder / name for name in made), pins)


def build(
    project: Path,
    board: str,
    *,
    line: str = DEFAULT_LINE,
    baud: int = DEFAULT_BAUD,
    time_limit_s: float | None = None,
) -> Built:
    """The bitstream, and its figures into report.json. Raises FpgaMlError as `write_sources`, and with the tool's own last
    error where one is missing or fails, the design does not fit, misses the board's clock, or the time limit is over."""
    start = time.monotonic()
    sources = write_sources(project, board, line=line, baud=baud)
    kind, folder, report = sources.board, sources.folder, document.read(project)
    target, placer = MAPPED[kind.device], PLACED[kind.device]
    packer = pack.PACKERS[placer.family]
    nextpnr.nextpnr_version(placer.family)
    end = None if time_limit_s is None else start + time_limit_s
    progress.doing("Yosys")
    made = yosys.netlist(sources.files, TOP, target, left_s(end), folder, log=folder / _YOSYS_LOG)
    check_fits(cells_of(target, made.cells), placer.available, kind.name, project)
    name = f"{document.top_of(report)}_{sources.label}"
    routed, bitstream = folder / f"{name}.{packer.routed}", folder / f"{name}.{packer.bitstream}"
    bitstream.unlink(missing_ok=True)  # of an earlier build, which must not be taken for this one's
    progress.doing("nextpnr")
    log, period_ns = folder / _NEXTPNR_LOG, 1000 / kind.clock_mhz
    # Asked for the clock that the RTL is pipelined for: with time to spare nextpnr packs logic where wires have no room.
    goal_ns = min(period_ns, report["rtl"]["clock_ns"])
    placed = nextpnr.place_and_route(
        made.file,
        placer.family,
        placer.options,
        goal_ns,
        SEED,
        left_s(end),
        pins=sources.pins,
        routed=routed,
        log=log,
    )
    if placed.period_ns > period_ns:
        raise FpgaMlError(
            f"the design reaches {1000 / placed.period_ns:.1f} MHz, and the clock of {kind.name} is {kind.clock_mhz:g} MHz",
            where=str(log),
            do=(
                f"compile with --device {kind.device} --clock-ns {period_ns / 2:g} or less: the delay model knows no"
                " congestion"
            ),
        )
    pack.pack(placer.family, routed, bitstream)
    result = _result(sources, made, placed, report, time.monotonic() - start).told(document.names_of(report))
    others = [s for s in report["synth"] if (s["tool"], s["device"], s["effort"]) != result.key]
    document.write(report | {"synth": [*others, result.as_json()]}, project / "report.json")
    return Built(bitstream, kind.load.format(file=shell_word(bitstream)), result)


def _result(
    sources: Sources, made: yosys.Netlist, placed: nextpnr.Placement, report: Mapping[str, Any], seconds: float
) -> Synthesis:
    kind = sources.board
    rtl = report["rtl"]
    owners = Owners.of(made.module, document.top_of(report), [document.identifier_of(row) for row in rtl["layers"]])
    folder = Path("board") / sources.label
    return Synthesis(
        tool="yosys+nextpnr",
        version=f"{made.version}, {placed.version}",
        device=sources.label,
        effort="route",
        cells=nextpnr.cells_placed(PLACED[kind.device].family, placed.used),
        available=PLACED[kind.device].available,
        fmax_mhz=1000 / placed.period_ns,
        timing="routed",
        latency_cycles=rtl["latency_cycles"],
        interval_cycles=rtl["interval_cycles"],
        critical_path=path_of(placed, owners),
        seconds=seconds,
        memory_mb=max(made.memory_mb, placed.memory_mb),
        logs=tuple(str(folder / log) for log in (_YOSYS_LOG, _NEXTPNR_LOG)),
        notes=(
            f"with the shell, as a bitstream; on the board the clock is {kind.clock_mhz:g} MHz",
            *DEVICES[kind.device].notes,
        ),
    )
