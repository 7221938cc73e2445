"""Models and settings as hls4ml's own test suite has them, converted by a backend in a process of its own.

`python plugin_suite.py BACKEND FOLDER NAME...` converts each model, compiles, predicts, and writes FOLDER/NAME.npz. Run with
OpenRTL and with Vitis, it shows whether the plugin gives the bits of hls4ml's own C-simulation.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hls4ml
import keras
import numpy as np
from keras import layers as L


@dataclass(frozen=True)
class Case:
    """build: layers behind an input of `shape`; precision, strategy, reuse: of the whole model; layers: changes by name."""

    build: Callable[[Any], Any]
    shape: tuple[int, ...]
    precision: str = "ap_fixed<16,6>"
    strategy: str = "latency"
    reuse: int = 1
    io_type: str = "io_parallel"
    granularity: str = "name"
    layers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def model(self) -> Any:
        keras.utils.set_random_seed(3)
        inputs = keras.Input(self.shape, name="x")
        model = keras.Model(inputs, self.build(inputs))
        rng = np.random.default_rng(4)
        for w in model.weights:
            low = 0.5 if "variance" in w.path or "gamma" in w.path else -0.6
            w.assign(rng.uniform(low, 1.0 if low > 0 else 0.6, w.shape))
        return model

    def samples(self) -> Any:
        return np.ascontiguousarray(np.random.default_rng(5).normal(size=(40, *self.shape)).astype(np.float32))

    def convert(self, backend: str, folder: Path, **options: Any) -> Any:
        model = self.model()
        config = hls4ml.utils.config_from_keras_model(
            model, granularity=self.granularity, backend=backend, default_precision=self.precision
        )
        config["Model"] |= {"Strategy": self.strategy, "ReuseFactor": self.reuse}
        for name, section in config.get("LayerName", {}).items():
            section |= {"Strategy": self.strategy, "ReuseFactor": self.reuse, "Trace": True}
            for key, value in self.layers.get(name, {}).items():
                section[key] = section[key] | value if isinstance(value, dict) else value
        return hls4ml.converters.convert_from_keras_model(
            model, hls_config=config, backend=backend, io_type=self.io_type, output_dir=str(folder), **options
        )


def dense(n: int, **o: Any) -> Callable[[Any], Any]:
    return lambda x: L.Dense(3, name="o")(L.Dense(n, activation="relu", name="a", **o)(x))


UNROLLED = {"strategy": "resource_unrolled"}
WIDE = {"precision": "ap_fixed<32,16>"}
# Dense layers, convolutions and recurrent layers whose products are unrolled over several cycles.
RESOURCE_UNROLLED = {
    "dense_rf2": Case(dense(8), (8,), reuse=2, **UNROLLED),
    "dense_rf4": Case(dense(8), (8,), reuse=4, **UNROLLED),
    "dense_rf8": Case(dense(8), (16,), reuse=8, **UNROLLED),
    "dense_stream_rf4": Case(dense(8), (8,), reuse=4, io_type="io_stream", **UNROLLED),
    "conv1d_rf3": Case(lambda x: L.Conv1D(4, 3, name="c")(x), (8, 2), reuse=3, **UNROLLED),
    "conv1d_stream_rf3": Case(lambda x: L.Conv1D(4, 3, name="c")(x), (8, 2), reuse=3, io_type="io_stream", **UNROLLED),
    "conv2d_rf9": Case(lambda x: L.Conv2D(2, 3, name="c")(x), (5, 5, 2), reuse=9, **UNROLLED),
    "conv2d_stream_rf9": Case(lambda x: L.Conv2D(2, 3, name="c")(x), (5, 5, 2), reuse=9, io_type="io_stream", **UNROLLED),
    "lstm_rf2": Case(lambda x: L.LSTM(4, name="r")(x), (4, 4), reuse=2, **UNROLLED),
}
# 32 x 32-bit products and their sums.
WIDE_SUMS = {
    "batchnorm_32": Case(lambda x: L.BatchNormalization(name="n")(L.Dense(4, name="a")(x)), (6,), **WIDE),
    "batchnorm_alone_32": Case(lambda x: L.BatchNormalization(name="n")(x), (6,), **WIDE),
    "pointwise_32": Case(lambda x: L.Conv2D(3, 1, name="c")(x), (4, 4, 5), **WIDE),
    "pointwise_stream_32": Case(lambda x: L.Conv1D(3, 1, name="c")(x), (6, 5), io_type="io_stream", **WIDE),
    "causal_32": Case(lambda x: L.Conv1D(3, 3, padding="causal", name="c")(x), (8, 2), **WIDE),
    "causal_stream_32": Case(lambda x: L.Conv1D(3, 3, padding="causal", name="c")(x), (8, 2), io_type="io_stream", **WIDE),
    "same_2d_32": Case(lambda x: L.Conv2D(2, 3, padding="same", name="c")(x), (5, 5, 2), **WIDE),
}
RECURRENT = {
    "lstm_32": Case(lambda x: L.LSTM(3, name="r")(x), (4, 2), **WIDE),
    "gru_32": Case(lambda x: L.GRU(3, name="r")(x), (4, 2), **WIDE),
    "lstm_sequences_32": Case(lambda x: L.LSTM(3, return_sequences=True, name="r")(x), (4, 2), **WIDE),
    "bidirectional_32": Case(lambda x: L.Bidirectional(L.LSTM(3), name="r")(x), (4, 2), **WIDE),
    "lstm_stream_32": Case(lambda x: L.LSTM(3, name="r")(x), (4, 2), io_type="io_stream", **WIDE),
}
# Layers whose types fpga_ml.compile chooses otherwise than hls4ml.
PLAIN = {
    "dense_softmax": Case(lambda x: L.Dense(4, activation="softmax", name="a")(x), (6,), granularity="model"),
    "average_pool": Case(lambda x: L.AveragePooling2D(2, name="p")(x), (4, 4, 3)),
    "global_average": Case(lambda x: L.GlobalAveragePooling1D(name="p")(x), (6, 3)),
    "average_merge": Case(lambda x: L.Average(name="m")([x, L.Dense(6, name="a")(x)]), (6,)),
    "einsum": Case(lambda x: L.EinsumDense("abc,cd->abd", output_shape=(3, 4), bias_axes="d", name="e")(x), (3, 5)),
    "elu_selu": Case(lambda x: L.Activation("selu", name="s")(L.ELU(name="e")(x)), (6,)),
    "leaky_prelu": Case(lambda x: L.PReLU(name="p")(L.LeakyReLU(negative_slope=0.3, name="l")(x)), (6,)),
    "gru": Case(lambda x: L.GRU(3, name="r")(x), (4, 2)),
    "lstm": Case(lambda x: L.LSTM(3, name="r")(x), (4, 2)),
    "max_pool_same": Case(lambda x: L.MaxPooling2D(2, padding="same", name="p")(x), (5, 5, 2)),
    "positions": Case(lambda x: L.Dense(4, activation="tanh", name="a")(x), (3, 5)),
    "hard_sigmoid": Case(lambda x: L.Activation("hard_sigmoid", name="h")(x), (6,)),
    "conv_stream": Case(lambda x: L.MaxPooling2D(2, name="p")(L.Conv2D(3, 3, name="c")(x)), (6, 6, 2), io_type="io_stream"),
}
CASES = PLAIN | RESOURCE_UNROLLED | WIDE_SUMS | RECURRENT


def main(backend: str, folder: Path, names: list[str]) -> None:
    for name in names:
        case = CASES[name]
        try:
            graph = case.convert(backend, folder / backend / name)
            graph.compile()
            np.savez(folder / f"{name}.{backend}.npz", y=graph.predict(case.samples().astype(np.float64)))
        except Exception:
            (folder / f"{name}.{backend}.txt").write_text(traceback.format_exc())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:] or list(CASES))
