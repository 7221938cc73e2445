"""A project's C-simulation with nothing but g++ and Python's standard library: for the tests that travel with a project.

The C++ runs in a process of its own, `python -m tb.compiled LIBRARY RESULTS` in the project's folder: it may crash.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cosim_types import Tensor, Vectors
from .tools import python_path, run

TESTS = Path(__file__).resolve().parents[1]
_WORD_BITS = 32
_FLAGS = ("-O1", "-fPIC", "-shared", "-std=c++17", "-fno-gnu-unique", "-w", "-iquote.", '-DWEIGHTS_DIR="firmware/weights"')
_SHOWN = 10


@dataclass(frozen=True)
class Port:
    """How the values of a tensor cross into the C++. fraction: raw * 2**-fraction is a value, which crosses as a double;
    words: of 32 bits, the lowest first, in which its raw integer crosses instead, each in a double; 0 where it does not."""

    fraction: int
    words: int

    def crossed(self, raw: int) -> list[float]:
        """A raw integer, as doubles."""
        if not self.words:
            return [math.ldexp(raw, -self.fraction)]
        return [float(raw >> _WORD_BITS * k & (1 << _WORD_BITS) - 1) for k in range(self.words)]

    def raw(self, crossed: Sequence[float], tensor: Tensor) -> int | float:
        """And back; no integer where the value is none of the type's."""
        if not self.words:
            value = math.ldexp(crossed[0], self.fraction)
            return int(value) if value.is_integer() else value
        bits = sum(int(word) << _WORD_BITS * k for k, word in enumerate(crossed)) & (1 << tensor.width_bits) - 1
        return bits - (1 << tensor.width_bits) * (tensor.signed and bits >> (tensor.width_bits - 1))


@dataclass(frozen=True)
class Program:
    """The C++ of a project. function: what the library is called by; includes: folders of headers, from the project's."""

    name: str
    function: str
    includes: tuple[str, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @classmethod
    def of(cls, told: dict[str, Any]) -> Program:
        """From what asdict made of one."""
        ports = {side: tuple(Port(**port) for port in told[side]) for side in ("inputs", "outputs")}
        return cls(**(told | ports | {"includes": tuple(told["includes"])}))


def differences(folder: Path) -> list[str]:
    """Compile and run the C++ of the project around this testbench; every output that is not the expected one, the first of
    them in words. folder: for what is made, not in the project."""
    program, vectors = _given()
    library, results = (folder.resolve() / name for name in ("csim.so", "csim.json"))
    includes = [f"-I{path}" for path in program.includes]
    sources = [f"firmware/{program.name}.cpp", f"{program.name}_bridge.cpp"]
    run([os.environ.get("CXX", "g++"), *_FLAGS, *includes, *sources, "-o", str(library)], TESTS.parent)
    again = [sys.executable, "-m", "tb.compiled", str(library), str(results)]
    run(again, TESTS.parent, {"PYTHONPATH": python_path()})
    wrong = []
    for tensor, rows in zip(vectors.outputs, json.loads(results.read_text()), strict=True):
        for sample, (want, got) in enumerate(zip(tensor.values, rows, strict=True)):
            pairs = [(k, w, g) for k, (w, g) in enumerate(zip(want, got, strict=True)) if w != g]
            wrong += [f"{tensor.name}, element {k}, vector {sample}: expected {w}, got {g}" for k, w, g in pairs]
    return wrong[:_SHOWN] + [f"... and {len(wrong) - _SHOWN} more"] * (len(wrong) > _SHOWN)


def main(library: Path, results: Path) -> None:
    """Give every vector to the library, in order, and write the raw integers that come out."""
    program, vectors = _given()
    call = getattr(ctypes.CDLL(str(library)), program.function)
    sizes = [t.elements * max(p.words, 1) for t, p in zip(vectors.outputs, program.outputs, strict=True)]
    found: list[list[list[int | float]]] = [[] for _ in vectors.outputs]
    for sample in range(len(vectors)):
        given = [
            [part for raw in tensor.values[sample] for part in port.crossed(raw)]
            for tensor, port in zip(vectors.inputs, program.inputs, strict=True)
        ]
        made = [(ctypes.c_double * size)() for size in sizes]
        call(*((ctypes.c_double * len(values))(*values) for values in given), *made)
        for rows, tensor, port, values in zip(found, vectors.outputs, program.outputs, made, strict=True):
            step = max(port.words, 1)
            rows.append([port.raw(values[k : k + step], tensor) for k in range(0, len(values), step)])
    results.write_text(json.dumps(found))


def _given() -> tuple[Program, Vectors]:
    told = json.loads((TESTS / "project.json").read_text())
    return Program.of(told["csim"]), Vectors.load(TESTS / "vectors.json")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
