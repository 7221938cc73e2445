"""RTL of values wider than 64 bits, in both architectures: Icarus against Python's integers, port by port."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from lint import lint

from fpga_ml.config import Arch
from fpga_ml.layers.base import Input
from fpga_ml.layers.elementwise import Merge, Relu
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.linear import Affine, Linear
from fpga_ml.layers.pooling import AveragePool
from fpga_ml.numerics import FixedType, cast_raw
from fpga_ml.rtl.architecture import ARCHITECTURES, PARALLEL
from fpga_ml.simulate.cosim import CosimResult
from fpga_ml.simulate.prove import Bench, random_inputs

A, B = FixedType.parse("ap_fixed<32,16>"), FixedType.parse("ap_fixed<73,90,AP_RND_CONV,AP_SAT>")
PRODUCT = FixedType.parse("ap_fixed<105,106>")  # exact
SUM = FixedType.parse("ap_fixed<128,111>")  # wraps: its sums have 138 bits
NORM = FixedType.parse("ap_fixed<128,131,AP_RND,AP_SAT_SYM>")
POSITIVE = FixedType.parse("ap_ufixed<80,100,AP_RND_INF,AP_SAT>")
MEAN = FixedType.parse("ap_ufixed<82,102>")
WEIGHTS = np.array([[0x12345678, -0x7FFFFFFF], [-1, 0x40000001]])
BIAS = np.array([12345, -(1 << 31)])
SCALE, SHIFT = np.array([-0x7ABCDEF1, 3]), np.array([5, 1 << 31])
TOKENS = 3


def layers(outputs: Sequence[str]) -> LayerGraph:
    """x * y, a pointwise convolution, a normalisation, a relu and its mean: outputs of 128 and 82 bits."""
    shape, two = (TOKENS, 2), np.arange(2 * TOKENS)
    found = [
        Input("x", (), shape, A),
        Input("y", (), shape, B),
        Merge("product", ("x", "y"), shape, PRODUCT, "multiply", (two, two)),
        Linear("conv", ("product",), shape, SUM, two.reshape(TOKENS, 1, 2), WEIGHTS[None], 18, BIAS, 20, SUM),
        Affine("norm", ("conv",), shape, NORM, np.tile(SCALE, TOKENS), 30, np.tile(SHIFT, TOKENS), 3),
        Relu("relu", ("norm",), shape, POSITIVE),
        AveragePool("mean", ("relu",), (2,), MEAN, two.reshape(TOKENS, 2).T, MEAN),
    ]
    return LayerGraph.of(found, outputs, "wide")


def meaning(given: list[np.ndarray]) -> list[np.ndarray]:
    """The outputs of norm and mean, by Python's integers."""
    norms, means = [], []
    for x, y in zip(*(a.reshape(len(a), TOKENS, 2).tolist() for a in given), strict=True):
        rows = []
        for p, q in zip(x, y, strict=True):
            products = [a * b for a, b in zip(p, q, strict=True)]  # of PRODUCT's fraction bits, and as wide
            sums = [
                cast_raw(sum(v * int(w) for v, w in zip(products, column, strict=True)), PRODUCT.fraction + 18, SUM)
                for column in WEIGHTS.T
            ]
            total = [cast_raw(s + cast_raw(int(b), 20, SUM), SUM.fraction, SUM) for s, b in zip(sums, BIAS, strict=True)]
            fraction = SUM.fraction + 30
            scaled = [t * int(s) + (int(c) << fraction - 3) for t, s, c in zip(total, SCALE, SHIFT, strict=True)]
            rows.append([cast_raw(v, fraction, NORM) for v in scaled])
        norms.append(rows)
        positive = [[cast_raw(max(v, 0), NORM.fraction, POSITIVE) for v in row] for row in rows]
        means.append([cast_raw(sum(column), POSITIVE.fraction, MEAN) // TOKENS for column in zip(*positive, strict=True)])
    return [np.array(norms, object), np.array(means, object)]


def simulated(folder: Path, arch: Arch, outputs: list[str], expected: list[int]) -> CosimResult:
    """expected: which results of `meaning` the outputs are."""
    graph = layers(outputs)
    rtl = ARCHITECTURES[arch].build(graph, 5.0)
    folder.mkdir()
    (folder / "rtl").mkdir()
    rtl.write(folder / "rtl")
    lint(rtl, folder / "rtl")
    bench = Bench(rtl, graph, simulators=("icarus",))
    (found,) = bench.run(folder, random_inputs(graph, 30), lambda raw: [meaning(raw)[k] for k in expected])
    return found


@pytest.mark.parametrize("arch", Arch)
def test_every_bit_in_icarus(arch: Arch, tmp_path: Path) -> None:
    found = simulated(tmp_path / "right", arch, ["norm", "mean"], [0, 1])
    assert found.texts() == []
    assert found.vectors > 30 + 7


@pytest.mark.parametrize("reuse", [2, 8])
@pytest.mark.usefixtures("in_rounds")
def test_shared_hardware(reuse: int, tmp_path: Path) -> None:
    """A dense layer in rounds: 40-bit weights in a ROM, 73-bit data, sums that wrap at 110 bits."""
    t, accum = FixedType.parse("ap_fixed<73,41>"), FixedType.parse("ap_fixed<110,50>")
    result = FixedType.parse("ap_fixed<90,40,AP_RND_CONV,AP_SAT>")
    rng = random.Random(reuse)
    weights = np.array([[rng.randint(-(1 << 39), (1 << 39) - 1) for _ in range(2)] for _ in range(4)])
    given = Input("x", (), (4,), t)
    dense = Linear(
        "dense", ("x",), (2,), result, np.arange(4).reshape(1, 1, 4), weights[None], 28, BIAS, 20, accum, reuse=reuse
    )
    graph = LayerGraph.of([given, dense], ["dense"], "shared")
    rtl = PARALLEL.build(graph, 5.0)
    assert rtl.interval_cycles == reuse

    def exact(raw: list[np.ndarray]) -> list[np.ndarray]:
        out = []
        for row in raw[0].tolist():
            sums = [sum(v * int(w) for v, w in zip(row, column, strict=True)) for column in weights.T]
            biased = [s + (int(b) << accum.fraction - 20) for s, b in zip(sums, BIAS, strict=True)]
            out.append([cast_raw(cast_raw(s, t.fraction + 28, accum), accum.fraction, result) for s in biased])
        return [np.array(out, object)]

    (tmp_path / "rtl").mkdir()
    rtl.write(tmp_path / "rtl")
    bench = Bench(rtl, graph, simulators=("icarus",))
    (found,) = bench.run(tmp_path, random_inputs(graph, 30), exact)
    assert found.texts() == []


def test_one_wrong_bit_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The 100th bit of one value."""
    right = meaning

    def wrong(given: list[np.ndarray]) -> list[np.ndarray]:
        norms, means = right(given)
        norms[5, 1, 1] ^= 1 << 100
        return [norms, means]

    monkeypatch.setitem(globals(), "meaning", wrong)
    found = simulated(tmp_path / "wrong", "parallel", ["norm"], [0])
    assert {m.vector for m in found.mismatches} == {5}
    assert {m.expected ^ int(m.got) for m in found.mismatches if m.expected is not None} == {1 << 100}
