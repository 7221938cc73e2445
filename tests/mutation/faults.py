"""Single faults in SystemVerilog text: where they can be, and what they make of it.

The text is parsed by slang. A fault replaces the text of one construct; what it makes of it still parses, but need not
compile.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pyslang.syntax import SyntaxTree

Node = Any  # a slang syntax node


@dataclass(frozen=True)
class Fault:
    """text[begin:end] becomes `after`; kind: see KINDS."""

    kind: str
    begin: int
    end: int
    after: str

    def applied(self, text: str) -> str:
        return text[: self.begin] + self.after + text[self.end :]

    def line(self, text: str) -> int:
        """Of the first character that changes, from 1."""
        return text.count("\n", 0, self.begin) + 1

    def lines(self, text: str) -> tuple[str, str]:
        """Of its construct, before and after."""
        first = text.rfind("\n", 0, self.begin) + 1
        last = text.find("\n", self.end)
        return text[first:last].strip(), (text[first : self.begin] + self.after + text[self.end : last]).strip()


KINDS: Mapping[str, str] = {
    "constant": "a literal is one more, one less, or has another bit",
    "counter": "so is one that something is compared with, or counted by",
    "operator": "another operator; an inversion is left out; the arms of a choice are exchanged",
    "term": "a term of a conjunction or disjunction is left out; a handshake port is always 1",
    "width": "a declaration or a conversion has a bit less",
    "select": "bits are taken from one place lower",
    "sign": "a signed declaration or conversion is unsigned; zeros come in the place of copies of the sign",
    "register": "a register holds for ever, loads in every cycle, or is a wire",
    "reset": "a reset does nothing, its value is another, or its branch misses an assignment",
    "depth": "a FIFO or memory has a place less",
    "table": "an entry of a table has another bit, is one more or less, or misses",
    "wiring": "two neighbours of a concatenation are exchanged",
}

_OTHER = {
    **{"AddExpression": "-", "SubtractExpression": "+", "MultiplyExpression": "+"},
    **{"BinaryAndExpression": "|", "BinaryOrExpression": "&", "BinaryXorExpression": "|"},
    **{"LogicalAndExpression": "||", "LogicalOrExpression": "&&"},
    **{"EqualityExpression": "!=", "InequalityExpression": "=="},
    **{"LessThanExpression": "<=", "LessThanEqualExpression": "<"},
    **{"GreaterThanExpression": ">=", "GreaterThanEqualExpression": ">"},
    **{"LogicalShiftLeftExpression": ">>", "LogicalShiftRightExpression": "<<", "ArithmeticShiftRightExpression": ">>"},
}
_UNARY = {"UnaryBitwiseNotExpression": "", "UnaryLogicalNotExpression": ""}
_REDUCTIONS = {"UnaryBitwiseOrExpression": "&", "UnaryBitwiseAndExpression": "|"}
_COUNTS = {
    *("AddExpression", "SubtractExpression", "EqualityExpression", "InequalityExpression", "LessThanExpression"),
    *("LessThanEqualExpression", "GreaterThanExpression", "GreaterThanEqualExpression"),
}
_CASES = ("StandardCaseItem", "DefaultCaseItem")
_HANDSHAKE = re.compile(r"(valid|ready|room|pop|push|reserve|start)$")
_RESET = re.compile(r"^(ap_)?rst$")
_LITERAL = re.compile(r"(\d+)'([bdh])([0-9a-fA-F_]+)")
_BASES = {"b": 2, "d": 10, "h": 16}


def faults_of(text: str) -> list[Fault]:
    """Every fault that the text can have, in the order of its constructs, each once."""
    found: list[Fault] = []
    source = _Source(text)

    def visit(node: Node) -> None:
        rule = _RULES.get(getattr(node.kind, "name", ""))
        if rule is not None and hasattr(node, "sourceRange"):
            found.extend(f for f in rule(source, node) if text[f.begin : f.end] != f.after)

    SyntaxTree.fromText(text).root.visit(visit)
    return list(dict.fromkeys(found))


def drawn(texts: Mapping[str, str], seed: int, kinds: Sequence[str] = tuple(KINDS)) -> Iterator[tuple[str, Fault]]:
    """All faults of some files, {name: text}, as (name, fault), shuffled such that the kinds take turns, and within a kind
    the files."""
    chosen = random.Random(seed)
    by_kind: dict[str, dict[str, list[Fault]]] = defaultdict(lambda: defaultdict(list))
    for name, text in texts.items():
        for fault in faults_of(text):
            by_kind[fault.kind][name].append(fault)
    for files in by_kind.values():
        for faults in files.values():
            chosen.shuffle(faults)
    yield from _in_turn([_in_turn(_told(by_kind[kind], chosen)) for kind in kinds if kind in by_kind])


def _told(files: Mapping[str, list[Fault]], chosen: random.Random) -> list[Iterator[tuple[str, Fault]]]:
    names = sorted(files)
    chosen.shuffle(names)
    return [zip([name] * len(files[name]), files[name], strict=True) for name in names]


def _in_turn(given: Sequence[Iterator[tuple[str, Fault]]]) -> Iterator[tuple[str, Fault]]:
    waiting = list(given)
    while waiting:
        for one in list(waiting):
            try:
                yield next(one)
            except StopIteration:
                waiting.remove(one)


class _Source:
    """The text and, by byte offsets as slang counts them, its constructs."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._bytes = None if text.isascii() else text.encode()
        self.signed = set(re.findall(r"signed \[[^]]+\] (\w+)", text))

    def span(self, node: Node) -> tuple[int, int]:
        r = node.sourceRange if hasattr(node, "sourceRange") else node.range
        begin, end = r.start.offset, r.end.offset
        if self._bytes is None:
            return begin, end
        return len(self._bytes[:begin].decode()), len(self._bytes[:end].decode())

    def of(self, node: Node) -> str:
        begin, end = self.span(node)
        return self.text[begin:end]

    def fault(self, kind: str, node: Node, after: str) -> Fault:
        return Fault(kind, *self.span(node), after)


Rule = Callable[[_Source, Node], Iterator[Fault]]


def _above(node: Node) -> Iterator[Node]:
    while (node := node.parent) is not None:
        yield node


def _is(node: Node, *names: str) -> bool:
    return node is not None and node.kind.name in names


def _outside(node: Node) -> Node:
    """The construct that holds this one, without parentheses and conversions."""
    return next(n for n in _above(node) if not _is(n, "ParenthesizedExpression", "CastExpression"))


def _literal(source: _Source, node: Node) -> Iterator[Fault]:
    match = _LITERAL.fullmatch(source.of(node))
    kind = _kind_of_literal(source, node)
    if match is None or kind is None:
        return
    width, base = int(match[1]), match[2]
    value = int(match[3].replace("_", ""), _BASES[base])
    flips = {0, width // 4, width // 2, 3 * width // 4, width - 1}
    others = {(value + 1) % (1 << width), (value - 1) % (1 << width), *(value ^ (1 << bit) for bit in flips)}
    for other in sorted(others - {value}):
        yield source.fault(kind, node, f"{width}'{base}{format(other, base.replace('h', 'x'))}")


def _number(source: _Source, node: Node) -> Iterator[Fault]:
    """An integer without a width: only where it is counted with, in parameterised modules."""
    elsewhere = _is(node.parent, "CastExpression") or any(_is(n, "SimpleRangeSelect") for n in _above(node))
    if _is(_outside(node), *_COUNTS) and not elsewhere:
        yield source.fault("counter", node, str(int(source.of(node)) + 1))


def _kind_of_literal(source: _Source, node: Node) -> str | None:
    """None for a key of a table."""
    outside = _outside(node)
    if _is(outside, "StandardCaseItem"):
        return None
    if any(_is(n, *_CASES) for n in _above(node)):
        return "table"
    if _is(outside, *_COUNTS):
        return "counter"
    if _is(outside, "ConditionalExpression") and _RESET.match(source.of(outside.predicate)):
        return "reset"
    return "constant"


def _binary(source: _Source, node: Node) -> Iterator[Fault]:
    if any(_is(n, "VariableDimension") for n in _above(node)):
        return
    yield source.fault("operator", node.operatorToken, _OTHER[node.kind.name])
    if _is(node, "BinaryAndExpression", "BinaryOrExpression", "LogicalAndExpression", "LogicalOrExpression"):
        yield source.fault("term", node, source.of(node.left))
        yield source.fault("term", node, source.of(node.right))


def _unary(source: _Source, node: Node) -> Iterator[Fault]:
    yield source.fault("operator", node.operatorToken, _UNARY.get(node.kind.name, _REDUCTIONS.get(node.kind.name, "")))


def _choice(source: _Source, node: Node) -> Iterator[Fault]:
    condition, left, right = (source.of(n) for n in (node.predicate, node.left, node.right))
    if _RESET.match(condition):
        yield source.fault("reset", node, right)
    else:
        yield source.fault("operator", node, f"{condition} ? {right} : {left}")


def _dimension(source: _Source, node: Node) -> Iterator[Fault]:
    """[7:0] of a declaration, [0:7] of a memory."""
    select = node.specifier.selector if _is(node.specifier, "RangeDimensionSpecifier") else None
    if select is None:
        return
    left, right = source.of(select.left), source.of(select.right)
    if _is(node.parent, "Declarator"):
        yield source.fault("depth", node, f"[{left}:{right}-1]")
    elif left != right:
        less = f"{left}-1" if left.isdigit() else f"({left} > {right} ? {left}-1 : {left})"  # a parameter may leave one bit
        yield source.fault("width", node, f"[{less}:{right}]")


def _cast(source: _Source, node: Node) -> Iterator[Fault]:
    width, inner = source.of(node.left), node.right.expression
    if not width.isdigit():
        return
    if int(width) > 1:
        yield source.fault("width", node.left, str(int(width) - 1))
    text = source.of(inner)
    if text in source.signed:
        yield source.fault("sign", inner, f"{{{text}}}")


def _select(source: _Source, node: Node) -> Iterator[Fault]:
    chosen = node.selector
    if _is(chosen, "SimpleRangeSelect") and not any(_is(n, "VariableDimension") for n in _above(node)):
        left, right = source.of(chosen.left), source.of(chosen.right)
        if left.isdigit() and right.isdigit() and int(right) > 0:
            yield source.fault("select", node, f"[{int(left) - 1}:{int(right) - 1}]")
        elif left.isdigit() and right == "0":
            yield source.fault("select", node, f"[{int(left) + 1}:1]")
    elif _is(chosen, "BitSelect") and (bit := source.of(chosen.expr)).isdigit() and int(bit) > 0:
        yield source.fault("select", node, f"[{int(bit) - 1}]")


def _type(source: _Source, node: Node) -> Iterator[Fault]:
    if node.signing and source.of(node.signing) == "signed":
        yield source.fault("sign", node.signing, "")


def _call(source: _Source, node: Node) -> Iterator[Fault]:
    if source.of(node.left) == "$signed":
        yield source.fault("sign", node.left, "$unsigned")


def _register(source: _Source, node: Node) -> Iterator[Fault]:
    name, given = source.of(node.left), source.of(node.right)
    yield source.fault("register", node.right, name)
    if _is(node.right, "ConditionalExpression") and source.of(node.right.right) == name:
        yield source.fault("register", node.right, source.of(node.right.left))
    statement, block = node.parent, node.parent.parent
    while _is(block, "SyntaxList", "SequentialBlockStatement") and not _is(block, "AlwaysFFBlock"):
        block = block.parent
    if _is(block, "TimingControlStatement") and name.isidentifier() and not re.search(rf"\b{name}\b", given):
        (begin, end), (_, last) = source.span(statement), source.span(block)
        yield Fault("register", begin, last, f"{source.text[end:last]}\n  always_comb {name} = {given};")


def _condition(source: _Source, node: Node) -> Iterator[Fault]:
    """if (rst) ... else ..."""
    if not _RESET.match(source.of(node.predicate)):
        return
    yield source.fault("reset", node.predicate, "1'b0")
    branch = node.statement
    for item in branch.items if _is(branch, "SequentialBlockStatement") else ():
        if _is(item, "ExpressionStatement"):
            yield source.fault("reset", item, "")


def _connection(source: _Source, node: Node) -> Iterator[Fault]:
    port = node.name.valueText
    if node.expr is None:
        return
    if port == "rst":
        yield source.fault("reset", node.expr, "1'b0")
    elif _HANDSHAKE.search(port):
        yield source.fault("term", node.expr, "1'b1")


def _parameter(source: _Source, node: Node) -> Iterator[Fault]:
    name, value = node.name.valueText, source.of(node.expr)
    if value.isdigit() and name in ("DEPTH", "WIDTH") and int(value) > 1:
        yield source.fault(name.lower(), node.expr, str(int(value) - 1))


def _entry(source: _Source, node: Node) -> Iterator[Fault]:
    yield source.fault("table", node, "")


def _join(source: _Source, node: Node) -> Iterator[Fault]:
    parts = [n for n in node.expressions if hasattr(n, "sourceRange")]
    for a, b in pairwise(parts):
        (begin, middle), (again, end) = source.span(a), source.span(b)
        text = source.text
        yield Fault("wiring", begin, end, text[again:end] + text[middle:again] + text[begin:middle])


_RULES: Mapping[str, Rule] = {
    **dict.fromkeys(_OTHER, _binary),
    **dict.fromkeys((*_UNARY, *_REDUCTIONS), _unary),
    **dict.fromkeys(("LogicType", "ImplicitType"), _type),
    "IntegerVectorExpression": _literal,
    "IntegerLiteralExpression": _number,
    "ConditionalExpression": _choice,
    "VariableDimension": _dimension,
    "CastExpression": _cast,
    "ElementSelect": _select,
    "InvocationExpression": _call,
    "NonblockingAssignmentExpression": _register,
    "ConditionalStatement": _condition,
    "NamedPortConnection": _connection,
    "NamedParamAssignment": _parameter,
    "StandardCaseItem": _entry,
    "ConcatenationExpression": _join,
}
