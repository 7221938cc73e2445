"""A test's own C++, compiled once a machine: the compiler, its flags and the text with its headers decide."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from fpga_ml.toolchain.cache import made_once
from fpga_ml.toolchain.find import compiler_version

_GXX = "g++"


def shared_object(source: Path, flags: Sequence[str]) -> Path:
    """The library of one source, beside it, where the compiler runs."""

    def run(*arguments: str) -> str:
        command = [_GXX, *flags, *arguments, source.name]
        ran = subprocess.run(command, cwd=source.parent, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr[:4000]
        return ran.stdout

    def decides() -> list[str]:
        return [compiler_version(_GXX), *(f for f in flags if not f.startswith("-I")), run("-E", "-P")]

    def make(target: Path) -> None:
        run("-w", "-shared", "-fPIC", "-o", str(target))

    library = source.with_suffix(".so")
    made_once(library, "test", decides, make)
    return library
