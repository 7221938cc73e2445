"""Speed of the build and of C-simulation, as Markdown tables: medians of several runs."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from zoo import ZOO, samples  # noqa: E402

import fpga_ml  # noqa: E402
from fpga_ml.config import Config  # noqa: E402
from fpga_ml.frontend.load import load  # noqa: E402
from fpga_ml.simulate.vectors import load_samples  # noqa: E402

RUNS = 3


def median_seconds(call: object) -> float:
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        call()  # type: ignore[operator]
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    print("| model | arch | convert and write, s | compile C++, s | csim 1 thread, samples/s | csim 2 threads, samples/s |")
    print("|---|---|---|---|---|---|")
    tagger = ZOO["tagger_6bit"]()
    jets = ROOT / "models" / "jet_cnn"
    source = load(jets)
    images = list(load_samples(source.data, source.inputs, 1).first(400).x)
    cases = (
        ("jet_cnn (8-8-8, 6 bit)", jets, images, "stream"),
        ("dense tagger 16-64-32-32-5, 6 bit", tagger, samples(tagger, 20_000), "parallel"),
    )
    for name, model, x, arch in cases:
        with tempfile.TemporaryDirectory() as folder:
            project = fpga_ml.compile(model, data=x, config=Config(arch=arch, vectors=50), output=f"{folder}/p")
            simulator = project.simulator
            assert simulator is not None
            assert project.report["csim"]["bit_exact_vs_quantised_model"]
            t = project.report["timings_s"]
            rates = [len(x[0]) / median_seconds(partial(simulator.run, x, jobs=j)) for j in (1, 2)]
            row = (f"{t['convert']:.1f}", f"{t['build csim']:.1f}", *(f"{r:,.0f}" for r in rates))
            print(f"| {name} | {arch} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
