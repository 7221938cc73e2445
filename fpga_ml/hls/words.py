"""How values cross between Python and the C++ where a double does not hold them: as their bits, 32 at a time, the lowest
first.

Each word is a whole number, which a double holds; hls/words_cpp.py has the other side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fpga_ml.numerics import FixedType
from fpga_ml.numerics.types import Raw, wrapped

Array = npt.NDArray[np.float64]
DOUBLE_BITS = 53
WORD_BITS = 32


@dataclass(frozen=True)
class CppPort:
    """An input or an output of the C++: of what shape and type, None where that is no ap_fixed; wide: whether its values
    cross as words."""

    shape: tuple[int, ...]
    type: FixedType | None
    wide: bool

    @property
    def fixed(self) -> FixedType:
        """The type of a port that has one."""
        assert self.type is not None
        return self.type

    @property
    def words(self) -> int:
        """Of each value; 0 where it crosses as a double."""
        return -(-self.fixed.width // WORD_BITS) if self.wide else 0

    @property
    def crossing(self) -> tuple[int, ...]:
        """The shape of a sample as it crosses."""
        return (*self.shape, self.words) if self.wide else self.shape

    def crossed(self, raw: Raw) -> Array:
        """Raw values (N, *shape) as they cross, in doubles."""
        if not self.wide:
            return self.fixed.real(raw)
        whole = raw.astype(object) & (1 << self.fixed.width) - 1
        parts = [whole >> WORD_BITS * k & (1 << WORD_BITS) - 1 for k in range(self.words)]
        return np.stack([np.asarray(p, object).astype(np.float64) for p in parts], axis=-1)

    def raw(self, crossed: Array) -> Raw:
        """And back."""
        if not self.wide:
            return self.fixed.raw(crossed)
        parts = np.moveaxis(crossed, -1, 0).astype(np.int64).astype(object)
        whole = np.sum([part << WORD_BITS * k for k, part in enumerate(parts)], axis=0)
        return np.asarray(wrapped(whole, self.fixed.signed, self.fixed.width), self.fixed.kind)

    def real(self, crossed: Array) -> Array:
        """The values that stand behind what crossed; past 53 bits the doubles next to them."""
        return self.fixed.real(self.raw(crossed)) if self.wide else crossed
