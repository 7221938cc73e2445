"""Pixels a second of the Celeste kernel, built, simulated and synthesised, beside one CPU core, as Markdown tables.

python scripts/bench_celeste.py [--keep FOLDER] [--cpu-only]

A kernel's rate is the pixels of a patch over the interval between patches that both simulators measured, at the clock that
synthesis found: of place and route for a star. For star and galaxy an ECP5-85k has too few multipliers, and no open tool
places for what is larger: that clock is the delay model's. Projects that FOLDER holds already are not built again.
"""

from __future__ import annotations

import argparse
import os
import runpy
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

MODEL = Path(__file__).parents[1] / "models" / "celeste" / "model.py"
DESIGN, SIDE = "D16", 51


@dataclass(frozen=True)
class Task:
    """A kernel to build: of which components, asked for which clock with whose delays, and synthesised for what."""

    components: int
    sources: tuple[str, ...]
    delays: str
    clock_ns: float
    device: str
    effort: str


TASKS = (
    Task(2, ("star",), "ecp5-85k", 8.0, "ecp5-85k", "route"),
    Task(30, ("star", "galaxy"), "generic-16nm", 5.0, "xcup", "estimate"),
)


@dataclass(frozen=True)
class Kernel:
    """A build of so many components. interval: cycles between patches, measured; synth: its entry of report.json."""

    components: int
    interval: int
    latency: int
    synth: dict[str, Any]

    @property
    def rate(self) -> float:
        """Mpixel/s."""
        return float(SIDE * SIDE / self.interval * self.synth["fmax_mhz"])


def build(task: Task, folder: Path) -> Kernel:
    """Compile, simulate in both simulators and synthesise the kernel; folder: for its model and its project."""
    import fpga_ml
    from fpga_ml.config import Config
    from fpga_ml.errors import FpgaMlError
    from fpga_ml.report import document

    model, project = folder / f"model{task.components}", folder / f"kernel{task.components}"
    if not (project / "report.json").exists():
        runpy.run_path(str(MODEL))["write"](model, DESIGN, list(task.sources), 2, SIDE, each=1)
        config = Config.read(model / "fpga_ml.toml").replace(
            device=task.delays,
            clock_ns=task.clock_ns,
            until="synth",
            synth_devices=(task.device,),
            effort=task.effort,
            time_limit_s=3600.0,
        )
        fpga_ml.compile(model, config=config, output=project)
    report = document.read(project)
    runs = report["cosim"]
    if not (runs and report["synth"] and all(run["passed"] for run in runs)):
        raise FpgaMlError("not simulated or not synthesised", where=str(project), do=f"{report['stages']}")
    (interval,) = {run["interval_cycles"] for run in runs}
    return Kernel(task.components, interval, report["rtl"]["latency_cycles"], report["synth"][-1])


def show(kernels: list[Kernel]) -> None:
    print(
        f"| kernel, {DESIGN} | device | LUT | FF | DSP | BRAM | MHz | interval, latency of a patch, cycles | Mpixel/s |",
        "|---" * 9 + "|",
        sep="\n",
    )
    for k in kernels:
        cells = " | ".join(f"{k.synth[kind]:,g}" for kind in ("luts", "ffs", "dsps", "brams"))
        clock = f"{k.synth['fmax_mhz']:.1f}, {k.synth['timing']}"
        timing = f"{clock} | {k.interval:,}, {k.latency:,} | {k.rate:.1f}"
        print(f"| {k.components} components | {k.synth['device']} | {cells} | {timing} |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="folder for the kernels' projects")
    parser.add_argument("--cpu-only", action="store_true", help="leave the kernels out")
    asked = parser.parse_args()
    kernels: dict[int, Kernel] = {}
    if not asked.cpu_only:
        with tempfile.TemporaryDirectory() as scratch:
            kernels = {task.components: build(task, asked.keep or Path(scratch)) for task in TASKS}
        show(list(kernels.values()))

    from fpga_ml.science.celeste.benchmark import measure

    print(
        "| one core | components | value, Mpixel/s | value and moments, Mpixel/s | kernel over it |",
        "|---" * 5 + "|",
        sep="\n",
    )
    for one in measure(tuple(task.components for task in TASKS)):
        kernel = kernels.get(one.components)
        ratio = f"{kernel.rate / one.gradient:.1f}" if kernel else ""
        print(f"| {one.implementation} | {one.components} | {one.value:.1f} | {one.gradient:.1f} | {ratio} |")


if __name__ == "__main__":
    main()
