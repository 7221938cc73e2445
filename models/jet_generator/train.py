"""Trains the generator of jet images against a discriminator; writes what this folder holds.

    python models/jet_generator/train.py --data DIR [--steps 6000] [--seeds 1 2 3]

DIR holds qg_pt200{,_train}_q.npz or quark_gluon_pt200/: quark jets of 200-220 GeV. The discriminator sees the image and, as
numbers, its mass, pT and lit pixels. Non-saturating losses, a gradient penalty on real images (R1, every eighth step), for
the generator the distance of each spectrum as well (1-D Wasserstein between batches), and an average of the generator's
weights, of which the best by the three distances on training jets is kept.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from figures import LIT_GEV, SPECTRA, pair_masses, rebin, spectra
from model import LATENT, PT_UNIT_GEV, build, discriminator

from fpga_ml.science.jets.data import block, read
from fpga_ml.science.jets.metrics import ks_distance

HERE = Path(__file__).parent
BATCH = 256
SPECTRA_WEIGHT = 0.5
SAMPLES = 4096
LATENT_LSB = 1 / 16
AVERAGE = 0.99
CHECK_EVERY = 500


def images(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """(training, test) images in GeV."""
    made = "quark_gluon_pt200/quark_gluon_q.npz"
    if (folder / made).exists():
        whole = read(folder, made)
        parts = block(whole, 0, 0.8), block(whole, 0.8, 1)
    else:
        parts = read(folder, "qg_pt200_train_q.npz"), read(folder, "qg_pt200_q.npz")
    first, second = (rebin(p["pt"], p["meta"][:, 0]) for p in parts)
    return first, second


def latent(count: int, seed: int) -> np.ndarray:
    """(N, 32) normal numbers on the grid of the input type, ap_fixed<8,4>."""
    drawn = np.random.default_rng(seed).normal(size=(count, LATENT))
    return np.clip(np.rint(drawn / LATENT_LSB) * LATENT_LSB, -8, 8 - LATENT_LSB).astype(np.float32)


class Eyes:
    """What the discriminator sees of an image in GeV: its logarithm, and standardised physics features."""

    def __init__(self, real: np.ndarray) -> None:
        self.pairs = tf.constant(pair_masses(), tf.float32)
        seen = self.physics(tf.constant(real[:5000])).numpy()
        self.mean, self.sigma = tf.constant(seen.mean(0)), tf.constant(seen.std(0))

    def physics(self, image: Any) -> Any:
        flat = tf.reshape(image, (-1, image.shape[1] * image.shape[2]))
        mass = tf.sqrt(tf.reduce_sum(tf.matmul(flat, self.pairs) * flat, 1) + 1.0)
        soft = tf.sigmoid(4 * (flat - LIT_GEV) / LIT_GEV)  # counted as it is, with this one's slope
        lit = tf.reduce_sum(soft + tf.stop_gradient(tf.cast(flat > LIT_GEV, tf.float32) - soft), 1)
        hard = tf.sqrt(tf.reduce_sum(flat**2, 1) + 1.0)
        return tf.stack([mass, tf.reduce_sum(flat, 1), lit, hard], 1)

    def __call__(self, image: Any) -> list[Any]:
        return [tf.math.log1p(image), (self.physics(image) - self.mean) / self.sigma]


def wasserstein(a: Any, b: Any) -> Any:
    """Mean over features of a 1-D Wasserstein distance between two batches (N, features): quadratic below 1, then linear."""
    apart = tf.abs(tf.sort(a, 0) - tf.sort(b, 0))
    return tf.reduce_mean(tf.where(apart < 1, apart**2 / 2, apart - 0.5))


def steps(g: Any, d: Any, eyes: Eyes, real: np.ndarray, seed: int, count: int, rate: float) -> Any:
    """One compiled step, of `count`, of discriminator and generator; penalise: with the gradient penalty."""
    random = tf.random.Generator.from_seed(seed)
    pool = tf.constant(real)
    falling = keras.optimizers.schedules.CosineDecay(rate, count, alpha=0.02)
    adam_g = keras.optimizers.Adam(falling, beta_1=0.0, beta_2=0.99)
    adam_d = keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(2 * rate, count, alpha=0.02), beta_1=0.0, beta_2=0.99
    )
    adam_g.build(g.trainable_variables)
    adam_d.build(d.trainable_variables)

    def batch() -> Any:
        return tf.gather(pool, random.uniform((BATCH,), 0, len(real), tf.int32))

    @tf.function
    def step(penalise: bool) -> None:
        truth, z = eyes(batch()), random.normal((BATCH, LATENT))
        with tf.GradientTape() as tape:
            fake = d(eyes(g(z, training=True) * PT_UNIT_GEV))
            if penalise:
                with tf.GradientTape() as inner:
                    inner.watch(truth)
                    score = d(truth)
                slopes = inner.gradient(score, truth)
                penalty = sum(tf.reduce_sum(s**2) for s in slopes) / BATCH
            else:
                score, penalty = d(truth), 0.0
            loss = tf.reduce_mean(tf.nn.softplus(fake)) + tf.reduce_mean(tf.nn.softplus(-score)) + 4.0 * penalty
        adam_d.apply(tape.gradient(loss, d.trainable_variables), d.trainable_variables)
        truth = eyes(batch())
        with tf.GradientTape() as tape:
            image = eyes(g(random.normal((BATCH, LATENT)), training=True) * PT_UNIT_GEV)
            loss = tf.reduce_mean(tf.nn.softplus(-d(image))) + SPECTRA_WEIGHT * wasserstein(image[1], truth[1])
        adam_g.apply(tape.gradient(loss, g.trainable_variables), g.trainable_variables)

    return step


def distances(g: keras.Model, z: np.ndarray, target: dict[str, np.ndarray]) -> dict[str, float]:
    found = spectra(g.predict(z, batch_size=2048, verbose=0) * PT_UNIT_GEV)
    return {k: ks_distance(found[k], target[k]) for k in SPECTRA}


def train(real: np.ndarray, count: int, seed: int, rate: float) -> keras.Model:
    """The averaged generator at its best."""
    keras.utils.set_random_seed(seed)
    g, mean_g, eyes = build(), build(), Eyes(real)
    d = discriminator(4)
    step = steps(g, d, eyes, real, seed, count, rate)
    target, z = spectra(real[:10000]), latent(4000, seed)
    averaged = [w.copy() for w in g.get_weights()]
    best, kept = np.inf, averaged
    for i in range(1, count + 1):
        step(i % 8 == 0)
        if i % 4 == 0:
            averaged = [AVERAGE * a + (1 - AVERAGE) * w for a, w in zip(averaged, g.get_weights(), strict=True)]
        if i % CHECK_EVERY == 0:
            mean_g.set_weights(averaged)
            found = distances(mean_g, z, target)
            print(i, {k: round(v, 3) for k, v in found.items()}, flush=True)
            if sum(found.values()) < best:
                best, kept = sum(found.values()), averaged
    mean_g.set_weights(kept)
    return mean_g


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    a = parser.parse_args()

    real, test = images(a.data)
    simulated = spectra(test)
    print(f"{len(real)} training, {len(test)} test images", flush=True)
    rows, z = [], latent(SAMPLES, 12345)
    for seed in a.seeds:
        model = train(real, a.steps, seed, a.rate)
        found = distances(model, z, simulated)
        rows.append({"stage": "float", "seed": seed, **{f"ks_{k}": v for k, v in found.items()}})
        print(rows[-1], flush=True)
        if seed == a.seeds[0]:
            model.save(HERE / "float.keras")
    (HERE / "training.json").write_text(json.dumps({"runs": rows}, indent=1) + "\n")
    np.savez_compressed(
        HERE / "sample.npz",
        x=np.rint(z / LATENT_LSB).astype(np.int8),
        x_scale=LATENT_LSB,
        x_offset=0.0,
        **{k: v[:SAMPLES].astype(np.float32) for k, v in simulated.items()},
    )


if __name__ == "__main__":
    main()
