"""Quark or gluon at one pT: five numbers of a jet, a BDT of them, and every committed network of that bin, on the same
test jets.

    python models/jet_cnn/compare.py --data DIR [--pt 200]

writes comparison.json into the folder of the bin's compact network: AUC, gluons rejected at half of the quarks, and
gluon efficiency against quark efficiency. Errors are statistical; an AUC less another's has the error of the difference on
the same jets. DIR is what the networks were trained from.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_curve

from fpga_ml.frontend.load import load
from fpga_ml.science.jets.data import Arrays, quark_gluon
from fpga_ml.science.jets.images import Standardise, images_of
from fpga_ml.science.jets.metrics import auc, auc_difference, rejection

MODELS = Path(__file__).resolve().parent.parent
OBSERVABLES = {"mass": 2, "particles": 3, "charged particles": 4, "girth": 5, "pTD": 6}
QUARK_EFFICIENCIES = np.linspace(0.05, 0.99, 95)
BDT_SEEDS = (1, 2, 3)


def observables(train: Arrays, test: Arrays) -> Iterator[tuple[str, np.ndarray]]:
    """(name, score): the number itself, its sign so that quarks score higher; and a BDT, mean of its seeds."""
    for name, column in OBSERVABLES.items():
        found = test["meta"][:, column].astype(np.float64)
        yield name, found if auc(found, test["y"])[0] > 0.5 else -found
    columns = [*OBSERVABLES.values()]
    scores = []
    for seed in BDT_SEEDS:
        bdt = HistGradientBoostingClassifier(max_iter=150, learning_rate=0.06, random_state=seed, early_stopping=True)
        bdt.fit(train["meta"][:, columns], train["y"])
        scores.append(bdt.predict_proba(test["meta"][:, columns])[:, 1])
    yield "BDT of the five", np.mean(scores, axis=0)


def networks(pt_gev: int, test: Arrays) -> Iterator[tuple[str, np.ndarray]]:
    """(folder and stage, score) of every network that was trained for the bin."""
    for path in sorted(MODELS.glob("jet_cnn*/training.json")):
        if json.loads(path.read_text())["pt_gev"] != pt_gev:
            continue
        folder = path.parent
        for stage in ("grey", "float", "quantised"):
            if (folder / f"{stage}.keras").exists():
                grey = stage == "grey"
                prepare = Standardise.load(folder / f"standardise{'_grey' * grey}.npz")
                model = load(folder / f"{stage}.keras").model
                yield f"{folder.name}, {stage}", _scores(model, prepare.codes(images_of(test, grey=grey)), prepare)


def _scores(model: keras.Model, codes: np.ndarray, prepare: Standardise) -> np.ndarray:
    said = [model.predict(part, batch_size=256, verbose=0)[:, 1] for part in prepare.in_parts(codes)]
    return np.concatenate(said).astype(np.float64)


def figures(scores: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    value, error = auc(scores, y)
    inverse, inverse_error = rejection(scores, y)
    false, true, _ = roc_curve(y, scores, drop_intermediate=False)
    return {
        "auc": round(value, 4),
        "auc_error": round(error, 4),
        "rejection_at_half": round(inverse, 2),
        "rejection_at_half_error": round(inverse_error, 2),
        "gluon_efficiency": [round(float(v), 5) for v in np.interp(QUARK_EFFICIENCIES, true, false)],
    }


def less(scores: np.ndarray, others: np.ndarray, y: np.ndarray) -> list[float]:
    """[difference of the AUCs, its error]."""
    return [round(v, 5) for v in auc_difference(scores, others, y)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pt", type=int, default=200, help="bin in GeV")
    a = parser.parse_args()
    train, _, test = quark_gluon(a.data, a.pt)
    y = test["y"]
    scores = dict([*observables(train, test), *networks(a.pt, test)])
    found = {name: figures(s, y) for name, s in scores.items()}
    for name, own in scores.items():
        folder, _, stage = name.partition(", ")
        if stage:
            found[name]["auc_less_bdt"] = less(own, scores["BDT of the five"], y)
        if stage == "quantised":
            found[name]["auc_less_float"] = less(own, scores[f"{folder}, float"], y)
    out = MODELS / ("jet_cnn" if a.pt == 200 else f"jet_cnn_pt{a.pt}") / "comparison.json"
    whole = {
        "pt_gev": a.pt,
        "training_jets": len(train["y"]),
        "test_jets": len(y),
        "quark_efficiency": [round(float(v), 2) for v in QUARK_EFFICIENCIES],
        "of": found,
    }
    out.write_text(json.dumps(whole, separators=(",", ":")).replace('},"', '},\n"') + "\n")
    for name, row in found.items():
        print(name, {k: v for k, v in row.items() if k != "gluon_efficiency"})
    print(out)


if __name__ == "__main__":
    main()
