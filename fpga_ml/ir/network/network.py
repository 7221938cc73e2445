"""A network: processes joined by channels, in the order of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.ir.network.channel import Channel, Raw
from fpga_ml.ir.network.loop import Loop
from fpga_ml.ir.network.process import Process, Wires


@dataclass(frozen=True)
class Network:
    """inputs: channels from outside; outputs: names of the channels that go outside; processes: each after what it reads;
    interleave: inferences in a frame, whose tokens come in turn."""

    name: str
    inputs: tuple[Channel, ...]
    outputs: tuple[str, ...]
    processes: tuple[Process, ...]
    interleave: int = 1

    @property
    def channels(self) -> dict[str, Channel]:
        """By name."""
        return {c.name: c for c in (*self.inputs, *(c for p in self.processes for c in p.writes))}

    @property
    def results(self) -> tuple[Channel, ...]:
        known = self.channels
        return tuple(known[name] for name in self.outputs)

    @property
    def interval_cycles(self) -> int:
        """Cycles between two frames, as the slowest process allows."""
        work = [p.interval_cycles * max(c.tokens for c in p.reads) for p in self.processes]
        return max([*work, *(c.tokens for c in (*self.inputs, *self.results))], default=1)

    def text(self) -> str:
        """Channels, processes, and then the kernels one by one."""
        ends = [", ".join(c.name for c in self.inputs), ", ".join(self.outputs)]
        lines = [f"network {self.name}({ends[0]}) -> {ends[1]}"]
        lines += [f"  channel {c.text}" for c in self.channels.values()]
        lines += [f"  {p.text}" for p in self.processes]
        kernels = [k.text() for p in self.processes for k in p.kernels]
        return "\n".join(lines) + "\n" + "".join(f"\n{k}" for k in kernels)

    def evaluate(self, given: Mapping[str, Raw]) -> dict[str, Raw]:
        """Every channel's raw values (frames, tokens, elements) from those of the inputs; the exact meaning."""
        found = dict(given)
        for p in self.processes:
            found |= {c.name: raw for c, raw in zip(p.writes, p.evaluate(*(found[c.name] for c in p.reads)), strict=True)}
        return found


def verify(network: Network) -> list[str]:
    """Every fault of a network, none if it is sound."""
    faults: list[str] = []
    made: dict[str, tuple[Channel, Wires]] = {c.name: (c, c.wires) for c in network.inputs}
    for p in network.processes:
        own = p.faults()
        if isinstance(p, Loop) and p.interleaved != network.interleave:
            own.append(f"{p.name}: keeps states of {p.interleaved} sequences, the network interleaves {network.interleave}")
        known = [made.get(c.name) for c in p.reads]
        for c, k in zip(p.reads, known, strict=True):
            if k is None:
                own.append(f"{p.name}: reads '{c.name}', which nothing before it makes ({suggest(c.name, made)})")
            elif k[0] != c:
                own.append(f"{p.name}: reads '{c.name}' as {c.text}, it is made as {k[0].text}")
        if not own:
            reads = [k[1] for k in known if k is not None]
            own = p.not_within(*reads)
            wires = p.reach(*reads)
            own += [f"{p.name}: writes '{c.name}', which is made already" for c in p.writes if c.name in made]
        else:
            wires = [c.wires for c in p.writes]
        faults += own
        made |= {c.name: (c, w) for c, w in zip(p.writes, wires, strict=True)}
    faults += [f"{network.name}: gives '{name}', which nothing makes" for name in network.outputs if name not in made]
    return faults


def verified(network: Network) -> Network:
    """The network itself; raises FpgaMlError with all of its faults."""
    faults = verify(network)
    if faults:
        raise FpgaMlError("; ".join(faults), where=f"network '{network.name}'", do="mend what made the network")
    return network
