"""Simulated jets from disk, as generate_jets.py leaves them or as older sets name them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.errors import FpgaMlError

Arrays = dict[str, npt.NDArray[Any]]


def read(folder: Path, *candidates: str) -> Arrays:
    """The first of the candidate files (paths below `folder`) that is there, all arrays."""
    for name in candidates:
        path = folder / name
        if path.exists():
            with np.load(path) as z:
                return {k: z[k] for k in z.files}
    raise FpgaMlError(
        f"none of {', '.join(candidates)} is there", where=str(folder), do="make them: python scripts/generate_jets.py"
    )


def block(arrays: Arrays, low: float, high: float) -> Arrays:
    """The jets between two fractions of a set. Files are in event order: no event is in two blocks but at the border."""
    n = len(next(iter(arrays.values())))
    return {k: a[int(low * n) : int(high * n)] for k, a in arrays.items()}


def join(parts: list[Arrays]) -> Arrays:
    """Sets of the same arrays one behind the other."""
    return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}


def shuffled(arrays: Arrays, seed: int) -> Arrays:
    order = np.random.default_rng(seed).permutation(len(next(iter(arrays.values()))))
    return {k: a[order] for k, a in arrays.items()}


def w_qcd(folder: Path) -> tuple[Arrays, Arrays]:
    """(W jets, QCD jets) with feat, pt, nch, z, truth: fpga_ml/science/jets/sets.py."""
    made = "w_qcd_pt250/w_qcd_{}.npz"
    return read(folder, made.format("w"), "wqcd_w.npz"), read(folder, made.format("qcd"), "wqcd_qcd.npz")


def five_class(folder: Path, name: str = "x") -> Arrays:
    """x, the array of this name ((N, 16) features, or (N, 20, 4) constituents), and y (N,), the class number in the order g,
    q, W, Z, t; each class in event order, interleaved so that a block of fractions cuts every class alike."""
    parts = []
    for label, kind in enumerate("gqwzt"):
        found = read(folder, f"five_class_pt1000/five_class_{kind}.npz")
        n = len(found[name])
        parts.append({"x": found[name], "y": np.full(n, label), "at": np.arange(n) / n})
    whole = join(parts)
    order = np.argsort(whole.pop("at"), kind="stable")
    return {k: a[order] for k, a in whole.items()}
