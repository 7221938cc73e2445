"""Merges of more than two tensors as chains of merges of two, which is what hls4ml has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from fpga_ml.frontend.rebuild import calls
from fpga_ml.frontend.standins import Composed, with_standins
from fpga_ml.frontend.tensors import Kept

_CHAINED: dict[str, Callable[[Any, str], Any]] = {
    "Add": lambda layer, name: keras.layers.Add(name=name),
    "Multiply": lambda layer, name: keras.layers.Multiply(name=name),
    "Maximum": lambda layer, name: keras.layers.Maximum(name=name),
    "Minimum": lambda layer, name: keras.layers.Minimum(name=name),
    "Average": lambda layer, name: keras.layers.Add(name=name),
    "Concatenate": lambda layer, name: keras.layers.Concatenate(layer.axis, name=name),
}


def pairwise_merges(model: Any) -> Any:
    """The model with such merges in pairs; the model itself where there is none."""
    every = calls(model)
    kept = {id(t) for c in every if isinstance(c.layer, Kept) for t in c.inputs}
    many = {
        id(c.layer): _Chain(c.layer, exact=id(c.outputs[0]) in kept)
        for c in every
        if type(c.layer).__name__ in _CHAINED and len(c.inputs) > 2
    }
    return with_standins(model, many)


class _Chain(Composed):
    """exact: what it computes keeps every bit."""

    def __init__(self, layer: Any, *, exact: bool) -> None:
        super().__init__(layer)
        self.exact = exact

    def results(self, tensors: Sequence[Any], *_: Any, **given: Any) -> Any:
        merged, *rest = tensors
        make = _CHAINED[type(self.layer).__name__]
        mean = type(self.layer).__name__ == "Average"
        if mean and self.exact and len(tensors).bit_count() > 1:
            raise self.refused(f"is the mean of {len(tensors)} tensors that keep every bit", "average 2, 4 or 8 tensors")
        for k, other in enumerate(rest):
            last = k == len(rest) - 1 and not mean
            own = "" if last else str(k + 1)
            merged = self.part(own, lambda n: make(self.layer, n))([merged, other])
            if self.exact and not last:
                merged = self.part(f"{own}_kept", lambda n: Kept(name=n))(merged)
        return self.affine("", merged, 1 / len(tensors)) if mean else merged
