"""HGQ2 models, converted by a backend in a process of its own.

`python hgq_suite.py BACKEND FOLDER NAME...` converts each model, compiles, predicts, and writes FOLDER/NAME.BACKEND.npz with
the outputs of the backend and of Keras. NAME is one of the models here, or a file. OpenRTL also builds the models here, and
the file says which simulators passed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fpga_ml.frontend.hgq.files import need_hgq

SAMPLES = 200


def stock(layers: Any, x: Any) -> Any:
    """Of layers that hls4ml 1.3.0 converts by itself."""
    a = layers.QDense(5, activation="relu", name="a")(x)
    b = layers.QEinsumDense("bij,jk->bik", output_shape=(3, 5), bias_axes="k", name="b")(x)
    c = layers.QAdd(name="c")([a, b])
    d = layers.QSoftmax(name="d")(layers.QEinsum("bij,bkj->bik", name="e")([c, b]))
    f = layers.QEinsumDense("bij,ijk->bk", output_shape=(4,), name="f")(d)
    g = layers.QUnaryFunctionLUT("tanh", allow_heterogeneous_table=False, name="g")(f)
    return layers.QDense(4, name="h")(g)


def lacking(layers: Any, x: Any) -> Any:
    """Of layers and an operation that it does not convert."""
    a = layers.QDense(4, activation="relu", name="a")(x)
    b = layers.QMultiHeadAttention(2, 3, name="b")(a, a)
    c = layers.QMeanPow2(axes=1, name="c")(layers.QAdd(name="d")([a, b])[:, :2])
    d = layers.QSum(axes=1, keepdims=True, scale=0.25, name="e")(b)
    e = layers.QUnaryFunctionLUT("sigmoid", name="h")(layers.QAdd(name="g")([c, d[:, 0]]))
    return layers.QDense(3, name="f")(e)


MODELS: dict[str, Callable[[Any, Any], Any]] = {"stock": stock, "lacking": lacking}


def made(name: str) -> Any:
    """One of MODELS with random weights, and with widths of their own for the elements of each tensor."""
    import hgq.layers
    import keras

    keras.utils.set_random_seed(2)
    x = keras.Input((3, 4), name="x")
    model = keras.Model(x, MODELS[name](hgq.layers, x))
    rng = np.random.default_rng(7)
    for q in quantizers(model):
        fraction = q._f if hasattr(q, "_f") else q._b
        if np.prod(fraction.shape) > 1:
            fraction.assign(rng.integers(2, 7, fraction.shape))
            if hasattr(q, "_f"):
                q._i.assign(rng.integers(0, 4, q._i.shape))
                dead = np.argmin(rng.random(int(np.prod(fraction.shape))))  # one element without a bit
                q._i.assign(np.where(np.arange(np.prod(q._i.shape)).reshape(q._i.shape) == dead, -fraction - 1, q._i))
    for layer in model.layers:
        for w in layer.weights:
            if w.path.endswith(("kernel", "bias")):
                w.assign(rng.normal(size=w.shape))
    return model


def quantizers(model: Any) -> Iterator[Any]:
    """Those of values and weights, at any depth."""
    for layer in model.layers:
        yield from (part for part in layer._flatten_layers() if hasattr(part, "kif") and hasattr(part, "_i"))


def samples(model: Any) -> list[np.ndarray]:
    """Over the range of what reads each input, and 5 % beyond."""
    rng, found = np.random.default_rng(5), []
    for tensor in model.inputs:
        low, high = -1.0, 1.0
        for layer in model.layers:
            for node in layer._inbound_nodes:
                read = [t is tensor for t in node.arguments.keras_tensors]
                if any(read) and getattr(layer, "enable_iq", False):
                    q = (layer.iq[read.index(True)] if isinstance(layer.iq, (list, tuple)) else layer.iq).quantizer
                    low, high = min(low, float(np.min(q.min))), max(high, float(np.max(q.max)))
        x = rng.uniform(low, high, (SAMPLES, *tensor.shape[1:]))
        beyond = np.where(rng.random(x.shape) < 0.05, 1.05 * x + np.sign(x) * high * 0.05, x)
        found.append(beyond.astype(np.float32).astype(np.float64))  # of the values that Keras rounds them to
    return found


def main(backend: str, folder: Path, names: list[str]) -> None:
    need_hgq()
    import hls4ml
    import keras

    for name in names:
        model = made(name) if name in MODELS else keras.models.load_model(name, compile=False)
        x = samples(model)
        config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend=backend)
        short = Path(name).stem
        graph = hls4ml.converters.convert_from_keras_model(
            model, hls_config=config, backend=backend, output_dir=str(folder / backend / short), allow_da_fallback=False
        )
        graph.compile()
        given = x if len(x) > 1 else x[0]
        keras_y = model.predict(given, verbose=0)
        found = {"y": graph.predict(given).reshape(len(x[0]), -1), "keras": np.asarray(keras_y).reshape(len(x[0]), -1)}
        if backend == "OpenRTL" and name in MODELS:
            report = graph.build(vectors=given[:20])
            found["passed"] = np.array([run["passed"] for run in report["cosim"]])
        np.savez(folder / f"{short}.{backend}.npz", **found)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
