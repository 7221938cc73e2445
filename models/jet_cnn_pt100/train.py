"""Trains the compact jet CNN for 100 GeV: models/jet_cnn/train.py on that bin, from that network's weights.

fpga-ml models train jet_cnn_pt100 --data DIR [...]
"""

from __future__ import annotations

from pathlib import Path

from another import MODELS, train_as

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    train_as("jet_cnn", "--pt", "100", "--start", str(MODELS / "jet_cnn"), "--out", str(HERE))
