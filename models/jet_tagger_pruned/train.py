"""Trains the pruned form of the five-class tagger: models/jet_tagger/train.py with three quarters of the weights at zero.

fpga-ml models train jet_tagger_pruned --data DIR [...]
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DENSE = HERE.parent / "jet_tagger"

if __name__ == "__main__":
    sys.path.insert(0, str(DENSE))
    sys.argv += ["--sparsity", "0.75", "--out", str(HERE)]
    runpy.run_path(str(DENSE / "train.py"), run_name="__main__")
