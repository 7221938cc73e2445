"""Batch normalisation that folds into the linear layer before it: y = s (W x + b) + t = (sW) x + (sb + t)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from fpga_ml.frontend.kinds import activation_name
from fpga_ml.frontend.layers import Affine
from fpga_ml.frontend.rebuild import Call, consumers, over_last_axis

INFERENCE_IDENTITY = frozenset({"Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "AlphaDropout"})
_NORMALISE = ("BatchNormalization", "QBatchNormalization")


def folds(every: Sequence[Call], outputs: Sequence[Any], kept: Collection[str] = ()) -> dict[str, str]:
    """{batch normalisation: linear layer} of those that fold: behind a float linear layer that nothing else reads.
    kept: layers that stay as they are."""
    readers = consumers(every, skip=INFERENCE_IDENTITY)
    uses = Counter(c.layer.name for c in every)
    return {
        behind[0].layer.name: c.layer.name
        for c in every
        if type(c.layer).__name__ in ("Dense", "Conv1D", "Conv2D")
        and not activation_name(c.layer)
        and uses[c.layer.name] == 1
        and c.layer.name not in kept
        and len(behind := readers[c.key]) == 1
        and is_affine(behind[0].layer)
        and type(behind[0].layer).__name__ != "QBatchNormalization"
        and over_last_axis(behind[0])
        and not any(t is out for t in outputs for out in c.outputs)
    }


def linear_weights(model: Any, layer: Any, folded: Mapping[str, str]) -> dict[str, np.ndarray]:
    """{variable: values} in the layer's order, those of a batch normalisation that folds included. folded: as of `folds`."""
    values = {w.name: np.asarray(w) for w in layer.weights}
    norm = next((n for n, linear in folded.items() if linear == layer.name), None)
    if norm is None:
        return values
    scale, shift = affine_of(model.get_layer(norm))
    bias = values.get("bias", np.zeros(scale.shape))
    return {"kernel": values["kernel"] * scale, "bias": bias * scale + shift}


def is_affine(layer: Any) -> bool:
    """Whether it becomes a scale and an offset of each channel."""
    return type(layer).__name__ in _NORMALISE or (isinstance(layer, Affine) and layer.scale_quantizer is None)


def affine_of(norm: Any) -> tuple[np.ndarray, np.ndarray]:
    """(scale, bias), float64, of a batch normalisation with its quantizers applied where it has any, or of an Affine."""
    if isinstance(norm, Affine):
        return np.asarray(norm.scale, np.float64), np.asarray(norm.bias, np.float64)

    def value(name: str, default: float) -> np.ndarray:
        weight = getattr(norm, name, None)
        if weight is None:
            return np.asarray(default)
        short = {"moving_mean": "mean", "moving_variance": "variance"}.get(name, name)
        quantizer = getattr(norm, f"{short}_quantizer_internal", None)
        return np.asarray(quantizer(weight) if quantizer else weight, np.float64)

    scale = value("gamma", 1.0) / np.sqrt(value("moving_variance", 1.0) + norm.epsilon)
    quantizer = getattr(norm, "inverse_quantizer_internal", None)
    if quantizer is not None:
        scale = np.asarray(quantizer(np.asarray(scale, np.float32)), np.float64)
    return scale, value("beta", 0.0) - scale * value("moving_mean", 0.0)
