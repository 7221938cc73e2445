"""Processes as C++: what each does with a frame, from the channels that it reads to those that it writes.

A channel is an array of its elements, token by token. Windows of an image are no array where kernels alone read them: a
kernel is given where the pixels of its window are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fpga_ml.ir.kernel import Kernel, Wire
from fpga_ml.ir.network import Channel, Collect, Fold, Loop, Map, Moments, Network, Process, Quadratic, Split, Window
from fpga_ml.ir.network.process import output_wires
from fpga_ml.ir.network.quadratic import DIFFERENCES
from fpga_ml.software.kernel import Function, Read, Tables, function, shifted
from fpga_ml.software.lanes import Lanes, lanes_for, lanes_of, lanes_of_wires, signed_bits


@dataclass
class Frame:
    """All that a model keeps while it computes. arrays: {name: (lanes, how many)}; state: names of those that last from
    frame to frame; constants: {name: one value for each of its elements}."""

    arrays: dict[str, tuple[Lanes, int]] = field(default_factory=dict)
    state: list[str] = field(default_factory=list)
    constants: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def array(self, name: str, kind: Lanes, count: int) -> str:
        """Makes it, or makes it larger."""
        self.arrays[name] = (kind, max(count, self.arrays.get(name, (kind, 0))[1]))
        return f"f.{name}"


@dataclass
class Software:
    """A network's functions. functions: their definitions; steps: what is done with a frame, in order; names: {channel: the
    array}."""

    network: Network
    frame: Frame = field(default_factory=Frame)
    tables: Tables = field(default_factory=Tables)
    functions: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    windows: dict[str, Window] = field(default_factory=dict)

    @classmethod
    def of(cls, network: Network) -> Software:
        made = cls(network)
        for channel in network.inputs:
            made.array_of(channel)
        for number, process in enumerate(network.processes):
            made.add(f"p{number}", process)
        return made

    def array_of(self, channel: Channel) -> str:
        if channel.name not in self.names:
            name = f"c{len(self.names)}"
            self.names[channel.name] = self.frame.array(name, lanes_of(channel), channel.tokens * len(channel.types))
        return self.names[channel.name]

    def add(self, name: str, process: Process) -> None:
        match process:
            case Window():
                self._window(process)
            case Map():
                self._map(name, process)
            case Fold():
                self._fold(name, process)
            case Loop():
                self._loop(name, process)
            case Collect() | Split():
                self._moved(process)
            case Quadratic():
                self._quadratic(process)
            case Moments():
                self._moments(process)
            case _:
                raise TypeError(f"no C++ for {process.kind}")

    def _read(self, channel: Channel) -> Read:
        window = self.windows.get(channel.name)
        if window is None:
            return Read(lanes_of(channel), channel.wires)
        return Read(lanes_of(window.reads[0]), channel.wires, window.rows.taps * window.columns.taps)

    def _window(self, process: Window) -> None:
        """Where kernels alone read the windows, they are given the places of pixels."""
        readers = [p for p in self.network.processes if process.writes[0] in p.reads]
        if process.writes[0].name not in self.network.outputs and all(isinstance(p, (Map, Fold)) for p in readers):
            self.windows[process.writes[0].name] = process
            return
        y, size = self.array_of(process.writes[0]), len(process.reads[0].types)
        taps = process.rows.taps * process.columns.taps
        self.steps += [
            f"for (int t = 0; t < {process.writes[0].tokens}; ++t) {{",
            *(f"    {line}" for line in self._places(process, 0)),
            f"    for (int k = 0; k < {taps * size}; ++k)",
            f"        {y}[t * {taps * size} + k] = x0[k / {size}][k % {size}];",
            "}",
        ]

    def _places(self, window: Window, number: int) -> Iterator[str]:
        """x<number>: where the pixels of window t are."""
        pixel, kind, size = self.array_of(window.reads[0]), lanes_of(window.reads[0]), len(window.reads[0].types)
        rows, columns = window.rows, window.columns
        outside = "nullptr"
        if (window.table < 0).any():
            name = f"{pixel.removeprefix('f.')}_outside_{len(self.frame.constants)}"
            outside = self.frame.array(name, kind, size)
            self.frame.constants[name] = window.fill
        yield f"const {kind.name}* x{number}[{rows.taps * columns.taps}];"
        yield f"for (int a = 0; a < {rows.taps}; ++a) {{"
        yield f"    const int row = t / {columns.windows} * {rows.stride} - {rows.before} + a * {rows.step};"
        yield f"    for (int b = 0; b < {columns.taps}; ++b) {{"
        yield f"        const int column = t % {columns.windows} * {columns.stride} - {columns.before} + b * {columns.step};"
        inside = f"row >= 0 && row < {rows.size} && column >= 0 && column < {columns.size}"
        yield f"        x{number}[a * {columns.taps} + b] = {inside}"
        yield f"            ? {pixel} + (row * {columns.size} + column) * {size} : {outside};"
        yield "    }"
        yield "}"

    def _given(self, channels: Sequence[Channel]) -> Iterator[str]:
        """x0, x1, ...: where token t of each channel is."""
        for number, c in enumerate(channels):
            if c.name in self.windows:
                yield from self._places(self.windows[c.name], number)
            else:
                yield f"const {lanes_of(c).name}* x{number} = {self.array_of(c)} + t * {len(c.types)};"

    def _function(self, name: str, kernel: Kernel, reads: Sequence[Read], target: Sequence[Wire], out: Lanes) -> Function:
        made = function(name, kernel, reads, target, out, self.tables)
        self.functions.append(made.text)
        self.frame.array(f"kept{made.kind.bits}", made.kind, max(made.slots, 1))
        return made

    def _call(self, made: Function, count: int, y: str) -> str:
        arguments = [*(f"x{n}" for n in range(count)), y, f"f.kept{made.kind.bits}"]
        return f"{made.name}({', '.join(arguments)});"

    def _map(self, name: str, process: Map) -> None:
        reads = [self._read(c) for c in process.reads]
        target = [w for c in process.writes for w in c.wires]
        own = [lanes_of(c) for c in process.writes]
        out = max(own)
        made = self._function(name, process.kernel, reads, target, out)
        self._each_token(process.reads)
        if len(own) == 1:
            y = f"{self.array_of(process.writes[0])} + t * {len(target)}"
            self.steps += [f"    {self._call(made, len(reads), y)}", "}"]
            return
        y, place = self.frame.array(f"several{out.bits}", out, len(target)), 0
        self.steps.append(f"    {self._call(made, len(reads), y)}")
        for c in process.writes:
            size, target_name = len(c.types), self.array_of(c)
            self.steps.append(
                f"    for (int k = 0; k < {size}; ++k)"
                f" {target_name}[t * {size} + k] = to<{lanes_of(c).name}>({y}[{place} + k]);"
            )
            place += size
        self.steps.append("}")

    def _each_token(self, channels: Sequence[Channel]) -> None:
        """Begins what is done with each token."""
        self.steps.append(f"for (int t = 0; t < {channels[0].tokens}; ++t) {{")
        self.steps += (f"    {line}" for line in self._given(channels))

    def _fold(self, name: str, process: Fold) -> None:
        y, size = self.array_of(process.writes[0]), len(process.writes[0].types)
        reads = [self._read(c) for c in process.reads]
        self._folded(name, process, reads)
        self._each_token(process.reads)
        arguments = ", ".join(["f", *(f"x{n}" for n in range(len(reads))), f"{y} + t * {size}"])
        self.steps += [f"    {name}({arguments});", "}"]

    def _folded(self, name: str, process: Fold, reads: Sequence[Read]) -> None:
        """A function of a token: elements are taken round by round, and what the step makes of them is added up."""
        given = [*map(Wire.of, process.data_types), *map(Wire.of, process.word_types)]
        # Elements as they are read, and as the step reads them.
        row_kind = lanes_of_wires([*given, *map(Wire.of, process.read_types)], process.name)
        sums_kind = lanes_of_wires([*process.sums, *_partial(process)], process.name)
        step = self._function(f"{name}_step", process.step, [Read(row_kind, tuple(given))], process.sums, sums_kind)
        elements, width = len(process.read_types), len(process.data_types)
        token = self.frame.array(f"token{row_kind.bits}", row_kind, elements + 1)
        row = self.frame.array(f"row{row_kind.bits}", row_kind, max(len(given), 1))
        made = self.frame.array(f"made{sums_kind.bits}", sums_kind, len(process.sums))
        sums = self.frame.array(f"{name}_sums", sums_kind, process.groups * len(process.sums))
        walk = self.tables.name("int32_t", [k if k >= 0 else elements for r in process.walk for k in r])
        shifts = [
            given[j].fraction - process.read_types[k].fraction if k >= 0 else 0
            for r in process.walk
            for j, k in enumerate(r)
        ]
        lines = []
        place = 0
        for number, r in enumerate(reads):
            element = f"to<{row_kind.name}>({r.element(number, 'k')})"
            lines.append(f"for (int k = 0; k < {len(r.wires)}; ++k) {token}[{place} + k] = {element};")
            place += len(r.wires)
        lines.append(f"{token}[{elements}] = all<{row_kind.name}>(0);")
        lines.append(f"for (int r = 0; r < {process.rounds}; ++r) {{")
        taken = f"{token}[{walk}[r * {width} + j]]"
        if any(shifts):
            factors = self.tables.name(row_kind.scalar, [1 << s for s in shifts])
            taken = f"{taken} * all<{row_kind.name}>({factors}[r * {width} + j])"
        lines.append(f"    for (int j = 0; j < {width}; ++j) {row}[j] = {taken};")
        if process.word_types:
            words = self.tables.name(row_kind.scalar, [raw for word in process.words for raw in word])
            count = len(process.word_types)
            lines.append(
                f"    for (int j = 0; j < {count}; ++j) {row}[{width} + j] = all<{row_kind.name}>({words}[r * {count} + j]);"
            )
        outputs = len(process.sums)
        lines.append(f"    {step.name}({row}, {made}, f.kept{step.kind.bits});")
        group = f"{sums} + r / {process.accumulated} * {outputs}"
        lines.append(f"    {sums_kind.name}* total = {group};")
        lines.append(f"    const bool first = r % {process.accumulated} == 0;")
        lines.append(f"    for (int k = 0; k < {outputs}; ++k) total[k] = first ? {made}[k] : total[k] + {made}[k];")
        lines.append("}")
        out = lanes_of(process.writes[0])
        for k, w in enumerate(process.writes[0].wires):
            bits = w.fraction - process.sums[k % outputs].fraction
            lines.append(f"y[{k}] = to<{out.name}>({shifted(f'{sums}[{k}]', bits)});")
        parameters = ", ".join(["Frame& f", *(r.parameter(n) for n, r in enumerate(reads)), f"{out.name}* y"])
        body = "".join(f"    {line}\n" for line in lines)
        self.functions.append(f"void {name}({parameters}) {{\n{body}}}\n")

    def _loop(self, name: str, process: Loop) -> None:
        many, size, kept = process.interleaved, len(process.state), [*map(Wire.of, process.state)]
        state_kind = lanes_of_wires(kept, process.name)
        read, write = process.reads[0], process.writes[0]
        reads = [self._read(read)]
        if process.fold is not None:
            fold = process.fold
            own = Read(state_kind, tuple(kept[: len(fold.reads[0].types)]))
            self._folded(f"{name}_fold", fold, [own])
            products = self.frame.array(f"{name}_products", lanes_of(fold.writes[0]), len(fold.writes[0].types))
            reads.append(Read(lanes_of(fold.writes[0]), fold.writes[0].wires))
        reads.append(Read(state_kind, tuple(kept)))
        out = max(state_kind, lanes_of(write))
        made = self._function(f"{name}_step", process.both, reads, [*kept, *write.wires], out)
        state = self.frame.array(f"{name}_state", state_kind, many * size)
        both = self.frame.array(f"{name}_both", out, size + len(write.types))
        if process.keeps:
            self.frame.state.append(f"{name}_state")
        elif process.first is not None:
            self.steps.append(
                f"for (int k = 0; k < {many * size}; ++k)"
                f" {state}[k] = to<{state_kind.name}>({self.array_of(process.first)}[k]);"
            )
        else:
            self.steps.append(f"for (int k = 0; k < {many * size}; ++k) {state}[k] = all<{state_kind.name}>(0);")
        self._each_token([read])
        own_state = f"{state} + t % {many} * {size}"
        arguments = ["x0"]
        if process.fold is not None:
            self.steps.append(f"    {name}_fold(f, {own_state}, {products});")
            arguments.append(products)
        arguments += [own_state, both, f"f.kept{made.kind.bits}"]
        self.steps.append(f"    {made.name}({', '.join(arguments)});")
        self.steps.append(f"    for (int k = 0; k < {size}; ++k) ({own_state})[k] = to<{state_kind.name}>({both}[k]);")
        shown, target = len(write.types), self.array_of(write)
        place = "t" if process.every else f"(t % {many})"
        self.steps.append(
            f"    for (int k = 0; k < {shown}; ++k)"
            f" {target}[{place} * {shown} + k] = to<{lanes_of(write).name}>({both}[{size} + k]);"
        )
        self.steps.append("}")

    def _moved(self, process: Collect | Split) -> None:
        """The array itself where the elements stay in order, else the elements one by one."""
        read, write = process.reads[0], process.writes[0]
        x, many = self._array_read(read), process.interleaved
        same = lanes_of(read) == lanes_of(write) and write.name not in self.network.outputs
        if many == 1 and same and not (isinstance(process, Split) and process.places):
            self.names[write.name] = x
            return
        y, kind, size = self.array_of(write), lanes_of(write), len(write.types)
        if isinstance(process, Split) and process.places:
            places = self.tables.name("int32_t", process.places)
            each = f"t / {process.parts} * {len(read.types)} + {places}[t % {process.parts}] * {size} + k"
        elif isinstance(process, Split):
            each = f"(t % {many}) * {write.tokens // many * size} + t / {many} * {size} + k"
        else:
            own = len(read.types)  # element k of what is collected is element k % own of step k / own
            each = f"(k / {own} * {many} + t) * {own} + k % {own}"
        self.steps += [
            f"for (int t = 0; t < {write.tokens}; ++t)",
            f"    for (int k = 0; k < {size}; ++k) {y}[t * {size} + k] = to<{kind.name}>({x}[{each}]);",
        ]

    def _array_read(self, channel: Channel) -> str:
        if channel.name in self.windows:
            raise TypeError(f"windows '{channel.name}' are read by no kernel")
        return self.array_of(channel)

    def _quadratic(self, process: Quadratic) -> None:
        """Values wrap, so that sums in 64 bits will do."""
        read, write = process.reads[0], process.writes[0]
        x, y, kind, count = self.array_of(read), self.array_of(write), lanes_of(write), len(write.types)
        wide = lanes_for(max(signed_bits(w.interval) for w in write.wires), process.name)
        assert wide.bits <= 64, "a form has no more than 64 bits"
        self.steps.append(f"for (int t = 0; t < {write.tokens}; ++t) {{")
        self.steps += [
            f"    const int64_t a = t % {process.columns}, b = t / {process.columns};",
            "    const int64_t places[] = {1, a, b, a * (a - 1) / 2, a * b, b * (b - 1) / 2};",
        ]
        for k, t in enumerate(write.types):
            terms = []
            for d in range(DIFFERENCES):
                e = read.types[DIFFERENCES * k + d]
                terms.append(
                    f"((U64)to<L64>({x}[{DIFFERENCES * k + d}]) << {t.fraction - e.fraction}) * (U64)all<L64>(places[{d}])"
                )
            total = f"(L64)({' + '.join(terms)})"
            own = f"wrapped_{'signed' if t.signed else 'unsigned'}<{t.width}>({total})"
            self.steps.append(f"    {y}[t * {count} + {k}] = to<{kind.name}>({own});")
        self.steps.append("}")

    def _moments(self, process: Moments) -> None:
        read, write = process.reads[0], process.writes[0]
        x, y, kind = self.array_of(read), self.array_of(write), lanes_of(write)
        count, sums = len(read.types), len(process.places)
        weights = self.tables.name(kind.scalar, [int(w) for row in process.weights for w in row])
        self.steps += [
            f"for (int k = 0; k < {count * sums}; ++k) {y}[k] = all<{kind.name}>(0);",
            f"for (int t = 0; t < {read.tokens}; ++t)",
            f"    for (int k = 0; k < {count * sums}; ++k)",
            f"        {y}[k] = {y}[k] + to<{kind.name}>({x}[t * {count} + k / {sums}])"
            f" * all<{kind.name}>({weights}[t * {sums} + k % {sums}]);",
        ]


def _partial(process: Fold) -> Sequence[Wire]:
    """What the step gives, with the binary points of the sums."""
    return [
        Wire(s.fraction, w.at(max(w.fraction, s.fraction)))
        for w, s in zip(output_wires(process.step), process.sums, strict=True)
    ]
