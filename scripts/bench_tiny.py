"""The three networks of MLPerf Tiny (C. Banbury et al., arXiv:2106.07597) that are not MobileNet, untrained, at 8 bits, as a
Markdown table.

`python scripts/bench_tiny.py [NAME...]`: keywords (the DS-CNN of keyword spotting), anomaly (the autoencoder of anomaly
detection), images (the ResNet of image classification, up to the emulator: its FIFOs take too long to plan there) and
images8 (the same for pictures of 8 x 8), each as a stream at 5 ns with an interval (INTERVALS, or `--interval-cycles N`)
that leaves a few hundred multipliers at most. C-simulation is compared with the quantised Keras model, the emulator with
C-simulation. `--cosim N` sends N samples through the RTL in Verilator; area is the report's estimate.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers as L

import fpga_ml
from fpga_ml.config import Config

INTERVALS = {"keywords": 16_384, "anomaly": 8_192, "images": 65_536, "images8": 4_096}  # cycles
HEADER = (
    "| network | weights | interval, cycles | latency, cycles | latency, us | LUT | multipliers | ROM, kbit | registers |"
    " line buffers and FIFOs, kbit | C-simulation = Keras | RTL | s |",
    "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
)


def _normalised(x: Any) -> Any:
    return L.ReLU()(L.BatchNormalization()(x))


def keywords() -> Any:
    """The DS-CNN: 49 x 10 coefficients of a second of speech, 12 words."""
    x = inputs = keras.Input((49, 10, 1), name="x")
    x = _normalised(L.Conv2D(64, (10, 4), strides=(2, 2), padding="same")(x))
    x = L.Dropout(0.2)(x)
    for _ in range(4):
        x = _normalised(L.DepthwiseConv2D(3, padding="same")(x))
        x = _normalised(L.Conv2D(64, 1, padding="same")(x))
    x = L.Dropout(0.4)(x)
    x = L.Flatten()(L.AveragePooling2D(x.shape[1:3])(x))
    return keras.Model(inputs, L.Dense(12, activation="softmax")(x), name="keywords")


def anomaly() -> Any:
    """The autoencoder: five frames of 128 bands of a machine's sound."""
    x = inputs = keras.Input((640,), name="x")
    for units in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        x = _normalised(L.Dense(units)(x))
    return keras.Model(inputs, L.Dense(640)(x), name="anomaly")


def images(size: int = 32) -> Any:
    """The ResNet of eight layers: CIFAR-10."""
    x = inputs = keras.Input((size, size, 3), name="x")
    x = _normalised(L.Conv2D(16, 3, padding="same")(x))
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        y = _normalised(L.Conv2D(filters, 3, strides=strides, padding="same")(x))
        y = L.BatchNormalization()(L.Conv2D(filters, 3, padding="same")(y))
        if strides > 1:
            x = L.Conv2D(filters, 1, strides=strides, padding="same")(x)
        x = L.ReLU()(L.Add()([x, y]))
    x = L.Flatten()(L.AveragePooling2D(x.shape[1:3])(x))
    return keras.Model(inputs, L.Dense(10, activation="softmax")(x), name="images")


NETWORKS: dict[str, Callable[[], Any]] = {
    "keywords": keywords,
    "anomaly": anomaly,
    "images": images,
    "images8": partial(images, 8),
}


def row(name: str, settings: dict[str, Any], samples: int, folder: Path) -> str:
    """A network's line of the table."""
    keras.utils.set_random_seed(1)
    model = NETWORKS[name]()
    x = np.random.default_rng(1).normal(size=(samples, *model.input_shape[1:]))
    start = time.monotonic()
    project = fpga_ml.compile(model, data=x, config=Config(arch="stream", bits=8, **settings), output=folder / name)
    seconds, report = time.monotonic() - start, project.report
    agrees = {True: "all bits", None: "before tables", False: "no"}[report["csim"]["bit_exact_vs_quantised_model"]]
    runs = ", ".join(f"{run['simulator']}: {'equal' if run['passed'] else 'NO'}" for run in report["cosim"]) or "not run"
    figures = hardware(report["rtl"]) if report["rtl"] else "- | " * 8
    return f"| {name} | {model.count_params():,} | {figures}{agrees} | {runs} | {seconds:.0f} |"


def hardware(rtl: dict[str, Any]) -> str:
    """Columns of the RTL."""
    area, cycles = rtl["area"], rtl["latency_cycles"]
    micros = cycles * rtl["clock_ns"] / 1000
    rom, memory = area["rom_bits"] / 1000, area["memory_bits"] / 1000
    return (
        f"{rtl['interval_cycles']:,} | {cycles:,} | {micros:.1f} | {area['luts']:,} | {area['multipliers']:,} |"
        f" {rom:,.0f} | {rtl['register_bits']:,} | {memory:,.0f} | "
    )


def rows(arguments: argparse.Namespace) -> Iterator[str]:
    settings: dict[str, Any] = {"until": "rtl"}
    if arguments.cosim:
        settings = {"until": "cosim", "cosim_vectors": arguments.cosim, "simulators": ("verilator",)}
    yield from HEADER
    for name in arguments.names or NETWORKS:
        interval = arguments.interval_cycles or INTERVALS[name]
        own = {"until": "emulate"} if name == "images" else settings
        yield row(name, {**own, "interval_cycles": interval}, arguments.samples, arguments.output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *NETWORKS], metavar="NAME")
    parser.add_argument("--interval-cycles", type=int)
    parser.add_argument("--samples", type=int, default=8, help="through C-simulation")
    parser.add_argument("--cosim", type=int, default=0, metavar="N", help="of them through the RTL")
    parser.add_argument("-o", "--output", type=Path, default=Path("hls_projects"))
    for line in rows(parser.parse_args()):
        print(line, flush=True)


if __name__ == "__main__":
    main()
