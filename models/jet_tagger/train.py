"""Trains the five-class tagger: float, pruned if asked for, then quantisation-aware; writes what a model's folder holds.

    fpga-ml models train jet_tagger --data DIR [--bits 6] [--sparsity 0.75] [--seeds 1 2 3] [--out FOLDER]

DIR holds five_class_pt1000/ (scripts/generate_jets.py five_class). What is committed is of the first seed; training.json
holds the figures of all. A few minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import keras
import numpy as np
from model import build

from fpga_ml.quantise import Prune, save_plain, to_qkeras
from fpga_ml.science.jets.data import Arrays, block, five_class, shuffled
from fpga_ml.science.jets.features import Features
from fpga_ml.science.jets.metrics import mean_auc

HERE = Path(__file__).parent
TRAIN, VALID = 0.7, 0.8
BATCH = 256
CENTRAL = 3.0
LOGGED = np.array([i not in (0, 1, 15) for i in range(16)])


def fit(model: keras.Model, rate: float, epochs: int, train: Arrays, valid: Arrays, sparsity: float, ramp: int) -> None:
    """The best of the epochs by validation loss, the rate falling to 0 as a cosine; with a sparsity, of those in which it is
    reached."""
    falling = keras.optimizers.schedules.CosineDecay(rate, epochs * -(-len(train["y"]) // BATCH))
    model.compile(keras.optimizers.Adam(falling), "sparse_categorical_crossentropy")
    first = ramp if sparsity else 0
    callbacks: list[keras.callbacks.Callback] = [Prune(sparsity, ramp)] if sparsity else []
    callbacks.append(keras.callbacks.EarlyStopping(patience=epochs, restore_best_weights=True, start_from_epoch=first))
    known = (valid["x"], valid["y"])
    model.fit(train["x"], train["y"], BATCH, epochs, validation_data=known, callbacks=callbacks, verbose=0)


def scores(model: keras.Model, x: np.ndarray) -> np.ndarray:
    return model.predict(x, batch_size=8192, verbose=0).astype(np.float64)


def figures(model: keras.Model, test: Arrays) -> dict[str, float]:
    found = scores(model, test["x"])
    zeros = [float((np.asarray(layer.kernel) == 0).mean()) for layer in model.layers if hasattr(layer, "kernel")]
    return {
        "auc": mean_auc(found, test["y"])[0],
        "accuracy": float((found.argmax(1) == test["y"]).mean()),
        "zero_weights": float(np.mean(zeros)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bits", type=int, default=6)
    parser.add_argument("--sparsity", type=float, default=0.0)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--quantised-epochs", type=int, default=100)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--out", type=Path, default=HERE)
    a = parser.parse_args()

    whole = five_class(a.data)
    prepare = Features.fit(block(whole, 0, TRAIN)["x"], LOGGED)
    prepare.save(a.out / "standardise.npz")
    prepared = {**whole, "x": prepare.values(whole["x"])}
    train, valid, test = block(prepared, 0, TRAIN), block(prepared, TRAIN, VALID), block(prepared, VALID, 1)
    test = shuffled(test, 1)
    saturated = prepare.saturated(block(whole, VALID, 1)["x"])
    print(
        f"{len(train['y'])} training, {len(valid['y'])} validation, {len(test['y'])} test jets; {saturated} values saturate"
    )

    # Ranges of activations are taken from jets without outliers: the rare value beyond saturates, the others keep bits.
    central = np.flatnonzero(np.abs(train["x"]).max(1) < CENTRAL)[:4000]
    rows = []
    for seed in a.seeds:
        keras.utils.set_random_seed(seed)
        floating = build()
        fit(floating, 2e-3, a.epochs, train, valid, 0.0, 0)
        source = floating
        if a.sparsity:
            source = keras.models.clone_model(floating)
            source.set_weights(floating.get_weights())
            fit(source, 1e-3, a.quantised_epochs, train, valid, a.sparsity, 10)
        twin = to_qkeras(source, bits=a.bits, data=train["x"][central])
        fit(twin, 1e-3, a.quantised_epochs, train, valid, a.sparsity, 0)
        for stage, model in (("float", floating), ("quantised", twin)):
            rows.append({"stage": stage, "seed": seed, **figures(model, test)})
            print(rows[-1], flush=True)
        if seed == a.seeds[0]:
            save_plain(floating, a.out / "float.keras")
            save_plain(twin, a.out / "quantised.keras")
    (a.out / "training.json").write_text(json.dumps({"runs": rows}, indent=1) + "\n")
    integers = np.rint(test["x"] / prepare.type.lsb).astype(np.int16)
    y = test["y"].astype(np.uint8)
    np.savez_compressed(a.out / "sample.npz", x=integers, x_scale=prepare.type.lsb, x_offset=0.0, y=y)


if __name__ == "__main__":
    main()
