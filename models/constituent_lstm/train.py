"""Trains a jet tagger on leading constituents and writes what a model's folder holds.

    python models/constituent_lstm/train.py --data DIR [--epochs 60] [--minutes 8] [--out FOLDER]

DIR holds five_class_pt1000/ (scripts/generate_jets.py five_class). The weights are those of the best epoch by validation
loss.
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
from fpga_ml.science.jets.data import block, five_class, shuffled
from fpga_ml.science.jets.metrics import mean_auc
from fpga_ml.science.jets.series import series

HERE = Path(__file__).parent
TRAIN, VALID = 0.7, 0.8
BATCH, SAMPLE = 256, 4000
INPUT_LSB = 2.0**-7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--out", type=Path, default=HERE)
    a = parser.parse_args()

    keras.utils.set_random_seed(1)
    whole = five_class(a.data, "constituents")
    whole = {**whole, "x": (np.rint(series(whole["x"]) / INPUT_LSB) * INPUT_LSB).astype(np.float32)}
    train, valid, test = block(whole, 0, TRAIN), block(whole, TRAIN, VALID), shuffled(block(whole, VALID, 1), 1)
    model = build()
    falling = keras.optimizers.schedules.CosineDecay(3e-3, a.epochs * -(-len(train["y"]) // BATCH), alpha=0.02)
    model.compile(keras.optimizers.Adam(falling), "sparse_categorical_crossentropy")
    end = time.monotonic() + 60 * a.minutes

    def stop(epoch: int, logs: object = None) -> None:
        model.stop_training = time.monotonic() > end

    best = keras.callbacks.EarlyStopping(patience=a.epochs, restore_best_weights=True)
    callbacks = [best, keras.callbacks.LambdaCallback(on_epoch_end=stop)]
    known = (valid["x"], valid["y"])
    done = model.fit(train["x"], train["y"], BATCH, a.epochs, validation_data=known, callbacks=callbacks, verbose=2)

    found = model.predict(test["x"], batch_size=4096, verbose=0).astype(np.float64)
    report = {
        "epochs": len(done.history["loss"]),
        "parameters": model.count_params(),
        "auc": mean_auc(found, test["y"])[0],
        "accuracy": float((found.argmax(1) == test["y"]).mean()),
    }
    print(json.dumps(report, indent=1))
    save_plain(model, a.out / "float.keras")
    (a.out / "trained.json").write_text(json.dumps(report, indent=1) + "\n")
    codes, y = np.rint(test["x"][:SAMPLE] / INPUT_LSB).astype(np.int16), test["y"][:SAMPLE].astype(np.uint8)
    np.savez_compressed(a.out / "sample.npz", x=codes, x_scale=INPUT_LSB, x_offset=0.0, y=y)


if __name__ == "__main__":
    main()
