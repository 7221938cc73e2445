"""One point of a search, on a worker: the model with these bits, how good it is and what its hardware takes.

It goes the way of a build (frontend, bridge, lowering, RTL), without C++ and without a simulator: the emulator gives the
outputs, and the RTL's own plan the cycles, LUTs and registers.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fpga_ml.config import Config
from fpga_ml.explore import knobs as space
from fpga_ml.explore.architecture import trained
from fpga_ml.explore.knobs import Knob, Params
from fpga_ml.explore.subject import Opened, Subject, opened
from fpga_ml.frontend.calibrate import twin
from fpga_ml.frontend.load import FLOAT_FILE, QUANTISED_FILE, Source, load
from fpga_ml.frontend.rename import as_given
from fpga_ml.frontend.save import file_of, save_plain
from fpga_ml.frontend.train import train
from fpga_ml.lowering.size import luts_of_layers
from fpga_ml.sizing import costs_of, planned, typed


@dataclass(frozen=True)
class Result:
    """score, score_test: on every other sample, and on those between; loss: by how much it is worse than the float model on
    the latter, with the standard error; costs: {name: value} as fpga_ml.sizing.COSTS."""

    score: float
    score_test: float
    loss: tuple[float, float]
    costs: Mapping[str, float]
    seconds: float


def tried(subject: Subject, knobs: Sequence[Knob], params: Params) -> tuple[Result, Mapping[str, bytes]]:
    """The result, and {name: content} of the model's files where it was trained. Raises FpgaMlError for a point that cannot
    be built or judged."""
    began = time.perf_counter()
    it, config = opened(subject), space.applied(subject.config, knobs, params)
    source, files = (it.source, {}) if subject.train is None else _trained(it, knobs, params, config)
    return judged(it, source, config, began), files


def judged(it: Opened, source: Source, config: Config, began: float) -> Result:
    """A model as hardware: what it takes, and how good it is. began: when the work on it did, of time.perf_counter()."""
    prepared, layers = typed(source, config, it.calibration)
    _, rtl = planned(layers, config, it.source.name)
    assert prepared.calibrated is not None
    outputs = it.emulated(layers, prepared.calibrated.input_types)
    score, score_test = it.scores(outputs)
    return Result(score, score_test, it.loss(outputs), costs_of(rtl, config.clock_ns), round(time.perf_counter() - began, 2))


def trained_source(it: Opened, path: Path) -> Source:
    """What training made of the subject's model, from its file."""
    return replace(load(path), name=it.source.name, float_model=it.source.float_model)


def _trained(it: Opened, knobs: Sequence[Knob], params: Params, config: Config) -> tuple[Source, dict[str, bytes]]:
    """The QKeras twin, trained with these bits and zeros, as a source, and the model's files, in the user's names; that of
    the float model where the search makes it."""
    data, source, files = it.training, it.source, {}
    assert data.y is not None  # the subject has seen to it
    if it.architecture is not None:
        model = it.architecture.made(params)
        source = trained(model, data, it.subject.epochs, config.seed)
        files[FLOAT_FILE] = file_of(model)
    names = source.names
    with names.errors():
        quantised, types = twin(source.model, it.calibration.x, source.identified(config))
        x = [t.quantise(a) for t, a in zip(types, data.x, strict=True)]
        shares = {k.layer: params[k.name] / 100 for k in knobs if k.kind == "sparsity"}
        zeros = shares[""] if "" in shares else {names.identifier(layer): share for layer, share in shares.items()}
        train(quantised.model, x, data.y, epochs=it.subject.epochs, seed=config.seed, sparsity=zeros, teacher=source.model)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / QUANTISED_FILE
        save_plain(as_given(quantised.model, names), path)
        files[QUANTISED_FILE] = path.read_bytes()
        return replace(trained_source(it, path), float_model=source.float_model), files


@dataclass(frozen=True)
class Noise:
    """power: mean square of the differences that rounding makes in the outputs, to the float model's; luts: of each layer,
    by the quick estimate."""

    power: float
    luts: Mapping[str, float]


def noise(subject: Subject, knobs: Sequence[Knob], params: Params) -> Noise:
    """On a few samples, of the model that is not trained."""
    it, config = opened(subject), space.applied(subject.config, knobs, params)
    prepared, layers = typed(it.source, config, it.few)
    assert prepared.reference is not None
    pairs = [(a, b[: len(a)]) for a, b in zip(prepared.reference.quantised_outputs, it.float_outputs, strict=True)]
    power = float(np.mean([np.mean((a - b) ** 2) for a, b in pairs]))
    return Noise(power, luts_of_layers(layers, config.arch, config.interval_cycles))
