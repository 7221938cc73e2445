"""Products that are summed: matmul, dot, tensordot, einsum; of two tensors, or of one and a constant array."""

from __future__ import annotations

import string
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.operations.base import Operation, array_of, is_scalar, is_tensor
from fpga_ml.frontend.standins import Unknown
from fpga_ml.frontend.tensors import Einsum


class Product(Operation):
    """By the equation of an einsum."""

    def results(self, *x: Any, **_: Any) -> Any:
        operands = list(x[0]) if len(x) == 1 and isinstance(x[0], (list, tuple)) else list(x)
        if any(map(is_scalar, operands)):
            raise Unknown
        equation = self._equation([len(t.shape) for t in operands])
        if len(operands) == 1:
            return self._alone(equation, operands[0])
        if len(operands) != 2:
            raise Unknown
        if all(map(is_tensor, operands)):
            return self._of_two(equation, operands)
        read, out = equation.split("->")
        letters = read.split(",")
        if not is_tensor(operands[0]):
            operands, letters = operands[::-1], letters[::-1]
        if not out.startswith(letters[0][0]) or letters[0][0] in letters[1]:
            raise Unknown
        return self._with_weights(letters, out, operands[0], array_of(operands[1]))

    def _of_two(self, equation: str, tensors: list[Any]) -> Any:
        read, out = equation.split("->")
        one, other = read.split(",")
        if one[0] != other[0] or not out.startswith(one[0]):
            raise Unknown
        return self.part("", lambda name: Einsum(equation, name=name))(tensors)

    def _with_weights(self, letters: list[str], out: str, x: Any, kernel: np.ndarray) -> Any:
        """A dense layer of constant weights."""
        sizes = dict(zip(letters[0] + letters[1], (*x.shape, *kernel.shape), strict=True))
        if len(set(letters[0])) < len(letters[0]) or len(set(letters[1])) < len(letters[1]):
            raise Unknown
        text, shape = f"{letters[0]},{letters[1]}->{out}", [sizes[c] for c in out[1:]]
        if not shape:
            raise Unknown
        return self.part("", lambda name: keras.layers.EinsumDense(text, shape, name=name), [kernel])(x)

    def _alone(self, equation: str, x: Any) -> Any:
        """Axes in another order, and sums over those that are left out."""
        read, out = equation.split("->")
        if len(set(read)) < len(read) or not out.startswith(read[0]) or len(out) < 2:
            raise Unknown
        summed = [n for n, c in enumerate(read) if c not in out]
        if summed:
            x = self.reduced("" if [c for c in read if c in out] == list(out) else "sum", x, "sum", summed, False)
        left = [c for c in read if c in out]
        if left == list(out):
            return x
        return self.part("", lambda name: keras.layers.Permute([left.index(c) for c in out[1:]], name=name))(x)

    def _equation(self, ranks: list[int]) -> str:
        match self.kind:
            case "Einsum":
                return _spelled(self.layer.subscripts.replace(" ", ""), ranks)
            case "Matmul":
                return _matmul(*ranks)
            case "Dot":
                return _matmul(*ranks) if ranks[1] <= 2 else _dot(*ranks)
            case "Inner":
                return _tensordot(ranks, [ranks[0] - 1], [ranks[1] - 1])
        axes = self.layer.axes
        if isinstance(axes, int):
            return _tensordot(ranks, list(range(ranks[0] - axes, ranks[0])), list(range(axes)))
        first, second = ([a] if isinstance(a, int) else list(a) for a in axes)
        return _tensordot(ranks, first, second)


def _spelled(equation: str, ranks: list[int]) -> str:
    """With an output, and letters in place of dots."""
    read, _, out = equation.partition("->")
    operands = read.split(",")
    free = [c for c in string.ascii_letters if c not in equation]
    lacking = [rank - len(o.replace("...", "")) for o, rank in zip(operands, ranks, strict=True)]
    most = max((n for o, n in zip(operands, lacking, strict=True) if "..." in o), default=0)
    dots = "".join(free[:most])
    operands = [o.replace("...", dots[most - n :]) for o, n in zip(operands, lacking, strict=True)]
    if "->" not in equation:
        every = "".join(operands)
        out = "..." * bool(dots) + "".join(sorted(c for c in set(every) - set(dots) if every.count(c) == 1))
    return f"{','.join(operands)}->{out.replace('...', dots)}"


def _matmul(of_first: int, of_second: int) -> str:
    """Matrices in the last two axes; the axes before broadcast, which an einsum takes where both have them."""
    many = string.ascii_lowercase[: max(of_first, of_second, 2) - 2]
    if of_second == 1:
        return f"{string.ascii_lowercase[: of_first - 1]}z,z->{string.ascii_lowercase[: of_first - 1]}"
    if of_first < 2:
        raise Unknown
    return f"{many[len(many) - of_first + 2 :]}yz,{many[len(many) - of_second + 2 :]}zw->{many}yw"


def _dot(of_first: int, of_second: int) -> str:
    return _tensordot([of_first, of_second], [of_first - 1], [of_second - 2])


def _tensordot(ranks: list[int], first: list[int], second: list[int]) -> str:
    a, b = string.ascii_lowercase[: ranks[0]], list(string.ascii_uppercase[: ranks[1]])
    for m, n in zip(first, second, strict=True):
        b[n % ranks[1]] = a[m % ranks[0]]
    summed = {a[m % ranks[0]] for m in first}
    return f"{a},{''.join(b)}->{''.join(c for c in a if c not in summed)}{''.join(c for c in b if c not in a)}"
