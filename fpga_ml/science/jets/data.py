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


def quark_gluon(folder: Path, pt_gev: int) -> tuple[Arrays, Arrays, Arrays]:
    """(training, validation, test) jets of a bin with pt, nch, meta, y (1 for quark), as many quarks as gluons, shuffled:
    81, 9 and 10 % of each class in event order (90 and 10 % where the test jets are a set of their own)."""
    made = f"quark_gluon_pt{pt_gev}/quark_gluon_{{}}.npz"
    if (folder / made.format("q")).exists() or not (folder / f"qg_pt{pt_gev}_q.npz").exists():
        kinds = [read(folder, made.format(k)) for k in "gq"]
        return _mixed(kinds, 0.0, 0.81, 1), _mixed(kinds, 0.81, 0.9, 2), _mixed(kinds, 0.9, 1.0, 3)
    kinds = [read(folder, f"qg_pt{pt_gev}_train_{k}.npz") for k in "gq"]
    tests = [read(folder, f"qg_pt{pt_gev}_{k}.npz") for k in "gq"]
    return _mixed(kinds, 0.0, 0.9, 1), _mixed(kinds, 0.9, 1.0, 2), _mixed(tests, 0.0, 1.0, 3)


def _mixed(kinds: list[Arrays], low: float, high: float, seed: int) -> Arrays:
    """The same block of every class, cut to the smallest class, with y its number."""
    n = min(len(k["nch"]) for k in kinds)
    parts = [
        {name: k[name][:n][int(low * n) : int(high * n)] for name in ("pt", "nch", "meta")}
        | {"y": np.full(int(high * n) - int(low * n), label, np.uint8)}
        for label, k in enumerate(kinds)
    ]
    return shuffled(join(parts), seed)


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
