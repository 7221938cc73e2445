"""From typed layers to RTL: each layer lowered to a kernel over what the layers before it can really give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.kernel import Builder, Kernel, Wire, verify
from fpga_ml.layers.base import Input, Layer
from fpga_ml.rtl.layer import Layer as RtlLayer
from fpga_ml.rtl.layer import Tensor
from fpga_ml.rtl.network import Rtl, emit_network
from fpga_ml.schedule import GENERIC, DelayModel

__all__ = ["Rtl", "build_rtl"]


@dataclass(frozen=True)
class _Made:
    """A layer's result: the tensor that carries it, and what each element can be."""

    tensor: Tensor
    wires: tuple[Wire, ...]


def build_rtl(
    layers: Sequence[Layer],
    ports: Mapping[str, str],
    heads: Sequence[str],
    top: str,
    clock_ns: float,
    model: DelayModel = GENERIC,
) -> Rtl:
    """RTL of a whole network for a target clock. ports: {layer: port name} of inputs and outputs; heads: output layers.

    Between layers an element is as wide as the values that reach it; at the ports it has its declared type.
    """
    made: dict[str, _Made] = {}
    inputs: list[Tensor] = []
    modules: list[RtlLayer] = []
    for layer in layers:
        name = ports.get(layer.name, layer.name)
        if isinstance(layer, Input):
            inputs.append(Tensor(name, (layer.result,) * layer.size))
            made[layer.name] = _Made(inputs[-1], (Wire.of(layer.result),) * layer.size)
            continue
        kernel = _kernel(layer, [made[r] for r in layer.reads])
        wires = tuple(kernel.values[k].wire for k in kernel.outputs)
        declared = layer.name in heads
        tensor = Tensor(name, (layer.result,) * layer.size if declared else tuple(w.type for w in wires))
        made[layer.name] = _Made(tensor, wires)
        modules.append(RtlLayer(kernel, tuple(made[r].tensor for r in layer.reads), (tensor,)))
    return emit_network(top, modules, inputs, [made[h].tensor.name for h in heads], clock_ns, model)


def _kernel(layer: Layer, reads: Sequence[_Made]) -> Kernel:
    builder = Builder(layer.name)
    numbers = [[builder.input(w) for w in r.wires] for r in reads]
    kernel = builder.build(layer.lower(builder, *numbers))
    faults = verify(kernel)
    if faults:
        raise FpgaMlError("; ".join(faults), where=f"layer '{layer.name}'", do="this is a bug of fpga_ml: report it")
    return kernel
