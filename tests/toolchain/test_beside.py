"""Work beside the caller's: its result, its error, and its end with the block."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain.beside import Beside
from fpga_ml.toolchain.run import Command, run, run_all


def program(folder: Path, seconds: float, text: str = "") -> Command:
    """Leaves a file when it has ended by itself."""
    code = f"import time, pathlib; time.sleep({seconds}); print({text!r}); pathlib.Path('ended{seconds}').touch()"
    return Command([sys.executable, "-c", code], folder)


def test_the_result_comes_when_it_is_asked_for(tmp_path: Path) -> None:
    start = time.monotonic()
    with Beside(lambda: run(program(tmp_path, 1.0, "late"), what="test", do="").stdout) as beside:
        assert time.monotonic() - start < 0.9
        assert beside.result() == "late\n"
        assert beside.result() == "late\n"


def test_an_error_is_raised_where_the_result_is_asked_for(tmp_path: Path) -> None:
    work = partial(run, Command([sys.executable, "-c", "1 / 0"], tmp_path), what="dividing", do="")
    with Beside(work) as beside, pytest.raises(FpgaMlError, match="dividing"):
        beside.result()


def _interrupted(work: Callable[[], Any]) -> None:
    with Beside(work):
        time.sleep(0.5)
        raise KeyboardInterrupt


@pytest.mark.parametrize("together", [False, True])
def test_programs_end_with_the_block(tmp_path: Path, together: bool) -> None:
    """Those of run_all too, which has threads of its own."""
    slow = [program(tmp_path, 20.0), program(tmp_path, 21.0)]
    work = partial(run_all, slow, what="test", do="") if together else partial(run, slow[0], what="test", do="")
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        _interrupted(work)
    assert time.monotonic() - start < 10
    assert not list(tmp_path.glob("ended*"))
