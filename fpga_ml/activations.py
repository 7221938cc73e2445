"""Every activation function that Keras and QKeras have by name: which convert, how they are computed, and what to use in the
place of one that does not convert. All other lists of activations are made of this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Curve = Callable[[Array], Array]

_SELU, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def _elu(x: Array, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


@dataclass(frozen=True)
class Activation:
    """converts: whether hls4ml has it; curve: the function in float64, where it is one of a single value that a table
    computes (its second argument: elu's alpha, or the slope of a hard function in the middle); by_table: whether a table
    computes it, softmax too; gate: whether a recurrent layer may have it; instead: what to use in its place."""

    converts: bool = False
    curve: Callable[[Array, float], Array] | None = None
    by_table: bool = False
    gate: bool = False
    instead: str = ""


def _exact(*, gate: bool = False) -> Activation:
    """Computed without a table."""
    return Activation(converts=True, gate=gate)


def _curve(curve: Callable[[Array, float], Array], *, gate: bool = False) -> Activation:
    return Activation(converts=True, curve=curve, by_table=True, gate=gate)


_PLAINER = Activation(instead="train with relu, elu or softplus, which convert")
_HARD = Activation(instead="train with relu, or Multiply the value by its hard_sigmoid")
_UNKNOWN = Activation()
ACTIVATIONS: dict[str, Activation] = {
    "linear": _exact(gate=True),
    "relu": _exact(gate=True),
    "relu6": _exact(),
    "leaky_relu": _exact(),
    "binary_tanh": _exact(),
    "ternary_tanh": _exact(),
    "sigmoid": _curve(lambda x, _: np.exp(-np.logaddexp(0.0, -x)), gate=True),
    "tanh": _curve(lambda x, _: np.tanh(x), gate=True),
    "softplus": _curve(lambda x, _: np.logaddexp(0.0, x)),
    "softsign": _curve(lambda x, _: x / (1.0 + np.abs(x))),
    "elu": _curve(_elu),
    "selu": _curve(lambda x, _: _SELU * _elu(x, _SELU_ALPHA)),
    "hard_sigmoid": _curve(lambda x, slope: (slope * x + 0.5).clip(0.0, 1.0), gate=True),
    "hard_tanh": _curve(lambda x, slope: (slope * x).clip(-1.0, 1.0), gate=True),
    "softmax": Activation(converts=True, by_table=True),
    "exponential": Activation(
        curve=lambda x, _: np.exp(np.minimum(x, 709.0)), instead="use softplus, or apply it to the outputs"
    ),
    **dict.fromkeys(("silu", "swish", "gelu", "mish", "celu", "squareplus"), _PLAINER),
    **dict.fromkeys(("hard_silu", "hard_swish"), _HARD),
    "log_softmax": Activation(instead="use softmax: the order of the classes is the same"),
    "sparsemax": Activation(instead="use softmax"),
    "glu": Activation(instead="Multiply one half by the sigmoid of the other"),
    **dict.fromkeys(("hard_shrink", "log_sigmoid", "soft_shrink", "sparse_plus", "sparse_sigmoid"), _UNKNOWN),
    **dict.fromkeys(("tanh_shrink", "threshold", "binary_sigmoid", "smooth_sigmoid", "smooth_tanh"), _UNKNOWN),
}
CONVERTIBLE = frozenset(name for name, a in ACTIVATIONS.items() if a.converts)
BY_TABLE = frozenset(name for name, a in ACTIVATIONS.items() if a.by_table)
GATES = frozenset(name for name, a in ACTIVATIONS.items() if a.gate)
CURVES = {name: a.curve for name, a in ACTIVATIONS.items() if a.curve is not None}


def curve(function: str, parameter: float = 1.0) -> Curve:
    """A function of CURVES in float64."""
    return lambda x: CURVES[function](np.asarray(x, np.float64), parameter)
