"""Which ports of a top are clock, handshake and data, and which tensor each data port carries.

The names are those that Vitis HLS gives an hls4ml project, and those of Vivado HLS (`_V` after each name).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .cosim_types import Tensor, Vectors
from .errors import FpgaMlError, suggest
from .verilog import Direction, Port, Top

Architecture: TypeAlias = Literal["parallel", "stream"]
_HANDSHAKE = ("ap_start", "ap_done", "ap_ready", "ap_idle")
_TIED_HIGH = ("ap_ce", "ap_continue")
_STREAM = re.compile(r"^(?P<name>.+?)(?:_V)*_TDATA$")


@dataclass(frozen=True)
class Control:
    """Port names. reset_active_low: ap_rst_n; tied_high: inputs that are held at 1."""

    clock: str
    reset: str
    reset_active_low: bool
    start: str
    done: str
    ready: str
    idle: str
    tied_high: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (self.clock, self.reset, self.start, self.done, self.ready, self.idle, *self.tied_high)


@dataclass(frozen=True)
class InputPort:
    """One wide port: all elements of the tensor, element 0 in the least significant bits. valid: None where absent."""

    tensor: str
    data: str
    valid: str | None
    element_width_bits: int


@dataclass(frozen=True)
class OutputPort:
    """One element of an output tensor; without a valid port of its own, ap_done says when it is valid."""

    tensor: str
    element: int
    data: str
    valid: str | None
    width_bits: int
    signed: bool


@dataclass(frozen=True)
class Parallel:
    """The ports of an io_parallel top."""

    control: Control
    inputs: tuple[InputPort, ...]
    outputs: tuple[OutputPort, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All ports that the testbench reads or writes."""
        pairs = [(p.data, p.valid) for p in self.inputs] + [(p.data, p.valid) for p in self.outputs]
        return (*self.control.names, *(name for pair in pairs for name in pair if name is not None))


@dataclass(frozen=True)
class StreamPort:
    """One AXI4-Stream port of an io_stream top; tensor: its name without Vivado HLS's `_V`; last: TLAST, if there is one."""

    tensor: str
    direction: Direction
    data: str
    valid: str
    ready: str
    width_bits: int
    last: str | None = None


@dataclass(frozen=True)
class Beats:
    """How a tensor crosses a stream port: `count` beats a vector of `elements` each, every `slot_bits` one element, of which
    the low `width_bits` matter."""

    port: StreamPort
    count: int
    elements: int
    slot_bits: int
    width_bits: int
    signed: bool


@dataclass(frozen=True)
class Stream:
    """The ports of an io_stream top."""

    control: Control
    inputs: tuple[Beats, ...]
    outputs: tuple[Beats, ...]
    frame_error: str | None

    @property
    def marked(self) -> bool:
        """Whether frames of a wrong length can be sent, and are flagged."""
        return self.frame_error is not None and all(b.port.last for b in self.inputs)

    @property
    def names(self) -> tuple[str, ...]:
        """All ports that the testbench reads or writes."""
        ports = [b.port for b in (*self.inputs, *self.outputs)]
        names = [self.frame_error, *(name for p in ports for name in (p.data, p.valid, p.ready, p.last))]
        return (*self.control.names, *(name for name in names if name is not None))


def architecture(top: Top) -> Architecture:
    """'stream' for a top with AXI4-Stream ports (*_TDATA), else 'parallel'."""
    return "stream" if any(_STREAM.match(p.name) for p in top.ports) else "parallel"


def stream_ports(top: Top) -> tuple[StreamPort, ...]:
    """The AXI4-Stream ports of a top, in the order of its header."""
    found = []
    for port in top.ports:
        match = _STREAM.match(port.name)
        if match:
            valid, ready = (_need(top, port.name.removesuffix("DATA") + end).name for end in ("VALID", "READY"))
            last = top.find(port.name.removesuffix("DATA") + "LAST")
            found.append(
                StreamPort(
                    match["name"], port.direction, port.name, valid, ready, port.width_bits, last.name if last else None
                )
            )
    return tuple(found)


def control_of(top: Top) -> Control:
    """Clock, reset and ap_ctrl_hs ports; raises where one is missing."""
    reset = top.find("ap_rst_n") or _need(top, "ap_rst")
    start, done, ready, idle = (_need(top, name).name for name in _HANDSHAKE)
    tied = tuple(p.name for p in top.ports if p.name in _TIED_HIGH)
    return Control(_need(top, "ap_clk").name, reset.name, reset.name == "ap_rst_n", start, done, ready, idle, tied)


def bind(top: Top, vectors: Vectors) -> Parallel | Stream:
    """Every tensor of the vectors to its ports; raises for what is missing, of another width, or not driven."""
    bound = _bind_stream(top, vectors) if architecture(top) == "stream" else _bind_parallel(top, vectors)
    undriven = [p.name for p in top.ports if p.direction != "output" and p.name not in bound.names]
    if undriven:
        raise FpgaMlError(
            f"nothing drives the input '{undriven[0]}'",
            where=f"module '{top.name}'",
            do=f"give vectors for it: there are tensors {', '.join(t.name for t in vectors.inputs)}",
        )
    return bound


def _bind_stream(top: Top, vectors: Vectors) -> Stream:
    known = {(p.tensor, p.direction): p for p in stream_ports(top)}

    def beats(tensor: Tensor, direction: Direction) -> Beats:
        port = known.get((tensor.name, direction))
        if port is None:
            _need(top, f"{tensor.name}_TDATA", direction)
            raise AssertionError("a port that is there was not recognised")
        elements = tensor.shape[-1]
        padded = -(-tensor.width_bits // 8) * 8
        slot = next((s for s in (padded, tensor.width_bits) if s * elements == port.width_bits), None)
        if slot is None:
            raise FpgaMlError(
                f"port '{port.data}' is {port.width_bits} bits wide, but a beat of tensor '{tensor.name}' has {elements} "
                f"elements of {padded} bits ({tensor.width_bits} in whole bytes)",
                where=f"module '{top.name}'",
                do="give vectors of the types and the shape that the RTL was written for",
            )
        return Beats(port, tensor.elements // elements, elements, slot, tensor.width_bits, tensor.signed)

    return Stream(
        control_of(top),
        tuple(beats(t, "input") for t in vectors.inputs),
        tuple(beats(t, "output") for t in vectors.outputs),
        error.name if (error := top.find("ap_frame_error")) else None,
    )


def _bind_parallel(top: Top, vectors: Vectors) -> Parallel:
    inputs = tuple(_input(top, tensor) for tensor in vectors.inputs)
    outputs = tuple(_output(top, tensor, k) for tensor in vectors.outputs for k in range(tensor.elements))
    return Parallel(control_of(top), inputs, outputs)


def _input(top: Top, tensor: Tensor) -> InputPort:
    data = _data(top, (tensor.name, f"{tensor.name}_V"), "input")
    _same_width(top, data, tensor, tensor.elements)
    return InputPort(tensor.name, data.name, _valid(top, data), tensor.width_bits)


def _output(top: Top, tensor: Tensor, k: int) -> OutputPort:
    names = [f"{tensor.name}_{k}", f"{tensor.name}_{k}_V"]
    if tensor.elements == 1:
        names += [tensor.name, f"{tensor.name}_V"]
    data = _data(top, names, "output")
    _same_width(top, data, tensor, 1)
    return OutputPort(tensor.name, k, data.name, _valid(top, data), tensor.width_bits, tensor.signed)


def _valid(top: Top, data: Port) -> str | None:
    valid = top.find(f"{data.name}_ap_vld")
    return valid.name if valid else None


def _data(top: Top, names: Iterable[str], direction: Direction) -> Port:
    found = next((p for p in map(top.find, names) if p and p.direction == direction), None)
    return found or _need(top, next(iter(names)), direction)


def _need(top: Top, name: str, direction: Direction | None = None) -> Port:
    port = top.find(name)
    if port is None or (direction and port.direction != direction):
        kind = f"{direction} " if direction else ""
        raise FpgaMlError(
            f"no {kind}port '{name}' ({suggest(name, (p.name for p in top.ports))})",
            where=f"module '{top.name}'",
            do="the testbench drives the ports that Vitis HLS gives an hls4ml top: see tb/README.md",
        )
    return port


def _same_width(top: Top, port: Port, tensor: Tensor, elements: int) -> None:
    if port.width_bits != elements * tensor.width_bits:
        told = f"{elements} x {tensor.width_bits} bits" if elements > 1 else f"{tensor.width_bits} bits"
        raise FpgaMlError(
            f"port '{port.name}' is {port.width_bits} bits wide, but tensor '{tensor.name}' needs {told}",
            where=f"module '{top.name}'",
            do="give vectors of the types that the RTL was written for",
        )
