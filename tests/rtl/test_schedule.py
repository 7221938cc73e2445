"""Schedules: timing holds when it is computed again another way, register bits are those in the text, delays are
complete."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest

from fpga_ml.devices import GENERIC, DelayModel
from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.area import AREAS, Area, area_of
from fpga_ml.ir.kernel import Builder, Kernel, Wire
from fpga_ml.ir.kernel.builder import signed_digits
from fpga_ml.ir.kernel.ops import ALL_OPS, Const, Input, Scale
from fpga_ml.ir.network import Channel, Fold, Map, Network
from fpga_ml.numerics import FixedType
from fpga_ml.rtl import emit_network
from fpga_ml.schedule import Schedule, schedule
from fpga_ml.schedule.delay import DELAYS, delay_ns

from .designs import as_layer, input_tensor, random_kernel

FIXED = FixedType.parse
# every sum takes 0.8 ns, a register none
FLAT = replace(GENERIC, register_ns=0.0, lut_inputs=0, adder_base_ns=0.8, adder_per_bit_ns=0.0)


def summed(count: int, type_: str = "ap_fixed<6,2>") -> Kernel:
    b = Builder("summed")
    return b.build([b.tree(b.add, [b.input(Wire.of(FIXED(type_))) for _ in range(count)])])


def check_timing(
    kernel: Kernel, plan: Schedule, clock_ns: float, arrivals: list[float], model: DelayModel = GENERIC
) -> None:
    """Every path within a stage fits, and no value is read before it is made."""
    times: list[float] = []
    for number, v in enumerate(kernel.values):
        stage, begin = plan.stages[number], 0.0
        if isinstance(v.op, Input):
            assert stage == 0
            begin = arrivals[v.op.index]
        for k in v.operands:
            if isinstance(kernel.values[k].op, Const) or plan.stages[k] is None:
                continue
            assert stage is not None
            assert (plan.stages[k] or 0) <= stage
            if plan.stages[k] == stage:
                begin = max(begin, times[k])
        times.append(begin + delay_ns(model, v, kernel.wires(number)))
        assert times[-1] <= model.budget_ns(clock_ns) + 1e-6
        if stage is not None:
            assert plan.arrivals_ns[number] == pytest.approx(times[-1])
    for k, told in zip(kernel.outputs, plan.outputs_ns, strict=True):
        last = plan.stages[k] == plan.latency_cycles
        assert told == pytest.approx(times[k] if last else 0.0)


def bits_in(text: str) -> int:
    """Register bits, counted in the text."""
    total = 0
    for name in re.findall(r"^\s+(\w+) <=", text, re.M):
        declared = re.search(rf"logic(?: signed)?(?: \[(\d+):0\])? {name};", text)
        assert declared is not None
        total += int(declared[1] or 0) + 1
    return total


def test_every_operation_has_a_delay() -> None:
    assert set(DELAYS) == set(ALL_OPS)


def test_an_adder_of_12_bits() -> None:
    kernel = summed(2, "ap_fixed<11,2>")
    assert delay_ns(GENERIC, kernel.values[2], kernel.wires(2)) == pytest.approx(0.8)


def test_what_is_only_wires_is_free() -> None:
    b = Builder("wires")
    x = b.input(Wire.of(FIXED("ap_fixed<12,4>")))
    kernel = b.build([b.scale(x, 3), b.cast(x, FIXED("ap_fixed<7,3>")), b.const(3, 0)])
    assert [delay_ns(GENERIC, v, kernel.wires(n)) for n, v in enumerate(kernel.values)] == [0.0] * 4
    plan = schedule(kernel, 1.0)
    assert (plan.latency_cycles, plan.register_bits, plan.outputs_ns) == (0, 0, (0.0, 0.0, 0.0))


@pytest.mark.parametrize(("number", "digits"), [(0, 0), (1, 1), (-1, 1), (7, 2), (-7, 2), (5, 2), (11, 3), (256, 1)])
def test_signed_digits(number: int, digits: int) -> None:
    assert len(signed_digits(number)) == digits
    assert sum(signed_digits(number)) == number


@pytest.mark.parametrize(
    ("clock_ns", "latency", "last_ns"), [(0.8, 2, 0.8), (1.0, 2, 0.8), (1.6, 1, 0.8), (2.4, 0, 2.4), (9, 0, 2.4)]
)
def test_chaining(clock_ns: float, latency: int, last_ns: float) -> None:
    """Three levels of adders of 0.8 ns."""
    plan = schedule(summed(8), clock_ns, FLAT)
    assert plan.latency_cycles == latency
    assert plan.outputs_ns == pytest.approx((last_ns,))


def test_inputs_may_come_late() -> None:
    plan = schedule(summed(2), 1.0, FLAT, [0.0, 0.3])
    assert (plan.latency_cycles, plan.outputs_ns, plan.register_bits) == (1, (0.8,), 12)
    assert schedule(summed(2), 1.0, FLAT, [0.0, 0.2]).latency_cycles == 0


def test_a_value_moves_to_where_it_needs_fewer_registers() -> None:
    """x is kept for the last stage anyway: x + 1 is made there, not registered as well."""
    b = Builder("kept")
    x = [b.input(Wire.of(FIXED("ap_fixed<6,6>"))) for _ in range(4)]
    late = b.tree(b.add, x)
    kernel = b.build([late, x[0], b.add(x[0], b.const(1, 0))])
    plan = schedule(kernel, 1.0, FLAT)
    assert plan.latency_cycles == 1
    assert plan.stages[kernel.outputs[2]] == 1
    assert plan.register_bits == 7 + 7 + 6


@pytest.mark.parametrize("seed", range(12))
def test_timing_of_random_kernels(seed: int) -> None:
    rng = random.Random(seed)
    x = input_tensor(rng, "x", 6)
    kernel = random_kernel(rng, "random", [x], 60)
    clock_ns = rng.choice([3.0, 4.0, 6.0, 20.0])
    arrivals = [rng.uniform(0, 2.0) for _ in kernel.inputs]
    plan = schedule(kernel, clock_ns, arrivals_ns=arrivals)
    check_timing(kernel, plan, clock_ns, arrivals)
    layer = as_layer(rng, kernel, x)
    rtl = emit_network(Network("network", (x,), (layer.writes[0].name,), (layer,)), clock_ns)
    assert rtl.register_bits == sum(map(bits_in, rtl.files.values()))
    assert plan == schedule(kernel, clock_ns, arrivals_ns=arrivals)
    assert all(plan.stages[n] == plan.stages[v.operands[0]] for n, v in enumerate(kernel.values) if isinstance(v.op, Scale))


@pytest.mark.parametrize(("clock_ns", "latencies"), [(1.0, [1, 2]), (2.0, [0, 1]), (2.4, [0, 1]), (3.2, [0, 0])])
def test_layers_chain_within_a_cycle(clock_ns: float, latencies: list[int]) -> None:
    """Two layers of two levels of adders each: the second goes on where the first has left off."""
    x = Channel("x", (FIXED("ap_fixed<6,2>"),) * 4)
    first = replace(summed(4), name="first")
    one = Channel("one", (FIXED("ap_fixed<8,4>"),))
    b = Builder("second")
    y, (p, q) = b.input(Wire.of(one.types[0])), [b.input(Wire.of(t)) for t in x.types[:2]]
    rest = [b.input(Wire.of(t)) for t in x.types[2:]]
    kernel = b.build([b.add(b.add(y, p), b.add(q, rest[0]))])
    two = Channel("two", (FIXED("ap_fixed<10,6>"),))
    layers = (Map("first", (x,), (one,), first), Map("second", (one, x), (two,), kernel))
    rtl = emit_network(Network("net", (x,), ("two",), layers), clock_ns, FLAT)
    assert [stage.latency_cycles for stage in rtl.stages] == latencies
    assert rtl.latency_cycles == sum(latencies)
    assert rtl.stages[1].start_cycle == latencies[0]


def failure(**changes: object) -> str:
    """What emit_network says of a network of one sum."""
    x = Channel("x", (FIXED("ap_fixed<6,2>"),) * 4)
    y = Channel("y", (FIXED("ap_fixed<8,4>"),))
    given: dict[str, object] = {
        "kernel": summed(4),
        "reads": (x,),
        "writes": (y,),
        "inputs": (x,),
        "outputs": ("y",),
        "clock_ns": 5.0,
    }
    given |= changes
    layer = Map("summed", given["reads"], given["writes"], given["kernel"])  # type: ignore[arg-type]
    network = Network("net", given["inputs"], given["outputs"], (layer,))  # type: ignore[arg-type]
    with pytest.raises(FpgaMlError) as error:
        emit_network(network, given["clock_ns"])  # type: ignore[arg-type]
    return str(error.value)


def test_errors() -> None:
    assert failure(clock_ns=0.8) == (
        "one operation takes 0.70 ns, but the 0.8 ns clock leaves 0.65 ns for logic (delay model 'generic 16 nm')\n"
        "  where: kernel 'summed', %4 = add of 7 bits\n"
        "  do:    choose a slower clock, or narrower types"
    )
    assert "the kernel has 4 inputs, it is given 1 elements" in failure(reads=(Channel("x", (FIXED("ap_fixed<6,2>"),)),))
    narrow = failure(writes=(Channel("y", (FIXED("ap_fixed<7,3>"),)),))
    assert "summed: gives -128..124 with 4 fraction bits, not all of which ap_fixed<7,3> holds ('y', element 0)" in narrow
    assert "gives 'z', which nothing makes" in failure(outputs=("z",))
    assert "summed: reads 'x', which nothing before it makes" in failure(inputs=())
    assert "it is made as x: [ap_fixed<7,2> x 4]" in failure(inputs=(Channel("x", (FIXED("ap_fixed<7,2>"),) * 4),))
    assert "writes 'x', which is made already" in failure(writes=(Channel("x", (FIXED("ap_fixed<8,4>"),)),))
    assert "two ports or signals would be called 'ap_clk'" in failure(
        reads=(Channel("ap_clk", (FIXED("ap_fixed<6,2>"),) * 4),), inputs=(Channel("ap_clk", (FIXED("ap_fixed<6,2>"),) * 4),)
    )
    assert "is read as -16..15 with 4" in failure(kernel=summed(4, "ap_fixed<5,1>"))
    with pytest.raises(FpgaMlError, match=r"input 1 arrives after 6\.00 ns"):
        schedule(summed(2), 5.0, arrivals_ns=[0.0, 6.0])
    with pytest.raises(FpgaMlError, match="1 arrival times for 2 inputs"):
        schedule(summed(2), 5.0, arrivals_ns=[0.0])


def test_every_operation_has_an_area() -> None:
    assert set(AREAS) == set(ALL_OPS)


def test_area_of_a_sum() -> None:
    """Seven sums of 7, 8 and 9 bits, whose highest is a sign beside another. An accumulating fold keeps its sum and turns
    its rows."""
    x = Channel("x", (FIXED("ap_fixed<6,2>"),) * 8)
    kernel = summed(8)
    total = Channel("total", (kernel.values[kernel.outputs[0]].wire.type,))
    assert area_of(Map("sum", (x,), (total,), kernel)) == Area(luts=4 * 6 + 2 * 7 + 8)
    wide = Channel("x", x.types * 2)
    walk = (tuple(range(8)), tuple(range(8, 16)))
    sums = Channel("sums", (FIXED("ap_fixed<10,6>"),))
    fold = Fold("fold", (wide,), (sums,), kernel, walk, ((), ()), (), 2)
    assert area_of(fold) == Area(luts=4 * 6 + 2 * 7 + 8 + 10 + 2 * 8 * 6)
