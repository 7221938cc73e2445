"""A kernel whose own result it reads again with the next token: the state of a recurrent layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fpga_ml.ir.kernel import Kernel, Wire
from fpga_ml.ir.network.channel import Raw, holds
from fpga_ml.ir.network.process import (
    Process,
    Wires,
    applied,
    beyond,
    input_wires,
    kernel_faults,
    output_wires,
    too_narrow,
)
from fpga_ml.numerics import FixedType


@dataclass(frozen=True)
class Loop(Process):
    """The step's inputs are a token's elements and then those of the state, its outputs the next state. The state begins
    at zero with each frame. Its first elements, as many as the write has, are written after every token, or after the last
    one where the write has one token a frame.

    state: of each element. How often it takes a token is what its step takes, which only a schedule knows.
    """

    step: Kernel
    state: tuple[FixedType, ...]
    kind: ClassVar[str] = "loop"

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return (self.step,)

    @property
    def every(self) -> bool:
        """Whether each token read gives one."""
        return self.writes[0].tokens == self.reads[0].tokens

    @property
    def shown(self) -> int:
        return len(self.writes[0].types)

    def detail(self) -> str:
        return f"  state of {len(self.state)} elements, {sum(t.width for t in self.state)} bits"

    def faults(self) -> list[str]:
        where = self.name
        if len(self.reads) != 1 or len(self.writes) != 1 or not (self.every or self.writes[0].tokens == 1):
            return [f"{where}: a loop reads one channel and writes one, for every token or for the last one of a frame"]
        own = kernel_faults(self.step, len(self.reads[0].types) + len(self.state))
        if own:
            return own
        if len(self.step.outputs) != len(self.state) or self.shown > len(self.state):
            return [f"{where}: a state of {len(self.state)} elements, {len(self.step.outputs)} made, {self.shown} written"]
        wires = output_wires(self.step)
        return too_narrow(where, self.writes[0], wires[: self.shown]) + [
            f"{where}: element {k} of the state is made as {w.type.cpp()}, not all of which {t.cpp()} holds"
            for k, (t, w) in enumerate(zip(self.state, wires, strict=True))
            if not holds(t, w)
        ]

    def reach(self, *reads: Wires) -> list[Wires]:
        return [output_wires(self.step)[: self.shown]]

    def not_within(self, *reads: Wires) -> list[str]:
        return beyond(self.name, [*reads[0], *map(Wire.of, self.state)], input_wires(self.step))

    def evaluate(self, *x: Raw) -> list[Raw]:
        kept = tuple(map(Wire.of, self.state))
        given, shown = [*self.reads[0].wires, *kept], self.writes[0].wires
        state = np.zeros((len(x[0]), len(kept)), x[0].dtype)
        made = []
        for token in np.moveaxis(x[0], 1, 0):
            now = np.concatenate([token, state], axis=-1)
            both = applied(self.both, given, now, [*kept, *shown])
            state = both[..., : len(kept)]
            made.append(both[..., len(kept) :])
        return [np.stack(made if self.every else made[-1:], axis=1)]

    @property
    def both(self) -> Kernel:
        """The step with what is written as outputs of their own, behind the state."""
        outputs = (*self.step.outputs, *self.step.outputs[: self.shown])
        return Kernel(self.step.name, self.step.values, self.step.inputs, outputs)
