"""Kernel.evaluate == Verilator == Icarus, exactly: each operation, every cast, random kernels, networks of layers."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from lint import lint

from fpga_ml.ir.kernel import Builder, Wire
from fpga_ml.ir.kernel.ops import ALL_OPS
from fpga_ml.ir.network import Channel, Map, Network
from fpga_ml.numerics import FixedType
from fpga_ml.rtl import Rtl, emit_network
from fpga_ml.rtl.emit_ops import EMITTERS
from fpga_ml.simulate.cosim import Mode, Simulator, Vectors
from fpga_ml.toolchain.yosys import resources

from .designs import SIMULATORS, as_layer, casts, input_tensor, ladder, random_kernel, run, vectors

both = pytest.mark.parametrize("simulator", SIMULATORS)
GOLDEN = Path(__file__).parent / "golden"


class Design:
    """A network with the vectors for it."""

    def __init__(self, layers: list[Map], inputs: list[Channel], outputs: list[str], clock_ns: float, samples: int) -> None:
        self.rtl = emit_network(Network("network", tuple(inputs), tuple(outputs), tuple(layers)), clock_ns)
        self.vectors = vectors(layers, inputs, outputs, samples, seed=1)

    def check(self, folder: Path, simulator: Simulator, *modes: Mode) -> None:
        result = run(self.rtl, self.vectors, folder, simulator, modes or ("back_to_back",))
        assert result.texts() == []
        assert result.passed
        assert (result.latency_cycles, result.interval_cycles) == (self.rtl.latency_cycles, 1)


def names(layers: list[Map]) -> list[str]:
    return [t.name for layer in layers for t in layer.writes]


def operations(clock_ns: float) -> Design:
    rng = random.Random(1)
    x = input_tensor(rng, "x", 12)
    layers = ladder(rng, x)
    return Design(layers, [x], names(layers), clock_ns, 200)


def every_cast() -> Design:
    rng = random.Random(2)
    x = Channel(
        "x", tuple(FixedType(s, w, w - f) for s, w, f in ((1, 6, 3), (0, 5, 2), (1, 7, 6), (0, 7, 3), (1, 5, -1), (1, 1, 0)))
    )
    layers = casts(rng, x, 12)
    return Design(layers, [x], names(layers), 2.0, 300)


def kernels(clock_ns: float, seed: int = 3) -> Design:
    """Random layers that read the input and two earlier tensors each: many skip connections."""
    rng = random.Random(seed)
    inputs = [input_tensor(rng, "x", 6), input_tensor(rng, "y", 3)]
    known, layers = list(inputs), list[Map]()
    for k in range(14):
        reads = rng.sample(known, 2)
        layers.append(as_layer(rng, random_kernel(rng, f"layer{k}", reads), *reads))
        known += layers[-1].writes
    return Design(layers, inputs, [*names(layers), "x"], clock_ns, 150)


def test_every_operation_has_an_emitter() -> None:
    assert set(EMITTERS) == set(ALL_OPS)


def test_a_product_by_a_constant_takes_no_multiplier(tmp_path: Path) -> None:
    """Left to itself Yosys takes DSPs for a wide one, even by 3."""
    x = Channel("x", (FixedType(True, 30, 10),))
    b = Builder("times")
    value = b.input(Wire.of(x.types[0]))
    kernel = b.build([b.mul(value, b.const(raw, 0)) for raw in (-1, -3, 3, -5, 105)])
    layers = [as_layer(random.Random(0), kernel, x)]
    rtl = emit_network(Network("network", (x,), tuple(names(layers)), tuple(layers)), 5.0)
    assert rtl.area.multipliers == 0
    assert resources(rtl.write(tmp_path), rtl.top, "ecp5", 60).dsps == 0


@both
@pytest.mark.parametrize("clock_ns", [2.5, 1000.0])
def test_operations(tmp_path: Path, simulator: Simulator, clock_ns: float) -> None:
    operations(clock_ns).check(tmp_path, simulator)


@both
def test_all_casts(tmp_path: Path, simulator: Simulator) -> None:
    every_cast().check(tmp_path, simulator)


@both
def test_random_kernels_with_skip_connections(tmp_path: Path, simulator: Simulator) -> None:
    design = kernels(3.0)
    assert design.rtl.latency_cycles > 10
    design.check(tmp_path, simulator, "back_to_back", "reset_mid_run", "random_gaps")


@both
def test_without_registers(tmp_path: Path, simulator: Simulator) -> None:
    """A latency of 0: also through resets and gaps."""
    rng = random.Random(5)
    x = input_tensor(rng, "x", 4)
    layer = as_layer(rng, random_kernel(rng, "layer1", [x], 6), x)
    design = Design([layer], [x], names([layer]), 1000.0, 60)
    assert design.rtl.latency_cycles == 0
    assert design.rtl.register_bits == 0
    design.check(tmp_path, simulator, "back_to_back", "reset_mid_run", "random_gaps")


@pytest.mark.slow
@both
@pytest.mark.parametrize("seed", range(10, 20))
def test_more_random_kernels(tmp_path: Path, simulator: Simulator, seed: int) -> None:
    kernels(random.Random(seed).choice([3.0, 5.0, 9.0]), seed).check(tmp_path, simulator)


DESIGNS: dict[str, Callable[[], Design]] = {
    "operations": lambda: operations(2.5),
    "wires": lambda: operations(1000.0),
    "casts": every_cast,
    "kernels": lambda: kernels(3.0),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_verilator_has_no_warning(tmp_path: Path, name: str) -> None:
    lint(DESIGNS[name]().rtl, tmp_path)


def small_layer() -> Map:
    b = Builder("small")
    x = [b.input(Wire.of(FixedType.parse("ap_fixed<6,2>"))) for _ in range(4)]
    total = b.cast(b.tree(b.add, x), FixedType.parse("ap_fixed<5,3,AP_RND_CONV,AP_SAT>"))
    squares = b.lookup(b.scale(total, 2), [k * k % 11 - 3 for k in range(-16, 16)], -16, 2)
    kernel = b.build([total, b.sub(squares, x[0]), b.scale(total, 2), b.max(total, b.const(0, 0))])
    types = ("ap_fixed<5,3>", "ap_fixed<9,4>", "ap_fixed<8,6>", "ap_ufixed<6,2>")
    reads, writes = (Channel("large", x_types()),), (Channel("small", tuple(map(FixedType.parse, types))),)
    return Map("small", reads, writes, kernel)


def x_types() -> tuple[FixedType, ...]:
    return (FixedType.parse("ap_fixed<6,2>"),) * 4


def small_network() -> tuple[Rtl, Map]:
    layer = small_layer()
    return emit_network(Network("net", layer.reads, ("small",), (layer,)), 2.0), layer


@pytest.mark.parametrize("file", ["net_small.sv", "net_pipeline.sv", "net.sv"])
def test_golden_text(file: str) -> None:
    rtl, _ = small_network()
    assert rtl.files[file] == (GOLDEN / file).read_text()
    assert small_network()[0] == rtl


FAULTS = {
    "rounding": ("net_small.sv", "v7_s1_up = v6_s1[1] & (v6_s1[0] | v6_s1[2])", "v7_s1_up = v6_s1[1]"),
    "saturation": ("net_small.sv", "5'd15 : v7_s1_near", "5'd14 : v7_s1_near"),
    "table": ("net_small.sv", "(-5'sd8): table_0 = 4'sd6", "(-5'sd8): table_0 = 4'sd7"),
    "register": ("net_small.sv", "v0_s1 <= v0_s0;", "v0_s1 <= v1_s0;"),
    "valid": ("net_pipeline.sv", "valid_s2 <= rst ? 1'd0 : valid_s1;", "valid_s2 <= rst ? 1'd0 : start;"),
}


def small_vectors(layer: Map) -> Vectors:
    """The port of a tensor with a keyword's name, 'large', has another one."""
    given = vectors([layer], layer.reads, ["small"], 300, seed=1)
    return replace(given, inputs=tuple(replace(t, name="large_") for t in given.inputs))


@both
def test_the_small_network(tmp_path: Path, simulator: Simulator) -> None:
    rtl, layer = small_network()
    assert run(rtl, small_vectors(layer), tmp_path, simulator).texts() == []


@both
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(tmp_path: Path, simulator: Simulator, fault: str) -> None:
    rtl, layer = small_network()
    file, right, wrong = FAULTS[fault]
    assert rtl.files[file].count(right) == 1
    broken = replace(rtl, files={**rtl.files, file: rtl.files[file].replace(right, wrong)})
    assert not run(broken, small_vectors(layer), tmp_path, simulator).passed
