"""What hls4ml layers of our own, with C++ of our own, have in common, and what is asked of hls4ml's."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from hls4ml.backends import backend
from hls4ml.model.types import FixedPrecisionType

from fpga_ml.backends import OURS
from fpga_ml.bridge.patches import MENDED
from fpga_ml.errors import FpgaMlError
from fpga_ml.numerics import FixedType

WITH_OWN_CPP = (*OURS, "OpenRTL")


def add_source(header: Path) -> None:
    """A header that the projects of all of them get, while our mends are applied."""
    for name in WITH_OWN_CPP:
        found = backend.backend_map.get(name.lower())  # get_backend would tell our plugin that a conversion begins
        if found is not None:
            MENDED.add(found.custom_source, f"nnet_utils{os.path.sep}{header.name}", header)


def is_padded(node: Any) -> bool:
    """Whether the windows of a convolution or a pooling reach beyond the image."""
    return any(node.get_attr(f"pad_{side}", 0) for side in ("top", "bottom", "left", "right"))


def other_windows(node: Any) -> bool:
    """Whether the windows of a pooling overlap, leave pixels out or reach beyond the image."""
    sides = [s for s in ("height", "width") if node.get_attr(f"pool_{s}") is not None]
    apart = any(node.get_attr(f"pool_{s}") != node.get_attr(f"stride_{s}") for s in sides)
    return node.class_name in ("Pooling1D", "Pooling2D") and (apart or is_padded(node))


def leaves_rows_out(node: Any) -> bool:
    """Whether the kernel of a convolution is one row high and does not see every row."""
    return bool(node.get_attr("filt_height") == 1 and node.get_attr("stride_height", 1) > 1)


def check_backend(node: Any, backends: Collection[str]) -> None:
    """Raises FpgaMlError where the layer has no C++ for the backend of its model; backends: those for which it has."""
    backend = node.model.config.backend.name
    if backend not in backends:
        kind = node.get_attr("activation") if node.class_name == "Activation" else node.class_name
        raise FpgaMlError(
            f"layer '{node.name}' ({kind}) has no C++ for backend {backend}",
            where=f"layer '{node.name}'",
            do=f"use --backend {' or '.join(b for b in backends if b != 'OpenRTL')}",
        )


def precision_of(t: FixedType) -> FixedPrecisionType:
    """The type as hls4ml has it."""
    return FixedPrecisionType(t.width, t.integer, t.signed, t.rounding.value, t.overflow.value)
