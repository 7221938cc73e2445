"""What the long runs of scripts/ show: progress on a terminal only, and every column explained."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import fuzzing
import pytest

SHOWS = (
    "from fpga_ml.progress import progress_bar as p\nwith p() as b: b.advance(b.add_task('seeds', total=3)); b.refresh();"
    " print('found')"
)


def test_progress_is_drawn_on_a_terminal_only() -> None:
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm"}
    done = subprocess.run([sys.executable, "-c", SHOWS], stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment)
    os.close(theirs)
    assert done.stdout == "found\n"
    assert "1/3" in os.read(ours, 100_000).decode()
    os.close(ours)
    piped = subprocess.run([sys.executable, "-c", SHOWS], capture_output=True, text=True, env=environment)
    assert (piped.stdout, piped.stderr) == ("found\n", "")


@pytest.mark.parametrize("script", ["fuzz.py", "mutate_rtl.py"])
def test_help_explains_what_is_printed(script: str, repository: Path) -> None:
    command = [sys.executable, f"scripts/{script}", "--help"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=repository).stdout
    text = (repository / "scripts" / script).read_text()
    names = fuzzing.VERDICTS if script == "fuzz.py" else eval(text.partition("HEAD = ")[2].partition("\n")[0])[1:]
    assert [n for n in names if f"\n  {n}  " not in said] == []
