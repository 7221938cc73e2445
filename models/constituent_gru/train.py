"""Trains the GRU form of the constituent tagger: models/constituent_lstm/train.py with this folder's model.

python models/constituent_gru/train.py --data DIR [...]
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.argv += ["--out", str(HERE)]
    runpy.run_path(str(HERE.parent / "constituent_lstm" / "train.py"), run_name="__main__")
