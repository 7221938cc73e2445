"""The one Keras layer that we add: batch normalisation as the hardware does it."""

from __future__ import annotations

from typing import Any

import keras
from qkeras import get_quantizer


@keras.saving.register_keras_serializable(package="fpga_ml")
class Affine(keras.layers.Layer):  # type: ignore[misc]
    """y = q_s(scale) * x + q_b(bias) per channel, exact in fixed point.

    What remains of a batch normalisation once its statistics are frozen: scale = gamma / sqrt(var + eps),
    bias = beta - scale * mean (Ioffe, Szegedy, arXiv:1502.03167, algorithm 2). Channels last.
    """

    def __init__(self, scale_quantizer: Any = None, bias_quantizer: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale_quantizer = get_quantizer(scale_quantizer)
        self.bias_quantizer = get_quantizer(bias_quantizer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = (input_shape[-1],)
        self.scale = self.add_weight(name="scale", shape=channels, initializer="ones")
        self.bias = self.add_weight(name="bias", shape=channels, initializer="zeros")

    def call(self, inputs: Any) -> Any:
        scale = self.scale_quantizer(self.scale) if self.scale_quantizer else self.scale
        bias = self.bias_quantizer(self.bias) if self.bias_quantizer else self.bias
        return inputs * scale + bias

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "scale_quantizer": keras.saving.serialize_keras_object(self.scale_quantizer),
            "bias_quantizer": keras.saving.serialize_keras_object(self.bias_quantizer),
        }
