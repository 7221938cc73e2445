"""RTL from elsewhere, such as a vendor's `syn/verilog`, in the place of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.simulate.cosim import rtl_files_of
from fpga_ml.tb.ports import Parallel, Stream, check_top
from fpga_ml.tb.verilog import read_top
from fpga_ml.toolchain import icarus, verilator

SKIPS = ("resets", "idle")
_OWN_RULES: dict[type[Parallel | Stream], str] = {
    Parallel: "the cycles of ap_ready, ap_done and ap_idle, all outputs in the cycle of ap_done, latency and interval",
    Stream: "the cycles of ap_ready, ap_done and ap_idle, ap_start in mid-run, padding of TDATA, latency and interval",
}


@dataclass(frozen=True)
class Foreign:
    """RTL from elsewhere. files: the Verilog; ports: {name of a tensor as our top calls it: as this one does}; skip: checks
    that are left out, of SKIPS: resets in mid-run (a top whose memories keep their state), ap_idle at the end; flush:
    vectors that are sent after the last one, for a top that gives its last outputs only when more comes; top: name of the
    top module, '' for that of the project; folder: where the files are from, as the user gave it."""

    files: tuple[Path, ...]
    ports: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    skip: tuple[str, ...] = ()
    flush: int = 0
    top: str = ""
    folder: str = ""

    @classmethod
    def of(
        cls,
        folder: Path | str,
        ports: Mapping[str, str] | None = None,
        skip: Sequence[str] = (),
        flush: int = 0,
        top: str = "",
    ) -> Foreign:
        """The RTL of a folder; raises FpgaMlError where there is none, and for what cannot be skipped."""
        wrong = next((s for s in skip if s not in SKIPS), None)
        if wrong is not None:
            raise FpgaMlError(f"'{wrong}' cannot be left out", where="--skip", do=f"give {' or '.join(SKIPS)}")
        if flush < 0:
            raise FpgaMlError(f"{flush} vectors cannot be sent", where="--flush", do="give 0 or more")
        return cls(rtl_files_of(Path(folder)), dict(ports or {}), tuple(skip), flush, top, str(folder))

    def check(self, project_name: str, simulators: Sequence[str], inputs: int = 0, outputs: Sequence[int] = ()) -> None:
        """Raise FpgaMlError for what can be seen without types: a top that is not there, has no clock, reset or handshake,
        or too few data ports, and Verilog that a simulator cannot read. project_name: that of a top without a name of its
        own; inputs: how many the model has; outputs: elements of each, () where they are not known."""
        name = self.top or project_name
        check_top(read_top(self.files, name), inputs, outputs)
        if "verilator" in simulators:
            verilator.check(verilator.find(), self.files, name)
        if "icarus" in simulators:
            icarus.check(icarus.find(), self.files, name)

    def bound(self, graph: LayerGraph) -> LayerGraph:
        """With the ports that this top has; raises for one that ours does not have."""
        ports = {layer.name: graph.port(layer.name) for layer in (*graph.inputs, *graph.results)}
        unknown = next((p for p in self.ports if p not in ports.values()), None)
        if unknown is not None:
            raise FpgaMlError(
                f"there is no port '{unknown}' ({suggest(unknown, ports.values())})",
                where="--port",
                do="write OURS=THEIRS, where OURS is an input or output of our top",
            )
        return replace(graph, ports={layer: self.ports.get(port, port) for layer, port in ports.items()})

    def not_asked(self, kind: type[Parallel | Stream]) -> tuple[str, ...]:
        """The checks that are left out of a top with ports of that kind, in words."""
        words = {"resets": "resets in mid-run", "idle": "ap_idle when all is through"}
        left = [f"{_OWN_RULES[kind]}: checked of RTL of fpga_ml only"]
        left += [f"{words[s]} (--skip {s})" for s in self.skip]
        left += [f"whether the last outputs come without {self.flush} vectors more (--flush)"] * bool(self.flush)
        return tuple(left)

    def differing(self, bound: Parallel | Stream) -> dict[str, tuple[str, ...]]:
        """{tensor as our top calls it: its ports here, in the order of its elements} of the tensors whose ports have other
        names here."""
        ours = {theirs: name for name, theirs in self.ports.items()}
        called = {ours.get(tensor, tensor): tuple(ports) for tensor, ports in bound.data.items()}
        return {name: ports for name, ports in called.items() if not _same(name, ports)}


def _same(name: str, ports: tuple[str, ...]) -> bool:
    """Whether these are the names that our top would have."""
    numbered = tuple(f"{name}_{k}" for k in range(len(ports)))
    return ports in ((name,), numbered, (f"{name}_TDATA",))


def ports_given(texts: Iterable[str]) -> dict[str, str]:
    """{ours: theirs} of texts OURS=THEIRS; raises FpgaMlError for others."""
    found = {}
    for text in texts:
        ours, equals, theirs = (part.strip() for part in text.partition("="))
        if not (ours and equals and theirs):
            raise FpgaMlError(f"'{text}' names no two ports", where="--port", do="write OURS=THEIRS")
        found[ours] = theirs
    return found
