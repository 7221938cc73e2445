"""The C++ that takes values as words: read into a type, assigned to another as C++ does it, and written, in arrays and
streams."""

from __future__ import annotations

import ctypes
import importlib.util
import random
from pathlib import Path

import numpy as np
from cpp import shared_object

from fpga_ml.hls.words import CppPort
from fpga_ml.hls.words_cpp import WORDS
from fpga_ml.numerics import FixedType, cast_raw

TYPES = [
    "ap_fixed<54,20>",
    "ap_ufixed<64,0>",
    "ap_fixed<65,85>",
    "ap_fixed<96,-20>",
    "ap_ufixed<128,64>",
    "ap_fixed<128,158>",
]
TARGET = "ap_fixed<100,70,AP_RND,AP_SAT>"
_PROGRAM = """\
#include "ap_fixed.h"
#include "hls_stream.h"
#include "nnet_types.h"
%s
template <class T, class U> void pass(const double *in, double *out) {
    T x[4];
    U y[4];
    words::read<T, 4>(in, x);
    for (int i = 0; i < 4; i++)
        y[i] = x[i];
    words::write<U, 4>(y, out);
}
template <class T, class U> void stream(const double *in, double *out) {
    hls::stream<nnet::array<T, 2>> x;
    hls::stream<nnet::array<U, 2>> y;
    words::read<nnet::array<T, 2>, 4>(in, x);
    for (int i = 0; i < 2; i++) {
        nnet::array<T, 2> beat = x.read();
        nnet::array<U, 2> made;
        for (int j = 0; j < 2; j++)
            made[j] = beat[j];
        y.write(made);
    }
    words::write<nnet::array<U, 2>, 4>(y, out);
}
typedef void (*Road)(const double *, double *);
static const Road roads[] = {%s};
extern "C" void run(int road, const double *in, double *out) { roads[road](in, out); }
"""


def test_values_are_read_and_written_whole(tmp_path: Path) -> None:
    program = tmp_path / "words.cpp"
    roads = [(road, text) for text in TYPES for road in ("pass", "stream")]
    program.write_text(_PROGRAM % (WORDS, ", ".join(f"{road}<{text}, {TARGET}>" for road, text in roads)))
    spec = importlib.util.find_spec("hls4ml")
    assert spec is not None
    assert spec.origin is not None
    templates = Path(spec.origin).parent / "templates" / "vivado"
    includes = [f"-I{templates / name}" for name in ("ap_types", "nnet_utils")]
    library = shared_object(program, ["-O0", "-std=c++17", *includes])
    run, target, rng = ctypes.CDLL(str(library)).run, FixedType.parse(TARGET), random.Random(1)
    run.argtypes, run.restype = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p], None
    for number, (_, text) in enumerate(roads):
        t = FixedType.parse(text)
        here, there = CppPort((4,), t, wide=True), CppPort((4,), target, wide=True)
        for _ in range(20):
            raws = [t.min_raw, t.max_raw, rng.randint(t.min_raw, t.max_raw), rng.randint(t.min_raw, t.max_raw)]
            given = np.ascontiguousarray(here.crossed(np.array([raws], t.kind)))
            out = np.zeros((1, *there.crossing))
            run(number, given.ctypes.data, out.ctypes.data)
            assert there.raw(out)[0].tolist() == [cast_raw(raw, t.fraction, target) for raw in raws], roads[number]
