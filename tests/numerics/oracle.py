"""hls4ml's bundled ap_types, compiled: what C++ does for `target = source` and `target = double`, for a list of types."""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from cpp import shared_object

from fpga_ml.numerics import FixedType, Overflow, Rounding

SEED = 20240611
PAIRS_PER_MODE = 2
RANDOM_RAWS = 120

_PROGRAM = """\
#include "ap_fixed.h"
#include <cstdint>

template <class S> void load(S &source, const uint64_t *words) {
    source.V = (ap_ulong)words[0];
    if (S::width > 64) {
        S high;
        high.V = (ap_ulong)words[1];
        source.V |= (high.V << 32) << 32;
    }
}
template <class T> void store(T target, int64_t *words) {
    words[0] = target.V.to_int64();
    words[1] = 0;
    if (T::width > 64) {
        target.V = (target.V >> 32) >> 32;
        words[1] = target.V.to_int64();
    }
}
template <class S, class T> void assign(const uint64_t *words, int64_t *out, long count) {
    for (long k = 0; k < count; k++) {
        S source;
        load(source, words + 2 * k);
        T target = source;
        store(target, out + 2 * k);
    }
}
template <class T> void convert(const double *values, int64_t *out, long count) {
    for (long k = 0; k < count; k++) {
        T target = values[k];
        store(target, out + 2 * k);
    }
}
typedef void (*Assign)(const uint64_t *, int64_t *, long);
typedef void (*Convert)(const double *, int64_t *, long);
static const Assign assigns[] = {%s};
static const Convert converts[] = {%s};
extern "C" void run_assign(int pair, const uint64_t *words, int64_t *out, long count) { assigns[pair](words, out, count); }
extern "C" void run_convert(int pair, const double *values, int64_t *out, long count) { converts[pair](values, out, count); }
"""

# Edges that random types seldom meet: one bit, 64 and 128 bits, no overlap of the two types.
_CORNERS = [
    ("ap_fixed<8,4>", "ap_fixed<1,1,AP_RND,AP_SAT_SYM>"),
    ("ap_fixed<8,4>", "ap_fixed<1,0,AP_TRN,AP_SAT_SYM>"),
    ("ap_fixed<8,4>", "ap_fixed<1,1,AP_RND_CONV,AP_SAT>"),
    ("ap_fixed<8,4>", "ap_fixed<1,2,AP_RND_CONV,AP_SAT_ZERO>"),
    ("ap_fixed<8,4>", "ap_ufixed<1,1,AP_RND_INF,AP_SAT_SYM>"),
    ("ap_fixed<8,4>", "ap_fixed<2,2,AP_RND_INF,AP_SAT_SYM>"),
    ("ap_fixed<1,1>", "ap_fixed<8,4,AP_RND,AP_SAT_SYM>"),
    ("ap_ufixed<1,1>", "ap_fixed<1,1,AP_TRN,AP_SAT>"),
    ("ap_fixed<8,8>", "ap_fixed<8,-1,AP_RND_ZERO,AP_SAT>"),
    ("ap_fixed<8,-4>", "ap_fixed<8,10,AP_RND_INF,AP_SAT_SYM>"),
    ("ap_fixed<8,-4>", "ap_fixed<8,8,AP_TRN,AP_WRAP>"),
    ("ap_fixed<8,0>", "ap_fixed<8,8,AP_RND,AP_SAT>"),
    ("ap_fixed<8,-1>", "ap_fixed<8,8,AP_RND_MIN_INF,AP_WRAP>"),
    ("ap_fixed<40,44>", "ap_fixed<12,-4,AP_TRN,AP_SAT_ZERO>"),
    ("ap_fixed<40,40>", "ap_fixed<64,40,AP_RND,AP_SAT>"),
    ("ap_fixed<40,40>", "ap_fixed<64,30,AP_RND,AP_WRAP>"),
    ("ap_fixed<64,32>", "ap_fixed<64,40,AP_RND_CONV,AP_SAT_SYM>"),
    ("ap_fixed<64,32>", "ap_fixed<63,24,AP_RND_ZERO,AP_WRAP>"),
    ("ap_fixed<64,32>", "ap_ufixed<63,31,AP_TRN,AP_SAT>"),
    ("ap_ufixed<63,32>", "ap_ufixed<64,32,AP_RND,AP_WRAP>"),
    ("ap_fixed<64,64>", "ap_fixed<16,0,AP_RND,AP_SAT_ZERO>"),
    ("ap_fixed<64,0>", "ap_fixed<8,8,AP_RND_CONV,AP_SAT>"),
    ("ap_fixed<80,40>", "ap_fixed<24,12,AP_RND_CONV,AP_SAT>"),
    ("ap_fixed<80,40>", "ap_fixed<64,20,AP_RND_INF,AP_SAT_SYM>"),
    ("ap_fixed<90,50>", "ap_fixed<33,20,AP_RND_ZERO,AP_WRAP>"),
    ("ap_ufixed<72,30>", "ap_fixed<20,4,AP_TRN_ZERO,AP_SAT_ZERO>"),
    ("ap_ufixed<100,60>", "ap_ufixed<40,36,AP_RND,AP_SAT>"),
    ("ap_ufixed<64,32>", "ap_ufixed<64,20,AP_RND_CONV,AP_SAT>"),
    ("ap_fixed<64,32>", "ap_ufixed<65,33,AP_TRN,AP_WRAP>"),
    ("ap_fixed<65,33>", "ap_fixed<65,20,AP_RND_INF,AP_SAT_SYM>"),
    ("ap_fixed<73,41>", "ap_fixed<128,60,AP_RND,AP_SAT>"),
    ("ap_fixed<128,64>", "ap_fixed<73,41,AP_RND_CONV,AP_SAT>"),
    ("ap_fixed<128,64>", "ap_ufixed<128,30,AP_RND_ZERO,AP_WRAP>"),
    ("ap_ufixed<128,-20>", "ap_fixed<127,-30,AP_RND_MIN_INF,AP_SAT_ZERO>"),
    ("ap_fixed<32,62>", "ap_fixed<128,62,AP_TRN,AP_SAT>"),
]
_WIDEST = 128  # that the two words of a vector hold


@dataclass(frozen=True)
class Pair:
    """An assignment from one type to another, and its place in the compiled program."""

    index: int
    source: FixedType
    target: FixedType

    def __str__(self) -> str:
        return f"{self.source.cpp()} -> {self.target.cpp()}"

    @property
    def shift(self) -> int:
        return self.source.fraction - self.target.fraction

    @cached_property
    def raws(self) -> list[int]:
        """The fixed vectors of this pair: every raw of a narrow source, else edges, ties and random values."""
        low, high = self.source.min_raw, self.source.max_raw
        if high - low < 256:
            return list(range(low, high + 1))
        rng = random.Random(f"{SEED} {self}")
        found = [*self._near(rng), *self._random(rng), low, low + 1, -1, 0, 1, high - 1, high]
        return sorted({raw for raw in found if low <= raw <= high})

    def _near(self, rng: random.Random) -> Iterator[int]:
        """Around the halves and wholes of the target at both ends of its range, at zero and anywhere within."""
        t = self.target
        inner = [rng.randint(t.min_raw, t.max_raw) for _ in range(10)]
        for whole in (t.min_raw - 1, t.min_raw, t.min_raw + 1, -1, 0, 1, t.max_raw, t.max_raw + 1, 2 * t.max_raw, *inner):
            for halves in (2 * whole - 1, 2 * whole, 2 * whole + 1):
                raw = halves << (self.shift - 1) if self.shift > 0 else halves >> (1 - self.shift)
                yield from (raw - 1, raw, raw + 1)

    def _random(self, rng: random.Random) -> Iterator[int]:
        for _ in range(RANDOM_RAWS):
            raw = rng.getrandbits(rng.randint(1, self.source.width))
            yield rng.choice((raw, -raw))


def pairs() -> list[Pair]:
    """The types under test: every combination of the target's modes and both signs, several times, all modes on wide types,
    and the corners."""
    rng = random.Random(SEED)
    signs = (False, True)
    chosen: list[tuple[FixedType, FixedType]] = []
    for modes in [*itertools.product(Rounding, Overflow, signs, signs)] * PAIRS_PER_MODE:
        chosen.append(_random_pair(rng, *modes))
    chosen += [(FixedType.parse(source), FixedType.parse(target)) for source, target in _CORNERS]
    chosen += [_wide_pair(rng, *modes) for modes in itertools.product(Rounding, Overflow)]
    return [Pair(index, source, target) for index, (source, target) in enumerate(chosen)]


def _random_pair(
    rng: random.Random, rounding: Rounding, overflow: Overflow, from_signed: bool, to_signed: bool
) -> tuple[FixedType, FixedType]:
    width = rng.randint(1, 40)
    source = FixedType(
        from_signed, width, rng.randint(-4, width + 4), rng.choice([*Rounding]), rng.choice([Overflow.WRAP, Overflow.SAT])
    )
    width = rng.randint(1, 40)
    # Every other target ends near the source's last or first bit, where all modes come into play.
    near = rng.choice([source.integer + rng.randint(-4, 2), width - source.fraction + rng.randint(1, 4)])
    integer = rng.choice([rng.randint(-4, width + 4), min(max(near, -4), width + 4)])
    return source, FixedType(to_signed, width, integer, rounding, overflow)


def _wide_pair(rng: random.Random, rounding: Rounding, overflow: Overflow) -> tuple[FixedType, FixedType]:
    """One of the two or both wider than 64 bits, their binary points from 20 bits left of all bits to 30 right of them."""
    widths = [rng.randint(65, _WIDEST), rng.randint(1, _WIDEST)]
    rng.shuffle(widths)
    source = FixedType(rng.random() < 0.6, widths[0], rng.randint(-20, widths[0] + 30))
    near = rng.choice([source.integer + rng.randint(-9, 2), widths[1] - source.fraction + rng.randint(1, 9)])
    return source, FixedType(rng.random() < 0.6, widths[1], near, rounding, overflow)


class Oracle:
    """The compiled program; slow to make, fast to ask."""

    def __init__(self, folder: Path) -> None:
        self.pairs = pairs()
        self._library = ctypes.CDLL(str(_compile(self.pairs, folder)))

    def assign(self, pair: Pair, raws: Sequence[int]) -> list[int]:
        """Raw values of the pair's target after assignment from these of its source."""
        words = np.array([[raw & (2**64 - 1), raw >> 64 & (2**64 - 1)] for raw in raws], np.uint64)
        return self._run("run_assign", pair, words, len(raws))

    def convert(self, pair: Pair, values: npt.NDArray[np.float64]) -> list[int]:
        """Raw values of the pair's target after assignment from doubles."""
        return self._run("run_convert", pair, np.ascontiguousarray(values, np.float64), values.size)

    def _run(self, function: str, pair: Pair, given: npt.NDArray[np.generic], count: int) -> list[int]:
        out = np.empty((count, 2), np.int64)
        call = self._library[function]
        call.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long]
        call.restype = None
        call(pair.index, given.ctypes.data, out.ctypes.data, count)
        words = [(low & (2**64 - 1)) + (high << 64) for low, high in out.tolist()]
        return [_read(word, pair.target) for word in words]


def _read(words: int, t: FixedType) -> int:
    """The low bits as a number of the type."""
    bits = words & ((1 << t.width) - 1)
    return bits - (1 << t.width) if t.signed and bits >> (t.width - 1) else bits


def _compile(chosen: Sequence[Pair], folder: Path) -> Path:
    spec = importlib.util.find_spec("hls4ml")
    assert spec is not None
    assert spec.origin is not None
    include = Path(spec.origin).parent / "templates" / "vivado" / "ap_types"
    assigns = ",\n".join(f"assign<{p.source.cpp()}, {p.target.cpp()}>" for p in chosen)
    converts = ",\n".join(f"convert<{p.target.cpp()}>" for p in chosen)
    program = folder / "oracle.cpp"
    program.write_text(_PROGRAM % (assigns, converts))
    # Where all of a source lies under the target's last bit, ap_types first reads a bit that is not there, which its own
    # assert stops, and then does not use it: without asserts there is a result.
    return shared_object(program, ["-O0", "-DNDEBUG", "-std=c++11", f"-I{include}"])
