"""The text of RTL against what it was written from: every entry of every table, whether a simulation reads it or not, and
the size of every FIFO, where a smaller one may show in rare traffic only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fpga_ml.ir.kernel.ops import Lookup
from fpga_ml.ir.network import Network

_CASE = re.compile(r"^\s*case \((\w+)\)\n(.*?)^\s*endcase", re.S | re.M)
_ENTRY = re.compile(r"^\s*(default|\S+): (\w+) = (\S+);", re.M)
_LITERAL = re.compile(r"\(?(-?)(\d+)'(s?)([dh])([0-9a-f]+)\)?")
_FIFO = re.compile(r"#\(\.WIDTH\((\d+)\), \.DEPTH\((\d+)\)\)")
_ROUNDS = "rom"  # what a fold reads, an entry a round, or a split, an entry a token: each inference reads them all

Function = Mapping[int, int | None]  # the content at each address that can be asked for


@dataclass(frozen=True)
class _Table:
    """As the text has it. default: at all other addresses."""

    name: str
    contents: Function
    default: int | None

    def different(self, function: Function) -> list[str]:
        """Where it is not this function."""
        wrong = [
            f"address {a} gives {self.contents.get(a, self.default)}, not {content}"
            for a, content in function.items()
            if self.contents.get(a, self.default) != content
        ]
        return wrong + [f"there is no address {a}" for a in self.contents if a not in function]


def table_faults(texts: Mapping[str, str], network: Network) -> list[str]:
    """Tables in RTL that no lookup of the network has, and lookups that no RTL has; texts: by file name."""
    functions = _functions(network)
    faults, found = [], set()
    for file, text in texts.items():
        for table in _tables(text):
            compared = [(k, table.different(f)) for k, f in enumerate(functions)]
            nearest, wrong = min(compared, key=lambda one: len(one[1]), default=(0, ["the network has no table"]))
            found |= {nearest, *(k for k, differences in compared if not differences)}
            if wrong:
                more = f" (and {len(wrong) - 1} more)" * (len(wrong) > 1)
                faults.append(f"{file}, table '{table.name}': {wrong[0]}{more}")
    missing = [f for k, f in enumerate(functions) if k not in found]
    return faults + [f"no RTL has the table of {len(f)} entries from address {min(f)}" for f in missing]


def table_count(texts: Mapping[str, str]) -> int:
    """How many tables there are in RTL."""
    return sum(1 for text in texts.values() for _ in _tables(text))


def fifo_faults(top: str, sizes: Iterable[tuple[int, int]]) -> list[str]:
    """FIFOs that the text of the top should have and has not; sizes: (width in bits, depth) of each."""
    there = Counter((int(width), int(depth)) for width, depth in _FIFO.findall(top))
    missing = Counter(sizes) - there
    return [f"{n} FIFOs of {width} bits and {depth} places are not in the top" for (width, depth), n in missing.items()]


def _functions(network: Network) -> list[Function]:
    """What the lookups of the network are, each once."""
    found: list[Function] = []
    for kernel in (k for p in network.processes for k in p.kernels):
        for number, value in enumerate(kernel.values):
            if isinstance(value.op, Lookup):
                (address,), op = kernel.wires(number), value.op
                reach = range(address.interval.low, address.interval.high + 1)
                function = {raw: op.table[raw - op.low] for raw in reach}
                if len(reach) > 1 and function not in found:
                    found.append(function)
    return found


def _tables(text: str) -> Iterable[_Table]:
    for case in _CASE.finditer(text):
        entries = _ENTRY.findall(case[2])
        name = entries[0][1] if entries else case[1]
        if name != _ROUNDS:
            read = {address: _value(content) for address, _, content in entries}
            default = read.pop("default", None)
            known = ((_value(address), content) for address, content in read.items())
            yield _Table(name, {a: content for a, content in known if a is not None}, default)


def _value(literal: str) -> int | None:
    """Of a sized constant, as rtl.sv.literal writes it; None of anything else."""
    match = _LITERAL.fullmatch(literal)
    if match is None:
        return None
    minus, width, signed, base, digits = match.groups()
    value = int(digits, 16 if base == "h" else 10)
    if signed and not minus and value >> (int(width) - 1):
        value -= 1 << int(width)
    return -value if minus else value
