"""Trains a tagger on particles, float and with HGQ2, and writes what a model's folder holds.

    python models/particle_deepsets/train.py --data DIR [--state DIR] [--seeds 0 1 2] [--epochs 150] [--out FOLDER]

DIR holds five_class_pt1000/ (scripts/generate_jets.py five_class). What is committed is of the first seed; training.json
holds the figures of all. A run that was interrupted goes on with the first network that --state does not hold.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import numpy as np
from model import EBOPS, PARTICLES, build, build_float

from fpga_ml.frontend.hgq.files import need_hgq
from fpga_ml.science import models
from fpga_ml.science.jets.data import Arrays, block, five_class, shuffled
from fpga_ml.science.jets.metrics import of_classes
from fpga_ml.science.jets.series import series

HERE = Path(__file__).resolve().parent
CLASSES = "gqwzt"
TRAIN, VALID = 0.7, 0.8
BATCH, SAMPLE = 256, 4000
INPUT_LSB = 2.0**-7
WARM_UP, BETA = 5, 2e-6


class Keep(keras.callbacks.Callback):
    """Keeps the weights of the lowest validation loss, with a limit on EBOPs of those epochs only that obey it."""

    def __init__(self, most_ebops: float = np.inf) -> None:
        super().__init__()
        self.most_ebops = most_ebops
        self.best: tuple[float, list[np.ndarray]] | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        lower = self.best is None or logs["val_loss"] < self.best[0]
        if logs.get("ebops", 0) <= self.most_ebops and lower:
            self.best = logs["val_loss"], self.model.get_weights()

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        if self.best is None:
            raise SystemExit(f"no epoch came below {self.most_ebops} EBOPs: give --epochs more")
        self.model.set_weights(self.best[1])


def fit(
    make: Callable[[], keras.Model], rate: float, epochs: int, train: Arrays, valid: Arrays, callbacks: list[Any]
) -> keras.Model:
    """The trained network, without the optimiser's state."""
    model, plain = make(), make()
    falling = keras.optimizers.schedules.CosineDecay(rate, epochs * -(-len(train["y"]) // BATCH), alpha=0.02)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(falling), loss, metrics=["accuracy"], jit_compile=True)  # many tiny operations
    told = keras.callbacks.LambdaCallback(on_epoch_end=lambda e, logs: print(e, logs, flush=True) if e % 5 == 0 else None)
    known = {"validation_data": (valid["x"], valid["y"]), "validation_batch_size": len(valid["y"])}
    model.fit(train["x"], train["y"], BATCH, epochs, callbacks=[*callbacks, told], verbose=0, **known)
    plain.set_weights(model.get_weights())
    return plain


def floating(seed: int, epochs: int, train: Arrays, valid: Arrays) -> tuple[keras.Model, dict[str, float]]:
    keras.utils.set_random_seed(seed)
    return fit(build_float, 4e-3, epochs, train, valid, [Keep()]), {}


def quantised(seed: int, epochs: int, train: Arrays, valid: Arrays) -> tuple[keras.Model, dict[str, float]]:
    """The price of an EBOP is controlled so that the cost meets the model's EBOPS. At the end the integer bits of data are
    those that training and validation jets need; more would wrap."""
    hgq = need_hgq()
    keras.utils.set_random_seed(seed)
    price = import_module("hgq.utils.sugar").BetaPID(
        0.95 * EBOPS, init_beta=BETA, p=1.0, i=0.05, warmup=WARM_UP, max_beta=1e-4
    )
    model = fit(build, 5e-3, epochs, train, valid, [price, Keep(EBOPS)])
    seen = np.concatenate([train["x"], valid["x"]])
    return model, {"ebops": hgq.utils.trace_minmax(model, seen, batch_size=4096)}


def logits(model: keras.Model, x: np.ndarray) -> np.ndarray:
    return model.predict(x, batch_size=4096, verbose=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--state", type=Path, help="trained networks, kept between runs; default: DIR/trained")
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--float-epochs", type=int, default=60)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=HERE)
    a = parser.parse_args()

    whole = five_class(a.data, "constituents")
    x = np.rint(series(whole["x"][:, :PARTICLES]) / INPUT_LSB) * INPUT_LSB
    whole = {**whole, "x": x.astype(np.float32)}
    train, valid, test = block(whole, 0, TRAIN), block(whole, TRAIN, VALID), shuffled(block(whole, VALID, 1), 1)
    need_hgq()
    state = (a.state or a.data / "trained") / a.out.name
    state.mkdir(parents=True, exist_ok=True)
    stages: tuple[tuple[str, int, Callable[..., Any]], ...] = (
        ("float", a.float_epochs, floating),
        ("quantised", a.epochs, quantised),
    )
    rows, first = [], {}
    for seed in a.seeds:
        for stage, epochs, trained in stages:
            kept, entry = state / f"{stage}_{seed}.keras", state / f"{stage}_{seed}.json"
            if not entry.exists():
                model, cost = trained(seed, epochs, train, valid)
                model.save(kept)
                answers = logits(model, test["x"])
                if not np.array_equal(logits(keras.models.load_model(kept, compile=False), test["x"]), answers):
                    raise SystemExit(f"{kept} is not the network that was saved")
                found = of_classes(answers, test["y"], CLASSES)
                entry.write_text(json.dumps({"stage": stage, "seed": seed, **found, **cost}))
            rows.append(json.loads(entry.read_text()))
            print(rows[-1], flush=True)
            if seed == a.seeds[0]:
                (a.out / f"{stage}.keras").write_bytes(kept.read_bytes())
                again = keras.models.load_model(a.out / f"{stage}.keras", compile=False)
                first[stage] = of_classes(logits(again, test["x"][:SAMPLE]), test["y"][:SAMPLE], CLASSES)
        (a.out / "training.json").write_text(json.dumps({"runs": rows}, indent=1) + "\n")
    codes, y = np.rint(test["x"][:SAMPLE] / INPUT_LSB).astype(np.int16), test["y"][:SAMPLE].astype(np.uint8)
    np.savez_compressed(a.out / "sample.npz", x=codes, x_scale=INPUT_LSB, x_offset=0.0, y=y)
    unknown = dict.fromkeys(("bit_exact_vs_quantised_model", "emulator_mismatches", "bit_exact_rtl_vs_csim"))
    known = {"model": a.out.name, "data": "sample.npz", "samples": len(y), **unknown, **first}
    models.save(models.Model(a.out), known)  # `fpga-ml models eval --save` adds the compiler's stages


if __name__ == "__main__":
    main()
