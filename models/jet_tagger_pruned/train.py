"""Trains the pruned form of the five-class tagger: models/jet_tagger/train.py with three quarters of the weights at zero.

fpga-ml models train jet_tagger_pruned --data DIR [...]
"""

from __future__ import annotations

from pathlib import Path

from another import train_as

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    train_as("jet_tagger", "--sparsity", "0.75", "--out", str(HERE))
