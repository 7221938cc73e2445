"""HGQ2, which lies beside the environment's packages: where, how it gets there, and how Python finds it.

The distribution `hgq2` also holds a package `qkeras`. Installed as usual, it would overwrite that of qkeras-v3. So it has a
folder of its own, from which Python gets two packages by name and no others.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.metadata
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain.run import Command, run

PINNED = {"hgq2": "0.2.0", "quantizers": "1.2.2"}  # distributions and their versions
PACKAGES = ("hgq", "quantizers")  # what is imported from them
INSTALL = "fpga-ml doctor --install hgq2"
_TIMEOUT_S = 600


def folder() -> Path:
    """Where HGQ2 lies, or will lie: in this Python environment, or in the user's cache where that cannot be written."""
    places = [*_places()]
    lies = (place for place in places if _complete(place))
    return next(lies, None) or next((place for place in places if _writable(place)), places[0])


def installed() -> importlib.metadata.Distribution | None:
    """HGQ2 as it would be imported: the environment's own, or that which lies beside."""
    return next(iter(importlib.metadata.Distribution.discover(name="hgq2", path=[*sys.path, str(folder())])), None)


def install() -> str:
    """Install HGQ2 beside, where it is not there yet; what was done, in one line. Raises FpgaMlError."""
    there = installed()
    if there is not None:
        return f"HGQ2 {there.version} is there already: {there.locate_file('')}"
    target, pins = folder(), [f"{name}=={version}" for name, version in PINNED.items()]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]
    by_hand = f"check pip's connection and settings, or install by hand: {shlex.join([*pip[:4], '--no-deps', '--target'])}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=target.parent) as scratch:
            made = Path(scratch) / "packages"  # with the usual permissions, which the temporary folder itself lacks
            run(
                Command([*pip, "--target", str(made), *pins], target.parent, {"PIP_USER": "0"}),
                what=f"pip cannot install {' and '.join(pins)}",
                do=f"{by_hand} {shlex.quote(str(target))} {' '.join(pins)}",
                timeout_s=_TIMEOUT_S,
            )
            _put(made, target)
    except OSError as error:
        do = "remove what is there, or make the folder above it writable"
        raise FpgaMlError(f"HGQ2 cannot be installed: {error.strerror}", where=str(target), do=do) from None
    finally:
        with suppress(OSError):  # it holds something
            target.parent.rmdir()
    importlib.invalidate_caches()
    return f"HGQ2 {PINNED['hgq2']} is installed: {target}"


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


def _put(made: Path, target: Path) -> None:
    try:
        made.rename(target)
    except OSError:
        if not _complete(target):  # nobody else was faster
            raise


def _places() -> Iterator[Path]:
    """The versions are in the name: other versions are another folder."""
    name = "-".join(word for pin in PINNED.items() for word in pin)
    yield Path(sys.prefix) / "share" / "fpga_ml" / name
    with suppress(RuntimeError):  # the user has no home folder
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fpga_ml" / name


def _complete(place: Path) -> bool:
    return all((place / package / "__init__.py").is_file() for package in PACKAGES)


def _writable(place: Path) -> bool:
    """Whether the folder can be made."""
    above = next(parent for parent in place.parents if parent.exists())
    return os.access(above, os.W_OK | os.X_OK)
