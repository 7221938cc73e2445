"""The C++ library of a network gives every bit of the network's exact meaning: each operation, rounding and overflow, each
process, values of 32, 64 and 128 bits."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_equal
from rtl import test_fold, test_fold_products, test_loop, test_patch, test_windows
from rtl.designs import casts, input_tensor, ladder, random_kernel

from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.kernel import Builder, Wire
from fpga_ml.ir.kernel.ops import ALL_OPS, Input
from fpga_ml.ir.network import Channel, Collect, Loop, Map, Network, Split
from fpga_ml.numerics import FixedType
from fpga_ml.software.kernel import EXPRESSIONS
from fpga_ml.software.library import read_parts, write_parts

from .made import called, evaluated, made, stimuli, uniform, wrapper


def operations() -> Network:
    x = input_tensor(random.Random(1), "x", 12)
    return _of(x, ladder(random.Random(1), x))


def every_cast() -> Network:
    kinds = ((1, 6, 3), (0, 5, 2), (1, 7, 6), (0, 7, 3), (1, 5, -1), (1, 1, 0))
    x = Channel("x", tuple(FixedType(bool(s), w, w - f) for s, w, f in kinds))
    return _of(x, casts(random.Random(2), x, 12))


def at_random() -> Network:
    rng = random.Random(4)
    x = input_tensor(rng, "x", 8)
    maps = []
    for k in range(6):
        kernel = random_kernel(rng, f"k{k}", [x])
        types = tuple(kernel.values[n].wire.type for n in kernel.outputs)
        maps.append(Map(kernel.name, (x,), (Channel(f"k{k}_out", types),), kernel))
    return _of(x, maps)


def wide(bits: int) -> Network:
    """Products and sums of so many bits, of which every eighth is shown."""
    t = FixedType(True, bits // 2, bits // 4)
    x, b = Channel("x", (t,) * 4), Builder("wide")
    a, c, d, e = (b.input(Wire.of(t)) for _ in range(4))
    product = b.mul(a, c)
    values = [product, b.sub(product, b.scale(d, 3)), b.max(product, b.mul(d, e)), b.select(b.less(a, c), product, d)]
    shown = FixedType.parse("ap_fixed<12,6,AP_RND_CONV,AP_SAT>")
    moved = [b.cast(b.scale(v, -shift), shown) for v in values for shift in range(0, bits, 8)]
    kernel = b.build(moved)
    return Network("wide", (x,), ("y",), (Map("wide", (x,), (Channel("y", (shown,) * len(moved)),), kernel),))


def too_wide() -> Network:
    """Of 60 bits at its ends, and of 180 on the way."""
    t = FixedType(True, 60, 30)
    x, b = Channel("x", (t,) * 3), Builder("wide")
    a, c, d = (b.input(w) for w in x.wires)
    kernel = b.build([b.cast(b.mul(b.mul(a, c), d), t)])
    return Network("wide", (x,), ("y",), (Map("wide", (x,), (Channel("y", (t,)),), kernel),))


def long_kernel() -> Network:
    """More values than a function has, each of two of before."""
    x, b, rng = Channel("x", (FixedType.parse("ap_fixed<9,5>"),) * 6), Builder("long"), random.Random(6)
    values = [b.input(w) for w in x.wires]
    for _ in range(4000):
        one = b.add(*rng.sample(values[-400:], 2)) if rng.random() < 0.5 else b.sub(*rng.sample(values[-400:], 2))
        values.append(b.cast(one, FixedType.parse("ap_fixed<9,5>")))
    kernel = b.build(values[-20:])
    y = Channel("y", tuple(kernel.values[n].wire.type for n in kernel.outputs))
    return Network("long", (x,), ("y",), (Map("long", (x,), (y,), kernel),))


def kept() -> Network:
    """A sum over all samples."""
    x, t = Channel("x", (FixedType.parse("ap_fixed<6,6>"),), 3), FixedType.parse("ap_fixed<20,20>")
    b = Builder("step")
    given, state = b.input(x.wires[0]), b.input(Wire.of(t))
    step = b.build([b.cast(b.add(given, state), t)])
    return Network("kept", (x,), ("y",), (Loop("sums", (x,), (Channel("y", (t,), 3),), step, (t,), keeps=True),))


def regrouped(interleaved: int) -> Network:
    """Six pixels of two elements collected, split into three, and some of those in another order."""
    t, many = FixedType.parse("ap_fixed<6,3>"), interleaved
    x, whole = Channel("x", (t, t), 6 * many), Channel("whole", (t,) * 12, many)
    parts = Channel("parts", (t,) * 4, 3 * many)
    processes = [Collect("collect", (x,), (whole,), many)]
    if many > 1:
        group = Channel("group", (t,) * 12 * many)
        processes.append(Collect("together", (whole,), (group,)))
        processes.append(Split("split", (group,), (parts,), many))
    else:
        processes.append(Split("split", (whole,), (parts,), places=(2, 0, 2)))
    return Network("regrouped", (x,), ("parts",), tuple(processes), many)


def _of(x: Channel, maps: list[Map]) -> Network:
    outputs = tuple(c.name for m in maps for c in m.writes)
    return Network("network", (x,), outputs, tuple(maps))


NETWORKS = {
    "operations": operations,
    "casts": every_cast,
    "random": at_random,
    "wide_48": lambda: wide(48),
    "wide_96": lambda: wide(96),
    "long": long_kernel,
    "kept_from_sample_to_sample": kept,
    "regrouped": lambda: regrouped(1),
    "regrouped_interleaved": lambda: regrouped(3),
    **{f"window_{n}": (lambda n=n: test_windows.network(n)) for n in test_windows.AXES},
    **{f"loop_{n}": (lambda n=n: test_loop.network(5, n != 2, n)) for n in (1, 2, 3)},
    **{f"forms_{n}": (lambda n=n: test_patch.forms(*test_patch.SHAPES[n])) for n in test_patch.SHAPES},
    **{f"sums_{n}": (lambda n=n: test_patch.sums(*test_patch.SHAPES[n], 2)) for n in test_patch.SHAPES},
}
FAST = {"operations", "casts", "random", "wide_48", "wide_96", "long", "kept_from_sample_to_sample", "regrouped_interleaved",
        "window_strides_padded", "loop_2", "forms_wide", "sums_wide"}  # fmt: skip


@pytest.mark.parametrize("name", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in NETWORKS])
def test_every_bit(name: str, tmp_path: Path) -> None:
    network = uniform(NETWORKS[name]())
    given = stimuli(network, 60)
    for got, want in zip(called(made(network, tmp_path), given), evaluated(network, given), strict=True):
        assert_equal(got, want)


def test_every_operation_has_its_cpp() -> None:
    assert {*EXPRESSIONS, Input} == {*ALL_OPS}


@pytest.mark.usefixtures("in_rounds")
@pytest.mark.parametrize("name", ["dense_by_outputs_too", "groups_and_inputs", "conv_2_together", "heads_a_turn_sooner"])
def test_rounds(name: str, tmp_path: Path) -> None:
    """Networks whose sums are shared, against sums in NumPy."""
    if name in test_fold.CASES:
        (inputs, layer), _ = test_fold.CASES[name]
        network = test_fold.parallel(test_fold.LayerGraph.of((inputs, layer), ["y"], "net"))
        given = {"x": test_fold.stimuli(inputs)}
        want = test_fold.reference(layer, given["x"])
    else:
        case = test_fold_products.CASES[name]
        network, shaped = case.network(), case.given()
        want, given = case.wanted(shaped), {n: x.reshape(len(x), -1) for n, x in shaped.items()}
    (got,) = called(made(network, tmp_path), given)
    assert_equal(got, want)


def test_handles_are_independent_and_a_state_begins_anew(tmp_path: Path) -> None:
    network = kept()
    library = made(network, tmp_path)
    module, x = wrapper(library), {"x": np.ones((4, 3), np.int64)}
    first, second = module.Model(), module.Model()
    assert called(library, x, first)[0][-1].tolist() == [10, 11, 12]
    assert called(library, x, second)[0][-1].tolist() == [10, 11, 12]
    assert called(library, x, first)[0][-1].tolist() == [22, 23, 24]
    first.reset()
    assert called(library, x, first)[0][0].tolist() == [1, 2, 3]


ROUNDINGS = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")


def test_real_values_are_rounded_as_the_type_says(tmp_path: Path) -> None:
    values = np.concatenate([np.arange(-20, 20, 0.0625), [1e9, -1e9, 0.49999999999999994, 2.0**40 + 0.5, -0.0]])
    inputs, maps = [], []
    for rounding in ROUNDINGS:
        for overflow in ("WRAP", "SAT", "SAT_ZERO", "SAT_SYM"):
            for head in ("ap_fixed<6,4", "ap_ufixed<5,4", "ap_fixed<40,38"):
                t = FixedType.parse(f"{head},AP_{rounding},AP_{overflow}>")
                x = Channel(f"x{len(inputs)}", (t,))
                b = Builder(f"k{len(inputs)}")
                kernel = b.build([b.input(Wire.of(t))])
                inputs.append(x)
                maps.append(Map(kernel.name, (x,), (Channel(f"y{len(maps)}", (t,)),), kernel))
    network = Network("real", tuple(inputs), tuple(m.writes[0].name for m in maps), tuple(maps))
    found = wrapper(made(network, tmp_path)).Model().predict([values.tolist()] * len(inputs))
    for c, got in zip(inputs, found, strict=True):
        assert_equal(got, c.types[0].quantise(values))


def test_the_wrapper_refuses_what_fits_no_sample(tmp_path: Path) -> None:
    model = wrapper(made(kept(), tmp_path)).Model()
    with pytest.raises(ValueError, match="'x' has 3 elements a sample, 4 are given"):
        model.predict([1.0] * 4)
    with pytest.raises(ValueError, match="not finite"):
        model.predict([1.0, float("nan"), 0.0])
    assert model.predict([]) == []


def test_a_wrong_bit_is_told(tmp_path: Path) -> None:
    """The wrapper alone compares a library with vectors."""
    network = kept()
    library = made(network, tmp_path)
    sides = {"inputs": [{"name": "x", "values": [[1, 2, 3]]}], "outputs": [{"name": "y", "values": [[1, 3, 6]]}]}
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps(sides))
    command = [sys.executable, str(library.with_name("net_v1.py")), str(file)]
    assert "1 vectors are equal in every bit" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    sides["outputs"][0]["values"] = [[1, 4, 6]]
    file.write_text(json.dumps(sides))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "y, element 1, vector 0: expected 4, got 3" in done.stderr


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (too_wide, "values of 179 bits occur"),
        (lambda: _of(Channel("x", (FixedType.parse("ap_fixed<80,40>"),)), []), "'x' has values of 80 bits"),
    ],
)
def test_what_is_too_wide_is_refused(network: object, why: str, tmp_path: Path) -> None:
    made_one = network()  # type: ignore[operator]
    write_parts(made_one, [c.types[0] for c in made_one.inputs], tmp_path)
    with pytest.raises(FpgaMlError, match=why):
        read_parts(tmp_path)
