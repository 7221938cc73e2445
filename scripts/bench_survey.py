"""What a source costs in a survey: host work of one evaluation beside the kernel's time, and sources a second on 1 and 2
workers.

    python scripts/bench_survey.py [--square-degrees 0.01] [-o FOLDER]

Prints the tables of docs/celeste.md. An evaluation is value, gradient and information of a galaxy of 28 components in 51 x
51 pixels, "by NumPy" as `fit` computes it; medians of 5 rounds by turns. Kernel: one pixel a cycle at 200 MHz.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as parquet

from fpga_ml.science.celeste import SDSS_PSF, Exposure, Galaxy
from fpga_ml.science.celeste.likelihood import fisher
from fpga_ml.science.celeste.pixels import Pixels, Terms, coefficients, gradient, light, slopes, values
from fpga_ml.science.celeste.population import Prior
from fpga_ml.science.celeste.sources import scene
from fpga_ml.science.celeste.survey.region import images_in
from fpga_ml.science.celeste.survey.run import survey
from fpga_ml.science.celeste.survey.simulate import Conditions, draw, simulate

SIDE, GAIN, SKY = 51, 900.0, 600.0
KERNEL_S = SIDE * SIDE / 200e6
SDSS_SOURCES = 188e6
ROUNDS = 5


def microseconds(call: Callable[[], object]) -> float:
    call()
    calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < 0.3:
        call()
        calls += 1
    return (time.perf_counter() - start) / calls * 1e6


def host() -> None:
    source, exposure = Galaxy(0.3, -0.2, 20.0, 0.4, 0.6, 0.5, 2.5), Exposure(SDSS_PSF[2], GAIN)
    known, sky = scene(source, exposure), np.full((SIDE, SIDE), SKY)
    terms = Terms.galaxy(SDSS_PSF[2])
    numbers = np.array([0.3, -0.2, np.log(GAIN * 20), 0.4, 5.2, 1.6, 3.3])
    counts = np.random.default_rng(1).poisson(light(terms, numbers, sky.shape) + sky).astype(float)
    pixels, draws = Pixels(counts, sky, np.ones(sky.shape, bool)), np.tile(numbers, (64, 1))
    moments = np.ones((len(terms.table), 6))
    tasks = {
        "coefficients and derivatives, by NumPy": lambda: known.coefficients(),
        "information, by NumPy": lambda: fisher(known, sky),
        "value, gradient and information, compiled": lambda: slopes(terms, numbers, pixels),
        "value of one draw, compiled": lambda: values(terms, draws, pixels),
        "coefficients for the kernel, compiled": lambda: coefficients(terms, numbers),
        "gradient from the kernel's moments, compiled": lambda: gradient(terms, numbers, moments),
    }
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(ROUNDS):
        for name, task in tasks.items():
            times[name].append(microseconds(task) / (len(draws) if "one draw, compiled" in name else 1))
    print(f"| galaxy of 28 components, {SIDE} x {SIDE} pixels | microseconds | of the kernel's time |\n|---|---|---|")
    for name, found in times.items():
        middle = statistics.median(found)
        print(f"| {name} | {middle:.0f} | {middle / KERNEL_S * 1e-6:.1f} |")
    print(f"| the kernel, {SIDE * SIDE:,} pixels at 200 MHz | {KERNEL_S * 1e6:.0f} | 1 |\n")


def surveys(square_degrees: float, folder: Path) -> None:
    conditions = Conditions()
    images = folder / "images"
    if not (images / "truth.parquet").exists():
        simulate(images, draw(Prior.load(), square_degrees, conditions, np.random.default_rng(1)), 1, conditions)
    rows = {}
    for workers in (1, 2):
        out = folder / f"out_{workers}_{time.time_ns()}"
        before, start = _cpu(), time.perf_counter()
        found = parquet.read_table(survey(images_in(images), out, workers=workers))
        rows[workers] = (time.perf_counter() - start, _cpu() - before, found)
    print("| workers | sources | seconds | sources a second | seconds of CPU a source |\n|---|---|---|---|---|")
    for workers, (seconds, cpu, found) in rows.items():
        print(f"| {workers} | {len(found)} | {seconds:.0f} | {len(found) / seconds:.2f} | {cpu / len(found):.2f} |")
    one = rows[1]
    print(f"\nthe same catalogue: {rows[1][2].equals(rows[2][2])}")
    print(f"a square degree: {one[1] / square_degrees / 3600:.1f} core-hours")
    print(f"SDSS, {SDSS_SOURCES:,.0f} sources: {one[1] / len(one[2]) * SDSS_SOURCES / 3600 / 1e6:.3f} million core-hours")


def _cpu() -> float:
    """Seconds of all children that have ended, and of this process."""
    mine = psutil.Process().cpu_times()
    return float(mine.user + mine.system + mine.children_user + mine.children_system)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--square-degrees", type=float, default=0.01)
    parser.add_argument("-o", "--out", type=Path)
    a = parser.parse_args()
    host()
    with tempfile.TemporaryDirectory() as folder:
        surveys(a.square_degrees, a.out or Path(folder))


if __name__ == "__main__":
    main()
