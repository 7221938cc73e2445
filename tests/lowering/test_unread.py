"""Elements that nothing reads are not computed, and the outputs stay what they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L
from zoo import quick

import fpga_ml
from fpga_ml.ir.kernel import Builder
from fpga_ml.ir.kernel.ops import Add
from fpga_ml.ir.network import Channel, Map, Network, verify
from fpga_ml.lowering.unread import without_unread
from fpga_ml.numerics import FixedType

T = FixedType.parse("ap_fixed<6,6>")


def of(name: str, read: Channel, write: str, outputs: Callable[[Builder, list[int]], list[int]]) -> Map:
    b = Builder(name)
    kernel = b.build(outputs(b, [b.input(w) for w in read.wires]))
    types = tuple(kernel.values[k].wire.type for k in kernel.outputs)
    return Map(name, (read,), (Channel(write, types),), kernel)


def adders(p: Any) -> int:
    return sum(isinstance(v.op, Add) for v in p.kernel.values)


def chain() -> tuple[Channel, list[Map]]:
    """Sums of neighbours, twice, of which one element is left in the end."""
    x = Channel("x", (T,) * 4)
    first = of("first", x, "a", lambda b, v: [b.add(v[k], v[k + 1]) for k in range(3)])
    second = of("second", first.writes[0], "b", lambda b, v: [b.add(v[0], v[1]), b.add(v[1], v[2]), v[2]])
    third = of("third", second.writes[0], "c", lambda b, v: [b.scale(v[0], 1)])
    return x, [first, second, third]


def test_what_is_not_read_is_left_out_layer_by_layer() -> None:
    x, processes = chain()
    found = without_unread(processes, ["c"])
    assert [adders(p) for p in found] == [2, 1, 0]
    assert [len(c.types) for p in found for c in p.writes] == [3, 3, 1]
    assert [t.width for t in found[0].writes[0].types] == [7, 7, 1]
    before, after = (Network("net", (x,), ("c",), tuple(p)) for p in (processes, found))
    assert verify(after) == []
    raw = np.random.default_rng(1).integers(-32, 32, (50, 1, 4))
    assert np.array_equal(before.evaluate({"x": raw})["c"], after.evaluate({"x": raw})["c"])


def test_what_is_an_output_is_kept() -> None:
    x, processes = chain()
    found = without_unread(processes, ["a", "c"])
    assert [adders(p) for p in found] == [3, 1, 0]
    assert verify(Network("net", (x,), ("a", "c"), tuple(found))) == []


def test_what_one_of_several_readers_needs_is_kept() -> None:
    _, processes = chain()
    last = of("last", processes[0].writes[0], "d", lambda b, v: [v[2]])
    found = without_unread([*processes, last], ["c", "d"])
    assert [adders(p) for p in found] == [3, 1, 0, 0]


MODELS: dict[str, Callable[[Any], Any]] = {
    "pooling leaves out an edge": lambda x: L.Flatten()(L.MaxPooling2D(2)(L.Conv2D(2, 2, activation="relu")(x))),
    "crop": lambda x: L.Flatten()(L.Cropping2D(((1, 2), (0, 3)))(L.Conv2D(2, 2)(x))),
    "part of it, twice": lambda x: L.Concatenate()([(y := L.Flatten()(L.Conv2D(2, 2)(x)))[:, 3:7], y[:, 5:9]]),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_agree_in_every_bit(name: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(3)
    x = keras.Input((6, 6, 1), name="x")
    model = keras.Model(x, L.Dense(2)(MODELS[name](x)), name="net")
    data = np.random.default_rng(5).normal(size=(40, 6, 6, 1))
    project = fpga_ml.compile(model, data=data, config=quick(bits=5, until="cosim"), output=tmp_path / "p", progress=False)
    assert project.agrees
    assert project.report["cosim"]
