"""What fewer bits would save of a build, where that is told in a few seconds."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError
from fpga_ml.explore import knobs as space
from fpga_ml.explore.findings import measured
from fpga_ml.explore.subject import Subject, opened
from fpga_ml.explore.subject import bits as knobs
from fpga_ml.frontend.load import QUANTISED_FILE
from fpga_ml.lowering.size import luts_of_layers
from fpga_ml.sizing import typed

_FEWER = (2, 4)  # bits
_LEAST_BITS = 3
_QUICK_S = 2.0  # of a build's stages that are done again
_WORTH = 0.9  # of the LUTs
_ERRORS = 2.0


def hint(model: Path, data: Path | None, config: Config, timings_s: dict[str, float]) -> str | None:
    """A line: how many LUTs fewer bits everywhere would save at no loss that the samples show. None where that takes longer,
    where nothing is saved, and where nothing can be told: without labels, or where the model has its bits."""
    if (model / QUANTISED_FILE).exists():
        return None  # the folder's quantised model was built, and a search would be of its float model
    if sum(timings_s.get(stage, 0.0) for stage in ("load", "quantise", "convert")) > _QUICK_S:
        return None
    asked = config.replace(saturate=True)
    settings = json.dumps(space.plain(asked))
    subject = Subject(model.stem, str(model), None if data is None else str(data), settings, None, str(Path.cwd()))
    try:
        return _told(subject, asked)
    except FpgaMlError:
        return None  # the build has told it already, or it is of searches only


def _told(subject: Subject, config: Config) -> str | None:
    it = opened(subject)
    knobs(subject)  # raises for a model that has its bits

    def tried(bits: int) -> tuple[float, tuple[float, float]]:
        few = config.replace(bits=bits)
        prepared, layers = typed(it.source, few, it.calibration)
        assert prepared.calibrated is not None
        luts = sum(luts_of_layers(layers, few.arch, few.interval_cycles).values())
        return luts, it.loss(it.emulated(layers, prepared.calibrated.input_types))

    now, _ = tried(config.bits)
    best: tuple[int, float, Any] | None = None
    for fewer in _FEWER:
        bits = config.bits - fewer
        if bits < _LEAST_BITS:
            break
        luts, (mean, error) = tried(bits)
        if mean > _ERRORS * error or luts > _WORTH * now:
            break
        best = (bits, luts, measured({"mean": mean, "error": error}))
    if best is None:
        return None
    bits, luts, loss = best
    saved = f"about {100 * (1 - luts / now):.0f} % fewer LUTs at a loss of {loss} in {it.objective.name}"
    command = shlex.join(["fpga-ml", "search", subject.model])
    return f"{bits} bits everywhere: {saved}; to find the bits of each tensor: {command}"
