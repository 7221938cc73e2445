"""What a search is of: a model, its samples and settings, and what of them can be varied."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fpga_ml.bridge.convertible import check_model
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError
from fpga_ml.explore import knobs as space
from fpga_ml.explore.architecture import Architecture, architecture
from fpga_ml.explore.architecture import knobs as knobs_of
from fpga_ml.explore.knobs import Knob
from fpga_ml.explore.objective import Objective, objective
from fpga_ml.frontend.calibrate import calibrate, twin
from fpga_ml.frontend.inputs import InputType
from fpga_ml.frontend.load import FLOAT_FILE, SAMPLE_FILE, Source, load
from fpga_ml.frontend.prepare import samples_of
from fpga_ml.frontend.rebuild import Probe
from fpga_ml.frontend.reference import flow
from fpga_ml.frontend.train import check_trainable
from fpga_ml.layers.graph import LayerGraph
from fpga_ml.samples import Samples
from fpga_ml.simulate.emulate import emulate

Array = npt.NDArray[np.float64]
LEAST_SAMPLES = 20
_FEW, _LEAST_FEW, _FEW_VALUES = 512, 96, 1 << 17  # samples, where a few are enough, and the values that they have


@dataclass(frozen=True)
class Subject:
    """What all trials of a search share. model: a file, or a folder with float.keras; data: an .npz, None for the folder's;
    settings: of the configuration, as JSON of `knobs.plain`; objective: its name, None by the labels; place: the folder
    in which modules that it names are sought; train: an .npz to train each trial on, for so many epochs;
    None: trials are not trained; build: the function that makes the networks, of which `model` is the greatest; levels: of a
    resource weight at which the HGQ2 twin is trained, 0 where trials are bits; name: what the model is called."""

    name: str
    model: str
    data: str | None
    settings: str
    objective: str | None
    place: str
    train: str | None = None
    epochs: int = 0
    build: str | None = None
    levels: int = 0

    @property
    def config(self) -> Config:
        return Config(**json.loads(self.settings))

    @property
    def file(self) -> Path:
        """Of the float model."""
        path = Path(self.model)
        return path / FLOAT_FILE if path.is_dir() else path

    @property
    def samples(self) -> Path | None:
        """The file of the samples."""
        if self.data is not None:
            return Path(self.data)
        own = Path(self.model) / SAMPLE_FILE
        return own if own.exists() else None


@dataclass(frozen=True)
class Opened:
    """A subject, read: what a worker keeps between trials."""

    subject: Subject
    source: Source
    every: Samples

    @cached_property
    def objective(self) -> Objective:
        return objective(self.subject.objective, self.every, Path(self.subject.place))

    @cached_property
    def float_outputs(self) -> tuple[Array, ...]:
        return tuple(Probe(self.source.float_model).outputs(self.every.x))

    @cached_property
    def training(self) -> Samples:
        """Labelled as those that score."""
        assert self.subject.train is not None
        return samples_of(self.source, self.subject.train, self.subject.config.seed)

    @cached_property
    def architecture(self) -> Architecture | None:
        build = self.subject.build
        return None if build is None else architecture(build, Path(self.subject.place), self.subject.config.seed)

    @property
    def calibration(self) -> Samples:
        """Those that a build chooses types on."""
        return self.every.first(self.subject.config.vectors)

    @property
    def few(self) -> Samples:
        """Some of those, for what is measured often."""
        values = sum(a[0].size for a in self.every.x)
        return self.calibration.first(min(_FEW, max(_LEAST_FEW, _FEW_VALUES // values)))

    def emulated(self, layers: LayerGraph, types: Sequence[InputType]) -> list[Array]:
        """Outputs (N, ...) of all samples, as hardware with these layers and input types gives them."""
        outputs = emulate(layers, [t.quantise(a) for t, a in zip(types, self.every.x, strict=True)])
        return [a.reshape(b.shape) for a, b in zip(outputs, self.float_outputs, strict=True)]

    def part(self, outputs: Sequence[Array], test: bool) -> tuple[list[Array], npt.NDArray[Any]]:
        """Outputs and labels of every other sample."""
        assert self.every.y is not None  # the objective has seen to it
        return [a[int(test) :: 2] for a in outputs], self.every.y[int(test) :: 2]

    @cached_property
    def _float_drawn(self) -> list[float]:
        return self.objective.drawn(*self.part(self.float_outputs, True))

    def loss(self, outputs: Sequence[Array]) -> tuple[float, float]:
        """By how much the outputs are worse than the float model's on the test samples, and the error of that."""
        return self.objective.loss(self.objective.drawn(*self.part(outputs, True)), self._float_drawn)

    def scores(self, outputs: Sequence[Array]) -> tuple[float, float]:
        return self.objective.score(*self.part(outputs, False)), self.objective.score(*self.part(outputs, True))


@lru_cache(maxsize=2)
def opened(subject: Subject) -> Opened:
    """Raises FpgaMlError for what cannot be searched."""
    path = subject.file
    if Path(subject.model).is_dir() and not path.exists():
        raise FpgaMlError(f"there is no {FLOAT_FILE}", where=subject.model, do="give the float model's file")
    source = load(path)
    if source.model is None:
        raise FpgaMlError("no Keras model can be made of it", where=subject.model, do="search a float Keras model")
    source = replace(source, data=subject.samples)
    with source.names.errors():
        check_model(source.model)
        found = Opened(subject, source, samples_of(source, subject.samples, subject.config.seed))
        if len(found.every) < LEAST_SAMPLES:
            what = f"{len(found.every)} samples are too few to tell points apart"
            raise FpgaMlError(what, where=found.every.origin, do=f"give {LEAST_SAMPLES} or more")
        if subject.train is not None:
            check_trainable(found.training)
    found.objective.score(*found.part(found.float_outputs, True))
    return found


def bits(subject: Subject) -> list[Knob]:
    """A knob for each input, for each layer's weights and for its results, in the order in which data pass them; where there
    are data to train on, one for the share of zeros in its weights too. Of networks that a function makes: its numbers."""
    it = opened(subject)
    if it.architecture is not None:
        return knobs_of(it.architecture.asked()[0])
    config, x = it.source.identified(replace(subject.config, bits=space.MOST_BITS)), it.few.x
    inputs = [name for name, _ in it.source.inputs]
    with it.source.names.errors():
        if subject.train is None:
            calibrated = calibrate(it.source.model, x, [t.name for t in it.source.model.inputs], config)
            quantised, types = calibrated.quantised, calibrated.input_types
        else:
            quantised, types = twin(it.source.model, x, config)
    found = {name: space.of_input(name, t.type.width) for name, t in zip(inputs, types, strict=True) if t.elements is None}
    for rounded in quantised.rounded:
        is_result = rounded.kind == "activation"
        layer = it.source.names.shown(rounded.tensor.partition("#")[0] if is_result else rounded.tensor.rpartition(".")[0])
        made = [space.results(layer)] if is_result else [space.weights(layer)]
        if rounded.kind == "weight" and subject.train is not None:
            made.append(space.sparsity(layer))
        found |= {knob.name: knob for knob in made if knob.name not in found}
    if "softmax" in flow(quantised.model).kinds.values():
        table = space.softmax_table()
        found[table.name] = table
    varied = [knob for knob in found.values() if not space.is_held(subject.config.layer(knob.layer), knob)]
    if all(knob.kind in ("input", "table") for knob in varied):
        raise FpgaMlError(
            "there are no bits to choose: the model has quantizers of its own, or the configuration has the bits",
            where=subject.model,
            do="search the float model",
        )
    return varied
