"""Kernels with each operation, random kernels, and what they compute as vectors for co-simulation."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from fpga_ml.ir.kernel import Builder, Kernel, Wire, verify
from fpga_ml.ir.network import Channel, Map
from fpga_ml.numerics import FixedType, Interval
from fpga_ml.numerics.types import Overflow, Rounding
from fpga_ml.rtl import Rtl
from fpga_ml.simulate.cosim import CosimResult, Guarantee, Mode, Simulator, Vectors, cosim
from fpga_ml.simulate.cosim import Tensor as Values

SIMULATORS: tuple[Simulator, ...] = ("verilator", "icarus")
MODES = tuple(itertools.product(Rounding, Overflow))


def random_type(rng: random.Random, narrowest: int = 1, widest: int = 9) -> FixedType:
    width = rng.randint(narrowest, widest)
    return FixedType(rng.random() < 0.6, width, rng.randint(-2, width + 2))


def input_tensor(rng: random.Random, name: str, count: int) -> Channel:
    return Channel(name, tuple(random_type(rng) for _ in range(count)))


def widened(rng: random.Random, wire: Wire) -> FixedType:
    """A declared type that holds the wire, with some bits to spare."""
    t, below, above = wire.type, rng.randint(0, 2), rng.randint(0, 2)
    signed = t.signed or above > 0
    width = t.width + below + above
    return FixedType(signed, width, width - t.fraction - below)


def as_layer(rng: random.Random, kernel: Kernel, *reads: Channel) -> Map:
    assert verify(kernel) == []
    types = tuple(widened(rng, kernel.values[k].wire) for k in kernel.outputs)
    return Map(kernel.name, reads, (Channel(f"{kernel.name}_out", types),), kernel)


def opened(name: str, *reads: Channel) -> tuple[Builder, list[int]]:
    """A builder with the elements of the tensors as inputs."""
    b = Builder(name)
    return b, [b.input(Wire.of(t)) for tensor in reads for t in tensor.types]


def ladder(rng: random.Random, x: Channel, each: int = 6) -> list[Map]:
    """A layer an operation, with several operands each."""
    binary: dict[str, Callable[[Builder], Callable[[int, int], int]]] = {
        "add": lambda b: b.add,
        "sub": lambda b: b.sub,
        "mul": lambda b: b.mul,
        "less": lambda b: b.less,
        "max": lambda b: b.max,
        "min": lambda b: b.min,
    }
    layers = []
    for name, method in binary.items():
        b, values = opened(f"op_{name}", x)
        made = [method(b)(*rng.sample(values, 2)) for _ in range(each)]
        made += [method(b)(*rng.sample([rng.choice(values), constant(rng, b)], 2)) for _ in range(each)]
        layers.append(as_layer(rng, b.build(made), x))
    for name, more in (
        ("times", products),
        ("select", selects),
        ("scale", scales),
        ("lookup", lookups),
        ("const", constants),
    ):
        b, values = opened(f"op_{name}", x)
        layers.append(as_layer(rng, b.build(more(rng, b, values, each)), x))
    return layers


def constant(rng: random.Random, b: Builder) -> int:
    return b.const(rng.choice([0, 1, -1, rng.randint(-40, 40)]), rng.randint(-1, 3))


def products(rng: random.Random, b: Builder, values: list[int], each: int) -> list[int]:
    """By odd constants of one to three signed digits, of either sign."""
    return [
        b.mul(rng.choice(values), b.const(raw, 0)) for raw in (-1, -3, 3, -5, 5, -7, 7, -11, 11, -15, 17, -63)[: 2 * each]
    ]


def selects(rng: random.Random, b: Builder, values: list[int], each: int) -> list[int]:
    either = [*values, constant(rng, b)]
    return [b.select(*rng.sample(values, 1), *rng.sample(either, 2)) for _ in range(2 * each)]


def scales(rng: random.Random, b: Builder, values: list[int], each: int) -> list[int]:
    scaled = [b.scale(rng.choice(values), rng.randint(-3, 3)) for _ in range(each)]
    return [*scaled, b.add(scaled[0], scaled[1]), b.scale(b.scale(scaled[2], 2), -1)]


def constants(rng: random.Random, b: Builder, values: list[int], each: int) -> list[int]:
    return [constant(rng, b) for _ in range(each)]


def lookups(rng: random.Random, b: Builder, values: list[int], each: int) -> list[int]:
    made = []
    for k in rng.sample(values, min(each, len(values))):
        reach, content = b.wire(k).interval, random_type(rng)
        table = [rng.randint(content.min_raw, content.max_raw) for _ in range(reach.high - reach.low + 3)]
        address = b.scale(k, b.wire(k).fraction)
        made.append(b.lookup(address, table, reach.low - 1, content.fraction))
    return made


def casts(rng: random.Random, x: Channel, each: int) -> list[Map]:
    """A layer a pair of modes; operands with whole ranges and with narrower ones."""
    layers = []
    for rounding, overflow in MODES:
        b, values = opened(f"cast_{rounding.value.lower()}_{overflow.value.lower()}", x)
        operands = [*values, b.add(values[0], values[1]), b.max(values[2], b.const(3, 1)), b.min(values[3], b.const(-1, 0))]
        made = []
        for _ in range(each):
            k, width = rng.choice(operands), rng.randint(1, 7)
            fraction = b.wire(k).fraction - rng.choice([-1, 0, 1, 1, 2, 2, 3, 4, 6, 9, 12])
            made.append(b.cast(k, FixedType(rng.random() < 0.6, width, width - fraction, rounding, overflow)))
        layers.append(as_layer(rng, b.build(made), x))
    return layers


def random_kernel(rng: random.Random, name: str, reads: Sequence[Channel], size: int = 30, outputs: int = 5) -> Kernel:
    """Operations on random earlier values, mostly late ones; wide results are cast down."""
    b, values = opened(name, *reads)
    for _ in range(size):
        a, c, d = (values[-1 - min(int(rng.expovariate(0.15)), len(values) - 1)] for _ in range(3))
        kind = rng.choice(["add", "sub", "mul", "cast", "less", "select", "max", "min", "scale", "lookup", "const"])
        match kind:
            case "mul":
                made = b.mul(*(k if b.wire(k).type.width <= 9 else b.cast(k, random_target(rng, b.wire(k))) for k in (a, c)))
            case "add" | "sub" | "less" | "max" | "min":
                made = getattr(b, kind)(a, c)
            case "select":
                made = b.select(b.less(a, c), c, d)
            case "scale":
                made = b.scale(a, rng.randint(-2, 2))
            case "lookup":
                made = lookups(rng, b, [a], 1)[0] if b.wire(a).type.width <= 6 else b.add(a, a)
            case "const":
                made = b.add(a, constant(rng, b))
            case _:
                made = b.cast(a, random_target(rng, b.wire(a)))
        if b.wire(made).type.width > 16 or abs(b.wire(made).fraction) > 12:
            made = b.cast(made, random_target(rng, Wire(rng.randint(0, 4), Interval(-40, 40))))
        values.append(made)
    return b.build([*values[-outputs:-1], values[-1]])


def random_target(rng: random.Random, near: Wire) -> FixedType:
    width = rng.randint(2, 10)
    fraction = near.fraction - rng.randint(-1, 4)
    return FixedType(rng.random() < 0.7, width, width - fraction, *rng.choice(MODES))


def computed(layers: Sequence[Map], given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every tensor's raw values (samples, elements), by Kernel.evaluate, aligned to the declared types."""
    found = dict(given)
    for layer in layers:
        columns = [found[t.name][:, k] for t in layer.reads for k in range(len(t.types))]
        wires = [layer.kernel.values[k].wire for k in layer.kernel.outputs]
        results = iter(zip(layer.kernel.evaluate(*columns), wires, strict=True))
        samples = len(next(iter(given.values())))
        for t in layer.writes:
            aligned = []
            for declared in t.types:
                raw, wire = next(results)
                whole = np.broadcast_to(np.asarray(raw, np.int64), (samples,))
                shift = declared.fraction - wire.fraction
                aligned.append(whole << shift if shift >= 0 else whole >> -shift)
            found[t.name] = np.stack(aligned, axis=1)
    return found


def stimuli(rng: random.Random, tensors: Sequence[Channel], samples: int) -> dict[str, np.ndarray]:
    """Random raw values, with ends of the ranges among them."""
    found = {}
    for tensor in tensors:
        rows = [
            [
                rng.choice([t.min_raw, t.max_raw, 0]) if k % 4 == 0 else rng.randint(t.min_raw, t.max_raw)
                for t in tensor.types
            ]
            for k in range(samples)
        ]
        found[tensor.name] = np.array(rows, np.int64)
    return found


def vectors(layers: Sequence[Map], inputs: Sequence[Channel], outputs: Sequence[str], samples: int, seed: int) -> Vectors:
    """Co-simulation tensors have one type each, so an element of another width travels as one tensor of its own."""
    values = computed(layers, stimuli(random.Random(seed), inputs, samples))
    tensors = {t.name: t for t in (*inputs, *(t for layer in layers for t in layer.writes))}
    return Vectors(
        tuple(packed(tensors[t.name], values[t.name]) for t in inputs),
        tuple(v for name in outputs for v in apart(tensors[name], values[name])),
    )


def packed(tensor: Channel, raw: np.ndarray) -> Values:
    """The whole port as one unsigned element."""
    rows = [[sum((int(row[k]) & ((1 << t.width) - 1)) << low for k, low, t in tensor.slices())] for row in raw]
    return Values.of(tensor.name, rows, width_bits=tensor.width_bits, signed=False)


def apart(tensor: Channel, raw: np.ndarray) -> list[Values]:
    return [
        Values.of(f"{tensor.name}_{k}", raw[:, k : k + 1], width_bits=t.width, signed=t.signed)
        for k, t in enumerate(tensor.types)
    ]


def run(
    rtl: Rtl, given: Vectors, folder: Path, simulator: Simulator, modes: Sequence[Mode] = ("back_to_back",)
) -> CosimResult:
    timing = Guarantee(rtl.latency_cycles, rtl.interval_cycles)
    return cosim(rtl.write(folder), rtl.top, given, folder, simulator, modes, guarantee=timing, probes=rtl.probes)
