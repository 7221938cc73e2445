"""The port list of a module, read from Verilog or SystemVerilog text.

Enough of the language for tops that tools write: ANSI headers, and the Verilog-2001 style of Vitis HLS (names in the
header, `input [7:0] x;` in the body). Ranges may use parameters of the module.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, cast

from .errors import FpgaMlError, suggest

Direction: TypeAlias = Literal["input", "output", "inout"]
_NOISE = re.compile(r"//[^\n]*|/\*.*?\*/|\(\*(?!\s*\)).*?\*\)|^[ \t]*`[^\n]*", re.S | re.M)
_MODULE = re.compile(r"\bmodule\s+(?:automatic\s+|static\s+)?(\w+)")
_INSTANCE = re.compile(r"\b([A-Za-z_]\w*)(?=\s*#\s*\(|\s+\w+\s*(?:\[[^]]*\]\s*)?\()")
_PARAMETER = re.compile(r"\b(?:parameter|localparam)\b[^=;]*?(\w+)\s*=\s*([^;]*?)\s*(?=;|\)|,\s*(?:parameter|localparam)\b)")
_PORT = re.compile(
    r"^(?:(?P<direction>input|output|inout)\b)?\s*(?:(?:wire|reg|logic|var|bit|tri|signed|unsigned)\b\s*)*"
    r"(?P<ranges>(?:\[[^]]*\]\s*)*)(?P<name>\w+)\s*(?P<rest>.*)$",
    re.S,
)
_NUMBER = re.compile(r"(?:\d+)?\s*'\s*s?([bodhBODH])\s*([0-9a-fA-F_]+)")
_BASES = {"b": 2, "o": 8, "d": 10, "h": 16}
_OPERATIONS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}


@dataclass(frozen=True)
class Port:
    """width_bits: all packed dimensions multiplied."""

    name: str
    direction: Direction
    width_bits: int


@dataclass(frozen=True)
class Top:
    """A module and its ports in the order of the header."""

    name: str
    ports: tuple[Port, ...]

    def find(self, name: str) -> Port | None:
        return next((p for p in self.ports if p.name == name), None)


def read_top(files: Iterable[Path], name: str) -> Top:
    """The module `name`, wherever in the files it is."""
    texts = []
    for file in files:
        try:
            text = file.read_text(errors="replace")
        except OSError as error:
            raise FpgaMlError(f"RTL file cannot be read: {error.strerror}", where=str(file), do="check the path") from None
        if name in modules_of(text):
            return parse_top(text, name, str(file))
        texts.append(text)
    tops = tops_of(texts)
    raise FpgaMlError(
        f"no module '{name}' in the RTL ({suggest(name, tops) if tops else 'it holds no module'})",
        do="name the top module with --rtl-top, and give all of its files",
    )


def modules_of(text: str) -> list[str]:
    return _MODULE.findall(_NOISE.sub(" ", text))


def tops_of(texts: Iterable[str]) -> list[str]:
    """The modules that no other one instantiates; all of them where there is none such."""
    modules: list[str] = []
    inner: set[str] = set()
    for text in texts:
        clean = _NOISE.sub(" ", text)
        modules += _MODULE.findall(clean)
        inner |= set(_INSTANCE.findall(_MODULE.sub(" ", clean)))
    return [m for m in modules if m not in inner] or modules


def parse_top(text: str, name: str, where: str = "") -> Top:
    """The ports of the module `name` in Verilog text; where: its file, for messages."""
    clean = _NOISE.sub(" ", text)
    start = re.search(rf"\bmodule\s+(?:automatic\s+|static\s+)?{re.escape(name)}\b", clean)
    place = f"module '{name}'" + f" of {where}" * bool(where)
    if start is None:
        raise FpgaMlError(f"no module '{name}'", where=where or None, do="give the name of the top module")
    stop = re.compile(r"\bendmodule\b").search(clean, start.end())
    if stop is None:
        raise FpgaMlError("the module has no 'endmodule'", where=place, do="give complete Verilog files")
    module = re.sub(r"\bimport\s[^;]*;", " ", clean[start.end() : stop.start()])
    parameters, header, body = _split(module, place)
    known = _parameters(parameters + ";" + body)
    listed = [item.strip() for item in _commas(header)]
    if not any(listed):
        return Top(name, ())
    if re.match(r"(input|output|inout)\b", listed[0]):
        return Top(name, tuple(_ports(listed, known, place)))
    return Top(name, _old_style(listed, body, known, place))


def _split(module: str, place: str) -> tuple[str, str, str]:
    """The text in #( ), the text in the header's ( ), and what follows."""
    rest, parameters = module.lstrip(), ""
    if rest.startswith("#"):
        parameters, rest = _brackets(rest[1:].lstrip(), place)
    header, body = _brackets(rest.lstrip(), place) if rest.lstrip().startswith("(") else ("", rest)
    return parameters, header, body


def _brackets(text: str, place: str) -> tuple[str, str]:
    depth = 0
    for i, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return text[1:i], text[i + 1 :]
    raise FpgaMlError("a bracket of the header is not closed", where=place, do="give complete Verilog files")


def _commas(text: str) -> Iterator[str]:
    """Split at commas outside brackets."""
    depth, begin = 0, 0
    for i, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            yield text[begin:i]
            begin = i + 1
    yield text[begin:]


def _old_style(names: list[str], body: str, known: dict[str, int], place: str) -> tuple[Port, ...]:
    outside = re.sub(r"\b(function|task)\b.*?\bend\1\b", " ", body, flags=re.S)
    declared: dict[str, Port] = {}
    for declaration in re.findall(r"\b((?:input|output|inout)\b[^;]*);", outside):
        declared |= {port.name: port for port in _ports(list(_commas(declaration)), known, place)}
    missing = [name for name in names if name not in declared]
    if missing:
        raise FpgaMlError(
            f"port '{missing[0]}' of the header has no input or output declaration", where=place, do="see the Verilog"
        )
    return tuple(declared[name] for name in names)


def _ports(items: list[str], known: dict[str, int], place: str) -> Iterator[Port]:
    """Ports of one declaration list; an item without a direction has the direction and range of the one before."""
    direction: Direction = "input"
    width = 1
    for item in items:
        found = _PORT.match(item.strip())
        if found is None or found["rest"].partition("=")[0].strip():
            raise FpgaMlError(
                f"cannot read the port '{' '.join(item.split())}'",
                where=place,
                do="declare ports as 'input logic [7:0] name': no own types, no unpacked dimensions",
            )
        if found["direction"] or found["ranges"]:
            width = math.prod(_width(r, known, place) for r in re.findall(r"\[([^]]*)\]", found["ranges"]))
        direction = cast(Direction, found["direction"]) if found["direction"] else direction
        yield Port(found["name"], direction, width)


def _width(text: str, known: dict[str, int], place: str) -> int:
    left, _, right = text.partition(":")
    try:
        return abs(_evaluate(left, known) - _evaluate(right, known)) + 1
    except (ValueError, SyntaxError, KeyError):
        raise FpgaMlError(
            f"cannot evaluate the range [{text.strip()}]",
            where=place,
            do="use numbers, or parameters of the module with + - * / << >>",
        ) from None


def _parameters(text: str) -> dict[str, int]:
    known: dict[str, int] = {}
    for name, value in _PARAMETER.findall(text):
        try:
            known[name] = _evaluate(value, known)
        except (ValueError, SyntaxError, KeyError):
            continue  # not a number: only ranges that use it fail
    return known


def _evaluate(text: str, known: dict[str, int]) -> int:
    """A constant expression of integers; raises ValueError, SyntaxError or KeyError for anything else."""
    python = _NUMBER.sub(lambda m: str(int(m[2].replace("_", ""), _BASES[m[1].lower()])), text)
    return _value(ast.parse(python.replace("/", "//").strip(), mode="eval").body, known)


def _value(node: ast.expr, known: dict[str, int]) -> int:
    match node:
        case ast.Constant(value=int() as number):
            return number
        case ast.Name(id=name):
            return known[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_value(inner, known)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
            return _OPERATIONS[type(op)](_value(left, known), _value(right, known))
    raise ValueError(ast.dump(node))
