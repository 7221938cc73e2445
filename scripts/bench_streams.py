"""From a model to the proof in streams with skips: seconds, CPU time, and FIFO bits beside the least that the network needs.

Each build starts with an empty cache of compiled objects. CPU time is that of this process and of all programs that it ran.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np
from keras import layers as L

import fpga_ml

SHAPE, FILTERS = (8, 8, 1), 4


def conv(filters: int, activation: str | None = "relu") -> L.Layer:
    return L.Conv2D(filters, 3, padding="same", activation=activation)


def u_net(levels: int) -> keras.Model:
    """Down by pooling, up again by repeating, with a skip at each level."""
    x = inputs = keras.Input(SHAPE)
    skips = []
    for level in range(levels):
        x = conv(FILTERS << level)(x)
        skips.append(x)
        x = L.MaxPooling2D(2)(x)
    x = conv(FILTERS << levels)(x)
    for level in reversed(range(levels)):
        x = L.Concatenate()([L.UpSampling2D(2)(x), skips[level]])
        x = conv(FILTERS << level)(x)
    return keras.Model(inputs, L.Conv2D(1, 1)(x))


def residual() -> keras.Model:
    """Two blocks of two convolutions beside a skip."""
    inputs = keras.Input(SHAPE)
    x = conv(FILTERS)(inputs)
    for _ in range(2):
        x = L.ReLU()(L.Add()([x, conv(FILTERS, None)(conv(FILTERS)(x))]))
    return keras.Model(inputs, L.Dense(3)(L.GlobalAveragePooling2D()(x)))


NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "U-Net 4-8-4": lambda: u_net(1),
    "U-Net 4-8-16-8-4": lambda: u_net(2),
    "residual": residual,
}


def cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def built(name: str, place: Path) -> tuple[float, float, dict[str, int]]:
    """(seconds, CPU seconds, FIFO bits) of a build that ends with the proof."""
    keras.utils.set_random_seed(3)
    model, x = NETWORKS[name](), np.random.default_rng(0).uniform(0, 1, (200, *SHAPE))
    os.environ["XDG_CACHE_HOME"] = str(place / "cache")
    began, used = time.perf_counter(), cpu_s()
    report = fpga_ml.compile(model, data=x, arch="stream", output=place / "p", progress=False).report
    seconds, cpu = time.perf_counter() - began, cpu_s() - used
    if len(report["cosim"]) != 2 or not all(run["passed"] for run in report["cosim"]):
        raise SystemExit(f"{name}: not proved")
    return seconds, cpu, dict(report["rtl"]["fifo_bits"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="of which the medians are printed")
    parser.add_argument("--only", choices=tuple(NETWORKS), nargs="+", default=list(NETWORKS))
    asked = parser.parse_args()
    print("| network | s | CPU, s | FIFO bits | at least | over least |\n|---|---|---|---|---|---|")
    for name in asked.only:
        runs = []
        for _ in range(asked.runs):
            with tempfile.TemporaryDirectory() as place:
                runs.append(built(name, Path(place)))
        seconds, cpu = (statistics.median(run[k] for run in runs) for k in (0, 1))
        bits = runs[0][2]
        ratio = bits["used"] / bits["least"]
        print(f"| {name} | {seconds:.0f} | {cpu:.0f} | {bits['used']:,} | {bits['least']:,} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
