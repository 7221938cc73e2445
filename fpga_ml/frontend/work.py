"""How much work the samples are, before a model is quantised and simulated on them."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.rebuild import calls
from fpga_ml.machine import MOST_MINUTES, memory_bytes

_GOOD_MINUTES = 5
_MOST_MEMORY = 0.5  # of the machine's
_CSIM_S = 1e-7  # a product in C-simulation
_VALUE_BYTES = 24  # of a layer's result: float, quantised and as the emulator has it


def check_samples(model: Any, samples: int) -> None:
    """Raise FpgaMlError for more samples than C-simulation gets through in half an hour, or than the memory holds the
    layers' results of."""
    products, values = 0, 0
    for call in calls(model):
        steps = prod(call.outputs[0].shape[1:-1])
        if hasattr(call.layer, "return_sequences"):
            steps = call.inputs[0].shape[1]
        products += steps * sum(int(np.prod(w.shape)) for w in call.layer.weights)
        values += prod(call.outputs[0].shape[1:])
    minutes, memory = products * samples * _CSIM_S / 60, values * samples * _VALUE_BYTES
    most = _MOST_MEMORY * memory_bytes()
    enough = int(samples * min(1, _GOOD_MINUTES / max(minutes, 1e-9), most / max(memory, 1)))
    if minutes > MOST_MINUTES or memory > most:
        raise FpgaMlError(
            f"to simulate {samples} samples would take about {minutes:.0f} minutes and {memory / 1e9:.1f} GB: "
            f"each is {products:,} products",
            where=f"model '{model.name}'",
            do=f"simulate fewer with --vectors {max(1, enough)}, or go on with --force",
        )
