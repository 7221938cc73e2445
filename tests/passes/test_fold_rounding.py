"""Half a step in the bias is the same as rounding: exhaustively for a few bits, with a relu and without."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fpga_ml.layers.base import Input, Layer, Tensor
from fpga_ml.layers.elementwise import Relu, RequantiseEach
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.linear import Linear
from fpga_ml.numerics import FixedType, Overflow
from fpga_ml.numerics.types import Rounding
from fpga_ml.passes.fold_rounding import fold_rounding

X = FixedType(True, 4, 2)
WIDE = FixedType(True, 24, 16)
TO = (
    FixedType(True, 4, 3, Rounding.RND),
    FixedType(False, 3, 3, Rounding.RND, Overflow.SAT),
    FixedType(True, 3, 4, Rounding.RND, Overflow.SAT_SYM),
    None,
    FixedType(True, 4, 4, Rounding.RND_CONV),
    FixedType(True, 12, 6, Rounding.RND),  # as fine as the sums
)


def network(*, relu: bool, accum: FixedType = WIDE, outputs: tuple[str, ...] = ("out",)) -> LayerGraph:
    weights = np.array([[[3, -5, 7, 1, 2, 6], [-2, 9, -4, 1, 11, -8]]])
    sums = Linear("sums", ("x",), (6,), accum, np.array([[[0, 1]]]), weights, 3, np.array([0, 5, -7, 1, 2, 0]), 2, accum)
    layers: list[Layer] = [Input("x", (), (2,), X), sums]
    if relu:
        layers.append(Relu("relu", ("sums",), (6,), accum))
    layers.append(RequantiseEach("out", (layers[-1].name,), (6,), FixedType(True, 16, 8), TO))
    return LayerGraph.of(layers, outputs)


def of_all(graph: LayerGraph) -> Tensor:
    """The output for every input."""
    values = range(X.min_raw, X.max_raw + 1)
    return graph.evaluate({"x": Tensor(np.array(list(itertools.product(values, values))), X)})["out"]


@pytest.mark.parametrize("relu", [False, True])
def test_same_values(relu: bool) -> None:
    given = network(relu=relu)
    found = fold_rounding(given)
    types = [t and t.rounding for t in found["out"].types]  # type: ignore[attr-defined]
    assert types == [Rounding.TRN] * 3 + [None, Rounding.RND_CONV, Rounding.RND]
    assert_array_equal(of_all(found).raw, of_all(given).raw)


@pytest.mark.parametrize("accum", [FixedType(True, 7, 2), FixedType(True, 12, 9), replace(WIDE, overflow=Overflow.SAT)])
def test_stays_where_the_sums_overflow_or_round(accum: FixedType) -> None:
    given = network(relu=True, accum=accum)
    assert fold_rounding(given).text() == given.text()


@pytest.mark.parametrize("outputs", [("out", "sums"), ("out", "relu")])
def test_stays_where_something_else_reads_the_sums(outputs: tuple[str, ...]) -> None:
    given = network(relu=True, outputs=outputs)
    assert fold_rounding(given).text() == given.text()
