"""A point of the front, built: C-simulation, emulator and RTL in two simulators agree, and it is what its trial said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpga_ml.config import CONFIG_FILE, Config
from fpga_ml.explore.subject import Subject, opened
from fpga_ml.explore.trial import Result
from fpga_ml.frontend.load import QUANTISED_FILE
from fpga_ml.pipeline import compile

_SAME_COSTS = {"luts": "luts", "dsps": "multipliers", "rom_bits": "rom_bits", "memory_bits": "memory_bits"}


@dataclass(frozen=True)
class Proof:
    """passed: whether all stages agreed and the build is what the trial said; said: in a sentence."""

    passed: bool
    said: str


def proved(subject: Subject, folder: Path, expected: Result) -> Proof:
    """Build a point's folder, which holds its fpga_ml.toml, and its model where that was trained, into folder/project.

    Raises FpgaMlError where it cannot be built.
    """
    it = opened(subject)
    model = folder if (folder / QUANTISED_FILE).exists() else subject.file
    config = Config.read(folder / CONFIG_FILE).replace(until="cosim")
    project = compile(model, data=subject.samples, config=config, output=folder / "project", progress=False)
    assert project.graph is not None  # co-simulation needs it
    scores = it.scores(it.emulated(project.graph, project.types))
    rtl: Mapping[str, Any] = project.report["rtl"] or {}
    found = {name: rtl["area"][key] for name, key in _SAME_COSTS.items()}
    found |= {name: rtl[name] for name in ("latency_cycles", "interval_cycles")}
    if not project.agrees:
        return Proof(False, "its stages differ: see report.html in its project folder")
    if scores != (expected.score, expected.score_test):
        return Proof(False, f"the build scores {scores[0]:.6g}, the trial {expected.score:.6g}")
    return _same_costs(found, expected.costs, config)


def _same_costs(found: Mapping[str, float], expected: Mapping[str, float], config: Config) -> Proof:
    for name, value in found.items():
        if value != expected[name]:
            return Proof(False, f"the build has {name} = {value:,}, the trial {expected[name]:,}")
    simulators = " and ".join(name.capitalize() for name in config.simulators)
    return Proof(True, f"C-simulation = emulator = RTL in {simulators}")
