"""How fast a CPU core does what the kernel does: NumPy, numba and C, each checked against the exact form before it is
timed."""

from __future__ import annotations

import ctypes
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fpga_ml.celeste_design import offsets
from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste.evaluator import Float64, Floats, Patch, Result
from fpga_ml.science.celeste.simulate import SCENES, SDSS, observe
from fpga_ml.science.celeste.sources import Galaxy, Source, Star, scene
from fpga_ml.toolchain.find import compiler
from fpga_ml.toolchain.run import Command, run

_RUNS = 5
_LEAST_SECONDS = 0.3
_STRIDE = 64
_SOURCE = Path(__file__).with_name("baseline.c")
_C = {
    "C float64": ("-Ofast",),
    "C float32": ("-Ofast", "-DSINGLE"),
    "C float32, polynomial exp2": ("-Ofast", "-DSINGLE", "-DOWN_EXP2"),
}

Kernel = Callable[[bool], tuple[float, Floats | None]]
"""Of one prepared patch: given whether moments are wanted, the value and the moments (K, 6)."""


@dataclass(frozen=True)
class Rate:
    """Millions of pixels a second of CPU time on one core; of the value alone, and with the moments."""

    implementation: str
    components: int
    value: float
    gradient: float


def measure(components: tuple[int, ...] = (2, 30)) -> list[Rate]:
    """Every implementation at every number of components (2: a star, 28: a galaxy, 30: both), on a patch of 51 x 51.

    Raises where one does not give the exact form's value and moments to its precision. numba is left out if it is not
    installed.
    """
    rates = []
    for size in components:
        table, patch = _task(size)
        exact = Float64()(table, patch)
        with tempfile.TemporaryDirectory() as folder:
            for name, kernel in _kernels(table, patch, Path(folder)):
                value, moments = kernel(True)
                assert moments is not None
                agree(name, exact, value, moments)
                value_rate, gradient_rate = (_rate(kernel, wanted, patch.counts.size) for wanted in (False, True))
                rates.append(Rate(name, size, value_rate, gradient_rate))
    return rates


def agree(name: str, exact: Result, value: float, moments: Floats) -> None:
    """Raises unless value and moments are the exact ones to single precision, each moment relative to the largest of its
    kind."""
    error = np.abs(moments - exact.moments).max(axis=0) / np.abs(exact.moments).max(axis=0)
    if not (abs(value - exact.value) <= 1e-5 * abs(exact.value) and error.max() <= 1e-3):
        raise FpgaMlError(
            f"{name} gives the value {value:.6g} instead of {exact.value:.6g}, and moments off by {error.max():.2g}",
            do="do not use its rate",
        )


def _task(components: int) -> tuple[Floats, Patch]:
    """Coefficients (K, 6) a little off the truth, and a patch."""
    galaxy = SCENES["galaxy r=16.3"][0]
    assert isinstance(galaxy, Galaxy)
    of_size: dict[int, list[Source]] = {2: [Star(0.0, 0.0, 30.0)], 28: [galaxy], 30: [galaxy, Star(6.0, 4.0, 30.0)]}
    if components not in of_size:
        raise FpgaMlError(f"no patch of {components} components", do=f"choose of {', '.join(map(str, of_size))}")
    patch, truth = observe(of_size[components], seed=0)
    moved = scene(truth, SDSS)
    return moved.at(moved.vector() + 0.01).coefficients()[0], patch


def _rate(kernel: Kernel, moments: bool, pixels: int) -> float:
    """Of CPU time, and the best of some runs: what the core does while others do not have it."""
    found = []
    for _ in range(_RUNS):
        calls, start = 0, time.process_time()
        while time.process_time() - start < _LEAST_SECONDS:
            kernel(moments)
            calls += 1
        found.append(calls * pixels / (time.process_time() - start) / 1e6)
    return max(found)


def _kernels(table: Floats, patch: Patch, folder: Path) -> Iterator[tuple[str, Kernel]]:
    for name, kind in (("NumPy float64", np.float64), ("NumPy float32", np.float32)):
        yield name, _numpy(table, patch, kind)
    try:
        from fpga_ml.science.celeste.numba_baseline import evaluate
    except ImportError:
        pass
    else:
        for name, kind in (("numba float64", np.float64), ("numba float32", np.float32)):
            yield name, _numba(evaluate, table, patch, kind)
    for name, flags in _C.items():
        yield name, _c(table, patch, flags, folder / f"{name.replace(' ', '_')}.so")


def _images(patch: Patch) -> tuple[Floats, Floats, Floats]:
    """(H, W) counts, background and weight: masked pixels have a weight of 0, and numbers with which all stays finite."""
    used = patch.used
    return np.where(used, patch.counts, 0.0), np.where(used, patch.background, 1.0), used.astype(np.float64)


def _numpy(table: Floats, patch: Patch, kind: type[np.floating[Any]]) -> Kernel:
    monomials, rows = offsets(patch.counts.shape).astype(kind), table.T.astype(kind)
    counts, background, weight = (image.reshape(-1).astype(kind) for image in _images(patch))
    inverse = 1 / np.maximum(counts, kind(1))

    def kernel(moments: bool) -> tuple[float, Floats | None]:
        light = np.exp2(monomials @ rows)
        rate = background + light.sum(axis=1)
        value = float((weight * (counts * np.log(rate * inverse) - rate + counts)).sum())
        return value, ((light.T * (weight * (counts / rate - 1))) @ monomials) if moments else None

    return kernel


def _numba(evaluate: Callable[..., float], table: Floats, patch: Patch, kind: type[np.floating[Any]]) -> Kernel:
    counts, background, weight = (image.astype(kind) for image in _images(patch))
    rows = table.astype(kind)
    inverse = 1 / np.maximum(counts, kind(1))
    light, found = np.empty((len(table), counts.shape[1]), dtype=kind), np.zeros((len(table), 6))

    def kernel(moments: bool) -> tuple[float, Floats | None]:
        value = evaluate(counts, inverse, background, weight, rows, light, found, moments)
        return float(value), found.copy() if moments else None

    return kernel


def _c(table: Floats, patch: Patch, flags: tuple[str, ...], library: Path) -> Kernel:
    command = [compiler(), "-x", "c", *flags, "-march=native", "-shared", "-fPIC", str(_SOURCE), "-o", str(library), "-lm"]
    run(Command(command, library.parent), what="compiling the C baseline", do="install g++")
    loaded = ctypes.CDLL(str(library))
    loaded.evaluate.restype = ctypes.c_double
    kind = np.float32 if "-DSINGLE" in flags else np.float64
    rows, columns = patch.counts.shape

    def padded(image: Any, fill: float) -> Any:
        return np.ascontiguousarray(np.pad(image, ((0, 0), (0, _STRIDE - columns)), constant_values=fill), dtype=kind)

    counts, background, weight = _images(patch)
    held = [
        padded(counts, 0),
        padded(1 / np.maximum(counts, 1), 1),
        padded(background, 1),
        padded(weight, 0),
        np.ascontiguousarray(table, dtype=kind),
    ]
    found = np.zeros((len(table), 6))
    given = [ctypes.c_void_p(array.ctypes.data) for array in held]

    def kernel(moments: bool) -> tuple[float, Floats | None]:
        wanted = ctypes.c_void_p(found.ctypes.data if moments else None)
        value = loaded.evaluate(rows, columns, len(held[4]), *given, wanted)  # and keeps the arrays
        return float(value), found.copy() if moments else None

    return kernel
