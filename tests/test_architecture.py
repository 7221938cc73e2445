"""The walls of the architecture hold: a banned import is a lint error, and its message says the remedy."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BANS = [
    ("report", "import hls4ml", "hls4ml is imported in fpga_ml/bridge/, hls/ and plugin/ only"),
    ("simulate", "from hls4ml.model import ModelGraph", "hls4ml is imported in fpga_ml/bridge/, hls/ and plugin/ only"),
    ("bridge", "import hls4ml", None),
    ("hls", "import hls4ml", None),
    ("plugin", "import hls4ml", None),
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
    ("frontend", "import hls4ml", "hls4ml is imported in fpga_ml/bridge/, hls/ and plugin/ only"),
]


@pytest.mark.parametrize(("room", "line", "expected"), BANS)
def test_import_is_banned_where_it_should_be(room: str, line: str, expected: str | None, repository: Path) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--stdin-filename"]
    where = f"fpga_ml/{room}/planted.py"
    done = subprocess.run([*command, where, "-"], input=f"{line}\n", capture_output=True, text=True, cwd=repository)
    assert (done.returncode == 0) == (expected is None), done.stdout
    assert expected is None or expected in done.stdout


def rooms(repository: Path) -> list[str]:
    """The rooms of docs/pipeline.md, first to last."""
    table = (repository / "docs" / "pipeline.md").read_text().split("## The house\n")[1].split("\n\n")[1]
    return [room for row in table.splitlines() for room in re.findall(r"`(\w+)`", row.split("|")[1])]


def imported(file: Path, package: Path) -> Iterator[str]:
    """Rooms that a file imports from."""
    inside = ["fpga_ml", *file.relative_to(package).parent.parts]
    for node in ast.walk(ast.parse(file.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            base = (
                ".".join([*inside[: len(inside) + 1 - node.level], *filter(None, [node.module])])
                if node.level
                else node.module
            )
            names = [f"{base}.{alias.name}" for alias in node.names]
        yield from (words[1] for name in names if (words := name.split("."))[0] == "fpga_ml" and len(words) > 1)


def test_no_room_imports_from_one_below(repository: Path) -> None:
    package, order = repository / "fpga_ml", rooms(repository)
    own = {f.stem if f.is_file() else f.name for f in package.iterdir() if f.suffix == ".py" or (f / "__init__.py").exists()}
    assert own - {"__init__"} == set(order)
    back = [
        f"{file.relative_to(package)} imports from {room}"
        for file in package.rglob("*.py")
        if file != package / "__init__.py"
        for room in imported(file, package)
        if room in order and order.index(room) > order.index(file.relative_to(package).parts[0].removesuffix(".py"))
    ]
    assert back == []


def test_import_is_light() -> None:
    """`import fpga_ml` and --help load neither TensorFlow nor hls4ml."""
    code = "import sys, fpga_ml, fpga_ml.cli; sys.exit('tensorflow' in sys.modules or 'hls4ml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("script", ["update_tables", "update_report_types"])
def test_what_scripts_write_is_current(script: str, repository: Path) -> None:
    command = [sys.executable, f"scripts/{script}.py", "--check"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
