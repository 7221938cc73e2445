"""The CPU baselines compute what the kernel does; a wrong one is not timed."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_ml.errors import FpgaMlError
from fpga_ml.science.celeste import Float64, benchmark


def test_every_baseline_agrees_and_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "_LEAST_SECONDS", 0.0)
    found = benchmark.measure((2, 28))
    names = [one.implementation for one in found if one.components == 28]
    assert names == [
        *("NumPy float64", "NumPy float32", "numba float64", "numba float32"),
        *("C float64", "C float32", "C float32, polynomial exp2"),
    ]
    assert len(found) == 2 * len(names)


def test_a_wrong_one_is_refused() -> None:
    table, patch = benchmark._task(2)
    exact = Float64()(table, patch)
    benchmark.agree("right", exact, exact.value * 1.000001, exact.moments)
    with pytest.raises(FpgaMlError, match="wrong gives the value"):
        benchmark.agree("wrong", exact, exact.value * 1.0001, exact.moments)
    with pytest.raises(FpgaMlError, match="moments off by"):
        benchmark.agree("wrong", exact, exact.value, exact.moments * np.array([1, 1, 1, 1, 1.01, 1]))
    with pytest.raises(FpgaMlError, match="wrong gives"):
        benchmark.agree("wrong", exact, np.nan, exact.moments)
    with pytest.raises(FpgaMlError, match="no patch of 5 components"):
        benchmark.measure((5,))
