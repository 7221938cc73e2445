"""Products with a constant matrix as adders and shifts, by the solver of alkaid (constant-matrix vector multiplication).

Source of the method: Sun et al., "da4ml: Distributed arithmetic for real-time neural networks on FPGAs",
arXiv:2507.04535. The solver is theirs; what it returns is replayed on our builder, whose own intervals give the widths.
"""

from __future__ import annotations

import pickle
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from alkaid.cmvm import cmvm_solve

from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.kernel import Builder
from fpga_ml.layers import cmvm_child
from fpga_ml.numerics import FixedType
from fpga_ml.numerics.types import Raw
from fpga_ml.toolchain.run import Command, run_all

# The solver's weights are floats of single precision; wider ones are solved in parts.
_MAX_WEIGHT_BITS = 24
# The solver's time grows faster than the matrix, with the pairs of bits that it looks at; larger ones are solved in blocks
# of columns. A 216 x 8 matrix of 15 bits takes 25 s of CPU time as a whole and 12 s in two blocks.
_MAX_BLOCK_WEIGHTS, _UP_TO_BITS = 4096, 8
_LEAST_APART = 1024  # weights, which take about a second


@dataclass(frozen=True)
class AdderProgram:
    """Blocks of columns, each a chain of alkaid's stages; columns in order.

    parts: of every weight, all columns of the lowest bits coming first; each part has so many bits more than the one before.
    """

    rows: int
    blocks: tuple[tuple[Any, ...], ...]
    parts: int
    bits: int


def solve(matrix: Raw, types: Sequence[FixedType]) -> AdderProgram:
    """A program for y = x @ matrix, matrix (K, M) of integers, x of the given types."""
    widest = int(abs(matrix).max(initial=0)).bit_length()
    parts = max(-(-widest // _MAX_WEIGHT_BITS), 1)
    bits = -(-widest // parts)
    split = matrix if parts == 1 else np.concatenate(_parts(matrix, parts, bits), axis=1)
    k, m = split.shape
    most = _MAX_BLOCK_WEIGHTS * _UP_TO_BITS**2 // max(bits, _UP_TO_BITS) ** 2
    columns = max(1, min(m, most // max(k, 1)))
    reach = [(t.min, t.max, t.lsb) for t in types]
    found = [np.ascontiguousarray(split[:, start : start + columns], np.float32) for start in range(0, m, columns)]
    blocks = _side_by_side(found, reach) if split.size > _LEAST_APART else [cmvm_solve(b, qintervals=reach) for b in found]
    return AdderProgram(k, tuple(blocks), parts, bits)


def _side_by_side(
    blocks: Sequence[npt.NDArray[np.float32]], reach: Sequence[tuple[float, float, float]]
) -> list[tuple[Any, ...]]:
    """The stages of each block, by processes that can be interrupted."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        commands = []
        for k, block in enumerate(blocks):
            np.savez(folder / f"{k}.npz", matrix=block, reach=np.array(reach))
            arguments = [sys.executable, "-m", cmvm_child.__name__, f"{k}.npz", f"{k}.pickle"]
            commands.append(Command(arguments, folder))
        run_all(commands, what="solving a product with constants", do="see its message", unit="blocks")
        return [pickle.loads((folder / f"{k}.pickle").read_bytes()) for k in range(len(blocks))]


def _parts(matrix: Raw, parts: int, bits: int) -> list[Raw]:
    """Of numbers the lowest bits, as a number around zero, then those above them, and so on."""
    found, rest = [], matrix.astype(object)
    for _ in range(parts - 1):
        low = ((rest + (1 << bits - 1)) & ((1 << bits) - 1)) - (1 << bits - 1)
        found.append(low)
        rest = (rest - low) >> bits
    return [*found, rest]


def apply(b: Builder, program: AdderProgram, x: Sequence[int], starts: Sequence[int]) -> list[int]:
    """The values of y + start for values x and constants (one an output)."""
    zeros = [b.const(0, 0)] * len(starts) * (program.parts - 1)
    out: list[int] = []
    begins = [*starts, *zeros]
    for stages in program.blocks:
        values = [Term(v) for v in x]
        for stage in stages[:-1]:
            values = _Replay(b, stage, values).outputs()
        last = _Replay(b, stages[-1], values)
        out += last.outputs_from(begins[len(out) : len(out) + len(stages[-1].out_idxs)])
    total, count = out[: len(starts)], len(starts)
    for part in range(1, program.parts):
        above = out[part * count : (part + 1) * count]
        total = [b.add(low, b.scale(high, part * program.bits)) for low, high in zip(total, above, strict=True)]
    return total


@dataclass(frozen=True)
class Term:
    """A value, or minus a value: signs are kept until a sum takes them in, so that nothing is negated for its own sake."""

    value: int
    negative: bool = False


class _Replay:
    """One of alkaid's stages on our builder."""

    def __init__(self, b: Builder, stage: Any, x: Sequence[Term]) -> None:
        self.b, self.stage, self.x = b, stage, x
        self.made: list[Term] = []
        for op in stage.ops:
            self.made.append(self._operation(op))

    def outputs(self) -> list[Term]:
        out = []
        for index, shift, negative in self._results():
            term = self.made[index] if index >= 0 else Term(self.b.const(0, 0))
            out.append(Term(self.b.scale(term.value, shift), term.negative ^ negative))
        return out

    def outputs_from(self, starts: Sequence[int]) -> list[int]:
        """Each output with its start added, as values."""
        out = []
        for (index, shift, negative), start in zip(self._results(), starts, strict=True):
            if index < 0:
                out.append(start)
                continue
            made = self.made[index]
            signed = Term(self.b.scale(made.value, shift), made.negative ^ negative)
            out.append(self._sum(Term(start), signed).value)
        return out

    def _results(self) -> list[tuple[int, int, bool]]:
        s = self.stage
        return [(i, shift, bool(neg)) for i, shift, neg in zip(s.out_idxs, s.out_shifts, s.out_negs, strict=True)]

    def _shifted(self, op: Any) -> Term:
        """The second operand of a sum or a difference."""
        second = self.made[op.addr[1]]
        return Term(self.b.scale(second.value, op.data[0]), second.negative ^ (op.opcode == 1))

    def _operation(self, op: Any) -> Term:
        match op.opcode:
            case -1:
                term = self.x[op.data[0]]
                return Term(self.b.scale(term.value, self.stage.inp_shifts[op.data[0]]), term.negative)
            case -2:
                made = self.made[op.addr[0]]
                return Term(made.value, not made.negative)
            case 0 | 1:
                return self._sum(self.made[op.addr[0]], self._shifted(op))
            case 5:
                return Term(self.b.const(op.data[0], -int(np.log2(op.qint.step))))
            case 11:
                terms = [self._term(a, op.data[2 * i], op.data[2 * i + 1]) for i, a in enumerate(op.addr)]
                return reduce(self._sum, terms)
        raise FpgaMlError(f"alkaid returned operation {op.opcode}, which a product with constants does not need")

    def _term(self, index: int, plus: int, shift: int) -> Term:
        made = self.made[index]
        return Term(self.b.scale(made.value, shift), made.negative ^ (not plus))

    def _sum(self, a: Term, c: Term) -> Term:
        if a.negative == c.negative:
            return Term(self.b.add(a.value, c.value), a.negative)
        plus, minus = (c, a) if a.negative else (a, c)
        return Term(self.b.sub(plus.value, minus.value))
