"""What a build found, as the dictionary that becomes report.json."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.bridge.convert import Graph
from fpga_ml.config import Config
from fpga_ml.devices import PLACED
from fpga_ml.frontend.load import Source
from fpga_ml.frontend.prepare import Prepared
from fpga_ml.layers.base import Layer
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.layers.linear import Linear
from fpga_ml.layers.softmax import LatencySoftmax, LegacySoftmax, OverAxis
from fpga_ml.layers.tables import Bent, Softmax, Table
from fpga_ml.layers.unary import Unary
from fpga_ml.lowering.size import luts_ratio, products
from fpga_ml.report import document, metrics
from fpga_ml.report import outputs as of_outputs
from fpga_ml.rtl.network import Rtl
from fpga_ml.samples import Samples
from fpga_ml.schedule.units import shared_cycles
from fpga_ml.simulate.compare import Check
from fpga_ml.simulate.cosim import CosimResult
from fpga_ml.simulate.emulate import Emulation
from fpga_ml.simulate.foreign import Foreign
from fpga_ml.stages import Stages

Array = npt.NDArray[np.float64]
_TABLES = (Bent, LatencySoftmax, LegacySoftmax, OverAxis, Softmax, Table, Unary)


@dataclass(frozen=True)
class Build:
    """Everything that the stages of one build made; check, emulation and rtl are None where
    those did not run; runs: one co-simulation a simulator; given: RTL from elsewhere, which is simulated in place of
    ours."""

    source: Source
    samples: Samples
    prepared: Prepared
    graph: Graph
    check: Check | None
    emulation: Emulation | None
    rtl: Rtl | None
    runs: tuple[CosimResult, ...]
    config: Config
    stages: Stages
    timings_s: dict[str, float]
    given: Foreign | None = None
    layers: LayerGraph | None = None

    @property
    def outputs(self) -> dict[str, tuple[Array, ...]]:
        """{float | quantised | csim: (N, ...) an output} of the samples, as far as it ran."""
        reference = self.prepared.reference
        found: dict[str, tuple[Array, ...]] = {}
        if reference is not None:
            found |= {"float": reference.float_outputs, "quantised": reference.quantised_outputs}
        return found | ({"csim": self.check.outputs} if self.check is not None else {})

    @property
    def classifies(self) -> bool:
        """Labels, where there are any, are class numbers of the first output."""
        return self.source.decides or self.samples.classified


def assemble(build: Build) -> dict[str, Any]:
    """A report that is valid by report/schema.json."""
    source, samples, calibrated = build.source, build.samples, build.prepared.calibrated
    weights = source.legacy.weights if source.legacy and source.legacy.weights != Path(source.origin) else None
    data = samples.origin if samples.measured and samples.origin != str(source.data) else ""
    report: dict[str, Any] = {
        "schema_version": document.SCHEMA_VERSION,
        "fpga_ml": document.versions()["fpga_ml"],
        "command": document.command(source.origin, weights, data, build.config, build.given),
        "versions": document.versions(),
        "model": {
            "name": source.name,
            "origin": source.origin,
            "sha256": source.sha256,
            "kind": source.kind,
            "parameters": None if source.model is None else int(source.model.count_params()),
            **_ports(build),
        },
        "config": document.config_as_json(build.config),
        "data": {
            "origin": samples.origin,
            "samples": len(samples),
            "given": samples.measured,
            "labels": samples.y is not None,
            **({"class_names": list(samples.class_names)} if samples.class_names else {}),
        },
        "quantisation": [dataclasses.asdict(t) for t in calibrated.tensors] if calibrated else [],
        "layers": _layers(build),
        "csim": _csim(build),
        "emulator": None if build.emulation is None else dataclasses.asdict(build.emulation),
        "rtl": _rtl(build),
        "cosim": [_cosim(run) for run in build.runs],
        "synth": [],
        "metrics": _metrics(build),
        **_looks(build),
        "stages": build.stages.as_json(),
        "notes": [*build.graph.notes, *_completed(build), *_wide(build), *_slow(build)],
        "timings_s": build.timings_s,
    }
    if source.model is None and source.legacy is not None:
        report["model"]["no_reference"] = source.legacy.reason
    names = source.names
    shown: dict[str, Any] = names.shown(report)
    if build.given is not None:
        shown |= {"foreign_rtl": _foreign(build.given, document.top_of(report), build.runs)}
    return shown | ({"names": dict(names.names)} if names.names else {})


def _layers(build: Build) -> list[dict[str, Any]]:
    """Of the hls4ml graph; sums of products with how many there are, and how many the hardware computes at once."""
    known = {layer.name: layer for layer in build.layers.layers} if build.layers else {}
    rows = document.layers(build.graph)
    return [row | (_products(known[row["name"]], build) if row["name"] in known else {}) for row in rows]


def _products(layer: Layer, build: Build) -> dict[str, Any]:
    count = products(layer)
    if not count:
        return {}
    stages = {stage.name: stage for stage in build.rtl.stages} if build.rtl else {}
    made = stages.get(f"{layer.name}_fold") or stages.get(layer.name)
    if made is None or not isinstance(layer, Linear):
        return {"products": count}
    rounds = int(made.interval_cycles) if made.kind == "fold" else 1
    tokens = build.config.arch.tokens_of((len(layer.index), 1))
    weights = "in a memory" if made.area.rom_bits else "constants"
    return {"products": count, "rounds": rounds, "at_once": ceil(count / tokens / rounds), "weights": weights}


def _what_if(build: Build) -> list[dict[str, Any]]:
    """The estimate of the LUTs with a bit less, as built, with a bit more; tables stay as they are."""
    assert build.rtl is not None
    if build.layers is None or not build.rtl.area.luts:
        return []
    arch, interval = build.config.arch, build.config.interval_cycles
    tables = {layer.name for layer in build.layers.layers if isinstance(layer, _TABLES)}
    fixed = sum(stage.area.luts for stage in build.rtl.stages if stage.name in tables)
    others = build.rtl.area.luts - fixed
    return [
        {"more_bits": more, "luts": fixed + round(others * luts_ratio(build.layers, arch, interval, more))}
        for more in (-1, 0, 1)
    ]


def _csim(build: Build) -> dict[str, Any] | None:
    check = build.check
    if check is None:
        return None
    first = None if check.first is None else dataclasses.asdict(check.first) | {"index": list(check.first.index)}
    return {
        "samples": len(build.samples),
        "samples_per_s": round(len(build.samples) / max(build.timings_s["csim"], 1e-6), 1),
        "bit_exact_vs_quantised_model": check.exact,
        "compared_at": list(check.compared),
        "wider_than_float64": list(check.wide),
        "first_difference": first,
        "max_abs_err_vs_float": check.max_abs_err_vs_float,
        "max_abs_err_vs_quantised": check.max_abs_err_vs_quantised,
        "argmax_flips": check.flips,
        "argmax_flips_vs_float": check.flips_vs_float,
        "layers": [dataclasses.asdict(r) for r in check.layers],
    }


def _rtl(build: Build) -> dict[str, Any] | None:
    rtl = build.rtl
    if rtl is None:
        return None
    return {
        "arch": build.config.arch,
        "clock_ns": build.config.clock_ns,
        "latency_cycles": rtl.latency_cycles,
        "interval_cycles": rtl.interval_cycles,
        "interleave": rtl.interleave,
        "recurrence": _recurrence(rtl, build.config.clock_ns),
        "register_bits": rtl.register_bits,
        "area": dataclasses.asdict(rtl.area),
        "what_if": _what_if(build),
        "available": dataclasses.asdict(PLACED[device].available) if (device := build.config.device) in PLACED else None,
        "files": [f"rtl/{name}" for name in rtl.files],
        "layers": [dataclasses.asdict(stage) | _called(build, stage.name) for stage in rtl.stages],
        "buffers": [dataclasses.asdict(buffer) for buffer in rtl.buffers],
        "fifo_bits": {"used": rtl.fifo_bits, "least": rtl.least_fifo_bits},
    }


def _ports(build: Build) -> dict[str, list[dict[str, Any]]]:
    """Of both sides."""
    sides = document.ports(build.graph)
    return {side: [port | _called(build, port["name"]) for port in ports] for side, ports in sides.items()}


def _called(build: Build, identifier: str) -> dict[str, str]:
    """What C++ and RTL call it, where users do not."""
    return {} if build.source.names.shown(identifier) == identifier else {"identifier": identifier}


def _recurrence(rtl: Rtl, clock_ns: float) -> dict[str, Any] | None:
    """How long a time step and a sequence take; interleaved sequences have the latency of their group, and share its
    interval."""
    known = rtl.recurrence
    if known is None:
        return None

    def timing(latency_cycles: int, parts: int) -> dict[str, float]:
        """parts: that share the interval of a frame."""
        interval_cycles = shared_cycles(rtl.interval_cycles, parts)
        return {
            "latency_cycles": latency_cycles,
            "latency_ns": round(latency_cycles * clock_ns, 3),
            "interval_cycles": interval_cycles,
            "interval_ns": round(interval_cycles * clock_ns, 3),
        }

    return {
        "steps": known.steps,
        "step": timing(known.latency_cycles, rtl.interleave * known.steps),
        "sequence": timing(rtl.latency_cycles, rtl.interleave),
    }


def _foreign(given: Foreign, top: str, runs: tuple[CosimResult, ...]) -> dict[str, Any]:
    """Whose RTL was simulated, and which of its ports carry which tensors."""
    ports = runs[0].ports if runs else {}
    return {
        "folder": given.folder,
        "top": given.top or top,
        "files": [str(f) for f in given.files],
        "ports": [{"ours": name, "theirs": list(theirs)} for name, theirs in ports.items()],
    }


def _cosim(run: CosimResult) -> dict[str, Any]:
    return {
        "simulator": run.simulator,
        "version": run.version,
        "passed": run.passed,
        "vectors": run.vectors,
        "kinds": run.kinds,
        "edges": None if run.edges is None else dataclasses.asdict(run.edges),
        "modes": [{"mode": m.mode, "vectors": m.vectors, "resets": m.resets, "cycles": m.cycles} for m in run.modes],
        "tables": run.tables,
        "modules": run.modules,
        "mismatches": run.mismatch_count,
        "latency_cycles": run.latency_cycles,
        "interval_cycles": run.interval_cycles,
        "stalls": run.stalls,
        "seconds": round(run.seconds, 2),
        "texts": run.texts(),
        "not_asked": list(run.not_asked),
        "timeline": [{"channel": n, "first_cycle": a, "last_cycle": b} for n, (a, b) in run.timeline.items()],
        "waves": [dataclasses.asdict(wave) for wave in run.waves],
    }


def _metrics(build: Build) -> dict[str, dict[str, float | None]]:
    """Figures of merit by stage, where there are labels."""
    y, outputs = build.samples.y, build.outputs
    if y is None:
        return {}
    if build.classifies:
        return {stage: metrics.classifier(o[0].reshape(y.size, -1), y.ravel()) for stage, o in outputs.items()}
    return {stage: {**metrics.regression(_joined(o), y)} for stage, o in outputs.items()}


def _looks(build: Build) -> dict[str, Any]:
    """How the outputs are distributed, and what is decided by them."""
    y, outputs, names = build.samples.y, build.outputs, [name for name, _, _ in build.graph.outputs]
    return {
        "distributions": of_outputs.distributions(outputs, names, y, classes=build.classifies),
        "roc": of_outputs.roc(outputs, y) if y is not None and y.ndim == 1 and build.classifies else [],
        "decisions": of_outputs.decisions(outputs) if build.source.decides else None,
        "confusion": of_outputs.confusion(outputs, y) if y is not None and build.classifies else None,
    }


def _joined(outputs: tuple[Array, ...]) -> Array:
    """All outputs side by side, (N, values): targets are in the same order."""
    return np.concatenate([o.reshape(len(o), -1) for o in outputs], axis=1)


def _wide(build: Build) -> list[str]:
    if build.check is None or not build.check.wide:
        return []
    return [
        f"not compared with the quantised model, for values of more than the 53 bits of its float64: "
        f"{', '.join(build.check.wide)} (C-simulation, emulator and RTL are compared in every bit)"
    ]


def _slow(build: Build) -> list[str]:
    return build.rtl.notes(build.config.interval_cycles) if build.rtl else []


def _completed(build: Build) -> list[str]:
    calibrated = build.prepared.calibrated
    if calibrated is None or not calibrated.quantised.completed or not any(t.origin == "qkeras" for t in calibrated.tensors):
        return []
    return [f"layers without quantizers were given types from the data: {', '.join(calibrated.quantised.completed)}"]
