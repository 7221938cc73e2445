"""All tests of a project without pytest: `python -m tb.again` in its tests/ prints what fails, a line each."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import compiled, simulated
from .cosim_types import MODES


def failures() -> Iterator[str]:
    """Of the C++, and of the RTL in every simulator and mode."""
    told = json.loads((compiled.TESTS / "project.json").read_text())
    with tempfile.TemporaryDirectory() as scratch:
        yield from (f"C-simulation: {text}" for text in compiled.differences(Path(scratch)))
    if told["rtl"] is None:
        return
    for simulator in simulated.chosen():
        with tempfile.TemporaryDirectory() as scratch:
            built = simulated.build(simulator, Path(scratch))
            for mode in MODES:
                yield from (f"RTL, {simulator}, {mode}: {text}" for text in simulated.faults(built, mode))


if __name__ == "__main__":
    for text in failures():
        print(text)
