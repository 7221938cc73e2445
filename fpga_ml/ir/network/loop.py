"""A kernel whose own result it reads again with the next token: the state of a recurrent layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fpga_ml.ir.kernel import Kernel, Wire
from fpga_ml.ir.network.channel import Channel, Raw, apart, holds, together
from fpga_ml.ir.network.fold import Fold
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
    """The step's inputs are a token's elements, what the fold makes of the state's first ones, if there is a fold, and the
    state's elements; its outputs are the next state. With each sequence the state begins at zero, with a token of a second
    read, where there is one, or, where `keeps`, with the state in which the frame before ended. Its first elements, as many
    as the write has, are written after every token, or after the last one where the write has one token a sequence.

    state: of each element; fold: products with the state that share hardware, as rounds before the step; interleaved:
    sequences in a frame, each with a state of its own, whose tokens come in turn. How often it takes a token is what its
    step takes, which only a schedule knows.
    """

    step: Kernel
    state: tuple[FixedType, ...]
    fold: Fold | None = None
    keeps: bool = False
    interleaved: int = 1
    kind: ClassVar[str] = "loop"

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return (self.step, *(self.fold.kernels if self.fold else ()))

    @property
    def every(self) -> bool:
        """Whether each token read gives one."""
        return self.writes[0].tokens == self.reads[0].tokens

    @property
    def first(self) -> Channel | None:
        """What the state begins with, where it is given."""
        return self.reads[1] if len(self.reads) > 1 else None

    @property
    def state_bits(self) -> int:
        """Of one sequence."""
        return sum(t.width for t in self.state)

    @property
    def shown(self) -> int:
        return len(self.writes[0].types)

    @property
    def products(self) -> Wires:
        """What the fold gives the step."""
        return self.fold.reach(self.fold.reads[0].wires)[0] if self.fold else ()

    def detail(self) -> str:
        folded = f", {self.fold.rounds} rounds a step" if self.fold else ""
        kept = ", kept from frame to frame" if self.keeps else ""
        many = f", {self.interleaved} sequences interleaved" * (self.interleaved > 1)
        return f"  state of {len(self.state)} elements, {self.state_bits} bits{folded}{kept}{many}"

    def faults(self) -> list[str]:
        where, many = self.name, self.interleaved
        if len(self.reads) not in (1, 2) or len(self.writes) != 1 or not (self.every or self.writes[0].tokens == many):
            return [f"{where}: a loop reads one channel and writes one, for every token or for the last one of a sequence"]
        if self.reads[0].tokens % many:
            return [f"{where}: {self.reads[0].tokens} tokens a frame are not {many} sequences of one length"]
        if self.first is not None and (self.keeps or self.first.tokens != many or self.first.types != self.state):
            return [
                f"{where}: the first state is one token a sequence, of the state's types, and of a state that is not kept"
            ]
        if self.keeps and many > 1:
            return [f"{where}: of {many} sequences in turn none goes on where the one before it ended"]
        own = kernel_faults(self.step, len(self.reads[0].types) + len(self.products) + len(self.state))
        if self.fold:
            own += self.fold.faults()
            if self.fold.reads[0].types != self.state[: len(self.fold.reads[0].types)]:
                own.append(f"{where}: what the fold reads is not the first of the state")
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
        kept = tuple(map(Wire.of, self.state))
        first = beyond(self.name, reads[1], kept) if self.first is not None else []
        return beyond(self.name, [*reads[0], *self.products, *kept], input_wires(self.step)) + first

    def evaluate(self, *x: Raw) -> list[Raw]:
        sequences = apart(x[0], self.interleaved)
        state = np.zeros((1 if self.keeps else len(sequences), len(self.state)), x[0].dtype)
        if self.first is not None:
            state = apart(x[1], self.interleaved)[:, 0]
        if not self.keeps:
            return [together(self._walked(sequences, state)[0], self.interleaved)]
        made = []
        for frame in x[0]:
            shown, state = self._walked(frame[None], state)
            made.append(shown)
        return [np.concatenate(made)]

    def _walked(self, x: Raw, state: Raw) -> tuple[Raw, Raw]:
        """What is written for sequences (sequences, tokens, elements), each from a state of its own, and their last
        states."""
        kept = tuple(map(Wire.of, self.state))
        products, shown = self.fold.writes[0].wires if self.fold else (), self.writes[0].wires
        given = [*self.reads[0].wires, *products, *kept]
        made = []
        for token in np.moveaxis(x, 1, 0):
            now = np.concatenate([token, *self._folded(state), state], axis=-1)
            both = applied(self.both, given, now, [*kept, *shown])
            state = both[..., : len(kept)]
            made.append(both[..., len(kept) :])
        return np.stack(made if self.every else made[-1:], axis=1), state

    def _folded(self, state: Raw) -> list[Raw]:
        """Products of states (sequences, elements), with the binary points of what the fold writes."""
        if self.fold is None:
            return []
        read = state[:, None, : len(self.fold.reads[0].types)]
        return [self.fold.evaluate(read)[0][:, 0]]

    @property
    def both(self) -> Kernel:
        """The step with what is written as outputs of their own, behind the state."""
        outputs = (*self.step.outputs, *self.step.outputs[: self.shown])
        return Kernel(self.step.name, self.step.values, self.step.inputs, outputs)
