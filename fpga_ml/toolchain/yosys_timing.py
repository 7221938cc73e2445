"""The longest path of a netlist that Yosys mapped, with the coefficients of our delay model, routing included.

An adder of n bits is a LUT, the way into and out of the carry chain, and as much of the chain as lies between the bit where
the path enters and the one where it leaves: for the whole adder the same sum as the delay model's, so that what the
scheduler assumed and what Yosys made of it are compared in one unit. Not place and route.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any

from fpga_ml.schedule import GENERIC, DelayModel

# Carry cells: where the chain comes in, and where it goes out.
_CHAINS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "CARRY4": (("CI", "CYINIT"), ()),
    "CARRY8": (("CI", "CI_TOP"), ()),
    "CCU2C": (("CIN",), ("COUT",)),
}
# What ends one path and begins the next, or belongs to no path.
_BETWEEN = ("FD", "SRL", "TRELLIS_FF", "BUFG", "DSP", "RAMB", "MULT18X18D", "DP16KD", "$")

Bit = int | str


def longest_path_ns(module: Mapping[str, Any], model: DelayModel = GENERIC) -> float:
    """Of a flat module in Yosys' JSON: between registers or ports, plus what a register itself takes."""
    cells = [c for c in module["cells"].values() if not c["type"].startswith(_BETWEEN)]
    driver = {bit: number for number, cell in enumerate(cells) for bit in _bits(cell, "output")}
    reads = {n: {driver[bit] for bit in _bits(cell, "input") if bit in driver} for n, cell in enumerate(cells)}
    arrivals: dict[Bit, float] = {}
    for number in TopologicalSorter(reads).static_order():
        arrivals.update(_through(cells[number], arrivals, model))
    return model.register_ns + max(arrivals.values(), default=0.0)


def _bits(cell: Mapping[str, Any], direction: str) -> Iterator[Bit]:
    for port, bits in cell["connections"].items():
        if cell["port_directions"][port] == direction:
            yield from bits


def _through(cell: Mapping[str, Any], arrivals: Mapping[Bit, float], model: DelayModel) -> dict[Bit, float]:
    """When each output bit of a cell arrives."""
    if cell["type"] in _CHAINS:
        return _along_chain(cell, arrivals, model)
    kind = cell["type"]
    delay = 0.0 if kind == "INV" else model.lut_ns if kind.startswith("LUT") else model.lut_ns / 4
    end = delay + _latest(_bits(cell, "input"), arrivals)
    return dict.fromkeys(_bits(cell, "output"), end)


def _latest(bits: Iterable[Bit], arrivals: Mapping[Bit, float]) -> float:
    return max((arrivals.get(bit, 0.0) for bit in bits), default=0.0)


def _along_chain(cell: Mapping[str, Any], arrivals: Mapping[Bit, float], model: DelayModel) -> dict[Bit, float]:
    """Bit by bit; every bit's result takes one step of the chain."""
    kind, wires = cell["type"], cell["connections"]
    first, last = _CHAINS[kind]
    into = model.adder_base_ns if kind == "CCU2C" else model.adder_base_ns - model.lut_ns
    at = _latest([bit for port in first for bit in wires.get(port, ())], arrivals)
    found: dict[Bit, float] = {}
    for entries, results in _positions(kind, wires):
        at = model.adder_per_bit_ns + max(at, into + _latest(entries, arrivals) if _varies(entries) else 0.0)
        found.update(dict.fromkeys(results, at))
    return found | dict.fromkeys([bit for port in last for bit in wires.get(port, ())], at)


def _varies(bits: Sequence[Bit]) -> bool:
    return any(isinstance(bit, int) for bit in bits)


def _positions(kind: str, wires: Mapping[str, Sequence[Bit]]) -> Iterator[tuple[list[Bit], list[Bit]]]:
    """At each bit of a carry cell: what enters there, what leaves there."""
    if kind == "CCU2C":
        for half in "01":
            yield [bit for port in "ABCD" for bit in wires.get(port + half, ())], list(wires.get("S" + half, ()))
        return
    for k in range(len(wires["S"])):
        yield [wires["S"][k], wires["DI"][k]], [wires[port][k] for port in ("O", "CO") if k < len(wires.get(port, ()))]
