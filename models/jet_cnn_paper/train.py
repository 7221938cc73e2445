"""Trains the paper's network: models/jet_cnn/train.py with this folder's model.

fpga-ml models train jet_cnn_paper --data DIR [...]
"""

from __future__ import annotations

from pathlib import Path

from another import train_as

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    train_as("jet_cnn", "--epochs", "10", "--quantised-epochs", "6", "--sparsity", "0.5", "--out", str(HERE))
