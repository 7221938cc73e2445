"""The estimate of LUTs and flip-flops beside what Yosys makes of the RTL, over random networks.

`python scripts/bench_estimate.py [--count 30]`: networks of seeded random shapes, weights, zeros and bits, in both
architectures. A row each, then the median and the worst error of the LUTs, and how long an estimate takes. The estimate was
adjusted on seeds 0 to 29; these are others.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers as L

from fpga_ml.config import Config
from fpga_ml.frontend.load import load
from fpga_ml.frontend.prepare import samples_of
from fpga_ml.sizing import planned, typed
from fpga_ml.toolchain.yosys import resources

SAMPLES = 200
TIMEOUT_S = 3600
FIRST_SEED = 100
Random = np.random.Generator
Made = tuple[list[Any], tuple[int, ...], dict[str, Any]]  # layers, shape of the input, settings


def dense(rng: Random) -> Made:
    widths = rng.integers(4, 33, rng.integers(1, 4))
    layers = [L.Dense(int(w), activation="relu") for w in widths]
    return [*layers, L.Dense(int(rng.integers(1, 6)))], (int(rng.integers(4, 25)),), {}


def image(rng: Random) -> Made:
    side = int(rng.integers(5, 8))
    layers = [L.Conv2D(int(rng.integers(2, 5)), 3, activation="relu"), L.MaxPooling2D(2), L.Flatten(), L.Dense(3)]
    return layers, (side, side, int(rng.integers(1, 3))), {"arch": rng.choice(["parallel", "stream"])}


def shared(rng: Random) -> Made:
    layers, shape, _ = dense(rng)
    return layers, shape, {"interval_cycles": int(2 ** rng.integers(1, 5))}


def series(rng: Random) -> Made:
    layers = [L.Conv1D(int(rng.integers(3, 9)), 3, activation="relu"), L.GlobalAveragePooling1D(), L.Dense(2)]
    return layers, (int(rng.integers(6, 13)), int(rng.integers(2, 6))), {"arch": "stream"}


KINDS: tuple[Callable[[Random], Made], ...] = (
    dense,
    dense,
    image,
    shared,
    series,
)


def network(seed: int) -> tuple[str, Any, np.ndarray, Config]:
    """With weights of normal size, a share of which is zero."""
    rng = np.random.default_rng(seed)
    made = KINDS[seed % len(KINDS)]
    layers, shape, settings = made(rng)
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input(shape, name="x"), *layers], name=f"net{seed}")
    zeros = rng.choice([0.0, 0.3, 0.6])
    for layer in model.layers:
        if layer.weights:
            kernel, *rest = layer.get_weights()
            kernel[rng.uniform(size=kernel.shape) < zeros] = 0
            layer.set_weights([kernel, *(rng.normal(0, 0.1, b.shape) for b in rest)])
    bits = int(rng.integers(4, 9))
    return made.__name__, model, rng.normal(size=(SAMPLES, *shape)), Config(bits=bits, vectors=SAMPLES, **settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=30)
    arguments = parser.parse_args()
    print("| network | products | LUT, estimate | LUT, Yosys | ratio | FF, estimate | FF, Yosys | ratio | DSP, both | s |")
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    times: list[float] = []
    ratios: dict[str, list[float]] = {}
    for seed in range(FIRST_SEED, FIRST_SEED + arguments.count):
        kind, model, x, config = network(seed)
        start = time.perf_counter()
        source = load(model)
        _, layers = typed(source, config, samples_of(source, x, config.seed))
        _, rtl = planned(layers, config, source.name)
        times.append(time.perf_counter() - start)
        with tempfile.TemporaryDirectory() as folder:
            found = resources(rtl.write(Path(folder)), rtl.top, "xcup", TIMEOUT_S)
        luts, ffs = rtl.area.luts / found.luts, rtl.register_bits / max(found.ffs, 1)
        ratios.setdefault(f"{kind} {config.arch}", []).append(luts)
        cells = (
            f"{kind} {config.arch}, {config.bits} bits",
            f"{model.count_params():,}",
            f"{rtl.area.luts:,}",
            f"{found.luts:,}",
            f"{luts:.2f}",
            f"{rtl.register_bits:,}",
            f"{found.ffs:,}",
            f"{ffs:.2f}",
            f"{rtl.area.multipliers}, {found.dsps}",
            f"{times[-1]:.1f}",
        )
        print(f"| {' | '.join(cells)} |", flush=True)
    print("\n| networks | number | LUT, estimate over Yosys: least, median, greatest |\n|---|---|---|")
    for kind, found in sorted(ratios.items()):
        print(f"| {kind} | {len(found)} | {min(found):.2f}, {statistics.median(found):.2f}, {max(found):.2f} |")
    errors = [abs(ratio - 1) for found in ratios.values() for ratio in found]
    print(f"\nLUTs: median error {statistics.median(errors):.0%}, worst {max(errors):.0%}")
    print(f"an estimate takes {statistics.median(times):.1f} s (median), {max(times):.1f} s at most")


if __name__ == "__main__":
    main()
