"""C-simulation: hls4ml's own bit-accurate C++, run from a shared library.

The library keeps tables and streams in static storage, so it must not run twice at once. Each thread gets a copy of
the file, which the loader treats as a library of its own; ctypes releases the interpreter lock during a call.
"""

from __future__ import annotations

import ctypes
import math
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain.gxx import WEIGHTS_VARIABLE

Array = npt.NDArray[np.float64]
Progress = Callable[[int], None]
_loading = threading.Lock()


class _TraceEntry(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("data", ctypes.c_void_p))


@dataclass(frozen=True)
class Result:
    """outputs: one array (N, ...) per output; layers: {node: (N, ...)} of the layers that were to be kept."""

    outputs: tuple[Array, ...]
    layers: dict[str, Array]


@dataclass(frozen=True)
class CSim:
    """A built C-simulation. outputs: shapes in the order of the C++ arguments; layers: shapes of traced layers."""

    library: Path
    weights: Path
    function: str
    inputs: tuple[tuple[int, ...], ...]
    outputs: tuple[tuple[int, ...], ...]
    layers: dict[str, tuple[int, ...]]

    def run(self, x: Sequence[Array], keep: Sequence[str] = (), jobs: int = 0, progress: Progress | None = None) -> Result:
        """Outputs, and the outputs of the layers named in `keep`, for inputs (N, ...); exact up to 53 bits.

        jobs: threads, 0 for one a core; progress(n) is called after every n samples.
        """
        n = len(x[0])
        flat = [np.ascontiguousarray(a.reshape(n, -1), np.float64) for a in x]
        outputs = [np.empty((n, *s), np.float64) for s in self.outputs]
        layers = {name: np.full((n, *self.layers[name]), np.nan) for name in keep}
        stop = threading.Event()

        def part(index: int, rows: npt.NDArray[np.int64]) -> None:
            with self._loaded(Path(scratch) / f"{index}.so", tracing=bool(layers)) as library:
                top = getattr(library, self.function)
                for i in rows:
                    if stop.is_set():
                        return
                    top(*(_pointer(a[i]) for a in flat), *(_pointer(o[i]) for o in outputs))
                    if layers:
                        self._collect(library, layers, i)
                    if progress:
                        progress(1)

        threads = max(1, min(jobs or os.cpu_count() or 1, n))
        with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(threads) as pool:
            futures = [pool.submit(part, k, rows) for k, rows in enumerate(np.array_split(np.arange(n), threads))]
            try:
                for future in futures:
                    future.result()
            finally:
                stop.set()  # an interrupt or a failed part ends the others too
        return Result(tuple(outputs), layers)

    def _collect(self, library: ctypes.CDLL, layers: dict[str, Array], row: int) -> None:
        entries = (_TraceEntry * (len(self.layers) + 1))()
        library.collect_trace_output(entries)
        for entry in entries:
            name = entry.name.decode() if entry.name is not None else ""
            if name in layers:
                target = layers[name][row]
                ctypes.memmove(target.ctypes.data, entry.data, target.nbytes)

    @contextmanager
    def _loaded(self, copy: Path, *, tracing: bool) -> Iterator[ctypes.CDLL]:
        """A copy of the library with its weights read: they are loaded from text at the first call."""
        if not self.library.exists() or not self.weights.is_dir():
            raise FpgaMlError(f"C-simulation '{self.library}' is gone", do="compile the model again")
        shutil.copy(self.library, copy)
        with _loading:
            os.environ[WEIGHTS_VARIABLE] = str(self.weights.resolve())
            library = ctypes.CDLL(str(copy))
            zeros = [np.zeros(math.prod(s), np.float64) for s in (*self.inputs, *self.outputs)]
            getattr(library, self.function)(*(_pointer(z) for z in zeros))
        if tracing:
            library.allocate_trace_storage(ctypes.c_size_t(ctypes.sizeof(ctypes.c_double)))
        try:
            yield library
        finally:
            if tracing:
                library.free_trace_storage()


def _pointer(a: Array) -> ctypes.c_void_p:
    return a.ctypes.data_as(ctypes.c_void_p)
