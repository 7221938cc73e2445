"""Small models of each kind of layer that HGQ2 has, with random weights and widths."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers as L

from fpga_ml.frontend.hgq.files import need_hgq

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
VECTOR, SERIES, STEPS, IMAGE = (5,), (4, 3), (3, 2), (5, 4, 2)


def table(**options: Any) -> Any:
    return C.QuantizerConfig(place="table", **options)


def attention(**options: Any) -> Callable[..., Any]:
    return lambda *x: H.QMultiHeadAttention(**{"num_heads": 1, "key_dim": 2, **options})(*x)


def linformer(kind: str = "QLinformerAttention", **options: Any) -> Callable[..., Any]:
    return lambda *x: getattr(H, kind)(**{"num_heads": 1, "lin_kv_proj_dim": 2, "key_dim": 2, **options})(*x)


def merge(kind: str, **options: Any) -> Callable[..., Any]:
    return lambda *x: getattr(H, kind)(**options)(list(x))


def twice(x: Any) -> Any:
    """A layer that is called twice, of one shape and of another."""
    dense = H.QDense(4, iq_conf=C.QuantizerConfig(**ONE))
    table = H.QUnaryFunctionLUT("tanh", enable_iq=False, oq_conf=C.QuantizerConfig(place="table"))
    first, second = dense(x), dense(H.QSum(axes=1, keepdims=True)(x))
    near, far = (
        H.Quantizer(heterogeneous_axis=(), homogeneous_axis=None, name=n)(v) for n, v in (("q1", first), ("q2", second))
    )
    return L.Concatenate(axis=1)([L.Concatenate(axis=1)([table(near), table(far)]), dense(x)])


def between(x: Any) -> Any:
    """HGQ2's layers among Keras' own."""
    x = L.MaxPooling2D(2)(H.QConv2D(3, 2)(x))
    x = H.QDense(4)(L.Flatten()(L.ReLU()(x)))
    x = L.Concatenate()([L.Dropout(0.5)(x), L.Activation("relu")(x)])
    return H.QSum(axes=1)(L.Reshape((2, 4))(H.Quantizer()(H.Quantizer()(x))))


CASES: dict[str, Case] = {
    "quantizer": ([VECTOR], lambda x: H.Quantizer()(x)),
    "quantizer_scaled": (
        [VECTOR],
        lambda x: H.Quantizer(C.QuantizerConfig(scaler=0.5, affine=(0.25, 0.5), place="datalane"))(x),
    ),
    "dense": ([VECTOR], lambda x: H.QDense(4)(x)),
    "dense_on_series": ([SERIES], lambda x: H.QDense(4, activation="relu", enable_oq=True)(x)),
    "dense_without_bias": ([SERIES], lambda x: H.QDense(4, use_bias=False)(x)),
    "dense_no_rounding_of_inputs": ([SERIES], lambda x: H.QDense(4, enable_iq=False)(H.Quantizer()(x))),
    "dense_of_all_values": ([VECTOR], lambda x: H.QDense(4, iq_conf=C.QuantizerConfig("dummy"))(H.Quantizer()(x))),
    "batchnorm_dense": ([VECTOR], lambda x: H.QBatchNormDense(4)(x)),
    "einsum": ([SERIES], lambda x: H.QEinsumDense("bij,jk->bik", (4, 2), bias_axes="k")(x)),
    "einsum_turned": ([SERIES], lambda x: H.QEinsumDense("bij,ik->bkj", (2, 3), bias_axes="k")(x)),
    "einsum_dots": ([IMAGE], lambda x: H.QEinsumDense("...j,jk->...k", (2,), bias_axes="k")(x)),
    "einsum_heads": ([SERIES], lambda x: H.QEinsumDense("bij,jhk->bhik", (2, 4, 2), bias_axes="hk")(x)),
    "einsum_two": ([IMAGE], lambda x: H.QEinsumDense("bijk,jkl->bil", (5, 2), bias_axes="l")(x)),
    "einsum_all": ([SERIES], lambda x: H.QEinsumDense("bij,ijk->bk", (2,), bias_axes="k", enable_oq=True)(x)),
    "einsum_bias_each": ([SERIES], lambda x: H.QEinsumDense("bij,jk->bik", (4, 2), bias_axes="ik")(x)),
    "einsum_in_place": ([SERIES], lambda x: H.QEinsumDense("bij,ijk->bik", (4, 2), bias_axes="ik")(x)),
    "einsum_batchnorm": ([SERIES], lambda x: H.QEinsumDenseBatchnorm("bij,jk->bik", (4, 2), bias_axes="k")(x)),
    "einsum_batchnorm_dots": (
        [IMAGE],
        lambda x: H.QEinsumDenseBatchnorm("...j,jk->...k", (3,), bias_axes="k", activation="relu")(x),
    ),
    "conv1d": ([(6, 2)], lambda x: H.QConv1D(3, 3)(x)),
    "conv1d_same": ([(6, 2)], lambda x: H.QConv1D(3, 3, strides=2, padding="same", activation="relu")(x)),
    "conv1d_causal": (
        [(6, 2)],
        lambda x: H.QConv1D(3, 2, padding="causal", iq_conf=C.QuantizerConfig(**CHANNEL), enable_oq=True)(x),
    ),
    "conv1d_causal_apart": (
        [(6, 2)],
        lambda x: H.QConv1D(3, 2, padding="causal", dilation_rate=2, iq_conf=C.QuantizerConfig(**ONE))(x),
    ),
    "conv2d": ([IMAGE], lambda x: H.QConv2D(3, (2, 3), strides=(2, 1))(x)),
    "conv2d_same": ([IMAGE], lambda x: H.QConv2D(3, 3, padding="same", enable_oq=True, use_bias=False)(x)),
    "conv2d_dilated": ([IMAGE], lambda x: H.QConv2D(2, 2, dilation_rate=2)(x)),
    "conv2d_groups": ([IMAGE], lambda x: H.QConv2D(4, 2, groups=2)(x)),
    "batchnorm": ([SERIES], lambda x: H.QBatchNormalization(enable_oq=True)(x)),
    "batchnorm_bare": ([IMAGE], lambda x: H.QBatchNormalization(center=False, scale=False)(x)),
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
    "qsum": ([IMAGE], lambda x: H.QSum(axes=(1, 2), scale=0.25)(x)),
    "qsum_kept": ([SERIES], lambda x: H.QSum(axes=1, keepdims=True)(x)),
    "qmean": ([IMAGE], lambda x: H.QMeanPow2(axes=(1, 2))(x)),
    "qmean_last": ([SERIES], lambda x: H.QMeanPow2(axes=-1, keepdims=True)(x)),
    **{
        f"{kind.lower()}{d}d": (
            [(6, 2) if d == 1 else IMAGE],
            lambda x, kind=kind, d=d: getattr(H, f"{kind}{d}D")(2)(x),
        )
        for kind in ("QMaxPooling", "QAveragePooling")
        for d in (1, 2)
    },
    "qmean_of_three": ([(6, 2)], lambda x: H.QAveragePooling1D(3, enable_oq=True)(x)),
    "qmaxpooling_same": ([IMAGE], lambda x: H.QMaxPooling2D(3, strides=2, padding="same", enable_oq=True)(x)),
    "qglobalmax1d": ([SERIES], lambda x: H.QGlobalMaxPooling1D(keepdims=True)(x)),
    "qglobalmax2d": ([IMAGE], lambda x: H.QGlobalMaxPooling2D(enable_oq=True)(x)),
    "qglobalmean1d": ([SERIES], lambda x: H.QGlobalAveragePooling1D(enable_oq=True)(x)),
    "qglobalmean2d": ([(2, 4, 2)], lambda x: H.QGlobalAveragePooling2D()(x)),
    "lut": ([SERIES], lambda x: H.QUnaryFunctionLUT("tanh")(x)),
    "lut_each": (
        [VECTOR],
        lambda x: H.QUnaryFunctionLUT(
            "sigmoid",
            oq_conf=table(heterogeneous_axis=None, homogeneous_axis=(0,)),
            allow_heterogeneous_input=False,
        )(x),
    ),
    "lut_affine": ([SERIES], lambda x: H.QAffinedUnaryFunctionLUT("softplus")(x)),
    "lut_of_typed": ([VECTOR], lambda x: H.QUnaryFunctionLUT("silu", enable_iq=False)(H.Quantizer()(x))),
    "softmax": ([VECTOR], lambda x: H.QSoftmax(enable_oq=True)(x)),
    "softmax_rows": ([SERIES], lambda x: H.QSoftmax(axis=1, enable_iq=True, input_scaler=0.3)(x)),
    "softmax_two_axes": ([(2, 2, 3)], lambda x: H.QSoftmax(axis=(1, 3))(x)),
    "softmax_unstable": ([SERIES], lambda x: H.QSoftmax(stable=False, enable_iq=True, enable_oq=True)(x)),
    "softmax_each": (
        [SERIES],
        lambda x: H.QSoftmax(
            enable_iq=True,
            allow_heterogeneous_table=True,
            exp_oq_conf=table(heterogeneous_axis=None, homogeneous_axis=(0,)),
            inv_oq_conf=table(heterogeneous_axis=None, homogeneous_axis=(0,)),
        )(x),
    ),
    "attention": ([SERIES], attention()),
    "attention_heads": ([SERIES], attention(num_heads=2, key_dim=3, value_dim=2, fuse="qkv")),
    "attention_kv": ([SERIES, (3, 2)], attention(num_heads=2, fuse="kv", use_bias=False, output_shape=5)),
    "attention_three": ([SERIES, (3, 2), (3, 4)], attention(value_dim=3)),
    "linformer": ([SERIES], linformer(num_heads=2)),
    "linformer_shared": ([SERIES], linformer(share_kv_proj=True)),
    "dense_tables": ([VECTOR], lambda x: H.QDenseT(3)(x)),
    "dense_tables_deep": (
        [SERIES],
        lambda x: H.QDenseT(2, n_hl=2, d_hl=3, batch_norm=True, activation="relu")(x),
    ),
    "dense_tables_flat": ([SERIES], lambda x: H.QDenseT(2, n_hl=0, use_bias=False)(x)),
    "einsum_tables": (
        [SERIES],
        lambda x: H.QEinsumDenseT("bij,jk->bki", (2, 4), bias_axes="k", n_hl=3, d_hl=1)(x),
    ),
    "einsum_tables_norm": (
        [SERIES],
        lambda x: H.QEinsumDenseT("bij,ijk->bk", 2, bias_axes="k", d_hl=1, batch_norm=True, enable_oq=True)(x),
    ),
    "einsum_tables_unsummed": ([SERIES], lambda x: H.QEinsumDenseT("bij,jk->bijk", (4, 3, 2), n_hl=0)(x)),
    "conv1d_tables": ([(6, 2)], lambda x: H.QConvT1D(3, 3, strides=2, subnn_activation="tanh")(x)),
    "conv1d_tables_same": ([(6, 2)], lambda x: H.QConvT1D(2, 3, padding="same", dilation_rate=2)(x)),
    "conv2d_tables": ([IMAGE], lambda x: H.QConvT2D(2, (2, 3), padding="same")(x)),
    "conv2d_tables_stride": ([IMAGE], lambda x: H.QConvT2D(2, 2, strides=2, batch_norm=True)(x)),
    "attention_tables": ([SERIES], lambda x: H.QMultiHeadAttentionT(2, 2, d_hl=1)(x)),
    "attention_tables_two": (
        [SERIES, (3, 2)],
        lambda *x: H.QMultiHeadAttentionT(1, 2, n_hl=0, value_dim=3, batch_norm=True)(*x),
    ),
    "linformer_tables": ([SERIES], linformer("QLinformerAttentionT", d_hl=1)),
    "linformer_tables_dense": ([SERIES], linformer("QLinformerAttentionT", lin_kv_proj_mode="dense", n_hl=0)),
    "simple_rnn": ([STEPS], lambda x: H.QSimpleRNN(2)(x)),
    "simple_rnn_all": (
        [STEPS],
        lambda x: H.QSimpleRNN(2, return_sequences=True, go_backwards=True, enable_sq=True, use_bias=False)(x),
    ),
    "simple_rnn_relu": ([STEPS], lambda x: H.QSimpleRNN(2, activation="relu", return_sequences=True)(x)),
    "gru": ([STEPS], lambda x: H.QGRU(2)(x)),
    "gru_before": ([STEPS], lambda x: H.QGRU(2, reset_after=False, return_sequences=True)(x)),
    "gru_backwards": (
        [STEPS],
        lambda x: H.QGRU(2, use_bias=False, go_backwards=True, return_sequences=True)(x),
    ),
    "gru_before_bare": (
        [(1, 3)],
        lambda x: H.QGRU(2, reset_after=False, use_bias=False, return_sequences=True)(x),
    ),
    "gru_long": ([(14, 1)], lambda x: H.QGRU(1)(x)),
    "simple_rnn_long": ([(8, 2)], lambda x: H.QSimpleRNN(2, return_sequences=True)(x)),
    "twice": ([SERIES], twice),
    "between": ([IMAGE], between),
}


def made(names: str | Sequence[str], style: str, seed: int) -> Any:
    """A model of a case, or of several, an output each, with random weights and widths. Cases read the same inputs where
    these have the same shape."""
    of_data, of_others = STYLES[style]
    keras.utils.set_random_seed(seed)
    inputs: dict[tuple[int, ...], list[Any]] = {}
    outputs = []
    with (
        C.QuantizerConfigScope(place="datalane", **of_data),
        C.QuantizerConfigScope(place=("weight", "bias", "table"), **of_others),
    ):
        for name in [names] if isinstance(names, str) else names:
            shapes, build = CASES[name]
            read: list[Any] = []
            for shape in shapes:
                of_shape, before = inputs.setdefault(shape, []), sum(t.shape[1:] == shape for t in read)
                if before == len(of_shape):
                    of_shape.append(keras.Input(shape, name="_".join(["x", *map(str, shape), str(before)])))
                read.append(of_shape[before])
            outputs.append(build(*read))
    every = [t for of_shape in inputs.values() for t in of_shape]
    model = keras.Model(every if len(every) > 1 else every[0], outputs if len(outputs) > 1 else outputs[0])
    return randomised(model, np.random.default_rng(seed))


def randomised(model: Any, rng: np.random.Generator) -> Any:
    """Weights up to 2, types of 0 to 6 bits, some of them without a bit, and a few of a negative number."""
    parts = {id(part): part for layer in model.layers for part in layer._flatten_layers()}.values()
    for part in parts:
        for w in part._trainable_variables + part._non_trainable_variables:
            if w.name in ("k", "i", "f", "b"):
                least, usual, most = {"k": (0, 1, 1), "i": (-2, 0, 2), "f": (-2, 1, 3), "b": (0, 2, 5)}[w.name]
                few = rng.random(w.shape) < (0.3 if np.prod(w.shape) > 1 else 0)  # where there is one type, it has bits
                low = np.where(few, least, usual)
                w.assign(rng.integers(low, most, w.shape, endpoint=True))
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
