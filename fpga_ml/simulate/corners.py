"""Raw values at the ends of what some elements may be, and anywhere between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fpga_ml.numerics import FixedType
from fpga_ml.numerics.types import Raw


def corner_rows(low: Raw, high: Raw) -> Raw:
    """(7, elements): all lowest, all highest, zero and the smallest steps around it, as far as they are within, and the ends
    in turn.

    low, high: least and greatest raw value of each element.
    """
    turn = np.arange(len(low)) % 2 == 0
    near = [np.clip(np.full_like(low, v), low, high) for v in (0, 1, -1)]
    return np.array([low, high, *near, np.where(turn, low, high), np.where(turn, high, low)], low.dtype)


def uniform_rows(low: Raw, high: Raw, shape: tuple[int, ...], rng: np.random.Generator) -> Raw:
    """(*shape, elements): anywhere between the ends, of any width."""
    shares = rng.integers(0, 1 << 30, (*shape, len(low)), endpoint=True).astype(object)
    span = high.astype(object) - low.astype(object)
    found: Raw = (low.astype(object) + (span * shares >> 30)).astype(low.dtype)
    return found


def kind_of(types: Sequence[FixedType]) -> Any:
    """What an array holds whose elements have these types: int64, or integers of any width."""
    return np.int64 if all(t.kind is np.int64 for t in types) else object
