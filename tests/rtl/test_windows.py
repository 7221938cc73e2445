"""Line buffers alone: windows of every geometry, in two simulators, equal to windows that NumPy cuts out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lint import lint
from numpy.lib.stride_tricks import sliding_window_view
from numpy.testing import assert_equal

from fpga_ml.ir.kernel import Builder
from fpga_ml.ir.network import Axis, Channel, Map, Network, Window, verify
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.network import emit_stream
from fpga_ml.schedule.stream import stream_plan
from fpga_ml.simulate.cosim import Tensor, Vectors

from .designs import SIMULATORS, run

PIXEL = (FixedType.parse("ap_fixed<5,2>"), FixedType.parse("ap_ufixed<3,1>"))
FILL = (-3, 5)
AXES: dict[str, tuple[Axis, Axis]] = {
    "plain": (Axis(5, 3, 3), Axis(6, 4, 3)),
    "padded": (Axis(5, 5, 3, 1, 1), Axis(6, 6, 3, 1, 1)),
    "padded_more_behind": (Axis(5, 5, 4, 1, 1), Axis(4, 4, 2)),
    "strides": (Axis(7, 3, 2, 3), Axis(8, 3, 3, 2)),
    "strides_padded": (Axis(7, 3, 5, 3, 2), Axis(7, 4, 3, 2, 1)),
    "dilated": (Axis(7, 3, 3, 1, 0, 2), Axis(8, 8, 3, 1, 3, 3)),
    "one_row": (Axis(1, 1), Axis(9, 9, 3, 1, 2)),
    "one_column": (Axis(9, 5, 3, 2, 1), Axis(1, 1)),
    "cropped": (Axis(6, 3, 1, 1, -2), Axis(5, 3, 1, 1, -1)),
    "everything": (Axis(3, 1, 3), Axis(3, 1, 3)),
    "every_other_pixel": (Axis(4, 2, 1, 2), Axis(5, 3, 1, 2)),
}
FAST = ("strides_padded", "dilated")


def network(name: str) -> Network:
    """A line buffer and a kernel that passes its windows on."""
    rows, columns = AXES[name]
    pixels = Channel("x", PIXEL, rows.size * columns.size)
    windows = Channel("windows", PIXEL * (rows.taps * columns.taps), rows.windows * columns.windows)
    out = Channel("y", windows.types, windows.tokens)
    b = Builder("pass")
    kernel = b.build([b.input(w) for w in windows.wires])
    line = Window("line", (pixels,), (windows,), rows, columns, FILL)
    return Network("lines", (pixels,), ("y",), (line, Map("pass", (windows,), (out,), kernel)))


def reference(name: str, x: np.ndarray) -> np.ndarray:
    """Windows (N, windows, elements) of images x (N, pixels, 2): padded, cut out, thinned."""
    rows, columns = AXES[name]
    images = x.reshape(len(x), rows.size, columns.size, 2)
    behind = [max(0, (a.windows - 1) * a.stride - a.before + (a.taps - 1) * a.step + 1 - a.size) for a in (rows, columns)]
    padded = np.stack(
        [
            np.pad(
                images[..., c],
                [(0, 0)] + [(max(a.before, 0), b) for a, b in zip((rows, columns), behind, strict=True)],
                constant_values=FILL[c],
            )
            for c in range(2)
        ],
        axis=-1,
    )
    padded = padded[:, max(-rows.before, 0) :, max(-columns.before, 0) :]
    spans = [(a.taps - 1) * a.step + 1 for a in (rows, columns)]
    views = sliding_window_view(padded, spans, axis=(1, 2))[..., :: rows.step, :: columns.step]
    chosen = views[:, :: rows.stride, :: columns.stride][:, : rows.windows, : columns.windows]
    return np.moveaxis(chosen, 3, -1).reshape(len(x), rows.windows * columns.windows, -1)


def stimuli(name: str, frames: int) -> np.ndarray:
    rng, tokens = np.random.default_rng(7), network(name).inputs[0].tokens
    return np.stack([rng.integers(t.min_raw, t.max_raw + 1, (frames, tokens)) for t in PIXEL], axis=-1)


@pytest.mark.parametrize("name", AXES)
def test_network(name: str) -> None:
    lines = network(name)
    assert verify(lines) == []
    x = stimuli(name, 20)
    assert_equal(lines.evaluate({"x": x})["y"], reference(name, x))


def packed(raw: np.ndarray, types: tuple[FixedType, ...]) -> np.ndarray:
    """Elements of a beat, each in whole bytes of its own (all have 8 bits here), as one unsigned number a beat."""
    return sum(((raw[..., k] & 255).astype(object) << (8 * k)) for k in range(len(types)))  # type: ignore[return-value]


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("name", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in AXES])
def test_rtl(name: str, simulator: Any, tmp_path: Path) -> None:
    lines = network(name)
    rtl = emit_stream(lines, 5.0)
    x, out = stimuli(name, 12), lines.results[0]
    y = reference(name, x)
    given = packed(np.where(np.arange(2) == 1, x & 7, x & 255), PIXEL)[..., None]
    expected = packed(y, out.types)[..., None]
    vectors = Vectors(
        (Tensor.of("x", given, width_bits=16, signed=False),),
        (Tensor.of("y", expected, width_bits=8 * len(out.types), signed=False),),
    )
    found = run(rtl, vectors, tmp_path, simulator, ("back_to_back", "random_gaps", "reset_mid_run"))
    assert found.texts() == []
    assert (found.latency_cycles, found.interval_cycles) == (rtl.latency_cycles, rtl.interval_cycles)
    if simulator == "icarus":
        trace = stream_plan(lines, 5.0).trace
        assert found.timeline == {c: (trace.first[c], trace.last[c]) for c in lines.channels}


def test_verilator_has_no_warning(tmp_path: Path) -> None:
    for name in AXES:
        (tmp_path / name).mkdir()
        lint(emit_stream(network(name), 5.0), tmp_path / name)
