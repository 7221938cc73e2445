"""Trains the deep Kalman filter on simulated tracks and writes what a model's folder holds.

    python models/deep_kalman/train.py [--tracks 150000] [--epochs 40] [--minutes 8] [--out FOLDER]

The tracks come from fpga_ml.science.tracks.generate; nothing is read. The weights are those of the last epoch.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import keras
import numpy as np
from model import build

from fpga_ml.quantise import save_plain
from fpga_ml.science.tracks.generate import Detector, generate
from fpga_ml.science.tracks.kalman import filtered
from fpga_ml.science.tracks.metrics import figures

HERE = Path(__file__).parent
BATCH, TEST = 512, 10_000
INPUT_LSB = 2.0**-10


@keras.saving.register_keras_serializable(package="deep_kalman")
def likelihood(truth: keras.KerasTensor, found: keras.KerasTensor) -> keras.KerasTensor:
    """Minus the logarithm of a Gaussian's density, without its constant."""
    estimate, log_sigma = found[:, :3], found[:, 3:]
    pull = (truth - estimate) * keras.ops.exp(-log_sigma)
    return keras.ops.sum(pull**2 / 2 + log_sigma, axis=-1)


class Until(keras.callbacks.Callback):
    """Lets the rate fall as a cosine over the epochs, or over the minutes where those are shorter, and stops."""

    def __init__(self, rate: float, epochs: int, minutes: float) -> None:
        super().__init__()
        self.rate, self.epochs, self.minutes, self.begun = rate, epochs, minutes, time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        done = max(epoch / self.epochs, (time.monotonic() - self.begun) / 60 / self.minutes)
        self.model.optimizer.learning_rate = self.rate * max(0.5 * (1 + np.cos(np.pi * min(done, 1.0))), 0.005)

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        if time.monotonic() - self.begun > 60 * self.minutes:
            self.model.stop_training = True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracks", type=int, default=150_000)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--out", type=Path, default=HERE)
    a = parser.parse_args()

    keras.utils.set_random_seed(1)
    detector = Detector()
    train, test = generate(detector, a.tracks, 1), generate(detector, TEST, 2)
    x, y = train.features(detector).astype(np.float32), (train.states[:, -1] / detector.widths).astype(np.float32)
    model = build(detector.planes)
    model.compile(keras.optimizers.Adam(3e-3), likelihood)
    done = model.fit(x, y, BATCH, a.epochs, callbacks=[Until(3e-3, a.epochs, a.minutes)], verbose=2)

    codes = np.rint(test.features(detector) / INPUT_LSB).astype(np.int16)
    truth = test.states[:, -1] / detector.widths
    state, sigma = (v / detector.widths for v in filtered(detector, test))
    found = model.predict(codes * INPUT_LSB, batch_size=4096, verbose=0).astype(np.float64)
    report = {
        "epochs": len(done.history["loss"]),
        "parameters": model.count_params(),
        "kalman": figures(state, sigma, truth),
        "float": figures(found[:, :3], np.exp(found[:, 3:]), truth),
    }
    print(json.dumps(report, indent=1))
    save_plain(model, a.out / "float.keras")
    (a.out / "trained.json").write_text(json.dumps(report, indent=1) + "\n")
    arrays = {
        "truth": truth.astype(np.float32),
        "kalman": state.astype(np.float32),
        "kalman_sigma": sigma.astype(np.float32),
    }
    np.savez_compressed(a.out / "sample.npz", x=codes, x_scale=INPUT_LSB, x_offset=0.0, **arrays)


if __name__ == "__main__":
    main()
