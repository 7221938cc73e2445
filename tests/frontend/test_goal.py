"""What a model is trained to give: labels, or what a teacher gives."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.train import Goal, seeded, train

X = np.random.default_rng(3).normal(0, 1, (600, 4)).astype(np.float32)
CLASSES = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.5)


def network(outputs: int, activation: str | None, *, own: bool = False) -> Any:
    """own: whether the activation is a layer of its own."""
    seeded(4)
    x = inputs = keras.Input((4,))
    x = L.Dense(outputs, activation=None if own else activation)(x)
    return keras.Model(inputs, L.Activation(activation)(x) if own else x)


def logits(model: Any) -> np.ndarray:
    kernel, bias = (np.asarray(w, np.float64) for w in model.get_weights())
    return X.astype(np.float64) @ kernel + bias


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@pytest.mark.parametrize(("activation", "own"), [("softmax", False), ("softmax", True), (None, False)])
def test_cross_entropy_with_labels_and_with_a_teacher(activation: str | None, own: bool) -> None:
    """The teacher has logits or probabilities, whatever the model has."""
    model = network(3, activation, own=own)
    p = softmax(logits(model))
    of_labels = Goal.of(model, CLASSES).loss_of(model, [X])
    assert of_labels == pytest.approx(-np.log(p[np.arange(len(p)), CLASSES]).mean(), rel=1e-4)
    for other in ("softmax", None):
        teacher = network(3, other)
        teacher.set_weights([2 * w for w in teacher.get_weights()])
        q = softmax(logits(teacher))
        goal = Goal.of(model, CLASSES, teacher, [X])
        assert np.allclose(goal.wanted[0], q, atol=1e-5)
        assert goal.loss_of(model, [X]) == pytest.approx(-(q * np.log(p)).sum(1).mean(), rel=1e-4)


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_one_number(activation: str | None) -> None:
    model = network(1, activation)
    p = 1 / (1 + np.exp(-logits(model)[:, 0]))
    y = CLASSES > 0
    entropy = -np.where(y, np.log(p), np.log(1 - p)).mean()
    assert Goal.of(model, y.astype(np.int64)).loss_of(model, [X]) == pytest.approx(entropy, rel=1e-4)
    q = 1 / (1 + np.exp(-3 * logits(model)[:, 0]))
    teacher = network(1, None)
    teacher.set_weights([3 * w for w in model.get_weights()])
    found = Goal.of(model, y.astype(np.int64), teacher, [X]).loss_of(model, [X])
    assert found == pytest.approx(-(q * np.log(p) + (1 - q) * np.log(1 - p)).mean(), rel=1e-4)


def test_targets_of_several_outputs() -> None:
    x = keras.Input((4,))
    model = keras.Model(x, [L.Dense(2)(x), L.Dense(1)(x)])
    y = np.random.default_rng(1).normal(0, 1, (len(X), 3))
    given = [np.asarray(a, np.float64) for a in model(X)]
    squares = [((a - b) ** 2).mean() for a, b in zip(given, (y[:, :2], y[:, 2:]), strict=True)]
    assert Goal.of(model, y).loss_of(model, [X]) == pytest.approx(sum(squares), rel=1e-4)
    taught = Goal.of(model, y, model, [X])
    assert taught.loss_of(model, [X]) == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(FpgaMlError, match="2 outputs"):
        Goal.of(model, CLASSES)


def test_a_pupil_comes_nearer_to_its_teacher() -> None:
    """Though the labels say something else."""
    teacher, pupil = network(3, "softmax"), network(3, "softmax")
    kernel = teacher.layers[-1].kernel
    kernel.assign(kernel + 0.08 * np.array([1.0, -1.0, 0.0]))
    wanted = softmax(logits(teacher))
    before = np.abs(softmax(logits(pupil)) - wanted).mean()
    train(pupil, [X], 2 - CLASSES, epochs=100, seed=1, teacher=teacher)
    assert np.abs(softmax(logits(pupil)) - wanted).mean() < 0.5 * before
