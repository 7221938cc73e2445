"""Trains the compact jet CNN for 100 GeV: models/jet_cnn/train.py on that bin, from that network's weights.

fpga-ml models train jet_cnn_pt100 --data DIR [...]
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
AT_200 = HERE.parent / "jet_cnn"

if __name__ == "__main__":
    sys.path.insert(0, str(AT_200))
    sys.argv[1:1] = ["--pt", "100", "--start", str(AT_200), "--out", str(HERE)]
    runpy.run_path(str(AT_200 / "train.py"), run_name="__main__")
