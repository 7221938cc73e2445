"""The wires of a top during its first inference, for a drawing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from .cosim_types import Tensor, Vectors, Wave
from .ports import Parallel, Stream
from .scoreboard import raw_of

_MOST_ENDS = 8  # tensors, or elements of one, that are shown at each side
_AFTER_CYCLES = 3  # that are shown after the last output
_MOST_CYCLES = 20_000
_Wire: TypeAlias = tuple[str, str, Callable[[], int | None]]  # signal, tensor that it carries an element of, its value


class Waves:
    """Watches the handshake, the first element of each input and the outputs from the first inference's start to its end.

    probes: {inner channel: signals that are all high when a token of it is made}.
    """

    def __init__(
        self, dut: Any, ports: Parallel | Stream, vectors: Vectors, probes: Mapping[str, tuple[Sequence[str], int]]
    ) -> None:
        made = _stream(dut, ports, vectors) if isinstance(ports, Stream) else _parallel(dut, ports, vectors)
        tokens = [(f"{name}: token", "", _all(dut, signals)) for name, (signals, _) in probes.items()]
        self._wires: list[_Wire] = [*made, *tokens]
        self._before: list[int | None] = []
        self._changes: list[list[tuple[int, int | None]]] = [[] for _ in self._wires]
        self._begin: int | None = None
        self._end: int | None = None

    def observe(self, cycle: int, *, accepted: int, completed: int) -> None:
        """accepted, completed: inferences until now."""
        if self._end is not None and cycle > self._end:
            return
        values = [value() for _, _, value in self._wires]
        if self._begin is None and accepted:
            self._begin = cycle
            for changes, value in zip(self._changes, self._before, strict=False):
                changes.append((-1, value))
        if self._begin is not None:
            for changes, value in zip(self._changes, values, strict=True):
                if not changes or changes[-1][1] != value:
                    changes.append((cycle - self._begin, value))
            if self._end is None and (completed or cycle - self._begin > _MOST_CYCLES):
                self._end = cycle + _AFTER_CYCLES
        self._before = values

    def result(self) -> tuple[Wave, ...]:
        """Each wire; cycles are counted from the one in which the first input was taken."""
        wires = zip(self._wires, self._changes, strict=True)
        return tuple(Wave(s, t, tuple(c for c, _ in seen), tuple(v for _, v in seen)) for (s, t, _), seen in wires if seen)


def _parallel(dut: Any, ports: Parallel, vectors: Vectors) -> Iterator[_Wire]:
    control, tensors = ports.control, {t.name: t for t in vectors.inputs}
    yield _bit(dut, control.start)
    for p in ports.inputs[:_MOST_ENDS]:
        t = tensors[p.tensor]
        yield _value(dut, f"{p.data}[0]" if t.elements > 1 else p.data, p.data, t)
    yield _bit(dut, control.ready)
    yield _bit(dut, control.done)
    made = {t.name: t for t in vectors.outputs}
    for out in ports.outputs[:_MOST_ENDS]:
        yield _value(dut, out.data, out.data, made[out.tensor])


def _stream(dut: Any, ports: Stream, vectors: Vectors) -> Iterator[_Wire]:
    tensors = {t.name: t for t in (*vectors.inputs, *vectors.outputs)}
    yield _bit(dut, ports.control.start)
    for beats in (*ports.inputs[:_MOST_ENDS], *ports.outputs[:_MOST_ENDS]):
        yield _bit(dut, beats.port.valid)
        yield _bit(dut, beats.port.ready)
        signal = f"{beats.port.data}[0]" if beats.elements > 1 else beats.port.data
        yield _value(dut, signal, beats.port.data, tensors[beats.tensor])
    yield _bit(dut, ports.control.done)


def _bit(dut: Any, name: str) -> _Wire:
    handle = getattr(dut, name)
    return name, "", lambda: raw_of(str(handle.value), signed=False)


def _value(dut: Any, signal: str, port: str, tensor: Tensor) -> _Wire:
    """Of the first element that a port carries."""
    handle = getattr(dut, port)
    return signal, tensor.name, lambda: raw_of(str(handle.value)[-tensor.width_bits :], signed=tensor.signed)


def _all(dut: Any, signals: Sequence[str]) -> Callable[[], int | None]:
    handles = [getattr(dut, name) for name in signals]
    return lambda: int(all(str(h.value) == "1" for h in handles))
