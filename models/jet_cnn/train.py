"""Trains a jet CNN: float, then quantised and pruned in one training from the float weights; writes what a model's folder
holds.

    fpga-ml models train jet_cnn --data DIR [--pt 200] [--seeds 1 2 3] [--bits 6] [--sparsity 0.4] [--start FOLDER] [--grey]
    [--out FOLDER] [--work FOLDER]

DIR holds quark_gluon_ptPT/ (scripts/generate_jets.py quark_gluon), or for 200 GeV qg_pt200{,_train}_{q,g}.npz. --start
is the folder of another bin's network, with whose float and quantised weights this one begins: few jets go further then.
With --grey the images have one channel, the whole pT, and only the float network of the first seed is trained (grey.keras,
standardise_grey.npz): what the other channels are worth. An interrupted training goes on at its last whole epoch: --work
(build/training/NAME) keeps that state. What is committed is of the first seed; training.json holds the figures of all.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
from fitting import Batches, Schedule, fit, same_training
from model import build

from fpga_ml.frontend.load import load
from fpga_ml.quantise import save_plain, to_qkeras
from fpga_ml.science.jets.data import quark_gluon
from fpga_ml.science.jets.images import Standardise, images_of
from fpga_ml.science.jets.metrics import auc, rejection

HERE = Path(__file__).parent
SAMPLE_IMAGES = 2048
CALIBRATION_IMAGES = 2000


def figures(model: keras.Model, codes: np.ndarray, y: np.ndarray, prepare: Standardise) -> dict[str, float]:
    """On the test images: AUC, and gluons rejected at half of the quarks, with their statistical errors."""
    parts = [model.predict(part, batch_size=256, verbose=0)[:, 1] for part in prepare.in_parts(codes)]
    scores = np.concatenate(parts).astype(np.float64)
    (value, error), (inverse, inverse_error) = auc(scores, y), rejection(scores, y)
    kernels = [np.asarray(layer.kernel).ravel() for layer in model.layers if hasattr(layer, "kernel")]
    return {
        "auc": value,
        "auc_error": error,
        "rejection_at_half": inverse,
        "rejection_at_half_error": inverse_error,
        "zero_weights": float((np.concatenate(kernels) == 0).mean()),
    }


def _begun(start: Path | None, stage: str) -> keras.Model:
    model = build(channels=1 if stage == "grey" else 3)
    if start:
        model.set_weights(keras.models.load_model(start / f"{stage}.keras", compile=False).get_weights())
    return model


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pt", type=int, default=200, help="bin in GeV")
    parser.add_argument("--bits", type=int, default=6)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--quantised-epochs", type=int, default=8)
    parser.add_argument("--sparsity", type=float, default=0.4, help="share of the inputs without weights")
    parser.add_argument("--start", type=Path, help="folder of a network to begin with, in place of random weights")
    parser.add_argument("--grey", action="store_true", help="one channel, float only")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--out", type=Path, default=HERE, help="where the results go; this folder by default")
    parser.add_argument("--work", type=Path, help="state of the training; default: build/training/NAME")
    return parser.parse_args()


def main() -> None:
    a = _arguments()
    work = a.work or Path("build") / "training" / a.out.resolve().name
    same_training(work, a)
    a.out.mkdir(parents=True, exist_ok=True)
    seen = [(images_of(jets, grey=a.grey), jets["y"]) for jets in quark_gluon(a.data, a.pt)]
    prepare = Standardise.fit(seen[0][0], mirrored=True)
    prepare.save(a.out / f"standardise{'_grey' * a.grey}.npz")
    (train_x, train_y), (valid_x, valid_y), (test_x, test_y) = [(prepare.codes(x), y) for x, y in seen]
    del seen
    print(f"{len(train_y)} training, {len(valid_y)} validation, {len(test_y)} test images", flush=True)
    labels = np.eye(2, dtype=np.float32)[train_y]
    validation = Batches(valid_x, np.eye(2)[valid_y], prepare, 0, min(512, len(valid_x)), False)
    if a.grey:
        keras.utils.set_random_seed(a.seeds[0])
        floating = _begun(a.start, "grey")
        batches = Batches(train_x, labels, prepare, a.seeds[0], a.batch, True)
        fit(floating, batches, validation, Schedule(a.epochs, 1e-3), work / "grey")
        print(figures(floating, test_x, test_y, prepare), flush=True)
        save_plain(floating, a.out / "grey.keras")
        return
    rows: list[dict[str, Any]] = []
    for seed in a.seeds:
        keras.utils.set_random_seed(seed)
        batches = Batches(train_x, labels, prepare, seed, a.batch, True)
        floating = _begun(a.start, "float")
        fit(floating, batches, validation, Schedule(a.epochs, 1e-3), work / f"float_{seed}")
        if a.start:
            twin = load(a.start / "quantised.keras").model
        else:
            twin = to_qkeras(floating, bits=a.bits, data=prepare.decode(train_x[:CALIBRATION_IMAGES]))
        schedule = Schedule(a.quantised_epochs, 1e-3, a.sparsity, a.quantised_epochs // 2, by_input=True)
        fit(twin, batches, validation, schedule, work / f"quantised_{seed}")
        for stage, model in (("float", floating), ("quantised", twin)):
            rows.append({"stage": stage, "seed": seed, **figures(model, test_x, test_y, prepare)})
            print(rows[-1], flush=True)
            if seed == a.seeds[0]:
                save_plain(model, a.out / f"{stage}.keras")
    (a.out / "training.json").write_text(json.dumps({"pt_gev": a.pt, "images": len(test_y), "runs": rows}, indent=1) + "\n")
    np.savez_compressed(
        a.out / "sample.npz",
        x=test_x[:SAMPLE_IMAGES],
        x_scale=prepare.lsb,
        x_offset=-(1 << (prepare.width_bits - 1)) * prepare.lsb,
        y=test_y[:SAMPLE_IMAGES].astype(np.uint8),
    )


if __name__ == "__main__":
    main()
