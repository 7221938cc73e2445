"""The longest path of a netlist that Yosys mapped, with the coefficients of our delay model, routing included.

An adder of n bits is a LUT, the way into and out of the carry chain, and as much of the chain as lies between the bit where
the path enters and the one where it leaves: for the whole adder the same sum as the delay model's, so that what the
scheduler assumed and what Yosys made of it are compared in one unit. Not place and route.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from fpga_ml.devices import GENERIC, DelayModel

# Carry cells: where the chain comes in, and where it goes out.
_CHAINS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "CARRY4": (("CI", "CYINIT"), ()),
    "CARRY8": (("CI", "CI_TOP"), ()),
    "CCU2C": (("CIN",), ("COUT",)),
    "CCU2": (("CIN",), ("COUT",)),
    "SB_CARRY": (("CI",), ()),
    "MISTRAL_ALUT_ARITH": (("CI",), ()),
    "ALU": (("CIN",), ()),
    "CC_ADDF": (("CI",), ()),
}
# Of those of one bit: what enters there, what leaves there.
_OF_ONE_BIT: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "SB_CARRY": (("I0", "I1"), ("CO",)),
    "MISTRAL_ALUT_ARITH": (("A", "B", "C", "D0", "D1"), ("SO", "CO")),
    "ALU": (("I0", "I1", "I3"), ("SUM", "COUT")),
    "CC_ADDF": (("A", "B"), ("S", "CO")),
}
# Of carry cells that are LUTs too; the others have one before or behind them.
_WITH_LUT = ("CCU2C", "CCU2", "MISTRAL_ALUT_ARITH", "ALU", "CC_ADDF")
_LUTS = ("LUT", "SB_LUT", "MISTRAL_ALUT", "CC_L", "CC_MX")
_PRODUCT = "CC_MULT"  # made of LUTs; those in DSPs lie between paths
# What ends one path and begins the next, or belongs to no path.
_BETWEEN = (
    *("FD", "SRL", "TRELLIS_FF", "BUFG", "DSP", "RAMB", "MULT", "DP16K", "PDP", "$"),
    *("SB_DFF", "SB_RAM", "SB_MAC", "SB_GB", "MISTRAL_FF", "MISTRAL_MUL", "MISTRAL_M10K", "MISTRAL_CLKBUF", "DCC"),
    *("DFF", "SP", "SDP", "DPB", "DPX9", "pROM", "IBUF", "OBUF", "GND", "VCC"),
    *("CC_DFF", "CC_BRAM", "CC_IBUF", "CC_OBUF", "CC_BUFG"),
)

Bit = int | str


@dataclass(frozen=True)
class Path:
    """ns: between registers or ports, plus what a register itself takes; cells: (name, ns) along it, first to last."""

    ns: float
    cells: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class _Arrival:
    """When a bit is there, and by which cell from which bit before (None: it begins there)."""

    ns: float
    cell: str = ""
    before: Bit | None = None


_START = _Arrival(0.0)
_Arrivals = dict[Bit, _Arrival]


def longest_path(module: Mapping[str, Any], model: DelayModel = GENERIC) -> Path:
    """Of a flat module in Yosys' JSON."""
    cells = [(name, c) for name, c in module["cells"].items() if not c["type"].startswith(_BETWEEN)]
    driver = {bit: number for number, (_, cell) in enumerate(cells) for bit in _bits(cell, "output")}
    reads = {n: {driver[b] for b in _bits(c, "input") if b in driver and driver[b] != n} for n, (_, c) in enumerate(cells)}
    arrivals: _Arrivals = {}
    for number in TopologicalSorter(reads).static_order():
        arrivals.update(_through(*cells[number], arrivals, model))
    last = max(arrivals, key=lambda bit: arrivals[bit].ns, default=None)
    if last is None:
        return Path(model.register_ns, ())
    return Path(model.register_ns + arrivals[last].ns, tuple(_back(last, arrivals))[::-1])


def _back(bit: Bit | None, arrivals: _Arrivals) -> Iterator[tuple[str, float]]:
    """The cells of the path to a bit, last first."""
    while bit is not None and bit in arrivals:
        found = arrivals[bit]
        yield found.cell, found.ns - (arrivals.get(found.before, _START).ns if found.before is not None else 0.0)
        bit = found.before


def _bits(cell: Mapping[str, Any], direction: str) -> Iterator[Bit]:
    for port, bits in cell["connections"].items():
        if cell["port_directions"][port] == direction:
            yield from bits


def _through(name: str, cell: Mapping[str, Any], arrivals: _Arrivals, model: DelayModel) -> _Arrivals:
    """When each output bit of a cell arrives."""
    kind = cell["type"]
    if kind in _CHAINS:
        return _along_chain(name, cell, arrivals, model)
    delay = _delay_ns(cell, model)
    at, before = _latest(_bits(cell, "input"), arrivals)
    return dict.fromkeys(_bits(cell, "output"), _Arrival(delay + at, name, before))


def _delay_ns(cell: Mapping[str, Any], model: DelayModel) -> float:
    """Of a cell that is no part of a carry chain."""
    kind: str = cell["type"]
    if kind == _PRODUCT:
        return model.multiply_base_ns + model.multiply_per_bit_ns * sum(len(cell["connections"][port]) for port in "AB")
    return 0.0 if kind == "INV" else model.lut_ns if kind.startswith(_LUTS) else model.lut_ns / 4


def _latest(bits: Iterable[Bit], arrivals: _Arrivals) -> tuple[float, Bit | None]:
    """The last of the bits, and when; a register's bits come at 0."""
    return max(((arrivals.get(bit, _START).ns, bit) for bit in bits), key=lambda found: found[0], default=(0.0, None))


def _along_chain(name: str, cell: Mapping[str, Any], arrivals: _Arrivals, model: DelayModel) -> _Arrivals:
    """Bit by bit; every bit's result takes one step of the chain."""
    kind, wires = cell["type"], cell["connections"]
    first, last = _CHAINS[kind]
    into = model.adder_base_ns if kind in _WITH_LUT else model.adder_base_ns - model.lut_ns
    at, before = _latest([bit for port in first for bit in wires.get(port, ())], arrivals)
    found: _Arrivals = {}
    for entries, results in _positions(kind, wires):
        latest, entry = _latest(entries, arrivals)
        if _varies(entries) and into + latest > at:
            at, before = into + latest, entry
        at += model.adder_per_bit_ns
        found.update(dict.fromkeys(results, _Arrival(at, name, before)))
    return found | dict.fromkeys([bit for port in last for bit in wires.get(port, ())], _Arrival(at, name, before))


def _varies(bits: Sequence[Bit]) -> bool:
    return any(isinstance(bit, int) for bit in bits)


def _positions(kind: str, wires: Mapping[str, Sequence[Bit]]) -> Iterator[tuple[list[Bit], list[Bit]]]:
    """At each bit of a carry cell: what enters there, what leaves there."""
    if kind in ("CCU2C", "CCU2"):
        for half in "01":
            yield [bit for port in "ABCD" for bit in wires.get(port + half, ())], list(wires.get("S" + half, ()))
    elif kind in _OF_ONE_BIT:
        entries, results = ([bit for port in ports for bit in wires.get(port, ())] for ports in _OF_ONE_BIT[kind])
        yield entries, results
    else:
        for k in range(len(wires["S"])):
            yield [wires["S"][k], wires["DI"][k]], [wires[port][k] for port in ("O", "CO") if k < len(wires.get(port, ()))]
