"""Which modules a process is made of, and which control signals they need."""

from __future__ import annotations

from fpga_ml.ir.network import Fold, Map, Process
from fpga_ml.rtl import fold
from fpga_ml.rtl.fold import fold_modules
from fpga_ml.rtl.map import GO, map_module
from fpga_ml.rtl.names import Names, identifier
from fpga_ml.rtl.sv import Module
from fpga_ml.schedule.parallel import Placed


def modules_of(placed: Placed, top: str, names: Names, *, stands: bool) -> tuple[Module, ...]:
    """The process's own module last; stands: of a segment that stands still, which has no folds."""
    process, name = placed.process, names.free(f"{top}_{placed.process.name}")
    if isinstance(process, Fold):
        return fold_modules(name, names.free(f"{name}_step"), process, placed.schedule)
    assert isinstance(process, Map)
    return (map_module(name, process, placed.schedule, stands=stands),)


def needs_start(process: Process) -> bool:
    """Whether its module has to be told when a token comes."""
    return isinstance(process, Fold)


def control_ports(placed: Placed, clock: str, reset: str, start: str, go: str | None) -> tuple[tuple[str, str], ...]:
    """Connections of a process's module beside its data; start: for one that needs it; go: of a segment that stands
    still."""
    if needs_start(placed.process):
        return tuple(zip(fold.CONTROL, (clock, reset, start), strict=True))
    ports = (("clk", clock), *([(GO, go)] if go else []))
    return ports if placed.schedule.register_bits else ()


def data_ports(process: Process) -> tuple[str, ...]:
    """The module's ports of what the process reads, and then of what it writes."""
    if isinstance(process, Fold):
        return (*fold.read_ports(process), fold.WRITE)
    return tuple(dict.fromkeys(identifier(c.name) for c in (*process.reads, *process.writes)))
