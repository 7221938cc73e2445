"""Models inside models, a user's own classes, and bare operations: the opened model against Keras in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L
from keras import ops
from numpy.testing import assert_allclose

from fpga_ml import FpgaMlError
from fpga_ml.bridge.convertible import check_model
from fpga_ml.frontend.load import load
from fpga_ml.frontend.rebuild import Probe, as_functional
from fpga_ml.frontend.rewrites import rewritten

RNG = np.random.default_rng(0)


def _array(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


W = {shape: _array(*shape) for shape in ((6, 4), (6, 3), (3, 4), (3, 3, 3, 5), (3, 3, 3, 2), (4, 6, 3), (6, 1))}
VECTOR: dict[str, Callable[[Any], Any]] = {
    "one element": lambda x: x[:, 3],
    "a slice": lambda x: x[:, 1:4],
    "stacked elements": lambda x: ops.stack([x[:, 0], x[:, 2], x[:, 1]], axis=-1),
    "a product of elements": lambda x: ops.expand_dims(x[:, 0] * x[:, 1] + 1.0, -1),
    "functions of elements": lambda x: ops.stack([x[:, 0] - x[:, 1], x[:, 2] * x[:, 3]], axis=1),
    "1 - x": lambda x: 1 - x,
    "x * 2": lambda x: x * 2,
    "x / 4": lambda x: x / 4,
    "x ** 3": lambda x: x**3,
    "-x": lambda x: -x,
    "clip": lambda x: ops.clip(x, -0.5, 0.75),
    "a bound": lambda x: ops.minimum(ops.maximum(x, -0.25), 0.5),
    "where": lambda x: ops.where(x > 0.25, x, x * x),
    "where, of numbers": lambda x: ops.where(x <= 0.25, 1.0, 3.0),
    "a comparison": lambda x: ops.cast(x >= 0.125, "float32"),
    "a comparison of tensors": lambda x: ops.cast(x < ops.flip(x, 1), "float32"),
    "0 < x": lambda x: ops.cast(x > 0, "float32"),
    "and": lambda x: ops.cast(ops.logical_and(x > 0, x < 0.5), "float32"),
    "not": lambda x: ops.cast(ops.logical_not(ops.logical_or(x > 0.5, x < -0.5)), "float32"),
    "mean of pairs": lambda x: ops.mean(ops.reshape(x, (-1, 3, 2)), axis=-1),
    "sum, axis kept": lambda x: ops.sum(x, axis=1, keepdims=True) * x,
    "least": lambda x: ops.min(x, axis=1, keepdims=True),
    "largest": lambda x: x - ops.max(x, axis=1, keepdims=True),
    "range": lambda x: ops.ptp(ops.reshape(x, (-1, 2, 3)), axis=1) if hasattr(ops, "ptp") else x * 1,
    "split": lambda x: ops.concatenate(ops.split(x, 3, axis=1)[::-1], axis=1),
    "outer product": lambda x: ops.matmul(ops.expand_dims(x, 2), ops.expand_dims(x, 1)),
    "x + numbers": lambda x: x + np.arange(6, dtype=np.float32) / 8,
    "matmul": lambda x: ops.matmul(x, W[6, 4]),
    "dot": lambda x: ops.dot(x, W[6, 3]),
    "einsum of numbers": lambda x: ops.einsum("bi,ij->bj", x, W[6, 3]),
    "roll": lambda x: ops.roll(x, 2, axis=1),
    "flip": lambda x: ops.flip(x, axis=1),
    "tile": lambda x: ops.tile(x, (1, 3)),
    "repeat": lambda x: ops.repeat(x, 2, axis=1),
    "take": lambda x: ops.take(x, [5, 0, 0], axis=1),
    "pad": lambda x: ops.pad(x, ((0, 0), (1, 2))),
    "pad by a number": lambda x: ops.pad(x, ((0, 0), (1, 2)), constant_values=0.5),
    "hstack": lambda x: ops.hstack([x, x * 2]),
    "weighted mean": lambda x: ops.average(x, axis=1, weights=np.array([1, 2, 1, 2, 1, 1], np.float32)),
    "glu": lambda x: ops.glu(x),
}
IMAGE: dict[str, Callable[[Any], Any]] = {
    "transpose": lambda x: ops.transpose(x, (0, 3, 1, 2)),
    "swapaxes": lambda x: ops.swapaxes(x, 1, 2),
    "moveaxis": lambda x: ops.moveaxis(x, -1, 1),
    "sum of channels": lambda x: ops.sum(x, axis=-1, keepdims=True),
    "mean of 24": lambda x: x - ops.mean(x, axis=[1, 2], keepdims=True),
    "sum of all": lambda x: ops.sum(x, axis=(1, 2, 3)),
    "largest of rows": lambda x: ops.max(x, axis=1),
    "crop": lambda x: x[:, 1:3, ::2],
    "a channel": lambda x: x[..., 0],
    "conv": lambda x: ops.conv(x, W[3, 3, 3, 5], padding="same"),
    "depthwise conv": lambda x: ops.depthwise_conv(x, W[3, 3, 3, 2], padding="valid"),
    "max pool": lambda x: ops.max_pool(x, 2),
    "average pool": lambda x: ops.average_pool(x, 2),
    "depth to space": lambda x: ops.depth_to_space(ops.concatenate([x, x, x, x], -1), 2),
    "an image of numbers": lambda x: x - W[4, 6, 3],
    "numbers of columns": lambda x: x * W[6, 1],
    "einsum over channels": lambda x: ops.einsum("bijc,cd->bijd", x, W[3, 4]),
    "einsum of one": lambda x: ops.einsum("bijc->bcj", x),
    "einsum of two": lambda x: ops.einsum("bijc,bijd->bcd", x, x * 2),
    "einsum with dots": lambda x: ops.einsum("...c,cd->...d", x, W[3, 4]),
    "tensordot": lambda x: ops.tensordot(x, W[3, 4], axes=1),
    "variance": lambda x: ops.var(ops.reshape(x, (-1, 18, 4)), axis=2),
    "stack": lambda x: ops.stack([x, x + 1], axis=1),
    "unstack": lambda x: ops.unstack(x, axis=1)[2],
    "patches": lambda x: ops.image.extract_patches(x, (2, 2)),
    "squeeze": lambda x: ops.squeeze(x[:, :1], 1),
    "broadcast": lambda x: x + x[:, :1],
    "nearest": lambda x: ops.image.resize(x, (8, 12), interpolation="nearest"),
}
OPERATIONS = {**{k: ((6,), f) for k, f in VECTOR.items()}, **{k: ((4, 6, 3), f) for k, f in IMAGE.items()}}


def assert_opened(model: Any, *x: np.ndarray, atol: float = 1e-12) -> Any:
    """float64: Keras runs the whole original so; its operations compute in the precision of their input."""
    made = rewritten(as_functional(model))
    check_model(made)
    keras.config.set_floatx("float64")
    try:
        want = model([a.astype(np.float32) for a in x] if len(x) > 1 else x[0].astype(np.float32))
    finally:
        keras.config.set_floatx("float32")
    want = [np.asarray(t, np.float64) for t in keras.tree.flatten(want)]
    for got, wanted in zip(Probe(made).outputs([a.astype(np.float32).astype(np.float64) for a in x]), want, strict=True):
        assert_allclose(got.reshape(wanted.shape), wanted, rtol=0, atol=max(atol, 2e-6) * max(1.0, np.abs(wanted).max()))
    return made


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation(name: str) -> None:
    shape, operation = OPERATIONS[name]
    inputs = keras.Input(shape, name="x")
    x = np.random.default_rng(1).uniform(-1, 1, (5, *shape))
    assert_opened(keras.Model(inputs, operation(inputs)), x)


@pytest.mark.parametrize(
    "operation",
    [ops.cumsum, lambda x: ops.sum(x, axis=0), lambda x: ops.flip(x, 0), lambda x: x**9, lambda x: ops.sort(x, axis=1)],
    ids=["cumsum", "sum of samples", "samples turned", "ninth power", "sort"],
)
def test_what_no_layer_computes(operation: Callable[[Any], Any]) -> None:
    inputs = keras.Input((6,), name="x")
    with pytest.raises(FpgaMlError, match="is a bare operation"):
        rewritten(as_functional(keras.Model(inputs, operation(inputs))))


# --- models inside models ------------------------------------------------------------------------------------------------


def _shaken(model: Any) -> Any:
    rng = np.random.default_rng(2)
    values = [(w.name, rng.normal(size=w.shape)) for w in model.weights]
    model.set_weights([np.abs(v) + 0.5 if "variance" in name else v for name, v in values])
    return model


def _encoder(name: str) -> Any:
    inputs = keras.Input((6,))
    return keras.Model(inputs, L.BatchNormalization()(L.Dense(4, activation="relu", name="dense")(inputs)), name=name)


def test_a_model_called_twice() -> None:
    encoder = _encoder("encoder")
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    model = _shaken(keras.Model([a, b], L.Dense(2, name="head")(encoder(a) - encoder(b))))
    made = assert_opened(model, *np.random.default_rng(3).normal(size=(2, 5, 6)))
    assert len([layer for layer in made.layers if type(layer).__name__ == "Dense"]) == 2  # the encoder's is shared


def test_models_at_several_depths() -> None:
    """Layers of one name in each: the outermost keeps it, others are called after their models."""
    inner, other = _encoder("inner"), _encoder("other")
    middle_in = keras.Input((6,))
    both = L.Concatenate()([inner(middle_in), other(middle_in)])
    middle = keras.Model(middle_in, L.Dense(6, name="dense")(both), name="middle")
    inputs = keras.Input((6,), name="x")
    sequence = keras.Sequential([keras.Input((6,)), L.Dense(3, name="dense"), L.ReLU()], name="sequence")
    model = _shaken(keras.Model(inputs, L.Dense(2, name="dense")(sequence(middle(inputs)))))
    made = assert_opened(model, np.random.default_rng(4).normal(size=(5, 6)))
    names = {layer.name for layer in made.layers}
    assert {"dense", "middle.dense", "middle.inner.dense", "middle.other.dense", "sequence.dense"} <= names


def test_names_of_a_source() -> None:
    inputs = keras.Input((6,), name="x")
    inner = _encoder("inner")
    source = load(_shaken(keras.Model(inputs, L.Dense(2, name="dense")(inner(inputs)))))
    shown = {source.names.shown(layer.name) for layer in source.model.layers}
    assert {"dense", "inner.dense"} <= shown


def test_several_inputs_and_outputs_by_name() -> None:
    a, b = keras.Input((3,), name="first"), keras.Input((3,), name="second")
    inner = keras.Model({"second": b, "first": a}, {"sum": a + b, "scaled": L.Dense(3)(a)}, name="inner")
    x, y = keras.Input((3,), name="x"), keras.Input((3,), name="y")
    found = inner({"first": x, "second": y})
    model = _shaken(keras.Model([x, y], L.Concatenate()([found["sum"], found["scaled"]])))
    assert_opened(model, *np.random.default_rng(5).normal(size=(2, 5, 3)))


class Subclass(keras.Model):  # type: ignore[misc]
    """Functional, without a call of its own."""


@keras.saving.register_keras_serializable("tests")
class Residual(L.Layer):  # type: ignore[misc]
    """Made of layers and operations."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.dense, self.out = units, L.Dense(units, activation="relu", name="dense"), L.Dense(units, name="out")

    def call(self, x: Any, training: bool = False) -> Any:
        return x + self.out(self.dense(x)) * (0.5 if not training else 1.0)


class Scaled(L.Layer):  # type: ignore[misc]
    """With a weight of its own."""

    def build(self, shape: Any) -> None:
        self.gain = self.add_weight(shape=(shape[-1],), name="gain", initializer="ones")
        self.mix = self.add_weight(shape=(shape[-1], 4), name="mix")

    def call(self, x: Any) -> Any:
        return ops.relu(ops.matmul(x * self.gain, self.mix))


class ByBatch(L.Layer):  # type: ignore[misc]
    """A reshape that names the samples."""

    def call(self, x: Any) -> Any:
        return ops.transpose(ops.reshape(x, (ops.shape(x)[0], 2, 3)), (0, 2, 1))


class WithCall(keras.Model):  # type: ignore[misc]
    """Not Functional."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.block, self.head = Residual(6, name="block"), L.Dense(3, name="head")

    def call(self, x: Any) -> Any:
        return self.head(self.block(x))


class Counting(L.Layer):  # type: ignore[misc]
    """Changes a weight whenever it is called."""

    def build(self, shape: Any) -> None:
        self.times = self.add_weight(shape=(), initializer="zeros", trainable=False, name="times")

    def call(self, x: Any) -> Any:
        self.times.assign_add(1.0)
        return x * self.times


class Unseen(L.Layer):  # type: ignore[misc]
    """Computes outside Keras."""

    def call(self, x: Any) -> Any:
        return keras.ops.convert_to_tensor(np.sort(np.asarray(x), axis=-1))

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


def test_a_functional_subclass() -> None:
    inputs = keras.Input((6,), name="x")
    inner_in = keras.Input((6,))
    inner = Subclass(inner_in, L.Dense(4)(inner_in), name="inner")
    assert_opened(_shaken(keras.Model(inputs, L.Dense(2)(inner(inputs)))), np.random.default_rng(6).normal(size=(5, 6)))


@pytest.mark.parametrize(
    "make",
    [lambda: Residual(6), Scaled, lambda: WithCall(name="inner"), ByBatch],
    ids=["layers", "weights", "model", "reshape"],
)
def test_a_class_of_ones_own(make: Callable[[], Any]) -> None:
    inputs = keras.Input((6,), name="x")
    own = make()
    model = _shaken(keras.Model(inputs, L.Dense(2)(own(own(inputs)) if isinstance(own, Residual) else own(inputs))))
    made = assert_opened(model, np.random.default_rng(7).normal(size=(5, 6)))
    assert not any(type(layer).__name__ in ("Residual", "Scaled", "WithCall", "ByBatch") for layer in made.layers)


def test_a_class_that_cannot_be_seen() -> None:
    inputs = keras.Input((6,), name="x")
    made = rewritten(as_functional(keras.Model(inputs, Unseen(name="own")(inputs))))
    with pytest.raises(FpgaMlError, match="'own' is of a class of your own, Unseen"):
        check_model(made)


def test_a_whole_model_that_is_not_functional() -> None:
    model = WithCall(name="net")
    _ = model(np.zeros((2, 6), np.float32))
    found = as_functional(_shaken(model))
    assert [t.name for t in found.inputs] == ["input"]
    x = np.random.default_rng(8).normal(size=(5, 6)).astype(np.float32)
    (got,) = Probe(rewritten(found)).outputs([x.astype(np.float64)])
    assert_allclose(got, np.asarray(model(x)), rtol=0, atol=1e-5)


def test_a_whole_model_that_cannot_be_seen() -> None:
    with pytest.raises(FpgaMlError, match="not built"):
        as_functional(WithCall(name="net"))


def test_a_class_that_changes_its_weights() -> None:
    inputs = keras.Input((6,), name="x")
    own = Counting(name="own")
    model = keras.Model(inputs, L.Dense(2)(own(inputs)))
    before = float(own.times)
    with pytest.raises(FpgaMlError, match="'own' \\(Counting\\) changes its weights"):
        rewritten(model)
    assert float(own.times) == before


def test_exponents_are_said() -> None:
    inputs = keras.Input((6,), name="x")
    with pytest.raises(FpgaMlError, match="use an exponent of 1 to 8"):
        rewritten(keras.Model(inputs, inputs**2.5))


def test_an_adapted_normalization_is_kept() -> None:
    """A copy of weights alone forgets what it computed of them."""
    x = np.random.default_rng(9).normal(5, 3, (50, 4)).astype(np.float32)
    layer = L.Normalization(name="scale")
    layer.adapt(x)
    model = _shaken_but(layer, keras.Sequential([keras.Input((4,), name="a-b"), layer, L.Dense(3)]))
    source = load(model)
    for found in (source.model, source.float_model):
        (got,) = Probe(found).outputs([x.astype(np.float64)])
        assert_allclose(got, np.asarray(model(x)), rtol=0, atol=1e-5)


def _shaken_but(layer: Any, model: Any) -> Any:
    for other in model.layers:
        if other is not layer:
            other.set_weights([np.random.default_rng(2).normal(size=w.shape) for w in other.weights])
    return model


def test_an_activation_of_ones_own() -> None:
    inputs = keras.Input((6,), name="x")
    with pytest.raises(FpgaMlError, match="activation of layer 'fc' is a function of your own, <lambda>"):
        load(keras.Model(inputs, L.Dense(2, activation=lambda z: ops.relu(z) * 2, name="fc")(inputs)))
