"""The kernel in both simulators: with gaps, stalls and resets, patches back to back, codes of every size among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lint import lint
from numpy.testing import assert_equal

from fpga_ml.celeste_design import MOMENTS, OVERFLOW, PRESETS, VALUE, Design
from fpga_ml.rtl.architecture import PARALLEL, STREAM, Rtl
from fpga_ml.science.celeste.emulator import COEFFICIENTS, PIXELS, Emulator, graph_of
from fpga_ml.simulate.emulate import emulate_outputs
from fpga_ml.simulate.prove import prove, vectors_of

from .scenes import codes
from .test_kernel import COARSE

HEADS = (VALUE, MOMENTS, OVERFLOW)


def built(design: Design, shape: tuple[int, int], components: int) -> Rtl:
    return STREAM.build(graph_of(design, shape, components), 5.0)


@pytest.mark.parametrize("shape", [(4, 5), (3, 2)])
def test_network_equals_layers(shape: tuple[int, int]) -> None:
    network = STREAM.lower(graph_of(COARSE, shape, 3))
    coefficients, pixels = codes(COARSE, shape, 3, 50)
    found = network.evaluate({COEFFICIENTS: coefficients, PIXELS: pixels.reshape(50, -1, 3)})
    want = Emulator(COARSE).raw(coefficients, pixels)
    assert np.count_nonzero(want[OVERFLOW].raw) == 25
    for name in HEADS:
        assert_equal(found[name].reshape(50, -1), want[name].raw)


def test_parallel_kernels_equal_layers() -> None:
    """The whole patch at once, without any adding up along rows."""
    network = PARALLEL.lower(graph_of(COARSE, (2, 3), 2))
    coefficients, pixels = codes(COARSE, (2, 3), 2, 50)
    found = network.evaluate({COEFFICIENTS: coefficients.reshape(50, 1, -1), PIXELS: pixels.reshape(50, 1, -1)})
    for name in HEADS:
        assert_equal(found[name][:, 0], Emulator(COARSE).raw(coefficients, pixels)[name].raw)


def test_simulators_agree(tmp_path: Path) -> None:
    shape, components = (3, 4), 3
    graph, rtl = graph_of(COARSE, shape, components), built(COARSE, shape, components)
    coefficients, pixels = codes(COARSE, shape, components, 40)
    vectors = vectors_of(graph, [coefficients, pixels], emulate_outputs(graph, [coefficients, pixels]))
    (tmp_path / "lint").mkdir()
    lint(rtl, tmp_path / "lint")
    for run in prove(rtl.write(tmp_path), rtl, vectors, tmp_path, 1):
        assert run.texts() == []
        assert (run.latency_cycles, run.interval_cycles) == (rtl.latency_cycles, rtl.interval_cycles)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_hold_the_sums_of_a_whole_patch(name: str) -> None:
    network = STREAM.lower(graph_of(Design.of(name), (51, 51), 30))
    assert max(t.width for channel in network.channels.values() for t in channel.types) <= 64


def test_a_pixel_a_cycle() -> None:
    """The next patch's coefficients come while this one's pixels pass: its pixels follow without a gap."""
    rtl = built(Design.of("D16"), (5, 6), 3)
    assert rtl.interval_cycles == 30
    assert rtl.area.multipliers == 2 * 3 + 5
