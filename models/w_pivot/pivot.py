"""Learning to pivot (Louppe, Kagan, Cranmer, arXiv:1611.01046): a classifier whose output does not tell the nuisance.

    min over classifier, max over adversary:  L_f  -  lambda * L_r

L_f: cross-entropy of the classifier f; L_r: negative log-likelihood of the nuisance z under the adversary r(z | f(x)), on
the classes that are to be independent of it. The adversary is trained for some steps before each step of the classifier.
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

from fpga_ml.science.jets.metrics import ks_distance


@dataclass(frozen=True)
class Training:
    """lam: weight of the adversary; iterations: steps of the classifier, each after adversary_steps of the adversary;
    classes: those whose score is to be independent of z; batch: samples a step; pretrain_epochs: of the classifier alone, at
    classifier_rate; pretrain_steps: of the adversary alone; pivot_rate: of the classifier against the adversary, falling to
    0 as a cosine."""

    lam: float = 1.0
    iterations: int = 1000
    adversary_steps: int = 5
    classes: tuple[int, ...] = (0,)
    batch: int = 512
    classifier_rate: float = 1e-3
    pivot_rate: float = 3e-4
    adversary_rate: float = 1e-3
    pretrain_epochs: int = 10
    pretrain_steps: int = 300


@dataclass(frozen=True)
class Data:
    """x (N, F) float32, y (N,) 1 for signal, z (N,) the nuisance."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray

    def of(self, classes: tuple[int, ...]) -> Data:
        kept = np.isin(self.y, classes)
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
    x, y = tf.constant(data.x, tf.float32), tf.constant(data.y, tf.float32)
    pivoted = data.of(how.classes)
    xb, zb = tf.constant(pivoted.x, tf.float32), tf.constant(pivoted.z, tf.float32)
    falling = keras.optimizers.schedules.CosineDecay(how.pivot_rate, max(how.iterations, 1))
    adam_f, adam_r = keras.optimizers.Adam(falling), keras.optimizers.Adam(how.adversary_rate)
    adam_f.build(f.trainable_variables)
    adam_r.build(r.trainable_variables)
    entropy = keras.losses.BinaryCrossentropy()

    def rows(n: int) -> Any:
        return random.uniform((how.batch,), 0, n, tf.int32)

    @tf.function
    def steps_r(count: Any) -> None:
        for _ in tf.range(count):
            chosen = rows(len(pivoted.x))
            scores = f(tf.gather(xb, chosen), training=False)
            with tf.GradientTape() as tape:
                loss = likelihood(tf.gather(zb, chosen), r(scores))
            adam_r.apply(tape.gradient(loss, r.trainable_variables), r.trainable_variables)

    @tf.function
    def step_f() -> None:
        chosen, chosen_b = rows(len(data.x)), rows(len(pivoted.x))
        with tf.GradientTape() as tape:
            loss = entropy(tf.gather(y, chosen)[:, None], f(tf.gather(x, chosen), training=True))
            if how.lam:
                hidden = likelihood(tf.gather(zb, chosen_b), r(f(tf.gather(xb, chosen_b), training=True)))
                loss = loss - how.lam * hidden
        adam_f.apply(tape.gradient(loss, f.trainable_variables), f.trainable_variables)

    return step_f, steps_r


def toy(count: int, seed: int, z: float | None = None) -> Data:
    """The paper's continuous toy, both classes alike often: Y = 0 is N((0, 0), [[1, -.5], [-.5, 1]]), Y = 1 is
    N((1, 1 + z), 1), z ~ N(0, 1) or as given. Only the class Y = 1 depends on z: there independence is to be shown."""
    random = np.random.default_rng(seed)
    half = count // 2
    drawn = random.normal(size=count) if z is None else np.full(count, z)
    first = random.multivariate_normal([0.0, 0.0], [[1.0, -0.5], [-0.5, 1.0]], half)
    second = random.normal(size=(count - half, 2)) + np.stack([np.ones(count - half), 1 + drawn[half:]], 1)
    x, y = np.concatenate([first, second]), np.repeat([0, 1], [half, count - half])
    order = random.permutation(count)
    return Data(x[order].astype(np.float32), y[order].astype(np.float32), drawn[order].astype(np.float32))


def toy_classifier() -> keras.Model:
    stack = [keras.Input((2,)), *(layers.Dense(20, activation=a) for a in ("tanh", "relu", "relu"))]
    return keras.Sequential([*stack, layers.Dense(1, activation="sigmoid")])


def toy_dependence(f: keras.Model, count: int = 20000, seed: int = 99) -> float:
    """Kolmogorov-Smirnov distance of the scores of Y = 1 between z = -1 and z = +1, on fresh samples."""
    scores = [f.predict(toy(2 * count, seed, z).of((1,)).x, batch_size=8192, verbose=0)[:, 0] for z in (-1.0, 1.0)]
    return ks_distance(*(s.astype(np.float64) for s in scores))
