"""HGQ2, high-granularity quantisation: the one place that imports it."""

from __future__ import annotations

from types import ModuleType


def hgq2() -> ModuleType:
    """The package `hgq`; its layers are then registered with Keras, so that models with them load."""
    import hgq
    import hgq.utils.sugar

    module: ModuleType = hgq
    return module
