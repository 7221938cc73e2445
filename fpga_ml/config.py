"""What a user can set: typed, frozen, checked when it is made, read from fpga_ml.toml."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from functools import partial
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BeforeValidator, Field, Strict

from fpga_ml.devices import MAPPED, PIPELINED
from fpga_ml.errors import FpgaMlError
from fpga_ml.naming import Naming, top_name
from fpga_ml.numerics import FixedType
from fpga_ml.validation import SettingError, checked, member_of, one_of, passes


class Arch(StrEnum):
    """How a tensor goes from layer to layer: all at once, or pixel by pixel. What follows from it: rtl/architecture.py."""

    PARALLEL = "parallel"
    STREAM = "stream"

    @property
    def io_type(self) -> str:
        """As hls4ml calls it."""
        return f"io_{self}"

    def tokens_of(self, shape: Sequence[int]) -> int:
        """Parts in which a tensor (channels last) goes, one after the other."""
        return prod(shape[:-1]) if self is Arch.STREAM else 1


CONFIG_FILE = "fpga_ml.toml"  # what it is called in a model's folder
STRATEGIES = ("latency", "resource", "resource_unrolled", "distributed_arithmetic")
STAGES = ("convert", "csim", "emulate", "rtl", "cosim", "synth")
_LAST_STAGE = "cosim"
SIMULATORS = ("verilator", "icarus")
Effort = Literal["estimate", "place", "route"]
EFFORTS: tuple[Effort, ...] = ("estimate", "place", "route")
SOFTMAX = ("stable", "latency", "legacy", "argmax")
_MOST_NS = 1e6
# What hls4ml and others call these.
_STRATEGIES_ELSEWHERE = {"da": "distributed_arithmetic", "unrolled": "resource_unrolled"}
_STAGES_ELSEWHERE = {"all": "synth", "compile": "csim", "build": "synth", "simulate": "cosim", "hls": "convert"}
_ARCHITECTURES_ELSEWHERE = {arch.io_type: str(arch) for arch in Arch}
_SIMULATORS_ELSEWHERE = {"iverilog": "icarus"}


def check_bits(bits: int, where: str | None = None, name: str = "bits") -> None:
    """Raise for a width of weights or activations that QKeras does not hold; name: of the setting."""
    if isinstance(bits, bool) or not isinstance(bits, (int, np.integer)):
        raise FpgaMlError(f"{name} = {bits!r} is not a whole number", where=where, do="write a whole number")
    if not 2 <= bits <= 24:
        raise FpgaMlError(
            f"{name} = {bits} is outside 2..24: QKeras rounds in float32, which holds 24 bits",
            where=where,
            do="choose 2 to 24 bits; sums are kept in full whatever their width",
        )


Bits = Annotated[int, passes(check_bits)]
WeightBits = Annotated[int, passes(partial(check_bits, name="weight_bits"))]
Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Fixed = Annotated[str, passes(FixedType.parse)]
Named = Annotated[str, Field(min_length=1)]


@checked
class LayerConfig:
    """Settings of one layer; None means the model's own.

    bits: width of its weights and output when they are calibrated; weight_bits: of its weights, where it differs; static:
    whether a recurrent layer's state is a static variable of the C++; precision: types by name (result, weight, bias,
    accum, table, ... or the Keras variable's name).
    """

    bits: Bits | None = None
    weight_bits: WeightBits | None = None
    reuse_factor: Count | None = None
    strategy: Annotated[str, one_of("strategy", STRATEGIES, _STRATEGIES_ELSEWHERE)] | None = None
    parallelization_factor: Count | None = None
    table_size: Count | None = None
    static: bool | None = None
    softmax: Annotated[str, one_of("softmax", SOFTMAX)] | None = None
    precision: Mapping[str, Fixed] = field(default_factory=lambda: MappingProxyType({}))


def _section(value: Any) -> Any:
    """A layer's settings may be given as a dict."""
    return LayerConfig(**value) if isinstance(value, dict) and all(isinstance(k, str) for k in value) else value


@checked
class Config:
    """All settings of a build. Units are in the names. Raises FpgaMlError for a value that is not allowed.

    Parameters
    ----------
    backend
        hls4ml's: Vitis, Vivado, Quartus, oneAPI, Catapult or Libero.
    part
        FPGA part, as the vendor writes it; None: the backend's default.
    clock_ns
        Clock period.
    auto_clock
        In place of `clock_ns`, the period that gives the RTL the lowest latency.
    device
        Target device; its delay model sets the pipelining of our RTL.
    arch
        "parallel": all inputs in one clock cycle. "stream": one pixel or time step per transfer.
    strategy, reuse_factor
        hls4ml's; the reuse factor shares multipliers in our RTL too.
    bits, weight_bits
        Width of calibrated tensors, 2 to 24; of weights, where it differs.
    saturate
        Whether calibrated types let rare values saturate, where that makes the error of rounding smaller.
    input_type
        Type of all inputs, such as "ap_fixed<8,5>"; None: chosen from the data.
    softmax_table_bits
        Least size of softmax's table of exponentials, 2**N entries.
    vectors, cosim_vectors
        Samples to simulate; of those, in RTL (None: up to 100, as many as 5,000 cycles take).
    jobs
        Threads of C-simulation; 0: one per core.
    simulators
        Of the RTL: "verilator", "icarus".
    interval_cycles
        The most clock cycles between two inferences, in which layers share hardware; None: by the reuse factors.
    interleave
        Sequences that take turns in a recurrent stream.
    lanes
        Pixels, or particles, of a stream that pass in one clock cycle.
    frame_last
        Streams have TLAST, and frames of a wrong length are flagged.
    max_luts, max_dsps
        Limits by estimate, for which the shortest interval is found.
    until
        The last stage, which then has to run; None: up to co-simulation, as far as backend and model allow.
    synth_devices, effort, time_limit_s
        Devices to synthesise for (none: `device`), how far, and the limit for each.
    force
        Build also what is estimated to be too large.
    seed
        Of random vectors.
    project_name
        Of the top function and the top module.
    layers
        {layer's name: LayerConfig, or a dict of its fields}.
    """

    backend: Named = "Vitis"
    part: Named | None = None
    clock_ns: Annotated[float, Field(ge=0.1, le=_MOST_NS, allow_inf_nan=False)] = 5.0
    auto_clock: bool = False
    device: Annotated[str, one_of("device", PIPELINED)] = "generic-16nm"
    arch: Annotated[Arch, member_of("arch", Arch, _ARCHITECTURES_ELSEWHERE)] = Arch.PARALLEL
    strategy: Annotated[str, one_of("strategy", STRATEGIES, _STRATEGIES_ELSEWHERE)] = "latency"
    reuse_factor: Count = 1
    bits: Bits = 16
    weight_bits: WeightBits | None = None
    saturate: bool = False
    input_type: Fixed | None = None
    softmax_table_bits: Annotated[int, Field(ge=4, le=20)] = 12
    vectors: Count = 2000
    jobs: Whole = 0
    cosim_vectors: Count | None = None
    simulators: Annotated[
        tuple[Annotated[str, one_of("simulators", SIMULATORS, _SIMULATORS_ELSEWHERE)], ...],
        Strict(False),
        Field(min_length=1),
    ] = SIMULATORS
    interval_cycles: Count | None = None
    interleave: Count = 1
    lanes: Count = 1
    frame_last: bool = False
    max_luts: Count | None = None
    max_dsps: Whole | None = None
    until: Annotated[str, one_of("until", STAGES, _STAGES_ELSEWHERE)] | None = None
    synth_devices: Annotated[tuple[Annotated[str, one_of("synth_devices", MAPPED)], ...], Strict(False)] = ()
    effort: Annotated[str, one_of("effort", EFFORTS)] = "estimate"
    time_limit_s: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = None
    force: bool = False
    seed: Whole = 1
    project_name: Named = "myproject"
    layers: Mapping[str, Annotated[LayerConfig, BeforeValidator(_section)]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    source: Path | None = None

    def layer(self, name: str) -> LayerConfig:
        return self.layers.get(name, LayerConfig())

    def where(self, key: str) -> str | None:
        """file:line of a key or section in the configuration file, if it came from one."""
        return _locate(self.source, key) if self.source else None

    @property
    def stages(self) -> tuple[str, ...]:
        """Those that are to run."""
        return STAGES[: STAGES.index(self.until or _LAST_STAGE) + 1]

    @property
    def io_type(self) -> str:
        return self.arch.io_type

    def replace(self, **changes: Any) -> Config:
        """A copy with the given settings; None leaves a setting as it is."""
        return dataclasses.replace(self, **{k: v for k, v in changes.items() if v is not None})

    def identified(self, names: Naming, inputs: Iterable[str]) -> Config:
        """With identifiers in the place of the user's names: of layers, and of the project; inputs: the model's, as the user
        calls them."""
        layers = {names.identifier(name): layer for name, layer in self.layers.items()}
        top = top_name(self.project_name, [names.identifier(name) for name in inputs])
        return dataclasses.replace(self, project_name=top, layers=MappingProxyType(layers))

    @classmethod
    def read(cls, path: Path | str) -> Config:
        """From a TOML file: keys are the fields above; [layers.NAME] holds a layer's."""
        path = Path(path)
        table = _read(path)
        sections = table.pop("layers", {})
        if not isinstance(sections, dict):
            raise FpgaMlError("layers is not a section", where=_locate(path, "layers"), do="write [layers.NAME]")
        layers = {name: _layer(name, section, path) for name, section in sections.items()}
        if "source" in table:
            raise FpgaMlError("unknown setting 'source'", where=_locate(path, "source"), do="leave it out")
        return _made(cls, table | {"layers": MappingProxyType(layers), "source": path}, path)


Section = TypeVar("Section", Config, LayerConfig)


def _made(cls: type[Section], values: Mapping[str, Any], path: Path) -> Section:
    """Of the values of a section of a file."""
    try:
        return cls(**values)
    except SettingError as error:
        raise error.at(_locate(path, error.key)) from None


def _layer(name: str, section: Any, path: Path) -> LayerConfig:
    if not isinstance(section, dict):
        raise FpgaMlError(f"layers.{name} is not a section", where=_locate(path, name), do=f"write [layers.{name}]")
    return _made(LayerConfig, section, path)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FpgaMlError(f"configuration file '{path}' not found", do="check --config") from None
    except OSError as error:
        raise FpgaMlError(f"configuration file '{path}' cannot be read: {error.strerror}", do="check --config") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise FpgaMlError(f"not valid TOML: {error}", where=str(path), do="mend the file") from None


def _locate(path: Path, key: str) -> str:
    pattern = re.compile(rf"^\s*(\[.*(?<!\w){re.escape(key)}(?!\w).*\]|\"?{re.escape(key)}\"?\s*=)")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if pattern.match(line):
            return f"{path}:{number}"
    return str(path)
