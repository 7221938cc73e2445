"""Products with a constant matrix, signs and constants taken into the sums: exact, and no adder too many."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_ml.ir.kernel import Builder, Kernel, Wire
from fpga_ml.ir.kernel.ops import Add, Const, Sub
from fpga_ml.layers.cmvm import apply, solve
from fpga_ml.numerics import FixedType

X = FixedType.parse("ap_fixed<5,5>")


def product(matrix: np.ndarray, starts: list[int]) -> Kernel:
    b = Builder("product")
    x = [b.input(Wire.of(X)) for _ in matrix]
    return b.build(apply(b, solve(matrix, [X] * len(matrix)), x, [b.const(s, 0) for s in starts]))


def check(matrix: np.ndarray, starts: list[int]) -> Kernel:
    kernel = product(matrix, starts)
    x = np.random.default_rng(1).integers(X.min_raw, X.max_raw + 1, (200, len(matrix)))
    got = kernel.evaluate(*(x[:, k] for k in range(len(matrix))))
    for column, (raw, number) in enumerate(zip(got, kernel.outputs, strict=True)):
        fraction = kernel.values[number].wire.fraction
        wanted = x @ matrix[:, column] + starts[column]
        assert np.array_equal(np.ldexp(np.asarray(raw, np.float64) * np.ones(len(x)), -fraction), wanted)
    return kernel


def adders(kernel: Kernel) -> int:
    return sum(isinstance(v.op, (Add, Sub)) for v in kernel.values)


def negations(kernel: Kernel) -> int:
    """Differences whose minuend is zero."""
    found = [kernel.values[v.operands[0]].op for v in kernel.values if isinstance(v.op, Sub)]
    return sum(isinstance(op, Const) and op.raw == 0 for op in found)


@pytest.mark.parametrize("seed", range(8))
def test_random_matrices(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.integers(-31, 32, (7, 9)) * (rng.uniform(size=(7, 9)) < rng.choice([0.3, 1.0]))
    matrix[:, 3] = -matrix[:, 2]
    matrix[:, 5] = 4 * matrix[:, 4]
    matrix[:, 6] = 0
    check(matrix, [int(s) for s in rng.integers(-40, 41, 9) * (rng.uniform(size=9) < 0.7)])


def test_a_constant_takes_the_sign_in() -> None:
    kernel = check(np.array([[-1]]), [5])
    assert (adders(kernel), negations(kernel)) == (1, 0)
    kernel = check(np.array([[-1], [-1]]), [5])
    assert (adders(kernel), negations(kernel)) == (2, 0)


def test_a_difference_is_turned_round() -> None:
    kernel = check(np.array([[1, -1], [-1, 1]]), [0, 3])
    assert negations(kernel) == 0


def test_without_a_constant_one_negation_is_left() -> None:
    kernel = check(np.array([[-1], [-2]]), [0])
    assert (adders(kernel), negations(kernel)) == (2, 1)
