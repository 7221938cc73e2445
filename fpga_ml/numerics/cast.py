"""Assignment of a fixed-point value to another fixed-point type, on exact integers.

A value is raw * 2**-source_fraction. The result is what C++ gives for `target = source` between `ap_fixed` types: first
the bits below the target's last one are rounded away, then what is out of range overflows. What `FixedType.raw` does for
real values is done here for raw ones; the modes are defined once for both, in `Rounding.carries` and `FixedType.ends`.
Source: `ap_fixed_base::operator=` in hls4ml's ap_types.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.errors import FpgaMlError
from fpga_ml.numerics.types import FixedType, Rounding, Whole, confined, wrapped


def cast_raw(raw: int, source_fraction: int, target: FixedType) -> int:
    """The target's raw value for raw * 2**-source_fraction; integers of any size."""
    whole = rescaled(raw, source_fraction - target.fraction, target.rounding)
    if target.min_raw <= whole <= target.max_raw:
        return whole
    if target.ends is None:
        return wrapped(whole, target.signed, target.width)
    below, above = target.ends
    return below if whole < target.min_raw else above


def cast_array(raw: npt.NDArray[np.int64], source_fraction: int, target: FixedType) -> npt.NDArray[np.int64]:
    """`cast_raw` of every element, any shape, on int64: exact for every int64, also where shifted bits leave it.

    Raises FpgaMlError for elements that are not integers or not within int64, and where an unsigned 64-bit result needs
    its highest bit.
    """
    shift = source_fraction - target.fraction
    whole = rescaled(_held(raw), max(shift, 0), target.rounding)
    # The range is brought to the source's scale, since shifting the value to the target's could lose its high bits.
    left = max(-shift, 0)
    below = np.asarray(whole < -(-target.min_raw >> left))
    above = np.asarray(whole > target.max_raw >> left)
    return confined(np.left_shift(whole, left), below, above, target)


def rescaled(raw: Whole, shift: int, rounding: Rounding) -> Whole:
    """raw * 2**-shift to a whole number; exact, except that int64 arrays lose high bits where shift < 0.

    NumPy shifts by 64 bits and more as Python does: to 0, or to -1 for a negative value shifted right.
    """
    if shift <= 0:
        return raw << -shift
    doubled = raw >> (shift - 1)
    rest = (doubled << (shift - 1)) != raw
    whole: Whole = doubled >> 1
    whole += rounding.carries((doubled & 1) != 0, rest, raw < 0, (doubled & 2) != 0)
    return whole


def _held(raw: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    given = np.asarray(raw)
    if given.dtype.kind not in "biu":
        raise FpgaMlError(
            f"an array of {given.dtype} holds no raw fixed-point values, which are int64",
            do="convert real values with FixedType.raw, and cast integers past int64 one by one (cast_raw)",
        )
    if given.dtype.kind == "u" and np.any(given > np.iinfo(np.int64).max):
        raise FpgaMlError(
            f"a raw value of {int(given.max())} cannot be held in int64",
            do="cast such integers one by one (cast_raw)",
        )
    return given.astype(np.int64)
