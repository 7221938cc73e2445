"""`ap_fixed<32,16>` everywhere, as in hls4ml's own tests: products of 32 x 32 bits and their sums, of 65 bits and more, in
the plugin, in a fresh process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
import math

import hls4ml
import keras
import numpy as np
from keras import layers as L

from fpga_ml.simulate import prove
from fpga_ml.simulate.emulate import emulate_outputs

prove.SIMULATORS = ("icarus",)


def normalisation():
    return keras.Sequential([keras.Input((5,)), L.BatchNormalization(name="last")])


def pointwise():
    return keras.Sequential([keras.Input((4, 3)), L.Conv1D(2, 1, name="last")])


def causal():
    return keras.Sequential([keras.Input((5, 2)), L.ZeroPadding1D((2, 0)), L.Conv1D(2, 3, name="last")])


def windows(name, x):
    '''What each product reads, for every output position: (positions, products) of one sample.'''
    padded = np.concatenate([np.zeros((2, 2), object), x]) if name == "causal" else x
    taps = 3 if name == "causal" else 1
    return [padded[k : k + taps].reshape(-1) for k in range(len(padded) - taps + 1)]


def exact(name, graph, raw):
    '''Outputs by Python's integers in units of 2**-32: all types have 16 fraction bits, and no result is rounded.'''
    node = graph.graph["last"]
    weights = {k: np.array([math.floor(float(v) * 2**16) for v in np.ravel(w.data)], object) for k, w in node.weights.items()}
    out = []
    for x in raw:
        if name == "normalisation":
            out.append([int(v) * s + (b << 16) for v, s, b in zip(x, weights["scale"], weights["bias"])])
            continue
        kernel = weights["weight"].reshape(node.weights["weight"].data.shape)
        kernel = np.moveaxis(kernel, 0, -1) if node.get_attr("_weights_transposed") else kernel
        kernel = kernel.reshape(-1, 2)
        out.append([[int(v) for v in row @ kernel + (weights["bias"] << 16)] for row in windows(name, x.astype(object))])
    return np.array(out, object)


name, io_type = sys.argv[2:4]
keras.utils.set_random_seed(4)
model, rng = globals()[name](), np.random.default_rng(5)
for layer in model.layers:
    layer.set_weights([rng.uniform(0.5, 90, w.shape) * rng.choice([-1, 1] if "variance" not in w.name else [1], w.shape) for w in layer.weights])
x = rng.normal(size=(20, *model.input_shape[1:])) * 5000
found, graphs = {}, {}
for backend in ("OpenRTL", "Vitis"):
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend=backend, default_precision="ap_fixed<32,16>")
    graph = graphs[backend] = hls4ml.converters.convert_from_keras_model(
        model, hls_config=config, backend=backend, io_type=io_type, output_dir=f"{sys.argv[1]}/{backend}", allow_da_fallback=False
    )
    graph.compile()
    found[backend] = graph.predict(np.ascontiguousarray(x))
np.testing.assert_array_equal(found["OpenRTL"], found["Vitis"])
ours = graphs["OpenRTL"]
result = ours.fpga_ml_layers.layers[-1].result
assert 65 <= result.width <= 73 and result.fraction == 32, result
raw = prove.random_inputs(ours.fpga_ml_layers, 30)
want = exact(name, ours, raw[0])
assert (emulate_outputs(ours.fpga_ml_layers, raw)[0] == want).all()
assert max(abs(v) for v in want.reshape(-1)) > 2**48
report = ours.build()
assert [(run["simulator"], run["passed"]) for run in report["cosim"]] == [("icarus", True)], report
print("all is well", result.cpp())
"""
SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "io_type"),
    [
        ("normalisation", "io_parallel"),
        pytest.param("causal", "io_stream", marks=SLOW),
        pytest.param("normalisation", "io_stream", marks=SLOW),
        pytest.param("causal", "io_parallel", marks=SLOW),
        pytest.param("pointwise", "io_parallel", marks=SLOW),
        pytest.param("pointwise", "io_stream", marks=SLOW),
    ],
)
def test_sums_of_32_bit_products(name: str, io_type: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), name, io_type], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert "all is well" in done.stdout
