"""Division by the Euclidean norm, as an RMSNormalization: the root of a mean of squares differs by the root of their number.

Keras holds the norm above an epsilon, which fixed-point values do not come near: 1e-12 for UnitNormalization, 1e-7 for a Dot
that normalises. RMSNormalization adds a number as small under the root, so that zeros stay zeros.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.standins import StandIn, by_class
from fpga_ml.frontend.tensors import numbers

_LEAST = 1e-24  # of a sum of squares
UNIT = frozenset(["UnitNormalization"])


def unit_normalisations(model: Any) -> Any:
    """The model with such layers rewritten; the model itself where there is none."""
    return by_class(model, dict.fromkeys(UNIT, _Unit))


class _Unit(StandIn):
    def results(self, x: Any, *_: Any, **given: Any) -> Any:
        return normed(self, "", x, self.layer.axis)


def normed(standin: StandIn, suffix: str, x: Any, axis: Any) -> Any:
    """A tensor divided by its norm along an axis, or several; by parts of a stand-in."""
    shape = tuple(x.shape[1:])
    axes = sorted(int(a) % len(x.shape) - 1 for a in np.atleast_1d(axis))
    if axes[0] < 0:
        raise standin.refused("takes the norm over samples", "take it over other axes than 0")
    members = math.prod(shape[a] for a in axes)
    kind, epsilon = keras.layers.RMSNormalization, _LEAST / members

    def divided(own: str, y: Any, over: list[int]) -> Any:
        weights = [np.full([y.shape[a] for a in over], 1 / math.sqrt(members))]
        return standin.part(own, lambda name: kind(axis=over, epsilon=epsilon, name=name), weights)(y)

    if axes[-1] == len(shape) - 1 and len(axes) == axes[-1] - axes[0] + 1:
        return divided(suffix, x, [a + 1 for a in axes])
    own, order = f"{suffix}_" * bool(suffix), [*(a for a in range(len(shape)) if a not in axes), *axes]
    turned = numbers(shape).transpose(order)  # Keras has the last axes only
    y = divided(f"{own}unit", standin.arranged(f"{own}turned", x, turned.reshape(-1, members)), [2])
    return standin.arranged(suffix, y, numbers(turned.shape).transpose(np.argsort(order)))
