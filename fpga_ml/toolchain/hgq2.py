"""HGQ2 in the folder where fpga_ml finds it: whether it is there, and its installation by pip."""

from __future__ import annotations

import importlib
import importlib.metadata
import shlex
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain.beside import PINNED, complete, folder
from fpga_ml.toolchain.run import Command, run

INSTALL = "fpga-ml doctor --install hgq2"
_TIMEOUT_S = 600


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
    importlib.metadata.MetadataPathFinder().invalidate_caches()  # which Python 3.11 forgets
    return f"HGQ2 {PINNED['hgq2']} is installed: {target}"


def _put(made: Path, target: Path) -> None:
    try:
        made.rename(target)
    except OSError:
        if not complete(target):  # nobody else was faster
            raise
