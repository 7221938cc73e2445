"""The OpenRTL backend of hls4ml: one word changed in a user's script, and no vendor tool.

`compile()` reads the graph, `predict()` and `trace()` are the exact emulator, `build()` writes SystemVerilog and simulates
it in Verilator and Icarus. The graph, its flows and the HLS project are those of hls4ml's own Vitis backend: `predict()`
equals its C-simulation bit for bit. With `exact=True` in the conversion they are the graph and the project that
fpga_ml.compile makes, in which no sum and no rounding is lost.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import MethodType
from typing import Any

import numpy as np
import numpy.typing as npt
from hls4ml.backends import get_backend
from hls4ml.backends.fpga.fpga_backend import FPGABackend
from hls4ml.backends.vitis.vitis_backend import VitisBackend
from hls4ml.model.flow import register_flow
from hls4ml.model.optimizer import model_optimizer

from fpga_ml.config import Arch
from fpga_ml.errors import FpgaMlError

Array = npt.NDArray[np.float64]


class OpenRTLBackend(VitisBackend):  # type: ignore[misc]
    """RTL straight from the graph, in the architecture of its IOType."""

    def __init__(self) -> None:
        self._adds = self._mends = False
        FPGABackend.__init__(self, name="OpenRTL")
        self._register_layer_attributes()
        self._register_flows()

    def _register_flows(self) -> None:
        self._default_flow = register_flow("ip", ["openrtl:convert"], backend=self.name)
        self._writer_flow = register_flow(
            "write", ["make_stamp", "openrtl:write_hls"], requires=["openrtl:ip"], backend=self.name
        )

    def asked_for(self, ours: bool) -> None:
        """hls4ml looks a backend up, ours or another one: our handlers are there for ours only."""
        if not ours:
            self._mend(False)  # before what it lies on
        if self._adds != ours:
            import fpga_ml.bridge.mended  # noqa: F401  (brings the patches)
            from fpga_ml.bridge.patches import ADDED

            (ADDED.apply if ours else ADDED.take_back)()
            self._adds = ours

    def _mend(self, wanted: bool) -> None:
        """Whether the conversion that now begins is read by our handlers in place of hls4ml's own."""
        if self._mends != wanted:
            from fpga_ml.bridge.patches import MENDED

            (MENDED.apply if wanted else MENDED.take_back)()
            self._mends = wanted

    def create_initial_config(self, *args: Any, exact: bool = False, **kwargs: Any) -> dict[str, Any]:
        """hls4ml's, with one option more.

        exact: give sums and results types that lose nothing, and compute what hls4ml's C++ gets wrong by C++ of ours, in
        place of what hls4ml's own Vitis project would compute.
        """
        self._mend(exact)
        config: dict[str, Any] = super().create_initial_config(*args, **kwargs)
        return config | {"Exact": exact}

    @model_optimizer()  # type: ignore[untyped-decorator]
    def convert(self, model: Any) -> bool:
        """The pass that applies the flows of hls4ml's own Vitis backend, some of which ask for the backend's name."""
        from fpga_ml.bridge.faults import check_faults

        self._mend(False)
        settings = model.config.config
        exact = settings.get("Exact")
        model.config.backend, settings["Backend"] = get_backend("Vitis"), "Vitis"  # some passes read the name there
        try:
            with _as_asked(model):
                check_faults(model, exact=bool(exact))
                model.apply_flow("vitis:ip")
                check_faults(model, exact=bool(exact))
        finally:
            model.config.backend, settings["Backend"] = self, self.name
        model.trace = MethodType(self.trace, model)
        return True

    @model_optimizer()  # type: ignore[untyped-decorator]
    def write_hls(self, model: Any) -> bool:
        """The pass that writes the project; of several graphs it is hls4ml's writer that calls for each."""
        from fpga_ml.bridge.tensors import HEADER, is_ours

        with _as_asked(model):
            self.writer.write_hls(model)
        if any(map(is_ours, model.get_layers())):
            for header in (HEADER, HEADER.with_name("nnet_framed.h")):  # which it includes
                shutil.copy(header, Path(model.config.get_output_dir()) / "firmware" / "nnet_utils")
        return True

    def compile(self, model: Any) -> None:
        """Read the graph; there is no library to build (hls4ml loads None as the running program, which does no harm)."""
        from fpga_ml.bridge.faults import warn_of_constants
        from fpga_ml.bridge.read_graph import read_graph

        for graph in _graphs(model):
            graph.fpga_ml_layers = read_graph(graph)
            warn_of_constants(graph.fpga_ml_layers, exact=bool(graph.config.config.get("Exact")))
        if _is_split(model):
            model._predict = MethodType(self.predict, model)

    def predict(self, model: Any, x: Any) -> Any:
        """Outputs as hls4ml's own predict gives them: flat per sample, in the type of x; exact.

        Raises FpgaMlError for samples that do not fit the inputs, and before compile().
        """
        batches, kind = _batches(model, x)
        for graph in _graphs(model):
            batches = self._emulated(graph, batches)
        return _as_hls4ml(batches, kind)

    def trace(self, model: Any, x: Any) -> tuple[Any, dict[str, npt.NDArray[Any]]]:
        """predict(x), and {layer: values (N, ...)} of the layers that hls4ml's own trace would show."""
        if not hasattr(model, "fpga_ml_layers"):
            self.compile(model)
        batches, kind = _batches(model, x)
        traced = [n.name for n in model.get_layers() if n.get_attr("function_cpp", None) and n.get_attr("trace", False)]
        outputs = list(model.fpga_ml_layers.outputs)
        names = list(dict.fromkeys([*outputs, *traced]))
        found = dict(zip(names, self._emulated(model, batches, names), strict=True))
        values = {name: found[name].astype(kind) for name in traced}
        return _as_hls4ml([found[name] for name in outputs], kind), values

    def _emulated(self, model: Any, batches: Sequence[Array], names: Sequence[str] | None = None) -> list[Array]:
        """The values (N, ...) of these layers, by default the model's outputs."""
        from fpga_ml.simulate.emulate import emulate

        if not hasattr(model, "fpga_ml_layers"):
            raise FpgaMlError("the model is not compiled", do="call compile() before predict()")
        graph = model.fpga_ml_layers
        return emulate(graph if names is None else graph.with_outputs(names), batches)

    def build(self, model: Any, cosim: bool = True, vectors: Any = None, **_: Any) -> dict[str, Any]:
        """RTL into OUTPUT_DIR/rtl, simulated on `vectors` (samples as `fpga_ml.compile` takes them, random by default) and
        the types' corners.

        Returns {latency_cycles, interval_cycles, register_bits, files, cosim: [{simulator, passed, vectors, ...}]}.
        """
        from fpga_ml.rtl.architecture import ARCHITECTURES
        from fpga_ml.rtl.names import identifier
        from fpga_ml.samples import load_samples
        from fpga_ml.simulate.emulate import emulate_outputs
        from fpga_ml.simulate.prove import Bench, default_vectors, random_inputs, raw_inputs

        if not hasattr(model, "fpga_ml_layers"):
            self.compile(model)
        graph, arch, folder = model.fpga_ml_layers, ARCHITECTURES[_arch(model)], Path(model.config.get_output_dir())
        graph = replace(graph, ports={layer: identifier(port) for layer, port in graph.ports.items()})
        clock_ns = float(model.config.get_config_value("ClockPeriod"))
        network = arch.lower(graph)
        rtl = arch.emit(network, clock_ns)
        (folder / "rtl").mkdir(parents=True, exist_ok=True)
        files = rtl.write(folder / "rtl")
        report: dict[str, Any] = {
            "latency_cycles": rtl.latency_cycles,
            "interval_cycles": rtl.interval_cycles,
            "register_bits": rtl.register_bits,
            "files": [str(f) for f in files],
            "cosim": [],
        }
        if cosim:
            x = (
                random_inputs(graph, default_vectors(rtl))
                if vectors is None
                else raw_inputs(graph, load_samples(vectors, _inputs(model), 0).x)
            )
            bench = Bench(rtl, graph, network=network)
            runs = bench.run(folder, x, lambda a: emulate_outputs(graph, a))
            report["cosim"] = [
                {"simulator": r.simulator, "passed": r.passed, "vectors": r.vectors, "mismatches": r.texts()} for r in runs
            ]
        return report


@contextmanager
def _as_asked(model: Any) -> Iterator[None]:
    """hls4ml as the model's conversion was asked to find it: mended where `exact` was given."""
    from fpga_ml.bridge.mended import mended

    with mended() if model.config.config.get("Exact") else nullcontext():
        yield


def _is_split(model: Any) -> bool:
    """Whether it is a MultiModelGraph: several graphs, each reading what the one before makes."""
    return hasattr(model, "graphs")


def _graphs(model: Any) -> list[Any]:
    return list(model.graphs) if _is_split(model) else [model]


def _inputs(model: Any) -> list[tuple[str, tuple[int, ...]]]:
    return [(v.name, tuple(int(d) for d in v.shape)) for v in model.get_input_variables()]


def _batches(model: Any, x: Any) -> tuple[list[Array], np.dtype[Any]]:
    """Samples (N, ...) of each input, and the float type in which results go back."""
    arrays = [np.asarray(a) for a in (x if isinstance(x, (list, tuple)) else [x])]
    inputs = _inputs(model)
    if len(arrays) != len(inputs):
        raise FpgaMlError(
            f"{len(arrays)} arrays for {len(inputs)} inputs ({', '.join(name for name, _ in inputs)})",
            where="predict",
            do="give one array an input, as a list",
        )
    for a, (name, shape) in zip(arrays, inputs, strict=True):
        if a.size % int(np.prod(shape)) or (a.ndim > 1 and a.shape[-1] != shape[-1] and a[0].size != np.prod(shape)):
            raise FpgaMlError(
                f"samples of shape {a.shape[1:] if a.ndim > 1 else a.shape}, but the model's input '{name}' is {shape}",
                where="predict",
                do=f"give an array of shape (N, {', '.join(map(str, shape))})",
            )
    kind = arrays[0].dtype if arrays[0].dtype in (np.float32, np.float64) else np.dtype(np.float64)
    return [a.reshape(-1, *shape).astype(np.float64) for a, (_, shape) in zip(arrays, inputs, strict=True)], kind


def _as_hls4ml(outputs: Sequence[Array], kind: np.dtype[Any]) -> Any:
    flat: list[npt.NDArray[Any]] = [o.reshape(len(o), -1).astype(kind) for o in outputs]
    flat = [o[0] for o in flat] if len(outputs[0]) == 1 else flat
    return flat[0] if len(flat) == 1 else flat


def _arch(model: Any) -> Arch:
    asked = model.config.get_config_value("IOType")
    return next(arch for arch in Arch if arch.io_type == asked)
