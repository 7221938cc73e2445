"""Sums of products in one type after another: hls4ml's C++ of many types in one library, and exact integers beside it.

A case is a dense layer of two inputs and one output with its five types: input, weight, bias, sum, result. In `cases` each
of the five takes every width and every binary point; `expected` computes what must come out in Python's integers, `Compiled`
what hls4ml's C++ makes of it, in parallel and as a stream.
"""

from __future__ import annotations

import ctypes
import importlib.util
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
from cpp import shared_object

WIDTHS, POINTS = range(2, 25), range(-20, 31)
ROLES = ("x", "w", "b", "s", "y")
VECTORS, PER_FILE = 8, 100


@dataclass(frozen=True)
class Type:
    """A fixed-point type; quantised: rounds to even and saturates, else cuts off and wraps."""

    signed: bool
    width: int
    integer: int
    quantised: bool = False

    @property
    def lsb(self) -> Fraction:
        return Fraction(2) ** (self.integer - self.width)

    @property
    def ends(self) -> tuple[int, int]:
        return (-(1 << self.width - 1), (1 << self.width - 1) - 1) if self.signed else (0, (1 << self.width) - 1)

    def cpp(self) -> str:
        return f"ap_{'' if self.signed else 'u'}fixed<{self.width},{self.integer}{',AP_RND_CONV,AP_SAT,0' * self.quantised}>"

    def assigned(self, value: Fraction) -> Fraction:
        """What is left of a value that is assigned to the type."""
        low, high = self.ends
        if self.quantised:
            return min(max(round(value / self.lsb), low), high) * self.lsb
        return ((value // self.lsb - low) % (high - low + 1) + low) * self.lsb


@dataclass(frozen=True)
class Case:
    x: Type
    w: Type
    b: Type
    s: Type
    y: Type

    def data(self) -> tuple[npt.NDArray[np.float64], list[Fraction], Fraction]:
        """(inputs as doubles (VECTORS, 2), the two weights, the bias): ends, ties and what lies beyond the ends."""
        rng = random.Random(str(self))
        low, high = self.x.ends
        ends = [low, high, low - 1, high + Fraction(1, 2), Fraction(1, 2), -Fraction(3, 2)]
        inner = [Fraction(rng.randint(4 * low, 4 * high), rng.choice((2, 4, 8))) for _ in range(2 * VECTORS - len(ends))]
        x = np.array([float(v * self.x.lsb) for v in rng.sample(ends + inner, 2 * VECTORS)]).reshape(VECTORS, 2)
        w0, w1, bias = (
            rng.choice((*t.ends, rng.randint(*t.ends), rng.randint(*t.ends))) * t.lsb for t in (self.w, self.w, self.b)
        )
        return x, [w0, w1], bias

    def expected(self) -> npt.NDArray[np.float64]:
        x, weights, bias = self.data()
        found = []
        for row in x:
            total = self.s.assigned(bias)
            for value, weight in zip(row, weights, strict=True):
                total = self.s.assigned(total + self.s.assigned(self.x.assigned(Fraction(value)) * weight))
            found.append(float(self.y.assigned(total)))
        return np.array(found)


def cases() -> Iterator[Case]:
    """1,173 layers, in which each of the five types takes every width and every binary point once.

    Place i of x and place turn(i) of w have sums that are all different: bias, sum and result stand there. Widths turn by
    different steps. Sums wrap around.
    """
    n = len(WIDTHS)
    for i in range(len(POINTS)):
        turn = len(POINTS) // 2 - i // 2 if i % 2 == 0 else len(POINTS) - 1 - i // 2
        ends = POINTS[i + turn - len(POINTS) // 2]
        for j in range(n):
            x, w, b, s, y = (WIDTHS[(step * j + k * i) % n] for k, step in enumerate((1, 3, 5, 7, 11)))
            yield Case(
                Type((i + j) % 2 == 0, x, POINTS[i], True),
                Type(True, w, POINTS[turn]),
                Type(True, b, ends),
                Type(True, s, ends),
                Type(j % 3 > 0, y, ends, True),
            )


def exact(case: Case) -> Case:
    """With a sum that loses nothing, as hls4ml infers it, and a result that meets it."""
    x, w, b = case.x, case.w, case.b
    integer = max(x.integer + w.integer + 1, b.integer) + 1
    s = Type(True, integer + max(x.width - x.integer + w.width - w.integer, b.width - b.integer), integer)
    return Case(x, w, b, s, Type(case.y.signed, case.y.width, integer - (x.width + w.width) % 4, True))


_HEAD = """
#include <iostream>
#include <sstream>
#include "ap_fixed.h"
#include "nnet_utils/nnet_helpers.h"
#include "nnet_utils/nnet_dense.h"
#include "nnet_utils/nnet_dense_stream.h"
template <class W, class B, class S> struct config : nnet::dense_config {
    static const unsigned n_in = 2, n_out = 1, strategy = nnet::latency, n_zeros = 0, n_nonzeros = 2, multiplier_limit = 2;
    typedef S accum_t; typedef B bias_t; typedef W weight_t; typedef ap_uint<1> index_t;
    template <class data_T, class res_T, class CONFIG_T> using kernel = nnet::DenseLatency<data_T, res_T, CONFIG_T>;
    template <class x_T, class y_T> using product = nnet::product::mult<x_T, y_T>;
};
template <class X, class W, class B, class S, class Y> void run(double *x, const char *weights, double *parallel, double *streamed) {
    typedef config<W, B, S> C;
    W w[2]; B b[1];
    std::istringstream line(weights);
    std::string token;
    std::getline(line, token, ','); std::istringstream(token) >> w[0];
    std::getline(line, token, ','); std::istringstream(token) >> w[1];
    std::getline(line, token, ','); std::istringstream(token) >> b[0];
    X data[2]; Y result[1];
    nnet::convert_data<double, X, 2>(x, data);
    nnet::dense<X, Y, C>(data, result, w, b);
    nnet::convert_data<Y, double, 1>(result, parallel);
    hls::stream<nnet::array<X, 2>> in("in"); hls::stream<nnet::array<Y, 1>> out("out");
    nnet::convert_data<double, nnet::array<X, 2>, 2>(x, in);
    nnet::dense<nnet::array<X, 2>, nnet::array<Y, 1>, C>(in, out, w, b);
    nnet::convert_data<nnet::array<Y, 1>, double, 1>(out, streamed);
}
typedef void (*Run)(double *, const char *, double *, double *);
"""


class Compiled:
    """hls4ml's C++ of these cases, for Vitis, in one library."""

    def __init__(self, chosen: Sequence[Case], folder: Path) -> None:
        self.cases = chosen
        spec = importlib.util.find_spec("hls4ml")
        assert spec is not None
        assert spec.origin is not None
        templates = Path(spec.origin).parent / "templates"
        nnet = folder / "nnet_utils"
        nnet.mkdir()
        for backend in ("vivado", "vitis"):  # Vitis' own headers stand in the place of Vivado's
            for header in (templates / backend / "nnet_utils").glob("*.h"):
                (nnet / header.name).write_text(header.read_text())
        flags = ["-O0", "-std=c++17", "-I.", f"-I{templates / 'vivado' / 'ap_types'}"]
        parts = [chosen[i : i + PER_FILE] for i in range(0, len(chosen), PER_FILE)]

        def build(index: int) -> Path:
            text = ",\n".join(f"run<{', '.join(getattr(c, r).cpp() for r in ROLES)}>" for c in parts[index])
            source = folder / f"part{index}.cpp"
            source.write_text(_HEAD + f'extern "C" const Run part{index}[] = {{{text}}};\n')
            return shared_object(source, flags)

        with ThreadPoolExecutor(2) as pool:
            self._libraries = [ctypes.CDLL(str(made)) for made in pool.map(build, range(len(parts)))]

    def outputs(self, index: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """(parallel, stream) of a case's vectors."""
        case, (part, place) = self.cases[index], divmod(index, PER_FILE)
        x, weights, bias = case.data()
        run_type = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p])
        table = (ctypes.c_void_p * len(self.cases[part * PER_FILE : (part + 1) * PER_FILE])).in_dll(
            self._libraries[part], f"part{part}"
        )
        run = run_type(table[place])
        text = ",".join(_decimal(v, t) for v, t in ((weights[0], case.w), (weights[1], case.w), (bias, case.b)))
        found = np.empty((2, len(x)))
        for i, row in enumerate(np.ascontiguousarray(x)):
            run(row.ctypes.data, text.encode(), found[0, i:].ctypes.data, found[1, i:].ctypes.data)
        return found[0], found[1]


def _decimal(value: Fraction, t: Type) -> str:
    """As hls4ml writes weights: with as many decimals as the type has bits behind the point."""
    return f"{float(value):.{max(t.width - t.integer, 0)}f}"
