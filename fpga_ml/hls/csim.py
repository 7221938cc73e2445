"""C-simulation: hls4ml's own bit-accurate C++, run from a shared library in a process of its own.

Generated C++ may crash (an assertion in the vendor's types, a table read out of range); that must end as an error
message, not as the end of the user's session.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fpga_ml import progress
from fpga_ml.errors import FpgaMlError
from fpga_ml.hls.words import CppPort
from fpga_ml.numerics.types import Raw
from fpga_ml.toolchain.gxx import WEIGHTS_VARIABLE
from fpga_ml.toolchain.run import Command, run

Array = npt.NDArray[np.float64]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Result:
    """outputs: one array (N, ...) per output, exact up to 53 bits; raw: the same as raw integers, exact, None where 53 bits
    are enough; layers: {node: (N, ...)} of the layers that were to be kept."""

    outputs: tuple[Array, ...]
    layers: dict[str, Array]
    raw: tuple[Raw | None, ...]


@dataclass(frozen=True)
class CSim:
    """A built C-simulation. inputs, outputs: in the order of the C++ arguments; layers: shapes of traced layers; ordered: a
    sample's result depends on those before it, so that a run begins anew and takes them in order, in one thread."""

    library: Path
    weights: Path
    function: str
    inputs: tuple[CppPort, ...]
    outputs: tuple[CppPort, ...]
    layers: Mapping[str, Shape]
    ordered: bool = False

    def run(self, x: Sequence[Array], keep: Sequence[str] = (), jobs: int = 0) -> Result:
        """Outputs, and the outputs of the layers named in `keep` (exact up to 53 bits), for inputs (N, ...).

        jobs: threads, 0 for one a core.
        """
        given = [p.crossed(p.fixed.raw(a)) if p.wide else np.asarray(a) for p, a in zip(self.inputs, x, strict=True)]
        crossed, layers = self._run(given, keep, jobs)
        outputs = tuple(p.real(a) for p, a in zip(self.outputs, crossed, strict=True))
        raw = tuple(p.raw(a) if p.wide else None for p, a in zip(self.outputs, crossed, strict=True))
        return Result(outputs, layers, raw)

    def run_raw(self, x: Sequence[Raw], jobs: int = 0) -> list[Raw]:
        """Outputs as raw integers (N, ...) for raw inputs, exact whatever their width."""
        crossed, _ = self._run([p.crossed(a) for p, a in zip(self.inputs, x, strict=True)], (), jobs)
        return [p.raw(a) for p, a in zip(self.outputs, crossed, strict=True)]

    def _run(self, x: Sequence[Array], keep: Sequence[str], jobs: int) -> tuple[list[Array], dict[str, Array]]:
        """Outputs and layers as they cross, for inputs as they cross."""
        if not self.library.exists() or not self.weights.is_dir():
            raise FpgaMlError(f"C-simulation '{self.library}' is gone", do="compile the model again")
        request = {
            "library": str(self.library.resolve()),
            "function": self.function,
            "inputs": [p.crossing for p in self.inputs],
            "outputs": [p.crossing for p in self.outputs],
            "layers": dict(self.layers),
            "keep": list(keep),
            "jobs": 1 if self.ordered else jobs,
            "ordered": self.ordered,
        }
        # NumPy's threads for matrices would start, and wait busily, for nothing.
        environment = {WEIGHTS_VARIABLE: str(self.weights.resolve()), "OPENBLAS_NUM_THREADS": "1"}
        progress.expect(len(x[0]), "samples")
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            (folder / "request.json").write_text(json.dumps(request))
            np.savez(folder / "inputs.npz", *[np.asarray(a, np.float64) for a in x])
            run(
                Command([sys.executable, "-m", "fpga_ml.hls.csim_worker", str(folder)], folder, environment),
                what="C-simulation",
                do="the generated C++ crashed: try other types or another backend, and report it to hls4ml",
                on_line=_counted,
            )
            with np.load(folder / "results.npz") as results:
                outputs = [results[f"output{i}"] for i in range(len(self.outputs))]
                return outputs, {name: results[f"layer:{name}"] for name in keep}


def _counted(line: str) -> None:
    """What the worker's lines mean; the C++ itself may print others."""
    if found := re.fullmatch(r"done (\d+)", line):
        progress.done(int(found[1]), "samples")
