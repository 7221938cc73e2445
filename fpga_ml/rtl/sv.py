"""Small objects of SystemVerilog, each of which emits itself into an indenting writer.

The subset is what Icarus 11, Verilator, Yosys, Vivado and Quartus all read: no packages, interfaces or streaming
operators, functions of one argument for tables, and unpacked arrays as memories only. The same objects give the same text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

# Each is switched off at the head of every file; nothing else may warn in `verilator --lint-only -Wall`.
LINT_OFF = {"UNUSEDSIGNAL": "bits that no one reads: of declared types wider than what occurs, and below a cast"}


class Writer:
    """Lines of text, indented."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0

    def line(self, text: str = "") -> None:
        self._lines.append(f"{'  ' * self._depth}{text}" if text else "")

    @contextmanager
    def indented(self) -> Iterator[None]:
        self._depth += 1
        yield
        self._depth -= 1

    @property
    def text(self) -> str:
        return "\n".join(self._lines) + "\n"


class Item(Protocol):
    """Anything that stands in a module."""

    def emit(self, writer: Writer) -> None: ...


def vector(width_bits: int | None, signed: bool = False) -> str:
    """' signed [7:0]'; '' for None, a scalar."""
    return "" if width_bits is None else f"{' signed' if signed else ''} [{width_bits - 1}:0]"


@dataclass(frozen=True)
class Port:
    """width_bits: None for a scalar."""

    direction: Literal["input", "output"]
    name: str
    width_bits: int | None = None
    signed: bool = False

    @property
    def text(self) -> str:
        return f"{self.direction:<6} logic{vector(self.width_bits, self.signed)} {self.name}"


@dataclass(frozen=True)
class Net:
    """A named value, computed where it is declared."""

    name: str
    width_bits: int | None
    signed: bool
    expression: str
    comment: str = ""

    def emit(self, writer: Writer) -> None:
        comment = f"  // {self.comment}" if self.comment else ""
        writer.line(f"wire{vector(self.width_bits, self.signed)} {self.name} = {self.expression};{comment}")

    def declare(self, writer: Writer) -> None:
        writer.line(f"logic{vector(self.width_bits, self.signed)} {self.name};")

    def assign(self, writer: Writer) -> None:
        comment = f"  // {self.comment}" if self.comment else ""
        writer.line(f"{self.name} = {self.expression};{comment}")


@dataclass(frozen=True)
class Assign:
    """To a port or a net that is declared."""

    target: str
    expression: str

    def emit(self, writer: Writer) -> None:
        writer.line(f"assign {self.target} = {self.expression};")

    def declare(self, writer: Writer) -> None:
        """The target is there already."""

    def assign(self, writer: Writer) -> None:
        writer.line(f"{self.target} = {self.expression};")


@dataclass(frozen=True)
class Register:
    """declared: already, before something that reads it."""

    name: str
    width_bits: int | None
    signed: bool
    next: str
    declared: bool = False


@dataclass(frozen=True)
class Registers:
    """Registers of one clock; reset: the name of a synchronous reset to 0, active high, if they have one; enable: that of a
    signal without which they, reset or not, stay as they are."""

    clock: str
    registers: tuple[Register, ...]
    reset: str | None = None
    enable: str | None = None

    def emit(self, writer: Writer) -> None:
        for r in self.registers:
            if not r.declared:
                writer.line(f"logic{vector(r.width_bits, r.signed)} {r.name};")
        writer.line(f"always_ff @(posedge {self.clock}) {f'if ({self.enable}) ' if self.enable else ''}begin")
        with writer.indented():
            for r in self.registers:
                zero = f"{self.reset} ? {literal(0, r.width_bits or 1)} : " if self.reset else ""
                writer.line(f"{r.name} <= {zero}{r.next};")
        writer.line("end")


@dataclass(frozen=True)
class Rom:
    """A table: name is what `cases` says for the address's value (each a literal), else `otherwise`."""

    name: str
    width_bits: int
    signed: bool
    address: str
    cases: tuple[tuple[str, str], ...]
    otherwise: str
    comment: str = ""

    def emit(self, writer: Writer) -> None:
        comment = f"  // {self.comment}" if self.comment else ""
        writer.line(f"logic{vector(self.width_bits, self.signed)} {self.name};{comment}")
        writer.line("always_comb")
        with writer.indented():
            _case(writer, self.address, self.name, self.cases, self.otherwise)


def _case(writer: Writer, address: str, target: str, cases: Sequence[tuple[str, str]], otherwise: str) -> None:
    writer.line(f"case ({address})")
    with writer.indented():
        for value, content in cases:
            writer.line(f"{value}: {target} = {content};")
        writer.line(f"default: {target} = {otherwise};")
    writer.line("endcase")


@dataclass(frozen=True)
class TableFunction:
    """A table that several values may be read from: what `cases` says for the argument (each a literal), else `otherwise`.

    Simulators compile it once, however often it is called.
    """

    width_bits: int
    signed: bool
    argument_bits: int
    argument_signed: bool
    cases: tuple[tuple[str, str], ...]
    otherwise: str
    comment: str
    name: str = ""
    argument: str = ""

    def emit(self, writer: Writer) -> None:
        given = f"input logic{vector(self.argument_bits, self.argument_signed)} {self.argument}"
        result = f"logic{vector(self.width_bits, self.signed)}"
        writer.line(f"function automatic {result} {self.name}({given});  // {self.comment}")
        with writer.indented():
            writer.line("/* verilator no_inline_task */")
            _case(writer, self.argument, self.name, self.cases, self.otherwise)
        writer.line("endfunction")


@dataclass(frozen=True)
class Called:
    """A value that a table of the module gives."""

    name: str
    table: TableFunction
    argument: str

    def emit(self, writer: Writer) -> None:
        self._net.emit(writer)

    def declare(self, writer: Writer) -> None:
        self._net.declare(writer)

    def assign(self, writer: Writer) -> None:
        self._net.assign(writer)

    @property
    def _net(self) -> Net:
        return Net(self.name, self.table.width_bits, self.table.signed, f"{self.table.name}({self.argument})")


class Computed(Item, Protocol):
    """A value with a name, which a block can compute."""

    def declare(self, writer: Writer) -> None: ...

    def assign(self, writer: Writer) -> None: ...


@dataclass(frozen=True)
class Comb:
    """Values computed one after the other in one block.

    Single nets mean the same, but an event-driven simulator then computes a sum of sums once for each way by which a
    change reaches it, not once.
    """

    values: Sequence[Computed]

    def emit(self, writer: Writer) -> None:
        for value in self.values:
            value.declare(writer)
        writer.line("always_comb begin")
        with writer.indented():
            for value in self.values:
                value.assign(writer)
        writer.line("end")


@dataclass(frozen=True)
class Declare:
    """A vector that something else drives; kind: `logic` for what an always block drives."""

    name: str
    width_bits: int | None
    kind: Literal["wire", "logic"] = "wire"

    def emit(self, writer: Writer) -> None:
        writer.line(f"{self.kind}{vector(self.width_bits)} {self.name};")


@dataclass(frozen=True)
class Memory:
    """words of width_bits, read anywhere as name[address]; where `enable`, `written` goes to `address` at the clock edge."""

    name: str
    width_bits: int
    words: int
    address: str
    written: str
    enable: str

    def emit(self, writer: Writer) -> None:
        writer.line(f"logic{vector(self.width_bits)} {self.name} [0:{self.words - 1}];")
        writer.line("always_ff @(posedge clk)")
        with writer.indented():
            writer.line(f"if ({self.enable}) {self.name}[{self.address}] <= {self.written};")


@dataclass(frozen=True)
class Instance:
    """parameters: of the module, by name."""

    module: str
    name: str
    connections: tuple[tuple[str, str], ...]
    parameters: tuple[tuple[str, int | str], ...] = ()

    def emit(self, writer: Writer) -> None:
        given = ", ".join(f".{name}({value})" for name, value in self.parameters)
        writer.line(f"{self.module}{f' #({given})' * bool(given)} {self.name} (")
        with writer.indented():
            for k, (port, signal) in enumerate(self.connections):
                writer.line(f".{port}({signal})" + "," * (k + 1 < len(self.connections)))
        writer.line(");")


@dataclass(frozen=True)
class Comment:
    """A line of its own, after an empty one."""

    text: str

    def emit(self, writer: Writer) -> None:
        writer.line()
        writer.line(f"// {self.text}")


@dataclass(frozen=True)
class Module:
    name: str
    ports: tuple[Port, ...]
    items: Sequence[Item] = field(default=())
    comment: str = ""

    @property
    def register_bits(self) -> int:
        """Of its own, without those of its instances."""
        return sum(r.width_bits or 1 for item in self.items if isinstance(item, Registers) for r in item.registers)

    @property
    def text(self) -> str:
        """The whole file of this module."""
        writer = Writer()
        if self.comment:
            writer.line(f"// {self.comment}")
        for warning in LINT_OFF:
            writer.line(f"/* verilator lint_off {warning} */")
        writer.line(f"module {self.name} (")
        with writer.indented():
            for k, port in enumerate(self.ports):
                writer.line(port.text + "," * (k + 1 < len(self.ports)))
        writer.line(");")
        with writer.indented():
            for item in self.items:
                item.emit(writer)
        writer.line("endmodule")
        return writer.text


def literal(raw: int, width_bits: int, *, signed: bool = False) -> str:
    """A sized constant: the low bits of raw, which is negative or fits."""
    if raw < 0:
        fits = -raw < 1 << (width_bits - 1)
        return f"(-{width_bits}'sd{-raw})" if fits else f"{width_bits}'{'s' * signed}h{raw & ((1 << width_bits) - 1):x}"
    return f"{width_bits}'{'s' * signed}d{raw & ((1 << width_bits) - 1)}"
