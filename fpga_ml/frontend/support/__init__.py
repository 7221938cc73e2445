"""Every class in keras.layers and of QKeras' layers, every argument of constructor and call, and what becomes of it.

The records are what a model is checked against before anything is done with it, what is asserted of a model after all
rewrites, and what README, docs/supported.md and `fpga-ml doctor --layers` show.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, cast

import keras
import numpy as np
import qkeras

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.layers import has_name_of_keras
from fpga_ml.frontend.rebuild import Call, as_functional
from fpga_ml.frontend.support.base import CALLS, INTEGERS, Option, Record, Verdict, never, refused_layer
from fpga_ml.frontend.support.keras_layers import KERAS
from fpga_ml.frontend.support.qkeras_layers import QKERAS
from fpga_ml.frontend.traced import is_of_application

_UNKNOWN = refused_layer(
    "this version of fpga_ml does not know it", "`fpga-ml doctor --layers` lists the layers that convert"
)


RECORDS: Mapping[str, Record] = {**KERAS, **QKERAS}  # by the name of the class, Keras' first


@cache
def _by_class() -> Mapping[Any, Record]:
    homes = ((KERAS, keras.layers), (QKERAS, qkeras))
    return {getattr(home, name): RECORDS[name] for names, home in homes for name in names if hasattr(home, name)}


def record_of(kind: Any) -> Record | None:
    """Of a class; None for one that is neither Keras' nor QKeras'."""
    if kind in _by_class():
        return _by_class()[kind]
    ours = kind.__module__.partition(".")[0] in ("keras", "qkeras") and not issubclass(kind, keras.Model)
    ours = ours and not is_of_application(kind)
    return _UNKNOWN if ours else None


def is_supported(kind: Any) -> bool:
    record = record_of(kind)
    return record is not None and record.verdict is not Verdict.REFUSED


@cache
def parameters(kind: Any) -> Mapping[str, Any]:
    """{argument: its default} of a class's constructor, those that it hands on to its bases, or to a cell of QKeras, too."""
    found: dict[str, Any] = {}
    for base in kind.__mro__:
        if "__init__" in vars(base) and base is not object:
            every = inspect.signature(vars(base)["__init__"]).parameters.values()
            named = [p for p in every if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and p.name != "self"]
            found = {p.name: p.default for p in named} | found
            if not any(p.kind is p.VAR_KEYWORD for p in every):
                break
    own_cell = getattr(qkeras, f"{kind.__name__}Cell", None)
    return found if own_cell is None else {**parameters(own_cell), **found}


def check_layers(model: Any) -> None:
    """Raises FpgaMlError for the first layer of a Functional model, option of it or argument of its call that is refused."""
    whole = {
        id(t) for t in model.inputs if "float" not in t.dtype
    }  # integers; a symbolic tensor's own dtype says it wrongly
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            layer, inputs = node.operation, tuple(node.input_tensors)
            if isinstance(layer, keras.layers.Layer):
                where = f"layer '{layer.name}' of model '{model.name}'"
                _check_call(layer, node.arguments, where)
                _check(Call(layer.name, layer, inputs, tuple(node.outputs)), where)
                if _makes_integers(layer, [id(t) in whole for t in inputs], where):
                    whole |= {id(t) for t in node.outputs}


def _makes_integers(layer: Any, reads: list[bool], where: str) -> bool:
    """reads: of each input, whether it is one of integers. Raises FpgaMlError where values would wrap or be cut off."""
    record = record_of(type(layer))
    if record is None or not reads:
        return False
    whole = "float" not in str(getattr(layer, "compute_dtype", None) or "float32")
    cuts = whole and not all(reads) and record.integers != "made"
    if cuts or (any(reads) and record.integers == "computed"):
        kind = layer.compute_dtype if cuts else "int"
        raise FpgaMlError(
            f"layer '{layer.name}' ({type(layer).__name__}) has dtype = {kind}: {INTEGERS.why}", where=where, do=INTEGERS.do
        )
    return whole or (any(reads) and record.integers == "moved")


def check_rewritten(call: Call, where: str) -> None:
    """Raises FpgaMlError for an option that the rewrites should have taken out of a model: hls4ml does not follow it."""
    for name, option in _options(call.layer):
        if option is None or option.rewritten is never:
            continue
        if option.rewritten(value := _value(call.layer, name), call):
            raise FpgaMlError(
                f"layer '{call.layer.name}' ({type(call.layer).__name__}) has {name} = {value!r}, which no rewrite follows"
                " here",
                where=where,
                do=f"leave {name} at its default",
            )


def _check(call: Call, where: str, held: bool = False) -> None:
    """held: by another layer."""
    layer: Any = call.layer
    kind, own = type(layer).__name__, cast(Any, type(layer))
    record = record_of(own)
    if record is None:
        return  # ours, HGQ2's, or of the user's own, which is taken apart, or refused where it cannot be
    if record.verdict is Verdict.REFUSED and not (held and record.options):
        raise FpgaMlError(f"layer '{layer.name}' is a {kind}: {record.note}", where=where, do=record.do)
    _check_functions(layer, where)
    for name, option in _options(layer):
        if option is not None and option.refuses is never:
            continue  # QKeras cannot always say a value that does not matter
        value = _value(layer, name)
        if option is None:
            if _differs(value, parameters(own)[name]):
                raise FpgaMlError(
                    f"layer '{layer.name}' ({kind}) has {name} = {value!r}, an option that this version of fpga_ml does not"
                    " know",
                    where=where,
                    do=f"leave {name} at its default",
                )
        elif option.refuses(value, call):
            shown = getattr(value, "__name__", repr(value)) if option.shown is None else option.shown(layer)
            what = f"layer '{layer.name}' ({kind}) has {name} = {shown}: {option.why}"
            raise FpgaMlError(what, where=where, do=option.do)
    for inner in keras.tree.flatten([getattr(layer, attribute, None) for attribute in record.holds]):
        if isinstance(inner, keras.Model):
            if getattr(inner, "inputs", None):
                check_layers(as_functional(inner))
        elif isinstance(inner, keras.layers.Layer):
            _check(Call(inner.name, inner, call.inputs, call.outputs), f"layer '{inner.name}' inside {where}", held=True)


def _check_call(layer: Any, arguments: Any, where: str) -> None:
    signature = inspect.signature(layer.call)
    try:
        found = signature.bind(*arguments.args, **arguments.kwargs).arguments
    except TypeError:
        return  # of a call that Keras turns round before it
    for name, value in found.items():
        option = CALLS.get(name)
        default = signature.parameters[name].default
        if option is not None and value is not default and option.refuses(value, Call(layer.name, layer, (), ())):
            shown = f"{name} = {value!r}" if isinstance(value, bool) else name
            raise FpgaMlError(
                f"layer '{layer.name}' ({type(layer).__name__}) is called with {shown}: {option.why}",
                where=where,
                do=option.do,
            )


def _check_functions(layer: Any, where: str) -> None:
    """Raises FpgaMlError for an activation that is a function of the user's own: Keras cannot build a layer of it anew."""
    for name in ("activation", "recurrent_activation"):
        function = getattr(layer, name, None)
        if not inspect.isfunction(function) or function.__module__.partition(".")[0] in ("keras", "qkeras", "fpga_ml"):
            continue
        if function.__name__ == "<lambda>" or keras.saving.get_registered_name(function) == function.__name__:
            if has_name_of_keras(function):
                continue  # said of the rewritten model
            raise FpgaMlError(
                f"{name} of layer '{layer.name}' is a function of your own, {function.__name__}",
                where=where,
                do="use one of Keras' activations, or leave it out and write its operations behind the layer",
            )


def _options(layer: Any) -> Iterator[tuple[str, Option | None]]:
    kind: Any = type(layer)
    record = record_of(kind)
    for name in parameters(kind) if record is not None else ():
        assert record is not None
        yield name, record.option(name)


def _value(layer: Any, name: str) -> Any:
    for attribute in (name, f"_{name}"):
        if hasattr(layer, attribute):
            return getattr(layer, attribute)
    return layer.get_config().get(name)


def _differs(value: Any, default: Any) -> bool:
    if default is inspect.Parameter.empty:
        return True
    return not np.array_equal(np.asarray(value, object), np.asarray(default, object))
