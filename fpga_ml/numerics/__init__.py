"""Fixed-point numbers as exact integers with a type; everything else rests on these."""

from fpga_ml.numerics.cast import cast_array, cast_raw
from fpga_ml.numerics.interval import Interval
from fpga_ml.numerics.types import FixedType, Overflow, Rounding

__all__ = ["FixedType", "Interval", "Overflow", "Rounding", "cast_array", "cast_raw"]
