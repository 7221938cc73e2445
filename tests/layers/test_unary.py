"""Tables of ours against functions written here in NumPy: what a table may cost, and that all roads read the same table."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers as L
from ladder import kernels_equal, lowered_equals

import fpga_ml
from fpga_ml import Config
from fpga_ml.activations import ACTIVATIONS, CURVES, FUNCTIONS, curve
from fpga_ml.config import LayerConfig
from fpga_ml.layers.base import Input, Tensor
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.unary import Unary, UnaryTable
from fpga_ml.numerics import FixedType, Overflow, Rounding
from fpga_ml.passes.choose_table import MOST_ENTRIES, choose, luts

Array = np.ndarray
WIDE = FixedType(True, 40, 9)

# Written once more, by other formulas than fpga_ml's.
TRUE: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda x: 0.5 + 0.5 * np.tanh(x / 2),
    "tanh": lambda x: -np.expm1(-2 * x) / (1 + np.exp(-2 * x)),
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    "softsign": lambda x: np.sign(x) * (1 - 1 / (1 + np.abs(x))),
    "elu": lambda x: np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(np.minimum(x, 0)) - 1)),
    "hard_sigmoid": lambda x: np.maximum(0, np.minimum(1, x + 0.5)),
    "hard_tanh": lambda x: np.maximum(-1, np.minimum(1, x)),
    "gelu": lambda x: x * np.vectorize(lambda v: math.erfc(-v / math.sqrt(2)) / 2)(x),
    "silu": lambda x: x * (0.5 + 0.5 * np.tanh(x / 2)),
    "hard_silu": lambda x: np.where(x > 3, x, np.where(x < -3, 0, x * (x + 3) / 6)),
    "mish": lambda x: x * (1 - 2 / ((1 + np.exp(np.minimum(x, 300))) ** 2 + 1)),
    "celu": lambda x: np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1),
    "squareplus": lambda x: np.where(x > 0, x + 2 / (np.abs(x) + np.hypot(x, 2)), 2 / (np.abs(x) + np.hypot(x, 2))),
    "exponential": lambda x: 2 ** (x / np.log(2)),
    "log_sigmoid": lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))),
    "hard_shrink": lambda x: x * (np.abs(x) > 0.5),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "tanh_shrink": lambda x: x + np.expm1(-2 * x) / (1 + np.exp(-2 * x)),
    "sparse_plus": lambda x: np.where(x > 1, x, np.maximum(x + 1, 0) ** 2 / 4),
    "sparse_sigmoid": lambda x: np.maximum(0, np.minimum(1, x / 2 + 0.5)),
    "absolute": lambda x: np.maximum(x, -x),
    "negative": lambda x: 0 - x,
    "sign": lambda x: 1.0 * (x > 0) - 1.0 * (x < 0),
    "square": lambda x: x * x,
    "exp2": lambda x: np.exp(x * np.log(2)),
    "expm1": lambda x: np.exp(x) - 1,
    "sin": lambda x: np.cos(x - np.pi / 2),
    "cos": lambda x: np.sin(x + np.pi / 2),
    "sinh": lambda x: (np.exp(x) - np.exp(-x)) / 2,
    "cosh": lambda x: (np.exp(x) + np.exp(-x)) / 2,
    "arctan": lambda x: np.arctan2(x, 1),
    "arcsinh": lambda x: np.sign(x) * np.log(np.abs(x) + np.hypot(x, 1)),
    "erf": np.vectorize(math.erf),
}
# Of positive numbers, or of those between -1 and 1.
PART: dict[str, Callable[[Array], Array]] = {
    "sqrt": lambda x: x**0.5,
    "rsqrt": lambda x: x**-0.5,
    "reciprocal": lambda x: x**-1.0,
    "log": lambda x: np.log2(x) * np.log(2),
    "log2": lambda x: np.log(x) / np.log(2),
    "log10": lambda x: np.log(x) / np.log(10),
    "log1p": lambda x: np.log(1 + x),
    "arcsin": lambda x: np.arctan2(x, np.sqrt(1 - x**2)),
    "arccos": lambda x: np.arctan2(np.sqrt(1 - x**2), x),
}
JUMPS = {"hard_shrink", "sign"}  # between two neighbours, which a table of steps does not have
SLOW = {"softsign", "squareplus", "arctan", "arcsinh"}  # never become straight lines
STEEP = {"exponential": 5.0, "exp2": 7.0, "expm1": 5.0, "sinh": 5.0, "cosh": 5.0, "square": 12.0, "sin": 12.0, "cos": 12.0}


def _result_type(y: Array, bits: int) -> FixedType:
    return FixedType.for_range(float(y.min()), float(y.max()), bits, signed=True)


def _off(table: UnaryTable, given: FixedType, x: Array, true: Callable[[Array], Array]) -> Array:
    """How far its values are from the function of the same arguments, in steps of the result; saturation aside."""
    raw = given.raw(x)
    got = table.result.real(table.evaluate(Tensor(raw[:, None], given)).raw[:, 0])
    want = true(given.real(raw)).clip(table.result.min, table.result.max)
    return np.abs(got - want) / table.result.lsb


def test_every_function_is_tried() -> None:
    others = {"threshold", "swish", "hard_swish", "abs"}  # needs two numbers; names of others
    assert set(TRUE) | set(PART) | others == set(CURVES)


@pytest.mark.parametrize("reach", [0.1, 1.0, 6.0, 30.0])
@pytest.mark.parametrize("bits", [4, 6, 8, 12, 16, 18])
@pytest.mark.parametrize("name", [n for n in TRUE if n not in JUMPS])
def test_a_table_costs_no_more_than_rounding(name: str, bits: int, reach: float) -> None:
    """Rounding costs half a step, and so does the table at most; also a little beyond the data."""
    high = min(reach, STEEP.get(name, reach))
    low = -high if name in STEEP and name != "exponential" else -reach
    x = np.linspace(low, high, 20_001)
    result = _result_type(TRUE[name](x), bits)
    table = choose(curve(name), WIDE, result, (low, high))
    assert len(table.entries) <= MOST_ENTRIES
    if table.cost > 0.5:
        assert name in SLOW
        assert bits > 14
        assert reach > 6
        assert _off(table, WIDE, x, TRUE[name]).max() <= 0.5 + table.cost
        return
    beyond = np.concatenate([x, [1.2 * low, 1.2 * high]])
    assert _off(table, WIDE, beyond, TRUE[name]).max() <= 1 + 1e-9


@pytest.mark.parametrize("bits", [4, 8, 12, 16])
@pytest.mark.parametrize("name", PART)
def test_a_table_of_a_part_of_the_numbers(name: str, bits: int) -> None:
    """On data at some distance from the ends of the domain."""
    low, high = (-0.9, 0.9) if name.startswith("arc") else (0.1, 3.0)
    x = np.linspace(low, high, 20_001)
    result = _result_type(PART[name](x), bits)
    table = choose(curve(name), WIDE, result, (low, high), FUNCTIONS[name].walls)
    assert table.cost <= 0.5
    assert _off(table, WIDE, x, PART[name]).max() <= 1 + 1e-9


@pytest.mark.parametrize(("side", "end"), [(1.0, "max_raw"), (-1.0, "min_raw")])
def test_a_pole_saturates(side: float, end: str) -> None:
    """On the side of the data, whatever the argument's width."""
    result = FixedType(True, 8, 4, Rounding.RND_CONV, Overflow.SAT)
    reach = (min(side * 0.2, side * 4), max(side * 0.2, side * 4))
    table = choose(curve("reciprocal"), WIDE, result, reach, FUNCTIONS["reciprocal"].walls)
    near = Tensor(WIDE.raw(np.array([[side * 0.1]])), WIDE)
    assert table.evaluate(near).raw[0, 0] == getattr(result, end)


OUTSIDE = [
    ("log", 0.0, -4.0),
    ("log", -1.0, -4.0),
    ("sqrt", -1.0, 0.0),
    ("rsqrt", 0.0, 3.75),
    ("rsqrt", -1.0, 3.75),
    ("reciprocal", 0.0, 3.75),
]


@pytest.mark.parametrize(("name", "at", "value"), OUTSIDE)
def test_outside_the_domain(name: str, at: float, value: float) -> None:
    given, result = FixedType(True, 8, 4), FixedType(True, 5, 3, Rounding.RND_CONV, Overflow.SAT)
    table = choose(curve(name), given, result, (0.5, 4.0), FUNCTIONS[name].walls)
    assert result.real(table.evaluate(Tensor(given.raw(np.array([[at]])), given)).raw)[0, 0] == value


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus", "silu"])
def test_without_data_the_whole_type_is_covered(name: str) -> None:
    given, result = FixedType(True, 30, 8), FixedType(True, 14, 8, Rounding.RND_CONV, Overflow.SAT)
    table = choose(curve(name), given, result, (-np.inf, np.inf))
    assert _off(table, given, np.linspace(-127, 127, 50_001), TRUE[name]).max() <= 1 + 1e-9


@pytest.mark.parametrize(
    "given", ["ap_fixed<8,4>", "ap_fixed<10,5>", "ap_ufixed<9,3>", "ap_fixed<6,9>", "ap_fixed<8,-2>", "ap_fixed<12,4>"]
)
@pytest.mark.parametrize("name", [*TRUE, *PART])
def test_few_bits_get_the_function_itself(name: str, given: str) -> None:
    """Correctly rounded, for every value of the argument's type."""
    t = FixedType.parse(given)
    raw = np.arange(t.min_raw, t.max_raw + 1)
    want = curve(name)(t.real(raw))
    result = _result_type(want.clip(-100, 100), 10)
    table = choose(curve(name), t, result, (-1.0, 1.0))
    assert table.cost == 0
    np.testing.assert_array_equal(table.evaluate(Tensor(raw[:, None], t)).raw[:, 0], result.raw(want))


def test_hard_functions_are_exact_whatever_their_argument() -> None:
    given, result = FixedType(True, 30, 6), FixedType(True, 8, 1, Rounding.RND_CONV, Overflow.SAT)
    table = choose(curve("hard_tanh"), given, result, (-2.0, 2.0))
    raw = np.random.default_rng(1).integers(given.min_raw >> 4, given.max_raw >> 4, 20_000)
    assert table.cost == 0
    assert len(table.entries) < 8
    np.testing.assert_array_equal(
        table.evaluate(Tensor(raw[:, None], given)).raw[:, 0], result.raw(given.real(raw).clip(-1, 1))
    )


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_small_results_have_small_tables(name: str) -> None:
    """What costs area: up to 12 bits less logic than hls4ml's 1024 entries of 18 bits, and never more entries up to 16."""
    for bits in range(4, 17):
        result = FixedType(True, bits, 1, Rounding.RND_CONV, Overflow.SAT)
        table = choose(curve(name), WIDE, result, (-8.0, 8.0))
        assert len(table.entries) <= 1024
        assert bits > 12 or luts(table) < 1024 * 18 / 64


@pytest.mark.parametrize("result", ["ap_fixed<8,3,AP_RND_CONV,AP_SAT>", "ap_fixed<14,3>", "ap_fixed<18,3,AP_RND,AP_SAT>"])
@pytest.mark.parametrize("given", ["ap_fixed<8,4>", "ap_fixed<28,6>", "ap_ufixed<20,3>", "ap_fixed<5,8>"])
@pytest.mark.parametrize("name", [*TRUE, *PART])
def test_the_lowered_kernel_is_the_layer(name: str, given: str, result: str) -> None:
    t, r = FixedType.parse(given), FixedType.parse(result)
    x = np.random.default_rng(3).uniform(max(t.min, -12), min(t.max, 12), (300, 1))
    x[:4, 0] = t.min, t.max, 0.0, t.lsb
    table = choose(curve(name), t, r, (0.25, 6.0) if name in PART else (-8.0, 6.0), FUNCTIONS[name].walls)
    kernels_equal(LayerGraph.of((Input("x", (), (1,), t), Unary("y", ("x",), (1,), r, table)), ["y"]), [x], 300)


def test_a_wrong_entry_is_seen() -> None:
    """The test above, of a table with one entry that is two steps too high."""
    result = FixedType(True, 8, 1, Rounding.RND_CONV, Overflow.SAT)
    table = choose(curve("tanh"), WIDE, result, (-4.0, 4.0))
    middle = len(table.entries) // 2 + 9
    step = 1 << (table.fraction - result.fraction)
    off = tuple(v + 2 * step * (k == middle) for k, v in enumerate(table.entries))
    wrong = UnaryTable(table.place, table.fine, table.first, off, table.fraction, result, table.cost)
    assert _off(wrong, WIDE, np.linspace(-4, 4, 20_001), TRUE["tanh"]).max() > 1


def _branches(bits: tuple[int, ...]) -> tuple[keras.Model, dict[str, LayerConfig]]:
    """A model with a dense layer for every function, and behind it the function in several widths."""
    keras.utils.set_random_seed(2)
    inputs, outputs, own = keras.Input((3,), name="x"), [], {}
    for name in (n for n in TRUE if n in ACTIVATIONS and not n.startswith("hard") and n != "exponential"):
        hidden = L.Dense(3, name=f"before_{name}", kernel_initializer=keras.initializers.RandomNormal(0, 2))(inputs)
        for width in bits:
            outputs.append(L.Activation(name, name=f"{name}_{width}")(hidden))
            own[f"{name}_{width}"] = LayerConfig(bits=width)
    outputs.append(L.ELU(0.7, name="elu_own")(hidden))
    return keras.Model(inputs, outputs), own


@pytest.mark.parametrize(
    ("arch", "bits"),
    [
        ("parallel", (9,)),
        pytest.param("parallel", (7, 16), marks=pytest.mark.slow),
        pytest.param("stream", (5, 11, 18), marks=pytest.mark.slow),
    ],
)
def test_all_roads_read_the_same_tables(arch: str, bits: tuple[int, ...], tmp_path: Path) -> None:
    """C-simulation, emulator, kernels and RTL bit for bit; and no value further from Keras' than a step."""
    model, own = _branches(bits)
    x = np.random.default_rng(4).normal(size=(150, 3))
    config = Config(arch=arch, layers=own, vectors=150, cosim_vectors=40, simulators=("icarus",))
    project = fpga_ml.compile(model, data=x, config=config, output=tmp_path / "p")
    assert project.agrees
    assert set(project.report["stages"].values()) - {"ran"} == {"not asked for (--until synth runs it)"}
    tables = [layer for layer in project.graph.layers if isinstance(layer, Unary)]
    assert len(tables) == len(model.outputs)
    assert all(t.table.cost <= 0.5 for t in tables)
    types = {layer.name: layer.result for layer in project.graph.layers}
    for head, want, got in zip(project.graph.outputs, project.outputs["quantised"], project.outputs["csim"], strict=True):
        assert np.abs(want - got).max() <= types[head].lsb, head
    lowered_equals(project, list(project.x))
    assert project.report["notes"] == []
