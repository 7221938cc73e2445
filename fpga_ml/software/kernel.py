"""A kernel as C++ functions: a statement a value, some samples at once, in blocks that a compiler does not choke on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fpga_ml.ir.kernel import Kernel, Value, Wire
from fpga_ml.ir.kernel.ops import Add, Cast, Const, Input, Less, Lookup, Max, Min, Mul, Op, Scale, Select, Sub
from fpga_ml.numerics import FixedType
from fpga_ml.numerics.types import Overflow, Rounding
from fpga_ml.software.lanes import Lanes, lanes_of_kernel

_BLOCK = 1500  # values of a function


@dataclass(frozen=True)
class Read:
    """A channel that a kernel reads. kind: its lanes; wires: of all its elements; rows: in how many places these are, None:
    one."""

    kind: Lanes
    wires: tuple[Wire, ...]
    rows: int | None = None

    def parameter(self, number: int) -> str:
        return f"const {self.kind.name}* {'const* ' * (self.rows is not None)}x{number}"

    def element(self, number: int, k: int | str) -> str:
        """k: a number, or what it is called in C++."""
        if self.rows is None:
            return f"x{number}[{k}]"
        each = len(self.wires) // self.rows
        row, place = (k // each, k % each) if isinstance(k, int) else (f"{k} / {each}", f"{k} % {each}")
        return f"x{number}[{row}][{place}]"


@dataclass
class Tables:
    """Constant arrays of the library, each once."""

    names: dict[tuple[str, tuple[int, ...]], str] = field(default_factory=dict)

    def name(self, scalar: str, values: Sequence[int]) -> str:
        return self.names.setdefault((scalar, tuple(values)), f"table_{len(self.names)}")

    def text(self) -> Iterator[str]:
        for (scalar, values), name in self.names.items():
            yield f"const {scalar} {name}[] = {{{', '.join(literal(v) for v in values)}}};"


@dataclass(frozen=True)
class Function:
    """text: its definition; kind: in which it computes; slots: values that it keeps in `kept` from block to block; the
    call's arguments are those of its reads, `y`, and `kept`."""

    name: str
    text: str
    kind: Lanes
    slots: int


def function(
    name: str, kernel: Kernel, reads: Sequence[Read], target: Sequence[Wire], out: Lanes, tables: Tables
) -> Function:
    """The kernel on elements of the reads, one behind the other; results have the binary points of `target` and are
    written as `out`."""
    given = [w for r in reads for w in r.wires]
    kind = lanes_of_kernel(kernel, given, target)
    return _Emission(name, kernel, reads, given, target, out, kind, tables).function()


@dataclass
class _Emission:
    name: str
    kernel: Kernel
    reads: Sequence[Read]
    given: Sequence[Wire]
    target: Sequence[Wire]
    out: Lanes
    kind: Lanes
    tables: Tables

    def function(self) -> Function:
        values = self.kernel.values
        block = [number // _BLOCK for number in range(len(values))]
        crossing = sorted(
            {
                k
                for number, v in enumerate(values)
                for k in v.operands
                if block[k] != block[number] and not _is_free(values[k])
            }
        )
        kept = {number: slot for slot, number in enumerate(crossing)}
        written: dict[int, list[int]] = {}
        for place, number in enumerate(self.kernel.outputs):
            written.setdefault(number, []).append(place)
        parameters = [r.parameter(n) for n, r in enumerate(self.reads)]
        head = ", ".join([*parameters, f"{self.out.name}* y", f"{self.kind.name}* kept"])
        names = ", ".join([*(f"x{n}" for n in range(len(self.reads))), "y", "kept"])
        count = max(block, default=0) + 1
        texts = [
            self._block(f"{self.name}_{b}", head, b * _BLOCK, min((b + 1) * _BLOCK, len(values)), kept, written)
            for b in range(count)
        ]
        calls = "".join(f"    {self.name}_{b}({names});\n" for b in range(count))
        texts.append(f"void {self.name}({head}) {{\n{calls}}}\n")
        return Function(self.name, "\n".join(texts), self.kind, len(kept))

    def _block(
        self, name: str, head: str, first: int, last: int, kept: Mapping[int, int], written: Mapping[int, list[int]]
    ) -> str:
        lines, known = [], set(range(first, last))
        used = {k for number in range(first, last) for k in self.kernel.values[number].operands}
        for number in sorted(used - known):
            known.add(number)
            lines.append(self._again(number, kept))
        for number in range(first, last):
            value = self.kernel.values[number]
            if number in written or number in kept or number in used or not _is_free(value):
                lines.append(f"const {self.kind.name} v{number} = {self._expression(number)};")
            if number in kept:
                lines.append(f"kept[{kept[number]}] = v{number};")
            lines += [self._written(number, place) for place in written.get(number, ())]
        body = "".join(f"    {line}\n" for line in lines)
        unused = "".join(f"(void)x{n}; " for n in range(len(self.reads)))
        return f"void {name}({head}) {{\n    {unused}(void)y; (void)kept;\n{body}}}\n"

    def _again(self, number: int, kept: Mapping[int, int]) -> str:
        """A value of an earlier block."""
        text = self._expression(number) if number not in kept else f"kept[{kept[number]}]"
        return f"const {self.kind.name} v{number} = {text};"

    def _written(self, number: int, place: int) -> str:
        wire, want = self.kernel.values[number].wire, self.target[place]
        return f"y[{place}] = to<{self.out.name}>({shifted(f'v{number}', want.fraction - wire.fraction)});"

    def _expression(self, number: int) -> str:
        value = self.kernel.values[number]
        if isinstance(value.op, Input):
            return self._loaded(value.op.index, value.wire)
        wires = self.kernel.wires(number)
        return EXPRESSIONS[type(value.op)](self, value, wires, [f"v{k}" for k in value.operands])

    def _loaded(self, k: int, wire: Wire) -> str:
        """Input k, with the binary point of the kernel's wire."""
        number, place = 0, k
        while place >= len(self.reads[number].wires):
            place -= len(self.reads[number].wires)
            number += 1
        loaded = f"to<{self.kind.name}>({self.reads[number].element(number, place)})"
        return shifted(loaded, wire.fraction - self.given[k].fraction)


def _is_free(value: Value) -> bool:
    """Whether it costs nothing to have it again."""
    return isinstance(value.op, (Input, Const))


def literal(value: int) -> str:
    """A C++ constant of any number of 128 bits."""
    if -(1 << 31) < value < 1 << 31:
        return str(value)
    if -(1 << 63) < value < 1 << 63:
        return f"INT64_C({value})"
    return f"wide(INT64_C({value >> 64}), UINT64_C({value & (1 << 64) - 1}))".replace(f"INT64_C({-(1 << 63)})", "INT64_MIN")


def shifted(text: str, bits: int) -> str:
    return text if bits == 0 else f"up<{bits}>({text})" if bits > 0 else f"down<{-bits}>({text})"


def _aligned(wires: Sequence[Wire], names: Sequence[str]) -> list[str]:
    fraction = max(w.fraction for w in wires)
    return [shifted(name, fraction - w.fraction) for w, name in zip(wires, names, strict=True)]


def _operator(sign: str) -> _Emitter:
    def emitted(_: _Emission, value: Value, wires: Sequence[Wire], names: Sequence[str]) -> str:
        a, b = _aligned(wires, names)
        return f"{a} {sign} {b}"

    return emitted


def _called(name: str) -> _Emitter:
    def emitted(_: _Emission, value: Value, wires: Sequence[Wire], names: Sequence[str]) -> str:
        a, b = _aligned(wires, names)
        return f"{name}({a}, {b})"

    return emitted


def _const(e: _Emission, value: Value, wires: Sequence[Wire], names: Sequence[str]) -> str:
    assert isinstance(value.op, Const)
    return f"all<{e.kind.name}>({literal(value.op.raw)})"


def _mul(_: _Emission, value: Value, wires: Sequence[Wire], names: Sequence[str]) -> str:
    return f"{names[0]} * {names[1]}"


def _scale(_: _Emission, value: Value, wires: Sequence[Wire], names: Sequence[str]) -> str:
    return names[0]


def _select(_: _Emission, value: Value, wires: Sequence[Wire], names: Sequence[str]) -> str:
    a, b = _aligned(wires[1:], names[1:])
    is_flag = wires[0].interval.low >= 0 and wires[0].interval.high <= 1
    return f"chosen({names[0] if is_flag else f'is_set({names[0]})'}, {a}, {b})"


def _lookup(e: _Emission, value: Value, wires: Sequence[Wire], names: Sequence[str]) -> str:
    assert isinstance(value.op, Lookup)
    op = value.op
    at = f"{names[0]} - all<{e.kind.name}>({literal(op.low)})" if op.low else names[0]
    return f"looked_up({at}, {e.tables.name(e.kind.scalar, op.table)})"


def _cast(e: _Emission, value: Value, wires: Sequence[Wire], names: Sequence[str]) -> str:
    assert isinstance(value.op, Cast)
    target, wire = value.op.target, wires[0]
    shift = wire.fraction - target.fraction
    text = _rounded(names[0], shift, target.rounding)
    low, high = (_whole(end, shift, target) for end in (wire.interval.low, wire.interval.high))
    if target.min_raw <= low and high <= target.max_raw:
        return text
    if target.overflow is Overflow.WRAP:
        return f"wrapped_{'signed' if target.signed else 'unsigned'}<{target.width}>({text})"
    ends = f"all<{e.kind.name}>({literal(target.min_raw)}), all<{e.kind.name}>({literal(target.max_raw)})"
    return f"{'zero_outside' if target.overflow is Overflow.SAT_ZERO else 'held'}({text}, {ends})"


def _whole(raw: int, shift: int, target: FixedType) -> int:
    """A bound on what it is after rounding."""
    return raw << -shift if shift <= 0 else (raw >> shift) + (target.rounding is not Rounding.TRN and raw > 0)


def _rounded(name: str, shift: int, rounding: Rounding) -> str:
    return shifted(name, -shift) if shift <= 0 else f"{_ROUNDINGS[rounding]}<{shift}>({name})"


_ROUNDINGS = {
    Rounding.TRN: "down",
    Rounding.TRN_ZERO: "to_zero",
    Rounding.RND: "nearest",
    Rounding.RND_ZERO: "nearest_ties_to_zero",
    Rounding.RND_INF: "nearest_ties_from_zero",
    Rounding.RND_MIN_INF: "nearest_ties_down",
    Rounding.RND_CONV: "nearest_ties_to_even",
}
_Emitter = Callable[[_Emission, Value, Sequence[Wire], Sequence[str]], str]
EXPRESSIONS: dict[type[Op], _Emitter] = {
    Const: _const,
    Add: _operator("+"),
    Sub: _operator("-"),
    Mul: _mul,
    Scale: _scale,
    Cast: _cast,
    Less: _called("less"),
    Select: _select,
    Max: _called("greater_of"),
    Min: _called("smaller_of"),
    Lookup: _lookup,
}
