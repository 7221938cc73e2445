"""Trains the compact jet CNN: float first, then quantisation-aware from the float weights; writes what this folder holds.

    python models/jet_cnn/train.py --data ../shared/data [--bits 6] [--epochs 14] [--quantised-epochs 8] [--seeds 1 2 3]
    [--out DIR]

Reads qg_pt200_train_{q,g}.npz for training and validation and qg_pt200_{q,g}.npz for testing (docs: card.md). What is
committed is of the first seed; training.json holds the figures of all. About five minutes a seed on two cores.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import keras
import numpy as np
from model import build

from fpga_ml.quantise import save_plain, to_qkeras
from fpga_ml.science.jets.images import Standardise, stack_channels
from fpga_ml.science.jets.metrics import auc, rejection

HERE = Path(__file__).parent
SAMPLE_IMAGES = 2048
CALIBRATION_IMAGES = 2000


def images(path: Path, limit: int | None = None) -> np.ndarray:
    with np.load(path) as z:
        return stack_channels(z["pt"][:limit], z["nch"][:limit])


class Batches(keras.utils.PyDataset):
    """Shuffled batches of codes, decoded one batch at a time: the decoded training set would fill the memory."""

    def __init__(self, codes: np.ndarray, labels: np.ndarray, prepare: Standardise, seed: int, size: int = 256) -> None:
        super().__init__()
        self.codes, self.labels, self.prepare, self.size = codes, labels, prepare, size
        self.rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return len(self.codes) // self.size

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.order[index * self.size : (index + 1) * self.size]
        return self.prepare.decode(self.codes[rows]), self.labels[rows]

    def on_epoch_end(self) -> None:
        self.order = self.rng.permutation(len(self.codes))


def mixed(quark: np.ndarray, gluon: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Both classes in random order; quark is class 1, the signal."""
    order = np.random.default_rng(seed).permutation(len(quark) + len(gluon))
    return np.concatenate([quark, gluon])[order], np.repeat([1, 0], [len(quark), len(gluon)])[order]


def fit(model: keras.Model, rate: float, epochs: int, train: Batches, validation: tuple) -> keras.Model:
    """The best of `epochs` epochs by validation loss."""
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    callbacks = [
        keras.callbacks.ReduceLROnPlateau(patience=1, factor=0.4),
        keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True),
    ]
    model.fit(train, epochs=epochs, validation_data=validation, callbacks=callbacks, verbose=2)
    return model


def figures(model: keras.Model, codes: np.ndarray, labels: np.ndarray, prepare: Standardise) -> dict[str, float]:
    """On the test images: AUC, and gluons rejected at half of the quarks, with their statistical errors."""
    parts = [model.predict(prepare.decode(part), verbose=0)[:, 1] for part in np.array_split(codes, 8)]
    scores = np.concatenate(parts).astype(np.float64)
    (value, error), (inverse, inverse_error) = auc(scores, labels), rejection(scores, labels)
    return {"auc": value, "auc_error": error, "rejection_at_half": inverse, "rejection_at_half_error": inverse_error}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bits", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--quantised-epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--out", type=Path, default=HERE, help="where the results go; this folder by default")
    a = parser.parse_args()

    quark, gluon = (images(a.data / f"qg_pt200_train_{k}.npz") for k in "qg")
    n = min(len(quark), len(gluon))
    n_train = int(0.9 * n)  # blocks in event order: no event straddles the border
    prepare = Standardise.fit(np.concatenate([quark[:n_train], gluon[:n_train]]))
    prepare.save(a.out / "standardise.npz")
    quark, gluon = prepare.codes(quark[:n]), prepare.codes(gluon[:n])
    test = [prepare.codes(images(a.data / f"qg_pt200_{k}.npz")) for k in "qg"]
    m = min(len(t) for t in test)
    test_x, test_y = mixed(test[0][:m], test[1][:m], 1)
    rows = []
    for seed in a.seeds:
        keras.utils.set_random_seed(seed)
        train_x, train_y = mixed(quark[:n_train], gluon[:n_train], seed)
        valid_x, valid_y = mixed(quark[n_train:], gluon[n_train:], seed)
        validation = (prepare.decode(valid_x), valid_y)
        train = Batches(train_x, train_y, prepare, seed)
        floating = fit(build(), 1e-3, a.epochs, train, validation)
        twin = to_qkeras(floating, bits=a.bits, data=prepare.decode(train_x[:CALIBRATION_IMAGES]))
        quantised = fit(twin, 3e-4, a.quantised_epochs, train, validation)
        for stage, model in (("float", floating), ("quantised", quantised)):
            rows.append({"stage": stage, "seed": seed, **figures(model, test_x, test_y, prepare)})
            print(rows[-1], flush=True)
            if seed == a.seeds[0]:
                save_plain(model, a.out / f"{stage}.keras")
    (a.out / "training.json").write_text(json.dumps({"images": len(test_y), "runs": rows}, indent=1) + "\n")
    np.savez_compressed(
        a.out / "sample.npz",
        x=test_x[:SAMPLE_IMAGES],
        x_scale=prepare.lsb,
        x_offset=-(1 << (prepare.width_bits - 1)) * prepare.lsb,
        y=test_y[:SAMPLE_IMAGES].astype(np.uint8),
    )


if __name__ == "__main__":
    main()
