"""The layers of the Celeste kernel."""

from __future__ import annotations

from typing import Any

from fpga_ml.bridge.readers.registry import (
    common_of,
    reads,
)
from fpga_ml.layers.base import Layer
from fpga_ml.layers.celeste import Exponents, PatchSums, PixelTerms


@reads("CelesteExponents")
def _exponents(node: Any) -> Layer:
    return Exponents(**common_of(node), design=node.design)


@reads("CelesteTerms")
def _pixel_terms(node: Any) -> Layer:
    return PixelTerms(**common_of(node), design=node.design)


@reads("CelesteSums")
def _patch_sums(node: Any) -> Layer:
    first, count = node.chosen
    return PatchSums(**common_of(node), first=first, count=count, moments=node.moments, patch=node.patch)
