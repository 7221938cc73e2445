"""Keras to hls4ml's ModelGraph: the settings that we choose, and what came out, in our own types."""

from __future__ import annotations

import io
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hls4ml
from hls4ml.converters.keras_v2_to_hls import get_model_arch, parse_keras_model
from hls4ml.model.graph import ModelGraph
from hls4ml.model.types import XnorPrecisionType
from hls4ml.utils.config import create_config

from fpga_ml.bridge import table_settings
from fpga_ml.bridge.lacks import check_cpp
from fpga_ml.bridge.mended import mended
from fpga_ml.bridge.mends import own_factors
from fpga_ml.bridge.precision import MARKER, defaulted, drop_unused
from fpga_ml.bridge.read_graph import output_layers
from fpga_ml.bridge.readers.registry import check_widths
from fpga_ml.bridge.softmax import SoftmaxTables, tables_for
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.frontend.calibrate import Calibrated
from fpga_ml.frontend.legacy import identified
from fpga_ml.frontend.load import Source
from fpga_ml.frontend.prepare import Prepared
from fpga_ml.numerics import FixedType

_MOST_INPUT_BITS = 100  # hls4ml's bit_exact.py: FixInputPrecision
_ATTRIBUTE_TYPES = ("table", "exp_table", "inv_table", "inv_inp", "inp_norm")


@dataclass(frozen=True)
class Node:
    """One layer of the hls4ml graph: its types (C++ spelling) by name, its output's shape, and the layers that it reads."""

    name: str
    kind: str
    types: Mapping[str, str]
    shape: tuple[int, ...]
    reuse_factor: int
    strategy: str
    reads: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """The hls4ml ModelGraph (opaque) with what later stages need of it.

    inputs, outputs: (C++ name, type, shape); heads: the layers whose results are the outputs; notes: what hls4ml said
    while converting; signs: the layers whose results are bits, 0 for -1 and 1 for +1; stateful: those that keep a state from
    sample to sample; exact: those whose table is the function itself, rounded.
    """

    hls: Any
    nodes: tuple[Node, ...]
    inputs: tuple[tuple[str, str, tuple[int, ...]], ...]
    outputs: tuple[tuple[str, str, tuple[int, ...]], ...]
    heads: tuple[str, ...]
    notes: tuple[str, ...]
    signs: frozenset[str] = frozenset()
    stateful: tuple[str, ...] = ()
    exact: frozenset[str] = frozenset()

    def node(self, name: str) -> Node:
        return next(n for n in self.nodes if n.name == name)

    def set_clock(self, clock_ns: float) -> None:
        """Of the project that is to be written."""
        self.hls.config.config["ClockPeriod"] = clock_ns


def convert(source: Source, prepared: Prepared, config: Config, folder: Path) -> Graph:
    """The quantised Keras model as an hls4ml graph, after its optimisation flows, to be written to `folder`.

    A Keras-2 model whose classes are gone goes through hls4ml's own JSON + h5 reader as it is.
    """
    with listening() as notes, _named(source.name), mended():
        unary = table_settings.table_settings(prepared, config)
        if prepared.calibrated is None or prepared.reference is None:
            graph = _convert_legacy(source, config, folder)
        else:
            softmax = tables_for(prepared.calibrated.model, prepared.reference, prepared.x, config)
            graph = _convert_keras(prepared.calibrated, softmax, unary, config, folder)
    if prepared.calibrated is None:
        notes += _of_defaults(graph, prepared, FixedType.parse(_default(config)))
    of_inputs = prepared.calibrated.notes if prepared.calibrated else ()
    return _described(graph, [*of_inputs, *notes, *table_settings.notes(graph, unary)])


def _convert_keras(
    calibrated: Calibrated,
    softmax: Mapping[str, SoftmaxTables],
    unary: Mapping[str, table_settings.Section],
    config: Config,
    folder: Path,
) -> Any:
    model = calibrated.model
    hls_config = hls4ml.utils.config_from_keras_model(
        model, granularity="name", backend=config.backend, default_precision=MARKER
    )
    _settings(hls_config, config, calibrated, softmax)
    table_settings.apply(hls_config["LayerName"], unary, config)
    graph = hls4ml.converters.convert_from_keras_model(
        model, output_dir=str(folder), hls_config=hls_config, allow_da_fallback=False, **_target(config)
    )
    _check_ends(graph, model.name)
    _check_roles(graph, calibrated, config)
    check_cpp(graph, config)
    _check_types(graph)
    return graph


def _check_ends(graph: Any, model: str) -> None:
    """Raises FpgaMlError for an output that is an input, or another output: hls4ml gives both one variable."""
    for k, name in enumerate(graph.outputs):
        if name in graph.inputs or name in graph.outputs[:k]:
            other = f"its input '{name}'" if name in graph.inputs else "another output"
            raise FpgaMlError(
                f"output {k + 1} of the model is {other}, with nothing that computes in between",
                where=f"model '{model}'",
                do="leave one of them out",
            )


def _check_roles(graph: Any, calibrated: Calibrated, config: Config) -> None:
    """Raises FpgaMlError for a precision of something that a layer does not have."""
    for name, own in config.layers.items():
        nodes = [n for n in graph.get_layers() if n.name == name or n.name.startswith(f"{name}_")]
        variables = [w.name for layer in calibrated.model.layers if layer.name == name for w in layer.weights]
        known = {"result", "weight", "bias", *variables, *(role.removesuffix("_t") for n in nodes for role in n.types)}
        for role in own.precision:
            if role not in known:
                raise FpgaMlError(
                    f"layer '{name}' has no '{role}' whose precision could be set",
                    where=config.where(role) or f"layers['{name}'].precision",
                    do=suggest(role, known),
                )


def _check_types(graph: Any) -> None:
    """Raises FpgaMlError for the first tensor to which neither a quantizer, nor a rule, nor the user gave a type."""
    for layer, role in defaulted(graph):
        raise FpgaMlError(
            f"nothing says which type '{role}' of layer '{layer}' has",
            where=f"layer '{layer}'",
            do=(
                f"set it in fpga_ml.toml ([layers.{layer}.precision], {role} = ...), or quantise the layer's inputs and"
                " weights"
            ),
        )
    drop_unused(graph)


def _convert_legacy(source: Source, config: Config, folder: Path) -> Any:
    assert source.legacy is not None
    settings = create_config(output_dir=str(folder), **_target(config))
    kind = "KerasJson" if source.legacy.architecture.suffix == ".json" else "KerasH5"
    settings |= {kind: str(source.legacy.architecture), "KerasH5": str(source.legacy.weights)}
    settings |= {"InputData": None, "OutputPredictions": None}
    settings["HLSConfig"] = {"Model": {"Precision": _default(config), "ReuseFactor": config.reuse_factor}}
    architecture, reader = get_model_arch(settings)
    find = reader._find_data
    reader._find_data = lambda layer, variable: find(source.names.shown(layer), variable)
    layers, inputs, outputs, _ = parse_keras_model(identified(architecture, source.names), reader)
    return ModelGraph.from_layer_list(settings, layers, inputs, outputs)


def _of_defaults(graph: Any, prepared: Prepared, default: FixedType) -> list[str]:
    """What to know of a model in which no range was measured: the layers of the default type, data that leave an input's."""
    layers = [n.name for n in graph.get_layers() if any(_cpp(t.precision) == default.cpp() for t in n.types.values())]
    notes = []
    if layers:
        notes.append(f"no range was measured in this model: types of {', '.join(layers)} are the default, {default.cpp()}")
    for variable, x in zip(graph.get_input_variables(), prepared.x, strict=True):
        t = FixedType.parse(str(variable.type.precision))
        outside = t.overflows(x)
        if outside:
            notes.append(
                f"{outside} of {x.size} values of input '{variable.name}' leave its type {t.cpp()}: they reach from "
                f"{x.min():g} to {x.max():g}. A larger --bits widens it"
            )
    return notes


@contextmanager
def listening() -> Iterator[list[str]]:
    """hls4ml prints; keep what it says that a user should know, and keep stdout clean."""
    said = io.StringIO()
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught, redirect_stdout(said), redirect_stderr(io.StringIO()):
        warnings.simplefilter("always")
        yield notes
    notes += [line for line in said.getvalue().splitlines() if line.upper().startswith(("WARNING", "UNROLLED", "INVALID"))]
    notes += [str(w.message) for w in caught if "hls4ml" in w.filename and issubclass(w.category, UserWarning)]


@contextmanager
def _named(model: str) -> Iterator[None]:
    """hls4ml raises bare exceptions; give them a place."""
    try:
        yield
    except FpgaMlError:
        raise
    except Exception as error:
        raise FpgaMlError(
            f"hls4ml {hls4ml.__version__} cannot convert the model: {error or type(error).__name__}",
            where=f"model '{model}'",
            do="see `fpga-ml doctor --layers` for what converts; --debug shows hls4ml's traceback",
        ) from error


def _default(config: Config) -> str:
    """Of a model without calibration: the width of calibrated tensors, never below hls4ml's own 16 bits."""
    width = max(config.bits, 16)
    return f"fixed<{width},{width - 10}>"


def _target(config: Config) -> dict[str, Any]:
    target = {
        "project_name": config.project_name,
        "backend": config.backend,
        "part": config.part,
        "clock_period": config.clock_ns,
        "io_type": config.io_type,
    }
    if config.backend == "Libero" and shutil.which("shls") is None:
        target["smarthls_path"] = "SmartHLS"  # hls4ml asks the shell for it, and stops where it is not installed
    return target


def _settings(
    hls_config: dict[str, Any], config: Config, calibrated: Calibrated, softmax: Mapping[str, SoftmaxTables]
) -> None:
    """Our choices, the layers' and the user's, into hls4ml's configuration, in rising order of rank."""
    hls_config["Model"]["Strategy"] = config.strategy
    hls_config["Model"]["ReuseFactor"] = config.reuse_factor
    layers = hls_config["LayerName"]
    for tensor, t in zip(calibrated.model.inputs, (own.type for own in calibrated.input_types), strict=True):
        if t.width > _MOST_INPUT_BITS:
            raise FpgaMlError(
                f"input '{tensor.name}' is {t.width} bits wide: hls4ml {hls4ml.__version__} takes a type of more than "
                f"{_MOST_INPUT_BITS} for one that is still to be found",
                where=f"input '{tensor.name}'",
                do=f"choose an input_type of at most {_MOST_INPUT_BITS} bits",
            )
        layers[tensor.name]["Precision"]["result"] = _spelled(t)
    passing = {layer.name for layer in calibrated.model.layers if _is_identity(layer)}
    for name, section in layers.items():
        section["Trace"] = True
        if "ReuseFactor" in section:
            section["ReuseFactor"] = config.reuse_factor
        types = calibrated.quantised.precision.get(name, {})
        _set_types(section, {**types, **_by_gate(types, config.backend)})
        if name in passing:
            section["Precision"]["result"] = "auto"
        if name in softmax:
            _apply_softmax(section, softmax[name])
    for node, section in layers.items():
        # hls4ml and our rewrite call what they make of a layer NAME_relu and the like.
        owners = [n for n in calibrated.layers if node == n or node.startswith(f"{n}_")]
        own = config.layers.get(max(owners, key=len, default=""))
        if own is not None:
            _apply_layer(section, own, is_main=node in calibrated.layers)


def _by_gate(types: Mapping[str, str], backend: str) -> dict[str, str]:
    """The types of an LSTM's weights for backends that keep them gate by gate, in variables of their own."""
    if backend not in ("Quartus", "oneAPI") or "recurrent_weight" not in types:
        return {}
    kept = [name for name in ("weight", "recurrent_weight", "bias") if name in types]
    return {f"{name}_{gate}": types[name] for name in kept for gate in "ifco"}


def _is_identity(layer: Any) -> bool:
    """A linear activation of its own, which hls4ml would round to its default type."""
    return type(layer).__name__ == "Activation" and getattr(layer.activation, "__name__", "") == "linear"


def _apply_softmax(section: dict[str, Any], t: SoftmaxTables) -> None:
    section["Implementation"] = "stable"
    section["ExpTableSize"], section["InvTableSize"] = t.exp_size, t.inverse_size
    types = {
        "inp_norm": t.difference,
        "exp_table": t.exp,
        "inv_table": t.inverse,
        "inv_inp": t.total,
        "accum": t.total,
        "result": t.result,
    }
    _set_types(section, {name: _spelled(chosen) for name, chosen in types.items()})


def _set_types(section: dict[str, Any], types: Mapping[str, str]) -> None:
    """hls4ml reads the types of sums, weights and results from `Precision`, those of tables from attributes. An ap_int
    becomes the ap_fixed of the same values, which rounds as it says."""
    for name, given in types.items():
        text = _spelled(FixedType.parse(given))
        if name in _ATTRIBUTE_TYPES:
            section["".join(word.capitalize() for word in name.split("_")) + "T"] = text
        else:
            section["Precision"][name] = text


def _apply_layer(section: dict[str, Any], own: Any, *, is_main: bool) -> None:
    keys = {
        "ReuseFactor": own.reuse_factor,
        "Strategy": own.strategy,
        "ParallelizationFactor": own.parallelization_factor,
        "TableSize": own.table_size,
        "Static": own.static,
        "Implementation": own.softmax,
    }
    section |= {k: v for k, v in keys.items() if v is not None}
    if is_main:
        _set_types(section, {k: v for k, v in own.precision.items() if k not in ("result", "weight", "bias")})


def _spelled(t: FixedType) -> str:
    """All modes written out: hls4ml fills in none of them."""
    head = "fixed" if t.signed else "ufixed"
    return f"{head}<{t.width},{t.integer},{t.rounding.value},{t.overflow.value}>"


def _described(graph: Any, notes: list[str]) -> Graph:
    nodes = []
    makers = {tensor: layer.name for layer in graph.get_layers() for tensor in layer.outputs}
    for layer in graph.get_layers():
        layer.set_attr("trace", layer.class_name != "Input" and len(list(layer.get_variables())) == 1)
        types = {k.removesuffix("_t"): _cpp(v.precision) for k, v in layer.types.items()}
        check_widths(layer)
        nodes.append(
            Node(
                layer.name,
                layer.class_name,
                types,
                tuple(int(d) for d in layer.get_output_variable().shape),
                int(layer.get_attr("reuse_factor", 1)),
                str(layer.get_attr("strategy", "latency")),
                tuple(makers[tensor] for tensor in layer.inputs if tensor in makers and makers[tensor] != layer.name),
            )
        )
    ports = [
        tuple((v.name, _cpp(v.type.precision), tuple(int(d) for d in v.shape)) for v in variables)
        for variables in (graph.get_input_variables(), graph.get_output_variables())
    ]
    heads = tuple(output_layers(graph))
    signs = frozenset(
        n.name for n in graph.get_layers() if isinstance(n.get_output_variable().type.precision, XnorPrecisionType)
    )
    stateful = tuple(n.name for n in graph.get_layers() if n.get_attr("stateful"))
    notes += [f"layer '{name}' is stateful: each sample goes on where the one before ended" for name in stateful]
    framed = [n.name for n in graph.get_layers() if n.get_attr("framed")]
    notes += [
        f"layer '{name}' holds a frame in the HLS project: hls4ml has no stream of it (our RTL has)" for name in framed
    ]
    notes += list(own_factors(graph))
    return Graph(
        graph,
        tuple(nodes),
        ports[0],
        ports[1],
        heads,
        tuple(dict.fromkeys(notes)),
        signs,
        stateful,
        table_settings.exact(graph),
    )


def _cpp(precision: Any) -> str:
    """hls4ml's 'fixed<16,6,RND,SAT,0>' in C++ spelling; others (xnor, exponent) as hls4ml prints them."""
    try:
        return FixedType.parse(str(precision)).cpp()
    except FpgaMlError:
        return str(precision)
