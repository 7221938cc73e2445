"""Walking a Keras model: the one place that knows how to rebuild it call by call.

A *call* is one use of a layer in the graph. Its key is the layer's name (an input's: its tensor's), with `#1`, `#2` ...
behind it for further uses of a shared layer. Quantisation, calibration and the float64 references are all rebuilds.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from fpga_ml import progress
from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.adaptive import settled
from fpga_ml.frontend.layers import Affine, of_keras
from fpga_ml.frontend.normalise import UNROUNDED, Formula, Normalise
from fpga_ml.frontend.quantizers import keep_settings, quantised, type_of
from fpga_ml.frontend.traced import traced_whole
from fpga_ml.numerics import FixedType

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Call:
    """One use of a layer: its key, the layer, the tensors it reads and those it makes (of the original model)."""

    key: str
    layer: Any
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]


def as_functional(model: Any) -> Any:
    """Sequential and Functional models alike as a Functional one, sharing layers and weights."""
    if not isinstance(model, keras.Model):
        raise FpgaMlError(f"the model is of type {type(model).__name__}", do="give a Keras model")
    if not getattr(model, "built", False) or getattr(model, "inputs", None) is None:
        if getattr(model, "built", False) and (made := traced_whole(model)) is not None:
            return made
        raise FpgaMlError(
            "the model is not built: its input shape is unknown",
            where=f"model '{getattr(model, 'name', type(model).__name__)}'",
            do="give the first layer an Input(shape), or call the model once on data",
        )
    if isinstance(model, keras.Sequential):
        return keras.Model(_single(model.inputs), _single(model.outputs), name=model.name)
    return model


def inputs_of(model: Any) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """(name, shape without batch) of each input."""
    return tuple((t.name, tuple(t.shape[1:])) for t in model.inputs)


def calls(model: Any) -> list[Call]:
    """Every use of a layer, inputs included, in an order in which data flows."""
    functional = as_functional(model)
    seen: Counter[str] = Counter()
    found = []
    for depth in sorted(functional._nodes_by_depth, reverse=True):
        for node in functional._nodes_by_depth[depth]:
            layer = node.operation
            # Keras does not call an input's layer and its tensor alike; data are given by the tensor's name.
            name = node.outputs[0].name if isinstance(layer, keras.layers.InputLayer) else layer.name
            key = name if not seen[name] else f"{name}#{seen[name]}"
            seen[name] += 1
            found.append(Call(key, layer, tuple(node.input_tensors), tuple(node.outputs)))
    return found


def consumers(all_calls: Sequence[Call], skip: Collection[str] = ()) -> dict[str, list[Call]]:
    """For each call's key, the calls that read what it makes; through layers of the classes in `skip`."""
    makers = {id(t): c.key for c in all_calls for t in c.outputs}
    readers: dict[str, list[Call]] = {c.key: [] for c in all_calls}
    for c in reversed(all_calls):
        for tensor in c.inputs:
            through = type(c.layer).__name__ in skip
            readers[makers[id(tensor)]][:0] = readers[c.key] if through else [c]
    return readers


def over_last_axis(call: Call) -> bool:
    """Whether a batch normalisation is of channels, where they are last."""
    if isinstance(call.layer, Affine):
        return True
    axis = call.layer.axis[0] if isinstance(call.layer.axis, (list, tuple)) else call.layer.axis
    return axis in (-1, len(call.inputs[0].shape) - 1)


def rebuild(
    model: Any,
    make: Callable[[Any], Any],
    after: Callable[[Call, Any], Any] | None = None,
    *,
    dtype: str | None = None,
    inputs: Sequence[Any] = (),
    name: str | None = None,
) -> Any:
    """A new Functional model: `make(layer)` gives each layer's replacement, once for a shared layer, or None to leave it
    out; `after(call, tensor)` may put more behind a call's output. dtype: of the inputs, by default the model's; inputs: in
    place of ones like the model's, of any number of samples; name: by default the model's."""
    functional = as_functional(model)
    in_order = [c for c in calls(functional) if not isinstance(c.layer, keras.layers.InputLayer)]
    inputs = inputs or [keras.Input(t.shape[1:], dtype=dtype or t.dtype, name=t.name) for t in functional.inputs]
    made: dict[int, Any] = {}
    step = iter(in_order)

    def clone(layer: Any) -> Any:
        if id(layer) not in made:
            made[id(layer)] = make(layer)
        return made[id(layer)]

    def call(new_layer: Any, *args: Any, **kwargs: Any) -> Any:
        here = next(step)
        given = {k: v for k, v in kwargs.items() if v is not None}  # mask=None: not every layer takes one
        output = new_layer(*args, **given) if new_layer is not None else args[0]
        return after(here, output) if after else output

    outputs = functional._run_through_graph(inputs, operation_fn=clone, call_fn=call)
    return keras.Model(_single(inputs), outputs, name=name or functional.name)


def _single(items: Sequence[Any]) -> Any:
    """Keras names a lone tensor without a list around it."""
    return items[0] if len(items) == 1 else list(items)


def copy_weights(model: Any, weights: Mapping[str, Sequence[np.ndarray]]) -> Any:
    """The model, its layers of these names with these weights."""
    for layer in model.layers:
        if layer.name in weights and layer.weights:
            give_weights(layer, weights[layer.name])
    return model


def give_weights(layer: Any, weights: Sequence[np.ndarray]) -> None:
    """And what a preprocessing layer computes of them: Keras does that when it adapts to data, and when it loads a file."""
    layer.set_weights(weights)
    if weights and hasattr(layer, "finalize_state"):
        layer.finalize_state()


@contextmanager
def float64() -> Iterator[None]:
    """Keras in double precision: float32 sums pass 24 bits and are no reference."""
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


def copy_layer(layer: Any, dtype: str | None = None, changes: Mapping[str, Any] | None = None) -> Any:
    """A new layer of the same configuration, without weights, in the given float type, with some arguments changed."""
    name = (changes or {}).get("name", layer.name)
    if type(layer).__name__ == "QAdaptiveActivation":
        return settled(layer, name)
    config = {**{k: _initializer(v) for k, v in layer.get_config().items()}, **(changes or {})}
    if type(layer).__name__ == "QDenseBatchnorm":  # QKeras says more of it than it takes
        config = {k: v for k, v in config.items() if not k.startswith("renorm") and k != "synchronized"}
    copy = type(layer).from_config(_with_dtype(config, dtype) if dtype else config)
    copy.name = name  # the recurrent layers of qkeras-v3 forget it
    keep_settings(layer, copy, changes or ())
    return copy


def _initializer(setting: Any) -> Any:
    """QKeras' initializers hold the quantizer that a layer came with, of which some do not compute in float64: what is in
    them."""
    return (
        setting["config"]["initializer"]
        if isinstance(setting, dict) and setting.get("class_name") == "QInitializer"
        else setting
    )


def _with_dtype(config: Any, dtype: str) -> Any:
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return {**config, "config": {**config["config"], "name": dtype}}
        return {
            k: dtype if k == "dtype" and str(v).startswith("float") else _with_dtype(v, dtype) for k, v in config.items()
        }
    if isinstance(config, (list, tuple)):
        return type(config)(_with_dtype(v, dtype) for v in config)
    return config


def _exact_twin(layer: Any) -> Any:
    """A layer in float64 that rounds exactly, where qkeras-v3 and gelu cast to float32 or mix the two.

    Quantized activations of a plain fixed-point type are computed on float64; quantised weights are rounded once (see
    `_values`), and the twin carries no weight quantizers.
    """
    t = type_of(getattr(layer, "activation", None))
    if type(layer).__name__ == "QActivation" and t is not None:
        return keras.layers.Activation(_rounding(t), name=layer.name, dtype="float64")
    twin = copy_layer(layer, "float64", dict.fromkeys(weight_quantizers(layer)))
    if t is not None:
        twin.activation = _rounding(t)
    if getattr(layer, "activation", None) is keras.activations.gelu:
        twin.activation = of_keras("gelu")
    return twin


VARIABLES = {
    "kernel_quantizer": "kernel",
    "depthwise_quantizer": "depthwise_kernel",
    "pointwise_quantizer": "pointwise_kernel",
    "bias_quantizer": "bias",
    "scale_quantizer": "scale",
    "gamma_quantizer": "gamma",
    "beta_quantizer": "beta",
}


def weight_quantizers(layer: Any) -> dict[str, Any]:
    """{argument: quantizer} of a layer whose weights are simply rounded before use (recurrent cells are not)."""
    if "RNN" in type(layer).__name__ or type(layer).__name__ in ("QLSTM", "QGRU", "QBatchNormalization"):
        return {}
    found = {a: getattr(layer, f"{a}_internal", getattr(layer, a, None)) for a in VARIABLES}
    return {a: q for a, q in found.items() if q is not None}


def _values(layer: Any) -> list[np.ndarray]:
    """The weights that the layer computes with."""
    rounded_by = {VARIABLES[a]: q for a, q in weight_quantizers(layer).items()}
    if "depthwise_kernel" in rounded_by and "depthwise_kernel" not in {w.name for w in layer.weights}:
        rounded_by["kernel"] = rounded_by.pop("depthwise_kernel")  # as Keras names a depthwise layer's only kernel
    return [quantised(rounded_by[w.name], np.asarray(w)) if w.name in rounded_by else np.asarray(w) for w in layer.weights]


def _rounding(t: FixedType) -> Callable[[Any], Any]:
    """Round to even and saturate, on float64 tensors."""
    low, high = float(t.min_raw), float(t.max_raw)

    def round_to_type(x: Any) -> Any:
        return keras.ops.clip(keras.ops.round(x / t.lsb), low, high) * t.lsb

    return round_to_type


_LEAST_BATCH, _BATCH_VALUES = 256, 1 << 22  # samples, and values of all tensors of a batch


class Probe:
    """A float64 twin of a model that shows the tensor behind every call.

    `layers(x)` gives {key: array (N, ...)}; `outputs(x)` the model's outputs. x: list of arrays, one per input, already
    of the values that the hardware receives. What a stateful layer keeps is lost between two batches: there is one then.
    """

    def __init__(self, model: Any) -> None:
        tensors: dict[str, Any] = {}

        def keep(call: Call, output: Any) -> Any:
            first = output[0] if isinstance(output, (list, tuple)) else output
            tensors[call.key] = first
            made = first._keras_history.operation
            if isinstance(made, Normalise):
                read = made._inbound_nodes[-1].input_tensors[0]
                tensors[f"{call.key}{UNROUNDED}"] = Formula(made, name=f"{made.name}_unrounded_{len(tensors)}")(read)
            return output

        weights = {layer.name: _values(layer) for layer in as_functional(model).layers if layer.weights}
        with float64():
            twin = rebuild(model, _exact_twin, keep, dtype="float64")
            for name, values in weights.items():
                twin.get_layer(name).set_weights(values)
            inputs = {t.name: t for t in twin.inputs}
            self._tensors = {**inputs, **tensors}
            self._model = twin
        size = sum(math.prod(d or 1 for d in t.shape[1:]) for t in self._tensors.values())
        keeps = any(getattr(layer, "stateful", False) for layer in model.layers)
        self.batch = sys.maxsize if keeps else max(_LEAST_BATCH, _BATCH_VALUES // size)

    def outputs(self, x: Sequence[Array]) -> list[Array]:
        return self._run(self._model, x)

    def layers(self, x: Sequence[Array]) -> dict[str, Array]:
        return self.select(list(self._tensors), x)

    def select(self, keys: Sequence[str], x: Sequence[Array]) -> dict[str, Array]:
        """As `layers`, for some tensors only."""
        wanted = list(dict.fromkeys(keys))
        return dict(zip(wanted, self._run(self._showing(wanted), x), strict=True))

    def _showing(self, keys: Sequence[str]) -> Any:
        with float64():
            return keras.Model(_single(self._model.inputs), [self._tensors[k] for k in keys])

    def ranges(self, x: Sequence[Array]) -> dict[str, tuple[float, float]]:
        """{key: (lowest, highest value)} over all samples, in batches: the tensors themselves may not fit in memory."""
        found: dict[str, tuple[float, float]] = {}
        model = self._showing(list(self._tensors))
        for start in range(0, len(x[0]), self.batch):
            values = self._run(model, [v[start : start + self.batch] for v in x])
            for key, a in zip(self._tensors, values, strict=True):
                low, high = found.get(key, (np.inf, -np.inf))
                found[key] = (min(low, float(a.min())), max(high, float(a.max())))
        return found

    def _run(self, model: Any, x: Sequence[Array]) -> list[Array]:
        parts: list[list[Array]] = []
        with float64():
            for start in range(0, len(x[0]), self.batch):
                piece = [a[start : start + self.batch] for a in x]
                result = model(_single(piece), training=False)
                flat = keras.tree.flatten(result)
                parts.append([keras.ops.convert_to_numpy(t) for t in flat])
                progress.done(len(piece[0]), "samples in Keras")
        return [np.concatenate([p[i] for p in parts]).astype(np.float64) for i in range(len(parts[0]))]
