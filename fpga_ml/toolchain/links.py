"""Files under names that every tool reads as they are.

Tools read quotes, `$`, `;`, spaces and leading dashes in a path each in its own way. So they run in a folder in which such files, and the
folders where they lie, are linked under plain names, and are told no other path.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# For tools that give the paths of their temporary files to a shell, or to a script: where they run.
TEMPORARY_HERE = {"TMPDIR": "."}
_FOLDER = "sources"
_PLAIN = re.compile(r"[A-Za-z0-9_][\w.]*", re.ASCII)


@dataclass(frozen=True)
class Links:
    """Relative to the folder in which the links were made: of the files, in their order, and of the folders that hold them."""

    files: tuple[str, ...]
    folders: tuple[str, ...]


@contextmanager
def linked(files: Sequence[Path], folder: Path) -> Iterator[Links]:
    """Links to the files in folder/sources, which is gone in the end. A file keeps its own name where that is a plain one."""
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
