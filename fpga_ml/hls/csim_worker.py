"""The process in which C-simulation runs: `python -m fpga_ml.hls.csim_worker FOLDER`.

Reads FOLDER/request.json and inputs.npz, writes results.npz, prints `done N` after every N samples. It imports little, as
starting it is most of its time on a small model.

The library keeps tables and streams in static storage, so it must not run twice at once. Each thread gets a copy of
the file, which the loader takes for a library of its own; ctypes releases the interpreter lock during a call.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
_REPORT_EVERY = 10
_STACK_BYTES = 1 << 30  # of a thread, as far as it is used: hls4ml keeps the products of a layer, 1024 x 1024 say, there
_loading = threading.Lock()


class _TraceEntry(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("data", ctypes.c_void_p))


def main(folder: Path) -> None:
    request = json.loads((folder / "request.json").read_text())
    with np.load(folder / "inputs.npz") as stored:
        x = [stored[f"arr_{i}"] for i in range(len(request["inputs"]))]
    n = len(x[0])
    flat = [np.ascontiguousarray(a.reshape(n, -1)) for a in x]
    outputs = [np.empty((n, *shape)) for shape in request["outputs"]]
    layers = {name: np.full((n, *request["layers"][name]), np.nan) for name in request["keep"]}
    threads = max(1, min(request["jobs"] or os.cpu_count() or 1, n))

    def part(index: int, rows: npt.NDArray[np.int64]) -> None:
        with _loaded(request, folder / f"{index}.so", tracing=bool(layers)) as library:
            top = getattr(library, request["function"])
            for done, i in enumerate(rows, start=1):
                top(*(_pointer(a[i]) for a in flat), *(_pointer(o[i]) for o in outputs))
                if layers:
                    _collect(library, len(request["layers"]), layers, i)
                if done % _REPORT_EVERY == 0 or done == len(rows):
                    os.write(1, f"done {(done - 1) % _REPORT_EVERY + 1}\n".encode())  # whole lines, whichever thread

    threading.stack_size(_STACK_BYTES)
    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(part, k, rows) for k, rows in enumerate(np.array_split(np.arange(n), threads))]:
            future.result()
    named = {f"output{i}": a for i, a in enumerate(outputs)} | {f"layer:{name}": a for name, a in layers.items()}
    np.savez(folder / "results.npz", **named)  # type: ignore[arg-type]


@contextmanager
def _loaded(request: Mapping[str, Any], copy: Path, *, tracing: bool) -> Iterator[ctypes.CDLL]:
    """A copy of the library with its weights read: it loads them from text at the first call. Where samples are taken in
    order, that is the first one's: another call would leave a state behind."""
    shutil.copy(request["library"], copy)
    with _loading:
        library = ctypes.CDLL(str(copy))
        if not request["ordered"]:
            zeros = [np.zeros(math.prod(shape)) for shape in (*request["inputs"], *request["outputs"])]
            getattr(library, request["function"])(*(_pointer(z) for z in zeros))
    if tracing:
        library.allocate_trace_storage(ctypes.c_size_t(ctypes.sizeof(ctypes.c_double)))
    try:
        yield library
    finally:
        if tracing:
            library.free_trace_storage()


def _collect(library: ctypes.CDLL, traced: int, layers: Mapping[str, Array], row: int) -> None:
    entries = (_TraceEntry * (traced + 1))()
    library.collect_trace_output(entries)
    for entry in entries:
        name = entry.name.decode() if entry.name is not None else ""
        if name in layers:
            target = layers[name][row]
            ctypes.memmove(target.ctypes.data, entry.data, target.nbytes)


def _pointer(a: Array) -> ctypes.c_void_p:
    return a.ctypes.data_as(ctypes.c_void_p)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
