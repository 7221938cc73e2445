"""A kernel: a pure function of fixed-point scalars, as a list of values in the order of their making."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from fpga_ml.ir.kernel.affine import Form, Reach
from fpga_ml.ir.kernel.ops import Input, Op
from fpga_ml.ir.kernel.wire import Wire


@dataclass(frozen=True)
class Value:
    """One value: the operation that makes it and the numbers of its operands, all smaller than its own."""

    op: Op
    operands: tuple[int, ...]
    wire: Wire


@dataclass(frozen=True)
class Kernel:
    """values in order; inputs: their numbers by index; outputs: numbers, in the order of the result."""

    name: str
    values: tuple[Value, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def wires(self, number: int) -> tuple[Wire, ...]:
        """Of a value's operands."""
        return tuple(self.values[k].wire for k in self.values[number].operands)

    def text(self) -> str:
        """One line a value: what it is and what it can hold."""
        lines = [f"kernel {self.name}({len(self.inputs)}) -> {len(self.outputs)}"]
        for number, v in enumerate(self.values):
            arguments = ", ".join(f"%{k}" for k in v.operands)
            brackets = f"[{v.op.parameters()}]" if v.op.parameters() else ""
            i = v.wire.interval
            lines.append(f"  %{number} = {v.op.name}{brackets}({arguments}) : f{v.wire.fraction} {i.low}..{i.high}")
        lines.append(f"  return {', '.join(f'%{k}' for k in self.outputs)}")
        return "\n".join(lines) + "\n"

    def reach(self, inputs: Sequence[Wire]) -> list[Wire]:
        """What the outputs can be where the inputs are narrower than declared, with the same binary points."""
        found: list[Wire] = []
        for number, v in enumerate(self.values):
            wire = inputs[v.op.index] if isinstance(v.op, Input) else v.op.rule(*(found[k] for k in v.operands))
            form = self._narrowed.get(number)
            found.append(wire if form is None else wire.within(form.interval(found)))
        return [found[k] for k in self.outputs]

    def evaluate(self, *raw: Any) -> list[Any]:
        """Raw outputs for raw inputs, integers or int64 arrays of one shape; the exact meaning of the kernel."""
        found: list[Any] = []
        for v, wires in zip(self.values, self._operands, strict=True):
            if isinstance(v.op, Input):
                x = raw[v.op.index]
                found.append(x.astype(object) if self._is_wide and isinstance(x, np.ndarray) else x)
            else:
                found.append(v.op.evaluate(wires, *(found[k] for k in v.operands)))
        for see in _watchers:
            see(self, found)
        return [found[k] for k in self.outputs]

    @cached_property
    def _narrowed(self) -> Mapping[int, Form]:
        """Of values that can be less than their operations say, for their operands depend on one another."""
        reach, found = Reach(), {}
        for number, v in enumerate(self.values):
            wire, form = reach.of(v.op, v.operands)
            reach.put(wire, form)
            if form and wire != v.op.rule(*self.wires(number)):
                found[number] = form
        return found

    @cached_property
    def _operands(self) -> tuple[tuple[Wire, ...], ...]:
        """The wires that each value is computed from."""
        return tuple(map(self.wires, range(len(self.values))))

    @cached_property
    def _is_wide(self) -> bool:
        """Whether an int64 does not hold every integer that is met."""
        return any(_largest(wires, v.wire) >= 1 << 62 for v, wires in zip(self.values, self._operands, strict=True))


def needed(values: Sequence[Value], outputs: Iterable[int]) -> set[int]:
    """The numbers of the outputs and of all that they are made of."""
    found = set(outputs)
    for number in range(len(values) - 1, -1, -1):
        if number in found:
            found.update(values[number].operands)
    return found


Watcher: TypeAlias = Callable[["Kernel", Sequence[Any]], None]
_watchers: list[Watcher] = []


@contextmanager
def watching(see: Watcher) -> Iterator[None]:
    """While it lasts, `see` is given each kernel that is evaluated with all of its values."""
    _watchers.append(see)
    try:
        yield
    finally:
        _watchers.remove(see)


def _largest(operands: tuple[Wire, ...], result: Wire) -> int:
    """The largest integer that computing a value meets: its operands are aligned to the finest of them first."""
    fraction = max([w.fraction for w in operands], default=result.fraction)
    intervals = [w.at(max(fraction, w.fraction)) for w in operands] + [result.interval]
    return max(max(abs(i.low), abs(i.high)) for i in intervals)


def verify(kernel: Kernel) -> list[str]:
    """Every fault of a kernel, none if it is sound."""
    faults: list[str] = []
    reach = Reach()
    for number, v in enumerate(kernel.values):
        where = f"{kernel.name} %{number} ({v.op.name})"
        if len(v.operands) != v.op.arity:
            faults.append(f"{where}: {len(v.operands)} operands, not {v.op.arity}")
        elif any(not 0 <= k < number for k in v.operands):
            faults.append(f"{where}: reads {v.operands}, not only values before it")
        elif not faults:
            wire, form = reach.of(v.op, v.operands)
            reach.put(wire, form)
            if wire != v.wire:
                faults.append(f"{where}: holds {v.wire}, its operation gives {wire}")
    for index, number in enumerate(kernel.inputs):
        op = kernel.values[number].op
        if not isinstance(op, Input) or op.index != index:
            faults.append(f"{kernel.name}: input {index} is %{number}, which is no such input")
    faults += [f"{kernel.name}: output %{k} does not exist" for k in kernel.outputs if not 0 <= k < len(kernel.values)]
    return faults
