"""What goes into an RTL co-simulation and what comes out: raw integers in, differences out.

The testbench runs inside the simulator's process and reads and writes these as JSON: Python integers, so that no
width is too wide. Nothing here needs NumPy.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from .errors import FpgaMlError

Simulator: TypeAlias = Literal["verilator", "icarus"]
Mode: TypeAlias = Literal["back_to_back", "random_gaps", "reset_mid_run"]
MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True)
class Guarantee:
    """The timing that our own RTL guarantees, which is checked in every cycle.

    latency_cycles: from an accepted start to the outputs (parallel), from a frame's first beat to its last output (stream);
    interval_cycles: between two starts, or two frames.
    """

    latency_cycles: int
    interval_cycles: int


@dataclass(frozen=True)
class Tensor:
    """The raw integers of one model input or output.

    name: as in the port names; shape: of one sample, channels last; width_bits, signed: of one element;
    values: one row a sample, its elements in row-major order.
    """

    name: str
    shape: tuple[int, ...]
    width_bits: int
    signed: bool
    values: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        low = -(1 << (self.width_bits - 1)) if self.signed else 0
        high = low + (1 << self.width_bits) - 1
        for sample, row in enumerate(self.values):
            if len(row) != self.elements:
                raise FpgaMlError(
                    f"{len(row)} values, but shape {self.shape} has {self.elements} elements",
                    where=f"tensor '{self.name}', vector {sample}",
                    do="give one raw integer per element",
                )
            if row and not low <= min(row) <= max(row) <= high:
                element = next(i for i, v in enumerate(row) if not low <= v <= high)
                raise FpgaMlError(
                    f"raw value {row[element]} is outside {low}..{high} "
                    f"({self.width_bits} bits, {'signed' if self.signed else 'unsigned'})",
                    where=f"tensor '{self.name}', vector {sample}, element {element}",
                    do="give raw integers of the port's type",
                )

    @property
    def elements(self) -> int:
        """Elements of one sample."""
        return math.prod(self.shape)

    def interleaved(self, sequences: int) -> Tensor:
        """A row a group of so many samples: the first step of each, then the second of each; a step is the last axis."""
        size = self.shape[-1]
        groups = [self.values[k : k + sequences] for k in range(0, len(self.values), sequences)]
        rows = (tuple(v for k in range(0, self.elements, size) for row in g for v in row[k : k + size]) for g in groups)
        return replace(self, shape=(self.elements // size * sequences, size), values=tuple(rows))

    @classmethod
    def of(cls, name: str, raw: Any, *, width_bits: int, signed: bool) -> Tensor:
        """From an integer array (N, ...): a NumPy array or nested lists."""
        nested = raw.tolist() if hasattr(raw, "tolist") else list(raw)
        shape, inner = [], nested[0] if nested else []
        while isinstance(inner, (list, tuple)):
            shape.append(len(inner))
            inner = inner[0] if inner else 0
        rows = tuple(tuple(_flat(sample)) for sample in nested)
        return cls(name, tuple(shape) or (1,), width_bits, signed, rows)


def _flat(nested: Any) -> Iterable[int]:
    if not isinstance(nested, (list, tuple)):
        if nested != int(nested):
            raise FpgaMlError(f"{nested} is no raw integer", do="quantise first: co-simulation takes raw integers")
        return (int(nested),)
    return (value for part in nested for value in _flat(part))


@dataclass(frozen=True)
class Edges:
    """Inner values at which the hardware of a network does something of its own (simulate/reach.py): how many were sought,
    and how many of them no vector meets. Some of these cannot be met at all: the intervals of the network are wider than
    what it computes."""

    sought: int
    unmet: int


@dataclass(frozen=True)
class Vectors:
    """The inputs that are driven and the outputs that are expected for them: tensors of the same number of samples.

    ordered: each sample's outputs depend on those before it, from the first one after a reset. kinds: where each vector
    comes from, in a word, edges: what they were sought for; both are for the report, and not saved.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    ordered: bool = False
    kinds: tuple[str, ...] = ()
    edges: Edges | None = None

    def __post_init__(self) -> None:
        tensors = (*self.inputs, *self.outputs)
        if not self.inputs or not self.outputs or len({len(t.values) for t in tensors}) != 1 or not len(self):
            told = ", ".join(f"{t.name}: {len(t.values)}" for t in tensors) or "none"
            raise FpgaMlError(
                f"vectors need inputs and outputs of one length, at least one sample ({told})",
                do="give the same number of samples for every input and output",
            )

    def __len__(self) -> int:
        return len(self.inputs[0].values)

    def first(self, n: int) -> Vectors:
        """The first n of them, or all there are."""
        return self._rows(range(min(n, len(self))))

    def spread(self, n: int, group: int = 1) -> Vectors:
        """n groups of `group` successive samples, evenly spaced, with the first and the last. Ordered samples: the first n
        groups."""
        groups = len(self) // group
        if self.ordered or n >= groups:
            return self.first(n * group)
        firsts = [k * (groups - 1) // max(1, n - 1) * group for k in range(n)]
        return self._rows([first + place for first in firsts for place in range(group)])

    def _rows(self, chosen: Sequence[int]) -> Vectors:
        found = self._each(lambda t: replace(t, values=tuple(t.values[k] for k in chosen)))
        return replace(found, kinds=tuple(self.kinds[k] for k in chosen) if self.kinds else (), edges=self.edges)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Vectors:
        inputs, outputs = (tuple(map(change, side)) for side in (self.inputs, self.outputs))
        return Vectors(inputs, outputs, self.ordered)

    def interleaved(self, sequences: int) -> Vectors:
        """A vector a group of so many samples, which must come out even."""
        if len(self) % sequences:
            raise FpgaMlError(
                f"{len(self)} samples are no groups of {sequences}", do="fill them up with zeros, or leave some out"
            )
        return self._each(lambda t: t.interleaved(sequences))

    def save(self, path: Path) -> None:
        """As JSON."""
        sides = {side: [asdict(t) for t in getattr(self, side)] for side in ("inputs", "outputs")}
        path.write_text(json.dumps({**sides, "ordered": self.ordered}))

    @classmethod
    def load(cls, path: Path) -> Vectors:
        raw = json.loads(path.read_text())
        inputs, outputs = (tuple(_tensor(t) for t in raw[side]) for side in ("inputs", "outputs"))
        return cls(inputs, outputs, raw["ordered"])


def _tensor(raw: dict[str, Any]) -> Tensor:
    rows = tuple(tuple(row) for row in raw["values"])
    return Tensor(raw["name"], tuple(raw["shape"]), raw["width_bits"], raw["signed"], rows)


@dataclass(frozen=True)
class Mismatch:
    """One output value that is not what was expected.

    vector: row of the vectors, None for an output that nothing asked for; output, element: tensor and index in it;
    cycle: clock cycles since the mode began; expected: raw integer, None for nothing; got: a raw integer, the bits of
    a value that holds X or Z, or 'nothing'.
    """

    mode: Mode
    vector: int | None
    output: str
    element: int
    port: str
    cycle: int
    expected: int | None
    got: str

    @property
    def text(self) -> str:
        expected = "nothing" if self.expected is None else str(self.expected)
        vector = "" if self.vector is None else f", vector {self.vector}"
        where = f"{self.output}, element {self.element}{vector}, cycle {self.cycle} ({self.mode})"
        return f"{where}: expected {expected}, got {self.got}"


@dataclass(frozen=True)
class Fault:
    """A broken rule of the interface: which signal, in which cycle first, how often."""

    mode: Mode
    signal: str
    cycle: int
    what: str
    count: int

    @property
    def text(self) -> str:
        often = f" ({self.count} times)" if self.count > 1 else ""
        return f"{self.signal}, cycle {self.cycle} ({self.mode}): {self.what}{often}"


@dataclass(frozen=True)
class Wave:
    """A wire during the first inference. signal: its name in the top; tensor: whose element it carries, '' for a handshake;
    cycles: in which its value changes, from the one in which the first input is taken; values: raw integers, None for X or
    Z."""

    signal: str
    tensor: str
    cycles: tuple[int, ...]
    values: tuple[int | None, ...]


@dataclass(frozen=True)
class ModeResult:
    """What one run of the testbench saw.

    vectors: how many were given; completed: those whose outputs all came; mismatches: the first of them, mismatch_count: all
    of them; x_values: valid outputs and handshake signals that held X or Z, each cycle counted; latency_cycles: from start
    to valid outputs; interval_cycles: the longest between two starts when offered one a cycle (back_to_back only); stalls:
    cycles in which the driver held back; resets, discarded: resets in mid-run and vectors lost to them (these are sent
    again); cycles: of the whole run; timeline: by probed channel, the cycles of the first vector's first and last token,
    counted from its first beat; waves: of the first vector (back_to_back only).
    """

    mode: Mode
    vectors: int
    completed: int
    mismatches: tuple[Mismatch, ...]
    mismatch_count: int
    faults: tuple[Fault, ...]
    x_values: int
    latency_cycles: int | None
    interval_cycles: int | None
    stalls: int
    resets: int
    discarded: int
    cycles: int
    timeline: dict[str, tuple[int, int]] = field(default_factory=dict)
    waves: tuple[Wave, ...] = ()


def save_results(results: Iterable[ModeResult], path: Path) -> None:
    """As JSON, one object a mode."""
    path.write_text(json.dumps([asdict(r) for r in results], indent=1))


def load_results(path: Path) -> tuple[ModeResult, ...]:
    def one(raw: dict[str, Any]) -> ModeResult:
        mismatches = tuple(Mismatch(**m) for m in raw.pop("mismatches"))
        faults = tuple(Fault(**f) for f in raw.pop("faults"))
        timeline = {name: (first, last) for name, (first, last) in raw.pop("timeline").items()}
        waves = tuple(Wave(**{**w, "cycles": tuple(w["cycles"]), "values": tuple(w["values"])}) for w in raw.pop("waves"))
        return ModeResult(**raw, mismatches=mismatches, faults=faults, timeline=timeline, waves=waves)

    return tuple(one(raw) for raw in json.loads(path.read_text()))


@dataclass(frozen=True, repr=False)
class CosimResult:
    """One design under one simulator, all modes together.

    vectors: how many were given; back to back sends all of them, the other modes at most 200. latency_cycles: from an
    accepted start to valid outputs; interval_cycles: between two starts; stalls: cycles in which inputs were held back, over
    all modes; build_seconds: compilation (0 when an earlier one was used again); seconds: compilation and all runs;
    text_faults: tables and FIFOs in the RTL's text that are not the network's; tables: how many were compared;
    module_faults: modules that are wrong on their own; modules: how many were simulated so; not_asked: checks that this
    simulation leaves out, in words; kinds: {where vectors come from: how many}; edges: what some of them were sought for;
    ports: {tensor: its ports, in the order of its elements} of RTL from elsewhere, where they have other names than ours.
    """

    simulator: Simulator
    version: str
    vectors: int
    mismatches: tuple[Mismatch, ...]
    mismatch_count: int
    faults: tuple[Fault, ...]
    latency_cycles: int | None
    interval_cycles: int | None
    stalls: int
    x_values: int
    modes: tuple[ModeResult, ...]
    build_seconds: float
    seconds: float
    timeline: dict[str, tuple[int, int]] = field(default_factory=dict)
    text_faults: tuple[str, ...] = ()
    module_faults: tuple[str, ...] = ()
    modules: int = 0
    not_asked: tuple[str, ...] = ()
    tables: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    edges: Edges | None = None
    ports: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        verdict = "passed" if self.passed else "failed"
        timing = f"latency {self.latency_cycles} and interval {self.interval_cycles} cycles"
        return f"<CosimResult: {verdict} in {self.simulator} {self.version}, {self.vectors} vectors, {timing}>"

    @property
    def waves(self) -> tuple[Wave, ...]:
        """Of the first inference, where vectors came back to back."""
        return next((mode.waves for mode in self.modes if mode.waves), ())

    @property
    def resets(self) -> int:
        """In mid-run, over all modes."""
        return sum(mode.resets for mode in self.modes)

    @property
    def passed(self) -> bool:
        """No difference, no broken rule, and every vector compared in every mode."""
        complete = bool(self.modes) and all(m.completed == m.vectors for m in self.modes)
        return complete and not (self.mismatch_count or self.faults or self.text_faults or self.module_faults)

    def texts(self, limit: int = 10) -> list[str]:
        """What went wrong, the first `limit` of each kind; empty where all agreed."""
        lines = [
            *self.text_faults[:limit],
            *self.module_faults[:limit],
            *(f.text for f in self.faults[:limit]),
            *(m.text for m in self.mismatches[:limit]),
        ]
        found = len(self.text_faults) + len(self.module_faults) + len(self.faults) + self.mismatch_count
        hidden = found - len(lines)
        return lines + [f"... and {hidden} more"] * bool(hidden)
