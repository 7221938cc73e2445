"""Layers whose weights are made of several variables, or whose class adds nothing to what it computes, as plain ones."""

from __future__ import annotations

from typing import Any

import keras

from fpga_ml.frontend.rebuild import Call, copy_layer
from fpga_ml.frontend.standins import StandIn, replaced

_ADAPTED = ("lora_kernel_a", "lora_kernel_b", "lora_embeddings_a", "lora_embeddings_b")


def merged_weights(model: Any) -> Any:
    """The model with such layers as plain ones; the model itself where there is none."""
    found = replaced(model, _of)
    return model if found is model else merged_weights(found)  # one may hold another


def _of(c: Call) -> StandIn | None:
    if type(c.layer).__name__ == "SpectralNormalization":
        return _Held(c.layer)
    return _Adapted(c.layer) if getattr(c.layer, "lora_enabled", False) else None


class _Adapted(StandIn):
    """LoRA: a product of two small matrices is added to the kernel (E. Hu et al., arXiv:2106.09685)."""

    def results(self, x: Any, *_: Any, **given: Any) -> Any:
        layer, merged = self.layer, "embeddings" if hasattr(self.layer, "embeddings") else "kernel"
        weights = [getattr(layer, merged) if w.name == merged else w for w in layer.weights if w.name not in _ADAPTED]
        changes = {"lora_rank": None, "lora_alpha": None}
        arrays = [keras.ops.convert_to_numpy(w) for w in weights]
        return self.part("", lambda name: copy_layer(layer, changes={**changes, "name": name}), arrays)(x, **given)


class _Held(StandIn):
    """After training, the kernel is divided by its norm already."""

    def results(self, x: Any, *_: Any, **__: Any) -> Any:
        inner = self.layer.layer
        return self.part("", lambda name: copy_layer(inner, changes={"name": name}), inner.get_weights())(x)
