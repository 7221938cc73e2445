"""Weights and biases of sums that nothing reads become zero: then the sums are constants, and so is what is made of them.

Pruned networks have such sums: the filters of a channel to which a later layer gives no weight.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from fpga_ml.layers.base import Layer
from fpga_ml.layers.elementwise import HardSigmoid, Relu, Requantise, RequantiseEach, Scaled, Slope, Steps, Threshold
from fpga_ml.layers.gather import Gather
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.linear import Affine, Linear
from fpga_ml.layers.pooling import AveragePool, MaxPool
from fpga_ml.layers.tables import Bent, Table
from fpga_ml.layers.unary import Unary

_ELEMENT_BY_ELEMENT = (Affine, Bent, HardSigmoid, Relu, Requantise, Scaled, Slope, Steps, Table, Threshold, Unary)
Flags = npt.NDArray[np.bool_]


def zero_unread(graph: LayerGraph) -> LayerGraph:
    """The outputs are read whole."""
    read = {layer.name: np.full(layer.size, layer.name in graph.outputs) for layer in graph.layers}
    layers: list[Layer] = []
    for layer in reversed(graph.layers):
        own = read[layer.name]
        layers.append(_without(layer, own) if isinstance(layer, Linear) else layer)
        at = 0
        needed = _needed(layer, own, sum(read[name].size for name in layer.reads))
        for name in layer.reads:
            read[name] = read[name] | needed[at : at + read[name].size]
            at += read[name].size
    return graph.with_layers(layers[::-1])


def _needed(layer: Layer, own: Flags, size: int) -> Flags:
    """Which elements of all that a layer reads it needs for those of its result that are read."""
    match layer:
        case Linear():
            positions, groups, _ = layer.index.shape
            used = (layer.weights != 0).astype(np.float32)  # for matrix products of Booleans are slow
            sums = own.reshape(positions, groups, -1).astype(np.float32)
            products = np.matmul(sums.swapaxes(0, 1), used.swapaxes(1, 2)).swapaxes(0, 1)
            return _marked(layer.index[products > 0], size)
        case MaxPool() | AveragePool() | Gather():
            return _marked(layer.index[own], size)
        case RequantiseEach():
            typed: Flags = np.array([t is not None for t in layer.types])
            return np.logical_and(own, typed)
        case _ if isinstance(layer, _ELEMENT_BY_ELEMENT) and len(own) == size:
            return own
    return np.ones(size, bool)


def _marked(index: npt.NDArray[np.int64], size: int) -> Flags:
    """-1 is no element."""
    found = np.zeros(size + 1, bool)
    found[index.reshape(-1)] = True
    return found[:size]


def _without(layer: Linear, own: Flags) -> Linear:
    """The layer without the sums that no position needs."""
    groups, _, outputs = layer.weights.shape
    kept: Flags = np.any(own.reshape(-1, groups, outputs), axis=0)
    if np.all(kept):
        return layer
    return replace(layer, weights=layer.weights * kept[:, None], bias=layer.bias * kept.reshape(-1))
