"""A block of a matrix, solved in a process of its own: the solver cannot be interrupted, and several run side by side.

Arguments: an npz with `matrix` (K, M) and `reach` (K, 3: least, greatest value and step of each input); where the stages go,
pickled.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np
from alkaid.cmvm import cmvm_solve


def main(given: str, result: str) -> None:
    with np.load(given) as file:
        stages = cmvm_solve(file["matrix"], qintervals=[tuple(row) for row in file["reach"].tolist()])
    Path(result).write_bytes(pickle.dumps(stages))


if __name__ == "__main__":
    main(*sys.argv[1:])
