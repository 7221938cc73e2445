"""Vectors that reach inner edges: they are met where exhaustive enumeration says that they can be, and show faults that
samples miss."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from fpga_ml.ir.kernel import Builder
from fpga_ml.ir.network import Channel, Map, Network
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.network import emit_network
from fpga_ml.simulate.cosim import Guarantee, Tensor, Vectors, cosim
from fpga_ml.simulate.reach import reaching

INPUT = FixedType.parse("ap_fixed<6,6>")
WEIGHTS = (37, -21, 14, 5)
DROPPED = 4  # bits that the result rounds away
RESULT = FixedType.parse("ap_ufixed<5,5,AP_RND,AP_SAT>")
STEP, HALF, TOP = 16, 8, 31


def network() -> Network:
    """A weighted sum of four inputs in sixteenths, rounded to whole numbers and held within 0..31."""
    x = Channel("x", (INPUT,) * 4)
    b = Builder("sum")
    products = [b.mul(b.input(w), b.const(c, DROPPED)) for w, c in zip(x.wires, WEIGHTS, strict=True)]
    total = products[0]
    for p in products[1:]:
        total = b.add(total, p)
    kernel = b.build([b.cast(total, RESULT)])
    y = Channel("y", (RESULT,))
    return Network("edges", (x,), ("y",), (Map("sum", (x,), (y,), kernel),))


def rounded(x: np.ndarray) -> np.ndarray:
    """What the network is, in integers."""
    return np.clip((x @ np.array(WEIGHTS) + HALF) // STEP, 0, TOP)


ZEROS = np.zeros((1, 4), np.int64)


def found() -> np.ndarray:
    """Vectors that meet what all zeros do not."""
    (more,) = reaching(network(), [ZEROS], [(-32, 31)], 64, seed=1).vectors
    return more.reshape(-1, 4)


def test_edges_of_the_result_are_reached() -> None:
    sums = found() @ np.array(WEIGHTS)
    for low, high in (
        (TOP * STEP + HALF, (TOP + 1) * STEP - 1),  # rounding carries beyond the type
        (TOP * STEP, TOP * STEP + HALF - 1),
        (-HALF, -1),  # rounds to zero from below
        (-STEP, -HALF - 1),
        (HALF, HALF),  # a tie
        (1024, 1024 + (TOP + 1) * STEP - 1),  # one bit alone says that it is too large
    ):
        assert ((low <= sums) & (sums <= high)).any(), (low, high)


def test_vectors_stay_within_bounds_and_number() -> None:
    (few,) = reaching(network(), [ZEROS], [(-5, 7)], 6, seed=2).vectors
    assert 0 < len(few) <= 6
    assert few.min() >= -5
    assert few.max() <= 7
    assert found().tolist() == found().tolist()


def test_an_element_of_one_value_keeps_it() -> None:
    """Zeros around an image are such: a kernel is not built for another value there, and was said to be wrong."""
    bounds = [(np.array([-32, 3, 0, -32]), np.array([31, 3, 0, 31]))]
    (more,) = reaching(network(), [np.array([[0, 3, 0, 0]])], bounds, 64, seed=3).vectors
    assert len(more)
    assert (more.reshape(-1, 4)[:, 1:3] == (3, 0)).all()


def test_goals_that_no_vector_meets_are_counted() -> None:
    """As many as a second search starts with that has all vectors of the first, and may give none of its own."""
    some, none = (reaching(network(), [ZEROS], [(-32, 31)], most, seed=1) for most in (5, 0))
    known = np.concatenate([ZEROS, some.vectors[0].reshape(-1, 4)])
    again = reaching(network(), [known], [(-32, 31)], 0, seed=2)
    assert some.goals == none.goals == again.goals
    assert 0 < some.unmet == again.unmet < none.unmet < none.goals


FAULTS = {  # of the saturation's condition
    "the rounding's carry": r" \| \w+_near\[\d+\]",
    "its top bits": r"\(\|\w+\[\d+:\d+\]\) \| ",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_small_samples_miss_is_caught(tmp_path: Path, fault: str) -> None:
    rtl = emit_network(network(), 20.0)
    name, text = next((n, t) for n, t in rtl.files.items() if re.search(FAULTS[fault], t))
    broken = {**rtl.files, name: re.sub(FAULTS[fault], " | 1'b0" if "carry" in fault else "1'b0 | ", text, count=1)}
    assert broken[name] != text
    small = np.random.default_rng(1).integers(-3, 4, (100, 4))
    for x, caught in ((small, False), (np.concatenate([small, found()]), True)):
        files = []
        for file, content in broken.items():
            (tmp_path / file).write_text(content)
            files.append(tmp_path / file)
        given = Tensor.of("x", x, width_bits=6, signed=True), Tensor.of("y", rounded(x), width_bits=5, signed=False)
        guarantee = Guarantee(rtl.latency_cycles, rtl.interval_cycles)
        run = cosim(
            files, "edges", Vectors((given[0],), (given[1],)), tmp_path, "icarus", ["back_to_back"], guarantee=guarantee
        )
        assert run.passed is not caught, run.texts()
