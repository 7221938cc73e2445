"""What a layer or a model of the user's own class computes, seen by calling it with tensors that hold no values."""

from __future__ import annotations

import inspect
from typing import Any

import keras

from fpga_ml.errors import FpgaMlError


def traced(own: Any, given: list[Any], args: Any, kwargs: Any) -> Any:
    """A call of it as a Functional model, whose inputs stand for the given tensors, those among the arguments; None where
    Keras cannot see what it does."""
    stand = {id(t): keras.Input(batch_shape=t.shape, dtype=t.dtype) for t in given}

    def placed(t: Any) -> Any:
        return stand.get(id(t), t)

    options = {k: v for k, v in keras.tree.map_structure(placed, kwargs).items() if v is not None}
    if "training" in inspect.signature(own.call).parameters:
        options["training"] = False
    try:
        return keras.Model(list(stand.values()), own.call(*keras.tree.map_structure(placed, args), **options))
    except FpgaMlError:
        raise
    except Exception:
        return None


def traced_whole(model: Any) -> Any:
    """A model that was built by a call of it, or by build(input_shape), as a Functional one of the same name; None where
    Keras cannot see what it does."""
    shapes = getattr(model, "_build_shapes_dict", None) or {}
    inputs = {k: _inputs(k, shape) for k, shape in shapes.items()}
    if not inputs:
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
