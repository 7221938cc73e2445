"""Trains the paper's network: models/jet_cnn/train.py with this folder's model.

fpga-ml models train jet_cnn_paper --data DIR [...]
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    sys.argv[1:1] = ["--epochs", "10", "--quantised-epochs", "6", "--sparsity", "0.5", "--out", str(HERE)]
    runpy.run_path(str(HERE.parent / "jet_cnn" / "train.py"), run_name="__main__")
