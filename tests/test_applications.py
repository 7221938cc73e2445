"""Networks of known kinds, whole or in blocks: how far each has to come. The table is in applications.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest
from applications import TABLE, encoder, samples

import fpga_ml
from fpga_ml import Config, FpgaMlError

CASES = [pytest.param(name, marks=() if found.quick else pytest.mark.slow) for name, found in TABLE.items()]
LAYERS, WEIGHTS = 60, 100_000  # at most


@pytest.mark.parametrize("name", CASES)
def test_all_ways_agree(name: str, tmp_path: Path) -> None:
    """C-simulation is the quantised Keras model bit for bit, up to tables; emulator and RTL are C-simulation everywhere."""
    found = TABLE[name]
    model = found.make()
    assert len(model.layers) <= LAYERS
    assert model.count_params() <= WEIGHTS
    config = Config(arch="stream", bits=8, until=found.until, cosim_vectors=3, simulators=("icarus",), **found.settings)
    project = fpga_ml.compile(model, data=samples(model, 24), config=config, output=tmp_path / "p")
    report = project.report
    csim = report["csim"]
    assert csim["bit_exact_vs_quantised_model"] in ((True, None) if found.tables else (True,)), csim["first_difference"]
    assert report["emulator"]["mismatches"] == 0
    assert [run["passed"] for run in report["cosim"]] == ([True] if found.until == "cosim" else []), report["stages"]
    assert project.agrees


@pytest.mark.parametrize("samples_known", [False, True])
def test_a_sampling_layer_is_refused_by_name(samples_known: bool) -> None:
    """The encoder of a variational autoencoder. Numbers that are the same for all samples would else become constants."""

    class Sampling(keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: tuple[Any, Any]) -> Any:
            mean, log_var = inputs
            noise = keras.random.normal((1, 2) if samples_known else keras.ops.shape(mean))
            return mean + keras.ops.exp(0.5 * log_var) * noise

    inputs, mean, log_var = encoder()
    model = keras.Model(inputs, Sampling(name="z")([mean, log_var]))
    with pytest.raises(FpgaMlError, match=r"layer 'z' \(Sampling\) draws random numbers"):
        fpga_ml.compile(model, data=samples(model, 4), until="convert")
