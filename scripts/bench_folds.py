"""What sharing hardware takes and what it costs in time, by estimate, as two Markdown tables.

The first: networks whose layers share hardware in more and more cycles; the last column counts multipliers and memories as
LUTs, over the same network that shares nothing, and is never above 1. The second: the paper's network for jet images
(`models/jet_cnn_paper`), with all the sharing that its interval allows and with as much as keeps the answer early.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers as L

from fpga_ml.config import Config
from fpga_ml.devices import PIPELINED
from fpga_ml.frontend.load import load
from fpga_ml.frontend.prepare import samples_of
from fpga_ml.ir.area import Area, area_of, only_luts
from fpga_ml.ir.network import Network
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.rtl.architecture import PARALLEL, STREAM
from fpga_ml.sizing import typed

INTERVALS = (1, 2, 4, 8, 16, 64, 256)
VECTORS = 200
PAPER = Path(__file__).resolve().parent.parent / "models" / "jet_cnn_paper"


def tagger() -> list[Any]:
    return [*(L.Dense(n, activation="relu") for n in (64, 32, 32)), L.Dense(5)]


NETWORKS: dict[str, tuple[tuple[int, ...], list[Any], int]] = {
    "two 1-D convolutions, 16 x 4, 6 bits": (
        (16, 4),
        [L.Conv1D(16, 3, activation="relu"), L.Conv1D(16, 3, activation="relu"), L.Flatten(), L.Dense(5)],
        6,
    ),
    "dense 16-64-32-32-5, 6 bits": ((16,), tagger(), 6),
    "dense 16-64-32-32-5, 12 bits": ((16,), tagger(), 12),
}


def graph_of(model: Any, x: Any, config: Config) -> LayerGraph:
    source = load(model)
    return typed(source, config, samples_of(source, x, config.seed).first(config.vectors))[1]


def area(network: Network) -> tuple[Area, int]:
    """As it is, and with multipliers and memories as LUTs."""
    total = sum(map(area_of, network.processes), Area())
    return total, only_luts(total, [k for p in network.processes for k in p.kernels])


def shared() -> None:
    print("| network | interval asked for | interval | LUT | multipliers | ROM, kbit | all as LUTs, over interval 1 |")
    print("|---|---|---|---|---|---|---|")
    for name, (shape, layers, bits) in NETWORKS.items():
        keras.utils.set_random_seed(5)
        model = keras.Sequential([keras.Input(shape, name="x"), *layers], name="net")
        x = np.random.default_rng(5).normal(size=(VECTORS, *shape))
        graph = graph_of(model, x, Config(bits=bits, vectors=VECTORS))
        networks = {n: PARALLEL.lower(graph, n) for n in INTERVALS}
        _, unshared = area(networks[1])
        for asked, network in networks.items():
            found, as_luts = area(network)
            cells = f"{found.luts:,} | {found.multipliers:,} | {found.rom_bits / 1000:.0f} | {as_luts / unshared:.2f}"
            print(f"| {name} | {asked} | {network.interval_cycles} | {cells} |", flush=True)


def early() -> None:
    print("| jet_cnn_paper | interval | latency, cycles | LUT | multipliers | ROM, kbit |\n|---|---|---|---|---|---|")
    source = load(PAPER)
    config = Config.read(source.config) if source.config else Config()
    graph = typed(source, config, samples_of(source, None, config.seed).first(config.vectors))[1]
    for name, least in (("all the sharing that the interval allows", True), ("no answer late for little", False)):
        network = STREAM.lower(graph, config.interval_cycles, least=least)
        rtl = STREAM.emit(network, config.clock_ns, PIPELINED[config.device])
        found = f"{rtl.area.luts:,} | {rtl.area.multipliers} | {rtl.area.rom_bits / 1000:.0f}"
        print(f"| {name} | {rtl.interval_cycles:,} | {rtl.latency_cycles:,} | {found} |", flush=True)


def main() -> None:
    shared()
    print()
    early()


if __name__ == "__main__":
    main()
