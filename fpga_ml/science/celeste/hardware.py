"""The kernel as C-simulation or as RTL in a simulator, to be asked as the emulator is: for proofs, not for speed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fpga_ml.celeste_design import OUTPUTS, Design
from fpga_ml.errors import FpgaMlError
from fpga_ml.rtl.architecture import STREAM, Rtl
from fpga_ml.science.celeste.emulator import COEFFICIENTS, DARK, PIXELS, Emulator, graph_of, inputs_of, result_of
from fpga_ml.science.celeste.evaluator import Floats, Patch, Result
from fpga_ml.simulate.cosim import Simulator, cosim
from fpga_ml.simulate.prove import vectors_of

if TYPE_CHECKING:
    from fpga_ml.project import Project


def filled_up(coefficients: Floats, components: int) -> Floats:
    """As many components as the hardware has: what is missing gives no light."""
    if len(coefficients) > components:
        raise FpgaMlError(
            f"{len(coefficients)} components for a kernel of {components}",
            where="the Celeste kernel",
            do="build it for more, or fit fewer sources at once",
        )
    return np.concatenate([coefficients, np.tile(DARK, (components - len(coefficients), 1))])


@dataclass(frozen=True)
class Compiled:
    """An evaluator that runs the C-simulation of a build: of models/celeste, or of a `frontend.celeste.kernel_model`."""

    project: Project

    def __call__(self, coefficients: Floats, patch: Patch) -> Result:
        shapes = {given["name"]: tuple(given["shape"]) for given in self.project.report["model"]["inputs"]}
        if shapes[PIXELS][:2] != patch.counts.shape:
            raise FpgaMlError(
                f"a patch of {patch.counts.shape}, the kernel is built for {shapes[PIXELS][:2]}",
                where=str(self.project.folder),
                do="cut out patches of that size, or build another kernel",
            )
        given = inputs_of(filled_up(coefficients, shapes[COEFFICIENTS][0]), patch)
        found = self.project.csim([given[name][None] for name in shapes])
        result = result_of(dict(zip(OUTPUTS, found, strict=True)))
        return Result(result.value, result.moments[: len(coefficients)], result.overflow)


@dataclass(frozen=True)
class Simulated:
    """An evaluator that runs the RTL: what comes out of it is held against the emulator, and a bit that differs is an error.

    folder: for RTL and builds, which are used again; patch: (rows, columns).
    """

    design: Design
    patch: tuple[int, int]
    components: int
    folder: Path
    simulator: Simulator = "verilator"
    clock_ns: float = 5.0

    @cached_property
    def rtl(self) -> Rtl:
        return STREAM.build(graph_of(self.design, self.patch, self.components), self.clock_ns)

    def __call__(self, coefficients: Floats, patch: Patch) -> Result:
        given = inputs_of(filled_up(coefficients, self.components), patch)
        raw = [t.raw(given[name])[None] for name, t in ((COEFFICIENTS, self.design.coefficient), (PIXELS, self.design.rate))]
        known = Emulator(self.design).raw(raw[0], raw[1])
        graph = graph_of(self.design, self.patch, self.components)
        vectors = vectors_of(graph, raw, [known[name].raw for name in OUTPUTS])
        self.folder.mkdir(parents=True, exist_ok=True)
        files = self.rtl.write(self.folder)
        patience = 4 * (self.rtl.latency_cycles + self.rtl.interval_cycles) + 1000
        run = cosim(files, self.rtl.top, vectors, self.folder, self.simulator, ("back_to_back",), patience_cycles=patience)
        if not run.passed:
            raise FpgaMlError(
                "; ".join(run.texts()), where=f"RTL of the Celeste kernel in {self.simulator}", do="this is a bug: report it"
            )
        result = result_of({name: known[name].type.real(known[name].raw) for name in OUTPUTS})
        return Result(result.value, result.moments[: len(coefficients)], result.overflow)
