"""A max pooling of a relu of sums becomes one layer, which takes the largest sums first."""

from __future__ import annotations

from collections import Counter

import numpy as np

from fpga_ml.layers.base import Layer
from fpga_ml.layers.elementwise import Relu
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.linear import Linear
from fpga_ml.layers.pooled import PooledLinear
from fpga_ml.layers.pooling import MaxPool


def fuse_pooling(graph: LayerGraph) -> LayerGraph:
    """With a PooledLinear for each such three of which nothing else reads the first two, and no output is one of them."""
    steps: dict[str, Layer] = {layer.name: layer for layer in graph.layers}
    readers = Counter(name for layer in graph.layers for name in layer.reads)
    for pool in graph.layers:
        relu = graph[pool.reads[0]] if isinstance(pool, MaxPool) else None
        linear = graph[relu.reads[0]] if isinstance(relu, Relu) else None
        if not (isinstance(pool, MaxPool) and isinstance(relu, Relu) and isinstance(linear, Linear)):
            continue
        inner, area = (linear.name, relu.name), _area(linear, pool)
        if area is not None and all(readers[name] == 1 and name not in graph.outputs for name in inner):
            steps[pool.name] = PooledLinear.of(linear, relu, pool, area)
            for name in inner:
                del steps[name]
    return graph.with_layers(tuple(steps.values()))


def _area(linear: Linear, pool: MaxPool) -> tuple[int, int] | None:
    """Height and width of the rectangles of which the pool's windows are all, in order; None if they are others."""
    rows, columns = linear.grid
    elements, window = np.arange(linear.size).reshape(rows, columns, -1), pool.index.shape[1]
    for height in (h for h in range(1, window + 1) if window % h == 0):
        width = window // height
        if rows % height or columns % width:
            continue
        tiles = elements.reshape(rows // height, height, columns // width, width, -1).transpose(0, 2, 4, 1, 3)
        if np.array_equal(tiles.reshape(-1, window), np.sort(pool.index, axis=1)):
            return height, width
    return None
