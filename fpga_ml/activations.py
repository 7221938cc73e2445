"""Every activation function that Keras and QKeras have by name, and bare operations of one value: which convert, how they
are computed, and what to use in the place of one that does not convert. All other lists of them are made of this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import erf, ndtr

Array = npt.NDArray[np.float64]
Curve = Callable[[Array], Array]

_SELU, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
EVERYWHERE = (-np.inf, np.inf)


def _sigmoid(x: Array) -> Array:
    found: Array = np.exp(-np.logaddexp(0.0, -x))
    return found


def _elu(x: Array, alpha: float = 1.0) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def _celu(x: Array, alpha: float = 1.0) -> Array:
    found: Array = np.maximum(x, 0.0) + alpha * np.expm1(np.minimum(x, 0.0) / alpha)
    return found


def _gelu(x: Array, approximate: float = 0.0) -> Array:
    """Hendrycks, Gimpel, arXiv:1606.08415; approximate: by a tanh."""
    by_tanh = 0.5 * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)))
    found: Array = x * (by_tanh if approximate else ndtr(x))
    return found


def _threshold(x: Array, threshold: float, default: float) -> Array:
    found: Array = np.where(x > threshold, x, default)
    return found


def _soft_shrink(x: Array, threshold: float = 0.5) -> Array:
    found: Array = x - x.clip(-threshold, threshold)
    return found


@dataclass(frozen=True)
class Activation:
    """converts: whether it may be an activation of a model; curve: the function in float64, where it is one of a single
    value that a table computes, its parameters (elu's alpha, the slope of a hard function) behind the value; by_table:
    whether a table computes it, softmax too; ours: whether hls4ml has no such function; gate: whether a recurrent layer may
    have it; domain: of its argument, one outside counts as the nearest end; pole: a place within where the function is
    infinite; instead: what to use in its place."""

    converts: bool = False
    curve: Callable[..., Array] | None = None
    by_table: bool = False
    ours: bool = False
    gate: bool = False
    domain: tuple[float, float] = EVERYWHERE
    pole: float | None = None
    instead: str = ""

    @property
    def walls(self) -> tuple[float, ...]:
        """Places that a table of few steps keeps away from."""
        ends = tuple(end for end in self.domain if np.isfinite(end))
        return ends if self.pole is None else (*ends, self.pole)


def _exact(*, gate: bool = False) -> Activation:
    """Computed without a table."""
    return Activation(converts=True, gate=gate)


def _curve(curve: Callable[..., Array], *, gate: bool = False) -> Activation:
    return Activation(converts=True, curve=curve, by_table=True, gate=gate)


def _ours(curve: Callable[..., Array], domain: tuple[float, float] = EVERYWHERE, pole: float | None = None) -> Activation:
    """Of which hls4ml has nothing: by a table of ours."""
    return Activation(converts=True, curve=curve, by_table=True, ours=True, domain=domain, pole=pole)


_UNKNOWN = Activation()
_SILU = _ours(lambda x: x * _sigmoid(x))
_HARD_SILU = _ours(lambda x: x * ((x + 3.0).clip(0.0, 6.0) / 6.0))
_ABSOLUTE = _ours(np.abs)
ACTIVATIONS: dict[str, Activation] = {
    "linear": _exact(gate=True),
    "relu": _exact(gate=True),
    "relu6": _exact(),
    "leaky_relu": _exact(),
    "binary_tanh": _exact(),
    "ternary_tanh": _exact(),
    "sigmoid": _curve(_sigmoid, gate=True),
    "tanh": _curve(np.tanh, gate=True),
    "softplus": _curve(lambda x: np.logaddexp(0.0, x)),
    "softsign": _curve(lambda x: x / (1.0 + np.abs(x))),
    "elu": _curve(_elu),
    "selu": _curve(lambda x: _SELU * _elu(x, _SELU_ALPHA)),
    "hard_sigmoid": _curve(lambda x, slope=1.0: (slope * x + 0.5).clip(0.0, 1.0), gate=True),
    "hard_tanh": _curve(lambda x, slope=1.0: (slope * x).clip(-1.0, 1.0), gate=True),
    "softmax": Activation(converts=True, by_table=True),
    "gelu": _ours(_gelu),
    **dict.fromkeys(("silu", "swish"), _SILU),
    **dict.fromkeys(("hard_silu", "hard_swish"), _HARD_SILU),
    "mish": _ours(lambda x: x * np.tanh(np.logaddexp(0.0, x))),
    "celu": _ours(_celu),
    "squareplus": _ours(lambda x, b=4.0: (x + np.sqrt(x**2 + b)) / 2.0),
    "exponential": _ours(np.exp),
    "log_sigmoid": _ours(lambda x: -np.logaddexp(0.0, -x)),
    "hard_shrink": _ours(lambda x, threshold=0.5: np.where(np.abs(x) > threshold, x, 0.0)),
    "soft_shrink": _ours(_soft_shrink),
    "tanh_shrink": _ours(lambda x: x - np.tanh(x)),
    "sparse_plus": _ours(lambda x: np.where(x < 1.0, (x.clip(-1.0, 1.0) + 1.0) ** 2 / 4.0, x)),
    "sparse_sigmoid": _ours(lambda x: (0.5 * (x + 1.0)).clip(0.0, 1.0)),
    "threshold": Activation(instead="use keras.ops.threshold(x, threshold, default_value), which says its two numbers"),
    "log_softmax": Activation(instead="use softmax: the order of the classes is the same"),
    "sparsemax": Activation(instead="use softmax"),
    "glu": Activation(instead="Multiply one half by the sigmoid of the other"),
    **dict.fromkeys(("binary_sigmoid", "smooth_sigmoid", "smooth_tanh"), _UNKNOWN),
}
# By the names that keras.ops gives them: what is no activation.
OPERATIONS: dict[str, Activation] = {
    "threshold": _ours(_threshold),
    **dict.fromkeys(("abs", "absolute"), _ABSOLUTE),
    "negative": _ours(np.negative),
    "sign": _ours(np.sign),
    "square": _ours(np.square),
    "sqrt": _ours(np.sqrt, (0.0, np.inf)),
    "rsqrt": _ours(lambda x: 1.0 / np.sqrt(x), (0.0, np.inf)),
    "reciprocal": _ours(lambda x: 1.0 / x, pole=0.0),
    "log": _ours(np.log, (0.0, np.inf)),
    "log2": _ours(np.log2, (0.0, np.inf)),
    "log10": _ours(np.log10, (0.0, np.inf)),
    "log1p": _ours(np.log1p, (-1.0, np.inf)),
    "exp2": _ours(np.exp2),
    "expm1": _ours(np.expm1),
    "sin": _ours(np.sin),
    "cos": _ours(np.cos),
    "sinh": _ours(np.sinh),
    "cosh": _ours(np.cosh),
    "arcsin": _ours(np.arcsin, (-1.0, 1.0)),
    "arccos": _ours(np.arccos, (-1.0, 1.0)),
    "arctan": _ours(np.arctan),
    "arcsinh": _ours(np.arcsinh),
    "erf": _ours(erf),
}
FUNCTIONS = {**ACTIVATIONS, **OPERATIONS}
CONVERTIBLE = frozenset(name for name, a in ACTIVATIONS.items() if a.converts)
BY_TABLE = frozenset(name for name, a in FUNCTIONS.items() if a.by_table)
GATES = frozenset(name for name, a in ACTIVATIONS.items() if a.gate)
CURVES = {name: a.curve for name, a in FUNCTIONS.items() if a.curve is not None}
ONLY_OURS = frozenset(name for name, a in FUNCTIONS.items() if a.ours)


def curve(function: str, *parameters: float) -> Curve:
    """A function of CURVES in float64; infinite at a pole, and at an end of its domain where it is."""
    of, domain = CURVES[function], FUNCTIONS[function].domain

    def held(x: Array) -> Array:
        with np.errstate(divide="ignore", over="ignore"):
            return of(np.asarray(x, np.float64).clip(*domain), *parameters)

    return held
