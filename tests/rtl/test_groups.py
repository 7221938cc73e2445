"""Gathers in a stream that keep groups of pixels apart hold one group, not the frame: equal to what NumPy does to whole
images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lint import lint
from numpy.testing import assert_equal

from fpga_ml.ir.network import Collect, Network
from fpga_ml.layers.base import Input
from fpga_ml.layers.gather import Gather
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.lowering.stream import stream
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.network import emit_stream
from fpga_ml.simulate.cosim import Tensor, Vectors

from .designs import SIMULATORS, run

T = FixedType.parse("ap_fixed<6,3>")
Move = Callable[[np.ndarray], np.ndarray]


def enlarged(rows: int, columns: int) -> Move:
    return lambda x: x.repeat(rows, axis=0).repeat(columns, axis=1)


# Shape, what is done to it, and how many elements at most are held of it at a time.
CASES: dict[str, tuple[tuple[int, ...], Move, int]] = {
    "image_enlarged": ((3, 4, 2), enlarged(2, 3), 2 * 12 * 2),
    "only_in_width": ((3, 4, 2), enlarged(1, 2), 2 * 2),
    "only_in_height": ((3, 4, 2), enlarged(2, 1), 2 * 4 * 2),
    "series_enlarged": ((5, 3), lambda x: x.repeat(2, axis=0), 2 * 3),
    "series_reshaped": ((4, 6), lambda x: x.reshape(8, 3), 6),
    "image_reshaped": ((4, 3, 2), lambda x: x.reshape(2, 2, 6), 6),
    "lines_turned": ((3, 4, 2), lambda x: x[:, ::-1], 4 * 2),
}


def network(name: str) -> Network:
    shape, move, _ = CASES[name]
    index = move(np.arange(np.prod(shape)).reshape(shape))
    gather = Gather("y", ("x",), index.shape, T, index.ravel())
    return stream(LayerGraph.of((Input("x", (), shape, T), gather), ["y"]))


def images(name: str, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, pixels, elements) of both."""
    shape, move, _ = CASES[name]
    x = np.random.default_rng(6).integers(T.min_raw, T.max_raw + 1, (frames, *shape))
    y = np.stack([move(image) for image in x])
    return x.reshape(frames, -1, x.shape[-1]), y.reshape(frames, -1, y.shape[-1])


@pytest.mark.parametrize("name", CASES)
def test_network_moves_what_it_should(name: str) -> None:
    made, most = network(name), CASES[name][2]
    x, y = images(name, 20)
    assert_equal(made.evaluate({"x": x})["y"], y)
    assert not any(isinstance(p, Collect) for p in made.processes)
    assert max(len(c.types) for p in made.processes for c in p.writes) <= most


FAST = ("image_enlarged", "image_reshaped")


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in CASES])
def test_rtl_moves_what_it_should(name: str, simulator: Any, tmp_path: Path) -> None:
    rtl = emit_stream(network(name), 5.0)
    x, y = images(name, 20)
    given, wanted = (Tensor.of(n, a, width_bits=T.width, signed=True) for n, a in (("x", x), ("y", y)))
    found = run(rtl, Vectors((given,), (wanted,)), tmp_path, simulator)
    assert found.texts() == []
    assert (found.latency_cycles, found.interval_cycles) == (rtl.latency_cycles, rtl.interval_cycles)
    lint(rtl, tmp_path)


def test_a_transposed_image_is_collected() -> None:
    """Each line of the result has pixels of every line."""
    x = np.arange(24).reshape(3, 4, 2)
    gather = Gather("y", ("x",), (4, 3, 2), T, x.transpose(1, 0, 2).ravel())
    made = stream(LayerGraph.of((Input("x", (), (3, 4, 2), T), gather), ["y"]))
    assert [p.name for p in made.processes if isinstance(p, Collect)] == ["y_collect"]
