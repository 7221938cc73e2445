"""QKeras layers that fold a batch normalisation become the layers that they are at inference.

The moving statistics are folded into kernel and bias, and the quantizers round what comes out. `folding_mode` and
`ema_freeze_delay` matter in training only. The products are QKeras' own, in float32, so that no rounding goes another way.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import qkeras
from keras import ops

from fpga_ml.frontend.rebuild import weight_quantizers
from fpga_ml.frontend.standins import StandIn, by_class

_TWINS = {
    "QDenseBatchnorm": qkeras.QDense,
    "QConv2DBatchnorm": qkeras.QConv2D,
    "QDepthwiseConv2DBatchnorm": qkeras.QDepthwiseConv2D,
}
FOLDED = frozenset(_TWINS)


def folded_normalisations(model: Any) -> Any:
    """The model with plain layers in the place of such ones; the model itself where there is none."""
    return by_class(model, dict.fromkeys(FOLDED, _Folded))


class _Folded(StandIn):
    def results(self, x: Any, *_: Any, **given: Any) -> Any:
        return self.once(self.name, lambda _: plain_layer(self.layer), folded_weights(self.layer))(x)


def plain_layer(layer: Any) -> Any:
    """The layer of FOLDED without its normalisation, and with a bias."""
    twin = _TWINS[type(layer).__name__]
    taken = {*inspect.signature(twin).parameters, "name", "dtype", *(["groups"] if hasattr(layer, "groups") else [])}
    config = {k: v for k, v in layer.get_config().items() if k in taken - {"mask"}}  # which QKeras does not apply here
    return twin.from_config(config | weight_quantizers(layer) | {"activation": layer.activation, "use_bias": True})


def folded_weights(layer: Any) -> list[np.ndarray]:
    """Kernel and bias before they are quantised."""
    norm, deep = layer.batchnorm, hasattr(layer, "depthwise_kernel")
    kernel = layer.depthwise_kernel if deep else layer.kernel
    variance = norm.moving_variance + norm.epsilon
    scale = (ops.rsqrt(variance) if deep else 1 / ops.sqrt(variance)) * norm.gamma
    bias = scale * ((layer.bias if layer.use_bias else 0) - norm.moving_mean) + norm.beta
    by_output = ops.reshape(scale, kernel.shape[2:]) if deep else scale
    return [ops.convert_to_numpy(by_output * kernel), ops.convert_to_numpy(bias)]
