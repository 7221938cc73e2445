"""Files under names that every tool reads as they are.

Tools read quotes, `$`, `;`, spaces and leading dashes in a path each in its own way. So they run in a folder in which such
files, and the folders where they lie, are linked under plain names, and are told no other path.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fpga_ml.errors import FpgaMlError

_FOLDER = "sources"
_PLAIN = re.compile(r"[A-Za-z0-9_][\w.]*", re.ASCII)
_PLAIN_PATH = re.compile(r"[\w./-]+", re.ASCII)


@dataclass(frozen=True)
class Links:
    """Relative to the folder in which the links were made: of the files, in their order, and of the folders that hold
    them."""

    files: tuple[str, ...]
    folders: tuple[str, ...]


@contextmanager
def plain_folder() -> Iterator[Path]:
    """A folder for a while, for a tool that writes the path of where it runs, or of its temporary files, into scripts of its
    own."""
    places = (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm")
    place = next((p for p in places if _PLAIN_PATH.fullmatch(p) and os.access(p, os.W_OK | os.X_OK)), None)
    if place is None:
        raise FpgaMlError(
            "no temporary folder whose path is of letters, digits, '_', '-' and '.' alone",
            where=f"TMPDIR={tempfile.gettempdir()}",
            do="set TMPDIR to such a one",
        )
    with tempfile.TemporaryDirectory(dir=place) as name:
        yield Path(name)


@contextmanager
def linked(files: Sequence[Path], folder: Path) -> Iterator[Links]:
    """Links to the files in folder/sources, which is gone in the end. A file keeps its own name where that is a plain
    one."""
    place = folder / _FOLDER
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    try:
        names: dict[str, Path] = {}
        for number, file in enumerate(files):
            own = _PLAIN.fullmatch(file.name) is not None and file.name not in names
            names[file.name if own else f"file_{number}{file.suffix}"] = file
        parents = {f"folder_{k}": d for k, d in enumerate(dict.fromkeys(f.parent for f in files))}
        for name, target in (names | parents).items():
            (place / name).symlink_to(target.resolve())
        yield Links(tuple(f"{_FOLDER}/{n}" for n in names), tuple(f"{_FOLDER}/{n}" for n in parents))
    finally:
        shutil.rmtree(place, ignore_errors=True)
