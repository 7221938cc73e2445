"""The pipeline, read aloud: a model and its data in, a proven project out."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.bridge.convert import Graph, check_model, check_target, convert, convert_legacy
from fpga_ml.bridge.softmax import choose
from fpga_ml.config import Config
from fpga_ml.frontend.calibrate import Calibrated, calibrate
from fpga_ml.frontend.load import Source, classifies, load
from fpga_ml.frontend.reference import TABLES, Reference, evaluate, flow
from fpga_ml.hls.project import build_csim, csim_of, fresh_folder, write_project, write_vectors
from fpga_ml.report import document, metrics
from fpga_ml.simulate.compare import argmax_flips, compare_layers, errors_of, visible
from fpga_ml.simulate.csim import CSim, Result
from fpga_ml.simulate.vectors import Samples, load_samples
from fpga_ml.toolchain.find import compiler
from fpga_ml.toolchain.gxx import can_compile

Array = npt.NDArray[np.float64]
_TESTBENCH_SAMPLES = 100
_TRACED_SAMPLES = 32


class Watcher:
    """Is told what goes on; this one keeps silent."""

    def stage(self, name: str) -> None:
        """A stage begins."""

    def samples(self, total: int) -> Callable[[int], None]:
        """A simulation of `total` samples begins; the result is called with each number done."""
        return lambda _done: None


@dataclass(frozen=True)
class Project:
    """A finished build. folder: the HLS project; report: what report.json holds."""

    folder: Path
    report: dict[str, Any]
    simulator: CSim | None

    def csim(self, x: Any) -> list[Array]:
        """C-simulation of more samples: outputs (N, ...), one array an output; x: (N, ...), or one array an input.

        Values are first converted to the input type as the hardware does: bits below the last are cut off.
        """
        if self.simulator is None:
            raise RuntimeError(f"there is no C-simulation: {self.report['stages']['csim']}")
        arrays = x if isinstance(x, (list, tuple)) else [x]
        return list(self.simulator.run([np.asarray(a, np.float64) for a in arrays]).outputs)

    @property
    def agrees(self) -> bool:
        """True unless a check that ran found a difference."""
        csim = self.report["csim"]
        return csim is None or csim["bit_exact_vs_quantised_model"] is not False


@dataclass
class _Clock:
    watcher: Watcher
    timings_s: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.watcher.stage(name)
        start = time.perf_counter()
        yield
        self.timings_s[name] = round(time.perf_counter() - start, 3)


def compile(
    model: Any,
    *,
    weights: Path | str | None = None,
    data: Any = None,
    config: Config | None = None,
    output: Path | str | None = None,
    watcher: Watcher | None = None,
) -> Project:
    """A trained model as an HLS project with a C-simulation that is compared with the model bit for bit.

    model: a Keras model, a path to one (.keras, .h5, .json with `weights`) or a folder under models/. data: samples to
    calibrate on and to simulate: an array (N, ...), a dict of arrays, a path to .npz; None for the folder's own, else
    random numbers. config: by default the folder's fpga_ml.toml. output: the project's folder, by default
    hls_projects/NAME. Raises FpgaMlError; the folder then stays as it was.
    """
    clock = _Clock(watcher or Watcher())
    with clock.stage("load"):
        source = load(model, Path(weights) if weights is not None else None)
        config = config or (Config.read(source.config) if source.config else Config())
        check_target(config)
    target = Path(output) if output is not None else Path("hls_projects") / source.name
    if source.model is None:
        return _compile_without_reference(source, data, config, target, clock)
    check_model(source.model)
    with clock.stage("quantise"):
        samples = load_samples(source.data if data is None else data, source.inputs, config.seed).first(config.vectors)
        names = [name for name, _ in source.inputs]
        calibrated = calibrate(source.model, samples.x, names, config)
    with clock.stage("reference"):
        rounded = tuple(t.quantise(a) for t, a in zip(calibrated.input_types, samples.x, strict=True))
        reference = evaluate(calibrated.model, source.float_model, samples.x, rounded)
    with fresh_folder(target) as folder:
        with clock.stage("convert"):
            tables = _softmax_tables(calibrated, reference, rounded, config)
            precision = calibrated.quantised.precision
            graph = convert(calibrated.model, config, folder, calibrated.input_types, precision, tables)
            write_project(graph, folder, config.backend)
        stages = _stages(config)
        result, traced = None, None
        if stages["csim"] == "ran":
            with clock.stage("build csim"):
                csim = build_csim(graph, folder, config.backend)
            with clock.stage("csim"):
                result, traced = _simulate(csim, graph, reference, rounded, config, clock.watcher)
        with clock.stage("report"):
            expected = _expected(result, reference)
            write_vectors(folder, [a[:_TESTBENCH_SAMPLES] for a in rounded], [a[:_TESTBENCH_SAMPLES] for a in expected])
            report = _report(source, samples, calibrated, graph, config, stages, clock)
            report["model"]["parameters"] = int(source.model.count_params())
            report["quantisation"] = [dataclasses.asdict(t) for t in calibrated.tensors]
            report["metrics"] = _metrics(source, samples, reference, result)
            if result is not None and traced is not None:
                seconds = clock.timings_s["csim"]
                report["csim"] = _csim(source, reference, result, traced, graph, seconds)
            report["timings_s"] = dict(clock.timings_s)
            document.write(report, folder / "report.json")
    return Project(target, report, csim_of(graph, target) if result is not None else None)


def _compile_without_reference(source: Source, data: Any, config: Config, target: Path, clock: _Clock) -> Project:
    """A Keras-2 model of classes that exist no longer: hls4ml's own reader, and nothing to compare with."""
    assert source.legacy is not None
    with fresh_folder(target) as folder:
        with clock.stage("convert"):
            graph = convert_legacy(source.legacy.architecture, source.legacy.weights, config, folder)
            write_project(graph, folder, config.backend)
        ports = [(name, shape) for name, _, shape in graph.inputs]
        samples = load_samples(data, ports, config.seed).first(config.vectors)
        stages = _stages(config)
        result = None
        if stages["csim"] == "ran":
            with clock.stage("build csim"):
                csim = build_csim(graph, folder, config.backend)
            with clock.stage("csim"):
                result = csim.run(samples.x, jobs=config.jobs, progress=clock.watcher.samples(len(samples)))
        with clock.stage("report"):
            outputs = [a[:_TESTBENCH_SAMPLES] for a in result.outputs] if result else []
            write_vectors(folder, [a[:_TESTBENCH_SAMPLES] for a in samples.x], outputs)
            report = _report(source, samples, None, graph, config, stages, clock)
            report["model"]["no_reference"] = source.legacy.reason
            if result is not None:
                report["csim"] = {
                    **_NO_COMPARISON,
                    "samples": len(samples),
                    "samples_per_s": round(len(samples) / clock.timings_s["csim"], 1),
                }
            report["timings_s"] = dict(clock.timings_s)
            document.write(report, folder / "report.json")
    return Project(target, report, csim_of(graph, target) if result is not None else None)


_NO_COMPARISON: dict[str, Any] = {
    "bit_exact_vs_quantised_model": None,
    "compared_at": [],
    "first_difference": None,
    "max_abs_err_vs_float": None,
    "max_abs_err_vs_quantised": None,
    "argmax_flips": None,
    "argmax_flips_vs_float": None,
    "layers": [],
}


def _stages(config: Config) -> dict[str, str]:
    """{stage: 'ran' or why not}."""
    stages = {"convert": "ran"}
    if config.until == "convert":
        stages["csim"] = "not asked for (--until convert)"
    elif not can_compile(config.backend):
        stages["csim"] = f"a {config.backend} project compiles only with its vendor's compiler"
    else:
        compiler()
        stages["csim"] = "ran"
    return stages


def _softmax_tables(calibrated: Calibrated, reference: Reference, x: tuple[Array, ...], config: Config) -> dict[str, Any]:
    """Tables for every softmax of the model, from what it sees on the calibration data (hls4ml's AMD backends)."""
    if config.backend not in ("Vitis", "Vivado"):
        return {}
    tables = {}
    for key, reads in reference.flow.order:
        name = key.split("#")[0]
        own = config.layer(name)
        if reference.flow.kinds[key] == "softmax" and not own.softmax and not own.precision:
            logits = reference.heads.get(reads[0])
            if logits is None:
                logits = reference.probe.select([reads[0]], x)[reads[0]]
            tables[name] = choose(logits.reshape(-1, logits.shape[-1]), config.softmax_table_bits)
    return tables


def _simulate(
    csim: CSim, graph: Graph, reference: Reference, x: tuple[Array, ...], config: Config, watcher: Watcher
) -> tuple[Result, tuple[dict[str, Array], dict[str, Array]]]:
    """Outputs and heads on all samples; every layer on the first few and on the first few that went wrong."""
    shown = visible(reference.flow.order, graph)
    heads = {k: shown[k] for k in reference.flow.heads if shown.get(k) in csim.layers}
    n = len(x[0])
    result = csim.run(x, tuple(heads.values()), config.jobs, watcher.samples(n))
    wrong = np.zeros(n, bool)
    for key, node in heads.items():
        wrong |= (result.layers[node].reshape(n, -1) != reference.heads[key].reshape(n, -1)).any(1)
    rows = np.unique(np.concatenate([np.arange(min(n, _TRACED_SAMPLES)), np.flatnonzero(wrong)[:_TRACED_SAMPLES]]))
    some = [a[rows] for a in x]
    return result, (reference.probe.layers(some), csim.run(some, tuple(csim.layers), config.jobs).layers)


def _expected(result: Result | None, reference: Reference) -> tuple[Array, ...]:
    """What the testbench demands: C-simulation's outputs; without it the quantised model's, where the two are the same."""
    if result is not None:
        return result.outputs
    return () if reference.flow.ends_in_tables else reference.quantised_outputs


def _metrics(source: Source, samples: Samples, reference: Reference, result: Result | None) -> dict[str, Any]:
    if samples.y is None:
        return {}
    outputs = {"float": reference.float_outputs, "quantised": reference.quantised_outputs}
    if result is not None:
        outputs["csim"] = result.outputs
    if classifies(source.model) or np.issubdtype(samples.y.dtype, np.integer):
        return {stage: metrics.classifier(o[0].reshape(len(samples), -1), samples.y) for stage, o in outputs.items()}
    return {stage: metrics.regression(o[0], samples.y) for stage, o in outputs.items()}


def _csim(
    source: Source,
    reference: Reference,
    result: Result,
    traced: tuple[dict[str, Array], dict[str, Array]],
    graph: Graph,
    seconds: float,
) -> dict[str, Any]:
    """The csim section of the report."""
    known, n = reference.flow, len(result.outputs[0])
    shown = visible(known.order, graph)
    rows, first = compare_layers(*traced, shown, graph, known.types, known.kinds, TABLES)
    exact = True
    for i, key in enumerate(known.heads):
        got = result.layers.get(shown.get(key, ""), result.outputs[i])
        exact &= np.array_equal(got.reshape(n, -1), reference.heads[key].reshape(n, -1))
    decides = classifies(source.model)
    quantised, floats = reference.quantised_outputs, reference.float_outputs
    return {
        "samples": n,
        "samples_per_s": round(n / seconds, 1),
        "bit_exact_vs_quantised_model": bool(exact),
        "compared_at": list(known.heads),
        "first_difference": None if first is None else dataclasses.asdict(first) | {"index": list(first.index)},
        "max_abs_err_vs_float": errors_of(floats, result.outputs)["max_abs_err"],
        "max_abs_err_vs_quantised": errors_of(quantised, result.outputs)["max_abs_err"],
        "argmax_flips": argmax_flips(quantised[0], result.outputs[0]) if decides else None,
        "argmax_flips_vs_float": argmax_flips(floats[0], result.outputs[0]) if decides else None,
        "layers": [dataclasses.asdict(r) for r in rows],
    }


def _report(
    source: Source,
    samples: Samples,
    calibrated: Calibrated | None,
    graph: Graph,
    config: Config,
    stages: dict[str, str],
    clock: _Clock,
) -> dict[str, Any]:
    """The part of the report that every build has."""
    weights = source.legacy.weights if source.legacy and source.legacy.weights != Path(source.origin) else None
    data = samples.origin if samples.measured and source.data is None else ""
    return {
        "schema_version": document.SCHEMA_VERSION,
        "fpga_ml": document.versions()["fpga_ml"],
        "command": document.command(source.origin, weights, data, config),
        "versions": document.versions(),
        "model": {
            "name": source.name,
            "origin": source.origin,
            "sha256": source.sha256,
            "kind": source.kind,
            "parameters": None,
            **document.ports(graph),
        },
        "config": document.config_as_json(config),
        "data": {
            "origin": samples.origin,
            "samples": len(samples),
            "given": samples.measured,
            "labels": samples.y is not None,
        },
        "quantisation": [],
        "layers": document.layers(graph),
        "csim": None,
        "emulator": None,
        "rtl": None,
        "cosim": [],
        "synth": [],
        "metrics": {},
        "stages": stages,
        "notes": [*graph.notes, *(_completed(calibrated) if calibrated else [])],
        "timings_s": dict(clock.timings_s),
    }


def _completed(calibrated: Calibrated) -> list[str]:
    layers = calibrated.quantised.completed
    quantised = any(t.origin == "qkeras" for t in calibrated.tensors)
    return [f"these layers had no quantizers and were given types from the data: {', '.join(layers)}"] * bool(
        layers and quantised
    )
