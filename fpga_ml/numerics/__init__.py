"""Fixed-point numbers as exact integers with a type; everything else rests on these."""

from fpga_ml.numerics.types import FixedType, Overflow, Rounding

__all__ = ["FixedType", "Overflow", "Rounding"]
