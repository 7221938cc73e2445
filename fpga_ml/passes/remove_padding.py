"""Zeros around an image are left out; the convolution that reads them knows where they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fpga_ml.layers.base import Layer
from fpga_ml.layers.gather import Gather
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.linear import Linear


def remove_padding(graph: LayerGraph) -> LayerGraph:
    """Each sum of products that reads a padded tensor reads the tensor itself, with -1 in its index for a zero of the
    padding. A padding that something else reads besides, or that rounds, stays; and one that makes more windows than there
    are pixels: a window comes with a pixel."""
    padded = {g.name: g for g in graph.layers if isinstance(g, Gather) and _only_pads(g, graph)}
    found: list[Layer] = []
    for layer in graph.layers:
        if isinstance(layer, Linear) and layer.reads[0] in padded and not _grows(layer, padded[layer.reads[0]], graph):
            source = padded[layer.reads[0]]
            index = np.where(layer.index < 0, -1, source.index[layer.index])
            found.append(replace(layer, reads=source.reads, index=index))
        else:
            found.append(layer)
    read = {r for layer in found for r in layer.reads} | set(graph.outputs)
    return graph.with_layers([layer for layer in found if layer.name not in padded or layer.name in read])


def _grows(layer: Linear, padding: Gather, graph: LayerGraph) -> bool:
    """Whether the result has more rows or columns than what is padded."""
    shape = graph[padding.reads[0]].shape
    return len(shape) == len(layer.shape) and any(n > m for n, m in zip(layer.shape[:-1], shape[:-1], strict=True))


def _only_pads(layer: Gather, graph: LayerGraph) -> bool:
    return len(layer.reads) == 1 and bool((layer.index < 0).any()) and layer.result == graph[layer.reads[0]].result
