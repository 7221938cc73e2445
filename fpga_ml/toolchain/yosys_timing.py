"""The longest path of a netlist that Yosys mapped, with the coefficients of our delay model, routing included.

An adder of n bits is a LUT, the way into and out of the carry chain, and the chain itself: the same sum as the delay
model's, so that what the scheduler assumed and what Yosys made of it are compared in one unit. Not place and route.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter
from typing import Any

from fpga_ml.schedule import GENERIC, DelayModel

_CARRY_BITS = {"CARRY4": 4, "CARRY8": 8, "CCU2C": 2}
_CHAIN_INPUTS = ("CI", "CIN", "CYINIT")
# What ends one path and begins the next, or belongs to no path.
_BETWEEN = ("FD", "SRL", "TRELLIS_FF", "BUFG", "DSP", "RAMB", "MULT18X18D", "DP16KD", "$")


def longest_path_ns(module: Mapping[str, Any], model: DelayModel = GENERIC) -> float:
    """Of a flat module in Yosys' JSON: between registers or ports, plus what a register itself takes."""
    cells = [c for c in module["cells"].values() if not c["type"].startswith(_BETWEEN)]
    driver = {bit: number for number, cell in enumerate(cells) for bit in _bits(cell, "output")}
    reads = {n: {driver[bit] for bit in _bits(cell, "input") if bit in driver} for n, cell in enumerate(cells)}
    arrivals: dict[int, float] = {}
    for number in TopologicalSorter(reads).static_order():
        cell = cells[number]
        paths = [
            arrivals.get(driver.get(bit, -1), 0.0) + _delay_ns(cell["type"], port, model)
            for port, bits in cell["connections"].items()
            if cell["port_directions"][port] == "input"
            for bit in bits
        ]
        arrivals[number] = max(paths, default=0.0)
    return model.register_ns + max(arrivals.values(), default=0.0)


def _bits(cell: Mapping[str, Any], direction: str) -> Iterable[int | str]:
    for port, bits in cell["connections"].items():
        if cell["port_directions"][port] == direction:
            yield from bits


def _delay_ns(kind: str, port: str, model: DelayModel) -> float:
    """Through a cell, from one of its inputs to any output."""
    if kind in _CARRY_BITS:
        chain = _CARRY_BITS[kind] * model.adder_per_bit_ns
        if port in _CHAIN_INPUTS:
            return chain
        into = model.adder_base_ns if kind == "CCU2C" else model.adder_base_ns - model.lut_ns
        return into + chain
    return 0.0 if kind == "INV" else model.lut_ns if kind.startswith("LUT") else model.lut_ns / 4
