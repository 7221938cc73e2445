"""Speed of a model's C++ library beside the emulator, one thread of each on one core, as a Markdown table.

Both get the same samples and must agree in every bit; rates are medians of runs by turns, in CPU time. The library is
compiled for any x86-64 and for x86-64-v3 (AVX2).

    python scripts/bench_library.py [MODEL ...]
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

import fpga_ml
from fpga_ml.simulate.emulate import emulate_outputs
from fpga_ml.software.library import Library, read_parts, write_library

ROOT = Path(__file__).parent.parent
MODELS = ("jet_tagger", "jet_cnn", "constituent_gru", "particle_deepsets", "celeste")
FLAGS = ("-std=c++17", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-Wl,-Bsymbolic")
MACHINES = ((), ("-march=x86-64-v3",))
RUNS, LEAST_SECONDS, MOST = 5, 0.3, 20_000


def rate(call: Callable[[], object], samples: int) -> float:
    """Samples per second of CPU time, of as many calls as fill a third of a second."""
    calls, start = 0, time.process_time()
    while calls == 0 or time.process_time() - start < LEAST_SECONDS:
        call()
        calls += 1
    return calls * samples / (time.process_time() - start)


def compiled(source: Path, folder: Path, name: str, number: int) -> tuple[Callable[..., list[Any]], float]:
    """A function of raw inputs, and seconds of the compiler."""
    parts = read_parts(source)
    library = Library(name, str(number + 1), parts.network)
    out = folder / library.prefix
    out.mkdir()
    write_library(parts, source, library, out)
    start = time.perf_counter()
    command = ["g++", *FLAGS, *MACHINES[number], f"{library.prefix}.cpp", "-o", f"lib{library.prefix}.so"]
    subprocess.run(command, cwd=out, check=True)
    seconds = time.perf_counter() - start
    spec = importlib.util.spec_from_file_location(library.prefix, out / f"{library.prefix}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.Model()

    def call(x: list[Any]) -> list[Any]:
        y = [np.zeros((len(x[0]), port.elements), np.int64) for port in model.outputs]
        pointers = [(ctypes.c_void_p * len(side))(*(a.ctypes.data for a in side)) for side in (x, y)]
        model._raw(model._handle, len(x[0]), *pointers)
        return y

    return call, seconds


def row(name: str, folder: Path) -> str:
    project = fpga_ml.compile(ROOT / "models" / name, output=folder / name, until="rtl", progress=False)
    graph: Any = project.graph
    rows = [layer.result.raw(a).reshape(len(a), -1) for layer, a in zip(graph.inputs, project.x, strict=True)]
    count = min(MOST, max(len(rows[0]), 512))
    x = [np.ascontiguousarray(np.resize(a, (count, a.shape[1])), np.int64) for a in rows]
    wanted = [y.reshape(count, -1) for y in emulate_outputs(graph, x)]
    ways = [compiled(folder / name / "emulator", folder, name, number) for number in range(len(MACHINES))]
    for call, _ in ways:
        for got, want in zip(call(x), wanted, strict=True):
            np.testing.assert_array_equal(got, want)
    calls = [lambda: emulate_outputs(graph, x), *(lambda call=call: call(x) for call, _ in ways)]
    found = np.array([[rate(call, count) for call in calls] for _ in range(RUNS)])
    emulator, *libraries = (statistics.median(column) for column in found.T)
    seconds = " and ".join(f"{s:.0f}" for _, s in ways)
    ratios = " and ".join(f"{speed / emulator:.1f}" for speed in libraries)
    return f"| {name} | {emulator:,.0f} | {libraries[0]:,.0f} | {libraries[1]:,.0f} | {ratios} | {seconds} |"


def main() -> None:
    core = {min(os.sched_getaffinity(0))}
    os.sched_setaffinity(0, core)
    print(
        "| model | emulator, samples/s | library | library, AVX2 | over the emulator | g++, s |\n|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or MODELS:
            print(row(name, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
