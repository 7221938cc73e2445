"""Training a model, as far as a search needs it: a few epochs, from weights that are nearly right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.kinds import activation_name
from fpga_ml.frontend.rebuild import Array, calls
from fpga_ml.samples import Samples

_BATCH, _RATE = 256, 1e-3
_AT_ONCE = 4096  # samples of a teacher


class Prune(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the smallest weights of every kernel at zero: a share that grows over the first epochs to `sparsity`, then
    stays.

    sparsity: of all layers, or {layer: its own}. With `by_input` the weights of one input (of a convolution: one channel of
    one pixel of the window) go together, by their root mean square: an input without weights takes no part in a layer that
    shares hardware.
    """

    def __init__(self, sparsity: float | Mapping[str, float], ramp_epochs: int, by_input: bool = False) -> None:
        super().__init__()
        self.sparsity, self.ramp_epochs, self.by_input = sparsity, ramp_epochs, by_input
        self.masks: dict[str, npt.NDArray[np.float32]] = {}

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        if epoch >= self.ramp_epochs and self.masks:
            return
        done = min((epoch + 1) / max(self.ramp_epochs, 1), 1.0)
        for layer in self._layers():
            share = self._of(layer) * (1 - (1 - done) ** 3)
            size = np.abs(np.asarray(layer.kernel))
            if self.by_input:
                size = np.sqrt((size**2).mean(-1, keepdims=True))
            self.masks[layer.name] = (size > np.quantile(size, share)).astype(np.float32)
        self._apply()

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        self._apply()

    def _of(self, layer: Any) -> float:
        return self.sparsity.get(layer.name, 0.0) if isinstance(self.sparsity, Mapping) else self.sparsity

    def _layers(self) -> list[Any]:
        return [layer for layer in self.model.layers if hasattr(layer, "kernel") and self._of(layer) > 0]

    def _apply(self) -> None:
        for layer in self._layers():
            layer.kernel.assign(layer.kernel * self.masks[layer.name])


def seeded(seed: int) -> None:
    """The weights that a model begins with, and what training draws, are the same again."""
    keras.utils.set_random_seed(seed)


@dataclass(frozen=True)
class Goal:
    """What a model is trained to give: an array for each output, or class numbers of the only one; and the loss."""

    wanted: Sequence[npt.NDArray[Any]]
    loss: Any

    @classmethod
    def of(cls, model: Any, y: npt.NDArray[Any], teacher: Any = None, x: Sequence[Array] = ()) -> Goal:
        """The labels y, or where there is a teacher what that model gives for x. y: class numbers of the first output, for
        which the loss is the cross-entropy, or targets, for which it is the mean square error.

        Raises FpgaMlError for class numbers where there are several outputs.
        """
        check_labels(model, y)
        if y.dtype.kind == "f":
            return cls(_by_output(model, y) if teacher is None else _outputs(teacher, x), "mse")
        binary, from_logits = model.outputs[0].shape[-1] == 1, not _gives_probabilities(model)
        if binary:
            wanted = y if teacher is None else _probabilities(teacher, x)
            return cls([wanted], keras.losses.BinaryCrossentropy(from_logits=from_logits))
        if teacher is None:
            return cls([y], keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits))
        return cls([_probabilities(teacher, x)], keras.losses.CategoricalCrossentropy(from_logits=from_logits))

    @property
    def count(self) -> int:
        """Samples."""
        return len(self.wanted[0])

    def steps(self, epochs: int) -> int:
        """Batches of a training."""
        return epochs * -(-self.count // _BATCH)

    def falling(self, rate: float, epochs: int) -> Any:
        """A rate that falls to 0 as a cosine."""
        return keras.optimizers.schedules.CosineDecay(rate, self.steps(epochs))

    def loss_of(self, model: Any, x: Sequence[Array]) -> float:
        """Of a model that is not trained."""
        self._compiled(model, None)
        found = model.evaluate(_single(x), self._wanted, _BATCH, verbose=0)
        return float(found[0] if isinstance(found, list) else found)

    def fit(self, model: Any, x: Sequence[Array], optimizer: Any, epochs: int, callbacks: Sequence[Any] = ()) -> None:
        """Train in place. Raises FpgaMlError where the loss became NaN."""
        self._compiled(model, optimizer)
        history = model.fit(_single(x), self._wanted, _BATCH, epochs, callbacks=list(callbacks), verbose=0)
        if not np.isfinite(history.history["loss"][-1]):
            raise FpgaMlError("the loss became NaN in training", do="see whether the data suit the model")

    @property
    def _wanted(self) -> Any:
        return list(self.wanted) if len(self.wanted) > 1 else self.wanted[0]

    def _compiled(self, model: Any, optimizer: Any) -> None:
        model.compile(optimizer, [self.loss] * len(self.wanted) if len(self.wanted) > 1 else self.loss)


def train(
    model: Any,
    x: Sequence[Array],
    y: npt.NDArray[Any],
    *,
    epochs: int,
    seed: int,
    sparsity: float | Mapping[str, float] = 0.0,
    teacher: Any = None,
) -> None:
    """Train in place: Adam, the rate falling to 0 as a cosine, batches of 256. y, teacher: as `Goal.of` takes them.
    sparsity: share of the weights that is 0 in the end, of all layers or {layer: its own}, reached in the first third.

    Raises FpgaMlError where the loss became NaN, and for class numbers where there are several outputs.
    """
    goal = Goal.of(model, y, teacher, x)
    seeded(seed)
    prunes = any(sparsity.values()) if isinstance(sparsity, Mapping) else sparsity
    callbacks = [Prune(sparsity, max(epochs // 3, 1))] if prunes else []
    goal.fit(model, x, keras.optimizers.Adam(goal.falling(_RATE, epochs)), epochs, callbacks)


def check_trainable(data: Samples) -> None:
    """Raises FpgaMlError for samples without labels."""
    if data.y is None:
        raise FpgaMlError("there are no labels to train on", where=data.origin, do="give an .npz with x and y")


def check_labels(model: Any, y: npt.NDArray[Any]) -> None:
    """Raises FpgaMlError for class numbers where there are several outputs."""
    if y.dtype.kind != "f" and len(model.outputs) > 1:
        raise FpgaMlError(
            f"the model has {len(model.outputs)} outputs, and labels that are class numbers are of one",
            where=f"model '{model.name}'",
            do="train a model with one output, or give targets",
        )


def _single(x: Sequence[Array]) -> Any:
    single = [a.astype(np.float32) for a in x]
    return single[0] if len(single) == 1 else single


def _by_output(model: Any, y: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """Targets, whose columns are in the order of the outputs."""
    flat, shapes = y.reshape(len(y), -1).astype(np.float32), [t.shape[1:] for t in model.outputs]
    ends = np.cumsum([int(np.prod(s)) for s in shapes])
    return [a.reshape(-1, *s) for a, s in zip(np.split(flat, ends[:-1], axis=1), shapes, strict=True)]


def _outputs(model: Any, x: Sequence[Array]) -> list[npt.NDArray[Any]]:
    found = model.predict(_single(x), batch_size=_AT_ONCE, verbose=0)
    return list(found) if isinstance(found, (list, tuple)) else [found]


def _probabilities(model: Any, x: Sequence[Array]) -> npt.NDArray[Any]:
    (given,) = _outputs(model, x)
    if _gives_probabilities(model):
        return given
    of = keras.ops.sigmoid if given.shape[-1] == 1 else keras.ops.softmax
    return np.asarray(of(given))


def _gives_probabilities(model: Any) -> bool:
    """Whether the first output is behind a softmax, or where it is one number a sigmoid."""
    last = next(c for c in calls(model) if any(t is model.outputs[0] for t in c.outputs)).layer
    if model.outputs[0].shape[-1] == 1:
        return activation_name(last) == "sigmoid"
    return type(last).__name__ in ("Softmax", "QSoftmax") or activation_name(last) == "softmax"
