"""Every kind of layer that converts, alone, with random weights: quantised model, C-simulation, emulator, lowered kernels,
and RTL in Verilator and Icarus.

`EXACT` layers must agree bit for bit, and functions of ours of few bits; the others go through tables of hls4ml's own, and
the report must say so.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import qkeras
from keras import layers as L
from ladder import lowered_equals
from simulators import USUAL

import fpga_ml
from fpga_ml.config import Config, LayerConfig
from fpga_ml.simulate.prove import corners


def q(bits: int = 6, integer: int = 1) -> Any:
    return qkeras.quantized_bits(bits, integer, alpha=1)


VECTOR, SERIES, IMAGE = (6,), (6, 3), (6, 6, 2)
Case = tuple[tuple[int, ...], Callable[[], Any]]
EXACT: dict[str, Case] = {
    "linear": (VECTOR, lambda: L.Activation("linear")),
    "relu": (VECTOR, lambda: L.ReLU()),
    "relu_threshold": (VECTOR, lambda: L.ReLU(threshold=0.5)),
    "relu6": (VECTOR, lambda: L.Activation("relu6")),
    "hard_tanh": (VECTOR, lambda: L.Activation("hard_tanh")),
    "leaky_relu": (VECTOR, lambda: L.LeakyReLU(0.25)),
    "leaky_relu_default": (VECTOR, lambda: L.LeakyReLU()),
    "prelu": (VECTOR, lambda: L.PReLU()),
    "quantized_bits": (VECTOR, lambda: qkeras.QActivation(q())),
    "quantized_relu": (VECTOR, lambda: qkeras.QActivation("quantized_relu(6,2)")),
    "quantized_tanh": (VECTOR, lambda: qkeras.QActivation("quantized_tanh(6)")),
    "quantized_sigmoid": (VECTOR, lambda: qkeras.QActivation("quantized_sigmoid(6)")),
    "binary": (VECTOR, lambda: qkeras.QActivation(qkeras.binary(alpha=1))),
    "ternary": (VECTOR, lambda: qkeras.QActivation(qkeras.ternary(alpha=1))),
    "dropout": (VECTOR, lambda: L.Dropout(0.5)),
    "batchnorm": (IMAGE, lambda: L.BatchNormalization()),
    "qbatchnorm": (VECTOR, lambda: qkeras.QBatchNormalization()),
    "layernorm": (SERIES, lambda: L.LayerNormalization()),
    "layernorm_axes": (IMAGE, lambda: L.LayerNormalization(axis=(1, 3))),
    "layernorm_plain": (VECTOR, lambda: L.LayerNormalization(center=False, scale=False)),
    "layernorm_rms_scaling": (VECTOR, lambda: L.LayerNormalization(rms_scaling=True)),
    "rmsnorm": (SERIES, lambda: L.RMSNormalization()),
    "groupnorm": ((4, 3, 4), lambda: L.GroupNormalization(groups=2)),
    "dense": (VECTOR, lambda: L.Dense(4)),
    "dense_on_series": (SERIES, lambda: L.Dense(4)),
    "qdense": (VECTOR, lambda: qkeras.QDense(4, kernel_quantizer=q(), bias_quantizer=q())),
    "qdense_scaled": (
        VECTOR,
        lambda: qkeras.QDense(4, kernel_quantizer=qkeras.quantized_bits(6, 0, alpha="auto_po2"), bias_quantizer=q()),
    ),
    "qdense_po2": (VECTOR, lambda: qkeras.QDense(4, kernel_quantizer=qkeras.quantized_po2(5), bias_quantizer=q())),
    "einsum_dense": (SERIES, lambda: L.EinsumDense("abc,cd->abd", output_shape=(6, 4), bias_axes="d")),
    "einsum_moved": (SERIES, lambda: L.EinsumDense("abc,cd->adb", output_shape=(4, 6))),
    "einsum_in_place": (SERIES, lambda: L.EinsumDense("abc,bcd->abd", output_shape=(6, 4), bias_axes="bd")),
    "einsum_bias_by_position": (SERIES, lambda: L.EinsumDense("abc,cd->abd", output_shape=(6, 4), bias_axes="bd")),
    "conv1d": (SERIES, lambda: L.Conv1D(4, 3, padding="same")),
    "conv2d": (IMAGE, lambda: L.Conv2D(4, 3, strides=2)),
    "pointwise1d": (SERIES, lambda: L.Conv1D(4, 1)),
    "pointwise2d": (IMAGE, lambda: L.Conv2D(4, 1)),
    "depthwise1d": (SERIES, lambda: L.DepthwiseConv1D(3)),
    "depthwise2d": (IMAGE, lambda: L.DepthwiseConv2D(3)),
    "separable1d": (SERIES, lambda: L.SeparableConv1D(4, 3)),
    "separable2d": (IMAGE, lambda: L.SeparableConv2D(4, 3)),
    "qconv1d": (SERIES, lambda: qkeras.QConv1D(4, 3, kernel_quantizer=q(), bias_quantizer=q())),
    "qconv2d": (IMAGE, lambda: qkeras.QConv2D(4, 3, kernel_quantizer=q(), bias_quantizer=q())),
    "qseparable1d": (
        SERIES,
        lambda: qkeras.QSeparableConv1D(4, 3, depthwise_quantizer=q(), pointwise_quantizer=q(), bias_quantizer=q()),
    ),
    "qseparable2d": (
        IMAGE,
        lambda: qkeras.QSeparableConv2D(4, 3, depthwise_quantizer=q(), pointwise_quantizer=q(), bias_quantizer=q()),
    ),
    "qdepthwise2d": (IMAGE, lambda: qkeras.QDepthwiseConv2D(3, depthwise_quantizer=q(), bias_quantizer=q())),
    "maxpool1d": (SERIES, lambda: L.MaxPooling1D(2)),
    "maxpool2d": (IMAGE, lambda: L.MaxPooling2D(2)),
    "maxpool2d_same": (IMAGE, lambda: L.MaxPooling2D(3, strides=2, padding="same")),
    "avgpool1d": (SERIES, lambda: L.AveragePooling1D(3)),
    "avgpool2d": (IMAGE, lambda: L.AveragePooling2D(2)),
    "avgpool2d_same": (IMAGE, lambda: L.AveragePooling2D(3, strides=2, padding="same")),
    "global_avg1d": (SERIES, lambda: L.GlobalAveragePooling1D()),
    "global_avg2d": (IMAGE, lambda: L.GlobalAveragePooling2D()),
    "global_max1d": (SERIES, lambda: L.GlobalMaxPooling1D()),
    "global_max2d": (IMAGE, lambda: L.GlobalMaxPooling2D()),
    "pad1d": (SERIES, lambda: L.ZeroPadding1D(1)),
    "pad2d": (IMAGE, lambda: L.ZeroPadding2D(1)),
    "crop1d": (SERIES, lambda: L.Cropping1D(1)),
    "crop2d": (IMAGE, lambda: L.Cropping2D(1)),
    "up1d": (SERIES, lambda: L.UpSampling1D(2)),
    "up2d": (IMAGE, lambda: L.UpSampling2D(2)),
    "permute": (IMAGE, lambda: L.Permute((3, 1, 2))),
    "reshape": (IMAGE, lambda: L.Reshape((12, 6))),
    "flatten": (IMAGE, lambda: L.Flatten()),
}
TABLES: dict[str, Case] = {
    **{
        name: (VECTOR, lambda name=name: L.Activation(name))
        for name in ("sigmoid", "tanh", "softplus", "softsign", "elu", "selu", "hard_sigmoid", "softmax")
    },
    "elu_alpha": (VECTOR, lambda: L.ELU(0.5)),
    "softmax_over_series": (SERIES, lambda: L.Softmax(axis=1)),
}
ALONG_AXIS = "_along_axis"
SOFTMAXES = ("stable", "latency", "legacy", "argmax")
TWO_INPUTS = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot")
FAST = {"leaky_relu_default", "batchnorm", "avgpool1d", "einsum_dense", "binary", "tanh"}
FAST_VECTORS, VECTORS = 20, 1000


def _cases(names: Iterable[str], fast: Collection[str] = FAST) -> list[Any]:
    """(name, vectors simulated): all names with many vectors in the long suite, the fast ones with few in the short."""
    few = [pytest.param(name, FAST_VECTORS, id=name) for name in names if name in fast]
    many = [pytest.param(name, VECTORS, id=f"{name}-rtl", marks=pytest.mark.slow) for name in names]
    return few + many


def _weight(rng: np.random.Generator, w: Any) -> np.ndarray:
    """0.2 to 1 in magnitude, of either sign, but for variances and scales."""
    sign = 1 if w.name in ("moving_variance", "gamma") else rng.choice((-1, 1), w.shape)
    return rng.uniform(0.2, 1.0, w.shape) * sign


def _compile(model: Any, tmp_path: Path, vectors: int, config: Config | None = None) -> dict[str, Any]:
    """C-simulation's part of the report, after emulator, lowered kernels and RTL have been found equal."""
    rng = np.random.default_rng(2)
    for layer in model.layers:
        layer.set_weights([_weight(rng, w) for w in layer.weights])
    return _prove(
        model, [rng.normal(size=(max(vectors, 60), *t.shape[1:])) for t in model.inputs], tmp_path, vectors, config
    )


def _prove(model: Any, x: list[np.ndarray], tmp_path: Path, vectors: int, config: Config | None = None) -> dict[str, Any]:
    config = (config or Config()).replace(cosim_vectors=vectors, simulators=USUAL)
    project = fpga_ml.compile(model, data=x, output=tmp_path / "p", config=config)
    report = project.report
    assert report["stages"]["emulate"] == "ran"
    assert report["emulator"]["mismatches"] == 0
    lowered_equals(project, x)
    assert [run["simulator"] for run in report["cosim"]] == [*USUAL]
    for run in report["cosim"]:
        assert run["passed"], run["texts"]
        assert run["vectors"] > vectors + len(corners(project.graph)[0]) or run["not_asked"]
    csim: dict[str, Any] = report["csim"]
    return csim


def _around(shape: tuple[int, ...], build: Callable[[], Any]) -> Any:
    """The layer between two that compute, so that it has a neighbour on either side."""
    keras.utils.set_random_seed(1)
    x = inputs = keras.Input(shape, name="x")
    x = L.Dense(shape[-1], name="before")(x)
    return keras.Model(inputs, build()(x))


@pytest.mark.parametrize(("name", "vectors"), _cases(EXACT))
def test_exact_layer(name: str, vectors: int, tmp_path: Path) -> None:
    csim = _compile(_around(*EXACT[name]), tmp_path, vectors)
    assert csim["bit_exact_vs_quantised_model"] is True, csim["first_difference"]


# Functions that hls4ml does not have, of values of 8 bits: their tables are the functions themselves, rounded.
ACTIVATED = ("gelu", "silu", "hard_silu", "mish", "celu", "squareplus", "exponential", "log_sigmoid", "hard_shrink",
             "soft_shrink", "tanh_shrink", "sparse_plus", "sparse_sigmoid")  # fmt: skip
OPERATED: dict[str, Callable[[Any], Any]] = {
    "exp": keras.ops.exp,
    "abs": abs,
    "negative": lambda x: -x,
    "square": lambda x: x**2,
    "sin": keras.ops.sin,
    "erf": keras.ops.erf,
    "sigmoid": keras.ops.sigmoid,
    "gelu_by_tanh": keras.ops.gelu,
    "celu_of_a_half": lambda x: keras.ops.celu(x, 0.5),
    "threshold": lambda x: keras.ops.threshold(x, 0.3, -1.0),
}
ON_POSITIVE = ("log", "sqrt", "rsqrt", "reciprocal", "log10")


def _functions(activated: Sequence[str], operated: Collection[str], positive: Sequence[str]) -> Any:
    """Each on its own values; hls4ml copies a stream seven times at most."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((4,), name="x")
    roots = [L.Dense(4, name=f"root_{k}")(inputs) for k in range(1 + len([*activated, *operated, *positive]) // 6)]
    in_turn = itertools.cycle(roots)

    def values(name: str) -> Any:
        return L.Dense(3, name=f"of_{name}")(next(in_turn))

    outputs = [L.Activation(name, name=f"made_{name}")(values(name)) for name in activated]
    outputs += [OPERATED[name](values(name)) for name in operated]
    outputs += [getattr(keras.ops, name)(L.Activation("softplus")(values(name))) for name in positive]
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize(
    ("arch", "vectors", "activated", "operated", "positive"),
    [
        ("parallel", FAST_VECTORS, ("gelu", "silu"), ("abs", "celu_of_a_half"), ("log", "reciprocal")),
        *(
            pytest.param(arch, VECTORS, ACTIVATED, OPERATED, ON_POSITIVE, marks=pytest.mark.slow)
            for arch in ("parallel", "stream")
        ),
    ],
)
def test_functions_that_hls4ml_lacks(
    arch: Any, vectors: int, activated: Any, operated: Any, positive: Any, tmp_path: Path
) -> None:
    model = _functions(activated, operated, positive)
    csim = _compile(model, tmp_path, vectors, Config(arch=arch, bits=8))
    assert csim["bit_exact_vs_quantised_model"] is True, csim["first_difference"]
    assert csim["max_abs_err_vs_quantised"] == 0


def test_cropping_keeps_the_type_of_an_input(tmp_path: Path) -> None:
    """hls4ml's default type has other fraction bits."""
    model = keras.Sequential([keras.Input(IMAGE), L.Cropping2D(((1, 2), (0, 1)))])
    csim = _compile(model, tmp_path, 20)
    assert csim["bit_exact_vs_quantised_model"] is True, csim["first_difference"]


def test_nothing_before_a_table(tmp_path: Path) -> None:
    """Then there is nothing to be equal, and the verdict is none."""
    csim = _compile(keras.Sequential([keras.Input(VECTOR), L.Activation("tanh", name="out")]), tmp_path, 20)
    assert csim["bit_exact_vs_quantised_model"] is None
    assert csim["compared_at"] == ["out_round"]


@pytest.mark.parametrize(("name", "vectors"), _cases(TABLES))
def test_layer_with_tables(name: str, vectors: int, tmp_path: Path) -> None:
    csim = _compile(_around(*TABLES[name]), tmp_path, vectors)
    assert csim["max_abs_err_vs_quantised"] < 0.1
    assert "goes through a table" in csim["first_difference"]["cause"]


@pytest.mark.parametrize(("name", "vectors"), _cases([*SOFTMAXES, *(k + ALONG_AXIS for k in SOFTMAXES)], fast=()))
def test_softmax_in_all_implementations(name: str, vectors: int, tmp_path: Path) -> None:
    kind, along = name.removesuffix(ALONG_AXIS), name.endswith(ALONG_AXIS)
    inputs = keras.Input(SERIES if along else VECTOR, name="x")
    model = keras.Model(inputs, L.Softmax(axis=1, name="softmax")(L.Dense(5, name="logits")(inputs)))
    _compile(model, tmp_path, vectors, Config(layers={"softmax": LayerConfig(softmax=kind)}))


@pytest.mark.parametrize(("name", "vectors"), _cases(TWO_INPUTS, fast=()))
def test_merge(name: str, vectors: int, tmp_path: Path) -> None:
    inputs = [keras.Input((6,), name=n) for n in "ab"]
    options = {"axes": 1} if name == "Dot" else {}
    csim = _compile(keras.Model(inputs, getattr(L, name)(**options, name="merge")(inputs)), tmp_path, vectors)
    assert csim["bit_exact_vs_quantised_model"] is True, csim["first_difference"]


@pytest.mark.parametrize(("name", "vectors"), _cases(["embedding"], fast=["embedding"]))
def test_embedding(name: str, vectors: int, tmp_path: Path) -> None:
    """A vocabulary that is no power of two: the rest of the input's type is outside the table."""
    inputs = keras.Input((4,), name="x")
    model = keras.Model(inputs, L.Embedding(11, 3, name=name)(inputs))
    x = np.random.default_rng(1).integers(0, 11, size=(max(vectors, 60), 4)).astype(float)
    csim = _prove(model, [x], tmp_path, vectors)
    assert csim["bit_exact_vs_quantised_model"] is True, csim["first_difference"]


def _sign(name: str) -> list[Any]:
    return [L.BatchNormalization(name=f"bn_{name}"), qkeras.QActivation(qkeras.binary(alpha=1), name=f"sign_{name}")]


def _binary(*, bias: bool) -> dict[str, Any]:
    """Options of a layer with kernel -1 and +1."""
    return {"kernel_quantizer": qkeras.binary(alpha=1), "use_bias": bias} | ({"bias_quantizer": q()} if bias else {})


# hls4ml merges batch normalisation and sign, and hands on bits that stand for -1 and +1.
ONE_BIT: dict[str, tuple[tuple[int, ...], Callable[[], list[Any]]]] = {
    "both_binary": (
        VECTOR,
        lambda: [qkeras.QDense(9, **_binary(bias=False)), *_sign("a"), qkeras.QDense(4, **_binary(bias=False))],
    ),
    "both_binary_with_bias": (
        VECTOR,
        lambda: [qkeras.QDense(9, **_binary(bias=True)), *_sign("a"), qkeras.QDense(4, **_binary(bias=True))],
    ),
    "data_binary": (
        VECTOR,
        lambda: [
            qkeras.QDense(9, kernel_quantizer=q(), bias_quantizer=q()),
            *_sign("a"),
            qkeras.QDense(4, kernel_quantizer=q(), bias_quantizer=q()),
        ],
    ),
    "convolution": (
        (6, 6, 1),
        lambda: [
            qkeras.QConv2D(2, 3, **_binary(bias=False)),
            *_sign("a"),
            L.MaxPooling2D(2),
            qkeras.QConv2D(3, 2, **_binary(bias=False)),
            *_sign("b"),
            L.Flatten(),
            qkeras.QDense(4, **_binary(bias=False)),
        ],
    ),
}


@pytest.mark.parametrize(("name", "vectors"), _cases(ONE_BIT, fast=["both_binary"]))
def test_values_of_one_bit(name: str, vectors: int, tmp_path: Path) -> None:
    shape, stack = ONE_BIT[name]
    keras.utils.set_random_seed(1)
    csim = _compile(keras.Sequential([keras.Input(shape, name="x"), *stack()]), tmp_path, vectors)
    assert csim["bit_exact_vs_quantised_model"] is True, csim["first_difference"]


@pytest.mark.slow
def test_signs_that_no_product_reads(tmp_path: Path) -> None:
    """They stay -1 and +1: at the padding of a convolution, in a sum and at the output."""
    keras.utils.set_random_seed(1)
    x = inputs = keras.Input(IMAGE, name="x")
    for layer in (L.Conv2D(3, 3, name="first"), *_sign("a")):
        x = layer(x)
    padded = qkeras.QConv2D(3, 3, padding="same", **_binary(bias=False), name="padded")(x)
    for layer in (L.Add(name="sum"), *_sign("b")):
        padded = layer([x, padded] if layer.name == "sum" else padded)
    csim = _compile(keras.Model(inputs, padded), tmp_path, VECTORS)
    assert csim["bit_exact_vs_quantised_model"] is True, csim["first_difference"]


@pytest.mark.slow
def test_sign_of_a_negative_scale(tmp_path: Path) -> None:
    """No threshold passes what is below it: the batch normalisation stays."""
    keras.utils.set_random_seed(1)
    first, norm, sign = qkeras.QDense(9, kernel_quantizer=q(), bias_quantizer=q(), name="first"), *_sign("a")
    model = keras.Sequential([keras.Input(VECTOR, name="x"), first, norm, sign, L.Dense(3)])
    norm.gamma.assign(np.linspace(-1, 1, 9))
    x = np.random.default_rng(2).normal(size=(VECTORS, *VECTOR))
    csim = _prove(model, [x], tmp_path, VECTORS)
    assert csim["bit_exact_vs_quantised_model"] is True, csim["first_difference"]


@pytest.mark.slow
@pytest.mark.parametrize("pool", [L.MaxPooling1D, L.MaxPooling2D])
def test_padding_is_below_all_that_is_unsigned(pool: Any, tmp_path: Path) -> None:
    inputs = keras.Input(SERIES if pool is L.MaxPooling1D else IMAGE, name="x")
    positive = qkeras.QActivation("quantized_relu(6,2)", name="positive")(inputs)
    csim = _compile(keras.Model(inputs, pool(3, strides=2, padding="same")(positive)), tmp_path, VECTORS)
    assert csim["bit_exact_vs_quantised_model"] is True, csim["first_difference"]
