"""RTL from elsewhere, such as a vendor's `syn/verilog`, in the place of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.simulate.cosim import rtl_files_of

SKIPS = ("resets", "idle")


@dataclass(frozen=True)
class Foreign:
    """files: the Verilog; ports: {name of a tensor as our top calls it: as this one does}; skip: what is not asked, of SKIPS:
    resets in mid-run (a top whose memories keep their state), ap_idle at the end; flush: vectors that are sent after the last one, for a
    top that gives its last outputs only when more comes."""

    files: tuple[Path, ...]
    ports: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    skip: tuple[str, ...] = ()
    flush: int = 0

    @classmethod
    def of(
        cls, folder: Path | str, ports: Mapping[str, str] | None = None, skip: Sequence[str] = (), flush: int = 0
    ) -> Foreign:
        """The RTL of a folder; raises FpgaMlError where there is none, and for what cannot be skipped."""
        wrong = next((s for s in skip if s not in SKIPS), None)
        if wrong is not None:
            raise FpgaMlError(f"'{wrong}' cannot be left out", where="--skip", do=f"give {' or '.join(SKIPS)}")
        if flush < 0:
            raise FpgaMlError(f"{flush} vectors cannot be sent", where="--flush", do="give 0 or more")
        return cls(rtl_files_of(Path(folder)), dict(ports or {}), tuple(skip), flush)

    def names(self, ports: Mapping[str, str]) -> dict[str, str]:
        """{layer: port name} of ours as this top calls them; raises for a port that ours does not have."""
        unknown = next((p for p in self.ports if p not in ports.values()), None)
        if unknown is not None:
            raise FpgaMlError(
                f"there is no port '{unknown}' ({suggest(unknown, ports.values())})",
                where="--port",
                do="write OURS=THEIRS, where OURS is an input or output of our top",
            )
        return {layer: self.ports.get(port, port) for layer, port in ports.items()}

    @property
    def not_asked(self) -> tuple[str, ...]:
        """In words."""
        told = {"resets": "resets in mid-run", "idle": "ap_idle when all is through"}
        left = ["padding of TDATA, ap_start in mid-run, latency and interval: RTL from elsewhere has rules of its own"]
        left += [f"{told[s]} (--skip {s})" for s in self.skip]
        left += [f"whether the last outputs come without {self.flush} vectors more (--flush)"] * bool(self.flush)
        return tuple(left)


def ports_given(texts: Iterable[str]) -> dict[str, str]:
    """From OURS=THEIRS, one or more; raises FpgaMlError for others."""
    found = {}
    for text in texts:
        ours, equals, theirs = (part.strip() for part in text.partition("="))
        if not (ours and equals and theirs):
            raise FpgaMlError(f"'{text}' names no two ports", where="--port", do="write OURS=THEIRS")
        found[ours] = theirs
    return found
