"""What the CNN stands beside: cuts on one number of a jet, and a BDT on five of them, on the CNN's own test jets.

    python models/jet_cnn/baselines.py --data DIR    # writes baselines.json: AUC and rejection with errors

DIR holds qg_pt200{,_train}_{q,g}.npz.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from fpga_ml.science.jets.data import read
from fpga_ml.science.jets.metrics import auc, rejection

HERE = Path(__file__).parent
COLUMNS = {"multiplicity": 3, "charged multiplicity": 4, "girth": 5}
BDT_COLUMNS = (2, 3, 4, 5, 6)  # mass, particles, charged particles, girth, pTD
SEEDS = (1, 2, 3)


def jets(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """(meta (N, 7), 1 for quark) with as many quark as gluon jets."""
    quark, gluon = (read(folder, f"{name}_{k}.npz")["meta"] for k in "qg")
    n = min(len(quark), len(gluon))
    return np.concatenate([quark[:n], gluon[:n]]), np.repeat([1, 0], n)


def figures(scores: np.ndarray, y: np.ndarray) -> dict[str, float]:
    value, error = auc(scores.astype(np.float64), y)
    inverse, inverse_error = rejection(scores, y)
    rounded = {"auc": value, "auc_error": error, "rejection_at_half": inverse, "rejection_at_half_error": inverse_error}
    return {k: round(float(v), 4) for k, v in rounded.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    a = parser.parse_args()
    x, y = jets(a.data, "qg_pt200_train")
    test_x, test_y = jets(a.data, "qg_pt200")
    found = {name: figures(-test_x[:, column], test_y) for name, column in COLUMNS.items()}
    for seed in SEEDS:
        bdt = HistGradientBoostingClassifier(max_iter=150, learning_rate=0.06, random_state=seed, early_stopping=True)
        bdt.fit(x[:, BDT_COLUMNS], y)
        found[f"BDT, seed {seed}"] = figures(bdt.predict_proba(test_x[:, BDT_COLUMNS])[:, 1], test_y)
    (HERE / "baselines.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
