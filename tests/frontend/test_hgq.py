"""HGQ2's layers taken apart: in every bit what HGQ2 computes itself, in single precision."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.hgq import without_hgq
from fpga_ml.frontend.hgq_files import need_hgq
from fpga_ml.frontend.operations import of_layers
from fpga_ml.frontend.rebuild import Probe, as_functional

need_hgq()
H, C = sys.modules["hgq"].layers, sys.modules["hgq"].config

SAMPLES, LARGEST = 1000, 4.0  # of a type of 2 integer bits
# What quantizers of data, and of weights, biases and tables, are like.
EVERY, CHANNEL, ONE = {"homogeneous_axis": (0,)}, {"heterogeneous_axis": (-1,)}, {"heterogeneous_axis": ()}
STYLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "wrap": ({"default_q_type": "kif", "overflow_mode": "WRAP", "round_mode": "RND", **EVERY}, {}),
    "sat": (
        {"default_q_type": "kbi", "overflow_mode": "SAT", "round_mode": "RND_CONV", **CHANNEL},
        {"default_q_type": "kif", "overflow_mode": "SAT", "round_mode": "TRN"},
    ),
    "sym": (
        {"default_q_type": "kif", "overflow_mode": "SAT_SYM", "round_mode": "TRN", **ONE},
        {"default_q_type": "kif", "overflow_mode": "WRAP", "round_mode": "RND_CONV"},
    ),
    "stochastic": ({"default_q_type": "kbi", "overflow_mode": "WRAP", "round_mode": "S_RND", **EVERY}, {}),
    "sat_each": ({"default_q_type": "kif", "overflow_mode": "SAT_SYM", "round_mode": "S_RND_CONV", **EVERY}, {}),
}

Case = tuple[Sequence[tuple[int, ...]], Callable[..., Any]]
VECTOR, SERIES, IMAGE = (5,), (4, 3), (5, 4, 2)


def table(**options: Any) -> Any:
    return C.QuantizerConfig(place="table", **options)


def attention(**options: Any) -> Callable[..., Any]:
    return lambda *x: H.QMultiHeadAttention(**{"num_heads": 1, "key_dim": 2, **options}, name="made")(*x)


def linformer(kind: str = "QLinformerAttention", **options: Any) -> Callable[..., Any]:
    return lambda *x: getattr(H, kind)(**{"num_heads": 1, "lin_kv_proj_dim": 2, "key_dim": 2, **options}, name="made")(*x)


def merge(kind: str, **options: Any) -> Callable[..., Any]:
    return lambda *x: getattr(H, kind)(**options, name="made")(list(x))


def twice(x: Any) -> Any:
    """A layer that is called twice, of one shape and of another."""
    dense = H.QDense(4, name="made", iq_conf=C.QuantizerConfig(**ONE))
    table = H.QUnaryFunctionLUT("tanh", enable_iq=False, name="lut", oq_conf=C.QuantizerConfig(place="table"))
    first, second = dense(x), dense(H.QSum(axes=1, keepdims=True)(x))
    near, far = (
        H.Quantizer(heterogeneous_axis=(), homogeneous_axis=None, name=n)(v) for n, v in (("q1", first), ("q2", second))
    )
    return L.Concatenate(axis=1)([table(near), table(far), dense(x)])


def between(x: Any) -> Any:
    """HGQ2's layers among Keras' own."""
    x = L.MaxPooling2D(2)(H.QConv2D(3, 2)(x))
    x = H.QDense(4)(L.Flatten()(L.ReLU()(x)))
    x = L.Concatenate()([L.Dropout(0.5)(x), L.Activation("relu")(x)])
    return H.QSum(axes=1)(L.Reshape((2, 4))(H.Quantizer()(H.Quantizer()(x))))


CASES: dict[str, Case] = {
    "quantizer": ([VECTOR], lambda x: H.Quantizer(name="made")(x)),
    "quantizer_scaled": (
        [VECTOR],
        lambda x: H.Quantizer(C.QuantizerConfig(scaler=0.5, affine=(0.25, 0.5), place="datalane"), name="made")(x),
    ),
    "dense": ([VECTOR], lambda x: H.QDense(4, name="made")(x)),
    "dense_on_series": ([SERIES], lambda x: H.QDense(4, activation="relu", enable_oq=True, name="made")(x)),
    "dense_without_bias": ([SERIES], lambda x: H.QDense(4, use_bias=False, name="made")(x)),
    "dense_no_rounding_of_inputs": ([SERIES], lambda x: H.QDense(4, enable_iq=False, name="made")(H.Quantizer()(x))),
    "batchnorm_dense": ([VECTOR], lambda x: H.QBatchNormDense(4, name="made")(x)),
    "einsum": ([SERIES], lambda x: H.QEinsumDense("bij,jk->bik", (4, 2), bias_axes="k", name="made")(x)),
    "einsum_turned": ([SERIES], lambda x: H.QEinsumDense("bij,ik->bkj", (2, 3), bias_axes="k", name="made")(x)),
    "einsum_dots": ([IMAGE], lambda x: H.QEinsumDense("...j,jk->...k", (2,), bias_axes="k", name="made")(x)),
    "einsum_heads": ([SERIES], lambda x: H.QEinsumDense("bij,jhk->bhik", (2, 4, 2), bias_axes="hk", name="made")(x)),
    "einsum_two": ([IMAGE], lambda x: H.QEinsumDense("bijk,jkl->bil", (5, 2), bias_axes="l", name="made")(x)),
    "einsum_all": ([SERIES], lambda x: H.QEinsumDense("bij,ijk->bk", (2,), bias_axes="k", enable_oq=True, name="made")(x)),
    "einsum_bias_each": ([SERIES], lambda x: H.QEinsumDense("bij,jk->bik", (4, 2), bias_axes="ik", name="made")(x)),
    "einsum_in_place": ([SERIES], lambda x: H.QEinsumDense("bij,ijk->bik", (4, 2), bias_axes="ik", name="made")(x)),
    "einsum_batchnorm": ([SERIES], lambda x: H.QEinsumDenseBatchnorm("bij,jk->bik", (4, 2), bias_axes="k", name="made")(x)),
    "einsum_batchnorm_dots": (
        [IMAGE],
        lambda x: H.QEinsumDenseBatchnorm("...j,jk->...k", (3,), bias_axes="k", activation="relu", name="made")(x),
    ),
    "conv1d": ([(6, 2)], lambda x: H.QConv1D(3, 3, name="made")(x)),
    "conv1d_same": ([(6, 2)], lambda x: H.QConv1D(3, 3, strides=2, padding="same", activation="relu", name="made")(x)),
    "conv1d_causal": (
        [(6, 2)],
        lambda x: H.QConv1D(3, 2, padding="causal", iq_conf=C.QuantizerConfig(**CHANNEL), enable_oq=True, name="made")(x),
    ),
    "conv1d_causal_apart": (
        [(6, 2)],
        lambda x: H.QConv1D(3, 2, padding="causal", dilation_rate=2, iq_conf=C.QuantizerConfig(**ONE), name="made")(x),
    ),
    "conv2d": ([IMAGE], lambda x: H.QConv2D(3, (2, 3), strides=(2, 1), name="made")(x)),
    "conv2d_same": ([IMAGE], lambda x: H.QConv2D(3, 3, padding="same", enable_oq=True, use_bias=False, name="made")(x)),
    "conv2d_dilated": ([IMAGE], lambda x: H.QConv2D(2, 2, dilation_rate=2, name="made")(x)),
    "conv2d_groups": ([IMAGE], lambda x: H.QConv2D(4, 2, groups=2, name="made")(x)),
    "batchnorm": ([SERIES], lambda x: H.QBatchNormalization(enable_oq=True, name="made")(x)),
    "batchnorm_bare": ([IMAGE], lambda x: H.QBatchNormalization(center=False, scale=False, name="made")(x)),
    **{
        f"{kind.lower()}_{n}": ([SERIES] * n, merge(kind, enable_oq=n == 3))
        for kind in ("QAdd", "QMultiply", "QMaximum", "QMinimum", "QAveragePow2")
        for n in (2, 3)
    },
    "qsubtract": ([SERIES] * 2, merge("QSubtract")),
    "qadd_wide": ([SERIES, (1, 3)], merge("QAdd")),
    "qmultiply_wide": ([(4, 1), (1, 3), SERIES], merge("QMultiply", enable_oq=True)),
    "qmaximum_ranks": ([SERIES, (3,)], merge("QMaximum")),
    "qdot": ([VECTOR, VECTOR], merge("QDot", axes=1)),
    "qdot_series": ([SERIES, SERIES], merge("QDot", axes=-1, enable_oq=True)),
    "qdot_axes": ([SERIES, (3, 2)], merge("QDot", axes=(2, 1))),
    "qeinsum": ([SERIES, (3, 2)], merge("QEinsum", equation="bij,bjk->bki")),
    "qeinsum_dots": ([IMAGE, IMAGE], merge("QEinsum", equation="b...i,b...i->b...")),
    "qsum": ([IMAGE], lambda x: H.QSum(axes=(1, 2), scale=0.25, name="made")(x)),
    "qsum_kept": ([SERIES], lambda x: H.QSum(axes=1, keepdims=True, name="made")(x)),
    "qmean": ([IMAGE], lambda x: H.QMeanPow2(axes=(1, 2), name="made")(x)),
    "qmean_last": ([SERIES], lambda x: H.QMeanPow2(axes=-1, keepdims=True, name="made")(x)),
    **{
        f"{kind.lower()}{d}d": (
            [(6, 2) if d == 1 else IMAGE],
            lambda x, kind=kind, d=d: getattr(H, f"{kind}{d}D")(2, name="made")(x),
        )
        for kind in ("QMaxPooling", "QAveragePooling")
        for d in (1, 2)
    },
    "qmaxpooling_same": ([IMAGE], lambda x: H.QMaxPooling2D(3, strides=2, padding="same", enable_oq=True, name="made")(x)),
    "qglobalmax1d": ([SERIES], lambda x: H.QGlobalMaxPooling1D(keepdims=True, name="made")(x)),
    "qglobalmax2d": ([IMAGE], lambda x: H.QGlobalMaxPooling2D(enable_oq=True, name="made")(x)),
    "qglobalmean1d": ([SERIES], lambda x: H.QGlobalAveragePooling1D(enable_oq=True, name="made")(x)),
    "qglobalmean2d": ([(2, 4, 2)], lambda x: H.QGlobalAveragePooling2D(name="made")(x)),
    "lut": ([SERIES], lambda x: H.QUnaryFunctionLUT("tanh", name="made")(x)),
    "lut_each": (
        [VECTOR],
        lambda x: H.QUnaryFunctionLUT(
            "sigmoid",
            oq_conf=table(heterogeneous_axis=None, homogeneous_axis=(0,)),
            allow_heterogeneous_input=False,
            name="made",
        )(x),
    ),
    "lut_affine": ([SERIES], lambda x: H.QAffinedUnaryFunctionLUT("softplus", name="made")(x)),
    "lut_of_typed": ([VECTOR], lambda x: H.QUnaryFunctionLUT("silu", enable_iq=False, name="made")(H.Quantizer()(x))),
    "softmax": ([VECTOR], lambda x: H.QSoftmax(enable_oq=True, name="made")(x)),
    "softmax_rows": ([SERIES], lambda x: H.QSoftmax(axis=1, enable_iq=True, input_scaler=0.3, name="made")(x)),
    "softmax_two_axes": ([(2, 2, 3)], lambda x: H.QSoftmax(axis=(1, 3), name="made")(x)),
    "softmax_unstable": ([SERIES], lambda x: H.QSoftmax(stable=False, enable_iq=True, enable_oq=True, name="made")(x)),
    "softmax_each": (
        [SERIES],
        lambda x: H.QSoftmax(
            enable_iq=True,
            allow_heterogeneous_table=True,
            exp_oq_conf=table(heterogeneous_axis=None, homogeneous_axis=(0,)),
            inv_oq_conf=table(heterogeneous_axis=None, homogeneous_axis=(0,)),
            name="made",
        )(x),
    ),
    "attention": ([SERIES], attention()),
    "attention_heads": ([SERIES], attention(num_heads=2, key_dim=3, value_dim=2, fuse="qkv")),
    "attention_kv": ([SERIES, (3, 2)], attention(num_heads=2, fuse="kv", use_bias=False, output_shape=5)),
    "attention_three": ([SERIES, (3, 2), (3, 4)], attention(value_dim=3)),
    "linformer": ([SERIES], linformer(num_heads=2)),
    "linformer_shared": ([SERIES], linformer(share_kv_proj=True)),
    "dense_tables": ([VECTOR], lambda x: H.QDenseT(3, name="made")(x)),
    "dense_tables_deep": (
        [SERIES],
        lambda x: H.QDenseT(2, n_hl=2, d_hl=3, batch_norm=True, activation="relu", name="made")(x),
    ),
    "dense_tables_flat": ([SERIES], lambda x: H.QDenseT(2, n_hl=0, use_bias=False, name="made")(x)),
    "einsum_tables": (
        [SERIES],
        lambda x: H.QEinsumDenseT("bij,jk->bki", (2, 4), bias_axes="k", n_hl=3, d_hl=1, name="made")(x),
    ),
    "einsum_tables_norm": (
        [SERIES],
        lambda x: H.QEinsumDenseT("bij,ijk->bk", 2, bias_axes="k", d_hl=1, batch_norm=True, enable_oq=True, name="made")(x),
    ),
    "einsum_tables_unsummed": ([SERIES], lambda x: H.QEinsumDenseT("bij,jk->bijk", (4, 3, 2), n_hl=0, name="made")(x)),
    "conv1d_tables": ([(6, 2)], lambda x: H.QConvT1D(3, 3, strides=2, subnn_activation="tanh", name="made")(x)),
    "conv1d_tables_same": ([(6, 2)], lambda x: H.QConvT1D(2, 3, padding="same", dilation_rate=2, name="made")(x)),
    "conv2d_tables": ([IMAGE], lambda x: H.QConvT2D(2, (2, 3), padding="same", name="made")(x)),
    "conv2d_tables_stride": ([IMAGE], lambda x: H.QConvT2D(2, 2, strides=2, batch_norm=True, name="made")(x)),
    "attention_tables": ([SERIES], lambda x: H.QMultiHeadAttentionT(2, 2, d_hl=1, name="made")(x)),
    "attention_tables_two": (
        [SERIES, (3, 2)],
        lambda *x: H.QMultiHeadAttentionT(1, 2, n_hl=0, value_dim=3, batch_norm=True, name="made")(*x),
    ),
    "linformer_tables": ([SERIES], linformer("QLinformerAttentionT", d_hl=1)),
    "linformer_tables_dense": ([SERIES], linformer("QLinformerAttentionT", lin_kv_proj_mode="dense", n_hl=0)),
    "simple_rnn": ([SERIES], lambda x: H.QSimpleRNN(3, name="made")(x)),
    "simple_rnn_all": (
        [SERIES],
        lambda x: H.QSimpleRNN(3, return_sequences=True, go_backwards=True, enable_sq=True, use_bias=False, name="made")(x),
    ),
    "simple_rnn_relu": ([SERIES], lambda x: H.QSimpleRNN(2, activation="relu", return_sequences=True, name="made")(x)),
    "gru": ([SERIES], lambda x: H.QGRU(3, name="made")(x)),
    "gru_before": ([SERIES], lambda x: H.QGRU(3, reset_after=False, return_sequences=True, name="made")(x)),
    "gru_backwards": (
        [SERIES],
        lambda x: H.QGRU(2, use_bias=False, go_backwards=True, return_sequences=True, name="made")(x),
    ),
    "gru_before_bare": (
        [(1, 3)],
        lambda x: H.QGRU(2, reset_after=False, use_bias=False, return_sequences=True, name="made")(x),
    ),
    "twice": ([SERIES], twice),
    "between": ([IMAGE], between),
}


def made(name: str, style: str, seed: int) -> Any:
    """A model of a case with random weights and widths."""
    shapes, build = CASES[name]
    data, other = STYLES[style]
    keras.utils.set_random_seed(seed)
    inputs = [keras.Input(shape, name=f"x{n}") for n, shape in enumerate(shapes)]
    with (
        C.QuantizerConfigScope(place="datalane", **data),
        C.QuantizerConfigScope(place=("weight", "bias", "table"), **other),
    ):
        model = keras.Model(inputs if len(inputs) > 1 else inputs[0], build(*inputs))
    return randomised(model, np.random.default_rng(seed))


def randomised(model: Any, rng: np.random.Generator) -> Any:
    """Weights up to 2, types of 0 to 6 bits, some of them without a bit, and a few of a negative number."""
    parts = {id(part): part for layer in model.layers for part in layer._flatten_layers()}.values()
    for part in parts:
        for w in part._trainable_variables + part._non_trainable_variables:
            if w.name in ("k", "i", "f", "b"):
                usual, most = {"k": (1, 1), "i": (0, 2), "f": (1, 3), "b": (2, 5)}[w.name]
                least = {"k": 0, "i": -2, "f": -2, "b": 0}[w.name]
                few = rng.random(w.shape) < (0.3 if np.prod(w.shape) > 1 else 0)  # where there is one type, it has bits
                w.assign(
                    np.where(
                        few,
                        rng.integers(least, most, w.shape, endpoint=True),
                        rng.integers(usual, most, w.shape, endpoint=True),
                    )
                )
            elif "variance" in w.name:
                w.assign(rng.uniform(0.3, 2, w.shape))
            elif w.name not in ("seed_generator_state", "beta", "ebops", "i_decay_speed") and w.dtype == "float32":
                w.assign(rng.uniform(-2, 2, w.shape))
        if hasattr(part, "kq") and getattr(part, "scale", None) is True and hasattr(part, "bn_gamma"):
            part.bn_gamma.assign(rng.uniform(0.3, 2, part.bn_gamma.shape))
    return model


def data(model: Any, rng: np.random.Generator, samples: int = SAMPLES) -> list[np.ndarray]:
    """Single precision, 5 % beyond the largest type; half of it where roundings have ties."""
    found = []
    for t in model.inputs:
        x = rng.uniform(-1.05, 1.05, (samples, *t.shape[1:])) * LARGEST
        x[::2] = np.rint(x[::2] * 32) / 32
        found.append(x.astype(np.float32))
    return found


def apart(model: Any) -> Any:
    return without_hgq(of_layers(as_functional(model)))


def differences(model: Any, x: Sequence[np.ndarray]) -> tuple[int, int]:
    """(results that differ, different results that there are)"""
    theirs = np.asarray(model(list(x) if len(x) > 1 else x[0], training=False), np.float64)
    ours = Probe(apart(model), batch=len(x[0])).outputs([a.astype(np.float64) for a in x])[0]
    assert theirs.shape == ours.shape
    return int((theirs != ours).sum()), len(np.unique(theirs))


ROTATION = [(name, list(STYLES)[n % len(STYLES)]) for n, name in enumerate(CASES)]
EVERYTHING = [(name, style) for name in CASES for style in STYLES if (name, style) not in ROTATION]


@pytest.mark.parametrize(
    ("name", "style"), [*ROTATION, *(pytest.param(*case, marks=pytest.mark.slow) for case in EVERYTHING)]
)
def test_equals_hgq2(name: str, style: str) -> None:
    model = made(name, style, 1)
    wrong, different = differences(model, data(model, np.random.default_rng(2)))
    assert wrong == 0
    assert different > 1
