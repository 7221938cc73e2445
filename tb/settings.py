"""Settings of a simulation, as they cross into the simulator's process: in environment variables, which README.md lists."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .cosim_types import Guarantee

FEWER = 200  # vectors with gaps and with resets: enough for their order and timing, values are proven back to back


@dataclass(frozen=True)
class Settings:
    """vectors: the file of Vectors.save; rtl: the Verilog; seed: of gaps and resets; guarantee: guaranteed timing of our own
    RTL; patience_cycles: without progress before a run is given up; stop_at: so many differences end it, 0 for never; idle:
    ap_idle must be high at the end; flush: vectors sent after the last; probes: {name: (signals that are all high when a
    token is made, tokens of a vector)}; fewer: vectors at most with gaps and with resets."""

    vectors: Path
    rtl: tuple[Path, ...]
    top: str
    seed: int = 1
    guarantee: Guarantee | None = None
    patience_cycles: int = 10_000
    stop_at: int = 0
    idle: bool = True
    flush: int = 0
    probes: Mapping[str, tuple[Sequence[str], int]] = field(default_factory=dict)
    fewer: int = FEWER

    @property
    def environment(self) -> dict[str, str]:
        """What `read` makes of it again."""
        guarantee = self.guarantee
        return {
            "COCOTB_TOPLEVEL": self.top,
            "COSIM_VECTORS": str(self.vectors),
            "COSIM_RTL": json.dumps(list(map(str, self.rtl))),
            "COSIM_SEED": str(self.seed),
            "COSIM_GUARANTEE": f"{guarantee.latency_cycles},{guarantee.interval_cycles}" if guarantee else "",
            "COSIM_PATIENCE_CYCLES": str(self.patience_cycles),
            "COSIM_STOP_AT": str(self.stop_at),
            "COSIM_IDLE": str(int(self.idle)),
            "COSIM_FLUSH": str(self.flush),
            "COSIM_PROBES": json.dumps(self.probes),
            "COSIM_FEWER": str(self.fewer),
        }

    @classmethod
    def read(cls) -> Settings:
        """From this process' environment; a variable that is not set stands for its default."""
        given = os.environ
        return cls(
            Path(given["COSIM_VECTORS"]),
            tuple(map(Path, json.loads(given["COSIM_RTL"]))),
            given["COCOTB_TOPLEVEL"],
            int(given.get("COSIM_SEED", "1")),
            Guarantee(*map(int, given["COSIM_GUARANTEE"].split(","))) if given.get("COSIM_GUARANTEE") else None,
            int(given.get("COSIM_PATIENCE_CYCLES", "10000")),
            int(given.get("COSIM_STOP_AT", "0")),
            given.get("COSIM_IDLE", "1") == "1",
            int(given.get("COSIM_FLUSH", "0")),
            json.loads(given.get("COSIM_PROBES", "{}")),
            int(given.get("COSIM_FEWER", str(FEWER))),
        )
