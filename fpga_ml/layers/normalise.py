"""Layer, RMS and group normalisation in whole numbers (C++: nnet_normalise.h); normalisation.py has the form."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fpga_ml.ir.kernel import Builder
from fpga_ml.layers.base import Layer, Tensor, outside
from fpga_ml.normalisation import Normalisation
from fpga_ml.numerics import FixedType, Overflow, Rounding
from fpga_ml.numerics.types import Raw


@dataclass(frozen=True)
class Normalise(Layer):
    """index (groups, members): elements of each group; gamma, beta: an entry an element, raw."""

    form: Normalisation
    index: Raw
    gamma: Raw
    beta: Raw

    per_element: ClassVar[tuple[str, ...]] = ("gamma", "beta")

    def faults(self, *x: Layer) -> list[str]:
        return [f for f in (*outside(self.index, x), *self._unlike()) if f]

    def _unlike(self) -> list[str]:
        found = sorted(self.index.reshape(-1).tolist())
        return [] if found == list(range(self.size)) else ["its groups are not all elements once"]

    def by_token(self, tokens: int) -> bool:
        size = self.size // tokens
        token = self.index // size
        if len(self.index) % tokens or (token != token[:, :1]).any():
            return False
        local = (self.index % size).reshape(tokens, -1)
        return bool((token[:, 0] == np.repeat(np.arange(tokens), len(token) // tokens)).all() and (local == local[0]).all())

    def of_token(self, token: int, tokens: int) -> Layer:
        own = super().of_token(token, tokens)
        assert isinstance(own, Normalise)
        return dataclasses.replace(own, index=self.index[: len(self.index) // tokens])

    def evaluate(self, *x: Tensor) -> Tensor:
        f = self.form
        raw = x[0].cast(f.data).raw.astype(np.int64)[:, self.index]  # (N, groups, members)
        total = raw.sum(-1, keepdims=True)
        w = f.members * (raw * raw).sum(-1, keepdims=True) - (total * total if f.variance else 0)
        w = (w << f.guard) + f.epsilon_raw
        most = (1 << f.stages) - 1
        below = np.array([1 << f.width - 2 * s for s in range(most, 0, -1) if 2 * s <= f.width], np.int64)
        s = len(below) - np.searchsorted(below, w, side="right")
        place = _shifted(w << 2 * s, f.place_bits - f.width).clip(f.first << f.fine)
        step, part = (place >> f.fine) - f.first, place & (1 << f.fine) - 1
        line = (np.asarray(f.entries, np.int64)[step] << f.fine) + np.asarray(f.rises, np.int64)[step] * part
        inverse = (line + (1 << f.inverse_cut - 1)) >> f.inverse_cut
        distance = f.members * raw - (total if f.mean else 0)
        scaled = (distance * inverse << f.up) >> (f.down - s)
        out = np.empty((len(raw), self.size), np.int64)
        out[:, self.index] = scaled
        gamma, beta = f.scaled.fraction + f.factor.fraction, f.offset.fraction
        fraction = max(gamma, beta)
        value = (out * self.gamma << fraction - gamma) + (np.asarray(self.beta, np.int64) << fraction - beta)
        return Tensor(value, FixedType(True, f.sum.width, f.sum.width - fraction)).cast(self.result)

    def lower(self, b: Builder, *x: Sequence[int]) -> list[int]:
        out = [0] * self.size
        for row in self.index:
            for element, scaled in zip(row, self._scaled(b, [x[0][i] for i in row]), strict=True):
                gamma, beta = int(self.gamma[element]), int(self.beta[element])
                value = b.mul(b.scale(scaled, -self.form.scaled.fraction), b.const(gamma, self.form.factor.fraction))
                out[element] = b.cast(b.add(value, b.const(beta, self.form.offset.fraction)), self.result)
        return out

    def _scaled(self, b: Builder, group: Sequence[int]) -> list[int]:
        """d / sqrt(w) of a group as whole numbers."""
        f, n = self.form, b.const(self.form.members, 0)
        x = [b.scale(b.cast(v, f.data), f.data.fraction) for v in group]
        total = b.tree(b.add, x)
        squares = b.mul(b.tree(b.add, [b.mul(v, v) for v in x]), n)
        if f.variance:
            squares = b.sub(squares, b.mul(total, total))
        w = b.cast(b.add(b.scale(squares, f.guard), b.const(f.epsilon_raw, 0)), FixedType(False, f.width, f.width))
        shifts: list[tuple[int, int]] = []  # (how far, whether), the greatest first
        for k in reversed(range(f.stages)):
            far = b.less(w, b.const(1 << f.width - (2 << k), 0))
            w = b.cast(b.select(far, b.scale(w, 2 << k), w), FixedType(False, f.width, f.width))
            shifts.append((k, far))
        inverse = self._inverse(b, w)
        found = []
        for v in x:
            distance = b.sub(b.mul(v, n), total) if f.mean else b.mul(v, n)
            value = b.scale(b.mul(distance, inverse), f.up - f.down + (1 << f.stages) - 1)
            for k, far in shifts:
                width = f.scaled.width + (1 << k) - 1  # of what later shifts leave
                value = b.cast(b.select(far, value, b.scale(value, -(1 << k))), FixedType(True, width, width))
            found.append(b.cast(value, FixedType(True, f.scaled.width, f.scaled.width)))
        return found

    def _inverse(self, b: Builder, w: int) -> int:
        """1 / sqrt of what is shifted, as a whole number."""
        f = self.form
        place = b.cast(b.scale(w, f.place_bits - f.width), FixedType(False, f.place_bits, f.place_bits))
        place = b.max(place, b.const(f.first << f.fine, 0))
        steps = f.place_bits - f.fine
        step = b.cast(b.scale(place, -f.fine), FixedType(False, steps, steps))
        part = b.cast(place, FixedType(False, f.fine, f.fine, overflow=Overflow.WRAP))
        line = b.scale(b.lookup(step, f.entries[:-1], f.first, 0), f.fine)
        line = b.add(line, b.mul(b.lookup(step, f.rises, f.first, 0), part))
        return b.cast(b.scale(line, -f.inverse_cut), FixedType(False, f.inverse.width, f.inverse.width, Rounding.RND))


def _shifted(raw: Raw, bits: int) -> Raw:
    return raw << bits if bits >= 0 else raw >> -bits
