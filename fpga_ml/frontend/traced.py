"""What a layer or a model of the user's own class computes, seen by calling it with tensors that hold no values."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from fpga_ml.errors import FpgaMlError


def is_of_application(kind: type) -> bool:
    """Whether Keras has the class inside an application only, where it is as a class of the user's own."""
    return kind.__module__.startswith("keras.src.applications.")


def traced(own: Any, given: list[Any], args: Any, kwargs: Any) -> Any:
    """A call of it as a Functional model, whose inputs stand for the given tensors, those among the arguments; None where
    Keras cannot see what it does."""
    stand = {id(t): keras.Input(batch_shape=t.shape, dtype=t.dtype) for t in given}

    def placed(t: Any) -> Any:
        return stand.get(id(t), t)

    options = {k: v for k, v in keras.tree.map_structure(placed, kwargs).items() if v is not None}
    if "training" in inspect.signature(own.call).parameters:
        options["training"] = False
    before = [np.array(w) for w in own.weights]
    try:
        with _no_draws(own):
            made = keras.Model(list(stand.values()), own.call(*keras.tree.map_structure(placed, args), **options))
    except FpgaMlError:
        raise
    except Exception:
        return None
    if any(not np.array_equal(w, np.asarray(v), equal_nan=True) for w, v in zip(before, own.weights, strict=False)):
        for weight, values in zip(own.weights, before, strict=False):
            weight.assign(values)
        raise FpgaMlError(
            f"layer '{own.name}' ({type(own).__name__}) changes its weights when it is called: no two calls are alike",
            where=f"layer '{own.name}'",
            do="change weights in training only (if training: ...)",
        )
    return made


@contextmanager
def _no_draws(own: Any) -> Iterator[None]:
    """While it is traced, random numbers are refused: those drawn here would become constants."""

    def refused(*_: Any, **__: Any) -> None:
        raise FpgaMlError(
            f"layer '{own.name}' ({type(own).__name__}) draws random numbers, of which hardware has none",
            where=f"layer '{own.name}'",
            do="leave it out, as inference does (of a variational autoencoder, take the mean), or make the numbers an input",
        )

    module = keras.src.backend.random
    drawn = {name: getattr(module, name) for name in dir(keras.random) if name.islower() and hasattr(module, name)}
    try:
        for name in drawn:
            setattr(module, name, refused)
        yield
    finally:
        for name, theirs in drawn.items():
            setattr(module, name, theirs)


def traced_whole(model: Any) -> Any:
    """A model that was built by a call of it, or by build(input_shape), as a Functional one of the same name; None where
    Keras cannot see what it does."""
    shapes = getattr(model, "_build_shapes_dict", None) or {}
    inputs = {k: _inputs(k, shape) for k, shape in shapes.items()}
    if not inputs or not all(layer.built for layer in model._flatten_layers()):
        return None
    args = list(inputs.values())
    given = keras.tree.flatten(args)
    made = traced(model, given, args, {})
    if made is None:
        return None
    named = [keras.Input(t.shape[1:], dtype=t.dtype, name=t.name) for t in given]
    return keras.Model(named, made(named), name=model.name)


def _inputs(name: str, shape: Any) -> Any:
    """Of a shape with the samples, or of several; all in float32, as build does not say."""
    if isinstance(shape, dict):
        return {k: _inputs(k, s) for k, s in shape.items()}
    if shape and isinstance(shape[0], (tuple, list)):
        return [_inputs(f"{name}_{n}", s) for n, s in enumerate(shape)]
    own = {"input_shape": "input"}.get(name, name.removesuffix("_shape"))
    return keras.Input(tuple(shape[1:]), name=own)
