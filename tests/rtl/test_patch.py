"""Quadratic forms and moments alone: in two simulators, equal to what NumPy computes with products."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lint import lint
from numpy.testing import assert_equal

from fpga_ml.ir.kernel import Builder
from fpga_ml.ir.network import Channel, Map, Moments, Network, Quadratic, verify
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.network import emit_stream
from fpga_ml.schedule.stream import stream_plan
from fpga_ml.simulate.cosim import Tensor, Vectors

from .designs import SIMULATORS, run

SHAPES = {"wide": (3, 7), "tall": (6, 2), "row": (1, 4), "square": (4, 4)}
FAST = ("wide",)
FORM = FixedType.parse("ap_fixed<11,9>")
GIVEN = tuple(FixedType.parse(f"ap_fixed<{t}>") for t in ("8,6", "6,4", "6,5", "4,3", "4,3", "3,1")) * 2
TERM = FixedType.parse("ap_fixed<7,3>")


def forms(rows: int, columns: int) -> Network:
    """Two forms; the segment behind them takes a pixel a cycle."""
    read, write = Channel("x", GIVEN), Channel("forms", (FORM, FORM), rows * columns)
    out = Channel("y", (FORM, FORM), rows * columns)
    b = Builder("pass")
    kernel = b.build([b.input(w) for w in write.wires])
    return Network(
        "quadratics",
        (read,),
        ("y",),
        (Quadratic("q", (read,), (write,), rows, columns), Map("pass", (write,), (out,), kernel)),
    )


def sums(rows: int, columns: int, order: int) -> Network:
    read, write = Channel("x", (TERM, TERM), rows * columns), Channel("y", ())
    kinds = Moments("m", (read,), (write,), rows, columns, order).reach(read.wires)[0]
    write = Channel("y", tuple(w.type for w in kinds))
    return Network("sums", (read,), ("y",), (Moments("m", (read,), (write,), rows, columns, order),))


def form_values(x: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """(N, pixels, 2) values modulo two to the width, from the closed form of a quadratic, of x (N, 12) raw."""
    pixels = []
    for y in range(rows):
        for across in range(columns):
            both = []
            for own, types in ((x[:, :6], GIVEN[:6]), (x[:, 6:], GIVEN[6:])):
                at, dx, dy, xx, xy, yy = ((own[:, k] << (FORM.fraction - t.fraction)) for k, t in enumerate(types))
                q = at + across * dx + y * dy + across * (across - 1) // 2 * xx + across * y * xy + y * (y - 1) // 2 * yy
                both.append((q + 1024) % 2048 - 1024)
            pixels.append(np.stack(both, axis=1))
    return np.stack(pixels, axis=1)


def moment_values(x: np.ndarray, rows: int, columns: int, order: int) -> np.ndarray:
    """(N, sums) of x (N, pixels, 2)."""
    n, m = (v.reshape(-1) for v in np.indices((rows, columns))[:, ::-1, ::-1])
    weights = [np.ones_like(m), m, n, m * (m - 1) // 2, m * n, n * (n - 1) // 2][: 6 if order == 2 else 1]
    return np.stack([x[..., k] @ w for k in range(2) for w in weights], axis=1)


def proven(network: Network, x: np.ndarray, y: np.ndarray, folder: Path, simulator: Any) -> None:
    rtl = emit_stream(network, 5.0)
    ends = []
    for channel, raw in ((network.inputs[0], x), (network.results[0], y)):
        slots = [-(-t.width // 8) * 8 for t in channel.types]
        lows = np.cumsum([0, *slots[:-1]])
        mask = [
            (1 << (s if channel is network.results[0] else t.width)) - 1 for s, t in zip(slots, channel.types, strict=True)
        ]
        words = sum((raw[..., k].astype(object) & mask[k]) << int(low) for k, low in enumerate(lows))
        ends.append(Tensor.of(channel.name, np.reshape(words, (len(raw), -1, 1)), width_bits=sum(slots), signed=False))
    found = run(rtl, Vectors((ends[0],), (ends[1],)), folder, simulator, ("back_to_back", "random_gaps", "reset_mid_run"))
    assert found.texts() == []
    assert (found.latency_cycles, found.interval_cycles) == (rtl.latency_cycles, rtl.interval_cycles)
    if simulator == "icarus":
        trace = stream_plan(network, 5.0).trace
        assert found.timeline == {c: (trace.first[c], trace.last[c]) for c in network.channels}


def stimuli(channel: Channel, frames: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.stack(
        [rng.integers(t.min_raw, t.max_raw, (frames, channel.tokens), endpoint=True) for t in channel.types], axis=-1
    )


some = pytest.mark.parametrize("shape", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in SHAPES])


@some
@pytest.mark.parametrize("simulator", SIMULATORS)
def test_quadratic(shape: str, simulator: Any, tmp_path: Path) -> None:
    network = forms(*SHAPES[shape])
    assert verify(network) == []
    x = stimuli(network.inputs[0], 12)
    y = form_values(x[:, 0], *SHAPES[shape])
    assert_equal(network.evaluate({"x": x})["y"], y)
    proven(network, x, y, tmp_path, simulator)


@some
@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("order", [2, pytest.param(0, marks=pytest.mark.slow)])
def test_moments(shape: str, order: int, simulator: Any, tmp_path: Path) -> None:
    network = sums(*SHAPES[shape], order)
    assert verify(network) == []
    x = stimuli(network.inputs[0], 12)
    y = moment_values(x, *SHAPES[shape], order)[:, None]
    assert_equal(network.evaluate({"x": x})["y"], y)
    proven(network, x, y, tmp_path, simulator)


def test_a_frame_a_pixel_a_cycle() -> None:
    """Neither waits between frames."""
    for rows, columns in SHAPES.values():
        for network in (forms(rows, columns), sums(rows, columns, 2)):
            assert emit_stream(network, 5.0).interval_cycles == rows * columns


def test_faults() -> None:
    one = sums(3, 1, 2).processes[0]
    assert "a row of one pixel" in one.faults()[0]
    network = forms(2, 3)
    finer = Channel("forms", (FixedType.parse("ap_fixed<11,11>"),) * 2, 6)
    assert Quadratic("q", network.inputs, (finer,), 2, 3).faults() == ["q: 'x' has finer elements than 'forms'"]
    assert "tokens" in Quadratic("q", network.inputs, network.processes[0].writes, 3, 3).faults()[0]


def test_verilator_has_no_warning(tmp_path: Path) -> None:
    for name, shape in SHAPES.items():
        for kind, network in (("q", forms(*shape)), ("m", sums(*shape, 2))):
            (tmp_path / f"{name}{kind}").mkdir()
            lint(emit_stream(network, 5.0), tmp_path / f"{name}{kind}")
