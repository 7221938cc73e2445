"""Normalisations in whole numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from fpga_ml.bridge.normalise import places
from fpga_ml.bridge.readers.registry import common_of, reads
from fpga_ml.layers.base import Layer
from fpga_ml.layers.normalise import Normalise


@reads("Normalise")
def _normalise(node: Any) -> Layer:
    group, parameter = places(node.grouping)
    index = np.argsort(group, kind="stable").reshape(-1, node.form.members)
    found = {}
    for ours, name, t in (("gamma", "scale", node.form.factor), ("beta", "bias", node.form.offset)):
        found[ours] = t.raw(np.asarray(node.get_weights(name).data, np.float64).reshape(-1))[parameter]
    return Normalise(**common_of(node), form=node.form, index=index, **found)
