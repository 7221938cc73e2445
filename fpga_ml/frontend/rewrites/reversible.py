"""Keras' ReversibleEmbedding as an Embedding, and where it is called in reverse as a Dense of the same numbers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from fpga_ml.frontend.standins import Composed, by_class

REVERSIBLE = frozenset(["ReversibleEmbedding"])


def reversed_embeddings(model: Any) -> Any:
    """The model with such layers rewritten; the model itself where there is none."""
    return by_class(model, dict.fromkeys(REVERSIBLE, _Reversible))


class _Reversible(Composed):
    def results(self, x: Any, reverse: bool = False, **given: Any) -> Any:
        layer, embeddings = self.layer, np.asarray(self.layer.embeddings, np.float64)
        if not reverse:
            kind, sizes = keras.layers.Embedding, (layer.input_dim, layer.output_dim)
            return self.once(self.name, lambda name: kind(*sizes, name=name), [embeddings])(x)
        kernel = embeddings.T if layer.tie_weights else np.asarray(layer.reverse_embeddings, np.float64)
        cap, units = layer.logit_soft_cap, layer.input_dim
        weights = [kernel if cap is None else kernel / cap]
        logits = self.part("logits", lambda name: keras.layers.Dense(units, use_bias=False, name=name), weights)(x)
        if cap is None:
            return logits
        capped = self.part("capped", lambda name: keras.layers.Activation("tanh", name=name))(logits)
        return self.affine("scaled", capped, cap)
