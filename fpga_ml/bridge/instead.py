"""What to use in the place of activations that do not convert but that people often have."""

from __future__ import annotations

from collections.abc import Mapping

from fpga_ml.activations import ACTIVATIONS
from fpga_ml.errors import closest

_QUANTIZERS: Mapping[str, str] = {
    "bernoulli": "use binary(use_01=True), or stochastic_binary: bernoulli draws at random in inference too",
    "quantized_ulaw": "use quantized_bits or quantized_tanh: the values of quantized_ulaw are logarithms, of no fixed point",
}


def for_activation(name: str, allowed: frozenset[str]) -> str:
    """What to do about an activation that does not convert."""
    known = ACTIVATIONS.get(name)
    if known is not None and known.instead:
        return known.instead
    if name in _QUANTIZERS:
        return _QUANTIZERS[name]
    near = closest(name, allowed)
    return f"did you mean '{near}'?" if near else f"use one of {', '.join(sorted(allowed))}"
