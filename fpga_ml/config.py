"""What a user can set: typed, frozen, read from fpga_ml.toml."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.naming import Naming, top_name
from fpga_ml.numerics import FixedType
from fpga_ml.schedule.devices import DEVICES
from fpga_ml.synthesise.parts import PARTS
from fpga_ml.synthesise.result import EFFORTS

ARCHITECTURES = {"parallel": "io_parallel", "stream": "io_stream"}
STRATEGIES = ("latency", "resource", "resource_unrolled", "distributed_arithmetic")
STAGES = ("convert", "csim", "emulate", "rtl", "cosim", "synth")
SIMULATORS = ("verilator", "icarus")
_TYPE_NAMES = ("result", "weight", "bias", "accum", "table", "exp_table", "inv_table", "inv_inp", "inp_norm")


@dataclass(frozen=True)
class LayerConfig:
    """Settings of one layer; None means the model's own.

    bits: width of its weights and output when they are calibrated; static: whether a recurrent layer's state is a static
    variable of the C++; precision: types by name (result, weight, bias,
    accum, table, ... or the Keras variable's name).
    """

    bits: int | None = None
    reuse_factor: int | None = None
    strategy: str | None = None
    parallelization_factor: int | None = None
    table_size: int | None = None
    static: bool | None = None
    softmax: str | None = None
    precision: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Config:
    """The whole configuration. Units are in the names; widths in bits.

    backend: hls4ml's; part: None for the backend's default; auto_clock: in place of clock_ns the period with which the RTL answers soonest;
    device: whose delays our own RTL is pipelined for; bits: width of calibrated tensors (weight_bits for
    weights, where they differ); vectors: samples simulated, cosim_vectors: in RTL, besides the corners (None: up to 100, as many as 5,000 cycles take);
    simulators: of RTL; interval_cycles: between two inferences of our RTL, for which layers share hardware (None: reuse_factor says); max_luts, max_dsps: by estimate, for which the shortest interval is found; interleave: sequences that take turns in a stream, to fill the pipelines of recurrent layers; frame_last: our streams have TLAST, and frames of a wrong length are flagged; synth_devices: that the RTL is synthesised for (none: `device`), effort: how far, time_limit_s: for each; jobs: threads of C-simulation, 0 for one a core.
    """

    backend: str = "Vitis"
    part: str | None = None
    clock_ns: float = 5.0
    auto_clock: bool = False
    device: str = "generic-16nm"
    arch: str = "parallel"
    strategy: str = "latency"
    reuse_factor: int = 1
    bits: int = 16
    weight_bits: int | None = None
    input_type: str | None = None
    softmax_table_bits: int = 12
    vectors: int = 2000
    jobs: int = 0
    cosim_vectors: int | None = None
    simulators: tuple[str, ...] = SIMULATORS
    interval_cycles: int | None = None
    interleave: int = 1
    frame_last: bool = False
    max_luts: int | None = None
    max_dsps: int | None = None
    until: str = "cosim"
    synth_devices: tuple[str, ...] = ()
    effort: str = "estimate"
    time_limit_s: float | None = None
    seed: int = 1
    project_name: str = "myproject"
    layers: Mapping[str, LayerConfig] = field(default_factory=lambda: MappingProxyType({}))
    source: Path | None = None

    def layer(self, name: str) -> LayerConfig:
        return self.layers.get(name, LayerConfig())

    def where(self, key: str) -> str | None:
        """file:line of a key or section in the configuration file, if it came from one."""
        return _locate(self.source, key) if self.source else None

    @property
    def io_type(self) -> str:
        return ARCHITECTURES[self.arch]

    def replace(self, **changes: Any) -> Config:
        """A copy with the given settings; None leaves a setting as it is."""
        return _checked(dataclasses.replace(self, **{k: v for k, v in changes.items() if v is not None}))

    def identified(self, names: Naming, inputs: Iterable[str]) -> Config:
        """With identifiers in the place of the user's names: of layers, and of the project; inputs: the model's, as the user calls them."""
        layers = {names.identifier(name): layer for name, layer in self.layers.items()}
        top = top_name(self.project_name, [names.identifier(name) for name in inputs])
        return dataclasses.replace(self, project_name=top, layers=MappingProxyType(layers))

    @classmethod
    def read(cls, path: Path) -> Config:
        """From a TOML file: keys are the fields above; [layers.NAME] holds a layer's."""
        try:
            with path.open("rb") as file:
                table = tomllib.load(file)
        except FileNotFoundError:
            raise FpgaMlError(f"configuration file '{path}' not found", do="check --config") from None
        except tomllib.TOMLDecodeError as error:
            raise FpgaMlError(f"not valid TOML: {error}", where=str(path), do="mend the file") from None
        layers = {name: _layer(name, section, path) for name, section in table.pop("layers", {}).items()}
        values = _fields(cls, table, path, hidden=("layers", "source"))
        return _checked(cls(**values, layers=MappingProxyType(layers), source=path))


def _layer(name: str, section: Any, path: Path) -> LayerConfig:
    if not isinstance(section, dict):
        raise FpgaMlError(f"layers.{name} is not a section", where=_locate(path, name), do=f"write [layers.{name}]")
    precision = section.pop("precision", {})
    for key, text in precision.items():
        try:
            FixedType.parse(text)
        except FpgaMlError as error:
            raise FpgaMlError(error.what, where=_locate(path, key), do=error.do) from None
    return LayerConfig(**_fields(LayerConfig, section, path, hidden=("precision",)), precision=MappingProxyType(precision))


def _fields(cls: Any, table: Mapping[str, Any], path: Path, hidden: tuple[str, ...]) -> dict[str, Any]:
    """Keys of a TOML table as arguments of a dataclass; an unknown key or a wrong type is an error."""
    known = {f.name: str(f.type) for f in dataclasses.fields(cls) if f.name not in hidden}
    for key, value in table.items():
        where = _locate(path, key)
        if key not in known:
            extra = ("layers", "precision") if isinstance(value, dict) else ()
            raise FpgaMlError(f"unknown setting '{key}'", where=where, do=suggest(key, [*known, *extra]))
        wanted = known[key].removesuffix(" | None")
        fits = {
            "int": type(value) is int,
            "float": type(value) in (int, float),
            "str": isinstance(value, str),
            "bool": isinstance(value, bool),
            "tuple[str, ...]": isinstance(value, list) and all(isinstance(v, str) for v in value),
        }
        if not fits[wanted]:
            raise FpgaMlError(f"{key} = {value!r} is not {_A[wanted]}", where=where, do=f"write {_A[wanted]}")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


_A = {
    "int": "a whole number",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "tuple[str, ...]": "a list of strings",
}


def _locate(path: Path, key: str) -> str:
    pattern = re.compile(rf"^\s*(\[.*(?<!\w){re.escape(key)}(?!\w).*\]|\"?{re.escape(key)}\"?\s*=)")
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if pattern.match(line):
            return f"{path}:{number}"
    return str(path)


def check_bits(bits: int, where: str | None) -> None:
    """Raise for a width of weights or activations that QKeras does not hold."""
    if not 2 <= bits <= 24:
        raise FpgaMlError(
            f"bits = {bits} is outside 2..24: QKeras rounds in float32, which holds 24 bits",
            where=where,
            do="choose 2 to 24 bits; sums are kept in full whatever their width",
        )


def _checked(config: Config) -> Config:
    """The settings that a type cannot express."""

    def one_of(key: str, value: str | None, known: tuple[str, ...]) -> None:
        if value is not None and value not in known:
            raise FpgaMlError(f"unknown {key} '{value}'", where=config.where(key), do=suggest(value, known))

    def at_least(key: str, value: float | None, lowest: float) -> None:
        if value is not None and value < lowest:
            raise FpgaMlError(f"{key} = {value} is below {lowest}", where=config.where(key), do=f"use {lowest} or more")

    one_of("device", config.device, tuple(DEVICES))
    one_of("arch", config.arch, tuple(ARCHITECTURES))
    one_of("strategy", config.strategy, STRATEGIES)
    one_of("until", config.until, STAGES)
    one_of("effort", config.effort, EFFORTS)
    for simulator in config.simulators:
        one_of("simulators", simulator, SIMULATORS)
    for device in config.synth_devices:
        one_of("synth_devices", device, tuple(PARTS))
    for key, lowest in (
        ("clock_ns", 0.1),
        ("reuse_factor", 1),
        ("vectors", 1),
        ("jobs", 0),
        ("cosim_vectors", 1),
        ("interval_cycles", 1),
        ("interleave", 1),
        ("max_luts", 0),
        ("max_dsps", 0),
        ("softmax_table_bits", 4),
        ("time_limit_s", 1),
    ):
        at_least(key, getattr(config, key), lowest)
    for bits in (config.bits, config.weight_bits, *(c.bits for c in config.layers.values())):
        if bits is not None:
            check_bits(bits, config.where("bits"))
    for name, layer in config.layers.items():
        one_of("strategy", layer.strategy, STRATEGIES)
        one_of("softmax", layer.softmax, ("stable", "latency", "legacy", "argmax"))
        at_least(f"layers.{name}.reuse_factor", layer.reuse_factor, 1)
    if config.input_type:
        FixedType.parse(config.input_type)
    if not config.project_name:
        raise FpgaMlError("project_name is empty", where=config.where("project_name"), do="give the project a name")
    return config
