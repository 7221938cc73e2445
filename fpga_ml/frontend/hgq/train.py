"""Training an HGQ2 model with a resource weight: the loss is joined by its effective bit operations (EBOPs), of which each
width knows its part (C. Sun et al., arXiv:2405.00645)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.hgq.rewrite import fit_ranges
from fpga_ml.frontend.rebuild import Array
from fpga_ml.frontend.train import Goal, seeded

_RATE = 1e-3
_TRAVEL_BITS = 12.0  # by which a width changes at most, at a rate that does not fall
_WIDTHS = ("b", "f", "i")  # as HGQ2's quantizers call them
_LEAST_LOSS = 1e-6


class WidthAdam(keras.optimizers.Adam):  # type: ignore[misc]
    """Adam with another rate for widths, which have further to go than weights: `faster` times that of the weights."""

    def __init__(self, rate: Any, faster: float) -> None:
        super().__init__(rate)
        self.faster = faster

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        own = variable.name.rpartition("/")[2].partition(":")[0]  # TensorFlow's is a path with an index
        super().update_step(gradient, variable, learning_rate * (self.faster if own in _WIDTHS else 1.0))


def unit(model: Any, x: Sequence[Array], goal: Goal) -> float:
    """The resource weight `beta` at which all EBOPs of a model count as much as its loss on the samples."""
    ebops = fit_ranges(model, x)
    if not ebops:
        raise FpgaMlError("the model has no operations that training could narrow", where=f"model '{model.name}'")
    return max(goal.loss_of(_beside(model), x), _LEAST_LOSS) / ebops


def train(model: Any, x: Sequence[Array], goal: Goal, *, beta: float, epochs: int, seed: int) -> None:
    """Train an HGQ2 model in place, with a resource weight.

    Raises FpgaMlError where the loss became NaN.
    """
    seeded(seed)
    for layer in model._flatten_layers():
        if getattr(layer, "_beta", None) is not None:
            layer._beta.assign(beta)
    optimizer = WidthAdam(goal.falling(_RATE, epochs), _TRAVEL_BITS / goal.steps(epochs) / _RATE)
    goal.fit(_beside(model), x, optimizer, epochs)


def _beside(model: Any) -> Any:
    """The same layers as another model: what is compiled into that is not saved with this one."""
    return keras.Model(model.inputs, model.outputs)
