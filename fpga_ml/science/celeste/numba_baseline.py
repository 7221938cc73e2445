"""The kernel as loops for numba; imported only by the benchmark, where numba is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(fastmath=True)
def evaluate(
    counts: Any, inverse: Any, background: Any, weight: Any, table: Any, light: Any, moments: Any, wanted: bool
) -> float:
    """The value of a patch; moments (K, 6) are filled in if wanted. inverse: 1 / count, 1 for 0; weight: 1, or 0 where a
    pixel does not count; light: (K, W) of a row, scratch."""
    rows, columns = counts.shape
    value = 0.0
    moments[:] = 0.0
    rate = np.empty(columns, dtype=counts.dtype)
    for row in range(rows):
        y = counts.dtype.type(row - rows // 2)
        rate[:] = background[row]
        for k in range(len(table)):
            constant = table[k, 0] + (table[k, 2] + table[k, 5] * y) * y
            slope = table[k, 1] + table[k, 4] * y
            for i in range(columns):
                x = counts.dtype.type(i - columns // 2)
                light[k, i] = np.exp2(constant + (slope + table[k, 3] * x) * x)
                rate[i] += light[k, i]
        for i in range(columns):
            value += weight[row, i] * (counts[row, i] * np.log(rate[i] * inverse[row, i]) - rate[i] + counts[row, i])
        if wanted:
            for i in range(columns):
                rate[i] = weight[row, i] * (counts[row, i] / rate[i] - counts.dtype.type(1))
            for k in range(len(table)):
                s0 = s1 = s2 = 0.0
                for i in range(columns):
                    x = i - columns // 2
                    w = rate[i] * light[k, i]
                    s0 += w
                    s1 += w * x
                    s2 += w * x * x
                y_ = row - rows // 2
                moments[k, 0] += s0
                moments[k, 1] += s1
                moments[k, 2] += y_ * s0
                moments[k, 3] += s2
                moments[k, 4] += y_ * s1
                moments[k, 5] += y_ * y_ * s0
    return value
