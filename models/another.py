"""Training a model by another one's train.py, with arguments of its own."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

MODELS = Path(__file__).resolve().parent


def train_as(name: str, *arguments: str) -> None:
    """Run models/NAME/train.py with these arguments before the user's. What it imports comes from the model's own folder
    where that has it, else from the other's."""
    sys.path.append(str(MODELS / name))
    sys.argv[1:1] = arguments
    runpy.run_path(str(MODELS / name / "train.py"), run_name="__main__")
