"""Two Keras layers of ours: what recurrent layers with states as inputs and outputs are made of."""

from __future__ import annotations

from typing import Any, Literal

import keras
import tensorflow as tf  # type: ignore[import-untyped]
from keras import ops

Steps = Literal["all", "last", "reversed"]
Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="fpga_ml")
class Walk(keras.layers.Layer):  # type: ignore[misc]
    """A recurrent layer's cell over the time steps (N, steps, features), as the hardware walks over them.

    layer: SimpleRNN, LSTM, GRU or a quantised form, of which the cell, its weights and `return_sequences` count; whole: give
    all of the state, h and what follows it, in place of h; stateful: each sample goes on where the one before in the same
    batch ended, the first one at zero. A second input (N, elements of a state) is the first state in place of zero.
    """

    def __init__(self, layer: Any, whole: bool = False, stateful: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer = keras.saving.deserialize_keras_object(layer) if isinstance(layer, dict) else layer
        self.whole, self.stateful = whole, stateful

    @property
    def cell(self) -> Any:
        return self.layer.cell

    @property
    def parts(self) -> int:
        """Of a state, each with as many elements as there are units."""
        return parts_of(self.layer)

    def of(self, layer: Any) -> Walk:
        """The same with another layer."""
        return Walk(layer, self.whole, self.stateful, name=self.name)

    def build(self, input_shape: Any) -> None:
        self.layer.build(_series(input_shape))

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        x, *first = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        walked = self.states(x, first[0] if first else None, training)
        shown = walked if self.whole else walked[..., : self.cell.units]
        return shown if self.layer.return_sequences else shown[:, -1]

    def states(self, x: Any, first: Any = None, training: bool | None = None) -> Any:
        """The whole state after each time step (N, steps, elements); first: the states to begin with (N, elements)."""
        if self.stateful and first is None:
            return self._one_after_another(x, training)
        if first is None:
            first = ops.zeros((ops.shape(x)[0], self.parts * self.cell.units), x.dtype)
        state, shown = ops.split(first, self.parts, axis=-1), []
        for t in range(x.shape[1]):
            _, state = self.cell(x[:, t], list(state), training=training)
            state = list(state) if isinstance(state, (list, tuple)) else [state]
            shown.append(ops.concatenate(state, axis=-1))
        for mask in ("reset_dropout_mask", "reset_recurrent_dropout_mask"):
            getattr(self.cell, mask, lambda: None)()
        return ops.stack(shown, axis=1)

    def _one_after_another(self, x: Any, training: bool | None) -> Any:
        def follow(state: Any, step: Any) -> tuple[Any, Any]:
            following = self.states(step[None, None], state, training)[:, 0]
            return following, following

        @tf.function  # type: ignore[untyped-decorator]
        def walked(steps: Any) -> Any:
            return ops.scan(follow, ops.zeros((1, elements), x.dtype), steps)[1]

        elements = self.parts * self.cell.units
        return ops.reshape(walked(ops.reshape(x, (-1, x.shape[2]))), (-1, x.shape[1], elements))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batch, steps, _ = _series(input_shape)
        elements = self.cell.units * (self.parts if self.whole else 1)
        return (batch, steps, elements) if self.layer.return_sequences else (batch, elements)

    def get_config(self) -> dict[str, Any]:
        layer = keras.saving.serialize_keras_object(self.layer)
        return {**super().get_config(), "layer": layer, "whole": self.whole, "stateful": self.stateful}


@keras.saving.register_keras_serializable(package="fpga_ml")
class Pick(keras.layers.Layer):  # type: ignore[misc]
    """Elements `first` to before `first + size` of a vector or of each time step (N, steps, elements): of all, of the last
    one (N, size), or of all in reversed order."""

    def __init__(self, first: int, size: int, steps: Steps = "all", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first, self.size, self.steps = first, size, steps

    def call(self, inputs: Any) -> Any:
        some = inputs[..., self.first : self.first + self.size]
        return {"all": lambda: some, "last": lambda: some[:, -1], "reversed": lambda: ops.flip(some, axis=1)}[self.steps]()

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[: -2 if self.steps == "last" else -1], self.size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "first": self.first, "size": self.size, "steps": self.steps}


def parts_of(layer: Any) -> int:
    """Of a recurrent layer's state."""
    return 2 if "LSTM" in type(layer).__name__ else 1


def _series(input_shape: Any) -> Shape:
    """The shape of the first input."""
    several = isinstance(input_shape[0], (list, tuple))
    shape: Shape = tuple(input_shape[0] if several else input_shape)
    return shape
