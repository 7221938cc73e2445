"""What a layer's lowering gives to the layers behind it."""

from __future__ import annotations

from dataclasses import dataclass

from fpga_ml.ir.kernel import Wire
from fpga_ml.ir.network import Channel


@dataclass(frozen=True)
class Made:
    """A layer's result: the channel that carries it, and what each element can be."""

    channel: Channel
    wires: tuple[Wire, ...]
