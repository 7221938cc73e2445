"""A model of layers alone: models inside it opened, a user's own classes traced, bare operations as layers.

A class of the user's own is traced by calling it with a tensor of Keras that holds no values: what layers and operations it
is made of is what it computes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.operations.base import is_tensor, like_what_was_read
from fpga_ml.frontend.operations.table import standin_of
from fpga_ml.frontend.rebuild import as_functional, copy_layer, copy_weights
from fpga_ml.frontend.standins import StandIn, Unknown
from fpga_ml.frontend.support import check_layers
from fpga_ml.frontend.traced import is_of_application, traced

_PACKAGES = ("keras", "qkeras", "hgq", "hls4ml", "fpga_ml", "tensorflow", "tf_keras", "keras_hub")


def opened(model: Any) -> Any:
    """The model, a Functional one; itself where all its nodes are layers of a known class."""
    check_layers(model)
    nodes = [node for depth in model._nodes_by_depth.values() for node in depth]
    if all(_is_known(node.operation) for node in nodes):
        return model
    return _Opening(model).run()


def _is_known(operation: Any) -> bool:
    return isinstance(operation, keras.layers.Layer) and not isinstance(operation, keras.Model) and not _is_own(operation)


def _is_own(operation: Any) -> bool:
    """Whether it is a layer or a model of a class of the user's own."""
    kind = type(operation)
    known = kind.__module__.partition(".")[0] in _PACKAGES and not is_of_application(kind)
    return isinstance(operation, keras.layers.Layer) and not known


class _Opening:
    def __init__(self, model: Any) -> None:
        self.model = model
        self.made: dict[int, Any] = {}
        self.standins: list[StandIn] = []
        self.taken: set[str] = {t.name for t in model.inputs}
        self.copies: list[tuple[Any, Any]] = []
        self.traced: dict[tuple[int, Any], Any] = {}

    def run(self) -> Any:
        model = self.model
        for layer in model.layers:
            if _is_known(layer) and not isinstance(layer, keras.layers.InputLayer):
                self.taken.add(layer.name)  # the outermost layers keep their names
        inputs = [keras.Input(batch_shape=t.shape, dtype=t.dtype, name=t.name) for t in model.inputs]
        outputs = self._through(model, inputs, "")
        new = as_functional(keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name=model.name))
        weights = {made.name: layer.get_weights() for layer, made in self.copies if layer.weights}
        for standin in self.standins:
            weights |= standin.weights
        return copy_weights(new, weights)

    def _through(self, model: Any, inputs: Any, scope: str) -> Any:
        """What a model makes of tensors, by layers of the new one; scope: the names of the models that it is in."""
        return model._run_through_graph(
            inputs,
            operation_fn=lambda operation: self._made(operation, scope),
            call_fn=lambda called, *args, **kwargs: _called(called, args, kwargs),
        )

    def _made(self, operation: Any, scope: str) -> Any:
        if not isinstance(operation, keras.layers.Layer):
            if id(operation) not in self.made:
                self.made[id(operation)] = self._operation(operation, scope)
            return self.made[id(operation)]
        if isinstance(operation, keras.Model) or _is_own(operation):
            return lambda *args, **kwargs: self._inside(operation, scope, args, kwargs)
        return self._copied(operation, scope)

    def _operation(self, operation: Any, scope: str) -> Callable[..., Any]:
        standin = standin_of(operation, self._free(operation.name, scope))

        def called(*args: Any, **kwargs: Any) -> Any:
            try:
                if standin is None:
                    raise Unknown
                return standin(*args, **kwargs)
            except Unknown as unknown:
                raise FpgaMlError(
                    f"'{operation.name}' is a bare operation ({type(operation).__name__}), and, used so, no layer stands for"
                    " it",
                    where=f"model '{self.model.name}'",
                    do=str(unknown)
                    or "`fpga-ml doctor --layers` lists the operations that convert; or apply it to the data",
                ) from None

        if standin is not None:
            standin.taken = self.taken
            self.standins.append(standin)
        return called

    def _copied(self, layer: Any, scope: str) -> Any:
        if id(layer) not in self.made:
            made = copy_layer(layer)
            made.name = layer.name if not scope else self._free(layer.name, scope)
            self.made[id(layer)] = made
            self.copies.append((layer, made))
        return self.made[id(layer)]

    def _inside(self, inner: Any, scope: str, args: Any, kwargs: Any) -> Any:
        """A model or a layer of the user's own, called; as it is where it cannot be opened."""
        functional, inputs = self._functional(inner, args, kwargs)
        if functional is None:
            return self._copied(inner, scope)(*args, **kwargs)
        check_layers(functional)
        return self._through(functional, inputs, f"{scope}{inner.name}.")

    def _functional(self, inner: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """The inner model, a Functional one, and what its inputs are given; None for one that cannot be traced."""
        if _has_own_graph(inner):
            functional = as_functional(inner)
            by_name = isinstance(args[0], dict) and not isinstance(functional._inputs_struct, dict)
            return functional, [args[0][t.name] for t in functional.inputs] if by_name else args[0]
        given = [t for t in keras.tree.flatten([args, kwargs]) if is_tensor(t)]
        shapes = tuple(tuple(t.shape) for t in given)
        key = (id(inner), shapes)
        if key not in self.traced:
            self.traced[key] = traced(inner, given, args, kwargs)
        return self.traced[key], given

    def _free(self, name: str, scope: str) -> str:
        """A name that nothing has; it is taken from then on."""
        names = (name, f"{scope}{name}", *(f"{scope}{name}_{k}" for k in range(1, len(self.taken) + 2)))
        found = next(n for n in names if n not in self.taken)
        self.taken.add(found)
        return found


def _has_own_graph(inner: Any) -> bool:
    """Whether it is a model that computes what its graph says: its class has no call of its own."""
    if not isinstance(inner, keras.Model) or not inner.built or not hasattr(inner, "inputs"):
        return False
    kinds = [keras.Sequential, *(k for k in type(inner).__mro__ if k.__name__ == "Functional")]
    return any(type(inner).call is kind.call for kind in kinds)


def _called(called: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """A layer's results stand for what it read: where all its tensors (N, 1) stand for some of shape (N,), so do they."""
    made = called(*args, **kwargs)
    return like_what_was_read(made, args, kwargs) if isinstance(called, keras.layers.Layer) else made
