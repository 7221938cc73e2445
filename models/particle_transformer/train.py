"""Trains this folder's tagger as models/particle_deepsets/train.py does its own.

python models/particle_transformer/train.py --data DIR [...]
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.argv[1:1] = ["--out", str(HERE)]
    runpy.run_path(str(HERE.parent / "particle_deepsets" / "train.py"), run_name="__main__")
