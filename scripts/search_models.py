"""Searches models of this checkout, and keeps of each what docs/search.md shows (models/NAME/search.json).

    python scripts/search_models.py [jet_tagger jet_cnn ...] [--train DIR [--hgq]] [-o searches]

With --train, each trial is trained: the taggers on the training jets of DIR/five_class_pt1000 (scripts/generate_jets.py
five_class), and judged on the model's sample; other networks on the first part of their sample, and judged on the rest.
With --hgq, the widths are found in training.
Searches go on where they were stopped. `make tables` writes the page.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fpga_ml.config import CONFIG_FILE, Config
from fpga_ml.explore.search import Search, search
from fpga_ml.explore.subject import Subject, opened
from fpga_ml.frontend.load import SAMPLE_FILE, load
from fpga_ml.science.jets.data import block, five_class
from fpga_ml.science.jets.features import Features
from fpga_ml.science.jets.series import series
from fpga_ml.sizing import costs_of, planned, typed

ROOT = Path(__file__).parent.parent
TRAINING_SHARE = 0.6
LEVELS, LEVEL_EPOCHS = 8, 50  # of the resource weight, with --hgq
TAGGER_SHARE = 0.7  # as models/jet_tagger/train.py and models/particle_deepsets/train.py
FIVE_CLASSES = ("jet_tagger", "particle_deepsets")


@dataclass(frozen=True)
class Asked:
    """How a model is searched; loss: that a point may have, to its float model's score where `relative`."""

    trials: int
    prove: int | None
    objective: str
    loss: float
    relative: bool = False
    epochs: int = 0


MODELS = {
    "jet_tagger": Asked(40, None, "auc", 0.002, epochs=20),
    "jet_cnn": Asked(20, 1, "auc", 0.002),
    "jet_regression": Asked(40, None, "width", 0.01, relative=True, epochs=20),
    "constituent_gru": Asked(20, 1, "auc", 0.002),
    "particle_deepsets": Asked(24, 1, "auc", 0.002, epochs=20),
}


def parts(folder: Path, out: Path) -> tuple[Path, Path]:
    """Files of the first part of a model's sample, to train on, and of the rest."""
    with np.load(folder / SAMPLE_FILE) as sample:
        arrays = {name: sample[name] for name in ("x", "x_scale", "x_offset", "y")}
    share = int(TRAINING_SHARE * len(arrays["x"]))
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in (("train", slice(0, share)), ("rest", slice(share, None))):
        np.savez(out / f"{name}.npz", **{k: a[rows] if a.ndim else a for k, a in arrays.items()})
    return out / "train.npz", out / "rest.npz"


def of_five_classes(folder: Path, data: Path, out: Path) -> Path:
    """The file of the jets that a five-class tagger was trained on, as it reads them: features, or particles."""
    particles = not (folder / "standardise.npz").exists()
    train = block(five_class(data, "constituents" if particles else "x"), 0, TAGGER_SHARE)
    if particles:
        with np.load(folder / SAMPLE_FILE) as sample:
            count, lsb = sample["x"].shape[1], float(sample["x_scale"])
        x = np.rint(series(train["x"][:, :count]) / lsb) * lsb
    else:
        x = Features.load(folder / "standardise.npz").values(train["x"])
    path = out / "train.npz"
    out.mkdir(parents=True, exist_ok=True)
    np.savez(path, x=x, y=train["y"])
    return path


def today(subject: Subject) -> dict[str, Any]:
    """The committed quantised model, as the search prices and judges a point."""
    it, config = opened(subject), Config.read(Path(subject.model) / CONFIG_FILE)
    source = load(subject.model)
    prepared, layers = typed(source, config, it.calibration)
    assert prepared.calibrated is not None
    mean, error = it.loss(it.emulated(layers, prepared.calibrated.input_types))
    _, rtl = planned(layers, config, source.name)
    return {"loss": {"mean": mean, "error": error}, "costs": costs_of(rtl, config.clock_ns)}


def summary(found: Search, subject: Subject, asked: Asked) -> dict[str, Any]:
    whole = found.found
    most = asked.loss * (abs(whole["objective"]["float_test"]) if asked.relative else 1.0)
    within = [r for r in whole["trials"] if r["state"] == "done" and r["loss"]["mean"] <= most]
    best = min(within, key=lambda r: r["costs"]["luts"], default=None)
    uniform = [r for r in whole["trials"] if r["origin"] == "uniform" and r["state"] == "done"]
    same = {
        max(v for k, v in r["params"].items() if "zeros" not in k and k != "softmax table"): r for r in reversed(uniform)
    }
    eight = same.get(8)
    proofs = {p["number"]: p["proved"] for p in whole["points"]}
    rows = {"today": today(subject), "uniform 8 bits": eight, "searched": best}
    return {
        "how": whole["how"],
        "objective": whole["objective"],
        "samples": whole["samples"],
        "trials": len(whole["trials"]),
        "most": most,
        "proved": [sum(p is True for p in proofs.values()), len(whole["front"])],
        "uniform": {bits: _row(row) for bits, row in sorted(same.items())},
        "rows": {name: _row(row) for name, row in rows.items() if row is not None},
    }


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"loss": row["loss"], "costs": row["costs"]} | ({"params": row["params"]} if "params" in row else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(MODELS), metavar="NAME")
    parser.add_argument("--train", type=Path, metavar="DIR")
    parser.add_argument("--hgq", action="store_true")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "searches")
    a = parser.parse_args()
    if a.hgq and a.train is None:
        parser.error("--hgq needs --train DIR")
    for name in a.names:
        asked, folder = MODELS[name], ROOT / "models" / name
        kind = "bits" if a.train is None or not asked.epochs else "hgq" if a.hgq else "training"
        out = a.out / (name if kind == "bits" else f"{name}_{kind}")
        how: dict[str, Any] = {"trials": asked.trials, "prove": asked.prove, "objective": asked.objective, "output": out}
        data = None
        if kind != "bits":
            place = a.out / f"{name}_data"
            if name in FIVE_CLASSES:
                train = of_five_classes(folder, a.train, place)
            else:
                train, data = parts(folder, place)
            how |= {"train": train, "data": data, "epochs": asked.epochs}
        if kind == "hgq":
            how |= {"hgq": True, "trials": LEVELS, "epochs": LEVEL_EPOCHS, "prove": None, "trial_limit_s": 3600}
        found = search(folder, **how)
        settings = json.loads((out / "subject.json").read_text())["settings"]
        given = None if data is None else str(data)
        subject = Subject(name, str(folder), given, settings, asked.objective, str(Path.cwd()))
        kept = folder / "search.json"
        every = json.loads(kept.read_text()) if kept.exists() else {}
        every[kind] = summary(found, subject, asked)
        kept.write_text(json.dumps(every, indent=1) + "\n")
        print(name, json.dumps(every[kind]["rows"], indent=1), flush=True)


if __name__ == "__main__":
    main()
