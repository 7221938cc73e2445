"""Trains the W classifier with and without the adversary, then the chosen one for hardware; writes what this folder holds.

    python models/w_pivot/train.py --data DIR [--seeds 1 2 3] [--lam 10] [--bits 8] [--iterations 1500]

DIR holds wqcd_{w,qcd}.npz or w_qcd_pt250/. Every lambda is trained with every seed (training.json: figures and AMS curves);
what is committed is lambda = --lam of the first seed, quantised by going on with the same adversarial training.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pivot
from figures import figures
from model import COLUMNS, build

from fpga_ml.quantise import save_plain, to_qkeras
from fpga_ml.science.jets.data import Arrays, block, join, shuffled, w_qcd
from fpga_ml.science.jets.features import Features
from fpga_ml.science.jets.metrics import ams_curve

HERE = Path(__file__).parent
LAMBDAS = ("0 at z=0", 0.0, 1.0, 10.0, 500.0)
ADVERSARY = (64, 64, 64)


def halves(folder: Path) -> tuple[Arrays, Arrays]:
    """(training, test): the first and the second half of each class in event order; x raw features, y 1 for W, z."""
    out = []
    for low, high in ((0.0, 0.5), (0.5, 1.0)):
        parts = [
            {"x": found["feat"][:, COLUMNS].astype(np.float64), "y": np.full(len(found["z"]), label), "z": found["z"]}
            for label, found in ((1, block(w_qcd(folder)[0], low, high)), (0, block(w_qcd(folder)[1], low, high)))
        ]
        out.append(shuffled(join(parts), 1))
    return out[0], out[1]


def train(data: pivot.Data, model: keras.Model, how: pivot.Training, seed: int) -> keras.Model:
    r = pivot.adversary(ADVERSARY, 1)
    pivot.fit(model, r, data, how, pivot.binary, seed)
    return model


def scores(model: keras.Model, x: np.ndarray) -> np.ndarray:
    return model.predict(x, batch_size=8192, verbose=0)[:, 0].astype(np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--lam", type=float, default=10.0)
    parser.add_argument("--bits", type=int, default=8)
    parser.add_argument("--iterations", type=int, default=1500)
    a = parser.parse_args()

    raw, test = halves(a.data)
    prepare = Features.fit(raw["x"], np.ones(len(COLUMNS), bool))
    prepare.save(HERE / "standardise.npz")
    data = pivot.Data(prepare.values(raw["x"]), raw["y"].astype(np.float32), raw["z"].astype(np.float32))
    test_x = prepare.values(test["x"])
    print(f"{len(data.x)} training, {len(test_x)} test jets; {prepare.saturated(test['x'])} test values saturate")

    how = pivot.Training(iterations=a.iterations)
    rows = []

    def enter(stage: str, lam: float | str, seed: int, model: keras.Model) -> None:
        found = scores(model, test_x)
        curve = ams_curve(found, test["y"], test["z"])
        row = {"stage": stage, "lambda": lam, "seed": seed, **figures([found], test)}
        print(" ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)
        rows.append({**row, "ams": [round(float(v), 3) for v in curve.values]})

    for seed in a.seeds:
        for lam in LAMBDAS:
            keras.utils.set_random_seed(seed)
            clean = isinstance(lam, str)
            kept = data.z == 0
            seen = pivot.Data(data.x[kept], data.y[kept], data.z[kept]) if clean else data
            model = train(seen, build(), replace(how, lam=0.0 if clean else lam), seed)
            enter("float", lam, seed, model)
            if lam == a.lam:
                twin = build(hard=True)
                twin.set_weights(model.get_weights())
                twin = to_qkeras(twin, bits=a.bits, data=data.x[:4000])
                train(data, twin, replace(how, lam=lam, classifier_rate=3e-4, pretrain_epochs=2), seed)
                enter("quantised", lam, seed, twin)
                if seed == a.seeds[0]:
                    save_plain(model, HERE / "float.keras")
                    save_plain(twin, HERE / "quantised.keras")
    (HERE / "training.json").write_text(json.dumps({"thresholds": "0 .. 0.99 in steps of 0.01", "runs": rows}) + "\n")
    integers = np.rint(test_x / prepare.type.lsb).astype(np.int16)
    np.savez_compressed(
        HERE / "sample.npz",
        x=integers,
        x_scale=prepare.type.lsb,
        x_offset=0.0,
        y=test["y"].astype(np.uint8),
        z=test["z"].astype(np.uint8),
    )


if __name__ == "__main__":
    main()
