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
from fpga_ml.numerics.types import FixedType, Overflow, Raw, Rounding, Whole, confined, wrapped

Held = npt.NDArray[Any]


def cast_raw(raw: int, source_fraction: int, target: FixedType) -> int:
    """The target's raw value for raw * 2**-source_fraction; integers of any size."""
    whole = rescaled(raw, source_fraction - target.fraction, target.rounding)
    if target.min_raw <= whole <= target.max_raw:
        return whole
    if target.ends is None:
        return wrapped(whole, target.signed, target.width)
    below, above = target.ends
    return below if whole < target.min_raw else above


def cast_array(raw: Raw, source_fraction: int, target: FixedType) -> Raw:
    """`cast_raw` of every element, any shape: exact for int64, also where shifted bits leave it, and for Python integers.

    The result is of the target's kind: int64 wherever that holds it. Raises FpgaMlError for elements that are no integers.
    """
    shift, held = source_fraction - target.fraction, _held(raw, target)
    whole = rescaled(held, max(shift, 0), target.rounding)
    # The range is brought to the source's scale, since shifting the value to the target's could lose its high bits.
    left = max(-shift, 0)
    below = np.asarray(whole < -(-target.min_raw >> left))
    above = np.asarray(whole > target.max_raw >> left)
    shifted = whole << left if held.dtype == object else np.left_shift(whole, left)  # of a NumPy number also by 64 and more
    return confined(np.asarray(shifted, held.dtype), below, above, target)


# The modes in which a float is rounded by one exact NumPy function; the offset is added to it before.
_FLOAT_ROUNDINGS: dict[Rounding, tuple[np.ufunc, float]] = {
    Rounding.TRN: (np.floor, 0.0),
    Rounding.TRN_ZERO: (np.trunc, 0.0),
    Rounding.RND: (np.floor, 0.5),
    Rounding.RND_MIN_INF: (np.ceil, -0.5),
    Rounding.RND_CONV: (np.rint, 0.0),
}
_MAX_FLOAT_SHIFT = 64


def exact_kind(reach: int) -> type[np.float32] | type[np.float64] | type[np.int64] | type[object]:
    """The fastest dtype that holds every whole number from -reach to reach; Python integers beyond int64."""
    if reach <= 1 << 53:
        return np.float32 if reach <= 1 << 24 else np.float64
    return np.int64 if reach < 1 << 63 else object


def as_kind(held: Held, kind: type[Any]) -> Held:
    """Whole numbers in another dtype that holds them; Python integers come from integers, never from floats."""
    from_float = held.dtype.kind == "f" and np.dtype(kind) == object
    return (held.astype(np.int64) if from_float else held).astype(kind, copy=False)


def cast_held(held: Held, low: int, high: int, source_fraction: int, target: FixedType) -> Held:
    """`cast_array` of raw values from low to high that may be held as whole floats, and then stay floats.

    Every step is exact: floats are scaled by powers of two and rounded by one function, and stay below the reach of their
    dtype; what this cannot do goes through int64.
    """
    shift = source_fraction - target.fraction
    if held.dtype.kind != "f":
        return cast_array(held, source_fraction, target)
    if target.rounding not in _FLOAT_ROUNDINGS or abs(shift) > _MAX_FLOAT_SHIFT:
        return cast_array(held.astype(np.int64), source_fraction, target)
    first, last = rescaled(low, shift, target.rounding), rescaled(high, shift, target.rounding)
    fits = target.min_raw <= first and last <= target.max_raw
    half = 1 << max(shift - 1, 0)
    turn = 0 if fits else 1 << target.width
    kind = exact_kind(max(-low + half, high + half, -first + turn, last + turn))
    if kind in (np.int64, object):
        return cast_array(held.astype(np.int64), source_fraction, target)
    whole = _rounded(held.astype(kind, copy=False), shift, target.rounding)
    if not fits:
        whole = _overflowed(whole, first, last, target, shared=whole is held)
    reach = max(-first, last) if fits else 1 << target.width
    return whole.astype(exact_kind(reach), copy=False)


def is_monotonic(low: int, high: int, source_fraction: int, target: FixedType) -> bool:
    """Whether no raw value from low to high is assigned a value above that of a greater one: rounding rises in every
    mode, and so does saturation; wrapping and SAT_ZERO do not."""
    if target.overflow in (Overflow.SAT, Overflow.SAT_SYM):
        return True
    first, last = (rescaled(end, source_fraction - target.fraction, target.rounding) for end in (low, high))
    return target.min_raw <= first and last <= target.max_raw


def _rounded(held: Held, shift: int, rounding: Rounding) -> Held:
    """Whole floats * 2**-shift to whole floats."""
    if shift == 0:
        return held
    scaled: Held = held * held.dtype.type(2.0**-shift)
    if shift > 0:
        function, offset = _FLOAT_ROUNDINGS[rounding]
        if offset:
            scaled += offset
        function(scaled, out=scaled)
    return scaled


def _overflowed(whole: Held, first: int, last: int, target: FixedType, *, shared: bool) -> Held:
    """Whole floats from first to last, of which some may be out of the target's range, by its overflow mode; in place
    unless the array is shared."""
    low, high = target.min_raw, target.max_raw
    match target.overflow:
        case Overflow.WRAP:
            turns = np.floor((whole - low) * whole.dtype.type(2.0**-target.width))
            return np.asarray(whole - turns * (1 << target.width))
        case Overflow.SAT_ZERO:
            return np.where((whole < low) | (whole > high), whole.dtype.type(0), whole)
        case Overflow.SAT | Overflow.SAT_SYM:
            # A bound that cannot be passed may lie beyond what the dtype holds.
            out = None if shared else whole
            if first < low and last > high:
                return np.asarray(np.clip(whole, low, high, out=out))
            return np.asarray(np.maximum(whole, low, out=out) if first < low else np.minimum(whole, high, out=out))


def cast_real(values: npt.NDArray[np.float64], target: FixedType) -> Held:
    """`FixedType.raw` of real values, held in the fastest exact dtype; the usual type of an input takes four steps."""
    kind = exact_kind(1 << target.width)
    usual = target.rounding is Rounding.RND_CONV and target.overflow is Overflow.SAT and abs(target.fraction) < 1000
    if not usual or kind in (np.int64, object):
        return target.raw(values)
    # A power of two scales exactly, but for results so small or large that they round to 0 or saturate all the same.
    with np.errstate(over="ignore", under="ignore"):
        scaled = values * 2.0**target.fraction
    np.rint(scaled, out=scaled)
    held = np.clip(scaled, target.min_raw, target.max_raw, out=scaled).astype(kind, copy=False)
    # NaN goes through all of this, and only NaN makes such a sum NaN.
    return target.raw(values) if np.isnan(held.sum()) else held


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


def _held(raw: Raw, target: FixedType) -> Raw:
    """int64, or Python integers where they are given or the target needs them."""
    given = np.asarray(raw)
    if given.dtype.kind not in "biuO":
        raise FpgaMlError(
            f"an array of {given.dtype} holds no raw fixed-point values, which are whole numbers",
            do="convert real values with FixedType.raw",
        )
    beyond = given.dtype.kind == "u" and bool(np.any(given > np.iinfo(np.int64).max))
    return given.astype(object if beyond or given.dtype.kind == "O" else target.kind)
