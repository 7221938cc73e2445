"""One rung of the ladder: every layer of a project, lowered to the kernel IR, equals its own meaning on integer tensors."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_equal

import fpga_ml
from fpga_ml.ir.kernel import Builder, Wire, verify
from fpga_ml.layers.base import Input
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.simulate.emulate import emulate_raw


def lowered_equals(project: fpga_ml.Project, x: list[np.ndarray], samples: int = 40) -> None:
    """Each layer's kernel, interpreted, against `evaluate`, on the tensors that the data x make it read."""
    assert project.graph is not None
    kernels_equal(project.graph, x, samples)


def kernels_equal(graph: LayerGraph, x: list[np.ndarray], samples: int = 40) -> None:
    """As `lowered_equals`, of a graph."""
    raw = {layer.name: layer.result.raw(a[:samples]) for layer, a in zip(graph.inputs, x, strict=True)}
    known = emulate_raw(graph, raw)
    for layer in graph.layers:
        if isinstance(layer, Input):
            continue
        builder = Builder(layer.name)
        read = [known[name] for name in layer.reads]
        numbers = [[builder.input(Wire.of(t.type)) for _ in range(t.raw.shape[1])] for t in read]
        kernel = builder.build(layer.lower(builder, *numbers))
        assert verify(kernel) == []
        found = kernel.evaluate(*(t.raw[:, i] for t in read for i in range(t.raw.shape[1])))
        for element, (values, number) in enumerate(zip(found, kernel.outputs, strict=True)):
            finer = layer.result.fraction - kernel.values[number].wire.fraction
            want = known[layer.name].raw[:, element] << max(-finer, 0)  # a zero may have more fraction bits than its type
            got = np.broadcast_to(np.asarray(values), want.shape) << max(finer, 0)
            assert_equal(got, want, err_msg=f"{layer.name}[{element}]")
