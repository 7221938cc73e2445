"""HGQ2's layers taken apart: in every bit what HGQ2 computes itself, in single precision."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pytest
from hgq_models import CASES, STYLES, C, H, data, made, randomised
from keras import layers as L

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.hgq.apart import without_hgq
from fpga_ml.frontend.rebuild import Probe, as_functional
from fpga_ml.frontend.rewrites.opened import opened


def apart(model: Any) -> Any:
    return without_hgq(opened(as_functional(model)))


def differences(model: Any, x: Sequence[np.ndarray]) -> tuple[int, int]:
    """(results that differ, different results that there are)"""
    theirs = np.asarray(model(list(x) if len(x) > 1 else x[0], training=False), np.float64)
    ours = Probe(apart(model)).outputs([a.astype(np.float64) for a in x])[0]
    assert theirs.shape == ours.shape
    return int((theirs != ours).sum()), len(np.unique(theirs))


FAST = [
    "quantizer_scaled",
    "dense_on_series",
    "einsum_heads",
    "einsum_in_place",
    "einsum_batchnorm",
    "conv1d_causal",
    "conv2d_same",
    "batchnorm",
    "qaveragepow2_3",
    "qdot",
    "qeinsum",
    "qsum",
    "qmaxpooling_same",
    "qglobalmean1d",
    "lut_each",
    "lut_affine",
    "softmax_two_axes",
    "linformer_shared",
    "dense_tables",
    "einsum_tables",
    "conv2d_tables",
    "attention_tables_two",
    "simple_rnn_all",
    "gru_before",
    "twice",
    "between",
]
OF_CASE = {name: list(STYLES)[n % len(STYLES)] for n, name in enumerate(CASES)}
SLOW = [(name, style) for name in CASES for style in STYLES if name not in FAST or style != OF_CASE[name]]


@pytest.mark.parametrize(
    ("name", "style"),
    [*((name, OF_CASE[name]) for name in FAST), *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW)],
)
def test_equals_hgq2(name: str, style: str) -> None:
    for seed in range(1, 20):
        model = made(name, style, seed)
        wrong, different = differences(model, data(model, np.random.default_rng(2)))
        assert wrong == 0
        if different > 1:  # random widths may leave nothing of a result
            return
    pytest.fail("all results are the same, whatever the widths")


def test_a_hidden_layer_of_tables_takes_its_input_for_each_unit() -> None:
    """HGQ2 builds it for as many inputs as units and gives it one. JAX repeats that one, TensorFlow refuses it."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((4, 3))
    model = randomised(keras.Model(inputs, H.QEinsumDenseT("bij,jk->bik", (4, 2), d_hl=5)(inputs)), np.random.default_rng(1))
    ours, [x] = Probe(apart(model)), data(model, np.random.default_rng(2))
    network = model.layers[1].module
    model.layers[1].module = lambda one, training: network(np.repeat(one, 5, axis=-1), training=training)
    assert np.array_equal(ours.outputs([x.astype(np.float64)])[0], model.layers[1](x))


def conf(**options: Any) -> Any:
    return C.QuantizerConfig(place="datalane", **options)


REFUSED: dict[str, tuple[tuple[int, ...], Callable[[Any], Any], str]] = {
    "nothing": (
        (4,),
        lambda x: H.Quantizer(C.QuantizerConfig("dummy", scaler=2.0))(x),
        "DummyQuantizer.*use a kif or kbi quantizer",
    ),
    "scaler": ((4,), lambda x: H.QDense(2, iq_conf=conf(scaler=0.3))(x), "a scaler of 0.3.*a power of two"),
    "mode": ((4,), lambda x: H.Quantizer(conf(overflow_mode="WRAP_SM"))(x), "mode RND, WRAP_SM.*use one of TRN"),
    "weights": (
        (4,),
        lambda x: H.Quantizer(C.QuantizerConfig(place="weight", overflow_mode="WRAP", homogeneous_axis=(0,)))(x),
        "a quantizer of weights.*place='datalane'",
    ),
    "wide": (
        (4,),
        lambda x: H.QUnaryFunctionLUT("tanh", iq_conf=conf(i0=4, f0=20))(x),
        "a table of 25 address bits.*16 bits",
    ),
    "untyped": ((4,), lambda x: H.QUnaryFunctionLUT("tanh", enable_iq=False)(x), "values without a type.*enable_iq=True"),
    "unrounded": ((4,), lambda x: H.QUnaryFunctionLUT("tanh", enable_oq=False)(x), "no type.*enable_oq=True"),
    "untyped_tables": ((4,), lambda x: H.QDenseT(2, enable_iq=False)(x), "values without a type.*enable_iq=True"),
    "axis": ((4, 3), lambda x: H.QBatchNormalization(axis=1)(x), "normalises axis 1.*normalise the last axis"),
    "three": ((4, 4), lambda x: H.QEinsum("bij,bjk,bkl->bil")([x, x, x]), "multiplies 3 tensors.*a chain"),
    "number": ((4,), lambda x: H.QSum(axes=1)(x), "one number, without an axis.*keepdims=True"),
    "causal": (
        (4, 3),
        lambda x: H.QMultiHeadAttention(1, 2)(x, use_causal_mask=True),
        "use_causal_mask.*leave use_causal_mask out",
    ),
    "volumes": ((2, 2, 2, 1), lambda x: H.QConv3D(2, 2)(x), "computes on volumes.*use a QConv2D"),
    "pooled_volumes": ((2, 2, 2, 1), lambda x: H.QMaxPooling3D(2)(x), "computes on volumes.*use a QMaxPooling2D"),
    "states": ((4, 3), lambda x: H.QGRU(2, return_state=True)(x)[0], "has return_state = True.*set return_state = False"),
    "begun": ((4, 3), lambda x: H.QSimpleRNN(3)(x, initial_state=L.Flatten()(x[:, 0])), "is given initial_state.*is 0"),
    "spikes": ((4, 3), lambda x: H.QLIF(3)(x), "spiking neurons.*use a QGRU or a QSimpleRNN"),
    "salt": (
        (4, 3),
        lambda x: H.attn.QSALTAttention(1, 2, 2)(x),
        "convolves its attention scores.*QMultiHeadAttention",
    ),
    "around": (
        (4, 3),
        lambda x: L.TimeDistributed(H.QDense(2))(x),
        "a TimeDistributed around a layer of HGQ2.*QDense needs",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    shape, build, words = REFUSED[name]
    inputs = keras.Input(shape)
    model = keras.Model(inputs, build(inputs))
    with pytest.raises(FpgaMlError) as caught:
        apart(model)
    assert re.search(words, str(caught.value), re.DOTALL), str(caught.value)
    assert "where: layer '" in str(caught.value)
