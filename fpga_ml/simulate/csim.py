"""C-simulation: hls4ml's own bit-accurate C++, run from a shared library in a process of its own.

Generated C++ may crash (an assertion in the vendor's types, a table read out of range); that must end as an error
message, not as the end of the user's session.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain.run import Command, run

Array = npt.NDArray[np.float64]
Progress = Callable[[int], None]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Result:
    """outputs: one array (N, ...) per output; layers: {node: (N, ...)} of the layers that were to be kept."""

    outputs: tuple[Array, ...]
    layers: dict[str, Array]


@dataclass(frozen=True)
class CSim:
    """A built C-simulation. inputs, outputs: shapes in the order of the C++ arguments; layers: shapes of traced layers;
    ordered: a sample's result depends on those before it, so that a run begins anew and takes them in order, in one thread.
    """

    library: Path
    weights: Path
    function: str
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    layers: Mapping[str, Shape]
    ordered: bool = False

    def run(self, x: Sequence[Array], keep: Sequence[str] = (), jobs: int = 0, progress: Progress | None = None) -> Result:
        """Outputs, and the outputs of the layers named in `keep`, for inputs (N, ...); exact up to 53 bits.

        jobs: threads, 0 for one a core; progress(n) is called after every n samples.
        """
        if not self.library.exists() or not self.weights.is_dir():
            raise FpgaMlError(f"C-simulation '{self.library}' is gone", do="compile the model again")
        request = {
            "library": str(self.library.resolve()),
            "weights": str(self.weights.resolve()),
            "function": self.function,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "layers": dict(self.layers),
            "keep": list(keep),
            "jobs": 1 if self.ordered else jobs,
            "ordered": self.ordered,
        }
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            (folder / "request.json").write_text(json.dumps(request))
            np.savez(folder / "inputs.npz", *[np.asarray(a, np.float64) for a in x])
            run(
                Command([sys.executable, "-m", "fpga_ml.simulate.csim_worker", str(folder)], folder),
                what="C-simulation",
                do="the generated C++ crashed: try other types or another backend, and report it to hls4ml",
                on_line=_counted(progress),
            )
            with np.load(folder / "results.npz") as results:
                outputs = tuple(results[f"output{i}"] for i in range(len(self.outputs)))
                return Result(outputs, {name: results[f"layer:{name}"] for name in keep})


def _counted(progress: Progress | None) -> Callable[[str], None]:
    """What the worker's lines mean; the C++ itself may print others."""

    def on_line(line: str) -> None:
        found = re.fullmatch(r"done (\d+)", line)
        if found and progress:
            progress(int(found[1]))

    return on_line
