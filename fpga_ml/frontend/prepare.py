"""From a model that was read to one that can be built: every tensor typed, both references evaluated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError, suggest
from fpga_ml.frontend.calibrate import Calibrated, calibrate
from fpga_ml.frontend.inputs import reaches_of_inputs
from fpga_ml.frontend.load import SAMPLE_FILE, Source
from fpga_ml.frontend.onnx.check import compared
from fpga_ml.frontend.rebuild import Array, calls
from fpga_ml.frontend.reference import Reference, evaluate
from fpga_ml.samples import Samples, load_samples, names_in


@dataclass(frozen=True)
class Prepared:
    """x: the inputs as the hardware receives them, (N, ...) each. calibrated and reference are None for a model that
    no longer has Keras classes."""

    x: tuple[Array, ...]
    calibrated: Calibrated | None
    reference: Reference | None


def samples_of(source: Source, data: Any, seed: int) -> Samples:
    """The user's, or the model folder's own; the arrays that its file has besides may be in the user's too, also where the
    model is a file of that folder. seed: of random numbers where there are neither."""
    file = Path(source.origin)
    beside = source.data or (file.parent / SAMPLE_FILE if file.is_file() else None)
    own = names_in(beside) if beside is not None and beside.exists() else ()
    drawn = data is None and source.data is None  # from what the inputs' types hold
    reaches = reaches_of_inputs(source.model) if drawn and source.model is not None else []
    samples = load_samples(source.data if data is None else data, source.inputs, seed, own, reaches)
    if source.model is None:
        return samples
    return samples.labelled([tuple(t.shape[1:]) for t in source.model.outputs], decides=source.decides)


def prepare(source: Source, samples: Samples, config: Config) -> Prepared:
    """Choose types on the samples and evaluate the float and the quantised model on them."""
    if source.model is None:
        return Prepared(samples.x, None, None)
    _check_layer_names(source, config)
    calibrated = calibrate(source.model, samples.x, [t.name for t in source.model.inputs], config)
    x = tuple(t.quantise(a) for t, a in zip(calibrated.input_types, samples.x, strict=True))
    reference = evaluate(calibrated.model, source.float_model, samples.x, x)
    if source.onnx is not None:
        notes = compared(source.onnx, reference, samples.x, x, source.name)
        calibrated = replace(calibrated, notes=(*calibrated.notes, *notes))
    return Prepared(x, calibrated, reference)


def _check_layer_names(source: Source, config: Config) -> None:
    known = [c.layer.name for c in calls(source.model)]
    for name in config.layers:
        if name not in known:
            raise FpgaMlError(
                f"the configuration has a section for layer '{name}', which the model does not have",
                where=config.where(name),
                do=suggest(name, source.names.shown(known)),
            )
