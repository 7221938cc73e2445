"""What hls4ml layers of our own, with C++ of our own, have in common."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fpga_ml.errors import FpgaMlError


def check_backend(node: Any, backends: Collection[str]) -> None:
    """Raises FpgaMlError where the layer has no C++ for the backend of its model; backends: those for which it has."""
    backend = node.model.config.backend.name
    if backend not in backends:
        raise FpgaMlError(
            f"layer '{node.name}' ({node.class_name}) has no C++ for backend {backend}",
            where=f"layer '{node.name}'",
            do=f"use --backend {' or '.join(b for b in backends if b != 'OpenRTL')}",
        )
