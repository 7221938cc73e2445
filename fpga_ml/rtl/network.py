"""A network of layers in the parallel architecture: scheduled one after the other for a clock, and written as RTL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.ir.kernel import Wire
from fpga_ml.rtl.layer import Layer, Tensor, emit_layer
from fpga_ml.rtl.names import Names
from fpga_ml.rtl.top import LayerRtl, emit_top, last_reads
from fpga_ml.schedule import GENERIC, DelayModel, schedule

__all__ = ["Layer", "LayerRtl", "Rtl", "Tensor", "emit_network"]


@dataclass(frozen=True)
class Rtl:
    """files: text by file name, one module each, the top last; register_bits: of layers, between them, and valid bits."""

    files: Mapping[str, str]
    top: str
    layers: tuple[LayerRtl, ...]
    latency_cycles: int
    interval_cycles: int
    register_bits: int

    def write(self, folder: Path) -> tuple[Path, ...]:
        """The files, into a folder that exists."""
        for name, text in self.files.items():
            (folder / name).write_text(text)
        return tuple(folder / name for name in self.files)


@dataclass(frozen=True)
class _Made:
    """A tensor that is there: from which stage on, how long after its clock edge each element arrives, what it can be."""

    tensor: Tensor
    stage: int
    arrivals_ns: tuple[float, ...]
    wires: tuple[Wire, ...]


def emit_network(
    top_name: str,
    layers: Sequence[Layer],
    inputs: Sequence[Tensor],
    outputs: Sequence[str],
    clock_ns: float,
    model: DelayModel = GENERIC,
) -> Rtl:
    """RTL for a target clock, interval 1.

    layers: in the order of computation; inputs: of the network; outputs: names of the tensors it gives. A layer begins
    in the cycle in which its last input comes, with what that input leaves of the cycle. Raises FpgaMlError for tensors
    that do not fit, and for a clock that one operation alone is too slow for.
    """
    made = {t.name: _Made(t, 0, (0.0,) * len(t.types), tuple(map(Wire.of, t.types))) for t in inputs}
    modules, found = Names(top_name), list[LayerRtl]()
    top = modules.port(top_name)
    for layer in layers:
        rtl = _scheduled(layer, made, modules.free(f"{top}_{layer.name}"), clock_ns, model)
        found.append(rtl)
        made |= _results(rtl, made)
    results = [_known(name, made, f"output of '{top}'") for name in outputs]
    latency = max((r.stage for r in results), default=0)
    given = [r.tensor for r in results]
    files = {f"{rtl.module}.sv": rtl.text for rtl in found}
    files[f"{top}.sv"] = emit_top(top, found, inputs, given, latency)
    lives = last_reads(found, inputs, given, latency)
    between = sum(tensor.width_bits * (last - stage) for tensor, stage, last in lives.values())
    bits = sum(rtl.schedule.register_bits for rtl in found) + between + latency
    return Rtl(files, top, tuple(found), latency, 1, bits)


def _known(name: str, made: Mapping[str, _Made], where: str) -> _Made:
    if name not in made:
        raise FpgaMlError(
            f"no tensor '{name}' has been made before it is read ({suggest(name, made)})",
            where=where,
            do="give layers in the order of computation",
        )
    return made[name]


def _scheduled(layer: Layer, made: Mapping[str, _Made], module: str, clock_ns: float, model: DelayModel) -> LayerRtl:
    layer.check()
    reads = [_known(t.name, made, f"layer '{layer.name}'") for t in layer.reads]
    for mine, theirs in zip(layer.reads, reads, strict=True):
        if mine != theirs.tensor:
            raise FpgaMlError(
                f"tensor '{mine.name}' is made with other types than it is read with",
                where=f"layer '{layer.name}'",
                do="give the same Tensor to the layer that writes it and to those that read it",
            )
    _check_reach(layer, [(r.tensor.name, k, w) for r in reads for k, w in enumerate(r.wires)])
    start = max((r.stage for r in reads), default=0)
    arrivals = [t if r.stage == start else 0.0 for r in reads for t in r.arrivals_ns]
    plan = schedule(layer.kernel, clock_ns, model, arrivals)
    return LayerRtl(layer, module, emit_layer(module, layer, plan), plan, start)


def _results(rtl: LayerRtl, made: Mapping[str, _Made]) -> dict[str, _Made]:
    kernel = rtl.layer.kernel
    each = zip(rtl.schedule.outputs_ns, (kernel.values[k].wire for k in kernel.outputs), strict=True)
    found = {}
    for t in rtl.layer.writes:
        times, wires = zip(*islice(each, len(t.types)), strict=True)
        found[t.name] = _Made(t, rtl.end_stage, times, wires)
    twice = [name for name in found if name in made]
    if twice or len(found) < len(rtl.layer.writes):
        raise FpgaMlError(
            f"tensor '{(twice or list(found))[0]}' is made twice", where=f"layer '{rtl.layer.name}'", do="rename one"
        )
    return found


def _check_reach(layer: Layer, given: Sequence[tuple[str, int, Wire]]) -> None:
    """Raises where an element can be what the kernel's input, which may be narrower than the tensor's type, cannot."""
    for number, (name, k, made) in zip(layer.kernel.inputs, given, strict=True):
        read = layer.kernel.values[number].wire
        fraction = max(made.fraction, read.fraction)
        a, b = made.at(fraction), read.at(fraction)
        if a.low < b.low or a.high > b.high or (made.fraction > read.fraction and (a.low, a.high) != (0, 0)):
            raise FpgaMlError(
                f"it is made as {made.interval.low}..{made.interval.high} with {made.fraction} fraction bits, "
                f"but read as {read.interval.low}..{read.interval.high} with {read.fraction}",
                where=f"layer '{layer.name}', tensor '{name}', element {k}",
                do="give the kernel's input the whole reach of what it reads",
            )
