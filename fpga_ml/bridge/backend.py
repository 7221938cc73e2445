"""The OpenRTL backend of hls4ml: one word changed in a user's script, and no vendor tool.

`compile()` reads the graph, `predict()` is the exact emulator, `build()` writes SystemVerilog and simulates it in
Verilator and Icarus. The graph, its flows and the HLS project are those of the Vitis backend.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from hls4ml.backends.fpga.fpga_backend import FPGABackend
from hls4ml.backends.vitis.vitis_backend import VitisBackend
from hls4ml.model.flow import get_flow, register_flow

from fpga_ml.config import ARCHITECTURES
from fpga_ml.errors import FpgaMlError


class OpenRTLBackend(VitisBackend):  # type: ignore[misc]
    """RTL straight from the graph, in the architecture of its IOType."""

    def __init__(self) -> None:
        FPGABackend.__init__(self, name="OpenRTL")
        self._register_layer_attributes()
        self._register_flows()

    def _register_flows(self) -> None:
        templates = register_flow(
            "apply_templates", self._get_layer_templates, requires=["vivado:init_layers"], backend=self.name
        )
        self._writer_flow = register_flow(
            "write", ["make_stamp", "openrtl:write_hls"], requires=["openrtl:ip"], backend=self.name
        )
        requires = get_flow("vivado:ip").requires.copy()
        requires.insert(requires.index("vivado:apply_templates"), templates)
        self._default_flow = register_flow("ip", None, requires=requires, backend=self.name)

    def compile(self, model: Any) -> None:
        """Read the graph; there is no library to build (hls4ml loads None as the running program, which does no harm)."""
        from fpga_ml.bridge.read_graph import read_layers

        model.fpga_ml_layers = read_layers(model)

    def predict(self, model: Any, x: Any) -> Any:
        """Outputs as hls4ml's own predict gives them: flat per sample, in the type of x; exact."""
        from fpga_ml.simulate.emulate import emulate

        if not hasattr(model, "fpga_ml_layers"):
            raise FpgaMlError("the model is not compiled", do="call compile() before predict()")
        arrays = [np.asarray(a) for a in (x if isinstance(x, (list, tuple)) else [x])]
        inputs = [tuple(v.shape) for v in model.get_input_variables()]
        batches = [a.reshape(-1, *shape).astype(np.float64) for a, shape in zip(arrays, inputs, strict=True)]
        outputs = emulate(model.fpga_ml_layers, batches, _heads(model))
        kind = arrays[0].dtype if arrays[0].dtype in (np.float32, np.float64) else np.dtype(np.float64)
        flat: list[npt.NDArray[Any]] = [o.reshape(len(o), -1).astype(kind) for o in outputs]
        flat = [o[0] for o in flat] if len(batches[0]) == 1 else flat
        return flat[0] if len(flat) == 1 else flat

    def build(self, model: Any, cosim: bool = True, vectors: Any = None, **_: Any) -> dict[str, Any]:
        """RTL into OUTPUT_DIR/rtl, simulated on `vectors` (samples as `fpga_ml.compile` takes them, random by default) and the types' corners.

        Returns {latency_cycles, interval_cycles, register_bits, files, cosim: [{simulator, passed, vectors, ...}]}.
        """
        from fpga_ml.rtl.build import build_rtl
        from fpga_ml.simulate.emulate import emulate_outputs
        from fpga_ml.simulate.prove import Bench, default_vectors, random_inputs, raw_inputs
        from fpga_ml.simulate.vectors import load_samples

        if not hasattr(model, "fpga_ml_layers"):
            self.compile(model)
        layers, heads, ports = model.fpga_ml_layers, _heads(model), _ports(model)
        top, folder = model.config.get_project_name(), Path(model.config.get_output_dir())
        clock_ns = float(model.config.get_config_value("ClockPeriod"))
        rtl = build_rtl(layers, ports, heads, top, clock_ns, arch=_arch(model))
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
            inputs = [(v.name, tuple(v.shape)) for v in model.get_input_variables()]
            x = (
                random_inputs(layers, default_vectors(rtl))
                if vectors is None
                else raw_inputs(layers, load_samples(vectors, inputs, 0).x)
            )
            runs = Bench(rtl, layers, heads, ports).run(folder, x, lambda a: emulate_outputs(layers, a, heads))
            report["cosim"] = [
                {"simulator": r.simulator, "passed": r.passed, "vectors": r.vectors, "mismatches": r.texts()} for r in runs
            ]
        return report


def _arch(model: Any) -> str:
    asked = model.config.get_config_value("IOType")
    return next(arch for arch, io_type in ARCHITECTURES.items() if io_type == asked)


def _heads(model: Any) -> list[str]:
    return [next(n.name for n in model.get_layers() if o in n.outputs) for o in model.outputs]


def _ports(model: Any) -> dict[str, str]:
    named = {v.name: v.name for v in model.get_input_variables()}
    return named | {h: v.name for h, v in zip(_heads(model), model.get_output_variables(), strict=True)}
