"""Which ports of a top are clock, handshake and data, and which tensor each data port carries.

The names are those that Vitis HLS gives an hls4ml project, and those of Vivado HLS (`_V` after each name, a stream an
element). Tensors whose names no port has go to the ports that are left: those with numbers (`y_0`, `y_1`) in the order of
their numbers, others in the order of the header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .cosim_types import Tensor, Vectors
from .errors import FpgaMlError, suggest
from .verilog import Direction, Port, Top

PortStyle: TypeAlias = Literal["parallel", "stream"]
_HANDSHAKE = ("ap_start", "ap_done", "ap_ready", "ap_idle")
_TIED_HIGH = ("ap_ce", "ap_continue")
_STREAM = re.compile(r"^(?P<name>.+?)(?:_V_data_(?P<element>\d+))?(?:_V)*_TDATA$")
_FIFO = re.compile(r"^(?P<name>.+?)_(?:dout|empty_n|din|full_n)$")
_VALID = "_ap_vld"
_NUMBERED = re.compile(r"^(?P<stem>.+)_(?P<number>\d+)$")


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
    def data(self) -> dict[str, list[str]]:
        """{tensor: its data ports, in the order of its elements}."""
        return {p.tensor: [p.data] for p in self.inputs} | _by_tensor((p.tensor, p.data) for p in self.outputs)

    @property
    def names(self) -> tuple[str, ...]:
        """All ports that the testbench reads or writes."""
        pairs = [(p.data, p.valid) for p in self.inputs] + [(p.data, p.valid) for p in self.outputs]
        return (*self.control.names, *(name for pair in pairs for name in pair if name is not None))


@dataclass(frozen=True)
class StreamPort:
    """One AXI4-Stream port of an io_stream top; tensor: its name without Vivado HLS's `_V`; element: of each beat, where it
    carries only one; last: TLAST, if there is one."""

    tensor: str
    direction: Direction
    data: str
    valid: str
    ready: str
    width_bits: int
    last: str | None = None
    element: int | None = None


@dataclass(frozen=True)
class Beats:
    """How a tensor crosses a stream port: `count` beats a vector of `elements` each, every `slot_bits` one element, of which
    the low `width_bits` matter. first, apart: the number of the first element, and of those from one beat to the next."""

    tensor: str
    port: StreamPort
    count: int
    elements: int
    slot_bits: int
    width_bits: int
    signed: bool
    first: int
    apart: int

    def at(self, beat: int) -> int:
        """The number in the tensor of a beat's first element."""
        return self.first + beat * self.apart


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
    def data(self) -> dict[str, list[str]]:
        """{tensor: its TDATA ports}."""
        return _by_tensor((b.tensor, b.port.data) for b in (*self.inputs, *self.outputs))

    @property
    def names(self) -> tuple[str, ...]:
        """All ports that the testbench reads or writes."""
        ports = [b.port for b in (*self.inputs, *self.outputs)]
        names = [self.frame_error, *(name for p in ports for name in (p.data, p.valid, p.ready, p.last))]
        return (*self.control.names, *(name for name in names if name is not None))


def _by_tensor(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tensor, port in pairs:
        found.setdefault(tensor, []).append(port)
    return found


def architecture(top: Top) -> PortStyle:
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
                    match["name"],
                    port.direction,
                    port.name,
                    valid,
                    ready,
                    port.width_bits,
                    last.name if last else None,
                    None if match["element"] is None else int(match["element"]),
                )
            )
    return tuple(found)


def check_top(top: Top, inputs: int, outputs: Sequence[int]) -> None:
    """Raise for what is wrong with a top whatever the types of its tensors are: no clock, reset or handshake, FIFO ports,
    fewer data ports than needed. inputs: how many tensors; outputs: elements of each tensor, () where they are not known."""
    _no_fifos(top)
    stream = architecture(top) == "stream"
    streams, outside = stream_ports(top), control_of(top).names
    names: dict[Direction, set[str]] = {"input": set(), "output": set()}
    for direction, found in names.items():
        plain = (p.name for p in top.ports if p.direction == direction and p.name not in outside)
        tensors = {p.tensor for p in streams if p.direction == direction}
        found |= tensors if stream else {name for name in plain if not name.endswith(_VALID)}
    needed: dict[Direction, int] = {"input": inputs, "output": len(outputs) if stream else sum(outputs)}
    for direction, number in needed.items():
        if len(names[direction]) < number:
            kind = "streams" if stream else "data ports"
            raise FpgaMlError(
                f"the top has {len(names[direction])} {direction} {kind}, but the model needs {number}",
                where=f"module '{top.name}'",
                do="give RTL of this model, or name its top with --rtl-top",
            )


def control_of(top: Top) -> Control:
    """Clock, reset and ap_ctrl_hs ports; raises where one is missing."""
    reset = top.find("ap_rst_n") or _need(top, "ap_rst")
    start, done, ready, idle = (_need(top, name).name for name in _HANDSHAKE)
    tied = tuple(p.name for p in top.ports if p.name in _TIED_HIGH)
    return Control(_need(top, "ap_clk").name, reset.name, reset.name == "ap_rst_n", start, done, ready, idle, tied)


def bind(top: Top, vectors: Vectors) -> Parallel | Stream:
    """Every tensor of the vectors to its ports; raises for what is missing, of another width, or not driven."""
    _no_fifos(top)
    bound = _bind_stream(top, vectors) if architecture(top) == "stream" else _bind_parallel(top, vectors)
    undriven = [p.name for p in top.ports if p.direction != "output" and p.name not in bound.names]
    if undriven:
        raise FpgaMlError(
            f"nothing drives the input '{undriven[0]}'",
            where=f"module '{top.name}'",
            do=f"give vectors for it: there are tensors {', '.join(t.name for t in vectors.inputs)}",
        )
    return bound


def _no_fifos(top: Top) -> None:
    found = next((p.name for p in top.ports if _FIFO.match(p.name)), None)
    if found and not any(_STREAM.match(p.name) for p in top.ports):
        raise FpgaMlError(
            f"'{found}' is a FIFO's port: this is the core inside a wrapper, such as '{top.name}_axi', not a top",
            where=f"module '{top.name}'",
            do="simulate a top with AXI4-Stream ports: of the HLS project, whose top function has the streams as arguments",
        )


def _bind_stream(top: Top, vectors: Vectors) -> Stream:
    ports = stream_ports(top)

    def side(tensors: tuple[Tensor, ...], direction: Direction) -> tuple[Beats, ...]:
        groups: dict[str, list[StreamPort]] = {}
        for port in (p for p in ports if p.direction == direction):
            groups.setdefault(port.tensor, []).append(port)
        named = _by_name_or_order(top, [t.name for t in tensors], list(groups), direction, "_TDATA")
        return tuple(b for t, name in zip(tensors, named, strict=True) for b in _beats(top, t, groups[name]))

    return Stream(
        control_of(top),
        side(vectors.inputs, "input"),
        side(vectors.outputs, "output"),
        error.name if (error := top.find("ap_frame_error")) else None,
    )


def _beats(top: Top, tensor: Tensor, ports: list[StreamPort]) -> tuple[Beats, ...]:
    """Of one port for whole beats, each of one pixel or of several, or of a port an element."""
    elements, padded = tensor.shape[-1], -(-tensor.width_bits // 8) * 8
    pixels = tensor.elements // elements
    apart = ports[0].element is not None
    own = sorted(ports, key=lambda p: p.element or 0)
    if apart and [p.element for p in own] != list(range(elements)):
        raise FpgaMlError(
            f"{len(own)} streams carry tensor '{tensor.name}', a beat of which has {elements} elements",
            where=f"module '{top.name}'",
            do="give vectors of the types and the shape that the RTL was written for",
        )
    each = 1 if apart else elements
    found = []
    for port in own:
        fits = ((slot, port.width_bits // (slot * each)) for slot in (padded, tensor.width_bits))
        one = (1,) if apart else range(1, pixels + 1)
        found_at = next(((s, n) for s, n in fits if s * each * n == port.width_bits and n in one and pixels % n == 0), None)
        if found_at is None:
            raise FpgaMlError(
                f"port '{port.data}' is {port.width_bits} bits wide, but a beat of tensor '{tensor.name}' has {each} "
                f"elements of {padded} bits ({tensor.width_bits} in whole bytes)",
                where=f"module '{top.name}'",
                do="give vectors of the types and the shape that the RTL was written for",
            )
        slot, lanes = found_at
        found.append(
            Beats(
                tensor.name,
                port,
                pixels // lanes,
                each * lanes,
                slot,
                tensor.width_bits,
                tensor.signed,
                port.element or 0,
                elements * lanes,
            )
        )
    return tuple(found)


def _by_name_or_order(
    top: Top, wanted: list[str], present: list[str], direction: Direction, end: str = ""
) -> tuple[str, ...]:
    """For each name wanted the one that is there: the same, or those that are left, in order, where there are as many."""
    left = [name for name in present if name not in wanted]
    missing = [name for name in wanted if name not in present]
    if missing and len(missing) != len(left):
        _need(top, missing[0] + end, direction)
    in_order = dict(zip(_by_number(missing), _by_number(left), strict=False))
    return tuple(in_order.get(name, name) for name in wanted)


def _by_number(names: list[str]) -> list[str]:
    """Names that differ in their last number only are in its order, in the place of the first of them."""
    stems = [stem_of(name) for name in names]
    return sorted(names, key=lambda name: (stems.index(stem_of(name)), _number(name)))


def stem_of(name: str) -> str:
    """Without the number at its end."""
    numbered = _NUMBERED.match(name)
    return numbered["stem"] if numbered else name


def _number(name: str) -> int:
    numbered = _NUMBERED.match(name)
    return int(numbered["number"]) if numbered else -1


def _check_numbers(top: Top, named: Mapping[str, list[str]]) -> None:
    """Raise where ports of one numbered group would go to several tensors, one of which has several elements; named:
    {tensor: ports}."""
    for tensor, names in named.items():
        others = [n for other, theirs in named.items() if other != tensor for n in theirs]
        shared = {stem_of(n) for n in names} & {stem_of(n) for n in others if _NUMBERED.match(n)}
        if len(names) > 1 and shared:
            raise FpgaMlError(
                f"no group of numbered ports fits tensor '{tensor}', which has {len(names)} elements: "
                f"it would take {names[0]} to {names[-1]}",
                where=f"module '{top.name}'",
                do="name its ports with --port OURS=THEIRS",
            )


def _bind_parallel(top: Top, vectors: Vectors) -> Parallel:
    control = control_of(top)
    data = [p for p in top.ports if p.name not in control.names and not p.name.endswith(_VALID)]
    stems = {p.name: re.sub(r"_V$", "", p.name) for p in data}
    there = [stems[p.name] for p in data if p.direction == "input"]
    known = _by_name_or_order(top, [t.name for t in vectors.inputs], there, "input")
    ports = {stems[p.name]: p for p in data}
    inputs = tuple(_input(top, t, ports[name]) for t, name in zip(vectors.inputs, known, strict=True))
    outward = {stems[p.name]: p for p in data if p.direction == "output"}
    wanted = {t.name: [_element(t, k, outward) for k in range(t.elements)] for t in vectors.outputs}
    found = iter(_by_name_or_order(top, [n for names in wanted.values() for n in names], list(outward), "output"))
    named = {tensor: [next(found) for _ in names] for tensor, names in wanted.items()}
    _check_numbers(top, {tensor: names for tensor, names in named.items() if names != wanted[tensor]})
    outputs = tuple(_output(top, t, k, outward[n]) for t in vectors.outputs for k, n in enumerate(named[t.name]))
    return Parallel(control, inputs, outputs)


def _element(tensor: Tensor, k: int, ports: Mapping[str, Port]) -> str:
    """The name of an output element's port, which a lone element may have without its number."""
    return tensor.name if tensor.elements == 1 and tensor.name in ports else f"{tensor.name}_{k}"


def _input(top: Top, tensor: Tensor, data: Port) -> InputPort:
    _same_width(top, data, tensor, tensor.elements)
    return InputPort(tensor.name, data.name, _valid(top, data), tensor.width_bits)


def _output(top: Top, tensor: Tensor, k: int, data: Port) -> OutputPort:
    _same_width(top, data, tensor, 1)
    return OutputPort(tensor.name, k, data.name, _valid(top, data), tensor.width_bits, tensor.signed)


def _valid(top: Top, data: Port) -> str | None:
    valid = top.find(data.name + _VALID)
    return valid.name if valid else None


def _need(top: Top, name: str, direction: Direction | None = None) -> Port:
    port = top.find(name)
    if port is None or (direction and port.direction != direction):
        kind = f"{direction} " if direction else ""
        name_it = "name its port with --port OURS=THEIRS, or " if direction else ""
        raise FpgaMlError(
            f"no {kind}port '{name}' ({suggest(name, (p.name for p in top.ports))})",
            where=f"module '{top.name}'",
            do=f"{name_it}give a top with the ports that Vitis HLS makes: see docs/vendor.md",
        )
    return port


def _same_width(top: Top, port: Port, tensor: Tensor, elements: int) -> None:
    if port.width_bits != elements * tensor.width_bits:
        told = f"{elements} x {tensor.width_bits} bits" if elements > 1 else f"{tensor.width_bits} bits"
        raise FpgaMlError(
            f"port '{port.name}' is {port.width_bits} bits wide, but tensor '{tensor.name}' needs {told}",
            where=f"module '{top.name}'",
            do="give vectors of the types that the RTL was written for, or name its port with --port OURS=THEIRS",
        )
