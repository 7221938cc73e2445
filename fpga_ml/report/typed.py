"""The types of report.json, made from schema.json, where values are described, by scripts/update_report_types.py."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class PortsEntry(TypedDict):
    name: str
    identifier: NotRequired[str]
    type: str
    shape: list[int]


class ModelEntry(TypedDict):
    name: str
    origin: str
    sha256: str
    kind: Literal["keras-3", "keras-2", "onnx"]
    parameters: int | None
    inputs: list[PortsEntry]
    outputs: list[PortsEntry]
    no_reference: NotRequired[str]


class ConfigEntry(TypedDict):
    project_name: str
    arch: Literal["parallel", "stream"]
    clock_ns: float
    device: str
    part: str | None
    frame_last: bool


class DataEntry(TypedDict):
    origin: str
    samples: int
    given: bool
    labels: bool
    class_names: NotRequired[list[str]]


class QuantisationEntry(TypedDict):
    tensor: str
    kind: Literal["input", "weight", "bias", "activation"]
    type: str
    low: float
    high: float
    signal_rms: float
    added_rms: float
    added_max: float
    saturated: int
    origin: Literal["data", "qkeras", "calibrated"]
    values: NotRequired[int]
    zeros: NotRequired[int]
    quantiles: NotRequired[list[float]]
    step: NotRequired[float | None]
    largest: NotRequired[float | None]


class LayersEntry(TypedDict):
    name: str
    kind: str
    types: dict[str, str]
    shape: list[int]
    reuse_factor: int
    strategy: str
    reads: NotRequired[list[str]]
    products: NotRequired[int]
    rounds: NotRequired[int]
    at_once: NotRequired[int]
    weights: NotRequired[Literal["constants", "in a memory"]]


class CsimFirstDifferenceEntry(TypedDict):
    layer: str
    sample: int
    index: list[int]
    expected: float
    got: float
    expected_type: str
    got_type: str
    cause: str


class CsimLayersEntry(TypedDict):
    layer: str
    node: str
    type: str
    values: int
    different: int
    max_abs_err: float


class CsimEntry(TypedDict):
    samples: int
    samples_per_s: float
    bit_exact_vs_quantised_model: bool | None
    compared_at: list[str]
    wider_than_float64: NotRequired[list[str]]
    first_difference: CsimFirstDifferenceEntry | None
    max_abs_err_vs_float: float | None
    max_abs_err_vs_quantised: float | None
    argmax_flips: int | None
    argmax_flips_vs_float: int | None
    layers: list[CsimLayersEntry]


class EmulatorEntry(TypedDict):
    samples_per_s: float
    mismatches: int


class TimingEntry(TypedDict):
    latency_cycles: int
    latency_ns: float
    interval_cycles: float
    interval_ns: float


class RtlRecurrenceEntry(TypedDict):
    steps: int
    step: TimingEntry
    sequence: TimingEntry


class CellsEntry(TypedDict):
    luts: int
    ffs: int
    dsps: int
    brams: float


class RtlWhatIfEntry(TypedDict):
    more_bits: int
    luts: int


class AreaEntry(TypedDict):
    luts: int
    multipliers: int
    rom_bits: int
    memory_bits: int


class RtlBuffersEntry(TypedDict):
    channel: str
    reader: str
    depth: int
    high_water: int
    width_bits: int
    least_depth: NotRequired[int]


class RtlFifoBitsEntry(TypedDict):
    used: int
    least: int


class RtlLayersEntry(TypedDict):
    name: str
    identifier: NotRequired[str]
    kind: str
    start_cycle: int
    latency_cycles: int
    interval_cycles: float
    area: AreaEntry


class RtlEntry(TypedDict):
    arch: Literal["parallel", "stream"]
    clock_ns: float
    latency_cycles: int
    interval_cycles: int
    interleave: int
    recurrence: RtlRecurrenceEntry | None
    available: NotRequired[CellsEntry | None]
    what_if: NotRequired[list[RtlWhatIfEntry]]
    register_bits: int
    area: AreaEntry
    files: list[str]
    buffers: list[RtlBuffersEntry]
    fifo_bits: NotRequired[RtlFifoBitsEntry]
    layers: list[RtlLayersEntry]


class ForeignRtlPortsEntry(TypedDict):
    ours: str
    theirs: list[str]


class ForeignRtlEntry(TypedDict):
    folder: str
    top: str
    files: list[str]
    ports: list[ForeignRtlPortsEntry]


class CosimEdgesEntry(TypedDict):
    sought: int
    unmet: int


class CosimModesEntry(TypedDict):
    mode: Literal["back_to_back", "random_gaps", "reset_mid_run"]
    vectors: int
    resets: int
    cycles: int


class CosimTimelineEntry(TypedDict):
    channel: str
    first_cycle: int
    last_cycle: int


class CosimWavesEntry(TypedDict):
    signal: str
    tensor: str
    cycles: list[int]
    values: list[int | None]


class CosimEntry(TypedDict):
    simulator: Literal["verilator", "icarus"]
    version: str
    passed: bool
    vectors: int
    kinds: NotRequired[dict[str, int]]
    edges: NotRequired[CosimEdgesEntry | None]
    modes: NotRequired[list[CosimModesEntry]]
    tables: NotRequired[int]
    modules: NotRequired[int]
    mismatches: int
    latency_cycles: int | None
    interval_cycles: int | None
    stalls: int
    seconds: float
    texts: list[str]
    not_asked: NotRequired[list[str]]
    timeline: list[CosimTimelineEntry]
    waves: NotRequired[list[CosimWavesEntry]]


class SynthCriticalPathEntry(TypedDict):
    layer: str
    what: str
    delay_ns: float


class SynthLayersEntry(TypedDict):
    layer: str
    luts: int
    ffs: int
    dsps: int
    brams: float


class SynthEntry(TypedDict):
    tool: str
    version: str
    device: str
    effort: Literal["estimate", "place", "route"]
    luts: int
    ffs: int
    dsps: int
    brams: float
    available: CellsEntry | None
    fmax_mhz: float | None
    timing: Literal["delay model", "synthesised", "placed", "routed", "hls estimate", None]
    latency_cycles: int | None
    interval_cycles: int | None
    latency_ns: float | None
    critical_path: list[SynthCriticalPathEntry]
    layers: list[SynthLayersEntry]
    seconds: float
    memory_mb: float | None
    logs: list[str]
    notes: list[str]


class DistributionsEntry(TypedDict):
    output: str
    element: int | None
    quantity: Literal["value", "error against float", "output - target"]
    samples: str
    edges: list[float]
    counts: dict[str, list[int]]


class RocBandEntry(TypedDict):
    low: list[float]
    high: list[float]


RocEntry = TypedDict(
    "RocEntry",
    {
        "class": int,
        "signal": int,
        "background": int,
        "signal_efficiency": list[float],
        "background_efficiency": dict[str, list[float]],
        "band": NotRequired[dict[str, RocBandEntry]],
        "auc": dict[str, float],
    },
)


class BuildReport(TypedDict):
    schema_version: Literal[3]
    fpga_ml: str
    command: str
    versions: dict[str, str]
    model: ModelEntry
    config: ConfigEntry
    data: DataEntry
    quantisation: list[QuantisationEntry]
    layers: list[LayersEntry]
    csim: CsimEntry | None
    emulator: EmulatorEntry | None
    rtl: RtlEntry | None
    foreign_rtl: NotRequired[ForeignRtlEntry]
    cosim: list[CosimEntry]
    synth: list[SynthEntry]
    metrics: dict[str, dict[str, float | None]]
    distributions: list[DistributionsEntry]
    roc: list[RocEntry]
    decisions: list[list[int]] | None
    confusion: NotRequired[dict[str, list[list[int]]] | None]
    stages: dict[str, str]
    notes: list[str]
    names: NotRequired[dict[str, str]]
    timings_s: dict[str, float]
