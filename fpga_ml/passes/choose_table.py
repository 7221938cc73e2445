"""The table of a function of one value that costs no more than the rounding of its result.

Where the argument has few bits, the table has an entry for each of its values and is the function itself, correctly
rounded. Else it is one of equal steps, or one with straight lines in between, whichever takes less logic.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from fpga_ml.activations import Array, Curve
from fpga_ml.layers.unary import UnaryTable
from fpga_ml.numerics import FixedType, Overflow, Rounding

MOST_ENTRIES = 1 << 14
_MOST_EXACT = 1 << 12  # entries of a table with one for each value of the argument
_MOST_STEPS = 1 << 10  # of a table without lines: as many as hls4ml's have
_MOST_CORNERS = 64  # entries of a table of a function that is made of straight lines
_ENUMERATED_BITS = 16
MOST_COST = 0.5  # in steps of the result
_TAIL = 1 / 8  # what an end that is cut off may cost
_GUARD_BITS = 4  # that entries have at most below the result's, where lines join them
_MARGIN = 0.25  # of the range on the data, beyond each of its ends
_GRID, _ZOOMS = 1025, 6
_PARTS, _PLACES = 8, 1 << 12  # of a step at which a table is compared, and at least of its whole range
_MOST_VALUE_BITS = 62
_BEYOND, _BEYOND_WRAPPING = 2, 1 << 16  # how many times a result's range f is followed, and of one that wraps


def choose(
    f: Curve, given: FixedType, result: FixedType, reach: tuple[float, float], walls: Sequence[float] = ()
) -> UnaryTable:
    """The table of f from arguments of type `given` to values of type `result`; reach: the least and the greatest argument
    on the data, or infinities; walls: poles of f and ends of its domain. Where no table of MOST_ENTRIES is good enough, the
    best; its `cost` is then above 1/2."""
    f = _finite(f, result)
    exact = _every_value(f, given, result) or _made_of_lines(f, given, result)
    if exact is not None:
        return exact
    low, high = _domain(f, given, result, reach, walls=walls)
    found: list[UnaryTable] = []
    lines = (_lines(f, given, result, low, high, guard=bits) for bits in range(1, _GUARD_BITS + 1))
    for tables in (_steps(f, result, low, high), *lines):
        tried: UnaryTable | None = None
        for tried in tables:
            if tried.cost <= MOST_COST:
                break
        found += [] if tried is None else [tried]
    good = [t for t in found if t.cost <= MOST_COST]
    return min(good, key=luts) if good else min(found, key=lambda t: t.cost)


def luts(table: UnaryTable) -> float:
    """An estimate of its logic: 64 bits of a table, or a bit of a product or a sum, are one lookup table of an FPGA."""
    bits = _width(table.entries)
    if not table.fine:
        return len(table.entries) * bits / 64
    rise = _width(table.rises)
    return len(table.entries) * (bits + rise) / 64 + table.fine * rise + bits + table.fine


def _width(values: tuple[int, ...]) -> int:
    return max(v.bit_length() for v in values) + (min(values) < 0)


def _every_value(f: Curve, given: FixedType, result: FixedType) -> UnaryTable | None:
    """An entry for each value of the argument between those from which on the result stays the same."""
    if given.width > _ENUMERATED_BITS:
        return None
    raw = np.arange(given.min_raw, given.max_raw + 1)
    entries = result.raw(f(given.real(raw)))
    changes = np.flatnonzero(np.diff(entries))
    first, last = (int(changes[0]), int(changes[-1]) + 1) if len(changes) else (0, 0)
    if last - first >= _MOST_EXACT:
        return None
    places = (int(raw[first]), int(raw[last]))
    return UnaryTable(
        _place(places, given.fraction, Rounding.TRN),
        0,
        places[0],
        _plain(entries[first : last + 1]),
        result.fraction,
        result,
        0.0,
    )


def _made_of_lines(f: Curve, given: FixedType, result: FixedType) -> UnaryTable | None:
    """The function itself where it is straight between few places and constant beyond them, as hard_tanh is."""
    low, high = _domain(f, given, result, (-math.inf, math.inf), 0.0)
    for table in _lines(f, given, result, low, high, _MOST_CORNERS, given.fraction):
        ends = (table.first, table.first + len(table.entries) - 1)
        values = np.ldexp(np.array([table.entries[0], table.entries[-1]], np.float64), -table.fraction)
        beyond = _within(f(np.array([given.min, given.max])), result)
        places = np.ldexp(np.array(ends, np.float64), table.fine - table.place.fraction)
        covered = np.array([places[0] <= given.min, places[1] >= given.max])
        if table.cost == 0.0 and (covered | (_within(values, result) == beyond)).all():
            return table
    return None


def _domain(
    f: Curve,
    given: FixedType,
    result: FixedType,
    reach: tuple[float, float],
    tail: float = _TAIL,
    walls: Sequence[float] = (),
) -> tuple[float, float]:
    """The arguments on the data and a margin, within the argument's type, without ends on which f moves by no more than
    `tail` steps of the result, and half way at most from the data to a wall."""
    margin = _MARGIN * (reach[1] - reach[0]) if np.isfinite(reach).all() else 0.0
    low, high = max(given.min, reach[0] - margin), min(given.max, reach[1] + margin)
    low = max([low, *((wall + reach[0]) / 2 for wall in walls if wall <= reach[0])])
    high = min([high, *((wall + reach[1]) / 2 for wall in walls if wall >= reach[1])])
    ends = _within(f(np.array([low, high])), result)
    for _ in range(_ZOOMS):
        x = np.linspace(low, high, _GRID)
        y = _within(f(x), result)
        far = tail * result.lsb
        low, high = x[_still(y - ends[0], far)], x[::-1][_still(y[::-1] - ends[1], far)]
        if low >= high:
            return float(high), float(low)
    return float(low), float(high)


def _within(y: Array, result: FixedType) -> Array:
    return y.clip(result.min, result.max) if result.overflow is not Overflow.WRAP else y


def _finite(f: Curve, result: FixedType) -> Curve:
    """f without infinities, and not far beyond the result's range."""
    beyond = _BEYOND_WRAPPING if result.overflow is Overflow.WRAP else _BEYOND
    most = beyond * math.ldexp(1.0, result.integer)  # a power of two, so that lines which end there stay lines of few steps
    return lambda x: f(x).clip(-most, most)


def _still(moved: Array, far: float) -> int:
    """The last place before something has moved too far."""
    gone = np.flatnonzero(np.abs(moved) > far)
    return max(int(gone[0]) - 1, 0) if len(gone) else len(moved) - 1


def _grids(low: float, high: float, most: int) -> Iterator[tuple[int, int, int]]:
    """(log2 of the steps in 1, the number of the first step, that of the last), ever finer, of up to `most` entries."""
    bits = -math.ceil(math.log2(high - low)) if high > low else 0
    while True:
        first, last = math.floor(math.ldexp(low, bits)), math.ceil(math.ldexp(high, bits))
        if last - first >= most:
            return
        yield bits, first, last
        if high == low:
            return
        bits += 1


def _steps(f: Curve, result: FixedType, low: float, high: float) -> Iterator[UnaryTable]:
    for bits, first, last in _grids(low, high, _MOST_STEPS):
        x = np.ldexp(np.arange(first, last + 1, dtype=np.float64), -bits)
        y, between = (_within(f(places), result) for places in (x, (x[:-1] + x[1:]) / 2))
        off = max(float(np.abs(between - side).max(initial=0.0)) for side in (y[:-1], y[1:]))
        if off <= MOST_COST * result.lsb:
            t = _parts(len(x))
            off = max(off, _apart(np.where(t < 0.5, y[:-1], y[1:]), f(x[:-1] + t * np.diff(x)), result))
        place, entries = _place((first, last), bits, Rounding.RND), _plain(result.raw(y))
        yield UnaryTable(place, 0, first, entries, result.fraction, result, max(off / result.lsb, _TAIL))


def _lines(
    f: Curve,
    given: FixedType,
    result: FixedType,
    low: float,
    high: float,
    most: int = MOST_ENTRIES,
    finest: int = 0,
    guard: int = _GUARD_BITS,
) -> Iterator[UnaryTable]:
    """finest: fraction bits of the argument that count at least; guard: bits of an entry below the result's."""
    fraction = result.fraction + guard
    for bits, first, last in _grids(low, high, most):
        x = np.ldexp(np.arange(first, last + 1, dtype=np.float64), -bits)
        raw = np.rint(np.ldexp(_lifted(f, x), fraction))
        y = np.ldexp(raw, -fraction)
        off = 0.0
        for t in (_parts(_PLACES), _parts(len(x))):
            if off <= MOST_COST * result.lsb:
                off = _apart(y[:-1] + t * np.diff(y), f(x[:-1] + t * np.diff(x)), result)
        slope = math.ldexp(float(np.abs(np.diff(y)).max(initial=0.0)), bits)
        counts = math.ceil(math.log2(slope / result.lsb)) + guard + 1 if slope else bits  # bits of the argument
        kept = max(min(max(counts, finest), given.fraction), bits)
        cut = math.ldexp(slope, -kept) if kept < given.fraction else 0.0
        fine = kept - bits
        place, entries = _place((first << fine, last << fine), kept, Rounding.TRN), _plain(raw)
        end = _apart(y[[0, -1]], f(x[[0, -1]]), result) / result.lsb
        tail = end + (_TAIL if finest < given.fraction else 0.0)
        table = UnaryTable(place, fine, first, entries, fraction, result, max((off + cut) / result.lsb, tail))
        if _width(entries) + fine <= _MOST_VALUE_BITS:
            yield table


def _parts(entries: int) -> Array:
    """Where in each step a table is compared, as a column: a few steps are looked at closely."""
    count = max(_PARTS, _PLACES // max(entries - 1, 1))
    return np.linspace(0.0, 1.0, count + 1)[:, None]


def _apart(a: Array, b: Array, result: FixedType) -> float:
    """How far values are from others within the result's range."""
    return float(np.abs(_within(a, result) - _within(b, result)).max(initial=0.0))


def _lifted(f: Curve, x: Array) -> Array:
    """Values at x from which straight lines leave f on either side by the same, where f is bent."""
    y = f(x)
    sag = f((x[:-1] + x[1:]) / 2) - (y[:-1] + y[1:]) / 2
    around = np.concatenate([sag[:1], sag, sag[-1:]])
    lifted: Array = y + (around[:-1] + around[1:]) / 4
    return lifted


def _place(ends: tuple[int, int], fraction: int, rounding: Rounding) -> FixedType:
    """A type of these raw values, that holds what is outside at its ends."""
    width = max(e.bit_length() for e in (*ends, -1 - ends[0])) + 1
    return FixedType(True, width, width - fraction, rounding, Overflow.SAT)


def _plain(raw: Array | np.ndarray) -> tuple[int, ...]:
    return tuple(int(v) for v in raw)
