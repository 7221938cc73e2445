"""Where HGQ2 lies beside the environment's packages, and how Python finds it there.

The distribution `hgq2` also holds a package `qkeras`. Installed as usual, it would overwrite that of qkeras-v3. So it has a
folder of its own, from which Python gets two packages by name and no others. Imported with fpga_ml, so it imports little.
"""

from __future__ import annotations

import importlib.abc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

PINNED = {"hgq2": "0.2.0", "quantizers": "1.2.2"}  # distributions and their versions
PACKAGES = ("hgq", "quantizers")  # what is imported from them


def folder() -> Path:
    """Where HGQ2 lies, or will lie: in this Python environment, or in the user's cache where that cannot be written."""
    places = [*_places()]
    lies = (place for place in places if complete(place))
    return next(lies, None) or next((place for place in places if _writable(place)), places[0])


def expose() -> None:
    """Let Python find HGQ2 in its folder from now on."""
    if not any(isinstance(finder, _Beside) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Beside())


class _Beside(importlib.abc.MetaPathFinder):
    """Finds the packages of HGQ2, and nothing else. What the environment has of its own comes first: hls4ml brings
    quantizers."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in PACKAGES:
            return None
        others = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        # A mere folder of that name, which Python would take for a package without code, has no origin.
        own = next((spec for spec in others if spec is not None and spec.origin is not None), None)
        return own or PathFinder.find_spec(name, [str(folder())])


def _places() -> Iterator[Path]:
    """The versions are in the name: other versions are another folder."""
    name = "-".join(word for pin in PINNED.items() for word in pin)
    yield Path(sys.prefix) / "share" / "fpga_ml" / name
    with suppress(RuntimeError):  # the user has no home folder
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fpga_ml" / name


def complete(place: Path) -> bool:
    return all((place / package / "__init__.py").is_file() for package in PACKAGES)


def _writable(place: Path) -> bool:
    """Whether the folder can be made."""
    above = next(parent for parent in place.parents if parent.exists())
    return os.access(above, os.W_OK | os.X_OK)
