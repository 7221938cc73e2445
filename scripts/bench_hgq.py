"""HGQ2 models as alkaid and as we turn them into RTL, through the same Yosys script, as a Markdown table.

`python scripts/bench_hgq.py [FILE...]`: model files of HGQ2, by default three of `../shared/data/hgq2`. alkaid traces them
with its own plugin and its solver's defaults, latency cutoff 5. Ours is compiled for a few clocks: for every number of
cycles about alkaid's the shortest one that our schedule needs; of those whose netlist is at least as fast as alkaid's (of
all, where none is) the row is the one with the lowest latency. Longest paths are estimated from the netlists, both in the
same way, and the latency is (cycles + 1) of them: from the clock edge that takes the inputs to the one after which the
outputs can be taken, registers on alkaid's ports left out. `--ours-only` leaves out alkaid, for files of other kinds.

`--lanes N...` prints another table in the place of this: our stream with so many particles a cycle, and all of them at once,
at a clock of 5 ns.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import fpga_ml
from fpga_ml.config import Config
from fpga_ml.devices import Target
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.hgq.files import need_hgq
from fpga_ml.ir.network import Network
from fpga_ml.rtl.architecture import PARALLEL, STREAM
from fpga_ml.schedule.auto import SLOWEST_NS
from fpga_ml.schedule.parallel import plan
from fpga_ml.toolchain import beside
from fpga_ml.toolchain.yosys import Resources, resources

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "hgq2"
PUBLIC = [SHARED / f"jsc_openml_{ebops}.keras" for ebops in (530, 2571, 13285)]
LATENCY_CUTOFF = 5
FEWER, MORE = 1, 1  # cycles than alkaid's that are tried
CYCLES = (0, 1, 2, 4, 8)  # where there is no alkaid
STEP_NS = 0.01
VECTORS = 100
BEFORE_RTL = ("load", "quantise", "convert")
TIMEOUT_S = 7200
HEADER = (
    (
        "| model | RTL | LUT | carry | FF | cycles | longest path, ns | latency, ns | file to RTL, s | LUT, path,"
        " latency over alkaid's |"
    ),
    "|---|---|---|---|---|---|---|---|---|---|",
)
LANES_NS = 5.0
LANES_HEADER = (
    "| model | architecture | LUT | FF | interval, cycles | latency, cycles | longest path, ns |",
    "|---|---|---|---|---|---|---|",
)


@dataclass(frozen=True)
class Figures:
    """made_by: whose RTL; cycles: registers from input to output, without those on alkaid's ports; seconds: from the file to
    the RTL."""

    made_by: str
    found: Resources
    cycles: int
    seconds: float

    @property
    def latency_ns(self) -> float:
        return (self.cycles + 1) * self.found.path_ns

    def row(self, model: str, other: Figures | None) -> str:
        f, latency = self.found, f"{self.latency_ns:.1f}"
        cells = (f"{f.luts:,}", f"{f.carries:,}", f"{f.ffs:,}", str(self.cycles), f"{f.path_ns:.2f}", latency)
        return f"| {model} | {self.made_by} | {' | '.join(cells)} | {self.seconds:.1f} | {self._over(other)} |"

    def _over(self, other: Figures | None) -> str:
        if other is None:
            return ""
        pairs = (
            (self.found.luts, other.found.luts),
            (self.found.path_ns, other.found.path_ns),
            (self.latency_ns, other.latency_ns),
        )
        return " ".join(f"{mine / theirs:.2f}" for mine, theirs in pairs)


def with_hgq() -> None:
    """HGQ2's layers, for Keras to load; on the path, behind qkeras-v3, for alkaid to find the plugin that it announces."""
    need_hgq()
    sys.path.append(str(beside.folder()))


def theirs(file: Path, folder: Path, target: Target) -> Figures:
    """alkaid's, by its own tracing of the file."""
    from alkaid.codegen.rtl.rtl_model import RTLModel
    from alkaid.converter import trace_model
    from alkaid.trace import trace

    start = time.perf_counter()
    model = keras.models.load_model(file, compile=False)
    rtl = RTLModel(trace(*trace_model(model)), folder, "alkaid_top", latency_cutoff=LATENCY_CUTOFF, print_latency=False)
    rtl.write()
    seconds = time.perf_counter() - start
    files = [f for f in sorted((folder / "src").rglob("*.v")) if not f.name.endswith("_wrapper.v")]
    found = resources(files, "alkaid_top", target, TIMEOUT_S)
    return Figures(f"alkaid, cutoff {LATENCY_CUTOFF}", found, len(rtl.fsm.logic) - 1, seconds)


class Ours:
    """Our RTL of a file: the model is compiled once, as far as the emulator, the RTL written for each clock. Seconds: of
    reading, quantising and converting the model and of making RTL, not of C-simulation."""

    def __init__(self, file: Path, folder: Path, target: Target) -> None:
        self.folder, self.target = folder, target
        config = Config(until="emulate", vectors=VECTORS)
        project = fpga_ml.compile(file, config=config, output=folder / "project", progress=False)
        if project.graph is None:
            raise FpgaMlError(f"'{file}' has no typed layers", do="see its report")
        start = time.perf_counter()
        self.graph = project.graph
        self.network = PARALLEL.lower(project.graph)
        self.before_s = time.perf_counter() - start + sum(project.report["timings_s"][stage] for stage in BEFORE_RTL)

    def __call__(self, clock_ns: float) -> Figures:
        folder = self.folder / f"{clock_ns:g}"
        folder.mkdir()
        start = time.perf_counter()
        rtl = PARALLEL.emit(self.network, clock_ns)
        files = rtl.write(folder)
        seconds = self.before_s + time.perf_counter() - start
        found = resources(files, rtl.top, self.target, TIMEOUT_S)
        return Figures(f"ours, {clock_ns:g} ns", found, rtl.latency_cycles, seconds)


def clocks_ns(network: Network, cycles: Iterable[int]) -> Iterator[float]:
    """For each number of cycles the shortest clock with which the schedule needs no more."""

    def fits(clock_ns: float, most: int) -> bool:
        try:
            return plan(network, clock_ns).latency_cycles <= most
        except FpgaMlError:
            return False

    for most in cycles:
        steps = range(1, round(SLOWEST_NS / STEP_NS) + 1)
        low, high = 0, len(steps)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if fits(steps[middle] * STEP_NS, most) else (middle + 1, high)
        if low < len(steps):
            yield round(steps[low] * STEP_NS, 2)


def ours(file: Path, folder: Path, target: Target, other: Figures | None) -> Figures:
    """Ours at the best clock of those tried (see above)."""
    made = Ours(file, folder, target)
    cycles = CYCLES if other is None else range(max(other.cycles - FEWER, 0), other.cycles + MORE + 1)
    found = [made(clock_ns) for clock_ns in dict.fromkeys(clocks_ns(made.network, cycles))]
    if not found:
        raise FpgaMlError(f"no clock up to {SLOWEST_NS:g} ns has that few cycles", where=str(file), do="try more of them")
    fast = [f for f in found if other is None or f.found.path_ns <= other.found.path_ns]
    return min(fast or found, key=lambda f: f.latency_ns)


def compare(file: Path, target: Target, folder: Path, *, alone: bool) -> None:
    """Prints a row for alkaid and one for ours, or why there is none."""
    other = None
    if not alone:
        try:
            other = theirs(file, folder / "alkaid", target)
            print(other.row(file.stem, other), flush=True)
        except Exception as error:  # alkaid's own, of every kind
            print(f"| {file.stem} | alkaid: {str(error).splitlines()[0] if str(error) else repr(error)} |", flush=True)
    try:
        print(ours(file, folder, target, other).row(file.stem, other), flush=True)
    except FpgaMlError as error:
        print(f"| {file.stem} | ours: {' '.join(str(error).split())} |", flush=True)


def in_lanes(file: Path, lanes: Iterable[int], target: Target, folder: Path) -> None:
    """Prints a row for each number of particles a cycle, and one for the parallel architecture."""
    print("\n".join(LANES_HEADER), flush=True)
    graph = Ours(file, folder, target).graph
    rows = [(f"stream, {n} a cycle", STREAM, STREAM.lower(graph, lanes=n)) for n in lanes]
    for what, arch, network in [*rows, ("parallel", PARALLEL, PARALLEL.lower(graph))]:
        place = folder / what.replace(" ", "_")
        place.mkdir()
        rtl = arch.emit(network, LANES_NS)
        found = resources(rtl.write(place), rtl.top, target, TIMEOUT_S)
        cells = (
            f"{found.luts:,}",
            f"{found.ffs:,}",
            str(rtl.interval_cycles),
            str(rtl.latency_cycles),
            f"{found.path_ns:.2f}",
        )
        print(f"| {file.stem} | {what} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, default=PUBLIC, metavar="FILE")
    parser.add_argument("--target", choices=("xcup", "ecp5"), default="xcup")
    parser.add_argument("--ours-only", action="store_true", help="without alkaid")
    parser.add_argument("--lanes", nargs="+", type=int, metavar="N", help="a table of streams with N particles a cycle")
    arguments = parser.parse_args()
    if arguments.lanes:
        with_hgq()
        for file in arguments.files:
            with tempfile.TemporaryDirectory() as name:
                in_lanes(file, arguments.lanes, arguments.target, Path(name))
        return
    if not arguments.ours_only:
        with_hgq()
    print("\n".join(HEADER))
    for file in arguments.files:
        with tempfile.TemporaryDirectory() as name:
            compare(file, arguments.target, Path(name), alone=arguments.ours_only)


if __name__ == "__main__":
    main()
