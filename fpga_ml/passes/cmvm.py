"""Products with a constant matrix as adders and shifts, by the solver of alkaid (constant-matrix vector multiplication).

Source of the method: Sun et al., "da4ml: Distributed arithmetic for real-time neural networks on FPGAs",
arXiv:2507.04535. The solver is theirs; what it returns is replayed on our builder, whose own intervals give the widths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from alkaid.cmvm import cmvm_solve

from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.kernel import Builder
from fpga_ml.numerics import FixedType

# The solver's time grows faster than the matrix; larger ones are solved in blocks of columns.
_MAX_BLOCK_WEIGHTS = 4096


@dataclass(frozen=True)
class Program:
    """Blocks of columns, each a chain of alkaid's stages; columns in order."""

    rows: int
    blocks: tuple[tuple[Any, ...], ...]


def solve(matrix: npt.NDArray[np.int64], types: Sequence[FixedType]) -> Program:
    """A program for y = x @ matrix, matrix (K, M) of integers, x of the given types."""
    k, m = matrix.shape
    if np.abs(matrix).max(initial=0) >= 1 << 24:
        raise FpgaMlError("weights wider than 24 bits", do="quantise them to fewer bits")
    columns = max(1, min(m, _MAX_BLOCK_WEIGHTS // max(k, 1)))
    reach = [(t.min, t.max, t.lsb) for t in types]
    blocks = []
    for start in range(0, m, columns):
        part = np.ascontiguousarray(matrix[:, start : start + columns], np.float32)
        blocks.append(cmvm_solve(part, qintervals=reach))
    return Program(k, tuple(blocks))


def apply(b: Builder, program: Program, x: Sequence[int]) -> list[int]:
    """The values of y for values x."""
    out = []
    for stages in program.blocks:
        values = list(x)
        for stage in stages:
            values = _replay(b, stage, values)
        out += values
    return out


def _replay(b: Builder, stage: Any, x: Sequence[int]) -> list[int]:
    made: list[int] = []
    for op in stage.ops:
        made.append(_operation(b, op, made, x, stage.inp_shifts))
    out = []
    for index, shift, negative in zip(stage.out_idxs, stage.out_shifts, stage.out_negs, strict=True):
        value = b.const(0, 0) if index < 0 else b.scale(made[index], shift)
        out.append(b.sub(b.const(0, 0), value) if negative and index >= 0 else value)
    return out


def _operation(b: Builder, op: Any, made: Sequence[int], x: Sequence[int], shifts: Sequence[int]) -> int:
    match op.opcode:
        case -1:
            return b.scale(x[op.data[0]], shifts[op.data[0]])
        case -2:
            return b.sub(b.const(0, 0), made[op.addr[0]])
        case 0 | 1:
            first, second = made[op.addr[0]], b.scale(made[op.addr[1]], op.data[0])
            return b.add(first, second) if op.opcode == 0 else b.sub(first, second)
        case 5:
            return b.const(op.data[0], -int(np.log2(op.qint.step)))
        case 11:
            terms = [(b.scale(made[a], op.data[2 * i + 1]), bool(op.data[2 * i])) for i, a in enumerate(op.addr)]
            total = terms[0][0] if terms[0][1] else b.sub(b.const(0, 0), terms[0][0])
            for value, plus in terms[1:]:
                total = b.add(total, value) if plus else b.sub(total, value)
            return total
    raise FpgaMlError(f"alkaid returned operation {op.opcode}, which a product with constants does not need")
