"""Attention, products of two tensors and EinsumDense, taken apart: the same function in double precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L
from keras import ops

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.rebuild import Probe, calls
from fpga_ml.frontend.rewrites import rewritten
from fpga_ml.frontend.rewrites.opened import opened

Model = Callable[[Any, Any], Any]  # of two series, (6, 8) and (5, 8)
MODELS: dict[str, Model] = {
    "self_attention": lambda x, _: L.MultiHeadAttention(2, 3)(x, x),
    "other_values": lambda x, y: L.MultiHeadAttention(1, 4, value_dim=2, output_shape=5, use_bias=False)(x, y),
    "key_and_value": lambda x, y: L.MultiHeadAttention(2, 2)(x, y, y),
    "shared_heads": lambda x, y: L.GroupQueryAttention(3, 4, 2)(x, y),
    "dot_product": lambda x, y: L.Attention()([x, y]),
    "dot_product_with_keys": lambda x, y: L.Attention()([x, y, y]),
    "dot": lambda x, y: L.Dot(axes=(2, 2))([x, y]),
    "dot_of_positions": lambda x, _: L.Dot(axes=1)([x, x]),
    "dot_of_series_and_vector": lambda x, _: L.Dot(axes=(2, 1))([x, L.GlobalMaxPooling1D()(x)]),
    "einsum_dense": lambda x, _: L.EinsumDense("abc,cd->abd", (6, 4), bias_axes="d", activation="relu")(x),
    "einsum_dense_over_positions": lambda x, _: L.EinsumDense("abc,bd->adc", (4, 8), bias_axes="d")(x),
    "einsum_dense_of_two_axes": lambda x, _: L.EinsumDense("abc,cde->abde", (6, 2, 3), bias_axes="de")(x),
    "einsum_dense_to_one": lambda x, _: L.EinsumDense("abc,b->ac", (8,))(x),
    "einsum_dense_any_rank": lambda x, _: L.EinsumDense("...c,cd->...d", (6, 4))(x),
    "three_joined": lambda x, y: L.Concatenate(axis=1)([x, y, x, y]),
    "three_added": lambda x, _: L.Add()([x, L.ReLU()(x), L.ReLU()(x)]),
    "items": lambda x, _: L.Add()([x[:, 1:4], x[:, ::2]]),
    "item": lambda x, _: L.Dense(2)(x[:, -1]),
    "numbers": lambda x, _: (1 - x * 0.5) / 4 + 0.3,
    "numbers_of_channels": lambda x, _: x * np.arange(8, dtype="float32"),
    "einsum": lambda x, y: ops.einsum("bij,bkj->bik", x, y),
    "matmul": lambda x, y: ops.matmul(x, ops.transpose(y, (0, 2, 1))),
    "totals": lambda x, _: ops.concatenate([ops.sum(x, axis=1), ops.max(x, axis=-2)], axis=-1),
    "reshaped": lambda x, _: ops.reshape(x, (-1, 3, 16)),
    "operators": lambda x, _: ops.maximum(x - x * x, x + x),
}


def built(make: Model) -> Any:
    keras.utils.set_random_seed(2)
    inputs = [keras.Input((6, 8), name="x"), keras.Input((5, 8), name="y")]
    # Both are read, so that every model has the same inputs.
    outputs = [make(*inputs), L.Flatten()(inputs[1])]
    model = keras.Model(inputs, outputs)
    for layer in model.layers:
        layer.set_weights([np.random.default_rng(1).normal(size=w.shape).astype("float32") for w in layer.get_weights()])
    return model


@pytest.mark.parametrize("name", MODELS)
def test_same_function(name: str) -> None:
    model = built(MODELS[name])
    x = [np.random.default_rng(3).normal(size=(7, *t.shape[1:])) for t in model.inputs]
    found, _ = Probe(rewritten(opened(model))).outputs(x)
    wanted, _ = model([np.asarray(a, "float32") for a in x])
    np.testing.assert_allclose(found, np.asarray(wanted), rtol=2e-4, atol=2e-5)


def test_einsums_that_differ_by_position_stay() -> None:
    model = built(lambda x, _: L.EinsumDense("abc,bcd->abd", (6, 4), bias_axes="bd")(x))
    assert "EinsumDense" in {type(c.layer).__name__ for c in calls(rewritten(model))}


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda x, _: L.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True), "use_causal_mask"),
        (lambda x, _: L.MultiHeadAttention(2, 3)(x, x, attention_mask=ops.ones((1, 6, 6))), "attention_mask"),
        (lambda x, _: L.GroupQueryAttention(3, 4, 2)(x, x, use_causal_mask=True), "use_causal_mask"),
    ],
)
def test_what_is_not_followed_is_refused(make: Model, what: str) -> None:
    with pytest.raises(FpgaMlError, match=what):
        rewritten(built(make))
