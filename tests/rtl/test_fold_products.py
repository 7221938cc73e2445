"""Sums of products of two tensors in rounds: the network and its RTL in two simulators equal matrix products in Python's
integers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lint import lint
from numpy.testing import assert_equal

from fpga_ml.ir.network import Fold, Network
from fpga_ml.layers.base import Input
from fpga_ml.layers.elementwise import Products
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.lowering import parallel
from fpga_ml.numerics import FixedType
from fpga_ml.rtl import emit_network
from fpga_ml.simulate.cosim import Tensor, Vectors

from .designs import SIMULATORS, run

pytestmark = pytest.mark.usefixtures("in_rounds")

A, B, Y = (FixedType.parse(t) for t in ("ap_fixed<6,3>", "ap_ufixed<4,1>", "ap_fixed<9,5,AP_RND_CONV,AP_SAT>"))
WIDE, ROUNDED = FixedType.parse("ap_fixed<24,14>"), FixedType.parse("ap_fixed<9,6,AP_TRN,AP_SAT>")


@dataclass(frozen=True)
class Case:
    """first, second: shapes of what is read, second none where one tensor is both; equation: as of np.einsum."""

    first: tuple[int, ...]
    second: tuple[int, ...] | None
    equation: str
    reuse: int
    rounds: int
    accum: FixedType = WIDE

    @property
    def other(self) -> tuple[int, ...]:
        return self.second or self.first

    def network(self) -> Network:
        reads = ("a", "b") if self.second else ("a", "a")
        inputs = [Input(n, (), (int(np.prod(s)),), t) for n, s, t in (("a", self.first, A), ("b", self.second, B)) if s]
        index = _operands(self)
        layer = Products("y", reads, (len(index[0]),), Y, index, self.accum, self.reuse)
        return parallel(LayerGraph.of((*inputs, layer), ["y"], "net"))

    def given(self) -> dict[str, np.ndarray]:
        rng, found = np.random.default_rng(5), {}
        for name, shape, t in (("a", self.first, A), ("b", self.second, B)):
            if shape:
                found[name] = rng.integers(t.min_raw, t.max_raw + 1, (40, *shape))
                found[name][0], found[name][1] = t.min_raw, t.max_raw
        return found

    def wanted(self, given: dict[str, np.ndarray]) -> np.ndarray:
        a = given["a"]
        b, fraction = (given["b"], 3 + 3) if self.second else (a, 3 + 3)
        if self.accum is not WIDE:
            return _in_turn(self, a, b)
        sums = np.stack([np.einsum(self.equation, x, y) for x, y in zip(a, b, strict=True)]).reshape(len(a), -1)
        return np.clip(np.rint(sums / 2.0 ** (fraction - Y.fraction)), Y.min_raw, Y.max_raw).astype(int)


def _operands(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Which elements each sum multiplies: one-hot tensors show it, without the layer's code."""
    first, second = int(np.prod(case.first)), int(np.prod(case.other))
    left = np.eye(first, dtype=int).reshape(first, *case.first)
    right = np.eye(second, dtype=int).reshape(second, *case.other)
    hits: dict[int, list[tuple[int, int]]] = {}
    for i in range(first):
        for j in range(second):
            for e in np.flatnonzero(np.einsum(case.equation, left[i], right[j])):
                hits.setdefault(int(e), []).append((i, j))
    pairs = np.array([hits[e] for e in range(len(hits))])
    return pairs[..., 0], pairs[..., 1]


def _in_turn(case: Case, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Sums whose every step is cut off and held within accum, as C++ does it."""
    first, second = _operands(case)
    a, b, accum = a.reshape(len(a), -1), b.reshape(len(b), -1), case.accum
    total = np.zeros((len(a), len(first)), int)
    for i, j in zip(first.T, second.T, strict=True):
        product = np.clip(a[:, i] * b[:, j] >> 6 - accum.fraction, accum.min_raw, accum.max_raw)
        total = np.clip(total + product, accum.min_raw, accum.max_raw)
    scaled = np.rint(total / 2.0 ** (accum.fraction - Y.fraction))
    return np.clip(scaled, Y.min_raw, Y.max_raw).astype(int)


CASES = {
    "matrices_a_row_a_round": Case((5, 3), (3, 4), "ik,kj->ij", 5, 5),
    "matrices_two_rows_a_round": Case((4, 3), (3, 4), "ik,kj->ij", 2, 2),
    "matrices_uneven": Case((3, 4), (4, 5), "ik,kj->ij", 2, 2),
    "matrices_a_sum_a_round": Case((3, 4), (4, 2), "ik,kj->ij", 6, 6),
    "matrices_some_terms_a_round": Case((2, 5), (5, 2), "ik,kj->ij", 11, 8),
    "matrices_turned": Case((5, 3), (4, 3), "ik,jk->ji", 5, 5),
    "heads": Case((2, 3, 4), (2, 5, 4), "hik,hjk->hij", 3, 3),
    "heads_a_turn_sooner": Case((2, 3, 4), (2, 5, 4), "hik,hjk->ihj", 4, 3),
    "dot": Case((7,), (7,), "k,k->", 3, 3),
    "one_tensor_twice": Case((4, 3), None, "ik,jk->ij", 4, 4),
    "more_rounds_than_products": Case((2, 2), (2, 2), "ik,kj->ij", 99, 8),
    "element_by_element": Case((6,), (6,), "k,k->k", 3, 3),
    "rounded_on_the_way": Case((4, 3), (3, 4), "ik,kj->ij", 4, 4, ROUNDED),
    "rounded_sums_stay_in_one_round": Case((2, 3), (3, 2), "ik,kj->ij", 12, 4, ROUNDED),
}


@pytest.mark.parametrize("name", CASES)
def test_network_computes_the_products(name: str) -> None:
    case, network = CASES[name], CASES[name].network()
    assert [p.rounds for p in network.processes if isinstance(p, Fold)] == [case.rounds]
    given = case.given()
    made = network.evaluate({n: x.reshape(len(x), 1, -1) for n, x in given.items()})["y"][:, 0]
    assert_equal(made, case.wanted(given))


FAST = ("heads_a_turn_sooner", "one_tensor_twice", "matrices_some_terms_a_round")


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in CASES])
def test_rtl_computes_the_products(name: str, simulator: Any, tmp_path: Path) -> None:
    case, given = CASES[name], CASES[name].given()
    rtl = emit_network(case.network(), 4.0)
    types = {"a": A, "b": B}
    inputs = [
        Tensor.of(n, x.reshape(len(x), -1), width_bits=types[n].width, signed=types[n].signed) for n, x in given.items()
    ]
    y = Tensor.of("y", case.wanted(given), width_bits=Y.width, signed=True)
    found = run(rtl, Vectors(tuple(inputs), (y,)), tmp_path, simulator, ("back_to_back", "random_gaps", "reset_mid_run"))
    assert found.texts() == []
    assert (found.latency_cycles, found.interval_cycles) == (rtl.latency_cycles, case.rounds)
    lint(rtl, tmp_path)


def test_what_stays_in_its_place_is_kept_once() -> None:
    """A row of the first tensor a round: its 3 elements rotate through 5 rows, the 12 of the other stay."""
    (fold,) = (p for p in CASES["matrices_a_row_a_round"].network().processes if isinstance(p, Fold))
    assert sorted(fold.periods) == [1] * 12 + [5] * 3
