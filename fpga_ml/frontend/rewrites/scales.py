"""A scale and an offset before a layer with real weights, such as a Rescaling of the input, become part of the weights:
W (s x + o) + b = (W s) x + (W o + b).

Where the layer pads its input with zeros, an offset stays: the zeros have none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fpga_ml.frontend.layers import Affine
from fpga_ml.frontend.rebuild import Call, calls, copy_layer
from fpga_ml.frontend.standins import StandIn, with_standins

_LINEAR = ("Dense", "Conv1D", "Conv2D")


def folded_affines(model: Any) -> Any:
    """The model with such steps folded; the model itself where there is none."""
    every, outputs = calls(model), {id(t) for t in model.outputs}
    makers = {id(t): c for c in every for t in c.outputs}
    reads = [id(t) for c in every for t in c.inputs]
    uses = [id(c.layer) for c in every]
    standins: dict[int, StandIn] = {}
    for c in every:
        step = makers.get(id(c.inputs[0])) if c.inputs else None
        if type(c.layer).__name__ not in _LINEAR or step is None or not _folds(step, c):
            continue
        alone = reads.count(id(c.inputs[0])) == 1 and id(c.inputs[0]) not in outputs
        if alone and uses.count(id(step.layer)) == uses.count(id(c.layer)) == 1:
            standins |= {id(step.layer): _Gone(step.layer), id(c.layer): _Folded(c.layer, step.layer)}
    return with_standins(model, standins)


def _folds(step: Call, c: Call) -> bool:
    if not isinstance(step.layer, Affine):
        return False
    padded = getattr(c.layer, "padding", "valid") != "valid"
    return not (padded and np.asarray(step.layer.bias).any())


class _Gone(StandIn):
    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        return x


class _Folded(StandIn):
    def __init__(self, layer: Any, step: Any) -> None:
        super().__init__(layer)
        self.step = step

    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        kernel, *bias = (np.asarray(w, np.float64) for w in self.layer.weights)
        scale, offset = (np.asarray(w, np.float64) for w in (self.step.scale, self.step.bias))
        weights = [kernel * scale[:, None]]
        if bias or offset.any():
            more = (kernel * offset[:, None]).reshape(-1, kernel.shape[-1]).sum(axis=0)
            weights.append(more + (bias[0] if bias else 0.0))
        changes = {"use_bias": len(weights) > 1}
        return self.part("", lambda name: copy_layer(self.layer, changes={**changes, "name": name}), weights)(x)
