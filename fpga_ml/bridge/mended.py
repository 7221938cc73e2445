"""hls4ml with all that we add to it and mend in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import fpga_ml.bridge.celeste
import fpga_ml.bridge.copied
import fpga_ml.bridge.framed
import fpga_ml.bridge.handlers
import fpga_ml.bridge.hgq
import fpga_ml.bridge.mends
import fpga_ml.bridge.normalise
import fpga_ml.bridge.precision
import fpga_ml.bridge.quantizers
import fpga_ml.bridge.recurrent
import fpga_ml.bridge.repacked
import fpga_ml.bridge.rounders
import fpga_ml.bridge.tables
import fpga_ml.bridge.tensors  # noqa: F401  (each adds its patches)
from fpga_ml.bridge.patches import ADDED, MENDED


@contextmanager
def mended() -> Iterator[None]:
    """While a graph is converted or a project written by us; afterwards hls4ml is as it was."""
    with ADDED.applied(), MENDED.applied():
        yield
