"""Attention of every score, over any axes, and divisions by a norm: by formulas, by Keras, and on all roads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L
from keras import ops
from numpy.testing import assert_allclose
from simulators import on_all_roads

from fpga_ml import FpgaMlError
from fpga_ml.bridge.convertible import check_model
from fpga_ml.frontend.load import load
from fpga_ml.frontend.rebuild import Probe, calls

Make = Callable[..., Any]


def model_of(make: Make, shapes: tuple[tuple[int, ...], ...], *, whole: bool = False) -> Any:
    keras.utils.set_random_seed(1)
    inputs = [keras.Input(s, name=f"x{k}", dtype="int32" if whole else "float32") for k, s in enumerate(shapes)]
    model = keras.Model(inputs if len(inputs) > 1 else inputs[0], make(*inputs))
    rng = np.random.default_rng(2)
    for weight in [w for layer in model.layers for w in layer.weights if "seed" not in w.path]:
        weight.assign(rng.uniform(-0.7, 0.7, weight.shape))
    return model


def values(shapes: tuple[tuple[int, ...], ...], samples: int = 6) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(-32, 33, (samples, *s)) / 16 for s in shapes]


def check_same(make: Make, shapes: tuple[tuple[int, ...], ...]) -> Any:
    """Of Keras, and converted layer by layer. The one computes in float32."""
    model, x = model_of(make, shapes), values(shapes)
    given = [a.astype("float32") for a in x]
    wanted = np.asarray(model(given[0] if len(given) == 1 else given))
    new = load(model).model
    check_model(new)
    (found,) = Probe(new).outputs(x)
    assert_allclose(found, wanted, rtol=3e-5, atol=3e-6)
    return new


def softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


# --- scores --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("mode", ["dot", "concat", "additive"])
def test_scores_are_their_formulas(mode: str, scaled: bool, keys: bool) -> None:
    shapes = ((4, 3), (5, 3), (5, 3))[: 3 if keys else 2]
    if mode == "additive":
        layer = L.AdditiveAttention(use_scale=scaled, dropout=0.3, name="a")
    else:
        layer = L.Attention(use_scale=scaled, score_mode=mode, name="a")
    model, x = model_of(lambda *inputs: layer(list(inputs)), shapes), values(shapes)
    q, v, k = x if keys else (*x, x[1])
    scale = np.asarray(layer.scale, np.float64) if scaled else 1.0
    pairs = q[:, :, None] + k[:, None]
    scores = {
        "dot": lambda: np.einsum("bqd,bkd->bqk", q, k) * scale,
        "concat": lambda: np.asarray(layer.concat_score_weight, np.float64) * np.tanh(scale * pairs).sum(-1),
        "additive": lambda: (scale * np.tanh(pairs)).sum(-1),
    }[mode]()

    new = load(model).model
    check_model(new)
    (found,) = Probe(new).outputs(x)

    assert_allclose(found, np.einsum("bqk,bkd->bqd", softmax(scores), v), rtol=1e-9, atol=1e-9)
    assert_allclose(found, np.asarray(model([a.astype("float32") for a in x])), rtol=1e-5, atol=1e-5)


HEADS: dict[str, tuple[Make, tuple[tuple[int, ...], ...]]] = {
    "image": (lambda x: L.MultiHeadAttention(2, 3)(x, x), ((2, 3, 4),)),
    "image_and_values": (lambda x, y: L.MultiHeadAttention(2, 3, value_dim=2, output_shape=5)(x, y), ((2, 3, 4), (3, 2, 4))),
    "rows": (lambda x: L.MultiHeadAttention(2, 3, attention_axes=(1,))(x, x), ((2, 3, 4),)),
    "columns": (lambda x: L.MultiHeadAttention(2, 3, attention_axes=(2,))(x, x), ((2, 3, 4),)),
    "two_of_three": (lambda x: L.MultiHeadAttention(1, 2, attention_axes=(1, 3))(x, x), ((2, 2, 3, 2),)),
    "first_two": (lambda x: L.MultiHeadAttention(1, 2, attention_axes=(1, 2))(x, x), ((2, 3, 2, 2),)),
    "last_two": (lambda x: L.MultiHeadAttention(2, 2, attention_axes=(2, 3))(x, x), ((2, 3, 2, 2),)),
    "gate": (lambda x: L.MultiHeadAttention(2, 3, use_gate=True)(x, x), ((4, 3),)),
    "gate_of_an_image": (lambda x: L.MultiHeadAttention(2, 3, use_gate=True, use_bias=False)(x, x), ((2, 3, 4),)),
    "gate_of_groups": (lambda x, y: L.GroupQueryAttention(3, 4, 2, use_gate=True)(x, y), ((4, 3), (5, 3))),
}


@pytest.mark.parametrize("name", HEADS)
def test_heads(name: str) -> None:
    check_same(*HEADS[name])


# --- norms ---------------------------------------------------------------------------------------------------------------

AXES = [-1, 1, 2, (1, 2), (-2, -1), (1, 2, 3)]


@pytest.mark.parametrize("axis", AXES)
def test_unit_vectors(axis: Any) -> None:
    shape = (3, 4, 2)
    model = model_of(L.UnitNormalization(axis=axis, name="unit"), (shape,))
    (x,) = values((shape,))
    x[0] = 0  # which stays
    x[1] *= 2.0**-20
    norm = np.sqrt((x**2).sum(axis=axis, keepdims=True))
    new = load(model).model
    check_model(new)
    (found,) = Probe(new).outputs([x])
    assert_allclose(found, x / np.maximum(norm, 1e-12), rtol=1e-7)  # of a float32 weight
    assert_allclose(found, np.asarray(model(x.astype("float32"))), rtol=1e-5, atol=1e-6)


def test_norms_over_samples_are_refused() -> None:
    with pytest.raises(FpgaMlError, match="over samples"):
        load(model_of(L.UnitNormalization(axis=0, name="unit"), ((3,),)))


@pytest.mark.parametrize(("axes", "shapes"), [(1, ((4,), (4,))), ((2, 1), ((3, 4), (4, 2))), ((1, 1), ((4, 3), (4, 2)))])
def test_cosines(axes: Any, shapes: tuple[tuple[int, ...], ...]) -> None:
    check_same(lambda x, y: L.Dot(axes=axes, normalize=True)([x, y]), shapes)


# --- embeddings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("cap", [None, 2.5])
def test_embeddings_and_back(tied: bool, cap: float | None) -> None:
    layer = L.ReversibleEmbedding(6, 3, tie_weights=tied, logit_soft_cap=cap, name="words")
    model = model_of(lambda x: layer(L.ReLU(name="r")(layer(x)), reverse=True), ((4,),), whole=True)
    x = np.random.default_rng(4).integers(0, 6, (7, 4))
    table, *other = (np.asarray(w, np.float64) for w in layer.get_weights())
    logits = np.maximum(table[x], 0) @ (table.T if tied else other[0])
    new = load(model).model
    check_model(new)
    (found,) = Probe(new).outputs([x.astype(np.float64)])
    assert_allclose(found, logits if cap is None else cap * np.tanh(logits / cap), rtol=1e-6, atol=1e-7)
    assert_allclose(found, np.asarray(model(x)), rtol=1e-5, atol=1e-5)


def test_masks_of_embeddings_are_refused() -> None:
    model = model_of(lambda x: L.Dense(2)(L.ReversibleEmbedding(6, 3, mask_zero=True, name="words")(x)), ((4,),), whole=True)
    with pytest.raises(FpgaMlError, match="mask") as error:
        load(model)
    assert "words" in str(error.value)


# --- dense layers over many axes -----------------------------------------------------------------------------------------


def test_dense_over_three_axes_of_positions() -> None:
    new = check_same(lambda x: L.Dense(3, activation="relu", name="d")(x), ((2, 3, 2, 4),))
    assert [type(c.layer).__name__ for c in calls(new)] == ["InputLayer", "Reshape", "Dense", "Reshape"]


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_joined_tensors_of_four_axes(axis: int) -> None:
    new = check_same(lambda x, y: L.Concatenate(axis=axis)([x, y, x]), ((2, 3, 2, 4), (2, 3, 2, 4)))
    assert {len(c.outputs[0].shape) for c in calls(new) if type(c.layer).__name__ == "Concatenate"} == {2}


# --- all roads -----------------------------------------------------------------------------------------------------------

SERIES, OTHER, IMAGE = (3, 4), (2, 4), (2, 2, 4)
ROADS: dict[str, tuple[Make, tuple[tuple[int, ...], ...]]] = {
    "additive": (lambda x, y: L.AdditiveAttention()([x, y]), (SERIES, OTHER)),
    "concat": (lambda x, y: L.Attention(use_scale=True, score_mode="concat")([x, y]), (SERIES, OTHER)),
    "scaled": (lambda x, y: L.Attention(use_scale=True)([x, y]), (SERIES, OTHER)),
    "image": (lambda x: L.MultiHeadAttention(1, 2)(x, x), (IMAGE,)),
    "gate": (lambda x, y: L.MultiHeadAttention(1, 2, use_gate=True)(x, y), (SERIES, OTHER)),
    "unit": (lambda x: L.UnitNormalization(axis=(1, 2))(x), (SERIES,)),
    "cosine": (lambda x, y: L.Dot(axes=2, normalize=True)([x, y]), (SERIES, OTHER)),
    "far": (lambda x: L.Dense(2)(ops.reshape(x, (-1, 2, 1, 2, 4))), (IMAGE,)),
    "far_joined": (lambda x, y: L.Concatenate(axis=2)([x, y]), ((2, 1, 2, 2), (2, 2, 2, 2))),
}


@pytest.mark.parametrize(
    ("arch", "names"),
    [
        ("parallel", ("additive", "unit", "far", "far_joined")),
        *(pytest.param(arch, tuple(ROADS), marks=pytest.mark.slow) for arch in ("parallel", "stream")),
    ],
)
def test_on_all_roads(arch: str, names: tuple[str, ...], tmp_path: Path) -> None:
    shapes = [s for n in names for s in ROADS[n][1]]

    def make(*inputs: Any) -> list[Any]:
        left = list(inputs)
        return [ROADS[n][0](*(left.pop(0) for _ in ROADS[n][1])) for n in names]

    model, x = model_of(make, tuple(shapes)), values(tuple(shapes), 20)

    project = on_all_roads(model, x, tmp_path, arch=arch)

    assert project.agrees, project.report["stages"]
    for name, got, want in zip(names, project.outputs["csim"], project.outputs["float"], strict=True):
        assert_allclose(got.reshape(want.shape), want, atol=0.02, err_msg=name)
