"""Graphs of layers: what is sound, what is said of one that is not, and what it computes."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_equal

from fpga_ml.errors import FpgaMlError
from fpga_ml.layers.base import Input, Layer, Tensor
from fpga_ml.layers.elementwise import Merge, Requantise
from fpga_ml.layers.gather import Gather
from fpga_ml.layers.graph import LayerGraph, verify
from fpga_ml.layers.linear import Linear
from fpga_ml.numerics import FixedType

T, WIDE = FixedType.parse("ap_fixed<6,6>"), FixedType.parse("ap_fixed<20,20>")
X = Input("x", (), (3,), T)
WEIGHTS = np.array([[1, -2], [3, 0], [0, 5]])
DENSE = Linear("dense", ("x",), (2,), WIDE, np.arange(3).reshape(1, 1, 3), WEIGHTS[None], 0, np.array([7, -7]), 0, WIDE)
TURNED = Gather("turned", ("dense",), (2,), WIDE, np.array([1, 0]))
GRAPH = LayerGraph.of([X, DENSE, TURNED], ["turned", "dense"], "net", {"turned": "y"})


def test_a_graph_tells_its_ends() -> None:
    assert GRAPH.inputs == (X,)
    assert GRAPH.results == (TURNED, DENSE)
    assert [GRAPH.port(name) for name in ("x", "turned", "dense")] == ["x", "y", "dense"]
    assert GRAPH["dense"] is DENSE
    assert GRAPH.with_outputs(["x"]).results == (X,)


def test_text_has_a_line_for_each_layer() -> None:
    assert GRAPH.text() == (
        "layers net(x) -> y, dense\n"
        "  x: 3 of ap_fixed<6,6> = Input()\n"
        "  dense: 2 of ap_fixed<20,20> = Linear(x)\n"
        "  turned: 2 of ap_fixed<20,20> = Gather(dense)\n"
    )


def test_evaluate_gives_every_layer() -> None:
    x = np.array([[1, 2, 3], [-32, 31, 0]])
    found = GRAPH.evaluate({"x": Tensor(x, T)})
    want = x @ WEIGHTS + [7, -7]
    assert_equal(found["dense"].raw, want)
    assert_equal(found["turned"].raw, want[:, ::-1])


def test_a_graph_can_be_kept() -> None:
    """With a design whose faults are planted (tests/mutation)."""
    assert pickle.loads(pickle.dumps(GRAPH)).text() == GRAPH.text()


FAULTS: dict[str, tuple[list[Layer], list[str], str]] = {
    "reads_what_comes_later": ([X, TURNED, DENSE], ["turned"], "turned: reads 'dense', which no layer before it makes"),
    "reads_nothing_known": (
        [X, replace(DENSE, reads=("xx",))],
        ["dense"],
        r"dense: reads 'xx', which no layer before it makes \(did you mean 'x'\?\)",
    ),
    "twice": ([X, DENSE, replace(TURNED, name="dense")], ["dense"], "two layers are called 'dense'"),
    "no_output": ([X, DENSE], ["turned"], "gives 'turned', which no layer makes"),
    "beyond": ([X, replace(DENSE, index=DENSE.index + 1)], ["dense"], "dense: reads element 3 of 3"),
    "below": ([X, replace(DENSE, index=DENSE.index - 2)], ["dense"], "dense: reads element -2 of 3"),
    "weights": ([X, replace(DENSE, weights=WEIGHTS[None, :2])], ["dense"], r"dense: weights \(1, 2, 2\) and 2 biases"),
    "shape": ([X, replace(DENSE, shape=(3,))], ["dense"], "dense: weights .* for 3 elements"),
    "moved": ([X, DENSE, replace(TURNED, shape=(3,))], ["turned"], "turned: 2 entries for 3 elements"),
    "merged": (
        [X, Merge("sum", ("x", "x"), (3,), T, "add", (np.arange(3), np.arange(3) + 1))],
        ["sum"],
        "sum: reads element 3 of 3",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_told(name: str) -> None:
    layers, outputs, match = FAULTS[name]
    with pytest.raises(FpgaMlError, match=match):
        LayerGraph.of(layers, outputs)


def test_two_ports_of_one_name() -> None:
    assert verify(replace(GRAPH, ports={"turned": "x"})) == ["two ports are called 'x'"]
    assert verify(GRAPH) == []


def test_all_faults_are_told_at_once() -> None:
    copy = Requantise("copy", ("nothing",), (3,), T)
    with pytest.raises(FpgaMlError, match=r"copy: reads 'nothing'.*gives 'more'"):
        LayerGraph.of([X, copy], ["more"])
