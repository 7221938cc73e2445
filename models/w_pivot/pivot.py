"""Learning to pivot (Louppe, Kagan, Cranmer, arXiv:1611.01046): a classifier whose output does not tell the nuisance.

    min over classifier, max over adversary:  L_f  -  lambda * L_r

L_f: cross-entropy of the classifier f; L_r: negative log-likelihood of the nuisance z under the adversary r(z | f(x)),
on background only. The adversary is trained for some steps before each step of the classifier.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers


@dataclass(frozen=True)
class Training:
    """lam: weight of the adversary; iterations: steps of the classifier, each after adversary_steps of the adversary;
    batch: samples a step; pretrain_epochs: of the classifier alone; pretrain_steps: of the adversary alone."""

    lam: float = 1.0
    iterations: int = 1000
    adversary_steps: int = 5
    batch: int = 512
    classifier_rate: float = 1e-3
    adversary_rate: float = 1e-3
    pretrain_epochs: int = 10
    pretrain_steps: int = 300


@dataclass(frozen=True)
class Data:
    """x (N, F) float32, y (N,) 1 for signal, z (N,) the nuisance."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray

    @property
    def background(self) -> Data:
        kept = self.y == 0
        return Data(self.x[kept], self.y[kept], self.z[kept])


Likelihood = Callable[[Any, Any], Any]


def binary(z: Any, out: Any) -> Any:
    """-log r(z) for z in {0, 1}; out: (N, 1) the logit of z = 1."""
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(z[:, None], out))


def mixture(components: int = 5) -> Likelihood:
    """-log r(z) for continuous z: a mixture of Gaussians; out: (N, 3 components) = logits, means, log widths."""

    def loss(z: Any, out: Any) -> Any:
        logit, mean, log_sigma = out[:, :components], out[:, components : 2 * components], out[:, 2 * components :]
        pull = (z[:, None] - mean) * tf.exp(-log_sigma)
        each = tf.nn.log_softmax(logit) - 0.5 * pull**2 - log_sigma - 0.5 * math.log(2 * math.pi)
        return -tf.reduce_mean(tf.reduce_logsumexp(each, axis=1))

    return loss


def adversary(units: tuple[int, ...], outputs: int) -> keras.Model:
    """r: from the classifier's output (one number) to the parameters of z's distribution."""
    stack = [keras.Input((1,)), *(layers.Dense(n, activation="relu") for n in units), layers.Dense(outputs)]
    return keras.Sequential(stack, name="adversary")


def fit(f: keras.Model, r: keras.Model, data: Data, how: Training, likelihood: Likelihood, seed: int) -> None:
    """Train the classifier f in place. With lam = 0 it sees its own loss only."""
    f.compile(keras.optimizers.Adam(how.classifier_rate), "binary_crossentropy")
    f.fit(data.x, data.y, epochs=how.pretrain_epochs, batch_size=min(how.batch, 128), verbose=0)
    step_f, steps_r = _steps(f, r, data, how, likelihood, seed)
    if how.lam:
        steps_r(tf.constant(how.pretrain_steps))
    for _ in range(how.iterations):
        if how.lam:
            steps_r(tf.constant(how.adversary_steps))
        step_f()


def _steps(f: Any, r: Any, data: Data, how: Training, likelihood: Likelihood, seed: int) -> tuple[Any, Any]:
    """(one step of the classifier, n steps of the adversary), compiled; batches are drawn with replacement."""
    random = tf.random.Generator.from_seed(seed)
    x, y, z = (tf.constant(a, tf.float32) for a in (data.x, data.y, data.z))
    behind = data.background
    xb, zb = tf.constant(behind.x, tf.float32), tf.constant(behind.z, tf.float32)
    adam_f, adam_r = keras.optimizers.Adam(how.classifier_rate), keras.optimizers.Adam(how.adversary_rate)
    adam_f.build(f.trainable_variables)
    adam_r.build(r.trainable_variables)
    entropy = keras.losses.BinaryCrossentropy()

    def rows(n: int) -> Any:
        return random.uniform((how.batch,), 0, n, tf.int32)

    @tf.function
    def steps_r(count: Any) -> None:
        for _ in tf.range(count):
            chosen = rows(len(behind.x))
            scores = f(tf.gather(xb, chosen), training=False)
            with tf.GradientTape() as tape:
                loss = likelihood(tf.gather(zb, chosen), r(scores))
            adam_r.apply(tape.gradient(loss, r.trainable_variables), r.trainable_variables)

    @tf.function
    def step_f() -> None:
        chosen, chosen_b = rows(len(data.x)), rows(len(behind.x))
        with tf.GradientTape() as tape:
            loss = entropy(tf.gather(y, chosen)[:, None], f(tf.gather(x, chosen), training=True))
            if how.lam:
                hidden = likelihood(tf.gather(zb, chosen_b), r(f(tf.gather(xb, chosen_b), training=True)))
                loss = loss - how.lam * hidden
        adam_f.apply(tape.gradient(loss, f.trainable_variables), f.trainable_variables)

    return step_f, steps_r


def toy(count: int, seed: int) -> Data:
    """The paper's continuous toy: background N((0, 0), [[1, -.5], [-.5, 1]]), signal N((1, 1 + z), 1), z ~ N(0, 1)."""
    random = np.random.default_rng(seed)
    half = count // 2
    z = random.normal(size=count)
    behind = random.multivariate_normal([0.0, 0.0], [[1.0, -0.5], [-0.5, 1.0]], half)
    signal = random.normal(size=(count - half, 2)) + np.stack([np.ones(count - half), 1 + z[half:]], 1)
    x, y = np.concatenate([behind, signal]), np.repeat([0, 1], [half, count - half])
    order = random.permutation(count)
    return Data(x[order].astype(np.float32), y[order].astype(np.float32), z[order].astype(np.float32))


def toy_classifier() -> keras.Model:
    stack = [keras.Input((2,)), *(layers.Dense(20, activation=a) for a in ("tanh", "relu", "relu"))]
    return keras.Sequential([*stack, layers.Dense(1, activation="sigmoid")])
