"""Trains the regression of true pT and mass: float, then quantisation-aware; writes what this folder holds.

    python models/jet_regression/train.py --data DIR [--bits 10] [--seeds 1 2 3]

DIR holds wqcd_{w,qcd}.npz or w_qcd_pt250/; the jets with pile-up whose truth is known are used. Two minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import keras
import numpy as np
from figures import figures, of
from model import COLUMNS, MASS_UNIT_GEV, build

from fpga_ml.quantise import save_plain, to_qkeras
from fpga_ml.science.jets.data import Arrays, block, join, shuffled, w_qcd
from fpga_ml.science.jets.features import Features

HERE = Path(__file__).parent
TRAIN, VALID = 0.6, 0.7
BATCH = 64
WEIGHTS = {"pt": 16.0, "mass": 1.0}


def jets(folder: Path, low: float, high: float) -> Arrays:
    """A block of both classes: feat (N, 9) and truth (N, 2) of jets with pile-up that match one without."""
    parts = []
    for found in w_qcd(folder):
        part = block({k: found[k] for k in ("feat", "truth", "z")}, low, high)
        kept = (part["z"] == 1) & (part["truth"][:, 0] > 0)
        parts.append({k: part[k][kept].astype(np.float64) for k in ("feat", "truth")})
    return shuffled(join(parts), 1)


def targets(part: Arrays) -> dict[str, np.ndarray]:
    return {"pt": part["truth"][:, 0] / part["feat"][:, 0], "mass": part["truth"][:, 1] / MASS_UNIT_GEV}


def fit(model: keras.Model, rate: float, epochs: int, known: tuple, valid: tuple) -> None:
    """The best of the epochs by validation loss, the rate falling to 0 as a cosine; Huber with knees near the widths of pT
    and mass."""
    losses = {"pt": keras.losses.Huber(0.1), "mass": keras.losses.Huber(0.2)}
    falling = keras.optimizers.schedules.CosineDecay(rate, epochs * -(-len(known[0]) // BATCH))
    model.compile(keras.optimizers.Adam(falling), losses, loss_weights=WEIGHTS)
    callbacks = [keras.callbacks.EarlyStopping(patience=epochs, restore_best_weights=True)]
    model.fit(*known, BATCH, epochs, validation_data=valid, callbacks=callbacks, verbose=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bits", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--quantised-epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    a = parser.parse_args()

    train, valid, test = (jets(a.data, *ends) for ends in ((0, TRAIN), (TRAIN, VALID), (VALID, 1)))
    raw = train["feat"][:, COLUMNS]
    prepare = Features.fit(raw, np.ones(len(COLUMNS), bool))
    prepare.save(HERE / "standardise.npz")
    x, valid_x, test_x = (prepare.values(part["feat"][:, COLUMNS]) for part in (train, valid, test))
    reco = test["feat"][:, [0, 2]]
    sample = {"reco": reco, "truth": test["truth"]}
    rows = [{"stage": "reconstructed", **of(reco, test["truth"])}]
    print(f"{len(x)} training, {len(valid_x)} validation, {len(test_x)} test jets\n{rows[0]}")
    for seed in a.seeds:
        keras.utils.set_random_seed(seed)
        floating = build()
        fit(floating, 2e-3, a.epochs, (x, targets(train)), (valid_x, targets(valid)))
        twin = to_qkeras(floating, bits=a.bits, data=x[:4000])
        fit(twin, 5e-4, a.quantised_epochs, (x, targets(train)), (valid_x, targets(valid)))
        for stage, model in (("float", floating), ("quantised", twin)):
            found = model.predict(test_x, batch_size=8192, verbose=0)
            found = [found[k] for k in ("pt", "mass")] if isinstance(found, dict) else found
            rows.append({"stage": stage, "seed": seed, **figures(found, sample)})
            print(rows[-1], flush=True)
        if seed == a.seeds[0]:
            save_plain(floating, HERE / "float.keras")
            save_plain(twin, HERE / "quantised.keras")
    (HERE / "training.json").write_text(json.dumps({"runs": rows}, indent=1) + "\n")
    y = np.stack(list(targets(test).values()), 1)
    np.savez_compressed(
        HERE / "sample.npz",
        x=np.rint(test_x / prepare.type.lsb).astype(np.int16),
        x_scale=prepare.type.lsb,
        x_offset=0.0,
        y=y,
        **{k: v.astype(np.float32) for k, v in sample.items()},
    )


if __name__ == "__main__":
    main()
