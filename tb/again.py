"""All tests of a project without pytest: `python -m tb.again [SIMULATOR ...]` in its tests/ prints what fails, a line each.

Without simulators in all that are installed.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

from . import compiled, simulated
from .cosim_types import MODES, Simulator


def failures(simulators: Sequence[Simulator]) -> Iterator[str]:
    """Of the C++, and of the RTL in every mode."""
    told = json.loads((compiled.TESTS / "project.json").read_text())
    with tempfile.TemporaryDirectory() as scratch:
        yield from (f"C-simulation: {text}" for text in compiled.differences(Path(scratch)))
    if told["rtl"] is None:
        return
    for simulator in simulators or simulated.chosen():
        with tempfile.TemporaryDirectory() as scratch:
            built = simulated.build(simulator, Path(scratch))
            for mode in MODES:
                yield from (f"RTL, {simulator}, {mode}: {text}" for text in simulated.faults(built, mode))


if __name__ == "__main__":
    for text in failures([s for s in get_args(Simulator) if s in sys.argv[1:]]):
        print(text)
