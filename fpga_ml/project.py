"""A finished build, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from rich.console import Group

from fpga_ml.config import Effort
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.inputs import InputType
from fpga_ml.hls.csim import CSim
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.report import document
from fpga_ml.report.brief import brief, brief_html, told
from fpga_ml.report.page import verdict
from fpga_ml.report.typed import BuildReport
from fpga_ml.samples import Inputs, load_samples
from fpga_ml.simulate.cosim import CosimResult
from fpga_ml.simulate.emulate import emulate
from fpga_ml.simulate.prove import Bench, raw_inputs
from fpga_ml.synthesise.project import synthesise
from fpga_ml.synthesise.result import Synthesis

Array = npt.NDArray[np.float64]
# As Keras gives them: one array, or a list where a model has several outputs. A checker of types cannot know which.
Outputs = Any


@dataclass(frozen=True)
class Project:
    """A finished build. `print` shows it in one line, a notebook in six.

    `csim`, `emulate` and `cosim` take samples as `compile` does, and raise FpgaMlError for those that do not fit the model's
    inputs, or where that stage did not run. Values are first converted to the input type as the hardware does it.

    Attributes
    ----------
    folder
        The project's folder.
    report
        What report.json holds, a dict that is typed in fpga_ml/report/typed.py.
    inputs
        (name, shape without N) of each input.
    simulator
        Its C-simulation, None where that did not run.
    graph
        The model as typed layers, which the emulator evaluates; None where it has no emulator.
    x
        The samples as the hardware receives them, (N, ...) an input.
    outputs
        {"float" | "quantised" | "csim": (N, ...) an output} of them, as far as it ran.
    bench
        What simulates its RTL, None where there is none.
    types
        Of the inputs, by which samples are rounded; none where the model was not calibrated.
    shapes
        Of the Keras model's outputs, without N; none where there is no Keras model.
    """

    folder: Path
    report: BuildReport
    inputs: Inputs
    simulator: CSim | None
    graph: LayerGraph | None = None
    x: tuple[Array, ...] = ()
    outputs: Mapping[str, tuple[Array, ...]] = field(default_factory=dict)
    bench: Bench | None = None
    types: tuple[InputType, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()

    def emulate(self, x: Any) -> Outputs:
        """As `csim`, by the emulator: the same values, faster."""
        if self.graph is None:
            raise self._absent("no emulator", "emulate")
        return self._shaped(emulate(self.graph, self._samples(x)))

    def csim(self, x: Any) -> Outputs:
        """C-simulation of more samples.

        Parameters
        ----------
        x
            Samples, as `compile` takes them.

        Returns
        -------
        array or list of arrays
            float64 (N, ...), values of the output's fixed-point type; a list where the model has several outputs.
        """
        if self.simulator is None:
            raise self._absent("no C-simulation", "csim")
        return self._shaped(self.simulator.run(self._samples(x)).outputs)

    def cosim(self, x: Any) -> tuple[CosimResult, ...]:
        """The RTL on more samples, and on the corners of the inputs' types, against C-simulation, bit for bit.

        Parameters
        ----------
        x
            Samples, as `compile` takes them.

        Returns
        -------
        tuple of CosimResult
            One a simulator of the build: `.passed` says whether they are the same, `.texts()` where they differ.
        """
        if self.bench is None:
            raise self._absent("no RTL", "rtl")
        if self.simulator is None:
            raise self._absent("no C-simulation", "csim")
        with document.names_of(self.report).errors():
            return self.bench.run(self.folder, raw_inputs(self.bench.graph, self._samples(x)), self.simulator.run_raw)

    def _absent(self, what: str, stage: str) -> FpgaMlError:
        why = f"there is {what}: {self.report['stages'][stage]}"
        return FpgaMlError(
            why, where=str(self.folder), do=f"compile up to '{stage}' or further, with what stands in its way changed"
        )

    def _shaped(self, found: Sequence[Array]) -> Outputs:
        """In the shapes of the model's outputs: hls4ml leaves a last Flatten or Reshape out."""
        shapes = self.shapes or [a.shape[1:] for a in found]
        return _outputs([a.reshape(len(a), *shape) for a, shape in zip(found, shapes, strict=True)])

    def _samples(self, x: Any) -> list[Array]:
        if x is None:
            raise FpgaMlError("no samples are given", where=str(self.folder), do="give an array (N, ...), or one an input")
        given = load_samples(x, self.inputs, 0).x
        return [t.quantise(a) for t, a in zip(self.types, given, strict=True)] if self.types else list(given)

    def synth(
        self, device: str | None = None, *, effort: Effort = "estimate", time_limit_s: float | None = None
    ) -> Synthesis:
        """Synthesise the RTL with Yosys and nextpnr; the result goes into the report too.

        Parameters
        ----------
        device
            One of fpga_ml.devices.MAPPED; by default the one that the RTL was pipelined for.
        effort
            How far: "estimate", "place" or "route".
        time_limit_s
            Give up after so many seconds.

        Returns
        -------
        Synthesis
            `.cells` (luts, ffs, dsps, brams), `.fmax_mhz`, `.latency_ns`, and more.
        """
        found = synthesise(self.folder, device=device, effort=effort, time_limit_s=time_limit_s)
        self.report["synth"] = cast(BuildReport, document.read(self.folder))["synth"]
        return found

    def __repr__(self) -> str:
        return f"<fpga_ml.Project {self.report['model']['name']!r} in {str(self.folder)!r}: {told(self.report)}>"

    def __rich__(self) -> Group:
        return brief(self.report, self.folder / "report.html")

    def _repr_html_(self) -> str:
        """In a notebook: as at the end of a build."""
        return brief_html(self.report, self.folder / "report.html")

    @property
    def agrees(self) -> bool:
        """True unless a check that ran found a difference."""
        return verdict(self.report) != "fail"


def _outputs(found: Sequence[Array]) -> Outputs:
    return found[0] if len(found) == 1 else list(found)
