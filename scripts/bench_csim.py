"""Speed of the build, and of C-simulation beside the emulator, as a Markdown table.

Both run the same samples on all cores, by turns, and must agree in every bit; rates and ratios are medians. A run of
C-simulation includes the start of its process, under a second. The ratio of CPU times is the steadier on a busy machine.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from zoo import ZOO, samples  # noqa: E402

import fpga_ml  # noqa: E402
from fpga_ml.config import Config  # noqa: E402
from fpga_ml.frontend.load import load  # noqa: E402
from fpga_ml.samples import load_samples  # noqa: E402

Array = npt.NDArray[np.float64]
RUNS = 3
LEAST_SECONDS = 0.5


def rates(call: Callable[[], object], samples: int) -> tuple[float, float]:
    """Samples per second of wall clock and of CPU time, of as many calls as fill half a second."""
    calls, start, cpu = 0, time.perf_counter(), cpu_seconds()
    while calls == 0 or time.perf_counter() - start < LEAST_SECONDS:
        call()
        calls += 1
    return calls * samples / (time.perf_counter() - start), calls * samples / (cpu_seconds() - cpu)


def cpu_seconds() -> float:
    """Of all threads, and of the children that have ended."""
    return sum(os.times()[:4])


def compare(project: fpga_ml.Project, x: list[Array]) -> tuple[float, float, float, float]:
    """Samples per second of C-simulation and of the emulator, how many times faster that is, and in CPU time."""
    np.testing.assert_array_equal(np.ravel(project.csim(x)), np.ravel(project.emulate(x)))
    found = []
    for _ in range(RUNS):
        (csim, csim_cpu), (emulator, emulator_cpu) = (
            rates(partial(run, x), len(x[0])) for run in (project.csim, project.emulate)
        )
        found.append((csim, emulator, emulator / csim, emulator_cpu / csim_cpu))
    csim, emulator, ratio, cpu_ratio = (statistics.median(column) for column in zip(*found, strict=True))
    return csim, emulator, ratio, cpu_ratio


def main() -> None:
    columns = (
        "convert and write, s",
        "compile C++, s",
        "csim, samples/s",
        "emulator, samples/s",
        "ratio",
        "ratio, CPU time",
    )
    print(f"| model | arch | {' | '.join(columns)} |")
    print("|---|---|" + "---|" * len(columns))
    tagger = ZOO["tagger_6bit"]()
    jets = ROOT / "models" / "jet_cnn"
    source = load(jets)
    images = list(load_samples(source.data, source.inputs, 1).first(600).x)
    cases = (
        ("jet_cnn (8-16-32, 6 bit)", jets, images, "stream"),
        ("dense tagger 16-64-32-32-5, 6 bit", tagger, samples(tagger, 50_000), "parallel"),
    )
    for name, model, x, arch in cases:
        with tempfile.TemporaryDirectory() as folder:
            config = Config(arch=arch, vectors=50, until="emulate")
            project = fpga_ml.compile(model, data=[a[:600] for a in x], config=config, output=f"{folder}/p")
            assert project.report["csim"]["bit_exact_vs_quantised_model"]
            t = project.report["timings_s"]
            speeds = (f"{v:,.0f}" for v in compare(project, x))
            print(f"| {name} | {arch} | {t['convert']:.1f} | {t['build csim']:.1f} | {' | '.join(speeds)} |", flush=True)


if __name__ == "__main__":
    main()
