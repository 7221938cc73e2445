"""Features of a jet as the hardware sees them: logarithm where wanted, standardise, saturate, round."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fpga_ml.numerics import FixedType, Overflow, Rounding

Array = npt.NDArray[np.float64]
_FLOOR = 1e-4


@dataclass(frozen=True)
class Features:
    """Standardisation of features (N, F), followed by rounding to ap_fixed<width, integer, AP_RND_CONV, AP_SAT>.

    mean, sigma: (F,) of the training set, after the logarithm where `logged` (F,) asks for it (of at least 1e-4).
    """

    mean: Array
    sigma: Array
    logged: npt.NDArray[np.bool_]
    width_bits: int = 10
    integer_bits: int = 4

    @classmethod
    def fit(cls, features: Array, logged: npt.NDArray[np.bool_] | None = None, width_bits: int = 10) -> Features:
        """From training features (N, F)."""
        chosen = np.zeros(features.shape[1], bool) if logged is None else logged
        values = _logarithm(features, chosen)
        return cls(values.mean(0), values.std(0) + 1e-12, chosen, width_bits)

    @classmethod
    def load(cls, path: Path) -> Features:
        with np.load(path) as z:
            return cls(z["mean"], z["sigma"], z["logged"], int(z["width_bits"]), int(z["integer_bits"]))

    def save(self, path: Path) -> None:
        np.savez_compressed(
            path,
            mean=self.mean,
            sigma=self.sigma,
            logged=self.logged,
            width_bits=self.width_bits,
            integer_bits=self.integer_bits,
        )

    @property
    def type(self) -> FixedType:
        return FixedType(True, self.width_bits, self.integer_bits, Rounding.RND_CONV, Overflow.SAT)

    def real(self, features: Array) -> Array:
        """(N, F) standardised, neither rounded nor saturated."""
        out: Array = (_logarithm(features, self.logged) - self.mean) / self.sigma
        return out

    def values(self, features: Array) -> npt.NDArray[np.float32]:
        """(N, F) exactly what the first layer receives."""
        return np.asarray(self.type.quantise(self.real(features)), np.float32)

    def saturated(self, features: Array) -> int:
        """How many values lie outside the input type's range."""
        return self.type.overflows(self.real(features))


def _logarithm(features: Array, chosen: npt.NDArray[np.bool_]) -> Array:
    values = np.asarray(features, np.float64)
    return np.where(chosen, np.log(np.maximum(values, _FLOOR)), values)
