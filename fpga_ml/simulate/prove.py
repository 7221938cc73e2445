"""RTL against C-simulation: the same vectors, in two simulators, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fpga_ml.ir.network.channel import filled
from fpga_ml.layers.base import Input, Layer
from fpga_ml.numerics import FixedType
from fpga_ml.rtl.network import Rtl
from fpga_ml.simulate.cosim import CosimResult, Mismatch, Simulator, Tensor, Vectors, cosim

Array = npt.NDArray[np.float64]
SIMULATORS: tuple[Simulator, ...] = ("verilator", "icarus")


def corners(layers: Sequence[Layer]) -> list[Array]:
    """Vectors at the ends of what the inputs may be, one array (N, ...) an input: all lowest, all highest, zero, the two
    ends in turn, and the smallest steps around zero."""
    found = []
    for layer in (k for k in layers if isinstance(k, Input)):
        (low, high), t, n = _reach(layers, layer), layer.result, layer.size
        turn = np.where(np.arange(n) % 2 == 0, low, high)
        rows = [np.full(n, min(max(v, low), high)) for v in (low, high, 0.0, t.lsb, -t.lsb)] + [turn, turn[::-1]]
        found.append(np.stack(rows).reshape(-1, *layer.shape))
    return found


def _reach(layers: Sequence[Layer], layer: Layer) -> tuple[float, float]:
    """The least and the greatest value of an input: its type's, within what every layer that reads it accepts."""
    accepted = [k.accepts for k in layers if layer.name in k.reads]
    bounds = [(layer.result.min, layer.result.max), *(a for a in accepted if a is not None)]
    return max(low for low, _ in bounds), min(high for _, high in bounds)


def with_corners(layers: Sequence[Layer], x: Sequence[Array]) -> list[Array]:
    """The inputs x, one array (N, ...) an input, and after them the corners."""
    return [np.concatenate([a, c]) for a, c in zip(x, corners(layers), strict=True)]


def random_inputs(layers: Sequence[Layer], n: int, seed: int = 1) -> list[Array]:
    """Uniform over what the inputs may be, one array (n, ...) an input."""
    rng = np.random.default_rng(seed)
    found = []
    for layer in (k for k in layers if isinstance(k, Input)):
        low, high = (int(layer.result.raw(np.array(v))) for v in _reach(layers, layer))
        found.append(layer.result.real(rng.integers(low, high, size=(n, *layer.shape), endpoint=True)))
    return found


def vectors_of(
    layers: Sequence[Layer], heads: Sequence[str], ports: Mapping[str, str], x: Sequence[Array], y: Sequence[Array]
) -> Vectors:
    """Real inputs and outputs (N, ...) as raw integers at the ports. ports: {layer: port name}."""
    known = {layer.name: layer for layer in layers}
    inputs = [layer.name for layer in layers if isinstance(layer, Input)]

    def tensors(names: Sequence[str], arrays: Sequence[Array]) -> tuple[Tensor, ...]:
        return tuple(_tensor(ports[n], known[n].result, known[n].shape, a) for n, a in zip(names, arrays, strict=True))

    ordered = any(layer.ordered for layer in layers)
    return Vectors(tensors(inputs, x), tensors(list(heads), y), ordered)


def proof_vectors(
    layers: Sequence[Layer],
    heads: Sequence[str],
    ports: Mapping[str, str],
    x: Sequence[Array],
    outputs: Callable[[list[Array]], Sequence[Array]],
    interleave: int = 1,
) -> Vectors:
    """Inputs x, one array (N, ...) an input, and the corners of their types, with what `outputs` makes of them; filled up
    with zeros to whole groups where samples are interleaved."""
    given = [filled(a, interleave) for a in with_corners(layers, x)]
    return vectors_of(layers, heads, ports, given, outputs(given))


def _tensor(name: str, t: FixedType, shape: tuple[int, ...], values: Array) -> Tensor:
    return Tensor.of(name, t.raw(values).reshape(-1, *shape), width_bits=t.width, signed=t.signed)


def default_vectors(rtl: Rtl) -> int:
    """As many as take about 5,000 cycles, from 3 to 100 frames."""
    return max(3, min(100, 5000 // rtl.interval_cycles)) * rtl.interleave


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
    patience = max(10_000, 4 * (rtl.latency_cycles + rtl.interval_cycles))
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
            patience_cycles=patience,
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

    def run(
        self, folder: Path, x: Sequence[Array], outputs: Callable[[list[Array]], Sequence[Array]]
    ) -> tuple[CosimResult, ...]:
        """Every sample of x, one array (N, ...) an input, and the types' corners, against what `outputs` makes of them; folder: the
        project's, with our files in rtl/."""
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
