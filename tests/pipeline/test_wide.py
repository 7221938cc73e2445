"""Models whose tensors are wider than a double: C-simulation, emulator and RTL give every bit, and the report says what
Keras' float64 could not be asked."""

from __future__ import annotations

import re
import subprocess
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import qkeras

import fpga_ml
from fpga_ml.bridge.readers.registry import check_widths
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError
from fpga_ml.numerics import FixedType
from fpga_ml.simulate.emulate import emulate_outputs
from fpga_ml.simulate.prove import raw_inputs
from fpga_ml.toolchain.gxx import build_testbench

SAMPLES = 40
INPUT = "ap_fixed<70,12>"


def quantizer() -> Any:
    return qkeras.quantized_bits(24, 3, 1, alpha=1.0)


def two_products(steps: int) -> keras.Model:
    """Sums of products of three 24-bit numbers, pixel by pixel, and a narrow tensor made of them."""
    keras.utils.set_random_seed(1)
    x = keras.Input((steps, 3), name="x") if steps > 1 else keras.Input((3,), name="x")
    own = {"kernel_quantizer": quantizer(), "bias_quantizer": quantizer()}
    layer = (
        (lambda n, name: qkeras.QConv1D(n, 1, **own, name=name))
        if steps > 1
        else (lambda n, name: qkeras.QDense(n, **own, name=name))
    )
    sums = layer(2, "second")(layer(3, "first")(qkeras.QActivation(quantizer(), name="rounded")(x)))
    model = keras.Model(x, [sums, qkeras.QActivation(qkeras.quantized_relu(20, 4), name="narrow")(sums)])
    rng = np.random.default_rng(2)
    for name in ("first", "second"):
        found = model.get_layer(name)
        found.set_weights([rng.uniform(-1, 1, w.shape) for w in found.get_weights()])
    return model


def exact(model: keras.Model, raw: np.ndarray, t: FixedType) -> list[Fraction]:
    """The sums, in exact fractions: rounded inputs, weights and biases are whole multiples of 2**-20."""
    unit = Fraction(1, 2**20)
    vectors = [[round(int(v) / (unit * 2**t.fraction)) * unit for v in row] for row in raw.reshape(-1, 3).tolist()]
    for name in ("first", "second"):
        kernel, bias = (np.rint(np.asarray(w, np.float64) * 2**20).astype(int) for w in model.get_layer(name).get_weights())
        columns = [(kernel[..., m].reshape(-1).tolist(), int(bias[m])) for m in range(len(bias))]
        vectors = [
            [sum((v * w * unit for v, w in zip(row, column, strict=True)), b * unit) for column, b in columns]
            for row in vectors
        ]
    return [v for row in vectors for v in row]


@pytest.mark.parametrize(
    ("arch", "steps"), [("parallel", 1), pytest.param("stream", 3, marks=pytest.mark.slow)], ids=["parallel", "stream"]
)
def test_every_bit_of_a_wide_output(arch: str, steps: int, tmp_path: Path) -> None:
    model = two_products(steps)
    x = np.random.default_rng(3).normal(size=(SAMPLES, *model.inputs[0].shape[1:]))
    config = Config(bits=24, arch=arch, until="cosim", simulators=("icarus",), cosim_vectors=SAMPLES, input_type=INPUT)
    project = fpga_ml.compile(model, data=x, config=config, output=tmp_path / "p")
    csim, (run,) = project.report["csim"], project.report["cosim"]
    assert FixedType.parse(project.report["model"]["outputs"][0]["type"]).width > 70
    assert (csim["compared_at"], csim["wider_than_float64"]) == (["narrow"], ["second"])
    assert csim["bit_exact_vs_quantised_model"] is True
    assert any(
        note.startswith("not compared with the quantised model, for values of more than the 53 bits")
        for note in project.report["notes"]
    )
    assert project.report["emulator"]["mismatches"] == 0
    assert run["passed"], run["texts"]
    assert run["vectors"] > SAMPLES + 7
    known = {layer.name: layer.result for layer in project.graph.layers}
    raw = raw_inputs(project.graph, [x])
    want = exact(model, raw[0], known["x"])
    assert project.simulator is not None
    for found in (project.simulator.run_raw(raw)[0], emulate_outputs(project.graph, raw)[0]):
        scale = Fraction(2) ** known["second"].fraction
        assert [v * scale for v in want] == found.reshape(-1).tolist()
    check_testbench(project.folder, tmp_path / "tb")


def check_testbench(folder: Path, program: Path) -> None:
    """The program that the vendor's csim runs: right vectors pass; the last bit of one wide value is seen."""
    build_testbench(folder, "myproject", program)

    def run() -> str:
        return subprocess.run([program], cwd=folder, capture_output=True, text=True, check=False).stdout

    assert f"{SAMPLES} samples, 0 wrong values" in run()
    expected = folder / "tb_data" / "tb_output_predictions.dat"
    words = expected.read_text().split(" ")
    words[0] = str(float(words[0]) + (1 if int(float(words[0])) % 2 == 0 else -1))
    expected.write_text(" ".join(words))
    assert f"{SAMPLES} samples, 1 wrong values" in run()


def test_a_width_beyond_names_layer_type_and_setting(tmp_path: Path) -> None:
    """Products of six 24-bit numbers."""
    t = x = keras.Input((2,), name="x")
    t = qkeras.QActivation(quantizer(), name="rounded")(t)
    for name in ("first", "second", "third", "fourth", "fifth"):
        t = qkeras.QDense(2, kernel_quantizer=quantizer(), bias_quantizer=quantizer(), name=name)(t)
    with pytest.raises(FpgaMlError) as caught:
        fpga_ml.compile(
            keras.Model(x, t), data=np.ones((4, 2)), config=Config(bits=24, until="convert"), output=tmp_path / "p"
        )
    assert re.fullmatch(
        r"accum of layer 'fifth' is 1\d\d bits wide, more than 128\n"
        r"  where: layer 'fifth', type accum = fixed<1\d\d,\d+,.*>\n"
        r"  do:    scale what it reads, '\w+' of type fixed<\d+,.*>; or set accum under \[layers\.fifth\.precision\] of"
        r" fpga_ml\.toml, "
        r"in Python layers=\{'fifth': LayerConfig\(precision=\{'accum': 'fixed<W,I>'\}\)\}",
        str(caught.value),
    ), str(caught.value)


def test_in_the_plugin_the_setting_is_hls4mls() -> None:
    precision = SimpleNamespace(width=160)
    node = SimpleNamespace(
        name="norm",
        types={"result_t": SimpleNamespace(precision=precision)},
        get_input_variable=lambda: None,
        model=SimpleNamespace(config=SimpleNamespace(backend=SimpleNamespace(name="OpenRTL"))),
    )
    with pytest.raises(FpgaMlError) as caught:
        check_widths(node)
    assert caught.value.do == "scale what it reads, the data; or set hls_config['LayerName']['norm']['Precision']['result']"
