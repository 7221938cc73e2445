"""The weights of a project are there twice: hls4ml's C-simulation reads `firmware/weights/*.txt`, a vendor's compiler the
`.h` files."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

_BODY = re.compile(r"=\s*\{(.*)\};", re.S)
_NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")


def differences(folder: Path) -> list[str]:
    """Of each .txt in a folder of weights, whether its .h holds the same numbers, exactly; [] where all do. A .h without a
    .txt is what C-simulation reads itself."""
    return [text for file in sorted(folder.glob("*.txt")) for text in _different(file)]


def _different(file: Path) -> list[str]:
    header = file.with_suffix(".h")
    if not header.exists():
        return [f"there is no {header.name} beside {file.name}"]
    body = _BODY.search(header.read_text())
    ours, theirs = file.read_text().strip(), body[1].strip() if body else ""
    if ours == theirs:
        return []
    read, compiled = (list(map(Fraction, _NUMBER.findall(text))) for text in (ours, theirs))
    if len(read) != len(compiled):
        return [f"{file.name} has {len(read)} numbers, {header.name} has {len(compiled)}"]
    pairs = enumerate(zip(read, compiled, strict=True))
    wrong = next(((k, a, b) for k, (a, b) in pairs if a != b), None)
    return [] if wrong is None else [f"number {wrong[0]} is {wrong[1]} in {file.name}, {wrong[2]} in {header.name}"]
