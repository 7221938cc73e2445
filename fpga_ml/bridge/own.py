"""What hls4ml layers of our own, with C++ of our own, have in common."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from hls4ml.backends import get_available_backends, get_backend

from fpga_ml.errors import FpgaMlError

BACKENDS = ("Vivado", "Vitis", "OpenRTL")  # whose C++ it is


def register_source(header: Path) -> None:
    """A header that the projects of all of them get."""
    for name in BACKENDS:
        if name.lower() in get_available_backends():
            get_backend(name).register_source(header)


def check_backend(node: Any, backends: Collection[str]) -> None:
    """Raises FpgaMlError where the layer has no C++ for the backend of its model; backends: those for which it has."""
    backend = node.model.config.backend.name
    if backend not in backends:
        raise FpgaMlError(
            f"layer '{node.name}' ({node.class_name}) has no C++ for backend {backend}",
            where=f"layer '{node.name}'",
            do=f"use --backend {' or '.join(b for b in backends if b != 'OpenRTL')}",
        )
