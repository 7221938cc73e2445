"""The walls of the architecture hold: a banned import is a lint error, and its message says the remedy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BANS = [
    ("report", "import hls4ml", "hls4ml is imported in fpga_ml/bridge/ and fpga_ml/hls/ only"),
    ("simulate", "from hls4ml.model import ModelGraph", "hls4ml is imported in fpga_ml/bridge/ and fpga_ml/hls/ only"),
    ("bridge", "import hls4ml", None),
    ("hls", "import hls4ml", None),
    ("report", "import keras", "Keras is imported in fpga_ml/frontend/ and models/ only"),
    ("frontend", "import keras", None),
    ("bridge", "import keras", "Keras is imported in fpga_ml/frontend/ and models/ only"),
    ("simulate", "import subprocess", "programs are run by fpga_ml.toolchain.run only"),
    ("frontend", "import subprocess", "programs are run by fpga_ml.toolchain.run only"),
    ("lowering", "from fpga_ml.science.celeste import fit", "science imports the compiler, never the other way round"),
    ("bridge", "import fpga_ml.science", "science imports the compiler, never the other way round"),
    ("frontend", "from fpga_ml.science import jets", "science imports the compiler, never the other way round"),
    ("hls", "import fpga_ml.science.jets", "science imports the compiler, never the other way round"),
    ("science", "from fpga_ml.science import jets", None),
    ("science", "import keras", "Keras is imported in fpga_ml/frontend/ and models/ only"),
    ("frontend", "import hls4ml", "hls4ml is imported in fpga_ml/bridge/ and fpga_ml/hls/ only"),
]


@pytest.mark.parametrize(("room", "line", "expected"), BANS)
def test_import_is_banned_where_it_should_be(room: str, line: str, expected: str | None, repository: Path) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--stdin-filename"]
    where = f"fpga_ml/{room}/planted.py"
    done = subprocess.run([*command, where, "-"], input=f"{line}\n", capture_output=True, text=True, cwd=repository)
    assert (done.returncode == 0) == (expected is None), done.stdout
    assert expected is None or expected in done.stdout


def test_import_is_light() -> None:
    """`import fpga_ml` and --help load neither TensorFlow nor hls4ml."""
    code = "import sys, fpga_ml, fpga_ml.cli; sys.exit('tensorflow' in sys.modules or 'hls4ml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_tables_are_current(repository: Path) -> None:
    command = [sys.executable, "scripts/update_tables.py", "--check"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
