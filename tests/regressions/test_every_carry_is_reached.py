"""A rounding that carries into a saturation, in each of six activations. Vectors that reach it were found for all of them,
and most were left out, for only 64 were taken: without the carry, the RTL passed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import qkeras

import fpga_ml
from fpga_ml.config import Config
from fpga_ml.simulate.emulate import emulate_outputs
from fpga_ml.simulate.prove import proof_vectors, raw_inputs


def dense(count: int, name: str) -> qkeras.QDense:
    bits = qkeras.quantized_bits(6, 1, alpha=1)
    return qkeras.QDense(count, kernel_quantizer=bits, bias_quantizer=bits, name=name)


@pytest.mark.parametrize("some", [slice(0, 2), pytest.param(slice(2, 6), marks=pytest.mark.slow)], ids=["two", "others"])
def test_without_a_carry_the_rtl_fails(some: slice, tmp_path: Path) -> None:
    stack = [keras.Input((6,), name="x"), qkeras.QActivation(qkeras.quantized_bits(8, 2, alpha=1), name="q")]
    stack += [dense(6, "first"), qkeras.QActivation(qkeras.quantized_relu(6, 2), name="relu"), dense(3, "second")]
    model = keras.Sequential(stack, name="carries")
    random = np.random.default_rng(3)
    for weight in model.weights:
        weight.assign(random.normal(0, 0.7, weight.shape))
    config = Config(reuse_factor=3, until="rtl", simulators=("icarus",))
    project = fpga_ml.compile(model, data=random.normal(size=(100, 6)), config=config, output=tmp_path / "p")
    assert project.bench is not None
    bench = replace(project.bench, simulators=("icarus",))
    x = raw_inputs(bench.graph, project.x)
    vectors = proof_vectors(bench, x, lambda raw: emulate_outputs(bench.graph, raw))
    file = project.folder / "rtl" / "myproject_relu.sv"
    text = file.read_text()
    carries = [*re.finditer(r" \| v\d+_s\d+_near\[\d+\]", text)]
    assert len(carries) == 6
    for carry in carries[some]:
        file.write_text(text[: carry.start()] + text[carry.end() :])
        assert not all(run.passed for run in bench.simulate(project.folder, vectors, stop_at=1)), carry.group()
