"""RTL against C-simulation: the same vectors, in two simulators, bit for bit."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fpga_ml.ir.network.channel import filled
from fpga_ml.layers.base import Input, Layer
from fpga_ml.numerics import FixedType
from fpga_ml.numerics.types import Raw
from fpga_ml.rtl.network import Rtl
from fpga_ml.simulate.cosim import CosimResult, Mismatch, Simulator, Tensor, Vectors, cosim

Array = npt.NDArray[np.float64]
Simulate = Callable[[list[Raw]], Sequence[Raw]]  # raw outputs of raw inputs
SIMULATORS: tuple[Simulator, ...] = ("verilator", "icarus")


def corners(layers: Sequence[Layer]) -> list[Raw]:
    """Raw vectors at the ends of what the inputs may be, one array (N, ...) an input: all lowest, all highest, zero, the two
    ends in turn, and the smallest steps around zero."""
    found = []
    for layer in (k for k in layers if isinstance(k, Input)):
        (low, high), kind, n = _reach(layers, layer), layer.result.kind, layer.size
        rows = [[min(max(v, low), high)] * n for v in (low, high, 0, 1, -1)]
        rows += [[(low, high)[(k + turn) % 2] for k in range(n)] for turn in (0, 1)]
        found.append(np.array(rows, kind).reshape(-1, *layer.shape))
    return found


def _reach(layers: Sequence[Layer], layer: Layer) -> tuple[int, int]:
    """The least and the greatest raw value of an input: its type's, within what every layer that reads it accepts."""
    t = layer.result
    accepted = [t.raw(np.array(a)) for a in (k.accepts for k in layers if layer.name in k.reads) if a is not None]
    bounds = [(t.min_raw, t.max_raw), *((int(low), int(high)) for low, high in accepted)]
    return max(low for low, _ in bounds), min(high for _, high in bounds)


def raw_inputs(layers: Sequence[Layer], x: Sequence[Array]) -> list[Raw]:
    """Real inputs, one array (N, ...) an input, assigned to the inputs' types."""
    inputs = [layer for layer in layers if isinstance(layer, Input)]
    return [layer.result.raw(a).reshape(-1, *layer.shape) for layer, a in zip(inputs, x, strict=True)]


def random_inputs(layers: Sequence[Layer], n: int, seed: int = 1) -> list[Raw]:
    """Raw values, uniform over what the inputs may be, one array (n, ...) an input."""
    rng = np.random.default_rng(seed)
    found = []
    for layer in (k for k in layers if isinstance(k, Input)):
        (low, high), shape = _reach(layers, layer), (n, *layer.shape)
        if layer.result.kind is np.int64:
            found.append(rng.integers(low, high, size=shape, endpoint=True))
        else:
            drawn = random.Random(int(rng.integers(1 << 62)))
            found.append(np.array([drawn.randint(low, high) for _ in range(n * layer.size)], object).reshape(shape))
    return found


def vectors_of(
    layers: Sequence[Layer], heads: Sequence[str], ports: Mapping[str, str], x: Sequence[Raw], y: Sequence[Raw]
) -> Vectors:
    """Raw inputs and outputs (N, ...) at the ports. ports: {layer: port name}."""
    known = {layer.name: layer for layer in layers}
    inputs = [layer.name for layer in layers if isinstance(layer, Input)]

    def tensors(names: Sequence[str], arrays: Sequence[Raw]) -> tuple[Tensor, ...]:
        return tuple(_tensor(ports[n], known[n].result, known[n].shape, a) for n, a in zip(names, arrays, strict=True))

    ordered = any(layer.ordered for layer in layers)
    return Vectors(tensors(inputs, x), tensors(list(heads), y), ordered)


def proof_vectors(
    layers: Sequence[Layer],
    heads: Sequence[str],
    ports: Mapping[str, str],
    x: Sequence[Raw],
    outputs: Simulate,
    interleave: int = 1,
) -> Vectors:
    """Raw inputs x, one array (N, ...) an input, and the corners of their types, with what `outputs` makes of them; filled up
    with zeros to whole groups where samples are interleaved."""
    given = [filled(np.concatenate([a, c]), interleave) for a, c in zip(x, corners(layers), strict=True)]
    return vectors_of(layers, heads, ports, given, outputs(given))


def _tensor(name: str, t: FixedType, shape: tuple[int, ...], raw: Raw) -> Tensor:
    return Tensor.of(name, raw.reshape(-1, *shape), width_bits=t.width, signed=t.signed)


def default_vectors(rtl: Rtl) -> int:
    """As many as take about 5,000 cycles, from 3 to 100 frames."""
    return max(3, min(100, 5000 // rtl.interval_cycles)) * rtl.interleave


def patience_cycles(rtl: Rtl) -> int:
    """Without any progress before a run is given up."""
    return max(10_000, 4 * (rtl.latency_cycles + rtl.interval_cycles))


def prove(
    files: Sequence[Path],
    rtl: Rtl,
    vectors: Vectors,
    workdir: Path,
    seed: int,
    simulators: Sequence[str] = SIMULATORS,
    *,
    ours: bool = True,
) -> tuple[CosimResult, ...]:
    """Every simulator asked for, every mode: back to back, with random gaps, with resets in mid-run.

    files: of `rtl`, or others in its place; ours: parallel RTL promises a fixed latency; a vendor's does not. Where samples
    are interleaved, vectors are whole groups; latency and interval are a group's.
    """
    asked = [s for s in SIMULATORS if s in simulators]
    frames = vectors.interleaved(rtl.interleave)
    found = (
        cosim(
            files,
            rtl.top,
            frames,
            workdir,
            s,
            seed=seed,
            fixed_latency=ours,
            patience_cycles=patience_cycles(rtl),
            probes=rtl.probes if ours else None,
        )
        for s in asked
    )
    return tuple(_by_sample(run, vectors, rtl.interleave) for run in found)


@dataclass(frozen=True)
class Bench:
    """What simulates a project's RTL. ports: {layer: port name} of inputs and outputs; heads: the output layers; seed: of gaps and
    resets; given: files from elsewhere in the place of ours."""

    rtl: Rtl
    layers: Sequence[Layer]
    heads: Sequence[str]
    ports: Mapping[str, str]
    seed: int = 1
    simulators: Sequence[str] = SIMULATORS
    given: tuple[Path, ...] = ()

    def run(self, folder: Path, x: Sequence[Raw], outputs: Simulate) -> tuple[CosimResult, ...]:
        """Every sample of x, one raw array (N, ...) an input, and the types' corners, against what `outputs` makes of them; folder:
        the project's, with our files in rtl/."""
        vectors = proof_vectors(self.layers, self.heads, self.ports, x, outputs, self.rtl.interleave)
        files = self.given or tuple(folder / "rtl" / name for name in self.rtl.files)
        return prove(files, self.rtl, vectors, folder / "sim", self.seed, self.simulators, ours=not self.given)


def _by_sample(run: CosimResult, vectors: Vectors, interleave: int) -> CosimResult:
    """What was found in groups, told of the samples in them."""
    sizes = {t.name: t.shape[-1] for t in vectors.outputs}

    def of(m: Mismatch) -> Mismatch:
        if m.vector is None:
            return m
        token, element = divmod(m.element, sizes[m.output])
        step, place = divmod(token, interleave)
        return replace(m, vector=m.vector * interleave + place, element=step * sizes[m.output] + element)

    return replace(run, vectors=len(vectors), mismatches=tuple(map(of, run.mismatches)))
